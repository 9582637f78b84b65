//! What the tables of tests share.

use super::*;

mod at_large;
mod reference;
mod tables;

#[track_caller]
fn bad(text: &str, expected: &[&str]) {
    match parse(text, "f.toml") {
        Ok(config) => panic!("no mistake was found in\n{text}\n{config:#?}"),
        Err(mistakes) => {
            let found = mistakes.to_string();
            assert_eq!(found.lines().collect::<Vec<_>>(), expected, "\n{found}\nin\n{text}");
        }
    }
}

/// Mistakes in one feed that is otherwise right; its keys begin in line 4.
#[track_caller]
fn bad_feed(keys: &str, expected: &[&str]) {
    bad(&format!("[[feed]]\nname = \"bbc\"\nurl = \"https://example.org/\"\n{keys}\n"), expected);
}

#[track_caller]
fn good(text: &str) -> Config {
    parse(text, "f.toml").unwrap_or_else(|mistakes| panic!("{mistakes}\nin\n{text}"))
}

#[track_caller]
fn good_feed(keys: &str) -> Feed {
    good(&format!("[[feed]]\nname = \"bbc\"\nurl = \"https://example.org/\"\n{keys}\n")).feeds.remove(0)
}
