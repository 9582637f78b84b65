//! When a 304 is doubted: a feed that used to change and has answered "not modified" for weeks is asked once without
//! validators, since caches in front of servers are known to freeze. Pure.
//!
//! Rare: at most once a week a feed, each feed at a time of its own. A feed that was never seen to change is believed for ever.

use crate::limits::{DOUBT_INTERVAL_MS, FROZEN_GAPS, FROZEN_MS_MIN};
use crate::schedule;
use crate::store::Changes;

/// Whether to ask without validators now. `name` decides where between one and one and a half times the wait a feed's own lies.
pub(crate) fn is_doubtful(changes: &Changes, name: &str, now_ms: i64) -> bool {
    let (Some(changed_at), Some(gap_ms)) = (changes.changed_at, changes.gap_ms) else { return false };
    let patience = FROZEN_MS_MIN.max(gap_ms.saturating_mul(FROZEN_GAPS));
    let passed = |since: i64, wait: i64| {
        let jitter = (schedule::seed(name, since.unsigned_abs()) % 512) as i64;
        now_ms.saturating_sub(since) >= wait.saturating_add(wait / 1024 * jitter)
    };
    passed(changed_at, patience) && changes.doubted_at.is_none_or(|doubted| passed(doubted, DOUBT_INTERVAL_MS))
}

/// What is known after a document that is not the last one again.
pub(crate) fn changed(changes: &Changes, now_ms: i64) -> Changes {
    let gap = changes.changed_at.map(|before| now_ms.saturating_sub(before).max(0));
    // The longest of late: a correction a minute after an article says nothing of how often articles come.
    let gap_ms = gap.map(|gap| gap.max(changes.gap_ms.unwrap_or(0) / 2));
    Changes { changed_at: Some(now_ms), gap_ms, ..changes.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn still(gap_days: Option<i64>, doubted_at: Option<i64>) -> Changes {
        Changes { changed_at: Some(0), gap_ms: gap_days.map(|days| days * DAY), doubted_at }
    }

    #[test]
    fn patience_is_two_weeks_or_four_usual_gaps() {
        for (changes, days, doubtful) in [
            (still(Some(1), None), 13, false),
            (still(Some(1), None), 21, true),
            (still(Some(30), None), 119, false),
            (still(Some(30), None), 180, true),
            // Never seen to change: believed.
            (still(None, None), 10_000, false),
            (Changes::default(), 10_000, false),
            // At most once a week.
            (still(Some(1), Some(30 * DAY)), 36, false),
            (still(Some(1), Some(30 * DAY)), 41, true),
            // A clock that went back.
            (still(Some(1), Some(90 * DAY)), 60, false),
        ] {
            assert_eq!(is_doubtful(&changes, "feed", days * DAY), doubtful, "{changes:?} after {days} days");
        }
    }

    #[test]
    fn feeds_doubt_at_times_of_their_own() {
        let first_day = |name: &str| (0..40).find(|day| is_doubtful(&still(Some(1), None), name, day * DAY));
        let days: std::collections::BTreeSet<_> = (0..200).map(|n| first_day(&format!("feed-{n}"))).collect();
        // The first whole day on which it is doubtful.
        assert_eq!(days.into_iter().flatten().collect::<Vec<_>>(), [15, 16, 17, 18, 19, 20, 21]);
    }

    #[test]
    fn the_gap_follows_how_a_feed_changes() {
        let mut changes = changed(&Changes::default(), 0);
        assert_eq!((changes.changed_at, changes.gap_ms), (Some(0), None));
        for (at, gap) in [(DAY, DAY), (DAY + 60_000, DAY / 2), (11 * DAY, 10 * DAY - 60_000)] {
            changes = changed(&changes, at);
            assert_eq!((changes.changed_at, changes.gap_ms), (Some(at), Some(gap)));
        }
    }
}
