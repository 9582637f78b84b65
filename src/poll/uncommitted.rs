//! What a core has fetched and the writer has not committed yet: bounded in number, so that the writer's queue never fills,
//! and in bytes, so that what is behind it does not wait for long. Who comes first enters first.
//!
//! Admission to the writer comes before parsing, so that what waits for a slow disk is a body, which has its budget.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::oneshot;

use crate::limits::{DEEP, UNCOMMITTED_BYTES_OF_ONE_MAX};

/// Room for the answers of one core.
#[derive(Clone)]
pub(crate) struct Uncommitted(Rc<RefCell<State>>);

struct State {
    answers: usize,
    answers_max: usize,
    bytes: u64,
    bytes_max: u64,
    line: VecDeque<(u64, oneshot::Sender<Place>)>,
    prompt_in_a_row: usize,
}

/// An answer's. It is free again once this is dropped.
pub(crate) struct Place {
    of: Uncommitted,
    bytes: u64,
}

impl Uncommitted {
    /// Room for `max` answers.
    pub(crate) fn new(max: usize) -> Uncommitted {
        let bytes_max = DEEP.uncommitted_bytes_max;
        Uncommitted(Rc::new(RefCell::new(State {
            answers: 0,
            answers_max: max,
            bytes: 0,
            bytes_max,
            line: VecDeque::new(),
            prompt_in_a_row: 0,
        })))
    }

    /// From now on room for so many bytes, of which there is enough for any one. What is inside stays.
    pub(crate) fn set_bytes_max(&self, bytes_max: u64) {
        let before = std::mem::replace(&mut self.0.borrow_mut().bytes_max, bytes_max);
        if before < bytes_max {
            self.let_in();
        }
    }

    /// Whether a poll may begin: nobody waits, and there is some room.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.0.borrow();
        state.line.is_empty() && state.answers < state.answers_max && state.bytes < state.bytes_max
    }

    /// How many answers were let in without waiting, with room left behind them, since one had to wait.
    pub(crate) fn prompt_in_a_row(&self) -> usize {
        self.0.borrow().prompt_in_a_row
    }

    /// Counts them anew.
    pub(crate) fn forget_prompt(&self) {
        self.0.borrow_mut().prompt_in_a_row = 0;
    }

    /// Waits for room for an answer whose body is so large.
    pub(crate) async fn enter(&self, body_bytes: u64) -> Place {
        let bytes = body_bytes.min(UNCOMMITTED_BYTES_OF_ONE_MAX);
        let (sender, place) = oneshot::channel();
        self.0.borrow_mut().line.push_back((bytes, sender));
        self.let_in();
        {
            let state = &mut *self.0.borrow_mut();
            if !state.line.is_empty() {
                state.prompt_in_a_row = 0;
            } else if state.bytes < state.bytes_max {
                state.prompt_in_a_row = state.prompt_in_a_row.saturating_add(1);
            }
        }
        place.await.expect("who stands in line is let in, or has left by himself")
    }

    /// Lets in who stands in front, as far as there is room.
    fn let_in(&self) {
        loop {
            let (bytes, sender) = {
                let state = &mut *self.0.borrow_mut();
                // Polls are given up while they wait.
                state.line.retain(|(_, sender)| !sender.is_canceled());
                match state.line.front() {
                    Some((bytes, _))
                        if state.answers < state.answers_max && state.bytes + *bytes <= state.bytes_max => {}
                    _ => return,
                }
                state.answers += 1;
                let (bytes, sender) = state.line.pop_front().expect("it was just looked at");
                state.bytes += bytes;
                (bytes, sender)
            };
            // Not borrowed: a place that nobody takes is free again on the spot.
            let _ = sender.send(Place { of: self.clone(), bytes });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.of.0.borrow_mut();
            state.answers -= 1;
            state.bytes -= self.bytes;
        }
        self.of.let_in();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_lite::future::{block_on, poll_once};

    use super::*;

    const HALF: u64 = UNCOMMITTED_BYTES_OF_ONE_MAX / 2;

    type Entering<'a> = Pin<Box<dyn Future<Output = Place> + 'a>>;

    fn entering(uncommitted: &Uncommitted, bytes: u64) -> Entering<'_> {
        Box::pin(uncommitted.enter(bytes))
    }

    fn now(entering: &mut Entering<'_>) -> Option<Place> {
        block_on(poll_once(entering))
    }

    #[test]
    fn who_comes_first_enters_first_and_none_begins_while_one_waits() {
        let uncommitted = Uncommitted::new(100);
        let count = DEEP.uncommitted_bytes_max / HALF;
        let mut inside: Vec<Place> = (1..count).map(|_| block_on(uncommitted.enter(HALF))).collect();
        assert!(uncommitted.has_room());
        // There is room for half of it, and a small one behind it does not pass.
        let (mut large, mut small) = (entering(&uncommitted, 2 * HALF), entering(&uncommitted, 1));
        assert!(now(&mut large).is_none() && now(&mut small).is_none());
        assert!(!uncommitted.has_room());
        inside.pop();
        let large = now(&mut large).expect("there is room now");
        assert!(now(&mut small).is_none());
        drop(large);
        assert!(now(&mut small).is_some());
        assert!(uncommitted.has_room());
    }

    #[test]
    fn room_shrinks_around_what_is_inside_and_lets_in_as_it_grows() {
        let uncommitted = Uncommitted::new(100);
        let mut inside: Vec<Place> = (0..4).map(|_| block_on(uncommitted.enter(HALF))).collect();
        uncommitted.set_bytes_max(2 * HALF);
        assert!(!uncommitted.has_room());
        inside.truncate(1);
        assert!(uncommitted.has_room());
        let (mut large, mut next) = (entering(&uncommitted, 2 * HALF), entering(&uncommitted, HALF));
        assert!(now(&mut large).is_none() && now(&mut next).is_none());
        uncommitted.set_bytes_max(4 * HALF);
        assert_eq!(uncommitted.prompt_in_a_row(), 0);
        let large = now(&mut large).expect("there is room for both");
        assert!(now(&mut next).is_some());
        // Who takes the last room says nothing of the next.
        drop(block_on(uncommitted.enter(HALF)));
        assert_eq!(uncommitted.prompt_in_a_row(), 0);
        drop(large);
        drop(block_on(uncommitted.enter(HALF)));
        drop(block_on(uncommitted.enter(HALF)));
        assert_eq!(uncommitted.prompt_in_a_row(), 2);
        uncommitted.forget_prompt();
        assert_eq!(uncommitted.prompt_in_a_row(), 0);
    }

    #[test]
    fn they_are_counted_too_and_none_is_too_large() {
        let uncommitted = Uncommitted::new(2);
        let inside = [u64::MAX, u64::MAX].map(|bytes| block_on(uncommitted.enter(bytes)));
        assert!(!uncommitted.has_room());
        let mut next = entering(&uncommitted, 0);
        assert!(now(&mut next).is_none());
        drop(inside);
        assert!(now(&mut next).is_some());
    }

    #[test]
    fn who_is_given_up_keeps_nobody_out() {
        let uncommitted = Uncommitted::new(1);
        let inside = block_on(uncommitted.enter(0));
        let (mut given_up, mut taken, mut last) =
            (entering(&uncommitted, 0), entering(&uncommitted, 0), entering(&uncommitted, 0));
        assert!(now(&mut given_up).is_none() && now(&mut taken).is_none() && now(&mut last).is_none());
        drop(given_up);
        drop(inside);
        // It was let in, and goes before it has seen it.
        drop(taken);
        drop(now(&mut last).expect("the place is free"));
        assert!(uncommitted.has_room());
    }
}
