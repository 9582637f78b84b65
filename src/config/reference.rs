//! What each key of feeds.toml means, in a sentence, with the bounds that it is held to and what it is when nobody
//! writes it: for the manual. Bounds and defaults are those that reading goes by.

use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use super::{Feed, units};
use crate::limits;

/// A key as the manual shows it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    /// As it would be written, or in words.
    pub(crate) default: String,
    pub(crate) meaning: &'static str,
}

/// What is written behind the key.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Duration(RangeInclusive<Duration>),
    Size(RangeInclusive<u64>),
    Integer(RangeInclusive<u64>),
    Boolean,
    /// In words.
    Other(&'static str),
}

impl Value {
    /// In words, bounds and all.
    pub(crate) fn words(&self) -> String {
        let between = |least: String, most: String| format!("from {least} to {most}");
        match self {
            Value::Duration(bounds) => {
                let show = |bound: &Duration| units::show_duration(*bound);
                format!("a duration {}", between(show(bounds.start()), show(bounds.end())))
            }
            Value::Size(bounds) => {
                let show = |bound: &u64| units::show_size(*bound);
                format!("a size {}", between(show(bounds.start()), show(bounds.end())))
            }
            Value::Integer(bounds) => {
                format!("a whole number {}", between(bounds.start().to_string(), bounds.end().to_string()))
            }
            Value::Boolean => "true or false".to_owned(),
            Value::Other(words) => (*words).to_owned(),
        }
    }
}

fn key(name: &'static str, value: Value, default: impl Into<String>, meaning: &'static str) -> Key {
    Key { name, value, default: default.into(), meaning }
}

/// Those at the top of the file, above the first table.
pub(crate) fn top() -> Vec<Key> {
    vec![key(
        "include",
        Value::Other("a list of paths, which may hold *, ? and [...]"),
        "none",
        "Further files of [[feed]] tables, read in the order of their names. Each may have a [defaults] of its own for its \
         own feeds. A pattern may match nothing; a file without *, ? or [ has to be there.",
    )]
}

/// Those of `[daemon]`.
pub(crate) fn daemon() -> Vec<Key> {
    vec![
        key(
            "db",
            Value::Other("a path"),
            "$STATE_DIRECTORY/rssd.db, else rssd.db",
            "The database. The flag --db wins.",
        ),
        key(
            "listen",
            Value::Other("an address with a port"),
            "127.0.0.1:8080",
            "Where to answer HTTP. Port 0 picks one, and the log says which. --listen wins, and a socket that systemd hands \
             over wins over both. Beyond loopback it takes token_file or public.",
        ),
        key(
            "cores",
            Value::Other("auto, a number, or CPUs such as 0-3,6"),
            "auto",
            "Which CPUs poll: auto is all that the process may use, a number is so many of them.",
        ),
        key(
            "retention",
            Value::Duration(limits::RETENTION_BOUNDS),
            "forever",
            "How long articles are kept after they were stored or last changed. What is removed does not come back as new.",
        ),
        key(
            "contact",
            Value::Other("a URL or an address, visible ASCII without parentheses"),
            "none",
            "How publishers can reach you. It stands in the User-Agent, and keeps you from being blocked.",
        ),
        key(
            "token_file",
            Value::Other("a path"),
            "none",
            "A file with a bearer token on one line, which is then asked for everywhere but at /health. Needed to listen \
             beyond loopback, or else public = true.",
        ),
        key("public", Value::Boolean, "false", "Answer anybody who can reach the address, without a token."),
        key(
            "hosts",
            Value::Other("a list of names"),
            "none",
            "Further names under which this daemon is asked, as behind a reverse proxy that passes Host on. Without a token, \
             and not public, only addresses and localhost are answered.",
        ),
        key(
            "streams_max",
            Value::Integer(limits::STREAMS_MAX_BOUNDS),
            limits::STREAMS_MAX.to_string(),
            "Streams (/news/stream) at once; one more is told to come back later.",
        ),
        key(
            "dns",
            Value::Other("a list of addresses, with a port or without"),
            "those of /etc/resolv.conf",
            "Name servers to ask.",
        ),
        key(
            "host_pause",
            Value::Duration(limits::HOST_PAUSE_BOUNDS),
            units::show_duration(limits::HOST_PAUSE_DEFAULT),
            "How long a host is left alone between two requests.",
        ),
    ]
}

