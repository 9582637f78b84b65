//! What the cores count, for whoever wants to know: written by one core each, read by anybody.

mod histogram;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::article::RepairKind;
use crate::clock::Clock;
use crate::failure::Class;
use crate::poll::{Outcome, Spent};
use crate::watch::{Cell, FlightRoom};
pub(crate) use histogram::{COMMIT_BOUNDS, DELAY_BOUNDS, Histogram, Measured, POLL_BOUNDS};

/// One core's counters.
#[derive(Debug)]
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
    /// Of documents, after decoding.
    pub body_bytes: AtomicU64,
    /// Polls by what came of them.
    pub(crate) outcomes: [AtomicU64; Outcome::ALL.len()],
    /// What the phases of polls took, in the order of [`Spent::PHASES`].
    pub(crate) phases: [Histogram; Spent::PHASES.len()],
    /// What polls took, from their begin to their commit.
    pub(crate) polls_whole: Histogram,
    /// Polls that failed, by class.
    pub(crate) failures: [AtomicU64; Class::ALL.len()],
    /// Documents that had to be repaired, by kind of damage.
    pub(crate) repairs: [AtomicU64; RepairKind::ALL.len()],
    /// Polls by how long they took.
    pub(crate) latencies: [AtomicU64; LATENCY_SLOTS],
    /// Feeds whose last poll failed.
    pub feeds_failing: AtomicUsize,
    /// Feeds polled at least once since the start.
    pub feeds_polled: AtomicUsize,
    /// Feeds that are due and not admitted yet.
    pub feeds_overdue: AtomicUsize,
    /// When the one of them that waits for the longest came due, on the monotonic clock; 0 where none waits.
    pub(crate) due_since_ms: AtomicU64,
    /// How late polls begin.
    pub(crate) delays: Histogram,
    /// Feeds whose last poll failed, by class.
    pub(crate) failing: [FailingGauges; Class::ALL.len()],
    /// Fibers that are there, parked or not.
    pub(crate) fibers: AtomicUsize,
    /// The most that a fiber needed of its stack, of those that were looked at.
    pub(crate) stack_bytes_most: AtomicUsize,
    /// No host is reached, so that polls pause.
    pub is_cut_off: AtomicBool,
    /// Fewer polls are in flight than there might be, for want of descriptors or memory.
    pub is_short: AtomicBool,
    /// Polls that were tried again later for that reason.
    pub polls_put_off: AtomicU64,
    /// Times that polls which were due began to wait for the stream.
    pub(crate) stream_waits: AtomicU64,
    /// Polls that a single round does without, for that reason.
    pub polls_left_out: AtomicU64,
    /// When the core last turned, and what it is at.
    pub(crate) cell: Cell,
    /// Where it shows what it has in flight.
    pub(crate) flights: FlightRoom,
    /// A nudge is on its way: one is enough, and a queue full of them would keep commands out.
    nudged: AtomicBool,
}

/// A core's failing feeds of one class.
#[derive(Debug)]
pub(crate) struct FailingGauges {
    pub(crate) count: AtomicUsize,
    /// When the first of them began to, in milliseconds since 1970; `i64::MAX` where there is none.
    pub(crate) since_ms: AtomicI64,
}

impl Default for FailingGauges {
    fn default() -> FailingGauges {
        FailingGauges { count: AtomicUsize::new(0), since_ms: AtomicI64::new(i64::MAX) }
    }
}

impl Default for CoreGauges {
    fn default() -> CoreGauges {
        CoreGauges {
            feeds: AtomicUsize::default(),
            in_flight: AtomicUsize::default(),
            polls: AtomicU64::default(),
            polls_failed: AtomicU64::default(),
            articles_new: AtomicU64::default(),
            wire_bytes: AtomicU64::default(),
            body_bytes: AtomicU64::default(),
            outcomes: std::array::from_fn(|_| AtomicU64::default()),
            phases: std::array::from_fn(|_| Histogram::new(&POLL_BOUNDS)),
            polls_whole: Histogram::new(&POLL_BOUNDS),
            failures: std::array::from_fn(|_| AtomicU64::default()),
            repairs: std::array::from_fn(|_| AtomicU64::default()),
            latencies: std::array::from_fn(|_| AtomicU64::default()),
            feeds_failing: AtomicUsize::default(),
            feeds_polled: AtomicUsize::default(),
            feeds_overdue: AtomicUsize::default(),
            due_since_ms: AtomicU64::default(),
            delays: Histogram::new(&DELAY_BOUNDS),
            failing: std::array::from_fn(|_| FailingGauges::default()),
            fibers: AtomicUsize::default(),
            stack_bytes_most: AtomicUsize::default(),
            is_cut_off: AtomicBool::default(),
            is_short: AtomicBool::default(),
            polls_put_off: AtomicU64::default(),
            stream_waits: AtomicU64::default(),
            polls_left_out: AtomicU64::default(),
            cell: Cell::default(),
            flights: FlightRoom::default(),
            nudged: AtomicBool::default(),
        }
    }
}

impl CoreGauges {
    /// Of a core that is watched.
    pub(crate) fn watched(cell: Cell, flights: FlightRoom) -> CoreGauges {
        CoreGauges { cell, flights, ..CoreGauges::default() }
    }

    pub(crate) fn beat(&self) {
        self.cell.beat();
    }

    /// How long ago the core last turned, in milliseconds.
    pub fn heartbeat_age_ms(&self) -> u64 {
        self.cell.beat_age_ms()
    }

    /// For how long a feed has been due, of those that are and wait; 0 where none does.
    pub(crate) fn due_age_ms(&self) -> u64 {
        match self.due_since_ms.load(Ordering::Relaxed) {
            0 => 0,
            since_ms => Clock::monotonic_ms().saturating_sub(since_ms),
        }
    }

    /// Whether a nudge may be sent: none is on its way.
    pub(crate) fn may_nudge(&self) -> bool {
        !self.nudged.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn nudge_taken(&self) {
        self.nudged.store(false, Ordering::Relaxed);
    }
}

/// Slots for how long polls took, each a fifth longer than the one before: 1 ms to five minutes.
pub const LATENCY_SLOTS: usize = 72;

const LATENCY_STEP: f64 = 1.2;

/// The slot of a poll that took so long.
pub(crate) fn latency_slot(ms: u64) -> usize {
    let slot = (ms.max(1) as f64).log(LATENCY_STEP).round();
    (slot as usize).min(LATENCY_SLOTS - 1)
}

/// About how long the polls of a slot took, in milliseconds.
pub(crate) fn latency_ms_of(slot: usize) -> u64 {
    LATENCY_STEP.powi(i32::try_from(slot).unwrap_or(i32::MAX)).round() as u64
}

/// A poll that ended, for those who watch.
#[derive(Clone, Debug)]
pub(crate) struct PollNews {
    pub(crate) feed: String,
    /// As in `fetch_log`.
    pub(crate) outcome: String,
    pub(crate) new_count: usize,
}

/// Adds to a counter that one thread alone writes.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}
