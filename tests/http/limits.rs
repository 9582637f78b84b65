//! What happens at each limit on clients: a clear answer, a counter, and nothing to the rest.

use std::io::Write;
use std::process::Command;

use rssd::tarpit::Answer;

use super::House;
use crate::support::http::{Client, Events, get, get_with, listening};
use crate::support::{BINARY, Daemon, Feeds, HANG_GUARD, Home, guids, rss, tarpit, until};

const EVENTS: &str = "Accept: text/event-stream\r\n";

/// The value of a metric, its labels included in the name.
fn metric(at: std::net::SocketAddr, name: &str) -> u64 {
    let answer = get(at, "/metrics");
    let line = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {}", answer.text()))
}

/// The daemon with so many descriptors.
fn start_with(home: &Home, descriptors: u32) -> Daemon {
    let mut command: Command = home.command_of("sh");
    command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""), BINARY]);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.db_path());
    Daemon::spawn(command)
}

#[test]
fn a_stream_too_many_is_told_when_to_come_back() {
    let house = House::with(&[rss("Plain", guids("plain", 3))], |_, feeds| feeds.daemon("streams_max = 2"));
    let first = Events::open(house.at, "after=0", "");
    let mut second = Client::connect(house.at);
    second.ask("/news/stream?after=3&wait=120", "");
    until("both seats to be taken", || (get(house.at, "/health").json()["streams"] == 2).then_some(()));
    for headers in ["", EVENTS] {
        let refused = get_with(house.at, "/news/stream?after=3", headers);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")), "{}", refused.text());
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(metric(house.at, "rssd_http_refused_total{what=\"stream\"}"), 2);
    assert_eq!(get(house.at, "/articles").status, 200);
    drop(first);
    until("a seat", || (get_with(house.at, "/news/stream?after=0", "").status == 200).then_some(()));
}

#[test]
fn a_connection_too_many_is_answered_and_takes_nothing_from_a_fetch() {
    let tarpit = tarpit();
    tarpit.route("f.localhost", "/feed", Answer::ok("application/rss+xml", rss("Plain", guids("plain", 3))));
    let home = Home::with(&Feeds::new().every_second().feed("f", tarpit.url("f.localhost", "/feed")));
    // Of 188 beyond those reserved half are the clients'.
    let mut daemon = start_with(&home, 700);
    let at = listening(&mut daemon);
    let mut early = Client::connect(at);
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    let crowd: Vec<Client> = (0..93).map(|_| Client::connect(at)).collect();
    let mut refused = Client::connect(at);
    refused.ask("/health", "");
    let answer = refused.answer().expect("an answer");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("connections")), "{}", answer.text());
    refused.until_closed();
    // Who is in stays in, and the feeds are polled.
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    let polls = tarpit.counts().requests;
    assert!(tarpit.wait_for_requests(polls + 2, HANG_GUARD), "no polls beside the crowd");
    let db = home.db();
    assert_eq!(db.class_of("f"), "", "{}", db.error_of("f"));
    drop(crowd);
    until("a place", || {
        let mut client = Client::connect(at);
        client.ask("/health/live", "");
        (client.answer()?.status == 200).then_some(())
    });
    assert!(metric(at, "rssd_http_refused_total{what=\"connection\"}") >= 1);
}

#[test]
fn accepting_survives_the_last_descriptor() {
    let home = Home::with(&Feeds::new());
    let mut daemon = start_with(&home, 64);
    let at = listening(&mut daemon);
    let mut early = Client::connect(at);
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    // More than there are descriptors for: the kernel holds the rest ready.
    let crowd: Vec<Client> = (0..100).map(|_| Client::connect(at)).collect();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("it runs").count();
    until("the last descriptor", || (open() >= 64).then_some(()));
    for _ in 0..3 {
        early.ask("/health", "");
        assert_eq!(early.answer().expect("an answer").status, 200);
    }
    drop(crowd);
    assert_eq!(get(at, "/health").status, 200);
    daemon.assert_running("the end");
}

#[test]
fn a_client_that_takes_nothing_is_dropped_and_the_next_gets_everything() {
    // More than the sockets of both sides hold, be it events or one answer.
    let house = House::of(&[rss("Plain", guids(&"plain".repeat(200), 2_000))]);
    let mut deaf = Client::connect(house.at);
    deaf.ask("/news/stream?after=0", EVENTS);
    let mut deaf_to_answers = Client::connect(house.at);
    deaf_to_answers.ask("/articles?limit=500", "");
    // Into the smallest window the kernel squeezes something now and then.
    let narrow = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    narrow.set_recv_buffer_size(4 << 10).expect("it is only a wish");
    narrow.connect(&house.at.into()).expect("the daemon listens");
    let mut narrow = std::net::TcpStream::from(narrow);
    narrow.write_all(b"GET /articles?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
    until("the stream", || (get(house.at, "/health").json()["streams"] == 1).then_some(()));
    let mut events = Events::open(house.at, "after=0", "");
    let last = (0..2_000).map(|_| events.next_of("article")).last().expect("2,000 are more than none");
    assert_eq!(last.json()["seq"], 2_000);
    // Thirty seconds they have. Then their places are free, though they have read nothing and closed nothing: what is left
    // is the one that reads, and the one that asks.
    until("the deaf ones' connections to end", || (metric(house.at, "rssd_http_connections") == 2).then_some(()));
    assert_eq!(get(house.at, "/health").json()["streams"], 1);
    assert_eq!(metric(house.at, "rssd_streams_dropped_total"), 1);
    assert_eq!(metric(house.at, "rssd_http_answers_dropped_total"), 2);
    // What they were sent until then is whole, as far as it goes.
    deaf.until_closed();
    deaf_to_answers.until_closed();
}
