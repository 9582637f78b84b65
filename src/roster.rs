//! What is polled, and on which core: from a configuration's feeds to what each core is to be told.
//!
//! Pure. A feed that now belongs to another core is removed from the one before it is put on the other.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::config;
use crate::config::plan::{self, Plan, changed_keys};
use crate::fetch::Access;
use crate::placement;
use crate::placement::shares::Shares;
use crate::poll::{Entrant, Subscription};

/// By feed id.
pub(crate) struct Roster {
    cores: usize,
    shares: Shares,
    placed: HashMap<i64, Placed>,
}

/// A feed as its core knows it.
struct Placed {
    core: usize,
    /// By whose hash it was placed there.
    host: u64,
    feed: Arc<config::Feed>,
    access: Result<Arc<Access>, String>,
}

/// What the cores are to be told, one each.
#[derive(Debug)]
pub(crate) struct Change {
    /// New feeds and changed ones.
    pub(crate) puts: Vec<Vec<Entrant>>,
    /// To be told before `puts`.
    pub(crate) removes: Vec<Vec<i64>>,
    /// The same in words.
    pub(crate) plan: Plan,
}

impl Placed {
    fn new(core: usize, host: u64, subscription: &Subscription) -> Placed {
        Placed { core, host, feed: subscription.feed.clone(), access: subscription.access.clone() }
    }

    /// What is another now; empty where it is the same.
    fn changed_keys(&self, subscription: &Subscription) -> Vec<&'static str> {
        match changed_keys(&self.feed, &subscription.feed) {
            keys if keys.is_empty() && self.access != subscription.access => vec!["what its files or the roots hold"],
            keys => keys,
        }
    }
}

impl Roster {
    pub(crate) fn new(cores: usize) -> Roster {
        Roster { cores, shares: Shares::new(cores), placed: HashMap::new() }
    }

    /// How many feeds are polled.
    pub(crate) fn len(&self) -> usize {
        self.placed.len()
    }

    /// From now on these are polled, as they are here, and no others.
    pub(crate) fn take_over(&mut self, entrants: Vec<Entrant>) -> Change {
        let mut change = Change {
            puts: (0..self.cores).map(|_| Vec::new()).collect(),
            removes: vec![Vec::new(); self.cores],
            plan: Plan::default(),
        };
        let kept: HashSet<i64> = entrants.iter().map(|entrant| entrant.subscription.id).collect();
        for (id, gone) in self.placed.extract_if(|id, _| !kept.contains(id)) {
            self.shares.leave(gone.host);
            change.removes[gone.core].push(id);
            change.plan.removed.push(gone.feed.name.clone());
        }
        change.plan.removed.sort_unstable();
        let hosts = self.place(&entrants);
        for (entrant, host) in entrants.into_iter().zip(hosts) {
            let subscription = &entrant.subscription;
            let (id, name) = (subscription.id, subscription.feed.name.clone());
            let keys = self.placed.get(&id).map(|old| old.changed_keys(subscription)).unwrap_or_default();
            if keys.is_empty() && self.placed.contains_key(&id) {
                change.plan.unchanged.push(name);
                continue;
            }
            let core = self.shares.core_of(host).expect("it has joined");
            match self.placed.insert(id, Placed::new(core, host, subscription)) {
                Some(old) => {
                    change.plan.changed.push(plan::Change { name, keys });
                    if old.core != core {
                        change.removes[old.core].push(id);
                    }
                }
                None => change.plan.added.push(name),
            }
            change.puts[core].push(entrant);
        }
        change
    }

    /// Has the hosts of these share the cores, and gives the one by which each is placed.
    fn place(&mut self, entrants: &[Entrant]) -> Vec<u64> {
        let mut newcomers = Vec::new();
        let mut place = |entrant: &Entrant| {
            let Subscription { id, feed, .. } = &entrant.subscription;
            if let Some(old) = self.placed.get(id) {
                // It may have moved to another host since the start. It stays until the next one: a poll that is on its way to
                // its commit here would be unknown to another core, which then polls early.
                if old.feed.url == feed.url {
                    return old.host;
                }
                self.shares.leave(old.host);
            }
            let host = placement::hash(entrant.host().as_bytes());
            newcomers.push(host);
            host
        };
        let hosts = entrants.iter().map(&mut place).collect();
        self.shares.join(newcomers);
        hosts
    }

    /// Where the feeds of this host are.
    #[cfg(test)]
    pub(crate) fn core_of(&self, host: &str) -> Option<usize> {
        self.shares.core_of(placement::hash(host.as_bytes()))
    }
}

/// Feeds that have no poll time ahead of them.
pub(crate) fn count_due(entrants: &[Entrant], now_ms: i64) -> usize {
    let is_due = |entrant: &Entrant| entrant.memory.state.next_poll_at.is_none_or(|at| at <= now_ms);
    entrants.iter().filter(|entrant| is_due(entrant) && !entrant.is_given_up()).count()
}
