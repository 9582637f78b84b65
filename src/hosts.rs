//! The hosts of a core's feeds and the manners that each is owed: one connection at a time, a pause between two requests,
//! and silence for as long as it asked for.
//!
//! Pure: the time is passed in, and feeds are numbers. Who waits here is due and comes in the order in which it came due.
//!
//! Where many feeds of a host wait, their requests begin further apart than the pause asks for, up to twice as far, if their
//! interval has the room: 500 feeds at 15 minutes and a pause of a second begin 1.8 s apart.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

pub(crate) struct Hosts {
    pause: Duration,
    by_name: HashMap<String, Host>,
    /// When the rest of which host ends.
    resting: BinaryHeap<Reverse<(Instant, String)>>,
    /// How many wait, all hosts together.
    waiting_count: usize,
}

#[derive(Debug)]
struct Host {
    /// Feeds that are polled.
    feed_count: usize,
    /// The shortest of theirs.
    interval: Duration,
    place: Place,
    /// Due, in the order in which they came due.
    waiting: VecDeque<i64>,
    held_until: Option<Instant>,
    /// It has no feeds and rests until then, so that whoever joins meanwhile finds what it asked for.
    is_kept: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    /// Since when it is asked for one of its feeds.
    Busy(Instant),
    /// Asked a moment ago.
    Resting,
}

impl Hosts {
    /// `pause` is kept from the end of one request to the begin of the next.
    pub(crate) fn new(pause: Duration) -> Hosts {
        Hosts { pause, by_name: HashMap::new(), resting: BinaryHeap::new(), waiting_count: 0 }
    }

    /// One more feed of this host is polled.
    pub(crate) fn join(&mut self, host: &str, interval: Duration) {
        match self.by_name.get_mut(host) {
            Some(known) => {
                known.feed_count += 1;
                known.interval = known.interval.min(interval);
            }
            None => {
                let (place, waiting) = (Place::Free, VecDeque::new());
                let host_with_one = Host { feed_count: 1, interval, place, waiting, held_until: None, is_kept: false };
                self.by_name.insert(host.to_owned(), host_with_one);
            }
        }
    }

    /// One less is. What waits is not looked for here: it is not due any more when its turn comes.
    pub(crate) fn leave(&mut self, host: &str) {
        if let Some(known) = self.by_name.get_mut(host) {
            known.feed_count = known.feed_count.saturating_sub(1);
        }
        self.forget_if_empty(host);
    }

    /// Whether the feed may be polled now. If not, it waits here.
    pub(crate) fn admit(&mut self, host: &str, feed: i64, now: Instant) -> bool {
        // Of a host without feeds nothing is asked.
        let Some(known) = self.by_name.get_mut(host) else { return true };
        if known.place == Place::Free {
            known.place = Place::Busy(now);
            return true;
        }
        known.waiting.push_back(feed);
        self.waiting_count += 1;
        false
    }

    /// The poll of this host that was admitted asks it no more.
    pub(crate) fn ended(&mut self, host: &str, now: Instant) {
        let spacing = self.spacing(host);
        let Some(known) = self.by_name.get_mut(host) else { return };
        let Place::Busy(since) = known.place else { return };
        let alone = known.waiting.is_empty();
        let rested = if alone { now + self.pause } else { (now + self.pause).max(since + spacing) };
        known.place = Place::Resting;
        self.resting.push(Reverse((rested, host.to_owned())));
    }

    /// A feed that has waited and may be polled now; its host has the pause behind it. `is_due` tells of those that waited
    /// which still are.
    pub(crate) fn next(&mut self, now: Instant, is_due: impl Fn(&str, i64) -> bool) -> Option<i64> {
        while self.next_at().is_some_and(|at| at <= now) {
            let Some(Reverse((_, host))) = self.resting.pop() else { break };
            let Some(known) = self.by_name.get_mut(&host) else { continue };
            known.place = Place::Free;
            while let Some(feed) = known.waiting.pop_front() {
                self.waiting_count -= 1;
                if is_due(&host, feed) {
                    known.place = Place::Busy(now);
                    return Some(feed);
                }
            }
            self.forget_if_empty(&host);
        }
        None
    }

