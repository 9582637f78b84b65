//! What a core has fetched and the writer has not committed yet: bounded, in the order in which it came.
//!
//! Admission to the writer comes before parsing, so that what waits for a slow disk is a body, which has its budget.

use std::cell::Cell;

use glommio::sync::{Permit, Semaphore};

use crate::limits::UNCOMMITTED_UNIT_BYTES;

/// Room for the answers of one core.
pub(crate) struct Uncommitted {
    room: Semaphore,
    max: u64,
    /// Answers that found none.
    waiting: Cell<usize>,
}

impl Uncommitted {
    /// Room for `max` answers without a body, or as many units of [`UNCOMMITTED_UNIT_BYTES`].
    pub(crate) fn new(max: usize) -> Uncommitted {
        Uncommitted { room: Semaphore::new(max as u64), max: max as u64, waiting: Cell::default() }
    }

    /// Whether one more may begin. Where some wait already, what becomes free is theirs, however much it is.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.get() == 0 && self.room.available() > 0
    }

    /// Waits for room for an answer whose body is so large; one that is larger than all the room takes all of it. `None` when
    /// the core ends, and then nobody waits for this poll.
    pub(crate) async fn enter(&self, body_bytes: u64) -> Option<Permit<'_>> {
        let units = (1 + body_bytes / UNCOMMITTED_UNIT_BYTES).min(self.max);
        self.waiting.update(|waiting| waiting + 1);
        let _waiting = Waiting(&self.waiting);
        self.room.acquire_permit(units).await.ok()
    }
}

/// One that waits, until it is dropped: a poll may be given up meanwhile.
struct Waiting<'a>(&'a Cell<usize>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.update(|waiting| waiting - 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;
    use glommio::{LocalExecutorBuilder, Placement};

    use super::*;

    fn on_executor(test: impl Future<Output = ()>) {
        LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().unwrap().run(test);
    }

    #[test]
    fn bodies_take_room_by_their_size_and_nobody_begins_while_one_waits() {
        on_executor(async {
            let uncommitted = Uncommitted::new(4);
            let small = uncommitted.enter(0).await.unwrap();
            let larger = uncommitted.enter(UNCOMMITTED_UNIT_BYTES).await.unwrap();
            assert!(uncommitted.has_room());
            // There is room for one unit, and this one needs two: who begins now would wait behind it.
            let mut next = Box::pin(uncommitted.enter(UNCOMMITTED_UNIT_BYTES));
            assert!(future::poll_once(&mut next).await.is_none());
            assert!(!uncommitted.has_room());
            drop(small);
            let next = next.await.unwrap();
            assert!(!uncommitted.has_room(), "all is taken");
            drop((larger, next));
            assert!(uncommitted.has_room());
        });
    }

    #[test]
    fn one_that_is_given_up_waits_no_more_and_one_beyond_all_measure_finds_room() {
        on_executor(async {
            let uncommitted = Uncommitted::new(4);
            let all = uncommitted.enter(u64::MAX).await.unwrap();
            let mut next = Box::pin(uncommitted.enter(0));
            assert!(future::poll_once(&mut next).await.is_none());
            drop(next);
            drop(all);
            assert!(uncommitted.has_room());
        });
    }
}
