//! A feed on its core: what is known of it, and where it is between two polls.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use crate::failure::Class;
use crate::fetch::Flight;
use crate::hosts::Hosts;
use crate::poll::{Entrant, Memory, Subscription};
use crate::schedule;
use crate::store::FeedState;

/// A feed on its core.
pub(crate) struct Feed {
    pub(crate) subscription: Rc<Subscription>,
    pub(crate) memory: Memory,
    pub(super) host: String,
    pub(crate) place: Place,
    /// That of the deadline set last; older ones are void.
    pub(crate) turn: u64,
    /// That deadline.
    pub(crate) due_at: Instant,
    pub(super) polled: bool,
}

/// Where a feed is between two polls.
pub(crate) enum Place {
    /// Until its deadline.
    Waiting,
    /// Due, in `ready`, in its host's queue, or in `unsettled`.
    Due,
    /// Dropping the sender cancels the poll.
    InFlight { _cancel: oneshot::Sender<()>, flight: Rc<Flight> },
    /// Not to be polled again: polled once, given up, or drained.
    Done,
}

impl Feed {
    pub(super) fn new(mut entrant: Entrant, now: Instant) -> Feed {
        let is_given_up = entrant.is_given_up();
        let planning = &mut entrant.memory.state.planning;
        if !is_given_up && planning.given_up_for.take().is_some() {
            // Changed since it was given up: it begins anew.
            planning.gone_count = 0;
        }
        let host = entrant.host();
        let Entrant { subscription, memory } = entrant;
        Feed {
            subscription: subscription.into(),
            memory,
            host,
            place: Place::Waiting,
            turn: 0,
            due_at: now,
            polled: false,
        }
    }

    /// Takes over from what it was before a reload, if the URL is the same: what was learnt of it since the reload read its
    /// row, and its deadline, which it gives. That stands on the monotonic clock; the row's is of a wall clock that may have
    /// been set since. Where its last poll failed for what stands in feeds.toml, it begins anew, at once if its host lets it: who
    /// mends that looks whether it helped.
    pub(super) fn go_on_from(&mut self, old: &Feed) -> Option<Instant> {
        if old.subscription.feed.url != self.subscription.feed.url {
            return None;
        }
        if old.memory.poll_count > self.memory.poll_count {
            let memory = Memory { unreadable: None, ..old.memory.clone() };
            *self = Feed::new(Entrant { subscription: (*self.subscription).clone(), memory }, self.due_at);
        }
        if self.waits_for_its_entry() {
            self.memory.state.next_poll_at = None;
            return None;
        }
        matches!(old.place, Place::Waiting).then_some(old.due_at)
    }

    /// Its last poll failed for what an entry in feeds.toml may mend: `allow_private`, a password, a `ca_file`, a size.
    fn waits_for_its_entry(&self) -> bool {
        let mendable = [Class::Policy, Class::Credentials, Class::Tls, Class::TooLarge, Class::Local];
        let class = self.memory.state.last_error_class.as_deref();
        class.is_some_and(|class| mendable.iter().any(|mendable| mendable.name() == class))
    }

