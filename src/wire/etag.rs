//! Entity tags of `/feed.atom` and `/feed.json`: a feed reader that asks again gets 304 until something came.
//!
//! Weak ones: the same articles in the same words, not the same bytes for ever.

use sha2::{Digest, Sha256};

use crate::stream::{Cursor, Filter};

/// The tag of one kind of feed (`atom`, `json`) with its newest article, its filter and its length. `base` is where it was
/// asked for: it stands in the answer.
pub(crate) fn etag(kind: &str, base: &str, newest: Cursor, filter: &Filter, limit: usize) -> String {
    let mut hash = Sha256::new();
    // Each part with its length before it, so that no two lists of parts are the same bytes.
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    // Another release may put the same into other words.
    part(env!("CARGO_PKG_VERSION"));
    part(kind);
    part(base);
    part(&limit.to_string());
    part(&filter.feeds().len().to_string());
    filter.feeds().iter().for_each(|feed| part(feed));
    filter.labels().iter().for_each(|(key, value)| {
        part(key);
        part(value);
    });
    let hash: String = hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{newest}-{hash}\"")
}

/// Whether `If-None-Match` names the tag: then the answer is 304 (RFC 9110, section 13.1.2; compared weakly).
pub(crate) fn is_unchanged(if_none_match: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    // Our own tags hold no comma, so one inside of another's tag splits nothing that could match.
    if_none_match.trim() == "*" || if_none_match.split(',').any(|tag| opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::wire::samples::epoch;

    #[test]
    fn whatever_changes_the_answer_changes_the_tag() {
        let newest = |seq| Cursor { epoch: epoch(), seq };
        let filter = |feeds: &[&'static str], labels: &[&'static str]| {
            Filter::new(feeds.iter().copied(), labels.iter().copied()).unwrap()
        };
        let all = filter(&[], &[]);
        let tags = [
            etag("atom", "h", newest(1), &all, 100),
            etag("json", "h", newest(1), &all, 100),
            etag("atom", "i", newest(1), &all, 100),
            etag("atom", "h", newest(2), &all, 100),
            etag("atom", "h", newest(1), &all, 10),
            etag("atom", "h", newest(1), &filter(&["a", "b"], &[]), 100),
            etag("atom", "h", newest(1), &filter(&["ab"], &[]), 100),
            etag("atom", "h", newest(1), &filter(&[], &["a:bc"]), 100),
            etag("atom", "h", newest(1), &filter(&[], &["ab:c"]), 100),
            etag("atom", "h", newest(1), &filter(&["a"], &["b:c"]), 100),
        ];
        assert_eq!(tags.iter().collect::<HashSet<_>>().len(), tags.len(), "{tags:?}");
        let same = etag("atom", "h", newest(1), &filter(&["b", "a", "b"], &[]), 100);
        assert_eq!(same, tags[5]);
    }

    #[test]
    fn tags_are_compared_weakly() {
        for (header, want) in [
            ("W/\"a-1\"", true),
            ("\"a-1\"", true),
            ("\"x\", W/\"a-1\" ,\"y\"", true),
            ("*", true),
            ("\"x,y\",\"a-1\"", true),
            ("", false),
            ("\"a-2\"", false),
            ("a-1", false),
            ("\"a-1", false),
        ] {
            assert_eq!(is_unchanged(header, "W/\"a-1\""), want, "{header}");
        }
    }
}
