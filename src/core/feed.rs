//! A feed on its core: what is known of it, and where it is between two polls.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use crate::fetch::Flight;
use crate::poll::{Memory, Subscription};
use crate::schedule;
use crate::store::FeedState;

/// A feed on its core.
pub(crate) struct Feed {
    pub(crate) subscription: Rc<Subscription>,
    pub(crate) memory: Memory,
    pub(super) host: String,
    pub(crate) place: Place,
    /// That of the deadline set last; older ones are void.
    pub(crate) turn: u64,
    /// That deadline.
    pub(crate) due_at: Instant,
    pub(super) polled: bool,
}

/// Where a feed is between two polls.
pub(crate) enum Place {
    /// Until its deadline.
    Waiting,
    /// Due, in `ready` or in its host's queue.
    Due,
    /// Dropping the sender cancels the poll.
    InFlight { _cancel: oneshot::Sender<()>, flight: Rc<Flight> },
    /// Not to be polled again: polled once, given up, or drained.
    Done,
}

impl Feed {
    pub(super) fn new(subscription: Subscription, now: Instant) -> Feed {
        let mut state = subscription.record.state.clone();
        if !subscription.is_given_up() && state.planning.given_up_for.take().is_some() {
            // Changed since it was given up: it begins anew.
            state.planning.gone_count = 0;
        }
        let memory = Memory { state, poll_count: subscription.record.poll_count, unreadable: None };
        let host = subscription.host();
        let subscription = Rc::new(subscription);
        Feed { subscription, memory, host, place: Place::Waiting, turn: 0, due_at: now, polled: false }
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.memory.state.planning.given_up_for.is_some()
    }

    /// A wait that was not decided by its last poll, moved out of the time that its document skips.
    pub(super) fn unskipped(&self, wait: Duration, now_ms: i64) -> Duration {
        let FeedState { planning, last_polled_at, .. } = &self.memory.state;
        let hints = schedule::read_hints(planning.hints.as_deref());
        let Subscription { feed, .. } = &*self.subscription;
        schedule::unskipped(&self.subscription.pace(), &feed.name, &hints, wait, *last_polled_at, now_ms)
    }
}

/// Kept up with each poll, so that nobody counts a hundred thousand feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) failing: usize,
    pub(crate) polled: usize,
}

impl Tally {
    pub(super) fn with(self, feed: &Feed) -> Tally {
        let failing = usize::from(feed.memory.state.failure_count > 0);
        Tally { failing: self.failing + failing, polled: self.polled + usize::from(feed.polled) }
    }

    pub(super) fn without(self, feed: &Feed) -> Tally {
        let failing = usize::from(feed.memory.state.failure_count > 0);
        Tally { failing: self.failing - failing, polled: self.polled - usize::from(feed.polled) }
    }
}
