//! How many bytes the searches of a parse went over: what a test counts where it must not measure time.
//!
//! Outside of tests nothing is counted. It covers searches that have been quadratic once, not every pass over a text.

use std::cell::Cell;

thread_local! {
    static SCANNED_BYTES: Cell<usize> = const { Cell::new(0) };
}

/// Notes that a search went over so many bytes.
pub(crate) fn scanned(bytes: usize) {
    SCANNED_BYTES.set(SCANNED_BYTES.get() + bytes);
}

/// What `work` gives, and the bytes that its searches went over.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = SCANNED_BYTES.get();
    let value = work();
    (value, SCANNED_BYTES.get() - before)
}
