//! Many feeds in one scene, each with a fault of its own: what each one meets, and what must come of it.

use super::scene::Scene;
use crate::support::{Db, Feeds};

/// A feed of a scene.
pub(super) struct Case {
    pub(super) name: String,
    url: String,
    lines: String,
    end: End,
}

enum End {
    /// `last_error_class`, and what the sentence says.
    Fails(&'static str, Vec<String>),
    /// So many articles are stored, and nothing failed.
    Reads(i64),
}

/// What the first failure of a feed with the default interval of 15 minutes waits for at least.
const BACKOFF_MS_MIN: i64 = 600_000;

impl Case {
    pub(super) fn fails(name: &str, url: impl Into<String>, class: &'static str, words: &[&str]) -> Case {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Case { name: name.to_owned(), url: url.into(), lines: String::new(), end: End::Fails(class, words) }
    }

    pub(super) fn reads(name: &str, url: impl Into<String>, articles: i64) -> Case {
        Case { name: name.to_owned(), url: url.into(), lines: String::new(), end: End::Reads(articles) }
    }

    /// With further lines for the feed.
    pub(super) fn with(mut self, lines: &str) -> Case {
        self.lines += lines;
        self.lines += "\n";
        self
    }

    pub(super) fn subscribe(&self, feeds: Feeds) -> Feeds {
        feeds.feed_with(&self.name, &self.url, &self.lines)
    }

    fn assert_end(&self, db: &Db) {
        let name = &self.name;
        let (class, error, stored) = (db.class_of(name), db.error_of(name), db.articles_of(name));
        let (status, outcome) = db.last_poll_of(name);
        println!("{name}: {outcome} ({status:?}), {stored} articles: {error}");
        let number = |column: &str| -> i64 { db.one(&format!("SELECT {column} FROM feed WHERE name = '{name}'")) };
        let wait_ms = number("next_poll_at - last_polled_at");
        match &self.end {
            End::Fails(expected, words) => {
                assert_eq!((&*class, &*outcome), (*expected, *expected), "{name}: {error}");
                for word in words {
                    assert!(error.contains(word.as_str()), "{name}: no {word:?} in {error:?}");
                }
                assert!(error.len() > 10 && error.len() < 2_000 && !error.ends_with('.'), "{name}: {error:?}");
                assert!(!error.contains(char::is_control), "{name}: {error:?}");
                assert_eq!(stored, 0, "{name}");
                assert_eq!(number("failure_count"), 1, "{name}");
                assert!(wait_ms >= BACKOFF_MS_MIN, "{name}: the next poll is after {wait_ms} ms");
                let kept = "(etag IS NOT NULL) + (last_modified IS NOT NULL) + (body_hash IS NOT NULL) + (last_ok_at IS NOT NULL)";
                assert_eq!(number(kept), 0, "{name}: nothing of what failed is kept");
                assert_eq!(number("failing_since = last_polled_at"), 1, "{name}");
            }
            End::Reads(articles) => {
                assert_eq!((&*class, stored), ("", *articles), "{name}: {error}");
                assert_eq!(number("failure_count"), 0, "{name}");
            }
        }
    }
}

/// Subscribes to all of them at once.
pub(super) fn subscribe(scene: &mut Scene, cases: &[Case]) {
    scene.subscribe(|_, feeds| cases.iter().fold(feeds, |feeds, case| case.subscribe(feeds)));
}

/// Waits until each was polled, and asserts how it ended.
pub(super) fn assert_ends(scene: &mut Scene, cases: &[Case]) {
    for case in cases {
        scene.wait_for_polls(&case.name, 1);
    }
    let db = scene.db();
    for case in cases {
        case.assert_end(&db);
    }
}

/// Subscribes to all of them, and asserts how each ends.
pub(super) fn run(scene: &mut Scene, cases: &[Case]) {
    subscribe(scene, cases);
    assert_ends(scene, cases);
}

/// A column of a feed as a number.
pub(super) fn number_of(db: &Db, name: &str, column: &str) -> i64 {
    db.one(&format!("SELECT {column} FROM feed WHERE name = '{name}'"))
}

/// A column of the last poll of a feed as a number.
pub(super) fn polled(db: &Db, name: &str, column: &str) -> i64 {
    db.one(&format!(
        "SELECT {column} FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name = '{name}' ORDER BY started_at DESC LIMIT 1"
    ))
}
