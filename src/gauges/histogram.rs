//! How long things took, counted into slots: written by one thread, read by anybody, without a lock.
//!
//! Its bounds are part of the names that dashboards rely on: every process of every version has the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::add;

/// So many bounds each histogram has; what took longer than the last one is in a slot of its own.
pub(crate) const BOUNDS: usize = 14;

/// Upper bounds of the slots, in microseconds, growing.
pub(crate) type Bounds = [u64; BOUNDS];

const MS: u64 = 1_000;
const SECOND: u64 = 1_000 * MS;

/// Of a poll and its phases: from what a parser takes to what a hung host is given.
pub(crate) static POLL_BOUNDS: Bounds = [
    MS,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    SECOND,
    5 * SECOND / 2,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
];

/// Of how late polls begin: from the turn of a core to a backlog.
pub(crate) static DELAY_BOUNDS: Bounds = [
    100 * MS,
    250 * MS,
    500 * MS,
    SECOND,
    5 * SECOND / 2,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1_800 * SECOND,
    3_600 * SECOND,
];

/// Of a transaction: from a disk that only says that it has synced to one that nearly hangs.
pub(crate) static COMMIT_BOUNDS: Bounds = [
    MS / 4,
    MS / 2,
    MS,
    5 * MS / 2,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    SECOND,
    5 * SECOND / 2,
    5 * SECOND,
];

/// What one thread has measured.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static Bounds,
    counts: [AtomicU64; BOUNDS + 1],
    sum_us: AtomicU64,
}

/// The same, read, or that of several threads added up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) bounds: &'static Bounds,
    /// Of each slot, and not of those below it.
    pub(crate) counts: [u64; BOUNDS + 1],
    pub(crate) sum_us: u64,
}

impl Histogram {
    pub(crate) fn new(bounds: &'static Bounds) -> Histogram {
        Histogram { bounds, counts: std::array::from_fn(|_| AtomicU64::default()), sum_us: AtomicU64::default() }
    }

    /// Counts one that took so long. One thread alone does.
    pub(crate) fn count(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&self.counts[self.bounds.partition_point(|bound| *bound < us)], 1);
        add(&self.sum_us, us);
    }
}

impl Measured {
    /// Of nobody yet.
    pub(crate) fn none(bounds: &'static Bounds) -> Measured {
        Measured { bounds, counts: [0; BOUNDS + 1], sum_us: 0 }
    }

    /// With what another thread has measured. Slots are read one after the other: what is counted meanwhile may be in the
    /// sum and in no slot, which is seen by the next who looks.
    pub(crate) fn with(mut self, histogram: &Histogram) -> Measured {
        debug_assert!(std::ptr::eq(self.bounds, histogram.bounds), "they measure different things");
        for (sum, count) in self.counts.iter_mut().zip(&histogram.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        self.sum_us = self.sum_us.saturating_add(histogram.sum_us.load(Ordering::Relaxed));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_grow() {
        for bounds in [&POLL_BOUNDS, &DELAY_BOUNDS, &COMMIT_BOUNDS] {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }

    #[test]
    fn each_is_counted_in_the_slot_whose_bound_it_does_not_pass() {
        let (one, other) = (Histogram::new(&COMMIT_BOUNDS), Histogram::new(&COMMIT_BOUNDS));
        for us in [0, 250, 251, 1_000] {
            one.count(Duration::from_micros(us));
        }
        other.count(Duration::from_secs(5));
        other.count(Duration::from_secs(6));
        let measured = Measured::none(&COMMIT_BOUNDS).with(&one).with(&other);
        let mut expected = [0; BOUNDS + 1];
        (expected[0], expected[1], expected[2], expected[13], expected[14]) = (2, 1, 1, 1, 1);
        assert_eq!((measured.counts, measured.sum_us), (expected, 11_001_501));
    }
}
