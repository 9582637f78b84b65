//! What the bodies of one core may hold of memory, together: hundreds of endless sources must not be the end of the
//! process.

use std::cell::Cell;
use std::rc::Rc;

/// The memory that a core's bodies share.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: u64,
    used_bytes: Cell<u64>,
}

/// One body's part of it, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Rc<Budget>,
    bytes: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(bytes_max: u64) -> Rc<Budget> {
        Rc::new(Budget { bytes_max, used_bytes: Cell::new(0) })
    }

    pub(crate) fn has_room(&self) -> bool {
        self.used_bytes.get() < self.bytes_max
    }

    pub(crate) fn share(self: &Rc<Self>) -> Share {
        Share { budget: self.clone(), bytes: Cell::new(0) }
    }
}

impl Share {
    /// Counts what was taken already.
    pub(crate) fn grow(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
        self.budget.used_bytes.set(self.budget.used_bytes.get() + bytes);
    }

    /// Whether this body may take more: always a little, so that small ones go on while large ones wait.
    pub(crate) fn may_grow(&self) -> bool {
        self.bytes.get() < self.budget.bytes_max / 1_024 || self.budget.has_room()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used_bytes.set(self.budget.used_bytes.get() - self.bytes.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_wait_and_small_ones_go_on() {
        let budget = Budget::new(10_240);
        let (large, small) = (budget.share(), budget.share());
        large.grow(10_240);
        assert!(!budget.has_room() && !large.may_grow());
        small.grow(9);
        assert!(small.may_grow());
        small.grow(1);
        assert!(!small.may_grow());
        drop(large);
        assert!(budget.has_room() && small.may_grow());
        drop(small);
        assert_eq!(budget.used_bytes.get(), 0);
    }
}
