//! The `headers` of a feed: what its server wants to be told beside what every request says.

use super::Secret;
use super::entry::{Entry, Owner};
use super::mistakes::Report;
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX};

/// Headers that a fetch writes itself, with what to write instead; in lower case.
const REFUSED: [(&str, &str); 24] = [
    ("host", "it follows from the URL"),
    ("content-length", "a fetch has no body"),
    ("content-type", "a fetch has no body"),
    ("transfer-encoding", "a fetch has no body"),
    ("trailer", "a fetch has no body"),
    ("expect", "a fetch has no body"),
    ("connection", "connections are kept by rssd"),
    ("keep-alive", "connections are kept by rssd"),
    ("proxy-connection", "connections are kept by rssd"),
    ("proxy-authorization", "name a proxy that trusts this host by its address"),
    ("te", "connections are kept by rssd"),
    ("upgrade", "connections are kept by rssd"),
    ("accept-encoding", "rssd names what it can decode"),
    ("if-none-match", "validators are only ever what the server sent"),
    ("if-modified-since", "validators are only ever what the server sent"),
    ("if-match", "validators are only ever what the server sent"),
    ("if-unmodified-since", "validators are only ever what the server sent"),
    ("if-range", "a feed is always fetched whole"),
    ("range", "a feed is always fetched whole"),
    ("a-im", "rssd asks for deltas where it can merge them"),
    ("user-agent", "write how to reach you into contact, under [daemon]"),
    ("referer", "rssd sends none"),
    ("cookie2", "it is obsolete"),
    ("http2-settings", "rssd speaks HTTP/1.1"),
];

/// Reads the table; what is wrong with a header is told by its name alone.
pub(super) fn read(report: &mut Report, entry: &Entry<'_>) -> Vec<(String, Secret)> {
    let secret = entry.secret();
    let Some(table) = secret.table(report, "{ X-Key = \"...\" }") else { return Vec::new() };
    if table.len() > HEADERS_MAX {
        let wrong = format!("holds {} headers, above the most of {HEADERS_MAX}", table.len());
        secret.wrong(report, wrong, "leave some out");
    }
    let mut headers: Vec<(String, Secret)> = Vec::new();
    for header in Entry::all(Owner { prefix: "headers.", ..secret.owner }, table) {
        let Some(value) = header.text(report, "...") else { continue };
        match refusal(header.key, value) {
            Some((wrong, remedy)) => header.wrong(report, wrong, remedy),
            None if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header.key)) => {
                header.wrong(report, "is written twice, for the case of letters does not count", "keep one of them");
            }
            None => headers.push((header.key.to_owned(), Secret::from(value))),
        }
    }
    headers
}

/// What is wrong with a header and what to do about it, or `None`.
fn refusal(name: &str, value: &str) -> Option<(String, String)> {
    let because = |wrong: &str, remedy: &str| Some((wrong.to_owned(), remedy.to_owned()));
    // RFC 9110, section 5.6.2.
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return because("is not the name of a header", "write letters, digits and hyphens");
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| name.eq_ignore_ascii_case(refused)) {
        return Some(("cannot be set".to_owned(), format!("leave it out: {reason}")));
    }
    if name.len() + value.len() > HEADER_BYTES_MAX {
        return Some((format!("is longer than {HEADER_BYTES_MAX} bytes"), "write a shorter one".to_owned()));
    }
    // RFC 9110, section 5.5, without the obsolete bytes above ASCII. A line break would begin a header of its own.
    if !value.chars().all(|c| c == ' ' || c == '\t' || c.is_ascii_graphic()) {
        return because("has a value with a character that a header cannot hold", "write visible ASCII on one line");
    }
    if value.is_empty() || value.trim() != value {
        return because("has a value that is empty, or begins or ends with a space", "write it without");
    }
    None
}
