//! The `Retry-After` header (RFC 9110, section 10.2.3): how long a server asks to be left alone. Pure.
//!
//! On which statuses a feed honours it is the schedule's business.

use std::time::Duration;

use super::http_date;
use crate::limits::RETRY_AFTER_MAX;

/// Who asked by it to be left alone.
#[derive(Clone, Debug)]
pub(crate) struct RetryAfter {
    pub(crate) status: u16,
    /// Of the URL that answered so: that of a redirect's target, too.
    pub(crate) host: String,
    /// As sent.
    pub(super) value: String,
}

impl RetryAfter {
    /// For how long from `now_ms`, as [`parse`] reads it.
    pub(super) fn wait(&self, now_ms: i64) -> Option<Duration> {
        parse(&self.value, now_ms)
    }

    /// For how long nothing of the host is to be asked: with 429 it means all of it (RFC 6585, section 4). `None` where what is
    /// asked for has passed already.
    pub(super) fn host_hold(&self, now_ms: i64) -> Option<Duration> {
        self.wait(now_ms).filter(|wait| self.status == 429 && !wait.is_zero())
    }
}

/// How long from `now_ms` (milliseconds since 1970, UTC) the server asks to wait: a number of seconds or an HTTP date.
/// At most [`RETRY_AFTER_MAX`], however large the number; zero for a date that has passed; `None` for everything else, a
/// negative number included.
pub(crate) fn parse(value: &str, now_ms: i64) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow mean very long, too.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let at_ms = http_date::parse(value, now_ms)?;
        Duration::from_millis(u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0))
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_dates_and_junk() {
        // 1994-11-06T08:49:37Z
        const NOW_MS: i64 = 784_111_777_000;
        const DAY: u64 = 86_400;
        for (value, seconds) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120\t", Some(120)),
            ("0000120", Some(120)),
            ("2678400", Some(31 * DAY)),
            ("2678401", Some(31 * DAY)),
            ("1000000000000", Some(31 * DAY)),
            ("99999999999999999999999999", Some(31 * DAY)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sunday, 06-Nov-94 08:51:37 GMT", Some(120)),
            ("Sun Nov  6 08:51:37 1994", Some(120)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(31 * DAY)),
            ("-1", None),
            ("+120", None),
            ("1.5", None),
            ("1e3", None),
            ("120s", None),
            ("120, 240", None),
            ("１２０", None),
            ("soon", None),
            ("", None),
            (" ", None),
        ] {
            assert_eq!(parse(value, NOW_MS), seconds.map(Duration::from_secs), "{value:?}");
        }
        // A clock at the ends of time overflows nothing.
        for now_ms in [i64::MIN, i64::MAX] {
            let _ = parse("Sun, 06 Nov 1994 08:51:37 GMT", now_ms);
            let _ = parse("Sunday, 06-Nov-94 08:51:37 GMT", now_ms);
        }
    }

    #[test]
    fn a_429_holds_the_host_and_nothing_else_does() {
        for (status, value, seconds) in [
            (429, "3600", Some(3_600)),
            (429, "99999999", Some(31 * 86_400)),
            (503, "3600", None),
            (302, "3600", None),
            (429, "soon", None),
            // A moment that has passed is nobody's to wait for.
            (429, "Thu, 01 Jan 1970 00:00:00 GMT", None),
            (429, "0", None),
        ] {
            let asked = RetryAfter { status, host: "a".to_owned(), value: value.to_owned() };
            assert_eq!(asked.host_hold(784_111_777_000), seconds.map(Duration::from_secs), "{status} {value}");
        }
    }
}
