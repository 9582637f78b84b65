//! Scenarios that lie in HTTP: statuses, redirects, lengths, codings, heads.

use std::fmt::Write;

use super::{Call, Scenario, Via, feed};
use crate::tarpit::answer::{Answer, Coding};
use crate::tarpit::step::Step;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "not-found", does: "404", via: Via::Path(|_| status(404)) },
    Scenario { name: "gone", does: "410", via: Via::Path(|_| status(410)) },
    Scenario { name: "forbidden", does: "403", via: Via::Path(|_| status(403)) },
    Scenario { name: "unauthorized", does: "401 that asks for a password", via: Via::Path(unauthorized) },
    Scenario { name: "too-many", does: "429 with Retry-After, after=120 seconds", via: Via::Path(|c| later(c, 429)) },
    Scenario { name: "error", does: "500", via: Via::Path(|_| status(500)) },
    Scenario { name: "unavailable", does: "503 with Retry-After, after=120", via: Via::Path(|c| later(c, 503)) },
    Scenario { name: "no-content", does: "204", via: Via::Path(|_| status(204)) },
    Scenario { name: "partial", does: "206 that nobody asked for", via: Via::Path(partial) },
    Scenario { name: "unasked-304", does: "304 without having been asked", via: Via::Path(unasked_304) },
    Scenario { name: "empty", does: "200 without a body", via: Via::Path(|_| ok("")) },
    Scenario { name: "html", does: "200 with a web page instead of a feed", via: Via::Path(html) },
    Scenario { name: "wrong-type", does: "a good feed that is called image/png", via: Via::Path(wrong_type) },
    Scenario { name: "redirect-301", does: "301 to a good feed", via: Via::Path(|c| redirect(c, 301)) },
    Scenario { name: "redirect-302", does: "302 to a good feed", via: Via::Path(|c| redirect(c, 302)) },
    Scenario { name: "redirect-307", does: "307 to a good feed", via: Via::Path(|c| redirect(c, 307)) },
    Scenario { name: "redirect-308", does: "308 to a good feed", via: Via::Path(|c| redirect(c, 308)) },
    Scenario { name: "redirect-loop", does: "302 to itself", via: Via::Path(redirect_loop) },
    Scenario { name: "redirect-hops", does: "hops=10 redirects, then a good feed", via: Via::Path(redirect_hops) },
    Scenario {
        name: "redirect-file",
        does: "302 to file:///etc/passwd",
        via: Via::Path(|_| away("file:///etc/passwd")),
    },
    Scenario { name: "redirect-script", does: "302 to javascript:", via: Via::Path(|_| away("javascript:alert(1)")) },
    Scenario {
        name: "redirect-private",
        does: "302 to a loopback address, where nothing listens",
        via: Via::Path(redirect_private),
    },
    Scenario { name: "redirect-long", does: "302 to a location of 64 KiB", via: Via::Path(redirect_long) },
    Scenario { name: "redirect-cut", does: "302 with a chunked body cut in its end", via: Via::Path(redirect_cut) },
    Scenario { name: "length-long", does: "Content-Length too long", via: Via::Path(length_long) },
    Scenario { name: "length-short", does: "Content-Length too short", via: Via::Path(length_short) },
    Scenario { name: "length-negative", does: "Content-Length: -1", via: Via::Path(length_negative) },
    Scenario { name: "length-twice", does: "two Content-Lengths that disagree", via: Via::Path(length_twice) },
    Scenario {
        name: "chunk-junk",
        does: "a chunk size that is no number",
        via: Via::Path(|_| chunked("zz\r\n<rss>\r\n")),
    },
    Scenario {
        name: "chunk-huge",
        does: "a chunk size of 2^64",
        via: Via::Path(|_| chunked("10000000000000000\r\n<rss>")),
    },
    Scenario {
        name: "chunk-cut",
        does: "a chunked body without its end",
        via: Via::Path(|_| chunked("5\r\n<rss>\r\n")),
    },
    Scenario { name: "not-gzip", does: "says gzip, is not", via: Via::Path(not_gzip) },
    Scenario { name: "gzip-cut", does: "gzip without its second half", via: Via::Path(gzip_cut) },
    Scenario { name: "gzip-wrong-sum", does: "gzip with a wrong checksum", via: Via::Path(gzip_wrong_sum) },
    Scenario { name: "many-headers", does: "headers=10000", via: Via::Path(many_headers) },
    Scenario { name: "folded-header", does: "a folded header, and a space before a colon", via: Via::Path(folded) },
    Scenario { name: "icy", does: "ICY 200 OK", via: Via::Path(|c| raw(c, "ICY 200 OK\r\n\r\n")) },
    Scenario { name: "http-09", does: "a body without a head", via: Via::Path(|c| raw(c, "")) },
    Scenario {
        name: "junk-status",
        does: "a status line of junk",
        via: Via::Path(|c| raw(c, "\u{1}\u{2} what\r\n\r\n")),
    },
];

const RSS: &str = "application/rss+xml";

fn status(status: u16) -> Vec<Step> {
    vec![Step::Answer(Answer::status(status))]
}

fn ok(body: &str) -> Vec<Step> {
    vec![Step::Answer(Answer::ok(RSS, body))]
}

fn good(call: &Call, name: &str) -> Answer {
    Answer::ok(RSS, feed::small(call, name))
}

fn later(call: &Call, status: u16) -> Vec<Step> {
    vec![Step::Answer(Answer::status(status).header("Retry-After", call.param("after", 120).to_string()))]
}

