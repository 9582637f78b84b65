//! Requests that are odd, hostile or many: each has its answer, and no two parties could disagree about where it ends.

use std::io::Write;
use std::thread;

use base64::Engine as _;

use super::House;
use crate::support::http::{Client, get, get_with};
use crate::support::{guids, rss};

#[test]
fn what_is_no_request_for_us_gets_a_4xx_and_makes_no_second_one() {
    let house = House::of_articles(1);
    const HOST: &str = "Host: localhost\r\n";
    let long_uri = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(9 << 10));
    let long_header = format!("GET / HTTP/1.1\r\n{HOST}X: {}\r\n\r\n", "a".repeat(20 << 10));
    let many_headers = format!("GET / HTTP/1.1\r\n{HOST}{}\r\n", "X: y\r\n".repeat(500));
    let huge_uri = format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(1 << 20));
    // What a proxy that reads it otherwise would let through as a request of its own.
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (name, bytes, statuses) in [
        (
            "length and chunks",
            format!(
                "GET / HTTP/1.1\r\n{HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            &[400][..],
        ),
        (
            "chunks and length",
            format!(
                "GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}"
            ),
            &[400],
        ),
        (
            "two lengths",
            format!("GET / HTTP/1.1\r\n{HOST}Content-Length: 0\r\nContent-Length: 45\r\n\r\n{smuggled}"),
            &[400],
        ),
        (
            "the length twice",
            format!("GET / HTTP/1.1\r\n{HOST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
            &[200, 400],
        ),
        ("an odd length", format!("GET / HTTP/1.1\r\n{HOST}Content-Length: +1\r\n\r\nx"), &[400]),
        ("an odd coding", format!("GET / HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), &[400]),
        ("a space before the colon", format!("GET / HTTP/1.1\r\n{HOST}Content-Length : 4\r\n\r\n"), &[400]),
        ("a body", format!("GET / HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody"), &[400]),
        ("lines that end with LF", "GET / HTTP/1.1\nHost: localhost\n\n".to_owned(), &[400]),
        ("one line that ends with LF", "GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n".to_owned(), &[400]),
        ("NUL in a value", format!("GET / HTTP/1.1\r\n{HOST}X: a\0b\r\n\r\n"), &[400]),
        ("NUL in the target", format!("GET /\0 HTTP/1.1\r\n{HOST}\r\n"), &[400]),
        ("a folded header", format!("GET / HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n"), &[400]),
        ("two hosts", format!("GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"), &[400]),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), &[400]),
        ("a foreign host", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n".to_owned(), &[421]),
        ("a foreign host in the target", format!("GET http://evil.test/ HTTP/1.1\r\n{HOST}\r\n"), &[421]),
        ("POST", format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody"), &[405]),
        ("TRACE", format!("TRACE / HTTP/1.1\r\n{HOST}\r\n"), &[405]),
        ("OPTIONS", format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"), &[405]),
        ("CONNECT", format!("CONNECT localhost:80 HTTP/1.1\r\n{HOST}\r\n"), &[405]),
        ("a method that nobody knows", format!("BREW / HTTP/1.1\r\n{HOST}\r\n"), &[405]),
        ("no method", format!("G(T / HTTP/1.1\r\n{HOST}\r\n"), &[400]),
        ("no request", "\x16\x03\x01\x02\r\n\r\n".to_owned(), &[400]),
        ("another version", format!("GET / HTTP/9.9\r\n{HOST}\r\n"), &[400, 505]),
        ("a long address", long_uri, &[414]),
        ("an address of a megabyte", huge_uri, &[414, 431]),
        ("a long header", long_header, &[431]),
        ("too many headers", many_headers, &[431]),
    ] {
        let mut client = Client::connect(house.at);
        // Some are answered before all is read, and then the rest meets a closed door.
        let is_sent = client.send(&bytes);
        let Some(answer) = client.answer() else {
            assert!(!is_sent || bytes.len() > 100_000, "{name}: closed without an answer");
            continue;
        };
        assert!(statuses.contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        if answer.status == 405 {
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{name}");
        }
        // Closed, or fit for the next request; in no case has it made two of one.
        client.ask("/health/live", "Connection: close\r\n");
        if let Some(next) = client.answer() {
            assert_ne!(answer.status, 400, "{name}: the connection is still open");
            assert_eq!((next.status, next.text()), (200, "ok\n"), "{name}");
        }
        assert_eq!(client.until_closed(), b"", "{name}");
    }
    assert_eq!(get(house.at, "/health").status, 200);
}

#[test]
fn a_token_is_asked_for_everywhere_but_health() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let house = House::with(&[rss("Plain", guids("plain", 1))], |home, feeds| {
        let path = home.write("token", format!("{TOKEN}\n"));
        feeds.daemon(&format!("token_file = {path:?}"))
    });
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("anybody:{TOKEN}"));
    let others = base64::prelude::BASE64_STANDARD.encode(format!("{TOKEN}:anybody"));
    for path in [
        "/",
        "/articles",
        "/articles/1",
        "/feeds",
        "/feed.atom",
        "/feed.json",
        "/feeds.opml",
        "/metrics",
        "/openapi.json",
        "/news/stream?after=0",
        "/debug/fetches",
        "/debug/cores",
        "/debug/stacks",
        "/nothing",
    ] {
        let known = if path == "/nothing" { 404 } else { 200 };
        for (authorization, status) in [
            (String::new(), 401),
            (format!("Authorization: Bearer {TOKEN}x\r\n"), 401),
            (format!("Authorization: Bearer {}\r\n", &TOKEN[1..]), 401),
            (format!("Authorization: {TOKEN}\r\n"), 401),
            (format!("Authorization: Basic {others}\r\n"), 401),
            (format!("Authorization: Bearer {TOKEN}\r\n"), known),
            (format!("Authorization: Basic {basic}\r\n"), known),
        ] {
            let answer = get_with(house.at, path, &authorization);
            assert_eq!(answer.status, status, "{path} {authorization}");
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{path} {authorization}");
        }
    }
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(get(house.at, path).status, 200, "{path}");
    }
    assert_eq!(house.daemon.count_lines(TOKEN), 0, "the token is in the log");
}

#[test]
fn absurd_parameters_are_refused() {
    let house = House::of_articles(1);
    let long = "a".repeat(2 << 10);
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        "limit=501",
        "limit=NaN",
        "limit=",
        "limit=1&limit=2",
        "label=nocolon",
        "raw=2",
    ] {
        for route in ["/articles", "/news/stream"] {
            let answer = get(house.at, &format!("{route}?{query}"));
            assert_eq!(answer.status, 400, "{route}?{query}");
            assert!(answer.json()["title"].is_string() && answer.json()["status"] == 400, "{}", answer.text());
        }
    }
    for query in ["wait=-1", "wait=1000000000", "wait=NaN", "wait=121", "feeds=x"] {
        assert_eq!(get(house.at, &format!("/news/stream?{query}")).status, 400, "{query}");
    }
    for query in ["before=0", "before=-1", "before=x", "before=99999999999999999999", &format!("q={long}")] {
        assert_eq!(get(house.at, &format!("/articles?{query}")).status, 400, "{query}");
    }
    let many = "feed=a&".repeat(65);
    assert_eq!(get(house.at, &format!("/articles?{many}")).status, 400);
    assert_eq!(get(house.at, "/articles?limit=500&before=9223372036854775807&unknown=1").status, 200);
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: i64 = 1_000;
    let house = House::of_articles(50);
    let mut client = Client::connect(house.at);
    let mut sender = client.sender();
    let id = |number: i64| 1 + number * 7 % 50;
    let sending = thread::spawn(move || {
        for number in 0..REQUESTS {
            let sent = write!(sender, "GET /articles/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", id(number));
            sent.expect("all are read");
        }
    });
    for number in 0..REQUESTS {
        let answer = client.answer().unwrap_or_else(|| panic!("no answer to request {number}"));
        assert_eq!(answer.json()["id"], id(number), "request {number}");
    }
    sending.join().expect("all are sent");
    // That many are enough for one connection.
    assert_eq!(client.until_closed(), b"");
}
