//! How often a feed brings something, seen from its polls: the measure for feeds whose publishers say nothing about it.
//!
//! A gap is the time between two polls that brought new articles, and what is kept is their mean, newer ones counting for
//! more, and one that is far longer than they are only in part. Silence since the last new article counts as well, but for less than a gap: a weekend is no reason to be late on
//! Monday.
//!
//! It says nothing before it has watched for a day, and seen several arrivals or a day of silence.

use std::time::Duration;

use crate::limits::{
    CADENCE_ARRIVALS_MIN, CADENCE_POLLS_A_GAP, CADENCE_POLLS_A_SILENCE, CADENCE_SILENCE_MIN, CADENCE_WATCHED_MIN,
};

/// A mean of less, after a step of the clock, would keep longer gaps from counting.
const GAP_MS_MIN: u64 = 60_000;

/// What was seen of a feed. Times are milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cadence {
    /// The first poll that went well: what it brought was there before.
    pub(super) since_ms: i64,
    /// The last poll that brought something new, or the first one.
    pub(super) arrival_ms: i64,
    /// Polls that did, the first one not counted.
    pub(super) arrivals: u32,
    /// The mean time between two of them.
    pub(super) gap_ms: u64,
}

impl Cadence {
    /// Begins to watch.
    pub(crate) fn begin(now_ms: i64) -> Cadence {
        Cadence { since_ms: now_ms, arrival_ms: now_ms, arrivals: 0, gap_ms: 0 }
    }

    /// After a poll that brought something new.
    pub(crate) fn with_arrival(self, now_ms: i64) -> Cadence {
        let gap_ms = past(self.arrival_ms, now_ms);
        let mean_ms = match self.arrivals {
            0 => gap_ms,
            // One night or weekend among short gaps is not what is to be expected next.
            _ => {
                let counted_ms = gap_ms.min(self.gap_ms.max(GAP_MS_MIN).saturating_mul(4));
                self.gap_ms / 4 * 3 + counted_ms / 4
            }
        };
        Cadence { arrival_ms: now_ms, arrivals: self.arrivals.saturating_add(1), gap_ms: mean_ms, ..self }
    }

    /// Something was published since the last arrival: what is read now is the next one.
    pub(crate) fn is_outdated_by(self, published_at: Option<i64>) -> bool {
        published_at.is_some_and(|at_ms| at_ms > self.arrival_ms)
    }

    /// The wait that fits the feed, if it was watched for long enough to say so.
    pub(super) fn wish(self, now_ms: i64) -> Option<Duration> {
        let silence = Duration::from_millis(past(self.arrival_ms, now_ms));
        if Duration::from_millis(past(self.since_ms, now_ms)) < CADENCE_WATCHED_MIN {
            return None;
        }
        let by_silence = silence / CADENCE_POLLS_A_SILENCE;
        if self.arrivals >= CADENCE_ARRIVALS_MIN {
            Some((Duration::from_millis(self.gap_ms) / CADENCE_POLLS_A_GAP).max(by_silence))
        } else {
            (silence >= CADENCE_SILENCE_MIN).then_some(by_silence)
        }
    }
}

/// A wall clock may step back.
fn past(from_ms: i64, now_ms: i64) -> u64 {
    u64::try_from(now_ms.saturating_sub(from_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;

    /// Seconds of the arrivals after the first poll, when it is asked, and what it wishes for.
    fn wish(arrivals: &[u64], at: u64) -> Option<u64> {
        let ms = |seconds: u64| 1_772_323_200_000 + (seconds as i64) * 1_000;
        let cadence = arrivals.iter().fold(Cadence::begin(ms(0)), |cadence, at| cadence.with_arrival(ms(*at)));
        cadence.wish(ms(at)).map(|wait| wait.as_secs())
    }

    #[test]
    fn arrivals_and_silence_make_a_wish() {
        let hourly: Vec<u64> = (1..=48).map(|n| n * HOUR).collect();
        let every_ten_minutes: Vec<u64> = (1..=200).map(|n| n * 600).collect();
        for (what, arrivals, at, expected) in [
            ("nothing is known after an hour", &[600, 1_200, 1_800][..], HOUR, None),
            ("a day, but one arrival of late", &[DAY - HOUR][..], DAY, None),
            ("a day of silence", &[][..], DAY, Some(DAY / 32)),
            ("a month of silence", &[][..], 30 * DAY, Some(30 * DAY / 32)),
            ("every hour", &hourly[..], 48 * HOUR, Some(HOUR / 4)),
            ("every ten minutes", &every_ten_minutes[..], 200 * 600, Some(150)),
            ("every hour until a weekend", &hourly[..], 48 * HOUR + 2 * DAY, Some(2 * DAY / 32)),
            ("once a day", &[DAY, 2 * DAY, 3 * DAY][..], 3 * DAY + HOUR, Some(DAY / 4)),
        ] {
            assert_eq!(wish(arrivals, at), expected, "{what}");
        }
    }

    #[test]
    fn the_mean_follows_a_feed_that_changes_its_ways() {
        let mut arrivals: Vec<u64> = (1..=7).map(|n| n * DAY).collect();
        let daily = wish(&arrivals, 7 * DAY).unwrap();
        arrivals.extend((1..=24).map(|n| 7 * DAY + n * HOUR));
        let hourly = wish(&arrivals, 8 * DAY).unwrap();
        assert!(daily == DAY / 4 && hourly < HOUR / 3, "{daily} {hourly}");
    }

    #[test]
    fn a_clock_that_steps_back_breaks_nothing() {
        let cadence = Cadence::begin(i64::MAX).with_arrival(i64::MIN).with_arrival(i64::MAX);
        for now_ms in [i64::MIN, 0, i64::MAX] {
            let _ = cadence.wish(now_ms);
        }
    }
}
