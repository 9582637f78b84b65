//! Short of descriptors, or of memory for stacks: fewer polls at once, until there is enough again.
//!
//! It is no feed's fault: a poll that met it is tried again a little later, in a single round too. What was counted out at
//! the start was too much then, because others on the machine have taken theirs, or the limit was lowered since.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::agenda::{Agenda, Ticket};
use super::{Core, feed::Place};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::gauges::add;
use crate::limits::{SHORTAGE_SHOWN, SHORTAGE_TOLD_EVERY, SHORTAGE_WAIT};

/// How many polls may be in flight: fewer after a shortage, and twice as many after each [`SHORTAGE_WAIT`] without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    max: usize,
    /// As it was at the last look.
    seen: usize,
    lowered: Option<Lowered>,
    told_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Lowered {
    to: usize,
    at: Instant,
}

impl Ceiling {
    pub(super) fn new(max: usize) -> Ceiling {
        Ceiling { max, seen: max, lowered: None, told_at: None }
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
        let Some(feed) = self.feeds.get_mut(&ticket.id).filter(|feed| feed.turn == ticket.turn) else { return };
        if self.draining {
            feed.place = Place::Done;
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
        self.gauges.is_short.store(self.agenda.borrow().ceiling.is_lowered(now), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