fn unauthorized(_: &Call) -> Vec<Step> {
    vec![Step::Answer(Answer::status(401).header("WWW-Authenticate", "Basic realm=\"tarpit\""))]
}

fn partial(call: &Call) -> Vec<Step> {
    let answer = Answer::status(206).header("Content-Type", RSS).header("Content-Range", "bytes 0-99/5000");
    vec![Step::Answer(answer.body(&feed::small(call, "partial")[..100]))]
}

fn unasked_304(_: &Call) -> Vec<Step> {
    vec![Step::Answer(Answer::status(304).header("ETag", "\"unasked\""))]
}

fn html(call: &Call) -> Vec<Step> {
    let link = format!("/healthy/{}", call.number);
    let page = format!(
        "<!DOCTYPE html><html><head><title>Log in</title>\
         <link rel=\"alternate\" type=\"application/rss+xml\" href=\"{link}\"></head>\
         <body><h1>Log in</h1><p>to read our rss feed</p></body></html>\n"
    );
    vec![Step::Answer(Answer::ok("text/html; charset=utf-8", page))]
}

fn wrong_type(call: &Call) -> Vec<Step> {
    vec![Step::Answer(Answer::ok("image/png", feed::small(call, "wrong-type")))]
}

fn redirect(call: &Call, status: u16) -> Vec<Step> {
    vec![Step::Answer(Answer::redirect(status, format!("{}/healthy/{}", call.origin(), call.number)))]
}

fn away(location: &str) -> Vec<Step> {
    vec![Step::Answer(Answer::redirect(302, location))]
}

/// Of all private addresses the one that is surely nobody else's: feeds.toml allows them all.
fn redirect_private(call: &Call) -> Vec<Step> {
    away(&format!("http://{}/", call.world.ports.closed))
}

fn redirect_loop(call: &Call) -> Vec<Step> {
    vec![Step::Answer(Answer::redirect(302, &call.head.target))]
}

fn redirect_hops(call: &Call) -> Vec<Step> {
    let location = match call.param("hops", 10) {
        0 | 1 => format!("/healthy/{}", call.number),
        hops => format!("/redirect-hops/{}?hops={}", call.number, hops - 1),
    };
    vec![Step::Answer(Answer::redirect(302, location))]
}

fn redirect_long(_: &Call) -> Vec<Step> {
    away(&format!("/healthy/1?{}", "x".repeat(64 << 10)))
}

/// ureq 3.5.2 panics at this one when it follows redirects itself.
fn redirect_cut(_: &Call) -> Vec<Step> {
    let head = "HTTP/1.1 302 Found\r\nLocation: /healthy/1\r\nTransfer-Encoding: chunked\r\n\r\n";
    vec![Step::send(head), Step::send("0\r\n"), Step::Close]
}

fn length_long(call: &Call) -> Vec<Step> {
    let answer = good(call, "length-long");
    vec![Step::Answer(answer.length_claimed(1_000_000).close())]
}

fn length_short(call: &Call) -> Vec<Step> {
    vec![Step::Answer(good(call, "length-short").length_claimed(100))]
}

fn length_negative(call: &Call) -> Vec<Step> {
    vec![Step::Answer(good(call, "length-negative").length_claimed(-1).close())]
}

fn length_twice(call: &Call) -> Vec<Step> {
    vec![Step::Answer(good(call, "length-twice").header("Content-Length", "7").close())]
}

fn chunked(body: &str) -> Vec<Step> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {RSS}\r\nTransfer-Encoding: chunked\r\n\r\n");
    vec![Step::send(head), Step::send(body), Step::Close]
}

fn not_gzip(call: &Call) -> Vec<Step> {
    vec![Step::Answer(good(call, "not-gzip").header("Content-Encoding", "gzip"))]
}

fn spoilt_gzip(call: &Call, name: &str, spoil: impl FnOnce(&mut Vec<u8>)) -> Vec<Step> {
    let mut body = crate::tarpit::answer::encode(feed::small(call, name).as_bytes(), Coding::Gzip);
    spoil(&mut body);
    vec![Step::Answer(Answer::ok(RSS, body).header("Content-Encoding", "gzip"))]
}

fn gzip_cut(call: &Call) -> Vec<Step> {
    spoilt_gzip(call, "gzip-cut", |body| body.truncate(body.len() / 2))
}

fn gzip_wrong_sum(call: &Call) -> Vec<Step> {
    spoilt_gzip(call, "gzip-wrong-sum", |body| {
        // The last eight bytes are checksum and length (RFC 1952).
        let sum = body.len() - 8;
        body[sum] ^= 0xff;
    })
}

fn many_headers(call: &Call) -> Vec<Step> {
    let mut head = String::from("HTTP/1.1 200 OK\r\n");
    for index in 0..call.param("headers", 10_000) {
        write!(head, "X-Header-{index}: {index}\r\n").expect("a String takes every write");
    }
    raw(call, &(head + "Connection: close\r\n\r\n"))
}

fn folded(call: &Call) -> Vec<Step> {
    raw(call, "HTTP/1.1 200 OK\r\nX-Folded: one\r\n two\r\nX-Space : three\r\nConnection: close\r\n\r\n")
}

/// A good feed behind a head of any kind, ended by closing.
fn raw(call: &Call, head: &str) -> Vec<Step> {
    vec![Step::send(head), Step::send(feed::small(call, "raw")), Step::Close]
}
