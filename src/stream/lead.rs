//! How far commits are ahead of the stream, and that cores wait for it a little.
//!
//! What is new is read back, made safe and serialised once for all clients. On a machine whose CPUs are all busy with feeds the
//! stream would get its share of them and no more, and fall behind by seconds. So cores begin no polls while it is behind by
//! a page and somebody follows it. Clients can hold them up by that for half of the time at most, whatever they do: after
//! [`STREAM_WAIT_MAX`] cores go on without the stream for [`STREAM_WAIT_PAUSE`].

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Instant;

use crate::limits::{DEEP, Depth, SHALLOW, STREAM_WAIT_MAX, STREAM_WAIT_PAUSE, UNPUBLISHED_MAX};

/// Written by the writer and by the HTTP core, read by the cores.
#[derive(Debug)]
pub(crate) struct Lead {
    committed: AtomicI64,
    published: AtomicI64,
    has_audience: AtomicBool,
}

impl Lead {
    /// Of a daemon that has no stream, as long as nothing is published.
    pub(crate) fn new() -> Lead {
        Lead { committed: AtomicI64::new(0), published: AtomicI64::new(i64::MAX), has_audience: AtomicBool::new(false) }
    }

    pub(crate) fn commit(&self, seq: i64) {
        self.committed.store(seq, Ordering::Relaxed);
    }

    pub(crate) fn publish(&self, seq: i64) {
        self.published.store(seq, Ordering::Relaxed);
    }

    /// Whether there are clients, or were of late: heard of as they come, and at each commit.
    pub(crate) fn set_audience(&self, is_there: bool) {
        self.has_audience.store(is_there, Ordering::Relaxed);
    }

    fn has_audience(&self) -> bool {
        self.has_audience.load(Ordering::Relaxed)
    }

    /// How much a core should have under way.
    pub(crate) fn depth(&self) -> Depth {
        if self.has_audience() { SHALLOW } else { DEEP }
    }

    fn articles(&self) -> i64 {
        self.committed.load(Ordering::Relaxed).saturating_sub(self.published.load(Ordering::Relaxed))
    }
}

/// One core's patience with the stream.
#[derive(Debug, Default)]
pub(crate) struct Follower(Cell<Patience>);

#[derive(Clone, Copy, Debug, Default)]
enum Patience {
    #[default]
    Fresh,
    WaitingSince(Instant),
    NoneUntil(Instant),
}

impl Follower {
    /// Whether the stream keeps up with what is committed, or was waited for long enough.
    pub(crate) fn keeps_up(&self, lead: &Lead, now: Instant) -> bool {
        let is_behind = lead.has_audience() && lead.articles() >= UNPUBLISHED_MAX;
        let next = match self.0.get() {
            Patience::NoneUntil(until) if now < until => Patience::NoneUntil(until),
            _ if !is_behind => Patience::Fresh,
            Patience::WaitingSince(since) if now < since + STREAM_WAIT_MAX => Patience::WaitingSince(since),
            Patience::WaitingSince(_) => Patience::NoneUntil(now + STREAM_WAIT_PAUSE),
            Patience::Fresh | Patience::NoneUntil(_) => Patience::WaitingSince(now),
        };
        self.0.set(next);
        !matches!(next, Patience::WaitingSince(_))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn without_a_stream_nobody_waits() {
        let lead = Lead::new();
        lead.commit(1_000_000);
        assert!(Follower::default().keeps_up(&lead, Clock::monotonic()));
    }

    #[test]
    fn a_stream_that_is_behind_by_a_page_is_waited_for() {
        let (lead, follower, now) = (Lead::new(), Follower::default(), Clock::monotonic());
        lead.publish(100);
        lead.set_audience(true);
        lead.commit(100 + UNPUBLISHED_MAX - 1);
        assert!(follower.keeps_up(&lead, now));
        lead.commit(100 + UNPUBLISHED_MAX);
        assert!(!follower.keeps_up(&lead, now));
        lead.publish(101);
        assert!(follower.keeps_up(&lead, now));
        lead.publish(100);
        lead.set_audience(false);
        assert!(follower.keeps_up(&lead, now));
    }

    #[test]
    fn little_is_under_way_while_there_is_an_audience() {
        let lead = Lead::new();
        let polls_young_max = || lead.depth().polls_young_max;
        assert_eq!(polls_young_max(), DEEP.polls_young_max);
        lead.set_audience(true);
        assert_eq!(polls_young_max(), SHALLOW.polls_young_max);
        lead.set_audience(false);
        assert_eq!(polls_young_max(), DEEP.polls_young_max);
    }

    /// Not more of the time than this, whether it moves or not.
    #[test]
    fn whoever_slows_the_stream_holds_cores_up_for_half_of_the_time() {
        const STEP: Duration = Duration::from_millis(1);
        for moves in [0, 1] {
            let (lead, follower, start) = (Lead::new(), Follower::default(), Clock::monotonic());
            lead.publish(0);
            lead.set_audience(true);
            let mut waited = 0;
            for step in 0..10_000 {
                lead.commit(i64::from(step) + 3 * UNPUBLISHED_MAX);
                lead.publish(i64::from(step) * moves);
                waited += u32::from(!follower.keeps_up(&lead, start + STEP * step));
            }
            assert!((4_900..=5_100).contains(&waited), "{waited} of 10,000");
        }
    }
}
