//! How many polls may be young at once. A poll that has just begun makes work within moments, for connecting, reading and
//! parsing; one that is older waits for its publisher. As many young ones as keep a core busy are enough: more of them only hold
//! memory, and each other up.
//!
//! Pure. Polls are numbered in the order in which they begin.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::POLL_YOUNG;

pub(super) struct Onset {
    max: usize,
    /// The number of the first of `begun`.
    first: u64,
    /// Those that began of late, in their order.
    begun: VecDeque<Begun>,
    young: usize,
}

struct Begun {
    at: Instant,
    is_over: bool,
}

impl Onset {
    pub(super) fn new(max: usize) -> Onset {
        Onset { max, first: 0, begun: VecDeque::new(), young: 0 }
    }

    /// From now on so many.
    pub(super) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    /// Lets those grow old that are.
    pub(super) fn look(&mut self, now: Instant) {
        while self.begun.front().is_some_and(|begun| begun.is_over || begun.at + POLL_YOUNG <= now) {
            let is_over = self.begun.pop_front().is_some_and(|begun| begun.is_over);
            self.first += 1;
            self.young -= usize::from(!is_over);
        }
    }

    /// By the last look.
    pub(super) fn has_room(&self) -> bool {
        self.young < self.max
    }

    /// How many are, by the last look.
    pub(super) fn young(&self) -> usize {
        self.young
    }

    /// When the next one grows old.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.begun.iter().find(|begun| !begun.is_over).map(|begun| begun.at + POLL_YOUNG)
    }

    /// One begins. Gives its number.
    pub(super) fn begin(&mut self, now: Instant) -> u64 {
        self.begun.push_back(Begun { at: now, is_over: false });
        self.young += 1;
        self.first + (self.begun.len() as u64 - 1)
    }

    /// That one has ended.
    pub(super) fn end(&mut self, number: u64) {
        let index = number.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        if let Some(begun) = index.and_then(|index| self.begun.get_mut(index))
            && !begun.is_over
        {
            begun.is_over = true;
            self.young -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn so_many_are_young_and_no_more_until_one_ends_or_grows_old() {
        let (mut onset, start) = (Onset::new(2), Clock::monotonic());
        let first = onset.begin(start);
        let second = onset.begin(start + POLL_YOUNG / 2);
        onset.look(start + POLL_YOUNG / 2);
        assert!(!onset.has_room());
        assert_eq!(onset.next_at(), Some(start + POLL_YOUNG));
        // The second ends before the first: there is room, and the first still counts.
        onset.end(second);
        assert!(onset.has_room());
        let third = onset.begin(start + POLL_YOUNG / 2);
        assert!(!onset.has_room());
        // Hung ones keep nobody out for long.
        onset.look(start + POLL_YOUNG);
        assert!(onset.has_room());
        assert_eq!(onset.next_at(), Some(start + POLL_YOUNG * 3 / 2));
        // One that ends when it is old changes nothing.
        onset.end(first);
        onset.end(third);
        onset.end(third);
        onset.look(start + 2 * POLL_YOUNG);
        assert_eq!((onset.young, onset.begun.len(), onset.next_at()), (0, 0, None));
    }
}
