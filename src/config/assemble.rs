//! From the tables of one file to feeds: layers put together, relations held, no two feeds alike.

use std::collections::HashMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::entry::{Entry, Owner, Written};
use super::keys::{Keys, Paths};
use super::mistakes::{At, Report, quoted};
use super::named_files::NamedFile;
use super::relations;
use super::suggest::Section;
use super::{Daemon, Feed, daemon, location, names};

/// A configuration that grows file by file.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    pub(super) report: Report,
    pub(super) daemon: Daemon,
    pub(super) feeds: Vec<Feed>,
    /// What `include` of the first file names.
    pub(super) includes: Vec<Written<String>>,
    pub(super) named_files: Vec<NamedFile>,
    /// What `$CREDENTIALS_DIRECTORY` stands for.
    credentials: Option<PathBuf>,
    /// `[defaults]` of the first file, below those of the others.
    defaults: Keys,
    names: HashMap<String, At>,
    urls: HashMap<Url, At>,
}

impl Assembly {
    pub(super) fn with_credentials(credentials: Option<PathBuf>) -> Assembly {
        Assembly { credentials, ..Assembly::default() }
    }

    /// Takes in the first file, or one that it includes. The latter holds feeds, and defaults for its own feeds; it
    /// speaks neither for the daemon nor for further files.
    pub(super) fn add_file(&mut self, source: usize, is_first: bool, text_len: usize, root: &DeTable<'_>) {
        let top = Owner { subject: "", prefix: "", source, secret: false };
        let mut defaults = None;
        let mut feeds = None;
        for entry in Entry::all(top, root) {
            match entry.key {
                "defaults" => defaults = entry.table(&mut self.report, "[defaults]"),
                "feed" => feeds = Some(entry.tables(&mut self.report)),
                "daemon" | "include" if !is_first => {
                    let (wrong, remedy) =
                        ("cannot stand in an included file", "move it to the file that includes this one");
                    top.wrong(&mut self.report, entry.key_at, entry.key, wrong, remedy);
                }
                "daemon" => {
                    if let Some(table) = entry.table(&mut self.report, "[daemon]") {
                        self.read_daemon(source, table);
                    }
                }
                "include" => self.read_includes(&entry),
                key => entry.unknown(&mut self.report, Section::Top.remedy(key)),
            }
        }
        let defaults = self.read_defaults(source, is_first, defaults);
        let feeds = feeds.unwrap_or_default();
        for (i, feed) in feeds.iter().enumerate() {
            let end = feeds.get(i + 1).map_or(text_len, |next| next.span().start);
            self.add_feed(source, i + 1, feed, end, &defaults);
        }
    }

    fn read_daemon(&mut self, source: usize, table: &DeTable<'_>) {
        let owner = Owner { subject: "[daemon]", prefix: "", source, secret: false };
        let folder = self.report.folder(source).to_owned();
        let mut paths =
            Paths { folder: &folder, credentials: self.credentials.as_deref(), named: &mut self.named_files };
        self.daemon = daemon::read(&mut self.report, owner, table, &mut paths);
    }

    fn read_includes(&mut self, entry: &Entry<'_>) {
        const LIKE: &str = "[\"feeds.d/*.toml\"]";
        for item in entry.items(&mut self.report, LIKE).unwrap_or_default() {
            if let Some(text) = item.text(&mut self.report, "feeds.d/*.toml") {
                self.includes.extend(item.written(text.to_owned()));
            }
        }
    }

    /// The layer that the feeds of this file stand on.
    fn read_defaults(&mut self, source: usize, is_first: bool, table: Option<&DeTable<'_>>) -> Keys {
        let Some(table) = table else { return self.defaults.clone() };
        let owner = Owner { subject: "[defaults]", prefix: "", source, secret: false };
        let own = self.read_keys(owner, table, &[], Section::Defaults);
        let merged = own.over(&self.defaults);
        relations::check(&mut self.report, owner, &own, &merged);
        if is_first {
            self.defaults = merged.clone();
        }
        merged
    }

