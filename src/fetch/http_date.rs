//! The dates of HTTP headers (RFC 9110, section 5.6.7), in all three forms that a recipient must read. Pure.
//!
//! Reads what is meant and not a letter more: a wrong weekday is forgiven, a day that does not exist is not.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Milliseconds since 1970, UTC, or `None` if `text` is no HTTP date. `now_ms` tells the century of a year with two digits.
pub(crate) fn parse(text: &str, now_ms: i64) -> Option<i64> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (day, month, year, time) = match words[..] {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [_, day, month, year, time, zone] if is_utc(zone) => (day, month, four_digits(year)?, time),
        // Sunday, 06-Nov-94 08:49:37 GMT
        [_, date, time, zone] if is_utc(zone) => {
            let mut parts = date.split('-');
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if parts.next().is_some() {
                return None;
            }
            (day, month, if year.len() == 2 { two_digits(year, now_ms)? } else { four_digits(year)? }, time)
        }
        // Sun Nov  6 08:49:37 1994
        [_, month, day, time, year] => (day, month, four_digits(year)?, time),
        _ => return None,
    };
    let month = 1 + MONTHS.iter().position(|name| month.eq_ignore_ascii_case(name))?;
    let mut parts = time.split(':');
    let (hour, minute, second) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    // A leap second is told by some servers and known to few clocks.
    let second = if second == 60 { 59 } else { second };
    let date = DateTime::new(year, i8::try_from(month).ok()?, number(day)?, hour, minute, second, 0).ok()?;
    // Not by way of a timestamp: jiff's end before the year 9999 does.
    i64::try_from(date.duration_since(EPOCH).as_millis()).ok()
}

fn is_utc(zone: &str) -> bool {
    zone == "GMT" || zone == "UTC"
}

fn number(digits: &str) -> Option<i8> {
    let right = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if right { digits.parse().ok() } else { None }
}

fn four_digits(digits: &str) -> Option<i16> {
    let right = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if right { digits.parse().ok() } else { None }
}

/// RFC 9110: what looks more than 50 years ahead is the past year with the same last digits.
fn two_digits(digits: &str, now_ms: i64) -> Option<i16> {
    let now = jiff::Timestamp::from_millisecond(now_ms).ok()?.to_zoned(TimeZone::UTC).year();
    let year = now - now.rem_euclid(100) + i16::from(number(digits)?);
    Some(if year > now + 50 { year - 100 } else { year })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T00:00:00Z
    const NOW_MS: i64 = 1_772_323_200_000;

    #[test]
    fn the_three_forms_say_the_same() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Mon, 06 nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994  8:49:37 GMT",
        ] {
            assert_eq!(parse(text, NOW_MS), Some(784_111_777_000), "{text}");
        }
    }

    #[test]
    fn other_dates() {
        for (text, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Tue, 29 Feb 2028 12:00:00 GMT", Some(1_835_438_400_000)),
            ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_799_000)),
            ("Friday, 01-Jan-76 00:00:00 GMT", Some(3_345_062_400_000)),
            ("Saturday, 01-Jan-77 00:00:00 GMT", Some(220_924_800_000)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799_000)),
            ("Sun, 30 Feb 2027 00:00:00 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06-Nov-94-1 08:49:37 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 99999 08:49:37 GMT", None),
            ("Sun, 06 Növ 1994 08:49:37 GMT", None),
            ("1994-11-06T08:49:37Z", None),
            ("0", None),
            ("", None),
            ("\u{0}, , , , ,", None),
        ] {
            assert_eq!(parse(text, NOW_MS), expected, "{text}");
        }
    }
}
