//! Panics that are expected: a parser's, on a hostile document. They become values, and nothing is printed for them.
//!
//! The process has one panic hook. Ours stands in front of the one it finds and stays silent for a thread that is
//! inside [`quietly`]; every other panic is reported as before. A hook that somebody installs later is theirs.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, and gives what it panicked with as an error. May be nested; never around a fiber's `resume`.
///
/// What `f` borrows mutably may be left half done: throw it away.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |info| {
            if !EXPECTED.get() {
                loud(info);
            }
        }));
    });
    let outer = EXPECTED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    EXPECTED.set(outer);
    outcome.map_err(|payload| match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().map_or_else(|| "no message".into(), |m| (*m).to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_leaves_the_thread_loud_again() {
        assert_eq!(quietly(|| 7), Ok(7));
        assert_eq!(quietly(|| panic!("at {}", "once")), Err::<(), _>("at once".to_owned()));
        assert_eq!(quietly(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert!(!EXPECTED.get());
        assert_eq!(
            quietly(|| (quietly(|| panic!("inner")), EXPECTED.get())),
            Ok((Err::<(), _>("inner".to_owned()), true))
        );
    }
}
