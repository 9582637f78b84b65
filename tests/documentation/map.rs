//! The map of the house, at the top of `src/lib.rs`: what it sends to is there. Its links are rustdoc's to check.

use std::fs;
use std::path::Path;

use super::text::{Document, ROOT, spans_in};

/// Every line of the source and of the tests.
fn house() -> String {
    let mut text = String::new();
    for folder in ["src", "tests"] {
        gather(&Path::new(ROOT).join(folder), &mut text);
    }
    text
}

fn gather(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("the house is there").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            gather(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("the house can be read"));
        }
    }
}

#[test]
fn every_path_of_the_map_is_there() {
    let map = Document::of_module("src/lib.rs");
    let mut count = 0;
    for span in map.spans().into_iter().filter(|span| span.text.contains('/') && !span.text.starts_with('/')) {
        let root = Path::new(ROOT);
        let is_there = root.join("src").join(&span.text).exists() || root.join(&span.text).exists();
        assert!(is_there, "{}: there is no {}", span.at, span.text);
        count += 1;
    }
    assert!(count > 20, "{count}");
}

#[test]
fn everything_to_search_for_can_be_found() {
    let (map, house) = (Document::of_module("src/lib.rs"), house());
    let mut count = 0;
    for row in ["stage", "there is no"].into_iter().flat_map(|heading| map.tables(heading)).flatten() {
        let cell = row.last().expect("a row has cells");
        assert!(cell.text.contains('`'), "{}: nothing to search for", cell.at);
        for span in spans_in(&cell.text) {
            let name = span.rsplit("::").next().unwrap_or(span);
            let is_there = ["fn", "struct", "enum"].iter().any(|kind| {
                house
                    .match_indices(&format!("{kind} {name}"))
                    .any(|(at, found)| house[at + found.len()..].starts_with(['(', '<', ' ', ';']))
            });
            assert!(is_there, "{}: nothing is called {name}", cell.at);
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}
