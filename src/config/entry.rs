//! One key of a table with its value, read as what it should be.
//!
//! Every reader gives the value, or reports what is wrong and gives `None`; nothing here knows which keys there are.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::mistakes::{At, Mistake, Report, nothing, quoted};
use super::names::is_invisible;
use super::units;

/// The one variable that a path may begin with: where systemd puts the secrets of a service.
const CREDENTIALS_PREFIX: &str = "$CREDENTIALS_DIRECTORY/";

/// A table that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    /// As messages name it: `feed "bbc"`, `[daemon]`, `[defaults]`; empty at the top.
    pub(super) subject: &'a str,
    /// What stands before the keys of a table within it: `headers.`, `labels.`, or empty.
    pub(super) prefix: &'static str,
    pub(super) source: usize,
    /// Values in it are shown to nobody.
    pub(super) secret: bool,
}

impl Owner<'_> {
    pub(super) fn at(&self, offset: usize) -> At {
        At { source: self.source, offset }
    }

    /// Reports something about a key that has no value to show: one that is missing, unknown, or secret.
    pub(super) fn wrong(
        &self,
        report: &mut Report,
        at: At,
        key: &str,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let subject = self.subject.to_owned();
        report
            .add(at, Mistake { subject, key: key.to_owned(), wrong: wrong.into(), remedy: remedy.into(), ..nothing() });
    }
}

/// Something written, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) at: At,
}

/// A key and its value in a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'t> {
    pub(super) owner: Owner<'t>,
    pub(super) key: &'t str,
    pub(super) key_at: At,
    pub(super) value_at: At,
    value: &'t DeValue<'t>,
}

impl<'t> Entry<'t> {
    /// The entries of a table, in no order that means anything.
    pub(super) fn all(owner: Owner<'t>, table: &'t DeTable<'t>) -> impl Iterator<Item = Entry<'t>> {
        table.iter().map(move |(key, value)| Entry {
            owner,
            key: key.get_ref(),
            key_at: owner.at(key.span().start),
            value_at: owner.at(value.span().start),
            value: value.get_ref(),
        })
    }

    /// The same, of which no message may show a value.
    pub(super) fn secret(&self) -> Entry<'t> {
        Entry { owner: Owner { secret: true, ..self.owner }, ..*self }
    }

