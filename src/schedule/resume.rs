//! Where a feed takes up its schedule: at a start, after a reload, and after whatever held many feeds back at once.

use std::time::Duration;

use super::{Hints, Pace, later, skip, within};
use crate::clock::duration_ms;
use crate::limits::{JITTER_MAX, POLLS_PER_SECOND_AT_START, RETRY_AFTER_MAX, SKIP_SPREAD};
use crate::placement;

/// How long to wait at start before the poll of a feed: until its stored time, or, where that is missing or has passed, its
/// place in the crowd of `waiting` feeds for which it is missing or has passed too.
///
/// A last poll that is yet to come was written by a clock that was ahead, and so was the next: what was between them is waited
/// for from now. A next one before the last was written once that clock had been set right, and holds as it is. A stored time that
/// is farther away than any schedule would have put it is cut.
pub(crate) fn resume(
    pace: &Pace,
    feed: &str,
    last_polled_at_ms: Option<i64>,
    next_poll_at_ms: Option<i64>,
    waiting: usize,
    now_ms: i64,
) -> Duration {
    let was_ahead = |last_ms: &i64| *last_ms > now_ms && next_poll_at_ms.is_some_and(|next_ms| next_ms >= *last_ms);
    let from_ms = last_polled_at_ms.filter(was_ahead).unwrap_or(now_ms);
    match next_poll_at_ms.map(|at_ms| at_ms.saturating_sub(from_ms)) {
        Some(ahead_ms) if ahead_ms > 0 => {
            let farthest = pace.ceiling().max(pace.backoff_ceiling()).max(RETRY_AFTER_MAX.saturating_add(JITTER_MAX));
            Duration::from_millis(ahead_ms.unsigned_abs()).min(farthest)
        }
        _ => spread(feed, waiting, pace.interval),
    }
}

/// The place of a feed in a crowd of `waiting` feeds that are all due at once: [`POLLS_PER_SECOND_AT_START`], but none
/// later than its interval. By a hash of its name, so that a restart in the middle keeps the order.
pub(crate) fn spread(feed: &str, waiting: usize, interval: Duration) -> Duration {
    let crowd_ms = (waiting.saturating_sub(1) as u64).saturating_mul(1_000) / POLLS_PER_SECOND_AT_START;
    Duration::from_millis(within(placement::hash(feed.as_bytes()), 0, crowd_ms.min(duration_ms(interval))))
}

/// A wait that [`next`](super::next) has not decided, moved out of the time that the feed's document skips; as there, to no later than
/// the ceiling after the last poll (`last_polled_at`, milliseconds since 1970), and spread for those that skip the same time.
pub(crate) fn unskipped(
    pace: &Pace,
    feed: &str,
    hints: &Hints,
    wait: Duration,
    last_polled_at: Option<i64>,
    now_ms: i64,
) -> Duration {
    let at_ms = later(now_ms, wait);
    let Some(allowed) = skip::allowed_after(&hints.skip, at_ms) else { return wait };
    let latest_ms = last_polled_at.map_or(at_ms, |polled_at| later(polled_at, pace.ceiling())).max(at_ms);
    let from_ms = allowed.at_ms.min(latest_ms);
    let room_ms = latest_ms.abs_diff(from_ms).min(duration_ms(SKIP_SPREAD));
    wait + Duration::from_millis(from_ms.abs_diff(at_ms) + within(placement::hash(feed.as_bytes()), 0, room_ms))
}
