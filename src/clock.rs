//! The only place that asks what time it is. Everything else is told.

#[cfg(test)]
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// Where the time comes from: the machine, or a test that steps it.
///
/// Scheduling inside a running process goes by the monotonic clock, so that a step of the wall clock neither
/// fires a burst of polls nor swallows one; the wall clock is for what is stored and shown.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    wall_offset_ms: Arc<AtomicI64>,
    /// The offset is all there is: it goes when it is stepped, and not otherwise.
    is_stopped: bool,
}

#[cfg(test)]
thread_local! {
    /// The monotonic clock of a thread that lives in simulated time.
    static MONOTONIC: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::default()
    }

    /// Milliseconds since 1970, UTC.
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub fn now_ms(&self) -> i64 {
        if self.is_stopped {
            return self.wall_offset_ms.load(Ordering::Relaxed);
        }
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_millis())
            .unwrap_or(i64::MAX)
            .saturating_add(self.wall_offset_ms.load(Ordering::Relaxed))
    }

    /// Shifts the wall clock of every holder of this clock, as an administrator or NTP would.
    pub fn step(&self, by_ms: i64) {
        self.wall_offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// A point on the monotonic clock.
    pub fn monotonic() -> Instant {
        #[cfg(test)]
        if let Some(simulated) = MONOTONIC.get() {
            return simulated;
        }
        Clock::of_timers()
    }

    /// The same, as the kernel's timers know it: in a simulation they go on, and nothing else does.
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub(crate) fn of_timers() -> Instant {
        Instant::now()
    }

    /// The monotonic clock in milliseconds, as another process of this machine reads it too. Simulations do not step it.
    pub fn monotonic_ms() -> u64 {
        // It fails for a clock that does not exist alone.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
        duration_ms(now)
    }

    /// A wall clock that stands still. For simulations, as [`Clock::advance`].
    #[cfg(test)]
    pub(crate) fn stopped_at(at_ms: i64) -> Clock {
        Clock { wall_offset_ms: Arc::new(AtomicI64::new(at_ms)), is_stopped: true }
    }

    /// Lets time pass: on this wall clock, and on the monotonic clock of the calling thread, which stands still between
    /// two calls. Whoever only waits for a timer waits for the real one.
    #[cfg(test)]
    pub(crate) fn advance(&self, by: Duration) {
        MONOTONIC.set(Some(Clock::monotonic() + by));
        self.step(i64::try_from(duration_ms(by)).expect("no simulation is as long"));
    }

    /// How long ago `since` was.
    pub fn elapsed(since: Instant) -> Duration {
        Self::monotonic().saturating_duration_since(since)
    }

    /// The same, in whole milliseconds.
    pub fn elapsed_ms(since: Instant) -> u64 {
        duration_ms(Self::elapsed(since))
    }
}

/// A duration in whole milliseconds.
pub fn duration_ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