    /// When [`Hosts::next`] may have one.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.resting.peek().map(|Reverse((at, _))| *at)
    }

    /// Nothing is to be asked of this host before `until`. It does not keep anybody from it: whoever sets deadlines asks.
    pub(crate) fn hold(&mut self, host: &str, until: Instant) {
        if let Some(known) = self.by_name.get_mut(host) {
            known.held_until = known.held_until.max(Some(until));
            known.is_kept = false;
        }
    }

    pub(crate) fn held_until(&self, host: &str) -> Option<Instant> {
        self.by_name.get(host)?.held_until
    }

    /// How far apart the polls of feeds are to begin that come due together.
    pub(crate) fn spacing(&self, host: &str) -> Duration {
        let Some(known) = self.by_name.get(host) else { return self.pause };
        let feeds = u32::try_from(known.feed_count.max(1)).unwrap_or(u32::MAX);
        (known.interval / feeds).clamp(self.pause, 2 * self.pause)
    }

    /// Whether a feed waits for this host.
    pub(crate) fn is_waited_for(&self, host: &str) -> bool {
        self.by_name.get(host).is_some_and(|known| !known.waiting.is_empty())
    }

    /// How many hosts there are.
    pub(crate) fn count(&self) -> usize {
        self.by_name.len()
    }

    /// Nobody waits any more: all who did are due at another time.
    pub(crate) fn clear_waiting(&mut self) {
        self.by_name.values_mut().for_each(|host| host.waiting.clear());
        self.waiting_count = 0;
    }

    /// How many feeds wait.
    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting_count
    }

    /// Whether the feed waits here.
    #[cfg(test)]
    pub(crate) fn holds(&self, host: &str, feed: i64) -> bool {
        self.by_name.get(host).is_some_and(|known| known.waiting.contains(&feed))
    }

    /// A host without feeds goes, once its hold is over: one reload may take its last feed away and give it another.
    fn forget_if_empty(&mut self, host: &str) {
        let Some(known) = self.by_name.get_mut(host) else { return };
        if known.feed_count > 0 || !known.waiting.is_empty() || known.place != Place::Free {
            return;
        }
        match known.held_until.filter(|_| !known.is_kept) {
            Some(until) => {
                (known.place, known.is_kept) = (Place::Resting, true);
                self.resting.push(Reverse((until, host.to_owned())));
            }
            None => drop(self.by_name.remove(host)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);
    const QUARTER: Duration = Duration::from_secs(900);

    fn hosts(pause: Duration, feeds: usize) -> Hosts {
        let mut hosts = Hosts::new(pause);
        (0..feeds).for_each(|_| hosts.join("a", QUARTER));
        hosts
    }

    #[test]
    fn a_host_has_one_poll_at_a_time_and_a_pause_behind_it() {
        let (start, ms) = (Clock::monotonic(), Duration::from_millis);
        let mut hosts = hosts(SECOND, 3);
        hosts.join("b", QUARTER);
        assert!(hosts.admit("a", 1, start));
        assert!(!hosts.admit("a", 2, start), "one at a time");
        assert!(hosts.admit("b", 9, start), "another host is another matter");
        assert_eq!((hosts.waiting_count(), hosts.next_at()), (1, None));
        let ended = start + 10 * SECOND;
        hosts.ended("a", ended);
        assert!(!hosts.admit("a", 3, ended), "it comes behind those that wait, and the host rests");
        assert_eq!(hosts.next(ended + ms(999), |_, _| true), None);
        assert_eq!(hosts.next(ended + ms(1_000), |_, _| true), Some(2));
        assert_eq!(hosts.next(ended + 60 * SECOND, |_, _| true), None, "one at a time");
        hosts.ended("a", ended + 60 * SECOND);
        // What has been removed meanwhile is passed over, and a host that nobody waits for is free.
        assert_eq!(hosts.next(ended + 61 * SECOND, |_, feed| feed != 3), None);
        assert_eq!(hosts.waiting_count(), 0);
        assert!(hosts.admit("a", 4, ended + 61 * SECOND));
    }

    #[test]
    fn a_pause_holds_for_whoever_comes_due_within_it() {
        let start = Clock::monotonic();
        let mut hosts = hosts(SECOND, 2);
        assert!(hosts.admit("a", 1, start));
        hosts.ended("a", start);
        assert!(!hosts.admit("a", 2, start + SECOND / 2));
        assert_eq!(hosts.next(start + SECOND, |_, _| true), Some(2));
    }

    #[test]
    fn without_a_pause_the_next_one_comes_at_once() {
        let start = Clock::monotonic();
        let mut hosts = hosts(Duration::ZERO, 500);
        assert!(hosts.admit("a", 1, start) && !hosts.admit("a", 2, start));
        hosts.ended("a", start);
        assert_eq!(hosts.next(start, |_, _| true), Some(2));
    }

    #[test]
    fn feeds_that_wait_together_begin_as_far_apart_as_their_interval_has_room() {
        for (feeds, apart_ms) in [(2, 2_000), (100, 2_000), (500, 1_800), (900, 1_000), (5_000, 1_000)] {
            let mut hosts = hosts(SECOND, feeds);
            let start = Clock::monotonic();
            assert!(hosts.admit("a", 0, start));
            (1..20).for_each(|feed| assert!(!hosts.admit("a", feed, start)));
            let mut begun = start;
            for feed in 1..20 {
                // A poll that takes a while takes it from the space between, not from the pause.
                hosts.ended("a", begun + Duration::from_millis(100));
                let at = hosts.next_at().unwrap();
                let expected = Duration::from_millis(apart_ms).max(SECOND + Duration::from_millis(100));
                assert_eq!(at - begun, expected, "{feeds} feeds");
                assert_eq!(hosts.next(at, |_, _| true), Some(feed));
                begun = at;
            }
        }
    }

    #[test]
    fn hosts_without_feeds_are_forgotten() {
        let start = Clock::monotonic();
        let mut hosts = hosts(SECOND, 2);
        hosts.leave("a");
        assert!(hosts.admit("a", 1, start));
        hosts.leave("a");
        assert_eq!(hosts.by_name.len(), 1, "its poll is still in flight");
        hosts.ended("a", start);
        assert_eq!(hosts.next(start + SECOND, |_, _| true), None);
        assert!(hosts.by_name.is_empty() && hosts.resting.is_empty());
        hosts.join("b", QUARTER);
        hosts.leave("b");
        assert!(hosts.by_name.is_empty());
    }

    #[test]
    fn a_hold_outlives_the_feeds_of_its_host_and_no_longer() {
        let start = Clock::monotonic();
        let mut hosts = hosts(SECOND, 1);
        hosts.hold("a", start + 60 * SECOND);
        hosts.leave("a");
        hosts.join("a", QUARTER);
        assert_eq!(hosts.held_until("a"), Some(start + 60 * SECOND));
        assert!(!hosts.admit("a", 1, start + SECOND), "it rests");
        assert_eq!(hosts.next(start + 59 * SECOND, |_, _| true), None);
        assert_eq!(hosts.next(start + 60 * SECOND, |_, _| true), Some(1));
        hosts.leave("a");
        hosts.ended("a", start + 61 * SECOND);
        assert_eq!(hosts.next(start + 62 * SECOND, |_, _| true), None);
        assert!(hosts.by_name.is_empty() && hosts.resting.is_empty());
    }

    #[test]
    fn the_longest_hold_counts() {
        let start = Clock::monotonic();
        let mut hosts = hosts(SECOND, 2);
        assert_eq!(hosts.held_until("a"), None);
        for (until, held) in [(10, 10), (60, 60), (20, 60)] {
            hosts.hold("a", start + until * SECOND);
            assert_eq!(hosts.held_until("a"), Some(start + held * SECOND));
        }
        assert_eq!(hosts.held_until("b"), None);
    }
}
