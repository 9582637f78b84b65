//! Dates as feeds write them, to milliseconds since 1970, UTC.
//!
//! Reads RFC 822 and 2822 with their many deformations, RFC 3339 and ISO 8601 whole or in part, asctime, and what
//! else has been seen: months in a dozen languages, the names of zones, two-digit years. No zone means UTC. It does
//! not judge whether a date is likely: the caller does.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

mod clock;
mod iso;
mod words;

/// A longer text is no date.
const DATE_BYTES_MAX: usize = 128;

/// The point in time that `text` names.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() || text.len() > DATE_BYTES_MAX {
        return None;
    }
    let text = unify(text);
    iso::iso(&text).or_else(|| words::words(&text))
}

/// Lower case, with the East Asian units of dates and times as the signs they stand for.
fn unify(text: &str) -> String {
    let mut unified = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' if unified.ends_with('-') => {}
            c if c.is_ascii() => unified.push(c.to_ascii_lowercase()),
            '年' | '년' | '月' | '월' => unified.push('-'),
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
    if unified.is_ascii() {
        return unified;
    }
    unified.replace("오전", " am ").replace("오후", " pm ").replace("上午", " am ").replace("下午", " pm ")
}

/// A date and a time without a zone, and the zone's offset in seconds.
fn assemble(date: Date, time: (Time, i64), offset_s: i32) -> Option<i64> {
    let at = date.to_datetime(time.0);
    let timestamp = Offset::from_seconds(offset_s).ok()?.to_timestamp(at).ok()?;
    timestamp.as_millisecond().checked_add(time.1)
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
            ("3 marraskuu 2010 12:00", "2010-11-03T12:00:00Z"),
            ("3 maaliskuu 2010 12:00", "2010-03-03T12:00:00Z"),
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
