//! Times of answers, for a person.

use jiff::Timestamp;
use serde_json::Value;

use crate::http::words;

/// A time as RFC 3339, in milliseconds since 1970; `None` for null and for what is none.
pub(super) fn at_ms(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// `3 hours ago`, `in 12 minutes`.
pub(super) fn ago(now_ms: i64, at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => words::relative(now_ms, at_ms, at),
        Err(_) => "at no known time".to_owned(),
    }
}

/// The same with the time itself: `3 hours ago (2026-01-02 03:04:05Z)`.
pub(super) fn exactly(now_ms: i64, at_ms: i64) -> String {
    let exact = Timestamp::from_millisecond(at_ms).map(|at| format!(" ({})", at.strftime("%Y-%m-%d %H:%M:%SZ")));
    format!("{}{}", ago(now_ms, at_ms), exact.unwrap_or_default())
}
