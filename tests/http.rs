//! Every client gets an answer: routes, their types, and what a feed reader is told. What hostile clients and texts come to
//! stands in the fault catalogue.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rssd::tarpit::{ANY, Answer, Step, Tarpit};

use crate::support::http::{Client, get, get_with, listening};
use crate::support::{Daemon, Feeds, Home, guids, pause, rss, tarpit, until};

const PAGE: &str = "Accept: text/html\r\n";

/// A daemon that has committed these documents, a feed each: `f0`, `f1` and so on.
struct House {
    at: SocketAddr,
    _daemon: Daemon,
    _home: Home,
    _tarpit: Tarpit,
}

impl House {
    fn of(documents: &[String]) -> House {
        let tarpit = tarpit();
        let mut feeds = Feeds::new();
        for (number, document) in documents.iter().enumerate() {
            let host = format!("f{number}.localhost");
            tarpit.route(&host, "/feed", Answer::ok("application/rss+xml", document));
            feeds = feeds.feed(&format!("f{number}"), tarpit.url(&host, "/feed"));
        }
        let home = Home::with(&feeds);
        let mut daemon = home.start();
        let at = listening(&mut daemon);
        let db = home.db_soon();
        daemon.wait_for("the first round", |_| {
            db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count = 0 OR article_count = 0") == 0
        });
        let last: i64 = db.one("SELECT seq_last FROM meta");
        daemon
            .wait_for("its publication", |_| get(at, "/metrics").text().contains(&format!("rssd_stream_seq {last}\n")));
        House { at, _daemon: daemon, _home: home, _tarpit: tarpit }
    }

    fn of_articles(count: usize) -> House {
        House::of(&[rss("Plain", guids("plain", count))])
    }
}

