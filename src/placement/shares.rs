//! How the hosts are shared out among the cores.
//!
//! A host goes to the core that it hashes to, unless that one has its share of the feeds already: then to the one that has
//! fewest. So one host with very many feeds has fewer others beside it. It stays there while it has feeds, and longer, so that who
//! joins it finds what its core knows of it: hosts without feeds are forgotten when they are many.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::jump;
use crate::limits::HOSTS_EMPTY_MAX;

/// Hosts are known by what [`super::hash`] makes of their names.
pub(crate) struct Shares {
    /// By core.
    feeds: Vec<usize>,
    hosts: HashMap<u64, Host>,
}

struct Host {
    core: u32,
    feeds: u32,
}

impl Shares {
    pub(crate) fn new(cores: usize) -> Shares {
        Shares { feeds: vec![0; cores], hosts: HashMap::new() }
    }

    /// One more feed of each of these hosts, which may be the same one often.
    pub(crate) fn join(&mut self, hosts: impl IntoIterator<Item = u64>) {
        let mut newcomers: HashMap<u64, u32> = HashMap::new();
        for host in hosts {
            match self.hosts.get_mut(&host) {
                Some(known) => {
                    known.feeds += 1;
                    self.feeds[known.core as usize] += 1;
                }
                None => *newcomers.entry(host).or_default() += 1,
            }
        }
        let mut newcomers: Vec<(u64, u32)> = newcomers.into_iter().collect();
        // The largest first: what is small fills up what they leave.
        newcomers.sort_unstable_by_key(|(host, feeds)| (Reverse(*feeds), *host));
        let coming: usize = newcomers.iter().map(|(_, feeds)| *feeds as usize).sum();
        let share_max = self.share_max(coming);
        for (host, feeds) in newcomers {
            let core = self.core_for(host, feeds as usize, share_max);
            self.feeds[core] += feeds as usize;
            self.hosts.insert(host, Host { core: core as u32, feeds });
        }
        // Not when they leave: one reload takes the last feed of a host away and gives it another. At most as many as there are
        // feeds have some.
        if self.hosts.len() > self.feeds.iter().sum::<usize>() + HOSTS_EMPTY_MAX {
            self.hosts.retain(|_, host| host.feeds > 0);
        }
    }

    /// One less of this one.
    pub(crate) fn leave(&mut self, host: u64) {
        let Some(known) = self.hosts.get_mut(&host) else { return };
        known.feeds -= 1;
        self.feeds[known.core as usize] -= 1;
    }

    /// Where the feeds of a host are that has joined.
    pub(crate) fn core_of(&self, host: u64) -> Option<usize> {
        self.hosts.get(&host).map(|host| host.core as usize)
    }

    /// What a core may have once so many more have come: a twentieth more than all have on average, so that a hash that is nearly
    /// even decides alone.
    fn share_max(&self, coming: usize) -> usize {
        let all = self.feeds.iter().sum::<usize>() + coming;
        all.div_ceil(self.feeds.len()) + all / self.feeds.len() / 20
    }

    fn core_for(&self, host: u64, feeds: usize, share_max: usize) -> usize {
        let core = jump(host, self.feeds.len());
        if self.feeds[core] + feeds <= share_max {
            return core;
        }
        (0..self.feeds.len()).min_by_key(|core| self.feeds[*core]).unwrap_or(core)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash;
    use super::*;

    fn hosts(count: usize) -> impl Iterator<Item = u64> {
        (0..count).map(|n| hash(format!("feeds{n}.example").as_bytes()))
    }

    #[test]
    fn a_hash_that_is_nearly_even_decides_alone() {
        for cores in 1..5 {
            let mut shares = Shares::new(cores);
            shares.join(hosts(20_000));
            let elsewhere = hosts(20_000).filter(|host| shares.core_of(*host) != Some(jump(*host, cores))).count();
            assert_eq!(elsewhere, 0, "{cores} cores: {:?}", shares.feeds);
        }
    }

    #[test]
    fn a_host_with_very_many_feeds_has_fewer_others_beside_it() {
        for (cores, most) in [(1, 2_000), (2, 1_050), (3, 700), (10, 500)] {
            let mut shares = Shares::new(cores);
            shares.join(hosts(1_500).chain(std::iter::repeat_n(hash(b"large.example"), 500)));
            assert_eq!(shares.feeds.iter().sum::<usize>(), 2_000);
            assert!(shares.feeds.iter().all(|feeds| *feeds <= most), "{:?}", shares.feeds);
        }
        // However few there are.
        let mut shares = Shares::new(4);
        shares.join(hosts(4));
        assert_eq!(shares.feeds, [1; 4]);
    }

    #[test]
    fn a_host_stays_where_it_is_whoever_comes_and_goes() {
        let mut shares = Shares::new(4);
        shares.join(hosts(100));
        let before: Vec<_> = hosts(100).map(|host| shares.core_of(host)).collect();
        hosts(100).skip(10).for_each(|host| shares.leave(host));
        shares.join(std::iter::repeat_n(hosts(1).next().unwrap(), 1_000));
        shares.join(hosts(200).skip(100));
        shares.join(hosts(100).skip(10));
        assert_eq!(hosts(100).map(|host| shares.core_of(host)).collect::<Vec<_>>(), before);
    }

    #[test]
    fn hosts_that_have_gone_are_forgotten_when_they_are_many() {
        let mut shares = Shares::new(2);
        for host in hosts(3 * HOSTS_EMPTY_MAX) {
            shares.join([host]);
            shares.leave(host);
            assert!(shares.hosts.len() <= HOSTS_EMPTY_MAX + 2);
        }
        assert_eq!(shares.feeds, [0, 0]);
        // Not in the middle of a reload that renames them all.
        let all = || hosts(2 * HOSTS_EMPTY_MAX);
        shares.join(all().chain(std::iter::repeat_n(0, HOSTS_EMPTY_MAX)));
        let before: Vec<_> = all().map(|host| shares.core_of(host)).collect();
        all().for_each(|host| shares.leave(host));
        assert_eq!(all().map(|host| shares.core_of(host)).collect::<Vec<_>>(), before);
    }
}
