//! What was learned of names, for as long as it may be believed. Pure: the time is passed in.
//!
//! Ours and not hickory's, whose entries are whole messages: names that a stranger chooses (redirects do) with thousands of
//! addresses each would take hundreds of megabytes. Here a name costs at most a few hundred bytes, and their number is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// What a lookup came to.
pub(super) type Answer = Result<Vec<IpAddr>, Failure>;

/// Answers by name, at most `names_max` of them.
pub(super) struct Cache {
    answers: HashMap<String, (Answer, Instant)>,
    names_max: usize,
}

impl Cache {
    pub(super) fn new(names_max: usize) -> Cache {
        Cache { answers: HashMap::new(), names_max }
    }

    /// The answer for `name`, unless it is unknown or its time has passed.
    pub(super) fn get(&self, name: &str, now: Instant) -> Option<&Answer> {
        self.answers.get(name).filter(|(_, until)| now < *until).map(|(answer, _)| answer)
    }

    /// Keeps `answer` for `ttl`. A full cache first forgets what has passed, then what would pass next.
    pub(super) fn put(&mut self, name: &str, answer: Answer, ttl: Duration, now: Instant) {
        if ttl.is_zero() {
            return;
        }
        if self.answers.len() >= self.names_max && !self.answers.contains_key(name) {
            self.answers.retain(|_, (_, until)| now < *until);
            if self.answers.len() >= self.names_max {
                let next = self.answers.iter().min_by_key(|(_, (_, until))| *until).map(|(name, _)| name.clone());
                next.and_then(|name| self.answers.remove(&name));
            }
        }
        self.answers.insert(name.to_owned(), (answer, now + ttl));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn answers_pass_and_the_oldest_make_room() {
        const SECOND: Duration = Duration::from_secs(1);
        let start = Clock::monotonic();
        let addrs = |n: u8| Ok(vec![IpAddr::from([192, 0, 2, n])]);
        let mut cache = Cache::new(3);
        cache.put("a", addrs(1), 10 * SECOND, start);
        cache.put("b", addrs(2), 20 * SECOND, start);
        cache.put("never", addrs(9), Duration::ZERO, start);
        assert_eq!(cache.get("a", start + 9 * SECOND), Some(&addrs(1)));
        assert_eq!(cache.get("a", start + 10 * SECOND), None);
        assert_eq!(cache.get("never", start), None);

        // A new answer replaces the old one without pushing anybody out.
        cache.put("c", addrs(3), 5 * SECOND, start);
        cache.put("c", addrs(4), 30 * SECOND, start);
        assert_eq!(cache.get("c", start), Some(&addrs(4)));
        assert_eq!(cache.get("a", start), Some(&addrs(1)));

        // Full of valid answers: the one that would pass first goes.
        cache.put("d", addrs(5), 20 * SECOND, start);
        assert_eq!(cache.get("a", start), None);
        assert_eq!(cache.answers.len(), 3);

        // Full of passed ones: they all go.
        cache.put("e", addrs(6), SECOND, start + 25 * SECOND);
        assert_eq!(cache.get("c", start + 25 * SECOND), Some(&addrs(4)));
        assert_eq!(cache.answers.len(), 2);
    }
}
