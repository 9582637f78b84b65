//! What the cores count, for whoever wants to know: written by one core each, read by anybody.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::clock::Clock;

/// One core's counters.
#[derive(Debug, Default)]
pub struct CoreGauges {
    /// Feeds that belong to it.
    pub feeds: AtomicUsize,
    /// Polls that run.
    pub in_flight: AtomicUsize,
    /// Polls that ended since the start, cancelled ones left out.
    pub polls: AtomicU64,
    pub polls_failed: AtomicU64,
    pub articles_new: AtomicU64,
    /// Received, before decoding.
    pub wire_bytes: AtomicU64,
    /// Feeds whose last poll failed.
    pub feeds_failing: AtomicUsize,
    /// Feeds polled at least once since the start.
    pub feeds_polled: AtomicUsize,
    /// When the core last turned: milliseconds on the wall clock.
    heartbeat_at: AtomicI64,
}

impl CoreGauges {
    pub(crate) fn beat(&self, clock: &Clock) {
        self.heartbeat_at.store(clock.now_ms(), Ordering::Relaxed);
    }

    /// How long ago the core last turned, in milliseconds.
    pub fn heartbeat_age_ms(&self, clock: &Clock) -> i64 {
        clock.now_ms().saturating_sub(self.heartbeat_at.load(Ordering::Relaxed)).max(0)
    }
}

/// Adds to a counter that one thread alone writes.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}
