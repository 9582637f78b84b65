//! Dates that begin with the year, in figures (ISO 8601, RFC 3339).

use jiff::civil::Date;

use super::assemble;
use super::clock::{clock_time, meridian, offset};

/// `2004-12-31T23:59:59.5+01:00` and all its shorter forms, and week and ordinal dates.
pub(super) fn iso(text: &str) -> Option<i64> {
    let split =
        text.find(['t', ' ']).filter(|at| !text[..*at].contains(char::is_alphabetic) || text[..*at].contains('w'));
    let (day, rest) = split.map_or((text, ""), |at| (&text[..at], text[at + 1..].trim_start()));
    let date = iso_date(day.trim_end_matches('-'))?;
    // Koreans say it before the time.
    let (meridian_before, rest) = meridian(rest.trim_start_matches('t').trim_start());
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | ':' | '.' | ',')).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(end);
    let (meridian_behind, zone) = meridian(zone.trim());
    let meridian = meridian_before.or(meridian_behind);
    assemble(date, clock_time(clock.trim_end_matches(':'), meridian)?, offset(zone)?)
}

pub(super) fn iso_date(day: &str) -> Option<Date> {
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !day.is_ascii() || day.len() < 4 || !digits(&day[..4]) {
        return None;
    }
    let year: i16 = day[..4].parse().ok()?;
    let rest = &day[4..];
    if let Some(week) = rest.strip_prefix("-w").or_else(|| rest.strip_prefix('w')) {
        let (week, weekday) = week.split_at_checked(2)?;
        let weekday = weekday.trim_start_matches('-');
        let weeks = week.parse::<i8>().ok()?.checked_sub(1)?;
        let weekday = if weekday.is_empty() { 0 } else { weekday.parse::<i8>().ok()?.checked_sub(1)? };
        let days = i32::from(weeks) * 7 + i32::from(weekday);
        // The week of January 4th is the first (ISO 8601).
        let fourth = Date::new(year, 1, 4).ok()?;
        let monday = i32::from(fourth.weekday().to_monday_zero_offset());
        return fourth.checked_add(jiff::Span::new().try_days(days - monday).ok()?).ok();
    }
    let parts: Vec<&str> = rest.split(['-', '/', '.']).skip(1).map(str::trim).collect();
    let (month, day_of_month) = match (rest.len(), parts.as_slice()) {
        (0, _) => ("1", "1"),
        (_, [ordinal]) if ordinal.len() == 3 => return by_ordinal(year, ordinal),
        (_, [month]) => (*month, "1"),
        (_, [month, day]) => (*month, *day),
        (2, []) => (rest, "1"),
        (3, []) => return by_ordinal(year, rest),
        (4, []) => rest.split_at(2),
        _ => return None,
    };
    Date::new(year, month.parse().ok()?, day_of_month.parse().ok()?).ok()
}

fn by_ordinal(year: i16, day: &str) -> Option<Date> {
    let days: i32 = day.parse().ok()?;
    if !(1..=366).contains(&days) {
        return None;
    }
    Date::new(year, 1, 1).ok()?.checked_add(jiff::Span::new().try_days(days - 1).ok()?).ok()
}