/// Those that only a `[[feed]]` has.
pub(crate) fn feed_only() -> Vec<Key> {
    vec![
        key(
            "name",
            Value::Other("a word that is no other feed's"),
            "made from the URL",
            "The key of the feed's state: keep it when the URL changes.",
        ),
        key("url", Value::Other("an http or https URL"), "it has to be written", "Where the feed is."),
    ]
}

/// Those that a `[[feed]]` has and `[defaults]` gives to all of them.
pub(crate) fn feed() -> Vec<Key> {
    let built_in = Feed::new("x", Url::parse("http://x/").expect("it is a URL"));
    let duration =
        |name, bounds, default, meaning| key(name, Value::Duration(bounds), units::show_duration(default), meaning);
    vec![
        key(
            "labels",
            Value::Other("a table of words"),
            "none",
            "Anything that readers may select by, as in /articles?label=category:news. Those of [defaults] and of the feed are \
             merged.",
        ),
        key(
            "enabled",
            Value::Boolean,
            built_in.enabled.to_string(),
            "Not polled while false; its state and articles stay.",
        ),
        duration(
            "interval",
            limits::INTERVAL_BOUNDS,
            built_in.interval,
            "How often the feed is polled when nothing else speaks: publishers' hints, Retry-After and failures all do. Not \
             under a minute, except for feeds that are allow_private.",
        ),
        duration(
            "interval_min",
            limits::INTERVAL_BOUNDS,
            built_in.interval_min,
            "The floor for what publishers may ask.",
        ),
        duration(
            "interval_max",
            limits::INTERVAL_BOUNDS,
            built_in.interval_max,
            "The ceiling for what publishers may ask; Retry-After is not cut short by it.",
        ),
        duration(
            "connect_timeout",
            limits::CONNECT_TIMEOUT_BOUNDS,
            built_in.connect_timeout,
            "What resolving, connecting and the TLS handshake may take, each.",
        ),
        duration(
            "read_timeout",
            limits::READ_TIMEOUT_BOUNDS,
            built_in.read_timeout,
            "How long an open connection may be silent, and what the whole head of an answer may take.",
        ),
        duration(
            "total_timeout",
            limits::TOTAL_TIMEOUT_BOUNDS,
            built_in.total_timeout,
            "What the whole poll may take, redirects included.",
        ),
        key(
            "body_bytes_max",
            Value::Size(limits::BODY_BYTES_MAX_BOUNDS),
            units::show_size(built_in.body_bytes_max),
            "The most bytes of a document, after decoding; a larger one fails the poll.",
        ),
        key(
            "articles_max",
            Value::Integer(limits::ARTICLES_MAX_BOUNDS),
            built_in.articles_max.to_string(),
            "The most articles of a document; the rest is left out.",
        ),
        key(
            "articles_initial_max",
            Value::Integer(limits::ARTICLES_INITIAL_MAX_BOUNDS),
            "all of them",
            "Of the first document the newest so many are stored, and the others count as known.",
        ),
        key(
            "allow_private",
            Value::Boolean,
            built_in.allow_private.to_string(),
            "Whether it may resolve to private or loopback addresses, which are refused otherwise.",
        ),
        key(
            "allow_downgrade",
            Value::Boolean,
            built_in.allow_downgrade.to_string(),
            "Whether a redirect from https to http is followed.",
        ),
        key(
            "username",
            Value::Other("a name without a colon"),
            "none",
            "For basic authentication, with password_file.",
        ),
        key("password_file", Value::Other("a path"), "none", "A file with the password on one line."),
        key(
            "bearer_file",
            Value::Other("a path"),
            "none",
            "A file with a token on one line, sent as Authorization: Bearer; instead of username, not beside it.",
        ),
        key(
            "headers",
            Value::Other("a table of words"),
            "none",
            "Sent to the feed's own origin only, never along with a redirect elsewhere. Their values are shown nowhere.",
        ),
        key(
            "ca_file",
            Value::Other("a path"),
            "none",
            "Certificates in PEM to trust for this feed, beside those of the system.",
        ),
        key(
            "proxy",
            Value::Other("the URL of an http proxy"),
            "none",
            "Asked by CONNECT. None is taken from the environment.",
        ),
        key(
            "updates",
            Value::Boolean,
            built_in.updates.to_string(),
            "Deliver an article again when it changed. With false it changes in its place.",
        ),
    ]
}