    /// The key as messages show it, and as TOML writes it.
    fn shown_key(&self) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let plain = !self.key.is_empty() && self.key.len() <= 64 && self.key.chars().all(bare);
        let key = if plain { self.key.to_owned() } else { quoted(self.key) };
        format!("{}{key}", self.owner.prefix)
    }

    /// Reports that the value will not do, and shows it if it is a single one.
    pub(super) fn wrong(&self, report: &mut Report, wrong: impl Into<String>, remedy: impl Into<String>) {
        let value = if self.owner.secret { None } else { shown(self.value) };
        self.wrong_with(report, value, wrong, remedy);
    }

    /// The same for a value that is shown otherwise, or not at all.
    pub(super) fn wrong_with(
        &self,
        report: &mut Report,
        value: Option<String>,
        wrong: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (subject, key) = (self.owner.subject.to_owned(), self.shown_key());
        report.add(
            self.value_at,
            Mistake { subject, key, value, wrong: wrong.into(), remedy: remedy.into(), ..nothing() },
        );
    }

    /// Reports that there is no such key. Its value may be a secret under a wrong name, and is not shown.
    pub(super) fn unknown(&self, report: &mut Report, remedy: String) {
        let (subject, wrong) = (self.owner.subject.to_owned(), format!("unknown key {}", quoted(self.key)));
        report.add(self.key_at, Mistake { subject, wrong, remedy, ..nothing() });
    }

    pub(super) fn written<T>(&self, value: T) -> Option<Written<T>> {
        Some(Written { value, at: self.value_at })
    }

    /// Text that need not be checked further, or of which the caller knows more.
    pub(super) fn text(&self, report: &mut Report, like: &str) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            other => {
                self.mistyped(report, other, "text", &format!("{like:?}"));
                None
            }
        }
    }

    pub(super) fn boolean(&self, report: &mut Report) -> Option<Written<bool>> {
        match self.value {
            DeValue::Boolean(value) => self.written(*value),
            other => {
                self.mistyped(report, other, "a truth value", "true or false, without quotes");
                None
            }
        }
    }

    pub(super) fn integer(&self, report: &mut Report, bounds: RangeInclusive<u64>) -> Option<Written<u64>> {
        let DeValue::Integer(written) = self.value else {
            self.mistyped(report, self.value, "a whole number", &format!("{}, without quotes", bounds.start()));
            return None;
        };
        // Too large for 128 bits is out of bounds too, and so is what has a minus.
        let value = i128::from_str_radix(written.as_str(), written.radix()).unwrap_or(i128::MAX);
        let value = u64::try_from(value).unwrap_or(if value < 0 { 0 } else { u64::MAX });
        self.within(report, value, bounds, |n| n.to_string())
    }

    pub(super) fn duration(&self, report: &mut Report, bounds: RangeInclusive<Duration>) -> Option<Written<Duration>> {
        let DeValue::String(text) = self.value else {
            self.mistyped(report, self.value, "a duration", "\"15m\", in quotes and with its unit");
            return None;
        };
        match units::duration(text) {
            Some(value) => self.within(report, value, bounds, |d| format!("{:?}", units::show_duration(d))),
            None => {
                self.wrong(
                    report,
                    "is not a duration",
                    "write one whole number and one of ms, s, m, h, d, like \"15m\"",
                );
                None
            }
        }
    }

    /// A size in bytes.
    pub(super) fn size(&self, report: &mut Report, bounds: RangeInclusive<u64>) -> Option<Written<u64>> {
        let DeValue::String(text) = self.value else {
            self.mistyped(report, self.value, "a size", "\"8MiB\", in quotes and with its unit");
            return None;
        };
        match units::size(text) {
            Some(value) => self.within(report, value, bounds, |n| format!("{:?}", units::show_size(n))),
            None => {
                self.wrong(
                    report,
                    "is not a size",
                    "write one whole number and one of B, KiB, MiB, GiB, like \"8MiB\"",
                );
                None
            }
        }
    }

    /// A path: relative to `folder`, or in `credentials` where it says so.
    pub(super) fn path(
        &self,
        report: &mut Report,
        folder: &Path,
        credentials: Option<&Path>,
    ) -> Option<Written<PathBuf>> {
        let text = self.text(report, "/path/to/file")?;
        if text.is_empty() {
            self.wrong(report, "is empty", "write the path of a file, or leave the key out");
            return None;
        }
        if text.contains(is_invisible) {
            self.wrong(report, "holds an invisible character", "write the path without it");
            return None;
        }
        if let Some(name) = text.strip_prefix(CREDENTIALS_PREFIX) {
            let Some(credentials) = credentials else {
                let remedy = "start rssd from a unit with LoadCredential=, or write the path of the file";
                self.wrong(report, "names a variable that is not set", remedy);
                return None;
            };
            return self.written(credentials.join(name));
        }
        if text.starts_with('$') || text.starts_with("~/") {
            let remedy = format!("write the whole path; only a leading {CREDENTIALS_PREFIX} is replaced");
            self.wrong(report, "begins with what only a shell would replace", remedy);
            return None;
        }
        self.written(folder.join(text))
    }

    /// The tables of an array of tables.
    pub(super) fn tables(&self, report: &mut Report) -> Vec<&'t Spanned<DeValue<'t>>> {
        match self.value {
            DeValue::Array(array) => array.iter().collect(),
            other => {
                let remedy = format!("write [[{}]] above each of them, with two pairs of brackets", self.key);
                let wrong = format!("is {}, not a list of tables", kind(other));
                self.wrong(report, wrong, remedy);
                Vec::new()
            }
        }
    }

    pub(super) fn table(&self, report: &mut Report, like: &str) -> Option<&'t DeTable<'t>> {
        match self.value {
            DeValue::Table(table) => Some(table),
            other => {
                self.mistyped(report, other, "a table", like);
                None
            }
        }
    }

    /// The items of an array, each as an entry of the same key.
    pub(super) fn items(&self, report: &mut Report, like: &str) -> Option<Vec<Entry<'t>>> {
        let DeValue::Array(array) = self.value else {
            self.mistyped(report, self.value, "a list", like);
            return None;
        };
        let array: &DeArray<'t> = array;
        let item = |item: &'t Spanned<DeValue<'t>>| Entry {
            value: item.get_ref(),
            value_at: self.owner.at(item.span().start),
            ..*self
        };
        Some(array.iter().map(item).collect())
    }

    /// The whole number, for a key that takes other things as well.
    pub(super) fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    fn mistyped(&self, report: &mut Report, found: &DeValue<'_>, wanted: &str, like: &str) {
        self.wrong(report, format!("is {}, not {wanted}", kind(found)), format!("write it like {like}"));
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        report: &mut Report,
        value: T,
        bounds: RangeInclusive<T>,
        show: impl Fn(T) -> String,
    ) -> Option<Written<T>> {
        let (least, most) = (show(*bounds.start()), show(*bounds.end()));
        if value < *bounds.start() {
            self.wrong(report, format!("is below the least of {least}"), format!("write at least {least}"));
        } else if value > *bounds.end() {
            self.wrong(report, format!("is above the most of {most}"), format!("write at most {most}"));
        } else {
            return self.written(value);
        }
        None
    }
}

/// A single value as it was written; nothing for lists and tables, which may be long and hold anything.
fn shown(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(quoted(text)),
        DeValue::Integer(n) => Some(n.to_string().chars().take(40).collect()),
        DeValue::Float(x) => Some(x.to_string().chars().take(40).collect()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
