//! Is it us? Tells an outage of our own network from hosts that fail for themselves.
//!
//! Pure: outcomes by host and the time in, a verdict out. One a core, over the hosts of that core.
//!
//! Evidence is a host that was well at its last poll and cannot be reached at all by now: no answer from any name server, no route,
//! no reply to a connection. Whoever hangs or talks nonsense has been reached; whoever refuses says nothing. Nor does a host that was
//! failing already, so that no number of dead hosts adds up to an outage. One that was never polled is evidence as long as nobody
//! at all was reached: after that it is most likely dead, and a first round ends with those, since they take the longest.
//!
//! It opens when most of the hosts heard of last are such evidence, and none at all was reached for a while. While it is open,
//! failures to reach a host count against nobody, and one poll at a time probes; the first that reaches a host closes it. One on
//! the machine's own network may have been well all the time: it closes it if it was evidence, or if by then nobody else is.

use std::collections::VecDeque;
use std::time::Instant;

use crate::limits::{
    BREAKER_FAILING_PERCENT, BREAKER_HOSTS, BREAKER_HOSTS_FEW, BREAKER_HOSTS_MIN, BREAKER_PROBE_WAIT,
    BREAKER_SILENCE_MIN, BREAKER_WINDOW,
};

/// What a poll says about the way to its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Somebody answered, however badly.
    Reached {
        /// On the machine's own network, which may be well when the way out is not.
        is_private: bool,
    },
    /// Nobody did.
    Unreached {
        /// It had answered at its last poll; `None`: it was never polled.
        was_well: Option<bool>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// The last sign of each of the hosts heard of last, oldest first: when, which, and whether it was evidence.
    heard: VecDeque<(Instant, String, bool)>,
    /// How many hosts there are to hear of; `None` is not known.
    hosts: Option<usize>,
    /// When a host out there was reached last, or the first sign came.
    reached_at: Option<Instant>,
    /// Somebody was, ever.
    has_reached: bool,
    /// When the next probe may go; `None` is closed.
    probe_at: Option<Instant>,
    /// When it closed last.
    closed_at: Option<Instant>,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Whether a poll that began at `started` and reached nobody failed for our own network's sake: it is out, or was when the
    /// poll began.
    pub(crate) fn excuses(&self, started: Instant) -> bool {
        self.is_open() || self.closed_at.is_some_and(|closed_at| started < closed_at)
    }

    /// From now on so many hosts are polled. Where they are few, all of them have to be heard of before anything is concluded.
    pub(crate) fn set_hosts(&mut self, hosts: usize) {
        self.hosts = Some(hosts);
    }

    /// Takes in how a poll of `host` went.
    pub(crate) fn heard(&mut self, host: &str, sign: Sign, now: Instant) {
        let reached_at = *self.reached_at.get_or_insert(now);
        let was_evidence = self.heard.iter().any(|(_, known, evidence)| known == host && *evidence);
        let is_evidence = match sign {
            // It was well until this began, or it says nothing.
            Sign::Unreached { was_well } if was_well.unwrap_or(!self.has_reached) || was_evidence => true,
            Sign::Unreached { .. } => return,
            Sign::Reached { is_private } => {
                if !is_private {
                    self.reached_at = Some(now);
                    self.has_reached = true;
                }
                if self.is_open() && (!is_private || was_evidence) {
                    *self = Breaker {
                        reached_at: Some(now),
                        has_reached: true,
                        hosts: self.hosts,
                        closed_at: Some(now),
                        ..Breaker::default()
                    };
                    return;
                }
                false
            }
        };
        self.heard.retain(|(at, known, _)| known != host && now.saturating_duration_since(*at) <= BREAKER_WINDOW);
        self.heard.push_back((now, host.to_owned(), is_evidence));
        if self.heard.len() > BREAKER_HOSTS {
            self.heard.pop_front();
        }
        let failing = self.heard.iter().filter(|(.., evidence)| *evidence).count();
        let enough = self.hosts.map_or(BREAKER_HOSTS_MIN, |hosts| hosts.clamp(BREAKER_HOSTS_FEW, BREAKER_HOSTS_MIN));
        let is_out = self.heard.len() >= enough
            && failing * 100 >= self.heard.len() * BREAKER_FAILING_PERCENT
            && now.saturating_duration_since(reached_at) >= BREAKER_SILENCE_MIN;
        if is_out && is_evidence && !self.is_open() {
            self.probe_at = Some(now + BREAKER_PROBE_WAIT);
        } else if failing == 0 && self.probe_at.take().is_some() {
            self.closed_at = Some(now);
        }
    }

    /// Whether a poll may start. While it is open, one does now and then, as a probe, and the next one may a while later.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        match self.probe_at {
            None => true,
            Some(at) if at <= now => {
                self.probe_at = Some(now + BREAKER_PROBE_WAIT);
                true
            }
            Some(_) => false,
        }
    }

    /// When the next probe may go, while it is open.
    pub(crate) fn probe_at(&self) -> Option<Instant> {
        self.probe_at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);
    const OUT: Sign = Sign::Unreached { was_well: Some(true) };
    const DEAD: Sign = Sign::Unreached { was_well: Some(false) };
    const UNKNOWN: Sign = Sign::Unreached { was_well: None };
    const OUTSIDE: Sign = Sign::Reached { is_private: false };
    const INSIDE: Sign = Sign::Reached { is_private: true };

    /// Whether it opened (true) or closed, and at which second.
    type Changes = Vec<(u32, bool)>;

    /// A breaker that hears these signs, each at its second, and what came of it.
    fn heard(signs: &[(u32, &str, Sign)]) -> (Breaker, Changes, Instant) {
        let start = Clock::monotonic();
        let mut breaker = Breaker::default();
        let mut changes = Vec::new();
        for (second, host, sign) in signs {
            let before = breaker.is_open();
            breaker.heard(host, *sign, start + *second * SECOND);
            changes.extend((breaker.is_open() != before).then_some((*second, !before)));
        }
        (breaker, changes, start)
    }

    const NAMES: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];

    /// The same sign of so many hosts, one a second from `from` on.
    fn row(from: u32, hosts: usize, sign: Sign) -> Vec<(u32, &'static str, Sign)> {
        (from..).zip(NAMES).take(hosts).map(|(second, name)| (second, name, sign)).collect()
    }

    #[test]
    fn opens_when_most_hosts_that_were_well_cannot_be_reached_and_at_no_other_time() {
        for (what, signs, opened) in [
            ("all hosts, one after the other", row(0, 16, OUT), Some(7)),
            ("after a time in which all was well", [row(0, 16, OUTSIDE), row(20, 16, OUT)].concat(), Some(27)),
            (
                "few hosts that all fail at once, and again later",
                NAMES[..9].iter().flat_map(|name| [(0, *name, OUT)]).chain(row(6, 9, DEAD)).collect(),
                Some(6),
            ),
            ("seven hosts are not enough", row(0, 7, OUT), None),
            ("one host, again and again", (0..60).map(|second| (second, "a", OUT)).collect(), None),
            ("hosts that were dead before", row(0, 16, DEAD), None),
            ("a first round without a network", row(0, 16, UNKNOWN), Some(7)),
            (
                "a first round in which some are dead, which shows last",
                [vec![(0, "well", OUTSIDE)], row(6, 16, UNKNOWN)].concat(),
                None,
            ),
            (
                "a first round without a network, beside this machine",
                [vec![(0, "local", INSIDE)], row(0, 16, UNKNOWN)].concat(),
                Some(6),
            ),
            (
                "a host out there is reached now and then",
                (0..16).flat_map(|n| [(n, NAMES[n as usize], OUT), (n, "well", OUTSIDE)]).collect(),
                None,
            ),
            (
                "what is reached is this machine",
                (0..16).flat_map(|n| [(n, NAMES[n as usize], OUT), (n, "local", INSIDE)]).collect(),
                Some(6),
            ),
            (
                "half of them",
                (0..16).map(|n| (n, NAMES[n as usize], if n % 2 == 0 { OUT } else { INSIDE })).collect(),
                None,
            ),
            (
                "all at once, a moment after the last was reached",
                [vec![(0, "well", OUTSIDE)], NAMES.iter().map(|name| (1, *name, OUT)).collect()].concat(),
                None,
            ),
            (
                "so far apart that it is another story",
                (0..16).map(|n| (n * 4_000, NAMES[n as usize], OUT)).collect(),
                None,
            ),
        ] {
            let (breaker, changes, _) = heard(&signs);
            assert_eq!(changes, opened.map(|second| (second, true)).into_iter().collect::<Vec<_>>(), "{what}");
            assert_eq!(breaker.is_open(), opened.is_some(), "{what}");
        }
    }

    #[test]
    fn of_few_hosts_all_have_to_fail() {
        // Between two signs nobody is reached for long enough.
        for (hosts, opened) in [(1, None), (3, None), (4, Some(3)), (6, Some(5)), (8, Some(7)), (500, Some(7))] {
            let start = Clock::monotonic();
            let mut breaker = Breaker::default();
            breaker.set_hosts(hosts);
            let opens = (0u32..).zip(NAMES).take(hosts).find(|(n, name)| {
                breaker.heard(name, OUT, start + *n * 5 * SECOND);
                breaker.is_open()
            });
            assert_eq!(opens.map(|(n, _)| n), opened, "{hosts} hosts");
        }
    }

    #[test]
    fn an_open_one_lets_a_probe_through_every_few_seconds() {
        let (mut breaker, changes, start) = heard(&row(0, 8, OUT));
        assert_eq!(changes, [(7, true)]);
        assert!(!breaker.admit(start + 7 * SECOND));
        let mut probes = 0;
        for second in 7..107 {
            let now = start + second * SECOND;
            if breaker.admit(now) {
                probes += 1;
                assert!(!breaker.admit(now), "one at a time");
                breaker.heard("probe", OUT, now);
            }
        }
        assert_eq!(probes, 99 / BREAKER_PROBE_WAIT.as_secs());
        assert!(breaker.is_open());
    }

    #[test]
    fn the_first_host_that_is_reached_closes_it() {
        for (what, host, sign, closes) in [
            ("one out there", "new", OUTSIDE, true),
            ("one of those that could not be reached, wherever it is", "c", INSIDE, true),
            ("this machine itself", "local", INSIDE, false),
            ("one more that cannot be reached", "new", OUT, false),
            ("one that was dead before", "new", DEAD, false),
        ] {
            let (mut breaker, _, start) = heard(&row(0, 11, OUT));
            breaker.heard(host, sign, start + 20 * SECOND);
            assert_eq!(breaker.is_open(), !closes, "{what}");
            let begun = [19, 20].map(|second| breaker.excuses(start + second * SECOND));
            assert_eq!(begun, [true, !closes], "{what}: polls that began before have an excuse still");
            if closes {
                assert!(breaker.admit(start + 20 * SECOND));
                breaker.heard("d", OUT, start + 21 * SECOND);
                assert!(!breaker.is_open(), "{what}: it begins anew");
            }
        }
    }

    #[test]
    fn where_all_hosts_are_nearby_those_that_are_reached_close_it_in_the_end() {
        let (mut breaker, _, start) = heard(&row(0, 16, OUT));
        for n in 0..BREAKER_HOSTS as u32 {
            assert!(breaker.is_open(), "after {n}");
            breaker.heard(&format!("near-{n}"), INSIDE, start + (20 + n) * SECOND);
        }
        assert!(!breaker.is_open());
        // But not while others still are not.
        let (mut breaker, _, start) = heard(&row(0, 16, OUT));
        for n in 0..100u32 {
            let (host, sign) = if n % 5 == 0 { (format!("far-{n}"), OUT) } else { (format!("near-{n}"), INSIDE) };
            breaker.heard(&host, sign, start + (20 + n) * SECOND);
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let start = Clock::monotonic();
        let mut breaker = Breaker::default();
        for n in 0..10_000u32 {
            breaker.heard(&format!("host-{n}"), if n % 3 == 0 { OUT } else { INSIDE }, start);
        }
        assert!(breaker.heard.len() <= BREAKER_HOSTS);
    }
}
