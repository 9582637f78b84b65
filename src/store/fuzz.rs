//! What holds for everything that a person may type into the search.

use rusqlite::Connection;

use super::quote_search;
use crate::fuzzing::Input;
use crate::limits::{SEARCH_INPUT_BYTES_MAX, SEARCH_WORDS_MAX};

thread_local! {
    /// As migration 2 makes it, with one article of a word that nobody types.
    static INDEX: Connection = {
        let db = Connection::open_in_memory().expect("memory opens");
        db.execute_batch(
            "CREATE VIRTUAL TABLE article_text USING fts5 (
                 title, summary, content,
                 content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
             );
             INSERT INTO article_text (rowid, title) VALUES (1, 'qzxjkvqzxjkv')",
        )
        .expect("FTS5 is built in");
        db
    };
}

pub(crate) fn search(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    let Some(query) = quote_search(&text) else { return };
    assert!(query.len() <= SEARCH_INPUT_BYTES_MAX + 3 * SEARCH_WORDS_MAX, "{query}");
    assert!(query.split(' ').count() <= SEARCH_WORDS_MAX, "{query}");
    // Nothing but phrases: no operator stands outside of quotes.
    let outside = query.split('"').step_by(2).collect::<String>();
    assert!(outside.trim().is_empty(), "{text:?} as {query}");
    INDEX.with(|db| {
        let insert = "INSERT INTO article_text (rowid, title, content) VALUES (2, ?1, 'or not near and title')";
        db.prepare_cached(insert).and_then(|mut insert| insert.execute([&*text])).expect("it is only text");
        let mut found =
            db.prepare_cached("SELECT rowid FROM article_text WHERE article_text MATCH ?1").expect("it is SQL");
        let found: Result<Vec<i64>, _> = found.query_map([&query], |row| row.get(0)).and_then(|rows| rows.collect());
        let found = found.unwrap_or_else(|error| panic!("{text:?} as {query}: {error}"));
        db.prepare_cached("DELETE FROM article_text WHERE rowid = 2")
            .and_then(|mut d| d.execute([]))
            .expect("it is there");
        let is_known = |word: &str| word.chars().any(|c| c.is_ascii_alphanumeric());
        let words: Vec<_> = query.split('"').skip(1).step_by(2).collect();
        if words.iter().all(|word| is_known(word)) && !text.contains('\0') {
            // What holds all words of a text is found by it, NOT and NEAR among them.
            assert!(found.contains(&2), "{text:?} as {query}: {found:?}");
        }
        // And what holds none of them is not.
        if words.iter().any(|word| is_known(word) && !word.to_lowercase().contains("qzxjkvqzxjkv")) {
            assert!(!found.contains(&1), "{text:?} as {query}: {found:?}");
        }
    });
}
