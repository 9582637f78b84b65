//! B. HTTP.

mod answers;
mod codings;
mod framing;
mod heads;
mod kept;
mod redirects;

use rssd::tarpit::{Script, Step};

use super::Row;
use super::scene::Scene;
use crate::support::{guids, rss};

const RSS: &str = "application/rss+xml";

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 9,
        fault: "header 1 byte a second; endless header; one of 1 MB; 10,000 headers",
        tests: &["row_09_heads_end_by_deadline_or_limit"],
    },
    Row {
        number: 10,
        fault: "HTTP/0.9, junk status line, `ICY 200 OK`, folded headers, space before the colon",
        tests: &["row_10_odd_heads_are_understood_where_that_is_harmless"],
    },
    Row { number: 11, fault: "flood of 1xx", tests: &["row_11_twenty_interim_answers_and_no_more"] },
    Row { number: 12, fault: "body 1 byte a second", tests: &["row_12_slow_bodies_are_cut_by_rate_or_total"] },
    Row {
        number: 13,
        fault: "endless body: chunked, close-delimited, endless empty gzip members",
        tests: &["row_13_endless_bodies_end_by_size_or_total"],
    },
    Row {
        number: 14,
        fault: "Content-Length too long, too short, negative, twice; with chunked",
        tests: &[
            "row_14_lengths_that_lie_fail_the_body",
            "row_14_a_connection_with_left_over_bytes_is_never_used_again",
        ],
    },
    Row {
        number: 15,
        fault: "chunk garbage, size 2^64, 1 MB extension, missing end",
        tests: &["row_15_broken_chunks_fail_the_body"],
    },
    Row {
        number: 16,
        fault: "reset in header, in body; end of stream mid-body",
        tests: &["row_16_an_answer_that_breaks_off_leaves_everything_as_it_was"],
    },
    Row {
        number: 17,
        fault: "kept-alive connection closed as we write",
        tests: &["row_17_a_kept_connection_that_is_dead_is_replaced_once_if_nothing_came"],
    },
    Row {
        number: 18,
        fault: "redirect loop, ten hops, to file:, gopher:, javascript:, to a private address, 64 KB Location, CRLF in it, \
                non-ASCII",
        tests: &["row_18_what_leads_nowhere_is_refused_on_its_hop", "row_18_each_hop_goes_by_the_address_guard"],
    },
    Row {
        number: 19,
        fault: "302 with a chunked body cut after the last size line",
        tests: &["row_19_a_redirect_whose_body_is_cut_is_as_any_other"],
    },
    Row {
        number: 20,
        fault: "304 without having asked",
        tests: &["row_20_a_304_that_nobody_asked_for_leads_to_one_unconditional_request"],
    },
    Row {
        number: 21,
        fault: "200 empty; 200 with a login page; 204; 206",
        tests: &["row_21_answers_without_a_feed_say_what_they_are"],
    },
    Row {
        number: 22,
        fault: "Retry-After: seconds, date, junk, -1, 10^12",
        tests: &["row_22_retry_after_is_kept_where_it_makes_sense"],
    },
    Row {
        number: 23,
        fault: "401, 403, 407, 410, 429, 503",
        tests: &["row_23_refusals_have_their_class_and_no_secret_is_told"],
    },
    Row {
        number: 24,
        fault: "gzip bomb 1000:1, brotli bomb, nested, multi-member",
        tests: &["row_24_bombs_end_while_they_are_small"],
    },
    Row {
        number: 25,
        fault: "Content-Encoding that lies, is stacked, spelt `GZIP` or `x-gzip`, `deflate` in both kinds",
        tests: &["row_25_codings_are_undone_under_every_name_or_refused"],
    },
    Row { number: 26, fault: "gzip truncated, checksum wrong", tests: &["row_26_damaged_gzip_is_not_believed"] },
    Row {
        number: 27,
        fault: "Set-Cookie flood, 100 Set-Cookie, huge ETag",
        tests: &["row_27_cookies_and_tags_are_ignored_or_bounded"],
    },
];

/// A small good feed.
fn feed(name: &str) -> String {
    rss(name, guids(name, 3))
}

/// A head of a 200 with these lines, and without its end.
fn head(lines: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {RSS}\r\n{lines}")
}

/// The URL of a port where each connection reads a request and does this.
fn port(scene: &Scene, steps: impl Into<Vec<Step>>) -> String {
    let steps: Vec<Step> = [Step::ReadRequest].into_iter().chain(steps.into()).collect();
    url_of(scene, Script::from(steps))
}

/// The URL of a port with connections of their own.
fn url_of(scene: &Scene, script: impl Into<Script>) -> String {
    let address = scene.tarpit.listen(script).expect("the tarpit takes a port");
    format!("http://{address}/feed")
}

/// How many requests came to a port.
fn asked(scene: &Scene, url: &str) -> usize {
    let authority = url.trim_start_matches("http://").trim_end_matches("/feed").as_bytes();
    scene.tarpit.requests().iter().filter(|request| request.head.header("host") == Some(authority)).count()
}