    /// The host that is asked.
    #[cfg(test)]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.memory.state.planning.given_up_for.is_some()
    }

    /// Counts among the feeds of another host from now on if its last poll has moved its `effective_url` there.
    pub(super) fn follow_host(&mut self, hosts: &mut Hosts) {
        let host = self.subscription.host(&self.memory.state);
        if host != self.host {
            hosts.leave(&self.host);
            hosts.join(&host, self.subscription.feed.interval);
            self.host = host;
        }
    }

    /// A wait that was not decided by its last poll, moved out of the time that its document skips.
    pub(super) fn unskipped(&self, wait: Duration, now_ms: i64) -> Duration {
        let FeedState { planning, last_polled_at, .. } = &self.memory.state;
        let hints = schedule::read_hints(planning.hints.as_deref());
        let Subscription { feed, .. } = &*self.subscription;
        schedule::unskipped(&self.subscription.pace(), &feed.name, &hints, wait, *last_polled_at, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::config;
    use crate::core::{Agenda, Moment, Settings};
    use crate::store::FeedRecord;

    const MINUTE: Duration = Duration::from_secs(60);
    const NOW_MS: i64 = 1_772_323_200_000;

    fn entrant(next_poll_at: i64, poll_count: u64) -> Entrant {
        let feed = config::Feed::new("a", "http://a.test/".parse().unwrap());
        let state = FeedState { next_poll_at: Some(next_poll_at), ..FeedState::default() };
        let record = FeedRecord { id: 1, state, poll_count, ..FeedRecord::default() };
        Entrant::made_up(feed, record)
    }

    #[test]
    fn a_changed_feed_keeps_its_deadline_whatever_the_wall_clock_says() {
        let settings =
            Settings { index: 0, in_flight_max: 1, once: false, due_at_start: 0, host_pause: Duration::ZERO };
        let mut agenda = Agenda::new(settings);
        let now = Clock::monotonic();
        let due = NOW_MS + 10 * 60_000;
        agenda.put(vec![entrant(due, 1)], true, Moment { now, wall_ms: NOW_MS });
        assert_eq!(agenda.next_at(None, true), Some(now + 10 * MINUTE));
        // A minute later the clock was set forward by a day.
        let mut changed = entrant(due, 1);
        Arc::make_mut(&mut changed.subscription.feed).interval *= 2;
        let later = Moment { now: now + MINUTE, wall_ms: NOW_MS + 86_400_000 };
        agenda.put(vec![changed.clone()], false, later);
        assert_eq!(agenda.next_at(None, true), Some(now + 10 * MINUTE));
        assert_eq!(agenda.feeds()[&1].subscription.feed.interval, changed.subscription.feed.interval);
        // Another URL is another matter.
        Arc::make_mut(&mut changed.subscription.feed).url.set_path("/other");
        agenda.put(vec![changed], false, later);
        assert_eq!(agenda.next_at(None, true), Some(now + MINUTE));
    }

    #[test]
    fn a_changed_feed_is_due_at_once_if_its_entry_was_to_blame_and_its_host_lets_it() {
        let now = Clock::monotonic();
        let at = Moment { now, wall_ms: NOW_MS };
        for (class, is_mendable) in
            [("policy", true), ("credentials", true), ("local", true), ("status", false), ("timeout(body)", false)]
        {
            let failed = || {
                let mut failed = entrant(NOW_MS + 600_000, 1);
                failed.memory.state.last_error_class = Some(class.to_owned());
                failed
            };
            let changed = || {
                let mut changed = failed();
                Arc::make_mut(&mut changed.subscription.feed).interval *= 2;
                vec![changed]
            };
            let settings =
                Settings { index: 0, in_flight_max: 1, once: false, due_at_start: 0, host_pause: Duration::ZERO };
            let mut agenda = Agenda::new(settings);
            agenda.put(vec![failed()], true, at);
            agenda.put(changed(), false, at);
            let due_at = agenda.feeds()[&1].due_at;
            assert_eq!(due_at < now + MINUTE, is_mendable, "{class}");
            agenda.hosts.hold("a.test", now + 60 * MINUTE);
            agenda.put(vec![failed()], false, at);
            let due_at = agenda.feeds()[&1].due_at;
            assert_eq!(
                due_at >= now + 60 * MINUTE,
                is_mendable,
                "{class}: the others were put off by who held the host"
            );
        }
    }

    #[test]
    fn a_feed_that_fails_counts_once_however_often_it_is_changed() {
        let settings =
            Settings { index: 0, in_flight_max: 1, once: false, due_at_start: 0, host_pause: Duration::ZERO };
        let mut agenda = Agenda::new(settings);
        let mut failing = entrant(NOW_MS + 600_000, 1);
        let state = &mut failing.memory.state;
        (state.failure_count, state.failing_since, state.last_error_class) = (3, Some(NOW_MS), Some("dns".to_owned()));
        let now = Clock::monotonic();
        for hours in 1..4 {
            Arc::make_mut(&mut failing.subscription.feed).interval = 60 * hours * MINUTE;
            agenda.put(vec![failing.clone()], false, Moment { now, wall_ms: NOW_MS });
        }
        let failing = agenda.tally.take_news().expect("one has come");
        assert_eq!(failing[Class::Dns as usize].count, 1);
    }

    #[test]
    fn a_feed_that_moves_counts_among_those_of_its_new_host() {
        let mut hosts = Hosts::new(Duration::ZERO);
        hosts.join("a.test", MINUTE);
        let mut feed = Feed::new(entrant(NOW_MS, 1), Clock::monotonic());
        feed.follow_host(&mut hosts);
        assert_eq!((feed.host(), hosts.count()), ("a.test", 1));
        feed.memory.state.effective_url = Some("http://b.test/".to_owned());
        feed.follow_host(&mut hosts);
        assert_eq!((feed.host(), hosts.count()), ("b.test", 1));
    }

    #[test]
    fn what_was_learnt_since_a_reload_read_the_row_is_not_forgotten() {
        let now = Clock::monotonic();
        let mut old = Feed::new(entrant(NOW_MS, 7), now);
        (old.memory.poll_count, old.memory.state.etag) = (8, Some(b"new".to_vec()));
        let mut changed = Feed::new(entrant(NOW_MS, 7), now);
        assert_eq!(changed.go_on_from(&old), Some(now));
        assert_eq!((changed.memory.poll_count, changed.memory.state.etag.as_deref()), (8, Some(&b"new"[..])));
        // A row that is as new says it itself.
        let mut changed = Feed::new(entrant(NOW_MS, 8), now);
        assert!(changed.go_on_from(&old).is_some() && changed.memory.state.etag.is_none());
    }
}
