//! What holds for every feeds.toml: a whole configuration within its bounds, or mistakes that are told.

use std::collections::HashSet;
use std::time::Duration;

use super::{Config, Mistakes, is_invisible, parse, units};
use crate::fuzzing::{Input, within};
use crate::limits::{
    ARTICLES_MAX_BOUNDS, BODY_BYTES_MAX_BOUNDS, CONNECT_TIMEOUT_BOUNDS, FEED_NAME_BYTES_MAX, FEED_URL_BYTES_MAX,
    HEADERS_MAX, INTERVAL_BOUNDS, INTERVAL_PUBLIC_LEAST, LABELS_MAX, MISTAKES_MAX, READ_TIMEOUT_BOUNDS,
    TOTAL_TIMEOUT_BOUNDS,
};

pub(crate) fn config(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    match within(Duration::from_secs(2), "reading feeds.toml", || parse(&text, "feeds.toml")) {
        Ok(config) => judge(&config),
        Err(mistakes) => judge_mistakes(&mistakes, &text),
    }
    if let Some(duration) = units::duration(&text) {
        assert_eq!(units::duration(&units::show_duration(duration)), Some(duration), "{text}");
    }
    if let Some(size) = units::size(&text) {
        assert_eq!(units::size(&units::show_size(size)), Some(size), "{text}");
    }
}

fn judge(config: &Config) {
    let names: HashSet<_> = config.feeds.iter().map(|feed| &feed.name).collect();
    let urls: HashSet<_> = config.feeds.iter().map(|feed| &feed.url).collect();
    assert_eq!((names.len(), urls.len()), (config.feeds.len(), config.feeds.len()));
    let daemon = &config.daemon;
    if let Some(contact) = &daemon.contact {
        assert!(contact.bytes().all(|b| (b' '..=b'~').contains(&b) && !b"()".contains(&b)), "{contact}");
    }
    for feed in &config.feeds {
        let name = &feed.name;
        assert!((1..=FEED_NAME_BYTES_MAX).contains(&name.len()), "{name}");
        assert!(!name.contains(|c| is_invisible(c) || "/\\?#%\"".contains(c)) && name != "." && name != "..", "{name}");
        let url = &feed.url;
        assert!(matches!(url.scheme(), "http" | "https") && url.has_host(), "{url}");
        assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
        assert!(url.as_str().len() <= FEED_URL_BYTES_MAX, "{url}");
        for interval in [feed.interval, feed.interval_min, feed.interval_max] {
            assert!(INTERVAL_BOUNDS.contains(&interval), "{interval:?}");
            assert!(feed.allow_private || interval >= INTERVAL_PUBLIC_LEAST, "{interval:?}");
        }
        assert!(feed.interval_min <= feed.interval && feed.interval <= feed.interval_max, "{feed:?}");
        assert!(CONNECT_TIMEOUT_BOUNDS.contains(&feed.connect_timeout), "{feed:?}");
        assert!(READ_TIMEOUT_BOUNDS.contains(&feed.read_timeout), "{feed:?}");
        assert!(TOTAL_TIMEOUT_BOUNDS.contains(&feed.total_timeout), "{feed:?}");
        assert!(feed.connect_timeout.max(feed.read_timeout) <= feed.total_timeout, "{feed:?}");
        assert!(BODY_BYTES_MAX_BOUNDS.contains(&feed.body_bytes_max), "{feed:?}");
        assert!(ARTICLES_MAX_BOUNDS.contains(&(feed.articles_max as u64)), "{feed:?}");
        assert!(feed.username.is_none() || feed.bearer_file.is_none(), "{feed:?}");
        assert!(feed.labels.len() <= LABELS_MAX && feed.headers.len() <= HEADERS_MAX, "{feed:?}");
        for (name, value) in &feed.headers {
            assert!(!name.is_empty() && !name.contains(|c: char| c.is_control() || " :".contains(c)), "{name}");
            assert!(!value.as_str().contains(char::is_control), "a header's value holds a control character");
            let shown = format!("{feed:?}");
            let is_long = value.as_str().len() > 8;
            assert!(!is_long || !shown.contains(&format!("\"{}\"", value.as_str())), "{shown} shows a secret");
        }
        if let Some(proxy) = &feed.proxy {
            assert!(proxy.scheme() == "http" && proxy.has_host() && proxy.username().is_empty(), "{proxy}");
        }
    }
}

/// Each is told in one line that a terminal survives, at a place that is there.
fn judge_mistakes(mistakes: &Mistakes, text: &str) {
    assert!(mistakes.count() > 0 && mistakes.iter().count() <= MISTAKES_MAX);
    let lines = text.split('\n').count();
    for mistake in mistakes.iter() {
        let told = mistake.to_string();
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.len() < 4_096, "{told}");
        assert!(!mistake.wrong.is_empty() && !mistake.remedy.is_empty(), "{mistake:?}");
        assert!(
            mistake.place.is_none_or(|place| (1..=lines).contains(&place.line) && place.column >= 1),
            "{mistake:?}"
        );
    }
}
