//! What is polled, and on which core: from a configuration's feeds to what each core is to be told.
//!
//! Pure. A feed that now belongs to another core is removed from the one before it is put on the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config;
use crate::fetch::Access;
use crate::placement;
use crate::poll::Subscription;
use crate::store::FeedRecord;

/// What a reload did, in numbers of feeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
}

/// By feed id.
pub(crate) struct Roster {
    cores: usize,
    placed: HashMap<i64, Placed>,
}

/// A feed as its core knows it.
struct Placed {
    core: usize,
    feed: config::Feed,
    access: Result<Arc<Access>, String>,
}

/// What the cores are to be told, one each.
#[derive(Debug)]
pub(crate) struct Change {
    /// New feeds and changed ones.
    pub(crate) puts: Vec<Vec<Subscription>>,
    /// To be told before `puts`.
    pub(crate) removes: Vec<Vec<i64>>,
    pub(crate) reloaded: Reloaded,
}

impl Placed {
    fn new(core: usize, subscription: &Subscription) -> Placed {
        Placed { core, feed: subscription.feed.clone(), access: subscription.access.clone() }
    }

    fn is_same_as(&self, subscription: &Subscription) -> bool {
        self.feed == subscription.feed && self.access == subscription.access
    }
}

impl Roster {
    pub(crate) fn new(cores: usize) -> Roster {
        Roster { cores, placed: HashMap::new() }
    }

    /// How many feeds are polled.
    pub(crate) fn len(&self) -> usize {
        self.placed.len()
    }

    /// From now on these are polled, as they are here, and no others.
    pub(crate) fn take_over(&mut self, subscriptions: Vec<Subscription>) -> Change {
        let mut change = Change {
            puts: (0..self.cores).map(|_| Vec::new()).collect(),
            removes: vec![Vec::new(); self.cores],
            reloaded: Reloaded::default(),
        };
        let kept: HashSet<i64> = subscriptions.iter().map(|subscription| subscription.record.id).collect();
        for (id, gone) in self.placed.extract_if(|id, _| !kept.contains(id)) {
            change.removes[gone.core].push(id);
            change.reloaded.removed += 1;
        }
        for subscription in subscriptions {
            let id = subscription.record.id;
            let core = match self.placed.get(&id) {
                Some(old) if old.is_same_as(&subscription) => continue,
                // It may have moved to another host since the start. It stays until the next one: a poll that is on its way to
                // its commit here would be unknown to another core, which then polls early.
                Some(old) if old.feed.url == subscription.feed.url => old.core,
                _ => placement::core_of(&subscription.host(&subscription.record.state), self.cores),
            };
            match self.placed.insert(id, Placed::new(core, &subscription)) {
                Some(old) => {
                    change.reloaded.changed += 1;
                    if old.core != core {
                        change.removes[old.core].push(id);
                    }
                }
                None => change.reloaded.added += 1,
            }
            change.puts[core].push(subscription);
        }
        change
    }
}

/// Feeds that have no poll time ahead of them.
pub(crate) fn count_due(subscriptions: &[Subscription], now_ms: i64) -> usize {
    let is_due = |record: &FeedRecord| record.state.next_poll_at.is_none_or(|at| at <= now_ms);
    subscriptions.iter().filter(|feed| is_due(&feed.record) && !feed.is_given_up()).count()
}
