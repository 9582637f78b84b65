//! Numbers, sizes and times as a person reads them.

use jiff::Timestamp;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// `9,184`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 feed`, `9,184 feeds`.
pub(crate) fn counted(n: u64, word: &str) -> String {
    format!("{} {word}{}", count(n), if n == 1 { "" } else { "s" })
}

/// `240 ms`, `9.4 s`, `3 m 12 s`, `2 h 5 m`, `4 d 3 h`: two units at most.
pub(crate) fn duration(ms: u64) -> String {
    let two = |big: u64, big_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{big} {big_name}"),
        small => format!("{big} {big_name} {small} {small_name}"),
    };
    match ms {
        0..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..10_000 => format!("{}.{} s", ms / SECOND_MS, ms % SECOND_MS / 100),
        10_000..MINUTE_MS => format!("{} s", ms / SECOND_MS),
        MINUTE_MS..HOUR_MS => two(ms / MINUTE_MS, "m", ms % MINUTE_MS / SECOND_MS, "s"),
        HOUR_MS..DAY_MS => two(ms / HOUR_MS, "h", ms % HOUR_MS / MINUTE_MS, "m"),
        _ => two(ms / DAY_MS, "d", ms % DAY_MS / HOUR_MS, "h"),
    }
}

/// `412 B`, `60.1 KiB`, `1.4 MiB`.
pub(super) fn bytes(n: u64) -> String {
    let (unit, name) = match n {
        0..0x400 => return format!("{n} B"),
        0x400..0x10_0000 => (0x400, "KiB"),
        0x10_0000..0x4000_0000 => (0x10_0000, "MiB"),
        _ => (0x4000_0000, "GiB"),
    };
    // Wider, so that ten times the largest count fits.
    let tenths = u128::from(n) * 10 / unit;
    format!("{}.{} {name}", count(u64::try_from(tenths / 10).unwrap_or(u64::MAX)), tenths % 10)
}

/// A point in time as `<time>`: from here in words, exactly in `datetime`. Times are milliseconds since 1970, UTC.
pub(super) fn time(now_ms: i64, at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => {
            let exact = at.strftime("%Y-%m-%dT%H:%M:%SZ");
            let title = at.strftime("%Y-%m-%d %H:%M:%S UTC");
            format!(r#"<time datetime="{exact}" title="{title}">{}</time>"#, relative(now_ms, at_ms, at))
        }
        // Nothing that a feed or a clock says lies beyond the year 9999; a damaged row may.
        Err(_) => "at no known time".to_owned(),
    }
}

/// The time of day alone, for what is true now and grows old with the page.
pub(super) fn time_of_day(now_ms: i64) -> String {
    match Timestamp::from_millisecond(now_ms) {
        Ok(now) => {
            let exact = now.strftime("%Y-%m-%dT%H:%M:%SZ");
            format!(r#"<time datetime="{exact}">{}</time>"#, now.strftime("%H:%M:%S UTC"))
        }
        Err(_) => "no known time".to_owned(),
    }
}

/// The words of [`time`]; live.js has the same ones.
pub(crate) fn relative(now_ms: i64, at_ms: i64, at: Timestamp) -> String {
    let distance_ms = now_ms.abs_diff(at_ms);
    let (n, unit) = match distance_ms {
        0..10_000 => return if at_ms > now_ms { "in a moment" } else { "just now" }.to_owned(),
        10_000..MINUTE_MS => (distance_ms / SECOND_MS, "second"),
        MINUTE_MS..HOUR_MS => (distance_ms / MINUTE_MS, "minute"),
        HOUR_MS..DAY_MS => (distance_ms / HOUR_MS, "hour"),
        _ if distance_ms < 30 * DAY_MS => (distance_ms / DAY_MS, "day"),
        _ => return at.strftime("%-d %b %Y").to_string(),
    };
    let words = counted(n, unit);
    if at_ms > now_ms { format!("in {words}") } else { format!("{words} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (n, want) in [(0, "0"), (999, "999"), (1_000, "1,000"), (9_184, "9,184"), (1_234_567, "1,234,567")] {
            assert_eq!(count(n), want);
        }
        assert_eq!(counted(1, "feed"), "1 feed");
        assert_eq!(counted(0, "feed"), "0 feeds");
    }

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, want) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (9_450, "9.4 s"),
            (59_999, "59 s"),
            (60_000, "1 m"),
            (192_000, "3 m 12 s"),
            (7_500_000, "2 h 5 m"),
            (356_400_000, "4 d 3 h"),
            (u64::MAX, "213503982334 d 14 h"),
        ] {
            assert_eq!(duration(ms), want);
        }
    }

    #[test]
    fn sizes_have_one_decimal() {
        for (n, want) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (61_542, "60.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (u64::MAX, "17,179,869,183.9 GiB"),
        ] {
            assert_eq!(bytes(n), want);
        }
    }

    #[test]
    fn times_are_told_from_here() {
        let now = 1_700_000_000_000;
        for (ahead_ms, want) in [
            (0, "just now"),
            (-9_000, "just now"),
            (5_000, "in a moment"),
            (-59_000, "59 seconds ago"),
            (-60_000, "1 minute ago"),
            (720_000, "in 12 minutes"),
            (-7_200_000, "2 hours ago"),
            (-86_400_000, "1 day ago"),
            (-2_592_000_000, "15 Oct 2023"),
            (40 * 86_400_000, "24 Dec 2023"),
        ] {
            let at = now + ahead_ms;
            assert_eq!(relative(now, at, Timestamp::from_millisecond(at).unwrap()), want, "{ahead_ms}");
        }
        assert_eq!(
            time(now, now - 60_000),
            r#"<time datetime="2023-11-14T22:12:20Z" title="2023-11-14 22:12:20 UTC">1 minute ago</time>"#
        );
        assert_eq!(time_of_day(now), r#"<time datetime="2023-11-14T22:13:20Z">22:13:20 UTC</time>"#);
        assert_eq!(time(now, i64::MAX), "at no known time");
        assert_eq!(time(now, i64::MIN), "at no known time");
    }
}
