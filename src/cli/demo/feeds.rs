//! The demo's feeds.toml: groups of feeds of one temper each, every feed on a host of its own.

use std::fmt::Write;

use crate::tarpit::Tarpit;

/// Feeds that behave alike. The n-th is called `NAME-n`, and n counts from 1.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) count: u64,
    /// What they ask the tarpit for, in turn: a scenario of it, with a query perhaps.
    pub(super) scenarios: &'static [&'static str],
    /// Milliseconds of `read_timeout`, for the first feed and what each next one has more.
    pub(super) read_timeout_ms: (u64, u64),
    /// `interval`, as feeds.toml has it.
    pub(super) interval: &'static str,
    /// `body_bytes_max`, likewise.
    pub(super) body_bytes_max: &'static str,
}

impl Group {
    pub(super) const fn new(name: &'static str, count: u64, scenarios: &'static [&'static str]) -> Group {
        Group { name, count, scenarios, read_timeout_ms: (5_000, 0), interval: "1m", body_bytes_max: "8MiB" }
    }

    /// The `read_timeout` of the n-th feed.
    pub(super) fn read_timeout_ms_of(&self, number: u64) -> u64 {
        let (first, more) = self.read_timeout_ms;
        first + more * (number - 1)
    }

    /// The number of the feed of this name, if it is one of this group.
    pub(super) fn number_of(&self, feed: &str) -> Option<u64> {
        feed.strip_prefix(self.name)?.strip_prefix('-')?.parse().ok()
    }
}

/// All groups as feeds.toml has them. The tarpit is on loopback, so they are all `allow_private`.
pub(super) fn toml(groups: &[Group], tarpit: &Tarpit) -> String {
    let mut out = String::from(
        "# Written by rssd demo.\n[daemon]\nhost_pause = \"0s\"\n[defaults]\ninterval_min = \"1s\"\nconnect_timeout = \"3s\"\n\
         total_timeout = \"60s\"\nallow_private = true\n",
    );
    for group in groups {
        for (number, scenario) in (1..=group.count).zip(group.scenarios.iter().cycle()) {
            let Group { name, interval, body_bytes_max, .. } = group;
            let (scenario, query) = scenario.split_once('?').unwrap_or((scenario, ""));
            let url = tarpit.url(&format!("{name}-{number}.localhost"), &format!("/{scenario}/{number}?{query}"));
            let url = url.trim_end_matches('?');
            let read_timeout_ms = group.read_timeout_ms_of(number);
            writeln!(
                out,
                "\n[[feed]]\nname = \"{name}-{number}\"\nurl = \"{url}\"\ninterval = \"{interval}\"\n\
                 read_timeout = \"{read_timeout_ms}ms\"\nbody_bytes_max = \"{body_bytes_max}\""
            )
            .expect("a String takes every write");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_knows_its_group_and_its_deadline() {
        let group = Group { read_timeout_ms: (4_000, 100), ..Group::new("hung", 25, &["hung"]) };
        for (feed, number) in
            [("hung-1", Some(1)), ("hung-25", Some(25)), ("hung", None), ("hung-body-1", None), ("healthy-1", None)]
        {
            assert_eq!(group.number_of(feed), number, "{feed}");
        }
        assert_eq!([1, 2, 25].map(|number| group.read_timeout_ms_of(number)), [4_000, 4_100, 6_400]);
    }
}
