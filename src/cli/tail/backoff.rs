//! How long to wait before coming back to a daemon. Pure.

use std::time::Duration;

use crate::limits::{TAIL_BACKOFF_MAX, TAIL_PAUSE_MAX, TAIL_RETRY, TAIL_RETRY_MIN};

#[derive(Clone, Debug)]
pub(super) struct Backoff {
    /// What the daemon asks for.
    retry: Duration,
    /// Connections in a row that came to nothing.
    failures: u32,
}

impl Backoff {
    pub(super) fn new() -> Backoff {
        Backoff { retry: TAIL_RETRY, failures: 0 }
    }

    /// The daemon said how long to wait, by `retry:`.
    pub(super) fn asked(&mut self, retry_ms: u64) {
        self.retry = Duration::from_millis(retry_ms).clamp(TAIL_RETRY_MIN, TAIL_PAUSE_MAX);
    }

    /// Something came: the next failure is the first.
    pub(super) fn worked(&mut self) {
        self.failures = 0;
    }

    /// The wait after a connection that is over: `retry:`, twice as long after each that came to nothing, spread by up to
    /// a half of it, for many lose the daemon at once; and no less than `at_least`, which is `Retry-After`.
    pub(super) fn next(&mut self, at_least: Option<Duration>, dice: u64) -> Duration {
        let doubled = self.retry.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let wait = doubled.min(TAIL_BACKOFF_MAX.max(self.retry)).max(at_least.unwrap_or_default().min(TAIL_PAUSE_MAX));
        let thousandths = u32::try_from(dice % 500).unwrap_or(0);
        wait + wait * thousandths / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_start_again_when_something_came() {
        let mut backoff = Backoff::new();
        let next = |backoff: &mut Backoff| backoff.next(None, 0).as_millis();
        let waits: Vec<_> = (0..7).map(|_| next(&mut backoff)).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        backoff.worked();
        assert_eq!(next(&mut backoff), 1_000);
        // More than two hundred years of failures.
        backoff.failures = u32::MAX;
        assert_eq!(next(&mut backoff), 30_000);
    }

    #[test]
    fn what_the_daemon_asks_for_is_kept_within_bounds() {
        for (retry_ms, first, sixth) in
            [(0, 100, 3_200), (2_500, 2_500, 30_000), (45_000, 45_000, 45_000), (u64::MAX, 600_000, 600_000)]
        {
            let mut backoff = Backoff::new();
            backoff.asked(retry_ms);
            assert_eq!(backoff.next(None, 0).as_millis(), first, "{retry_ms}");
            for _ in 0..4 {
                backoff.next(None, 0);
            }
            assert_eq!(backoff.next(None, 0).as_millis(), sixth, "{retry_ms}");
        }
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(Backoff::new().next(seconds(7), 0).as_secs(), 7);
        assert_eq!(Backoff::new().next(seconds(0), 0).as_secs(), 1);
        assert_eq!(Backoff::new().next(seconds(86_400), 0).as_secs(), 600);
    }

    #[test]
    fn nobody_comes_back_early_or_much_too_late() {
        for dice in [0, 1, 499, 500, u64::MAX] {
            let wait = Backoff::new().next(Some(Duration::from_secs(10)), dice);
            assert!((10_000..15_000).contains(&wait.as_millis()), "{wait:?}");
        }
    }
}
