//! Hours and days in which a publisher says that nothing changes (RSS 2.0, `skipHours` and `skipDays`), in GMT.

use crate::article::Skip;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The first moment that is not skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Milliseconds since 1970, UTC.
    pub(super) at_ms: i64,
    /// It was a day's end that was waited for last, and not an hour's.
    pub(super) by_day: bool,
}

/// When a wait has to end that would end at `at_ms`; `None` if it may end there. Who skips every hour, or every day, cannot
/// mean it: that is ignored.
pub(super) fn allowed_after(skip: &Skip, at_ms: i64) -> Option<Allowed> {
    let hours = if skip.hours & Skip::ALL_HOURS == Skip::ALL_HOURS { 0 } else { skip.hours };
    let days = if skip.days & Skip::ALL_DAYS == Skip::ALL_DAYS { 0 } else { skip.days };
    let mut allowed = None;
    let mut moment_ms = at_ms;
    // There is an hour left on a day that is left, and it comes within a week.
    for _ in 0..7 * 25 {
        let day = moment_ms.div_euclid(DAY_MS);
        let hour = moment_ms.rem_euclid(DAY_MS) / HOUR_MS;
        // The first day of 1970 was a Thursday.
        let by_day = days & (1 << (day + 3).rem_euclid(7)) != 0;
        let by_hour = hours & (1 << hour) != 0;
        if !by_day && !by_hour {
            break;
        }
        let midnight_ms = day.saturating_mul(DAY_MS);
        moment_ms = midnight_ms.saturating_add(if by_day { DAY_MS } else { (hour + 1) * HOUR_MS });
        allowed = Some(Allowed { at_ms: moment_ms, by_day });
    }
    allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T00:00:00Z, a Sunday.
    const SUNDAY_MS: i64 = 1_772_323_200_000;

    fn skip(hours: &[u32], days: &[u32]) -> Skip {
        let bits = |list: &[u32]| list.iter().fold(0u32, |bits, bit| bits | 1 << bit);
        Skip { hours: bits(hours), days: bits(days) as u8 }
    }

    #[test]
    fn the_next_moment_that_is_not_skipped() {
        let at = |day: i64, hour: i64, minute: i64| SUNDAY_MS + day * DAY_MS + hour * HOUR_MS + minute * 60_000;
        let hour = |at_ms| Some(Allowed { at_ms, by_day: false });
        let day = |at_ms| Some(Allowed { at_ms, by_day: true });
        let night: Vec<u32> = (0..7).collect();
        let all: Vec<u32> = (0..24).collect();
        let but_noon: Vec<u32> = (0..24).filter(|hour| *hour != 12).collect();
        for (skip, from, allowed) in [
            (skip(&[], &[]), at(0, 3, 0), None),
            (skip(&[3], &[]), at(0, 2, 59), None),
            (skip(&[3], &[]), at(0, 3, 0), hour(at(0, 4, 0))),
            (skip(&[3], &[]), at(0, 3, 59), hour(at(0, 4, 0))),
            (skip(&[3], &[]), at(0, 4, 0), None),
            (skip(&night, &[]), at(0, 0, 1), hour(at(0, 7, 0))),
            (skip(&[22, 23, 0, 1], &[]), at(0, 22, 30), hour(at(1, 2, 0))),
            // Sunday is the last of seven bits.
            (skip(&[], &[6]), at(0, 13, 5), day(at(1, 0, 0))),
            (skip(&[], &[5, 6]), at(6, 1, 0), day(at(8, 0, 0))),
            (skip(&[], &[0]), at(0, 13, 5), None),
            // An hour after a day, and a day after an hour.
            (skip(&night, &[6]), at(0, 13, 5), hour(at(1, 7, 0))),
            (skip(&[23], &[0]), at(0, 23, 10), day(at(2, 0, 0))),
            (skip(&but_noon, &[0, 1, 2, 3, 4, 5]), at(0, 13, 0), hour(at(7, 12, 0))),
            // All of them is nobody's meaning.
            (skip(&all, &[]), at(0, 3, 0), None),
            (skip(&[], &night), at(0, 3, 0), None),
            (skip(&all, &[6]), at(0, 3, 0), day(at(1, 0, 0))),
            (skip(&[3], &night), at(0, 3, 0), hour(at(0, 4, 0))),
        ] {
            assert_eq!(allowed_after(&skip, from), allowed, "{skip:?} from {from}");
        }
        for at_ms in [i64::MIN, -1, 0, i64::MAX] {
            let _ = allowed_after(&skip(&night, &[6]), at_ms);
        }
    }
}
