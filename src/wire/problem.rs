//! Errors as `application/problem+json` (RFC 9457).
//!
//! They tell a client what it did and what to do; of the inside of this program they tell nothing. What went wrong here
//! stands in the log.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::json;
use crate::stream::Refusal;

#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: u16,
    title: &'static str,
    detail: String,
    extra: Vec<(&'static str, Value)>,
    retry_after_s: Option<u32>,
}

#[derive(Serialize)]
struct ProblemJson<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Problem {
    pub(crate) const CONTENT_TYPE: &'static str = "application/problem+json";

    /// `detail` is for a person: what was asked, what is wrong with it, what to do.
    pub(crate) fn new(status: u16, detail: impl Into<String>) -> Problem {
        Problem { status, title: title(status), detail: detail.into(), extra: Vec::new(), retry_after_s: None }
    }

    /// A parameter that cannot be understood. Its value is the client's own and is not repeated.
    pub(crate) fn bad_parameter(name: &'static str, wanted: impl std::fmt::Display) -> Problem {
        Problem::new(400, format!("parameter `{name}`: {wanted}")).with("parameter", name)
    }

    /// It is ours, and passes.
    pub(crate) fn unavailable(detail: impl Into<String>, retry_after_s: u32) -> Problem {
        Problem { retry_after_s: Some(retry_after_s), ..Problem::new(503, detail) }
    }

    /// A further field, which programs may rely on.
    #[must_use]
    pub(crate) fn with(mut self, field: &'static str, value: impl Into<Value>) -> Problem {
        self.extra.push((field, value.into()));
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// For the header `Retry-After`.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    pub(crate) fn to_json(&self) -> Bytes {
        let Problem { status, title, detail, extra, .. } = self;
        let extra = extra.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
        json::one_line(&ProblemJson { title, status: *status, detail, extra })
    }
}

impl From<&Refusal> for Problem {
    fn from(refusal: &Refusal) -> Problem {
        Problem::new(refusal.reason.status(), refusal.reason.sentence())
            .with("reason", refusal.reason.name())
            .with("oldest", refusal.oldest.to_string())
    }
}

/// The status in words: without a `type` of its own a problem has no other title (section 4.2.1).
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Cursor, Reason};
    use crate::wire::samples::epoch;

    #[test]
    fn problems() {
        let refusal = Refusal { reason: Reason::TooOld, oldest: Cursor { epoch: epoch(), seq: 9 } };
        for (problem, want) in [
            (Problem::new(404, "no such feed"), r#"{"title":"Not Found","status":404,"detail":"no such feed"}"#),
            (
                Problem::bad_parameter("limit", "a number from 1 to 500"),
                r#"{"title":"Bad Request","status":400,"detail":"parameter `limit`: a number from 1 to 500","parameter":"limit"}"#,
            ),
            (
                Problem::from(&refusal),
                r#"{"title":"Gone","status":410,"detail":"articles after the cursor are no longer kept; go on from `oldest`","reason":"too_old","oldest":"0123456789abcdef-9"}"#,
            ),
        ] {
            assert_eq!(problem.to_json(), want.as_bytes());
        }
        assert_eq!(Problem::unavailable("all 10000 streams are taken", 7).retry_after_s(), Some(7));
    }
}
