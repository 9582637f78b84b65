//! What an answer that brings no document means (design: classify the answer). Pure: RFC 9110, section 15.

use std::time::Duration;

use ureq::http::HeaderMap;

use super::challenge;
use crate::failure::{Class, Failure, Phase};

/// The failure that a status is; `body` is the beginning of what came with it, as far as it was looked at.
///
/// `blocked`, `credentials`, `gone`, and `status` for all the rest.
pub(crate) fn of_status(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    if let Some(who) = challenge::of_refusal(headers, body).filter(|_| challenge::may_challenge(status)) {
        return blocked(status, who);
    }
    let (class, what) = match status {
        202 => (Class::Status, "the server has the document later, perhaps"),
        204 | 205 => (Class::Status, "an answer without a document"),
        206 => (Class::Status, "a part of the document, and all of it was asked for"),
        226 => (Class::Status, "a delta that was not asked for, or not of a kind that was"),
        304 => (Class::Status, "the server says \"not modified\" to a request without conditions"),
        401 | 403 | 407 => (Class::Credentials, "the server wants other credentials"),
        404 => (Class::Status, "the server knows no such document"),
        410 => (Class::Gone, "the feed is gone for good, says the server"),
        429 => (Class::Status, "the server asks us to slow down"),
        500..=599 => (Class::Status, "the server is in trouble"),
        _ => (Class::Status, "not an answer that a feed gives"),
    };
    Failure::new(class, Phase::Header, format!("status {status}: {what}"))
}

/// `who` stands before the server.
pub(crate) fn blocked(status: u16, who: &str) -> Failure {
    let message = format!(
        "status {status}: {who} stands before the server and refuses feed readers, or wants proof of a human one; ask the \
         publisher to let rssd through"
    );
    Failure::new(Class::Blocked, Phase::Header, message)
}

/// A redirect leads to `host`, which asked with 429 to be left alone for `left` from now.
pub(super) fn spared(host: &str, left: Duration) -> Failure {
    let seconds = left.as_secs();
    let message =
        format!("redirected to {host}, which answered 429 and asked to be left alone for {seconds} s more: not asked");
    Failure::new(Class::Status, Phase::Header, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_class() {
        let none = HeaderMap::new();
        let challenge: HeaderMap =
            [("cf-mitigated".parse().unwrap(), "challenge".parse().unwrap())].into_iter().collect();
        for (status, headers, class) in [
            (204, &none, Class::Status),
            (205, &none, Class::Status),
            (206, &none, Class::Status),
            (226, &none, Class::Status),
            (304, &none, Class::Status),
            (401, &none, Class::Credentials),
            (403, &none, Class::Credentials),
            (407, &none, Class::Credentials),
            (404, &none, Class::Status),
            (410, &none, Class::Gone),
            (429, &none, Class::Status),
            (503, &none, Class::Status),
            (403, &challenge, Class::Blocked),
            (429, &challenge, Class::Blocked),
            (503, &challenge, Class::Blocked),
            // No answer of a challenger's.
            (404, &challenge, Class::Status),
            (410, &challenge, Class::Gone),
        ] {
            let failure = of_status(status, headers, b"");
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.message.contains(&status.to_string()), "{failure}");
        }
    }
}
