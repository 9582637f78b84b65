//! Since when feeds have been due that wait, in the order in which they came due. It decides nothing: whoever wants to know how
//! late a core is asks here, and need not look at every feed.
//!
//! Entries stay behind when their feed is polled or put off, and are void then; they go when they come to the front.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::DEADLINES_VOID_MAX;

#[derive(Clone, Debug, Default)]
pub(super) struct Backlog {
    /// When a feed came due, its id, and the turn that it had.
    due: VecDeque<(Instant, i64, u64)>,
}

impl Backlog {
    pub(super) fn push(&mut self, at: Instant, id: i64, turn: u64) {
        self.due.push_back((at, id, turn));
    }

    /// When the feed came due that has waited for the longest. `is_due` tells whether one is still, with that turn.
    pub(super) fn since(&mut self, is_due: impl Fn(i64, u64) -> bool) -> Option<Instant> {
        while let Some(&(at, id, turn)) = self.due.front() {
            if is_due(id, turn) {
                return Some(at);
            }
            self.due.pop_front();
        }
        None
    }

    /// Leaves void ones out where they have become many: a feed that waits for long keeps those behind it, which are polled
    /// again and again meanwhile.
    pub(super) fn tidy(&mut self, feed_count: usize, is_due: impl Fn(i64, u64) -> bool) {
        if self.due.len() > 2 * feed_count + DEADLINES_VOID_MAX {
            self.due.retain(|(_, id, turn)| is_due(*id, *turn));
        }
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::config;
    use crate::core::{Agenda, Ended, Moment, Settings};
    use crate::poll::Entrant;
    use crate::store::FeedRecord;

    #[test]
    fn it_is_the_oldest_that_waits_still_and_grows_no_further_than_it_must() {
        let start = Clock::monotonic();
        let mut backlog = Backlog::default();
        let mut turns: HashMap<i64, u64> = HashMap::new();
        // The first waits for ever; the others are polled again and again.
        for turn in 0..10_000 {
            let id = if turn == 0 { 0 } else { 1 + turn as i64 % 5 };
            turns.insert(id, turn);
            backlog.push(start + Duration::from_secs(turn), id, turn);
            let is_due = |id, turn| turns.get(&id) == Some(&turn);
            backlog.tidy(6, is_due);
            assert_eq!(backlog.since(is_due), Some(start));
            assert!(backlog.due.len() <= 12 + DEADLINES_VOID_MAX);
        }
        turns.remove(&0);
        let oldest = backlog.since(|id, turn| turns.get(&id) == Some(&turn));
        assert_eq!(oldest, Some(start + Duration::from_secs(9_995)));
        assert_eq!(backlog.since(|_, _| false), None);
    }

    #[test]
    fn feeds_that_wait_for_their_host_are_late_and_those_in_flight_are_not() {
        let host_pause = Duration::from_secs(1);
        let settings = Settings { index: 0, in_flight_max: 9, once: false, due_at_start: 1, host_pause };
        let mut agenda = Agenda::new(settings);
        let (now, wall_ms) = (Clock::monotonic(), 1_772_323_200_000);
        let entrant = |id: i64| {
            let feed = config::Feed::new(format!("f{id}"), format!("http://h.test/{id}").parse().unwrap());
            Entrant::made_up(feed, FeedRecord { id, ..FeedRecord::default() })
        };
        // One by one, so that nothing spreads them.
        for id in 0..2 {
            agenda.put(vec![entrant(id)], false, Moment { now, wall_ms });
        }
        assert_eq!(agenda.due_since(), None, "nobody is due before somebody has looked");
        agenda.collect_due(now);
        assert_eq!(agenda.due_since(), Some(now));
        let start = agenda.next_start(None, true, now).unwrap();
        assert!(agenda.next_start(None, true, now).is_none(), "the other one waits for the host");
        assert_eq!(agenda.due_since(), Some(now));
        let later = now + Duration::from_secs(5);
        agenda.finished(&start.ticket, Ended::Undone, Moment { now: later, wall_ms });
        agenda.collect_due(later);
        assert_eq!(agenda.due_since(), Some(now));
        let later = later + host_pause;
        assert!(agenda.next_start(None, true, later).is_some());
        assert_eq!(agenda.due_since(), Some(now + Duration::from_secs(5)), "the first one is due again since then");
        agenda.drain();
        assert_eq!(agenda.due_since(), None);
    }
}
