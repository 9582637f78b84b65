//! D. Clients: what whoever connects can do to the daemon and to the others.

mod asked;
mod crowd;
mod gone;
mod requests;

use std::net::SocketAddr;

use rssd::tarpit::Answer;

use super::scene::Scene;
use super::table::Row;
use crate::support::http::get;

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 44,
        fault: "10,000 aborts mid-stream",
        tests: &["row_44_ten_thousand_aborts_leave_nothing_behind_and_delay_nobody"],
    },
    Row { number: 45, fault: "half-open peer", tests: &["row_45_a_peer_that_vanished_is_gone_within_45_s"] },
    Row {
        number: 46,
        fault: "never reads; reads 100 bytes a second",
        tests: &["row_46_who_does_not_read_is_dropped_and_resumes_by_its_cursor"],
    },
    Row {
        number: 47,
        fault: "10,000 idle streams, and one more",
        tests: &["row_47_idle_streams_cost_little_and_one_more_is_told_when_to_come_back"],
    },
    Row {
        number: 48,
        fault: "slowloris header, slow body, connect and say nothing",
        tests: &["row_48_who_asks_slowly_is_closed_at_ten_seconds_in_total"],
    },
    Row {
        number: 49,
        fault: "1,000 pipelined requests",
        tests: &["row_49_a_thousand_pipelined_requests_are_answered_in_order"],
    },
    Row {
        number: 50,
        fault: "CL with TE, bare LF, folding, two Hosts, a URI and a header of 1 MB",
        tests: &["row_50_what_two_could_read_differently_is_refused_and_closed"],
    },
    Row {
        number: 51,
        fault: "HEAD, OPTIONS, POST, TRACE, a method that nobody knows",
        tests: &["row_51_methods_have_their_status_and_are_told_which_are_allowed"],
    },
    Row {
        number: 52,
        fault: "cursors: junk, overflow, negative, SQL, of the future, of another database, too old",
        tests: &["row_52_cursors_that_mean_nothing_are_told_so"],
    },
    Row { number: 53, fault: "limit and wait out of bounds", tests: &["row_53_absurd_parameters_are_refused"] },
    Row {
        number: 54,
        fault: "full-text operators, quotes, stars, a query of 1 MB",
        tests: &["row_54_what_is_searched_for_is_words"],
    },
    Row {
        number: 55,
        fault: "foreign Host, cross-site request, wrong or missing token",
        tests: &["row_55_strangers_get_nothing", "row_55_a_token_is_asked_for_everywhere_but_health"],
    },
    Row {
        number: 56,
        fault: "10,000 clients that reconnect at once; descriptors exhausted",
        tests: &[
            "row_56_reconnects_are_spread_and_a_storm_of_them_is_served",
            "row_56_a_connection_too_many_hears_how_we_are",
            "row_56_health_answers_without_a_descriptor_left",
        ],
    },
];

const EVENTS: &str = "Accept: text/event-stream\r\n";

/// The feed of the articles that clients ask for.
const PLAIN: &str = "plain";

/// Serves a document, and waits until its articles are in the stream. Gives the `seq` of the last one.
fn publish(scene: &mut Scene, document: &str, articles: i64) -> i64 {
    scene.tarpit.route("plain.localhost", "/feed", Answer::ok("application/rss+xml", document));
    scene.subscribe(|tarpit, feeds| feeds.feed(PLAIN, tarpit.url("plain.localhost", "/feed")));
    let db = scene.db();
    scene.daemon.wait_for("the articles", |_| db.articles_of(PLAIN) == articles);
    let last: i64 = db.one("SELECT max(seq) FROM article JOIN feed ON feed.id = feed_id WHERE name = 'plain'");
    let at = scene.at;
    scene.daemon.wait_for("their publication", |_| metric(at, "rssd_stream_seq") >= last.unsigned_abs());
    last
}

/// The value of a metric, its labels included in the name.
fn metric(at: SocketAddr, name: &str) -> u64 {
    let answer = get(at, "/metrics");
    let line = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {}", answer.text()))
}

/// Streams at present, long polls included.
fn streams(at: SocketAddr) -> u64 {
    metric(at, "rssd_streams")
}

/// How many a test makes of what is 10,000 in the catalogue; RSSD_TEST_STREAMS says otherwise, and needs the descriptors.
fn crowd(by_default: usize) -> usize {
    std::env::var("RSSD_TEST_STREAMS").ok().and_then(|count| count.parse().ok()).unwrap_or(by_default)
}
