//! What holds for every OPML file, for every text in feeds.toml that is made of it, and for frames of any stream.

use std::collections::BTreeMap;
use std::time::Duration;

use super::export::view;
use super::feed_table::quoted;
use super::import::import;
use crate::config;
use crate::escape;
use crate::fuzzing::{Input, within};
use crate::limits::OUTLINE_DEPTH_MAX;
use crate::parse::opml::outlines;
use crate::wire;

pub(crate) use super::tail::fuzz::event_stream;

/// What is read of a file, what is made of it, and what another reader would make of that.
pub(crate) fn opml(bytes: &[u8]) {
    let Some(found) = within(Duration::from_secs(2), "reading outlines", || outlines(bytes)) else { return };
    let lines = bytes.len() + 1;
    let mut line_before = 1;
    for outline in &found {
        assert!((line_before..=lines).contains(&outline.line), "line {} after {line_before}", outline.line);
        line_before = outline.line;
        assert!(outline.folders.len() <= OUTLINE_DEPTH_MAX);
        for text in outline.folders.iter().chain(&outline.title).chain(&outline.category) {
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
        }
    }
    let imported = within(Duration::from_secs(2), "importing", || import(&found));
    assert_eq!(imported.taken + imported.left_out.len(), found.len());
    for told in &imported.left_out {
        assert!(!told.contains(escape::disturbs), "{told:?}");
    }
    if imported.taken == 0 {
        assert_eq!(imported.toml, "");
        return;
    }
    let config = config::parse(&imported.toml, "feeds.toml").unwrap_or_else(|m| panic!("{m}\n{}", imported.toml));
    assert_eq!(config.feeds.len(), imported.taken);
    // And back: what is exported is read as the same subscriptions.
    let exported = outlines(&wire::opml(config.feeds.iter().map(view), 0)).expect("it is OPML");
    let again = import(&exported);
    let again = config::parse(&again.toml, "feeds.toml").unwrap_or_else(|m| panic!("{m}\n{}", again.toml));
    let labels = |config: &config::Config| -> BTreeMap<String, BTreeMap<String, String>> {
        config.feeds.iter().map(|feed| (feed.url.to_string(), feed.labels.clone())).collect()
    };
    assert_eq!(labels(&again), labels(&config), "{}", imported.toml);
}

/// A text in feeds.toml: one value, read back as the same.
pub(crate) fn escape(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    let table: toml::Table =
        format!("a = {}\nb = 1", quoted(&text)).parse().unwrap_or_else(|e| panic!("{text:?}: {e}"));
    assert_eq!(table["a"].as_str(), Some(&*text));
    assert_eq!(table.len(), 2);
    let shown = config::shown_url(&text);
    assert!(!shown.contains(char::is_control), "{shown:?}");
}
