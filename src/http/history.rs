//! The last hour, a minute a slot: what the plots on the page show. Pure: whoever keeps it tells the time.

use std::collections::VecDeque;

use crate::gauges::{LATENCY_SLOTS, latency_ms_of};

/// Minutes that are kept; older ones are forgotten.
pub(crate) const MINUTES: usize = 60;

/// Counters since the start, added up over all cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) polls: u64,
    pub(crate) polls_failed: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) articles_new: u64,
    /// Polls by how long they took: [`crate::gauges::latency_slot`].
    pub(crate) latencies: [u64; LATENCY_SLOTS],
}

impl Default for Totals {
    fn default() -> Totals {
        Totals { polls: 0, polls_failed: 0, wire_bytes: 0, articles_new: 0, latencies: [0; LATENCY_SLOTS] }
    }
}

impl Totals {
    /// What came between `earlier` and now.
    fn since(&self, earlier: &Totals) -> Totals {
        Totals {
            polls: self.polls.saturating_sub(earlier.polls),
            polls_failed: self.polls_failed.saturating_sub(earlier.polls_failed),
            wire_bytes: self.wire_bytes.saturating_sub(earlier.wire_bytes),
            articles_new: self.articles_new.saturating_sub(earlier.articles_new),
            latencies: std::array::from_fn(|slot| self.latencies[slot].saturating_sub(earlier.latencies[slot])),
        }
    }

    /// The time within which this share of the polls ended, in milliseconds, to a tenth or so; `None` without a poll.
    pub(crate) fn latency_ms(&self, share: f64) -> Option<u64> {
        let all: u64 = self.latencies.iter().sum();
        let wanted = (all as f64 * share).ceil() as u64;
        let mut seen = 0;
        let slot = self.latencies.iter().position(|count| {
            seen += count;
            seen >= wanted && seen > 0
        })?;
        (all > 0).then(|| latency_ms_of(slot))
    }
}

/// One minute's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    /// Minutes since the start of the process.
    pub(crate) minute: u64,
    pub(crate) totals: Totals,
}

/// The minutes that have passed, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    minutes: VecDeque<Minute>,
    /// The running minute, and the counters at its beginning.
    running: u64,
    at_begin: Totals,
}

impl History {
    /// Takes the counters as they are `uptime_s` seconds after the start. Call it more often than once a minute; what a
    /// late call finds counts for the minute in which it was last called.
    pub(crate) fn note(&mut self, uptime_s: u64, totals: Totals) {
        let minute = uptime_s / 60;
        if minute == self.running {
            return;
        }
        self.minutes.push_back(Minute { minute: self.running, totals: totals.since(&self.at_begin) });
        self.running = minute;
        self.at_begin = totals;
        while self.minutes.front().is_some_and(|oldest| oldest.minute + (MINUTES as u64) < minute) {
            self.minutes.pop_front();
        }
    }

    /// Finished minutes, oldest first, at most [`MINUTES`]; minutes in which nobody called are missing.
    pub(crate) fn minutes(&self) -> impl Iterator<Item = &Minute> {
        self.minutes.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls(polls: u64) -> Totals {
        Totals { polls, ..Totals::default() }
    }

    #[test]
    fn a_minute_holds_what_came_in_it() {
        let mut history = History::default();
        for (uptime_s, count) in [(0, 0), (30, 5), (59, 9), (60, 10), (90, 30), (121, 50)] {
            history.note(uptime_s, polls(count));
        }
        let seen: Vec<_> = history.minutes().map(|minute| (minute.minute, minute.totals.polls)).collect();
        assert_eq!(seen, [(0, 10), (1, 40)]);
    }

    #[test]
    fn an_hour_is_kept_and_a_gap_is_a_gap() {
        let mut history = History::default();
        for minute in 0..200 {
            history.note(minute * 60, polls(minute));
        }
        assert_eq!(history.minutes().count(), MINUTES);
        history.note(250 * 60, polls(1_000));
        assert_eq!(history.minutes().map(|minute| minute.minute).collect::<Vec<_>>()[..2], [190, 191]);
    }
}
