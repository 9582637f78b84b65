//! Short of descriptors, or of memory for stacks: fewer polls at once, until there is enough again.
//!
//! It is no feed's fault: a poll that met it is tried again a little later. What was counted out at the start was too much
//! then, because others on the machine have taken theirs, or the limit was lowered since. A single round does not wait for
//! ever: where no poll has ended for [`ROUND_SHORTAGE_MAX`] the rest is left out, and counted.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::agenda::{Agenda, Ticket};
use super::{Core, feed::Place};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::gauges::add;
use crate::limits::{ROUND_SHORTAGE_MAX, SHORTAGE_SHOWN, SHORTAGE_TOLD_EVERY, SHORTAGE_WAIT};

/// How many polls may be in flight: fewer after a shortage, and twice as many after each [`SHORTAGE_WAIT`] without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    max: usize,
    /// As it was at the last look.
    seen: usize,
    lowered: Option<Lowered>,
    told_at: Option<Instant>,
    /// Since when polls have been put off and none has ended.
    stuck_since: Option<Instant>,
    /// Polls that a single round does without.
    left_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lowered {
    to: usize,
    at: Instant,
}

impl Ceiling {
    pub(super) fn new(max: usize) -> Ceiling {
        Ceiling { max, seen: max, lowered: None, told_at: None, stuck_since: None, left_out: 0 }
    }

    pub(super) fn look(&mut self, now: Instant) {
        self.seen = self.at(now);
    }

    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    pub(super) fn at(&self, now: Instant) -> usize {
        let Some(lowered) = self.lowered else { return self.max };
        let mut ceiling = lowered.to;
        let mut since = now.saturating_duration_since(lowered.at);
        while since >= SHORTAGE_WAIT && ceiling < self.max {
            ceiling *= 2;
            since -= SHORTAGE_WAIT;
        }
        ceiling.min(self.max)
    }

    fn is_lowered(&self, now: Instant) -> bool {
        self.lowered.is_some_and(|lowered| now.saturating_duration_since(lowered.at) < SHORTAGE_SHOWN)
    }

    /// A poll has ended: there is enough for one.
    pub(super) fn got_by(&mut self) {
        self.stuck_since = None;
    }

    /// A poll was put off. Gives for how long there has been nothing else.
    fn put_off(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.stuck_since.get_or_insert(now))
    }

    /// There was too little for so many and one more. Gives whether that is worth telling.
    fn lower(&mut self, in_flight: usize, now: Instant) -> bool {
        let to = in_flight.clamp(1, self.at(now));
        self.lowered = Some(Lowered { to, at: now });
        self.look(now);
        let is_news = self.told_at.is_none_or(|at| now.saturating_duration_since(at) >= SHORTAGE_TOLD_EVERY);
        if is_news {
            self.told_at = Some(now);
        }
        is_news
    }
}

impl Agenda {
    /// Tries a poll again that had nothing to be made with.
    pub(super) fn put_off(&mut self, ticket: &Ticket, now: Instant) {
        self.onset.look(now);
        // Those that have lasted for a while give back what they hold.
        if self.in_flight() > self.onset.young() {
            self.ceiling.got_by();
        }
        let stuck = self.ceiling.put_off(now);
        let Some(feed) = self.feeds.get_mut(&ticket.id).filter(|feed| feed.turn == ticket.turn) else { return };
        let is_left_out = self.settings.once && stuck >= ROUND_SHORTAGE_MAX;
        if self.draining || is_left_out {
            feed.place = Place::Done;
            self.ceiling.left_out += u64::from(is_left_out);
            return;
        }
        self.wait_until(ticket.id, now + SHORTAGE_WAIT);
    }
}

impl Core {
    /// Starts fewer polls from now on.
    pub(super) fn tell_shortage(&self, failure: &Failure) {
        let now = Clock::monotonic();
        let mut agenda = self.agenda.borrow_mut();
        // Beside the one that met it.
        let others = agenda.in_flight().saturating_sub(1);
        if agenda.ceiling.lower(others, now) {
            let (index, most) = (self.index, agenda.ceiling.at(now));
            log::warn!(
                "core {index}: up to {most} polls at once for a while, and nobody's failure: {}",
                failure.message
            );
        }
        add(&self.gauges.polls_put_off, 1);
    }

