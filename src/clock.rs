//! The only place that asks what time it is. Everything else is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from: the machine, or a test that steps it.
///
/// Scheduling inside a running process goes by the monotonic clock, so that a step of the wall clock neither
/// fires a burst of polls nor swallows one; the wall clock is for what is stored and shown.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    wall_offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock::default()
    }

    /// Milliseconds since 1970, UTC.
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub fn now_ms(&self) -> i64 {
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
    #[allow(clippy::disallowed_methods, reason = "the one place")]
    pub fn monotonic() -> Instant {
        Instant::now()
    }

    /// How long ago `since` was, in whole milliseconds.
    pub fn elapsed_ms(since: Instant) -> u64 {
        duration_ms(Self::monotonic().saturating_duration_since(since))
    }
}

/// A duration in whole milliseconds.
pub fn duration_ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