    /// `number` counts from 1; `end` is where the next feed begins.
    fn add_feed(&mut self, source: usize, number: usize, table: &Spanned<DeValue<'_>>, end: usize, defaults: &Keys) {
        let at = At { source, offset: table.span().start };
        let fallback = format!("feed {number}");
        let DeValue::Table(table) = table.get_ref() else {
            let owner = Owner { subject: &fallback, prefix: "", source, secret: false };
            owner.wrong(&mut self.report, at, "", "is not a table", "write [[feed]] above its keys");
            return;
        };
        // Messages name the feed, so its name is looked at before they can arise.
        let subject = match table.get("name").and_then(|name| name.get_ref().as_str()) {
            Some(name) => format!("feed {}", quoted(name)),
            None => fallback,
        };
        let owner = Owner { subject: &subject, prefix: "", source, secret: false };
        if !table.contains_key("url") && !self.report.is_broken_between(at, end) {
            owner.wrong(&mut self.report, at, "url", "is missing", "write url = \"https://...\", where the feed is");
        }
        let named_and_located = self.identity(owner, table);
        let own = self.read_keys(owner, table, &["name", "url"], Section::Feed);
        let merged = own.over(defaults);
        relations::check(&mut self.report, owner, &own, &merged);
        if let Some((name, url)) = named_and_located {
            self.feeds.push(relations::settle(name, url, merged));
        }
    }

    /// Name and URL of a feed, if they are fit and no other feed's.
    fn identity(&mut self, owner: Owner<'_>, table: &DeTable<'_>) -> Option<(String, Url)> {
        let (mut name, mut url) = (None, None);
        for entry in Entry::all(owner, table) {
            match entry.key {
                "name" => name = read_name(&mut self.report, &entry),
                "url" => url = location::feed(&mut self.report, &entry),
                _ => {}
            }
        }
        let own_name_is_free = name.as_ref().map(|name| self.claim_name(owner, name, "name"));
        let url = url?;
        if let Some(first) = self.urls.insert(url.value.clone(), url.at) {
            let wrong = format!("= {} is that of the feed at {}", quoted(url.value.as_str()), self.report.line(first));
            owner.wrong(&mut self.report, url.at, "url", wrong, "keep one of the two");
            return None;
        }
        if table.contains_key("name") {
            return own_name_is_free?.then_some((name?.value, url.value));
        }
        let made = Written { value: names::from_url(&url.value), at: url.at };
        self.claim_name(owner, &made, "url").then_some((made.value, url.value))
    }

    /// Whether the name, written or made from the URL, was free. It is taken afterwards.
    fn claim_name(&mut self, owner: Owner<'_>, name: &Written<String>, key: &str) -> bool {
        let Some(first) = self.names.insert(name.value.clone(), name.at) else { return true };
        let (shown, line) = (quoted(&name.value), self.report.line(first));
        let (wrong, remedy) = match key {
            "name" => (format!("= {shown} is taken by the feed at {line}"), "give one of the two another name"),
            _ => (
                format!("makes the name {shown}, which is taken by the feed at {line}"),
                "give this feed a name of its own with name = \"...\"",
            ),
        };
        owner.wrong(&mut self.report, name.at, key, wrong, remedy);
        false
    }

    /// The keys that feeds and defaults share; `others` are the caller's.
    fn read_keys(&mut self, owner: Owner<'_>, table: &DeTable<'_>, others: &[&str], section: Section) -> Keys {
        let folder = self.report.folder(owner.source).to_owned();
        let credentials = self.credentials.as_deref();
        let mut paths = Paths { folder: &folder, credentials, named: &mut self.named_files };
        let mut keys = Keys::default();
        for entry in Entry::all(owner, table) {
            if !keys.read(&mut self.report, &entry, &mut paths) && !others.contains(&entry.key) {
                entry.unknown(&mut self.report, section.remedy(entry.key));
            }
        }
        keys
    }
}

fn read_name(report: &mut Report, entry: &Entry<'_>) -> Option<Written<String>> {
    let text = entry.text(report, "bbc-world")?;
    match names::refusal(text) {
        None => entry.written(text.to_owned()),
        Some(wrong) => {
            entry.wrong(report, wrong, "write a short word, like \"bbc-world\"");
            None
        }
    }
}