    pub(super) fn show_shortage(&self, now: Instant) {
        let ceiling = self.agenda.borrow().ceiling;
        self.gauges.is_short.store(ceiling.is_lowered(now), Ordering::Relaxed);
        self.gauges.polls_left_out.store(ceiling.left_out, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::core::{Ended, Moment, Settings};
    use crate::failure::{Class, Phase};
    use crate::poll::Entrant;
    use crate::store::FeedRecord;

    /// Polls what is due for an hour, each with a shortage. Gives when the round was over, and what it left out.
    fn round_without_descriptors(once: bool) -> Option<(Duration, u64)> {
        let host_pause = Duration::ZERO;
        let mut agenda = Agenda::new(Settings { index: 0, in_flight_max: 8, once, due_at_start: 30, host_pause });
        let (start, wall_ms) = (Clock::monotonic(), 1_772_323_200_000);
        let entrant = |id: i64| {
            let feed = config::Feed::new(format!("f{id}"), format!("http://h{id}.test/").parse().unwrap());
            Entrant::made_up(feed, FeedRecord { id, ..FeedRecord::default() })
        };
        agenda.put((0..30).map(entrant).collect(), true, Moment { now: start, wall_ms });
        let hour = (0..36_000).map(|tenth| Duration::from_millis(100 * tenth));
        for since in hour {
            let now = start + since;
            agenda.collect_due(now);
            while let Some(start) = agenda.next_start(None, true, now) {
                let short = Failure::new(Class::Connect, Phase::Connect, "none left").short(true);
                agenda.finished(&start.ticket, Ended::Short(short), Moment { now, wall_ms });
            }
            assert_eq!(agenda.lost(), None);
            if agenda.is_done() {
                return Some((since, agenda.ceiling.left_out));
            }
        }
        None
    }

    #[test]
    fn a_single_round_that_lacks_all_it_takes_comes_to_an_end_and_no_other_does() {
        let (over, left_out) = round_without_descriptors(true).expect("it would go on for ever");
        assert_eq!(left_out, 30);
        assert!((ROUND_SHORTAGE_MAX..3 * ROUND_SHORTAGE_MAX).contains(&over), "{over:?}");
        assert_eq!(round_without_descriptors(false), None);
        // Each that ends begins the time anew.
        let (mut ceiling, start) = (Ceiling::new(1), Clock::monotonic());
        assert_eq!((ceiling.put_off(start), ceiling.put_off(start + SHORTAGE_WAIT)), (Duration::ZERO, SHORTAGE_WAIT));
        ceiling.got_by();
        assert_eq!(ceiling.put_off(start + 2 * SHORTAGE_WAIT), Duration::ZERO);
    }

    #[test]
    fn a_shortage_lowers_the_ceiling_and_time_without_one_lifts_it() {
        let start = Clock::monotonic();
        let mut ceiling = Ceiling::new(100);
        assert_eq!(ceiling.at(start), 100);
        assert!(ceiling.lower(40, start), "it is news");
        assert!(!ceiling.lower(36, start), "it is none so soon after");
        assert_eq!(ceiling.at(start), 36);
        assert_eq!(ceiling.at(start + SHORTAGE_WAIT), 72);
        assert_eq!(ceiling.at(start + 2 * SHORTAGE_WAIT), 100);
        assert!(ceiling.is_lowered(start) && !ceiling.is_lowered(start + SHORTAGE_SHOWN));
        let later = start + SHORTAGE_TOLD_EVERY;
        assert!(ceiling.lower(0, later), "one poll is always tried");
        assert_eq!((ceiling.at(later), ceiling.at(later + SHORTAGE_WAIT)), (1, 2));
        ceiling.lower(50, later);
        assert_eq!(ceiling.at(later), 1, "it is never lifted by a shortage");
    }
}
