//! Hosts that asked to be left alone, so that no redirect leads to one of them before its time.
//!
//! Pure bookkeeping, one a core. The feeds of such a host itself have deadlines; who is led to it has not.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::limits::HELD_HOSTS_MAX;

/// Until when, by host.
#[derive(Debug, Default)]
pub(crate) struct Held(HashMap<String, Instant>);

impl Held {
    /// The longest counts. Of too many the one is forgotten that is over first.
    pub(crate) fn hold(&mut self, host: &str, until: Instant, now: Instant) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() == HELD_HOSTS_MAX && !self.0.contains_key(host) {
            let first = self.0.iter().min_by_key(|(_, until)| **until).map(|(host, _)| host.clone());
            first.and_then(|host| self.0.remove(&host));
        }
        let known = self.0.entry(host.to_owned()).or_insert(until);
        *known = until.max(*known);
    }

    /// For how long still, if at all.
    pub(crate) fn left(&self, host: &str, now: Instant) -> Option<Duration> {
        let left = self.0.get(host)?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_host_is_held_for_the_longest_that_it_asked_for() {
        let now = Clock::monotonic();
        let mut held = Held::default();
        for until in [5, 9, 7] {
            held.hold("a", now + until * SECOND, now);
        }
        assert_eq!(held.left("a", now), Some(9 * SECOND));
        assert_eq!(held.left("a", now + 8 * SECOND), Some(SECOND));
        assert_eq!((held.left("a", now + 9 * SECOND), held.left("b", now)), (None, None));
    }

    #[test]
    fn they_are_never_too_many() {
        let now = Clock::monotonic();
        let mut held = Held::default();
        for n in 0..=HELD_HOSTS_MAX as u32 {
            held.hold(&n.to_string(), now + (n + 1) * SECOND, now);
        }
        assert_eq!(held.0.len(), HELD_HOSTS_MAX);
        assert_eq!((held.left("0", now), held.left("1", now)), (None, Some(2 * SECOND)));
        held.hold("late", now + 99_999 * SECOND, now + 50_000 * SECOND);
        assert_eq!(held.0.len(), 1, "what is over is forgotten");
    }
}
