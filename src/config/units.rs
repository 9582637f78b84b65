//! Durations (`90s`, `15m`, `24h`, `7d`) and sizes (`512KiB`, `8MiB`) as feeds.toml writes them, in and out.
//!
//! One whole number and one unit, no space, no fraction: what is written has one meaning. A number too large to hold
//! becomes the largest there is, so that it is reported as out of bounds rather than as malformed.

use std::time::Duration;

/// Longest first, so that a duration is shown in the largest unit that divides it.
const DURATION_UNITS_MS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZE_UNITS_BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a duration; `None` if it is not a whole number with one of the units `ms`, `s`, `m`, `h`, `d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    quantity(text, &DURATION_UNITS_MS).map(Duration::from_millis)
}

/// Reads a size in bytes; `None` if it is not a whole number with one of the units `B`, `KiB`, `MiB`, `GiB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    quantity(text, &SIZE_UNITS_BYTES)
}

/// The shortest exact way to write a duration of whole milliseconds.
pub(crate) fn show_duration(d: Duration) -> String {
    show(crate::clock::duration_ms(d), &DURATION_UNITS_MS)
}

/// The shortest exact way to write a size.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS_BYTES)
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    if number.is_empty() {
        return None;
    }
    Some(number.parse().unwrap_or(u64::MAX).saturating_mul(*scale))
}

fn show(n: u64, units: &[(&str, u64)]) -> String {
    let (name, scale) =
        units.iter().find(|(_, scale)| n >= *scale && n.is_multiple_of(*scale)).unwrap_or(&units[units.len() - 2]);
    format!("{}{name}", n / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_one_whole_number_and_one_unit() {
        let cases = [
            ("90s", Some(90_000)),
            ("15m", Some(900_000)),
            ("24h", Some(86_400_000)),
            ("7d", Some(604_800_000)),
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("99999999999999999999d", Some(u64::MAX)),
            ("", None),
            ("m", None),
            ("15", None),
            ("15 m", None),
            (" 15m", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5h", None),
            ("1h30m", None),
            ("15min", None),
            ("15M", None),
            ("١٥m", None),
        ];
        for (text, ms) in cases {
            assert_eq!(duration(text), ms.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_one_whole_number_and_one_unit() {
        let cases = [
            ("512KiB", Some(512 << 10)),
            ("8MiB", Some(8 << 20)),
            ("1GiB", Some(1 << 30)),
            ("17B", Some(17)),
            ("99999999999GiB", Some(u64::MAX)),
            ("8MB", None),
            ("8 MiB", None),
            ("8mib", None),
            ("8", None),
            ("MiB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_the_same() {
        for (ms, shown) in
            [(60_000, "1m"), (90_000, "90s"), (86_400_000, "1d"), (1, "1ms"), (0, "0s"), (90_000_000, "25h")]
        {
            assert_eq!(show_duration(Duration::from_millis(ms)), shown);
            assert_eq!(duration(shown), Some(Duration::from_millis(ms)));
        }
        for (bytes, shown) in [(8 << 20, "8MiB"), (1536 << 10, "1536KiB"), (1000, "1000B"), (0, "0KiB")] {
            assert_eq!(show_size(bytes), shown);
            assert_eq!(size(shown), Some(bytes));
        }
    }
}
