//! Whether an article that is known has changed: from the hashes of its versions, without its text.
//!
//! Pure. A version that the article had before is not taken again at once: documents flip between two versions, because
//! a publisher tests two headlines or one of his servers is behind, and each flip would be a revision. It is taken once
//! the document has shown nothing but former versions for [`CHANGE_BACK_MS`]: then the publisher has gone back. Documents
//! that are unchanged are not read, so that may come later than it is due.
//!
//! After [`REVISIONS_MAX`] revisions an article stays as it is.

use crate::article::ContentHash;
use crate::limits::{CHANGE_BACK_MS, FORMER_VERSIONS, REVISIONS_MAX};

/// What is remembered of an article.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Of what is stored.
    pub(super) hash: ContentHash,
    /// Of what was stored before, the last one first.
    pub(super) formers: Vec<ContentHash>,
    /// Since when documents show a former version, and the stored one no more.
    pub(super) back_since: Option<i64>,
}

/// What an article in a document is to the stored one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is to be done.
    Same,
    /// This is to be remembered; the article stays as it is.
    Noted(Version),
    /// The article is to be stored anew, and this remembered of it.
    Changed(Version),
}

impl Version {
    pub(super) fn new(hash: ContentHash) -> Version {
        Version { hash, ..Version::default() }
    }

    /// What a version with `hash` means that a document shows at `now_ms`; `revision` is how often the article changed.
    pub(super) fn see(&self, hash: ContentHash, revision: i64, now_ms: i64) -> Seen {
        if hash == self.hash {
            return match self.back_since {
                None => Seen::Same,
                Some(_) => Seen::Noted(Version { back_since: None, ..self.clone() }),
            };
        }
        // Hashes of another making cannot be compared, so nothing is known to have changed.
        if hash[0] != self.hash[0] {
            return Seen::Noted(Version::new(hash));
        }
        if revision >= REVISIONS_MAX {
            return Seen::Same;
        }
        if self.formers.contains(&hash) {
            match self.back_since {
                Some(since) if now_ms.saturating_sub(since) >= CHANGE_BACK_MS => {}
                Some(since) if since <= now_ms => return Seen::Same,
                // Or the clock was set back.
                _ => return Seen::Noted(Version { back_since: Some(now_ms), ..self.clone() }),
            }
        }
        let formers = std::iter::once(self.hash).chain(self.formers.iter().copied().filter(|former| *former != hash));
        Seen::Changed(Version { hash, formers: formers.take(FORMER_VERSIONS).collect(), back_since: None })
    }

    pub(super) fn formers_to_bytes(&self) -> Vec<u8> {
        self.formers.concat()
    }

    pub(super) fn formers_from_bytes(bytes: &[u8]) -> Vec<ContentHash> {
        bytes.as_chunks().0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const DAY: i64 = 24 * 60 * MINUTE;

    fn hash(name: char) -> ContentHash {
        let mut hash = [name as u8; 16];
        hash[0] = 1;
        hash
    }

    /// Shows the versions one after the other, each so long after the one before, and gives when it was stored anew.
    fn changes(shown: &str, apart_ms: i64) -> String {
        let mut names = shown.chars();
        let mut version = Version::new(hash(names.next().unwrap()));
        let (mut revision, mut now) = (0, 0);
        names
            .map(|name| {
                now += apart_ms;
                match version.see(hash(name), revision, now) {
                    Seen::Same => '.',
                    Seen::Noted(noted) => {
                        version = noted;
                        '.'
                    }
                    Seen::Changed(changed) => {
                        assert!(changed.formers.len() <= FORMER_VERSIONS && changed.hash == hash(name));
                        version = changed;
                        revision += 1;
                        name
                    }
                }
            })
            .collect()
    }

    #[test]
    fn versions_that_follow_each_other() {
        for (shown, apart_ms, want) in [
            ("aaaa", MINUTE, "..."),
            ("abcd", MINUTE, "bcd"),
            ("aabbcc", MINUTE, ".b.c."),
            // Alternately, for ever.
            ("abababababababab", MINUTE, "b.............."),
            ("abababababababab", DAY, "b.............."),
            ("abcabcabcabc", MINUTE, "bc........."),
            // The publisher went back, and a day later it is believed.
            ("abaaa", DAY, "b.a."),
            ("abaaa", DAY / 2, "b..a"),
            ("abaab", DAY / 2, "b..."),
            ("abacbb", DAY / 2, "b.c.."),
            ("abacbbb", DAY / 2, "b.c..b"),
        ] {
            assert_eq!(changes(shown, apart_ms), want, "{shown}, one in {apart_ms} ms");
        }
    }

    #[test]
    fn an_article_edited_without_end_stops_after_its_revisions() {
        let shown: String = (0..100).map(|n| char::from(b'A' + n)).collect();
        let changes = changes(&shown, MINUTE);
        assert_eq!(changes.chars().filter(|c| *c != '.').count(), usize::try_from(REVISIONS_MAX).unwrap());
        assert!(changes.ends_with(&".".repeat(50)));
    }

    #[test]
    fn a_hash_of_another_making_is_taken_silently() {
        let mut old = hash('a');
        old[0] = 0;
        let version = Version { formers: vec![hash('b')], ..Version::new(old) };
        assert_eq!(version.see(hash('b'), 3, 0), Seen::Noted(Version::new(hash('b'))));
    }

    #[test]
    fn a_clock_that_was_set_back_only_begins_again() {
        let version = Version { formers: vec![hash('a')], back_since: Some(9 * DAY), ..Version::new(hash('b')) };
        let noted = Version { back_since: Some(DAY), ..version.clone() };
        assert_eq!(version.see(hash('a'), 1, DAY), Seen::Noted(noted.clone()));
        assert!(matches!(noted.see(hash('a'), 1, 2 * DAY), Seen::Changed(_)));
    }

    #[test]
    fn formers_read_back() {
        let version = Version { formers: vec![hash('a'), hash('b')], ..Version::default() };
        assert_eq!(Version::formers_from_bytes(&version.formers_to_bytes()), version.formers);
        assert_eq!(Version::formers_from_bytes(&[]), [[0; 16]; 0]);
    }
}
