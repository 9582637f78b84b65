//! When the writer does next what it does while no poll waits.

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::limits::WRITER_RETRY_MS_MAX;

#[derive(Clone, Copy, Debug)]
pub(super) struct Due(Instant);

impl Due {
    pub(super) fn after(ms: u64) -> Due {
        Due(Clock::monotonic() + Duration::from_millis(ms))
    }

    /// How long the writer may wait for polls before it looks here again.
    pub(super) fn wait(self) -> Duration {
        self.0.saturating_duration_since(Clock::monotonic())
    }

    pub(super) fn is_past(self) -> bool {
        self.wait().is_zero()
    }

    /// This is not the moment: the disk is full, or another program has the lock.
    pub(super) fn put_off(&mut self) {
        *self = Due::after(WRITER_RETRY_MS_MAX);
    }
}
