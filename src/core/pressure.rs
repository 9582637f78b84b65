//! What slows a core down in beginning polls although there is room for them: answers that are there and wait for its turn,
//! and a stream that does not keep up with the commits. Polls that begin then only hold up those that have.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::executor::nap;
use crate::limits::{BEHIND_MAX, STARTS_IN_A_ROW_MAX};
use crate::stream::{Follower, Lead};

pub(super) struct Pressure {
    /// How long everybody else on this core took, when it was looked last.
    behind_by: Cell<Duration>,
    stopped: Cell<Stopped>,
    stream: Follower,
    /// That the stream holds polls up.
    is_told: Cell<bool>,
}

/// Why no more polls began in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// None is left that may.
    AtEnd,
    /// Enough have, for one turn.
    ByTurn,
    ByStream,
}

impl Pressure {
    pub(super) fn new() -> Pressure {
        Pressure {
            behind_by: Cell::default(),
            stopped: Cell::new(Stopped::AtEnd),
            stream: Follower::default(),
            is_told: Cell::default(),
        }
    }

    /// Lets `begin` begin one poll after the other, as many as may begin in this turn, until it has none. Gives whether the
    /// stream holds them up.
    pub(super) fn let_begin(&self, lead: &Lead, now: Instant, mut begin: impl FnMut() -> bool) -> bool {
        if !self.stream.keeps_up(lead, now) {
            self.stopped.set(Stopped::ByStream);
            return true;
        }
        self.is_told.set(false);
        let is_behind = self.behind_by.take() > BEHIND_MAX;
        // One at least: where others have the CPU, every turn is a long one.
        let room = if is_behind { 1 } else { STARTS_IN_A_ROW_MAX };
        let begun = (0..room).take_while(|_| begin()).count();
        self.stopped.set(if begun == room { Stopped::ByTurn } else { Stopped::AtEnd });
        false
    }

    /// Whether that the stream holds polls up is news.
    pub(super) fn tell(&self) -> bool {
        !self.is_told.replace(true)
    }

    /// Of the last turn.
    pub(super) fn stopped(&self) -> Stopped {
        self.stopped.get()
    }

    /// Lets everybody who is ready have a turn, and notes how long that took.
    pub(super) async fn look(&self) {
        let began = Clock::monotonic();
        nap().await;
        self.behind_by.set(Clock::elapsed(began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::UNPUBLISHED_MAX;

    /// How many of so many begin in one turn.
    fn begun(pressure: &Pressure, lead: &Lead, due: usize) -> usize {
        let mut left = due;
        pressure.let_begin(lead, Clock::monotonic(), || {
            let is_one = left > 0;
            left = left.saturating_sub(1);
            is_one
        });
        due - left
    }

    #[test]
    fn a_few_begin_in_a_row_and_one_while_the_core_is_behind() {
        let (pressure, lead) = (Pressure::new(), Lead::new());
        assert_eq!(begun(&pressure, &lead, STARTS_IN_A_ROW_MAX + 5), STARTS_IN_A_ROW_MAX);
        assert_eq!(pressure.stopped(), Stopped::ByTurn);
        // However long it is behind.
        for _ in 0..3 {
            pressure.behind_by.set(BEHIND_MAX * 2);
            assert_eq!((begun(&pressure, &lead, 5), pressure.stopped()), (1, Stopped::ByTurn));
        }
        assert_eq!((begun(&pressure, &lead, 5), pressure.stopped()), (5, Stopped::AtEnd));
    }

    #[test]
    fn none_begins_while_the_stream_is_behind_and_that_is_told_once() {
        let (pressure, lead, now) = (Pressure::new(), Lead::new(), Clock::monotonic());
        lead.publish(0);
        lead.set_audience(true);
        lead.commit(UNPUBLISHED_MAX);
        let told = || pressure.let_begin(&lead, now, || unreachable!("the stream is behind")) && pressure.tell();
        assert_eq!(([told(), told(), told()], pressure.stopped()), ([true, false, false], Stopped::ByStream));
        lead.publish(1);
        assert_eq!(begun(&pressure, &lead, 1), 1);
        lead.commit(1 + UNPUBLISHED_MAX);
        assert!(told());
    }
}
