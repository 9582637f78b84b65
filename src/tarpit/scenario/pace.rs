//! Scenarios about time: slow, silent, dripping, endless.

use std::time::Duration;

use super::{Call, Scenario, Via, feed};
use crate::tarpit::answer::{Answer, chunk};
use crate::tarpit::step::{Bytes, Step};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "slow", does: "a good answer after seconds=5", via: Via::Path(slow) },
    Scenario { name: "hung", does: "reads the request, then silence for ever", via: Via::Path(|_| vec![Step::Stall]) },
    Scenario { name: "hung-unread", does: "accepts, reads nothing, says nothing", via: Via::UnreadPort },
    Scenario { name: "hung-body", does: "head and half of the body, then silence", via: Via::Path(hung_body) },
    Scenario { name: "dripping", does: "a body of one byte every ms=1000", via: Via::Path(dripping) },
    Scenario { name: "dripping-header", does: "a head of one byte every ms=1000", via: Via::Path(dripping_header) },
    Scenario { name: "endless", does: "a chunked body without end", via: Via::Path(endless) },
    Scenario { name: "endless-close", does: "the same, without chunks or length", via: Via::Path(endless_close) },
    Scenario { name: "endless-headers", does: "header after header without end", via: Via::Path(endless_headers) },
    Scenario { name: "endless-header", does: "one header without end", via: Via::Path(endless_header) },
    Scenario { name: "endless-100", does: "100 Continue without end", via: Via::Path(endless_continue) },
    Scenario {
        name: "refusing",
        does: "a reset as soon as the request is read",
        via: Via::Path(|_| vec![Step::Reset]),
    },
    Scenario { name: "closed-port", does: "a port where nothing listens", via: Via::ClosedPort },
    Scenario { name: "reset-body", does: "a reset in the middle of the body", via: Via::Path(reset_body) },
];

const RSS: &str = "application/rss+xml";
/// What an endless body begins with: a feed that goes on.
const START: &str = "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Endless</title>\n";
const ITEM: &str = "<item><title>Again</title><guid>again</guid></item>\n";
/// Bytes of one write of an endless answer, at least.
const WRITE_BYTES: usize = 16 << 10;

fn slow(call: &Call) -> Vec<Step> {
    let wait = Duration::from_secs(call.param("seconds", 5));
    vec![Step::Wait(wait), Step::Answer(Answer::ok(RSS, feed::small(call, "slow")))]
}

/// A good answer, cut in the middle of its body. It is one write, so that what follows it, silence or a reset, is measured
/// from the answer's head on too.
fn half(call: &Call, name: &str) -> Vec<Step> {
    let body = feed::small(call, name);
    let (first, _) = body.split_at(body.len() / 2);
    vec![Step::send(head(&format!("Content-Length: {}\r\n", body.len())) + first)]
}

fn head(more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {RSS}\r\n{more}\r\n")
}

fn hung_body(call: &Call) -> Vec<Step> {
    let mut steps = half(call, "hung-body");
    steps.push(Step::Stall);
    steps
}

fn reset_body(call: &Call) -> Vec<Step> {
    let mut steps = half(call, "reset-body");
    // What is sent just before a reset is thrown away with it; the peer is to see the first half.
    steps.extend([Step::Wait(Duration::from_millis(100)), Step::Reset]);
    steps
}

fn dripping(call: &Call) -> Vec<Step> {
    let every = Duration::from_millis(call.param("ms", 1000));
    let body = feed::small(call, "dripping");
    vec![Step::send(head(&format!("Content-Length: {}\r\n", body.len()))), Step::drip(body, every)]
}

fn dripping_header(call: &Call) -> Vec<Step> {
    let every = Duration::from_millis(call.param("ms", 1000));
    let body = feed::small(call, "dripping-header");
    vec![Step::drip(head(&format!("Content-Length: {}\r\n", body.len())), every), Step::send(body)]
}

fn items(call: &Call) -> Bytes {
    call.document("items", 0, |_| ITEM.repeat(WRITE_BYTES / ITEM.len()).into_bytes())
}

fn endless(call: &Call) -> Vec<Step> {
    let start = Step::Send(chunk(START.as_bytes()));
    vec![Step::send(head("Transfer-Encoding: chunked\r\n")), start, Step::SendForever(chunk(&items(call)))]
}

fn endless_close(call: &Call) -> Vec<Step> {
    vec![Step::send(head("")), Step::send(START), Step::SendForever(items(call))]
}

fn endless_headers(call: &Call) -> Vec<Step> {
    let lines = call.document("headers", 0, |_| "X-Filler: and another one\r\n".repeat(600).into_bytes());
    vec![Step::send("HTTP/1.1 200 OK\r\n"), Step::SendForever(lines)]
}

fn endless_header(call: &Call) -> Vec<Step> {
    let filler = call.document("header", 0, |_| vec![b'x'; WRITE_BYTES]);
    vec![Step::send("HTTP/1.1 200 OK\r\nX-Filler: "), Step::SendForever(filler)]
}

fn endless_continue(_: &Call) -> Vec<Step> {
    vec![Step::SendForever("HTTP/1.1 100 Continue\r\n\r\n".repeat(16).into_bytes().into())]
}
