//! The keys that `[defaults]` and `[[feed]]` share, as one layer of what a feed is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::entry::{Entry, Owner, Written};
use super::mistakes::{Report, quoted};
use super::named_files::{Content, NamedFile};
use super::names::is_invisible;
use super::{Secret, headers};
use crate::limits;

/// All of them, as "did you mean" knows them and a sample has to show them.
pub(super) const KEYS: [&str; 20] = [
    "labels",
    "enabled",
    "interval",
    "interval_min",
    "interval_max",
    "connect_timeout",
    "read_timeout",
    "total_timeout",
    "body_bytes_max",
    "articles_max",
    "articles_initial_max",
    "allow_private",
    "allow_downgrade",
    "username",
    "password_file",
    "bearer_file",
    "headers",
    "ca_file",
    "proxy",
    "updates",
];

/// What one table says of a feed, or of all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) enabled: Option<Written<bool>>,
    pub(super) interval: Option<Written<Duration>>,
    pub(super) interval_min: Option<Written<Duration>>,
    pub(super) interval_max: Option<Written<Duration>>,
    pub(super) connect_timeout: Option<Written<Duration>>,
    pub(super) read_timeout: Option<Written<Duration>>,
    pub(super) total_timeout: Option<Written<Duration>>,
    pub(super) body_bytes_max: Option<Written<u64>>,
    pub(super) articles_max: Option<Written<u64>>,
    pub(super) articles_initial_max: Option<Written<u64>>,
    pub(super) allow_private: Option<Written<bool>>,
    pub(super) allow_downgrade: Option<Written<bool>>,
    pub(super) username: Option<Written<String>>,
    pub(super) password_file: Option<Written<PathBuf>>,
    pub(super) bearer_file: Option<Written<PathBuf>>,
    pub(super) ca_file: Option<Written<PathBuf>>,
    pub(super) proxy: Option<Written<Url>>,
    pub(super) updates: Option<Written<bool>>,
}

/// What reading needs beside the table: where paths start, and the files that are looked at later.
#[derive(Debug)]
pub(super) struct Paths<'a> {
    pub(super) folder: &'a Path,
    pub(super) credentials: Option<&'a Path>,
    pub(super) named: &'a mut Vec<NamedFile>,
}

impl Paths<'_> {
    /// A file that is opened later.
    pub(super) fn read(
        &mut self,
        report: &mut Report,
        entry: &Entry<'_>,
        content: Content,
    ) -> Option<Written<PathBuf>> {
        let path = entry.path(report, self.folder, self.credentials)?;
        self.named.push(NamedFile {
            subject: entry.owner.subject.to_owned(),
            key: entry.key.to_owned(),
            at: path.at,
            path: path.value.clone(),
            content,
        });
        Some(path)
    }
}

impl Keys {
    /// Reads one entry; `false` if it is none of these keys.
    pub(super) fn read(&mut self, report: &mut Report, entry: &Entry<'_>, paths: &mut Paths<'_>) -> bool {
        match entry.key {
            "labels" => self.labels = labels(report, entry),
            "headers" => self.headers = headers::read(report, entry),
            "enabled" => self.enabled = entry.boolean(report),
            "interval" => self.interval = entry.duration(report, limits::INTERVAL_BOUNDS),
            "interval_min" => self.interval_min = entry.duration(report, limits::INTERVAL_BOUNDS),
            "interval_max" => self.interval_max = entry.duration(report, limits::INTERVAL_BOUNDS),
            "connect_timeout" => self.connect_timeout = entry.duration(report, limits::CONNECT_TIMEOUT_BOUNDS),
            "read_timeout" => self.read_timeout = entry.duration(report, limits::READ_TIMEOUT_BOUNDS),
            "total_timeout" => self.total_timeout = entry.duration(report, limits::TOTAL_TIMEOUT_BOUNDS),
            "body_bytes_max" => self.body_bytes_max = entry.size(report, limits::BODY_BYTES_MAX_BOUNDS),
            "articles_max" => self.articles_max = entry.integer(report, limits::ARTICLES_MAX_BOUNDS),
            "articles_initial_max" => {
                self.articles_initial_max = entry.integer(report, limits::ARTICLES_INITIAL_MAX_BOUNDS);
            }
            "allow_private" => self.allow_private = entry.boolean(report),
            "allow_downgrade" => self.allow_downgrade = entry.boolean(report),
            "username" => self.username = username(report, entry),
            "password_file" => self.password_file = paths.read(report, entry, Content::Secret),
            "bearer_file" => self.bearer_file = paths.read(report, entry, Content::Secret),
            "ca_file" => self.ca_file = paths.read(report, entry, Content::Certificates),
            "proxy" => self.proxy = proxy(report, entry),
            "updates" => self.updates = entry.boolean(report),
            _ => return false,
        }
        true
    }