#[test]
fn every_route_answers_with_its_type() {
    let house = House::of_articles(3);
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    const HTML: &str = "text/html; charset=utf-8";
    const PROBLEM: &str = "application/problem+json";
    for (path, status, content_type) in [
        ("/", 200, HTML),
        ("/health", 200, JSON),
        ("/health/live", 200, TEXT),
        ("/health/ready", 200, TEXT),
        ("/news/stream?after=0", 200, JSON),
        ("/articles", 200, JSON),
        ("/articles/1", 200, JSON),
        ("/feeds", 200, JSON),
        ("/feeds/f0", 200, JSON),
        ("/feed.atom", 200, "application/atom+xml; charset=utf-8"),
        ("/feed.json", 200, "application/feed+json; charset=utf-8"),
        ("/feeds.opml", 200, "text/x-opml; charset=utf-8"),
        ("/debug/fetches", 200, JSON),
        ("/debug/cores", 200, JSON),
        ("/debug/stacks", 200, TEXT),
        ("/openapi.json", 200, JSON),
        ("/articles/99", 404, PROBLEM),
        ("/articles/x", 404, PROBLEM),
        ("/feeds/nobody", 404, PROBLEM),
        ("/nothing", 404, PROBLEM),
        ("/../../etc/passwd", 404, PROBLEM),
    ] {
        let answer = get(house.at, path);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(content_type)), "{path}");
        assert!(!answer.body.is_empty(), "{path}");
        if content_type.ends_with("json") || content_type.contains("+json") {
            assert!(answer.json().is_object(), "{path}");
        }
        // HEAD tells the same, and sends no body: what follows is the next answer.
        let mut client = Client::connect(house.at);
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        client.ask("/health/live", "");
        let head = client.head().expect("an answer to HEAD");
        assert_eq!((head.status, head.header("content-type")), (status, Some(content_type)), "HEAD {path}");
        assert_eq!(client.answer().expect("the next answer").text(), "ok\n", "after HEAD {path}");
    }
    let metrics = get(house.at, "/metrics");
    let content_type = metrics.header("content-type");
    assert_eq!(
        (metrics.status, content_type),
        (200, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"))
    );
    assert!(metrics.text().contains("# TYPE rssd_"), "{}", metrics.text());
    for path in ["/", "/articles", "/articles/1", "/feeds", "/feeds/f0", "/nothing"] {
        let page = get_with(house.at, path, PAGE);
        assert_eq!(page.header("content-type"), Some(HTML), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(page.header("access-control-allow-origin"), None);
    }
    let health = get(house.at, "/health").json();
    assert_eq!((&health["status"], &health["feeds"]["total"]), (&"ok".into(), &1.into()), "{health}");
}

/// What `curl -m 5` gives.
fn within_five_seconds(at: SocketAddr, path: &str) -> u16 {
    let patience = Duration::from_secs(5);
    let mut client = Client::try_connect(at, patience).unwrap_or_else(|error| panic!("connect for {path}: {error}"));
    client.ask(path, "Connection: close\r\n");
    client.answer().unwrap_or_else(|| panic!("no answer to {path} in {patience:?}")).status
}

#[test]
fn page_and_health_answer_while_every_source_and_client_hangs() {
    const FEEDS: usize = 1_000;
    const IDLE: usize = 1_000;
    const NEVER_READ: usize = 100;
    const SLOWLORIS: usize = 200;
    let tarpit = tarpit();
    tarpit.route(ANY, "/hung", Step::Stall);
    tarpit.route(ANY, "/feed", Answer::ok("application/rss+xml", rss("Well", guids("well", 3))));
    let mut feeds = Feeds::new().every_second();
    for number in 0..FEEDS {
        let path = if number % 2 == 0 { "/hung" } else { "/feed" };
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), path));
    }
    // Something to send to those who do not read.
    tarpit.route("big.localhost", "/feed", Answer::ok("application/rss+xml", rss("Big", guids("big", 2_000))));
    let home = Home::with(&feeds.feed("big", tarpit.url("big.localhost", "/feed")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let subscribe = |query: &str| {
        let mut client = Client::connect(at);
        client.ask(&format!("/news/stream?{query}"), "Accept: text/event-stream\r\n");
        client
    };
    let _idle: Vec<Client> = (0..IDLE).map(|_| subscribe("feed=nobody")).collect();
    let _unread: Vec<Client> = (0..NEVER_READ).map(|_| subscribe("after=0")).collect();
    let slow: Vec<Client> = (0..SLOWLORIS)
        .map(|number| {
            let mut client = Client::connect(at);
            client.send(if number % 2 == 0 { "" } else { "GET / HTTP/1.1\r\nHost: local" });
            client
        })
        .collect();
    // They are asked all along, from the first poll on until the half that answers is in and the other is in flight.
    let db = home.db_soon();
    let healthy = (FEEDS / 2 * 3 + 2_000) as i64;
    let all_hang = || {
        let health = get(at, "/health").json();
        let in_flight: u64 =
            health["cores"].as_array().into_iter().flatten().filter_map(|core| core["in_flight"].as_u64()).sum();
        health["streams"] == IDLE + NEVER_READ && in_flight >= FEEDS as u64 / 2
    };
    until("everything to hang", || {
        for path in ["/", "/health"] {
            assert_eq!(within_five_seconds(at, path), 200, "{path}");
        }
        (db.articles() == healthy && all_hang()).then_some(())
    });
    for path in ["/", "/health", "/health/live", "/articles"].repeat(25) {
        assert_eq!(within_five_seconds(at, path), 200, "{path}");
    }
    // One that goes on, a byte at a time, has no more time than one that says nothing.
    let mut dripping = Client::connect(at);
    let drip = dripping.sender();
    let dripper = thread::spawn(move || {
        let mut drip = drip;
        while drip.write_all(b"GET").is_ok() {
            pause(Duration::from_millis(300));
        }
    });
    dripping.until_closed();
    dripper.join().expect("it only writes");
    for mut client in slow {
        client.until_closed();
    }
    assert_eq!(get(at, "/health").status, 200);
    daemon.assert_running("the end");
}

#[test]
fn a_feed_reader_is_told_when_nothing_is_new() {
    let house = House::of_articles(3);
    for path in ["/feed.atom", "/feed.json", "/feed.atom?feed=f0&limit=2"] {
        let first = get(house.at, path);
        let etag = first.header("etag").expect("an ETag").to_owned();
        let same = get_with(house.at, path, &format!("If-None-Match: {etag}\r\n"));
        assert_eq!((same.status, same.header("etag"), same.body.len()), (304, Some(&*etag), 0), "{path}");
        let other = get_with(house.at, path, "If-None-Match: \"other\"\r\n");
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
    }
    // A tag of one document is none of another.
    let etag = get(house.at, "/feed.atom").header("etag").expect("an ETag").to_owned();
    assert_eq!(get_with(house.at, "/feed.atom?limit=1", &format!("If-None-Match: {etag}\r\n")).status, 200);
}
