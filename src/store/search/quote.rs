//! From what a person typed to an FTS5 query that means these words and nothing else.

use crate::limits::{SEARCH_INPUT_BYTES_MAX, SEARCH_WORDS_MAX};

/// Every word as a quoted phrase, so that none of FTS5's operators has a meaning; all of them must occur, in any order.
/// `None` if there is no word in it.
///
/// Only the first [`SEARCH_WORDS_MAX`] words of the first [`SEARCH_INPUT_BYTES_MAX`] bytes count.
pub fn quote(input: &str) -> Option<String> {
    let input = &input[..input.floor_char_boundary(SEARCH_INPUT_BYTES_MAX)];
    // NUL would end the query in the middle of a phrase, and quotes are what a phrase is made of.
    let separates = |c: char| c.is_whitespace() || c.is_control() || c == '"';
    // A word of signs alone holds nothing that is indexed.
    let words = input.split(separates).filter(|word| word.chars().any(char::is_alphanumeric));
    let phrases: Vec<String> = words.take(SEARCH_WORDS_MAX).map(|word| format!("\"{word}\"")).collect();
    (!phrases.is_empty()).then(|| phrases.join(" "))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn operators_quotes_and_stars_are_words_or_nothing() {
        for (input, want) in [
            ("", None),
            (" \t\n", None),
            ("* \" ( ) ^ - + : ,", None),
            ("\0", None),
            ("one", Some(r#""one""#)),
            ("  one   two ", Some(r#""one" "two""#)),
            ("one OR two", Some(r#""one" "OR" "two""#)),
            ("NOT one", Some(r#""NOT" "one""#)),
            ("NEAR(one two, 3)", Some(r#""NEAR(one" "two," "3)""#)),
            ("title:one", Some(r#""title:one""#)),
            ("{title content}:one", Some(r#""{title" "content}:one""#)),
            ("- title : one", Some(r#""title" "one""#)),
            ("\"one two\"", Some(r#""one" "two""#)),
            ("on\"e", Some(r#""on" "e""#)),
            ("one* ^two", Some(r#""one*" "^two""#)),
            ("one\0two", Some(r#""one" "two""#)),
            ("it's; DROP TABLE article", Some(r#""it's;" "DROP" "TABLE" "article""#)),
            ("日本 café", Some(r#""日本" "café""#)),
        ] {
            assert_eq!(quote(input).as_deref(), want, "{input:?}");
        }
    }

    #[test]
    fn a_megabyte_is_cut_on_a_character() {
        let query = quote(&"é".repeat(500_000)).unwrap();
        assert_eq!(query.len(), SEARCH_INPUT_BYTES_MAX + 2);
        let query = quote(&"a ".repeat(500_000)).unwrap();
        assert_eq!(query.split(' ').count(), SEARCH_WORDS_MAX);
        assert_eq!(quote(&" ".repeat(1 << 20)), None);
    }

    /// Whatever is typed, FTS5 takes it. Without the quoting the third of these inputs is a syntax error.
    #[test]
    fn nothing_that_is_typed_is_an_error_to_fts5() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE VIRTUAL TABLE t USING fts5 (title, content = '', contentless_delete = 1);
             INSERT INTO t (rowid, title) VALUES (1, 'one or two near title three not four')",
        )
        .unwrap();
        let parts = [
            "one", " ", "\"", "*", "(", ")", "NEAR", "OR", "AND", "NOT", "^", "-", "+", ":", "title", "{", "}", "\0",
            "'", ",", "é", "\u{301}",
        ];
        for seed in 0..2_000_u64 {
            let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut input = String::new();
            for _ in 0..seed % 12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                input.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            let Some(query) = quote(&input) else { continue };
            let found = db.query_row("SELECT count(*) FROM t WHERE t MATCH ?1", [&query], |row| row.get::<_, i64>(0));
            assert!(found.is_ok(), "seed {seed}: {input:?} as {query}: {found:?}");
        }
    }
}
