//! How long a fiber has had its core to itself.
//!
//! A fast peer makes no read wait, and a few bytes may take long to undo: each empty gzip member of twenty bytes makes a
//! decoder and throws it away. So whoever reads or decodes on a fiber pauses here in between, and the core goes on with its other
//! work when it was kept for long enough. What a read waits for does not count.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::fiber::wait;
use crate::clock::Clock;
use crate::executor::nap;
use crate::limits::{READS_IN_A_ROW_MAX, STRETCH_MAX};

/// The present stretch of a fiber's work.
#[derive(Debug)]
pub(crate) struct Stretch {
    pauses: Cell<u32>,
    worked: Cell<Duration>,
    since: Cell<Instant>,
}

impl Stretch {
    pub(crate) fn new() -> Stretch {
        Stretch { pauses: Cell::new(0), worked: Cell::default(), since: Cell::new(Clock::monotonic()) }
    }

    /// Before a read or a piece of work. Lets the core turn if it is time.
    pub(crate) fn pause(&self) {
        self.pauses.set(self.pauses.get() + 1);
        self.worked.set(self.worked.get() + Clock::monotonic().saturating_duration_since(self.since.get()));
        if self.pauses.get() >= READS_IN_A_ROW_MAX || self.worked.get() >= STRETCH_MAX {
            wait(nap());
            self.pauses.set(0);
            self.worked.set(Duration::ZERO);
        }
        self.go_on();
    }

    /// Behind a read: the time that it took was not ours.
    pub(crate) fn go_on(&self) {
        self.since.set(Clock::monotonic());
    }
}
