//! When a -wal that has grown is worth waiting for its readers. Pure.
//!
//! A reader that has no end must not hold up polls time and again, so each wait that came to nothing doubles what the -wal
//! may grow by before the next.

use crate::limits::{WAL_CHECKPOINT_PAGES, WAL_PAGES_MAX, WAL_RESTART_PAGES_MAX};

#[derive(Clone, Copy, Debug)]
pub(super) struct Restart {
    /// At how many pages the next try is due.
    pages: i32,
    /// And how many more until the one after it.
    step: i32,
}

impl Default for Restart {
    fn default() -> Restart {
        Restart { pages: WAL_PAGES_MAX, step: WAL_CHECKPOINT_PAGES }
    }
}

impl Restart {
    /// The -wal has so many pages. Where it is due the one after it is put off: a try that comes to something makes the
    /// -wal small, and all is as at first.
    pub(super) fn is_due(&mut self, pages: i32) -> bool {
        if pages < WAL_PAGES_MAX {
            *self = Restart::default();
        }
        let is_due = pages >= self.pages;
        if is_due {
            self.pages = pages.saturating_add(self.step);
            self.step = self.step.saturating_mul(2).min(WAL_RESTART_PAGES_MAX);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_without_end_is_waited_for_less_and_less() {
        let mut restart = Restart::default();
        // A commit of ten pages each, to a gigabyte.
        let tries: Vec<i32> = (0..262_144).step_by(10).filter(|pages| restart.is_due(*pages)).collect();
        assert_eq!(tries.len(), 9, "{tries:?}");
        assert_eq!(tries[..4], [4_100, 5_100, 7_100, 11_100]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= WAL_RESTART_PAGES_MAX + 10), "{tries:?}");
        // Once it is gone, as at first.
        assert!(!restart.is_due(3));
        assert!(!restart.is_due(WAL_PAGES_MAX - 1) && restart.is_due(WAL_PAGES_MAX));
        assert!(restart.is_due(WAL_PAGES_MAX + WAL_CHECKPOINT_PAGES));
    }
}
