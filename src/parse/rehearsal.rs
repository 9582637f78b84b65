//! A panic on demand: what comes of one in the parser that nobody knows of yet can be seen before there is one.
//!
//! Off unless the daemon is started with [`VARIABLE`] in its environment, which it says in its log.

use std::sync::OnceLock;

/// Holds a text; each document that holds it too makes the parser panic.
pub(crate) const VARIABLE: &str = "RSSD_TEST_PARSER_PANIC";

static MARK: OnceLock<String> = OnceLock::new();

/// From now on a document with `mark` in it makes the parser panic. The first call counts.
pub(crate) fn panic_at(mark: String) {
    log::warn!("{VARIABLE} is set: a document that holds {mark:?} makes the parser panic; unset it but for tests");
    let _ = MARK.set(mark);
}

/// Panics if the document is marked.
pub(super) fn panic_if_marked(text: &str) {
    if MARK.get().is_some_and(|mark| text.contains(mark)) {
        log::warn!("{VARIABLE}: the parser panics");
        panic!("as {VARIABLE} asks for");
    }
}
