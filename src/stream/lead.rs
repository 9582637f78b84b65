//! How far commits are ahead of the stream, and that cores wait for it a little.
//!
//! What is new is read back, made safe and serialised once for all clients. On a machine whose CPUs are all busy with feeds the
//! stream would get its share of them and no more, and fall behind by seconds. So cores begin no poll while it is behind by
//! more than a page. Nobody can hold them up by that: where the stream does not move at all, they go on without it.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::limits::{STREAM_STUCK_AFTER, UNPUBLISHED_MAX};

/// Written by the writer and by the HTTP core, read by the cores.
#[derive(Debug)]
pub(crate) struct Lead {
    committed: AtomicI64,
    published: AtomicI64,
}

impl Lead {
    /// Of a daemon that has no stream, as long as nothing is published.
    pub(crate) fn new() -> Lead {
        Lead { committed: AtomicI64::new(0), published: AtomicI64::new(i64::MAX) }
    }

    pub(crate) fn commit(&self, seq: i64) {
        self.committed.store(seq, Ordering::Relaxed);
    }

    pub(crate) fn publish(&self, seq: i64) {
        self.published.store(seq, Ordering::Relaxed);
    }
}

/// One core's view of it.
#[derive(Debug)]
pub(crate) struct Follower {
    /// What was published when it last moved, as far as this core has seen, and when that was.
    seen: Cell<(i64, Instant)>,
}

impl Follower {
    pub(crate) fn new(now: Instant) -> Follower {
        Follower { seen: Cell::new((0, now)) }
    }

    /// Whether the stream keeps up with what is committed, or nobody should wait for it.
    pub(crate) fn keeps_up(&self, lead: &Lead, now: Instant) -> bool {
        let published = lead.published.load(Ordering::Relaxed);
        if self.seen.get().0 != published {
            self.seen.set((published, now));
        }
        let unpublished = lead.committed.load(Ordering::Relaxed).saturating_sub(published);
        unpublished < UNPUBLISHED_MAX || now.saturating_duration_since(self.seen.get().1) >= STREAM_STUCK_AFTER
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn without_a_stream_nobody_waits() {
        let (lead, now) = (Lead::new(), Clock::monotonic());
        lead.commit(1_000_000);
        assert!(Follower::new(now).keeps_up(&lead, now));
    }

    #[test]
    fn a_stream_behind_by_a_page_is_waited_for_while_it_moves() {
        const MOMENT: Duration = Duration::from_millis(1);
        let (lead, start) = (Lead::new(), Clock::monotonic());
        let follower = Follower::new(start);
        lead.publish(100);
        lead.commit(100 + UNPUBLISHED_MAX - 1);
        assert!(follower.keeps_up(&lead, start));
        lead.commit(100 + UNPUBLISHED_MAX);
        assert!(!follower.keeps_up(&lead, start));
        // It hangs: it is waited for no longer, until it moves again.
        assert!(!follower.keeps_up(&lead, start + STREAM_STUCK_AFTER - MOMENT));
        assert!(follower.keeps_up(&lead, start + STREAM_STUCK_AFTER));
        lead.commit(100 + 3 * UNPUBLISHED_MAX);
        assert!(follower.keeps_up(&lead, start + STREAM_STUCK_AFTER * 9));
        lead.publish(101);
        assert!(!follower.keeps_up(&lead, start + STREAM_STUCK_AFTER * 9));
        lead.publish(101 + 3 * UNPUBLISHED_MAX);
        assert!(follower.keeps_up(&lead, start + STREAM_STUCK_AFTER * 9));
    }
}
