//! `[[feed]]` tables of feeds.toml as text, for commands that print some to be pasted or kept.
//!
//! What is written passes `rssd check`: names are those that the configuration would make, told apart where two are alike,
//! and nothing that came from elsewhere can end a string or a comment.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use url::Url;

use crate::config;
use crate::escape;

/// A comment is cut to this many characters.
const COMMENT_CHARS_MAX: usize = 150;

/// Writes tables, and knows the names that are taken.
#[derive(Debug, Default)]
pub(super) struct FeedTables {
    names: HashSet<String>,
}

impl FeedTables {
    /// One table with an empty line behind it; `title` becomes a comment.
    pub(super) fn table(&mut self, title: Option<&str>, url: &Url, labels: &BTreeMap<String, String>) -> String {
        let mut table = String::new();
        // Writing to a string does not fail.
        if let Some(title) = title {
            let _ = writeln!(table, "# {}", escape::line(title, COMMENT_CHARS_MAX));
        }
        let _ = writeln!(table, "[[feed]]\nname = {}\nurl = {}", quoted(&self.name(url)), quoted(url.as_str()));
        if !labels.is_empty() {
            let pairs: Vec<_> =
                labels.iter().map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
            let _ = writeln!(table, "labels = {{ {} }}", pairs.join(", "));
        }
        table.push('\n');
        table
    }

    /// That of the configuration, and a number behind it where it is taken already: by the same address with another
    /// scheme, mostly.
    fn name(&mut self, url: &Url) -> String {
        let plain = config::name_from_url(url);
        let numbered = (2..).map(|n| {
            let number = format!("-{n}");
            // ASCII throughout, so every byte is a boundary.
            format!("{}{number}", &plain[..plain.len().min(crate::limits::FEED_NAME_BYTES_MAX - number.len())])
        });
        let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !self.names.contains(name));
        let name = free.expect("there are more numbers than names");
        self.names.insert(name.clone());
        name
    }
}

/// A basic string (TOML 1.0, "String").
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_what_the_configuration_reads() {
        let mut tables = FeedTables::default();
        let labels = BTreeMap::from([("a \"key\"".to_owned(), "A/B \\ \u{7}".to_owned())]);
        let long = format!("https://a.test/{}", "x".repeat(300));
        let urls =
            ["https://a.test/f?x=\\", "http://a.test/f?x=\\", "https://a.test/f/?x=\\", &long, &format!("{long}/")];
        let text: String = urls
            .iter()
            .map(|url| tables.table(Some("title\n[[feed]]\u{1b}"), &Url::parse(url).unwrap(), &labels))
            .collect();
        assert!(text.starts_with("# title\\u{a}[[feed]]\\u{1b}\n[[feed]]\nname = \"a.test-f-x\"\n"), "{text}");
        let config = config::parse(&text.replace("\\u0007", ""), "feeds.toml").unwrap();
        let read: Vec<_> = config.feeds.iter().map(|feed| feed.url.as_str()).collect();
        assert_eq!(read, urls);
        assert_eq!(config.feeds[0].labels["a \"key\""], "A/B \\ ");
        assert_eq!(config.feeds[2].name, "a.test-f-x-3");
    }
}
