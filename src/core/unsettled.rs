//! Feeds whose answer is there and not committed yet.
//!
//! Their hosts may be asked again; they themselves, changed or removed and put back meanwhile, may not: a poll starts from what
//! the one before has left, and that is known once it is stored.

use std::cell::Cell;
use std::collections::HashMap;

#[derive(Default)]
pub(super) struct Unsettled(HashMap<i64, Answers>);

/// Of one feed.
#[derive(Default)]
struct Answers {
    /// A feed that changed its host may have two.
    count: usize,
    /// The turn of the feed that was due meanwhile.
    kept: Cell<Option<u64>>,
}

impl Unsettled {
    /// An answer of this feed is there.
    pub(super) fn begin(&mut self, feed: i64) {
        self.0.entry(feed).or_default().count += 1;
    }

    /// Whether this feed, which is due with this turn, is to wait until [`Unsettled::end`] gives it.
    pub(super) fn keep(&self, feed: i64, turn: u64) -> bool {
        let answers = self.0.get(&feed);
        answers.inspect(|answers| answers.kept.set(Some(turn))).is_some()
    }

    /// An answer is stored, or lost. Gives the turn of the feed if it has waited for that and does not have to any more.
    pub(super) fn end(&mut self, feed: i64) -> Option<u64> {
        let answers = self.0.get_mut(&feed)?;
        answers.count -= 1;
        if answers.count > 0 {
            return None;
        }
        self.0.remove(&feed)?.kept.get()
    }

    /// Whether the feed waits here with this turn.
    #[cfg(test)]
    pub(super) fn holds(&self, feed: i64, turn: u64) -> bool {
        self.0.get(&feed).is_some_and(|answers| answers.kept.get() == Some(turn))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::clock::Clock;
    use crate::config;
    use crate::core::{Agenda, Ended, Moment, Place, Settings, Start};
    use crate::poll::{Entrant, Polled};
    use crate::store::FeedRecord;

    const WALL_MS: i64 = 1_772_323_200_000;
    const HOUR: Duration = Duration::from_secs(3_600);

    /// Of one host, each by the number that its URL ends with.
    fn entrant(id: i64, path: i64) -> Entrant {
        let feed = config::Feed::new(format!("f{id}"), format!("http://h.test/{path}").parse().unwrap());
        Entrant::made_up(feed, FeedRecord { id, ..FeedRecord::default() })
    }

    fn at(now: Instant) -> Moment {
        Moment { now, wall_ms: WALL_MS }
    }

    fn put(agenda: &mut Agenda, entrant: Entrant, now: Instant) {
        agenda.put(vec![entrant], false, at(now));
    }

    fn next(agenda: &mut Agenda, now: Instant) -> Option<Start> {
        agenda.collect_due(now);
        let start = agenda.next_start(None, true, now);
        assert_eq!(agenda.lost(), None);
        start
    }

    /// Two feeds, both due, of which the first has its answer.
    fn answered(now: Instant) -> (Agenda, Start) {
        let settings =
            Settings { index: 0, in_flight_max: 9, once: false, due_at_start: 1, host_pause: Duration::ZERO };
        let mut agenda = Agenda::new(settings);
        (1..=2).for_each(|id| put(&mut agenda, entrant(id, id), now));
        let first = next(&mut agenda, now).expect("nothing keeps it");
        assert_eq!(first.ticket.id, 1);
        assert!(next(&mut agenda, now).is_none(), "the host is asked already");
        agenda.answered(&first.ticket, now);
        (agenda, first)
    }

    #[test]
    fn a_host_is_asked_again_while_its_answer_is_being_committed() {
        let now = Clock::monotonic();
        let (mut agenda, first) = answered(now);
        assert!(agenda.is_waited_for(&first.ticket));
        let second = next(&mut agenda, now).expect("the host has answered");
        assert_eq!((second.ticket.id, agenda.in_flight()), (2, 2));
        // Its commit frees nobody's host.
        agenda.finished(&first.ticket, Ended::Polled(Polled::made_up(HOUR)), at(now));
        put(&mut agenda, entrant(3, 3), now);
        assert!(next(&mut agenda, now).is_none(), "the second asks it");
    }

    #[test]
    fn a_feed_is_not_polled_before_its_last_answer_is_committed() {
        let now = Clock::monotonic();
        // Changed, moved to another URL, or removed and put back.
        for (path, is_removed) in [(1, false), (9, false), (1, true)] {
            let (mut agenda, first) = answered(now);
            if is_removed {
                agenda.remove(&[1]);
            }
            put(&mut agenda, entrant(1, path), now);
            let second = next(&mut agenda, now).expect("it is another feed");
            assert_eq!(second.ticket.id, 2);
            agenda.answered(&second.ticket, now);
            assert!(next(&mut agenda, now).is_none(), "{path}: it was polled from what was known before");
            // Lost: nothing is known of it but what was.
            agenda.finished(&first.ticket, Ended::Panicked, at(now));
            let again = next(&mut agenda, now).expect("nothing keeps it any more");
            assert_eq!(again.ticket.id, 1);
        }
    }

    #[test]
    fn who_is_in_flight_is_put_off_too_when_its_host_asks_for_it() {
        let now = Clock::monotonic();
        let (mut agenda, first) = answered(now);
        let second = next(&mut agenda, now).expect("the host has answered");
        agenda.answered(&second.ticket, now);
        put(&mut agenda, entrant(3, 3), now);
        let third = next(&mut agenda, now).expect("the host has answered again");
        agenda.hold("h.test", second.ticket.id, 2 * HOUR, at(now));
        let polled = Ended::Polled(Polled::made_up(HOUR));
        let postponed = agenda.finished(&first.ticket, polled, at(now)).expect("the database is told");
        assert_eq!((postponed.feed_id, postponed.next_poll_at), (1, WALL_MS + 7_200_000));
        assert!(postponed.schedule.contains("host_retry_after"), "{}", postponed.schedule);
        // Also who has nothing stored: its own wait may be the shorter one.
        assert!(agenda.finished(&second.ticket, Ended::Panicked, at(now)).is_some());
        // And who has no answer at all: it would be due at once.
        assert!(agenda.finished(&third.ticket, Ended::Undone, at(now)).is_some());
        for feed in agenda.feeds().values() {
            assert!(matches!(feed.place, Place::Waiting));
            assert_eq!(feed.due_at, now + 2 * HOUR);
        }
    }
}