    /// This layer over the one below it: what is written here wins.
    pub(super) fn over(&self, below: &Keys) -> Keys {
        let mut labels = below.labels.clone();
        labels.extend(self.labels.clone());
        let mut headers = self.headers.clone();
        let inherited: Vec<_> = below
            .headers
            .iter()
            .filter(|(name, _)| !headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)))
            .cloned()
            .collect();
        headers.extend(inherited);
        // One kind of credentials replaces the other: they exclude each other, and a feed could not unset what
        // `[defaults]` gave it.
        let basic_here = self.username.is_some() || self.password_file.is_some();
        let bearer_here = self.bearer_file.is_some();
        Keys {
            labels,
            headers,
            enabled: self.enabled.or(below.enabled),
            interval: self.interval.or(below.interval),
            interval_min: self.interval_min.or(below.interval_min),
            interval_max: self.interval_max.or(below.interval_max),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            read_timeout: self.read_timeout.or(below.read_timeout),
            total_timeout: self.total_timeout.or(below.total_timeout),
            body_bytes_max: self.body_bytes_max.or(below.body_bytes_max),
            articles_max: self.articles_max.or(below.articles_max),
            articles_initial_max: self.articles_initial_max.or(below.articles_initial_max),
            allow_private: self.allow_private.or(below.allow_private),
            allow_downgrade: self.allow_downgrade.or(below.allow_downgrade),
            username: self.username.clone().or_else(|| below.username.clone().filter(|_| !bearer_here)),
            password_file: self.password_file.clone().or_else(|| below.password_file.clone().filter(|_| !bearer_here)),
            bearer_file: self.bearer_file.clone().or_else(|| below.bearer_file.clone().filter(|_| !basic_here)),
            ca_file: self.ca_file.clone().or_else(|| below.ca_file.clone()),
            proxy: self.proxy.clone().or_else(|| below.proxy.clone()),
            updates: self.updates.or(below.updates),
        }
    }
}

fn labels(report: &mut Report, entry: &Entry<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let Some(table) = entry.table(report, "{ category = \"world\" }") else { return labels };
    if table.len() > limits::LABELS_MAX {
        let wrong = format!("holds {} labels, above the most of {}", table.len(), limits::LABELS_MAX);
        entry.wrong(report, wrong, "leave some out");
    }
    for label in Entry::all(Owner { prefix: "labels.", ..entry.owner }, table) {
        let Some(value) = label.text(report, "world") else { continue };
        if let Some(wrong) = label_refusal(label.key) {
            // `label=K:V` of a request ends the key at its first colon.
            label.wrong(report, format!("has a key that {wrong}"), "write it with letters, digits and hyphens");
        } else if value.len() > limits::LABEL_BYTES_MAX || value.contains(is_invisible) {
            let wrong = format!("is longer than {} bytes, or holds an invisible character", limits::LABEL_BYTES_MAX);
            label.wrong(report, wrong, "write a short word");
        } else {
            labels.insert(label.key.to_owned(), value.to_owned());
        }
    }
    labels
}

fn label_refusal(key: &str) -> Option<String> {
    if key.is_empty() {
        return Some("is empty".to_owned());
    }
    if key.len() > limits::LABEL_BYTES_MAX {
        return Some(format!("is longer than {} bytes", limits::LABEL_BYTES_MAX));
    }
    let refused = key.chars().find(|c| *c == ':' || is_invisible(*c))?;
    Some(format!("holds the character {refused:?}"))
}

fn username(report: &mut Report, entry: &Entry<'_>) -> Option<Written<String>> {
    let text = entry.text(report, "user")?;
    let most = limits::USERNAME_BYTES_MAX;
    if text.is_empty() || text.len() > most {
        entry.wrong(report, format!("is empty or longer than {most} bytes"), "write the name, or leave the key out");
    } else if text.contains(':') {
        // RFC 7617, section 2: what stands after the first colon is the password.
        let shown = text.split(':').next().map(|name| quoted(&format!("{name}:...")));
        let remedy = "put the password into a file and name it in password_file";
        entry.wrong_with(report, shown, "holds a colon, which would end it", remedy);
    } else if text.contains(char::is_control) {
        entry.wrong(report, "holds a control character", "write the name without it");
    } else {
        return entry.written(text.to_owned());
    }
    None
}

fn proxy(report: &mut Report, entry: &Entry<'_>) -> Option<Written<Url>> {
    const LIKE: &str = "http://proxy.internal:3128";
    let text = entry.text(report, LIKE)?;
    let url = match super::location::parse(text) {
        Ok(url) => url,
        Err(wrong) => {
            entry.wrong_with(report, Some(super::location::shown(text)), wrong, format!("write it like {LIKE:?}"));
            return None;
        }
    };
    let (wrong, remedy) = if url.scheme() != "http" {
        ("is not an http proxy", format!("write the address of one, like {LIKE:?}"))
    } else if !url.username().is_empty() || url.password().is_some() {
        (
            "holds credentials, which a proxy is not given",
            "name a proxy that trusts this host by its address".to_owned(),
        )
    } else if url.path() != "/" || url.query().is_some() {
        ("has a path", format!("write no more than scheme, host and port, like {LIKE:?}"))
    } else {
        return entry.written(url);
    };
    entry.wrong_with(report, Some(super::location::shown(text)), wrong, remedy);
    None
}
