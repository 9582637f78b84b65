//! What keeps a core from beginning polls although it has room for them: answers that are there and wait for its turn, and a
//! stream that does not keep up with the commits. Polls that begin then only hold up those that have.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::executor::nap;
use crate::limits::{BEHIND_MAX, STARTS_IN_A_ROW_MAX};
use crate::stream::{Follower, Lead};

pub(super) struct Pressure {
    /// How long everybody else on this core took, when it was looked last.
    behind_by: Cell<Duration>,
    /// No more were let begin, though there may be more.
    has_more: Cell<bool>,
    stream: Follower,
}

impl Pressure {
    pub(super) fn new(now: Instant) -> Pressure {
        Pressure { behind_by: Cell::default(), has_more: Cell::default(), stream: Follower::new(now) }
    }

    /// Lets `begin` begin one poll after the other, as many as may begin in this turn, until it has none.
    pub(super) fn let_begin(&self, mut begin: impl FnMut() -> bool) {
        let room = if self.behind_by.take() <= BEHIND_MAX { STARTS_IN_A_ROW_MAX } else { 0 };
        let begun = (0..room).take_while(|_| begin()).count();
        self.has_more.set(begun == room);
    }

    /// Whether the next turn is at once, behind everybody who is ready.
    pub(super) fn has_more(&self) -> bool {
        self.has_more.get()
    }

    /// Lets everybody who is ready have a turn, and notes how long that took.
    pub(super) async fn look(&self) {
        let began = Clock::monotonic();
        nap().await;
        self.behind_by.set(Clock::elapsed(began));
    }

    /// Whether the stream keeps up, or need not be waited for.
    pub(super) fn keeps_up(&self, lead: &Lead) -> bool {
        self.stream.keeps_up(lead, Clock::monotonic())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_begin_in_a_row_and_none_while_the_core_is_behind() {
        let pressure = Pressure::new(Clock::monotonic());
        let begun = |due: usize| {
            let mut left = due;
            pressure.let_begin(|| {
                let is_one = left > 0;
                left = left.saturating_sub(1);
                is_one
            });
            due - left
        };
        assert_eq!((begun(STARTS_IN_A_ROW_MAX + 5), pressure.has_more()), (STARTS_IN_A_ROW_MAX, true));
        pressure.behind_by.set(BEHIND_MAX * 2);
        assert_eq!((begun(5), pressure.has_more()), (0, true));
        // It is asked anew before the next turn.
        assert_eq!((begun(5), pressure.has_more()), (5, false));
    }
}
