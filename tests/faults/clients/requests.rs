//! Rows 49 to 51 and 55: requests that are many, malformed, of odd methods, or a stranger's. Each has its answer, and no two
//! parties could disagree about where it ends.

use std::io::Write;
use std::thread;

use base64::Engine as _;

use super::{PLAIN, publish};
use crate::faults::scene::Scene;
use crate::support::http::{Answer, Client, get, get_with};
use crate::support::{guids, rss};

const HOST: &str = "Host: localhost\r\n";

#[test]
fn row_49_a_thousand_pipelined_requests_are_answered_in_order() {
    const REQUESTS: usize = 1_000;
    let mut scene = Scene::new();
    publish(&mut scene, &rss("Plain", guids("plain", 50)), 50);
    let sql = "SELECT article.id FROM article JOIN feed ON feed.id = feed_id WHERE name = 'plain'";
    let ids: Vec<i64> = scene.db().list(sql, |row| row.get(0));
    let id = move |number: usize| ids[number * 7 % 50];
    let mut client = Client::connect(scene.at);
    let mut sender = client.sender();
    let sending = thread::spawn({
        let id = id.clone();
        move || {
            for number in 0..REQUESTS {
                let sent = write!(sender, "GET /articles/{} HTTP/1.1\r\n{HOST}\r\n", id(number));
                sent.expect("all are read");
            }
        }
    });
    for number in 0..REQUESTS {
        let answer = client.answer().unwrap_or_else(|| panic!("no answer to request {number}"));
        assert_eq!(answer.json()["id"], id(number), "request {number}");
        // That many are enough for one connection.
        let is_last = answer.header("connection") == Some("close");
        assert_eq!(is_last, number + 1 == REQUESTS, "request {number}");
    }
    sending.join().expect("all are sent");
    assert_eq!(client.until_closed(), b"");
    scene.end();
}

/// Sends these bytes, and wants one of these statuses; none where the connection was closed with bytes still on their way.
/// Then the connection is closed, or fit for the next request: in no case has it made two of one.
fn judge(scene: &Scene, name: &str, bytes: &[u8], statuses: &[u16]) -> Option<Answer> {
    let mut client = Client::connect(scene.at);
    let is_sent = client.send(bytes);
    let Some(answer) = client.answer() else {
        assert!(!is_sent || bytes.len() > 100_000, "{name}: closed without an answer");
        return None;
    };
    assert!(statuses.contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
    client.ask("/health/live", "Connection: close\r\n");
    if let Some(next) = client.answer() {
        assert!(!matches!(answer.status, 400 | 431), "{name}: the connection is still open");
        assert_eq!((next.status, next.text()), (200, "ok\n"), "{name}");
    }
    assert_eq!(client.until_closed(), b"", "{name}");
    Some(answer)
}

#[test]
fn row_50_what_two_could_read_differently_is_refused_and_closed() {
    let scene = Scene::new();
    // What a proxy that reads it otherwise would let through as a request of its own.
    let smuggled = format!("GET /smuggled HTTP/1.1\r\n{HOST}\r\n");
    let get = |headers: &str, rest: &str| format!("GET / HTTP/1.1\r\n{HOST}{headers}\r\n{rest}");
    for (name, bytes, statuses) in [
        (
            "length and chunks",
            get("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{smuggled}")),
            &[400][..],
        ),
        (
            "chunks and length",
            get("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", &format!("0\r\n\r\n{smuggled}")),
            &[400],
        ),
        ("two lengths", get("Content-Length: 0\r\nContent-Length: 45\r\n", &smuggled), &[400]),
        ("a list of lengths", get("Content-Length: 0, 45\r\n", &smuggled), &[400]),
        ("the length twice", get("Content-Length: 0\r\nContent-Length: 0\r\n", ""), &[200, 400]),
        ("an odd length", get("Content-Length: +1\r\n", "x"), &[400]),
        ("a length without end", get("Content-Length: 99999999999999999999999\r\n", "x"), &[400]),
        ("an odd coding", get("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), &[400]),
        ("two codings", get("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), &[400]),
        ("a space before the colon", get("Content-Length : 4\r\n", ""), &[400]),
        ("a body", get("Content-Length: 4\r\n", "body"), &[400]),
        ("lines that end with LF", "GET / HTTP/1.1\nHost: localhost\n\n".to_owned(), &[400]),
        ("one line that ends with LF", format!("GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n{smuggled}"), &[400]),
        ("NUL in a value", get("X: a\0b\r\n", ""), &[400]),
        ("NUL in the target", format!("GET /\0 HTTP/1.1\r\n{HOST}\r\n"), &[400]),
        ("a folded header", get("X: a\r\n b\r\n", ""), &[400]),
        ("two hosts", get(HOST, ""), &[400]),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), &[400]),
        ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), &[400]),
        ("no request", "\x16\x03\x01\x02\r\n\r\n".to_owned(), &[400]),
        ("another version", format!("GET / HTTP/9.9\r\n{HOST}\r\n"), &[400, 505]),
        ("a long address", format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(9 << 10)), &[414]),
        ("an address of a megabyte", format!("GET /{} HTTP/1.1\r\n{HOST}\r\n", "a".repeat(1 << 20)), &[414, 431]),
        ("a long header", get(&format!("X: {}\r\n", "a".repeat(20 << 10)), ""), &[431]),
        ("a header of a megabyte", get(&format!("X: {}\r\n", "a".repeat(1 << 20)), ""), &[431]),
        ("too many headers", get(&"X: y\r\n".repeat(500), ""), &[431]),
    ] {
        judge(&scene, name, bytes.as_bytes(), statuses);
    }
    // What begins HTTP/2 is known, and closed without a word.
    let mut client = Client::connect(scene.at);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.until_closed(), b"");
    scene.end();
}

#[test]
fn row_51_methods_have_their_status_and_are_told_which_are_allowed() {
    let scene = Scene::new();
    for (name, bytes, status) in [
        ("POST", format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\n\r\nbody"), 405),
        ("PUT", format!("PUT /feeds HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("DELETE", format!("DELETE /articles/1 HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("PATCH", format!("PATCH / HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("TRACE", format!("TRACE / HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("OPTIONS of all", format!("OPTIONS * HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("OPTIONS", format!("OPTIONS /news/stream HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("CONNECT", format!("CONNECT localhost:80 HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("a method that nobody knows", format!("BREW / HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("lower case", format!("get / HTTP/1.1\r\n{HOST}\r\n"), 405),
        ("no method", format!("G(T / HTTP/1.1\r\n{HOST}\r\n"), 400),
    ] {
        let answer = judge(&scene, name, bytes.as_bytes(), &[status]).expect("so little is read whole");
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{name}");
            // TRACE would show a script what it may not see.
            assert!(!answer.text().contains("Host"), "{name}: {}", answer.text());
        }
    }
    // HEAD tells what GET does, and sends no body: what follows is the next answer.
    for path in ["/", "/health", "/articles", "/feeds", "/feed.atom", "/metrics", "/nothing"] {
        let want = get(scene.at, path);
        let mut client = Client::connect(scene.at);
        client.send(format!("HEAD {path} HTTP/1.1\r\n{HOST}\r\n"));
        client.ask("/health/live", "");
        let head = client.head().expect("an answer to HEAD");
        assert_eq!(
            (head.status, head.header("content-type")),
            (want.status, want.header("content-type")),
            "HEAD {path}"
        );
        assert_eq!(client.answer().expect("the next answer").text(), "ok\n", "after HEAD {path}");
    }
    scene.end();
}

/// Whatever a page of another origin asks, its browser is given no leave to let it read the answer.
fn assert_closed_to_scripts(answer: &Answer, what: &str) {
    for header in [
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-allow-private-network",
    ] {
        assert_eq!(answer.header(header), None, "{what}");
    }
}

#[test]
fn row_55_strangers_get_nothing() {
    let mut scene = Scene::with(|_, feeds| feeds.daemon("hosts = [\"News.test\"]"));
    publish(&mut scene, &rss("Plain", guids("plain", 1)), 1);
    let at = scene.at;
    // A page whose own name leads here (DNS rebinding), and names that only look like ours.
    for (host, status) in [
        ("evil.test", 421),
        ("localhost.evil.test", 421),
        ("127.0.0.1.evil.test", 421),
        ("evil.news.test", 421),
        ("news.test.", 421),
        ("evil.test:80", 421),
        ("a@localhost", 400),
        ("localhost/x", 400),
        ("news.test", 200),
        ("NEWS.TEST:443", 200),
        ("localhost", 200),
        ("a.localhost:1", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
    ] {
        for path in ["/", "/feeds", "/health", "/news/stream?after=0&wait=0", "/debug/fetches", "/metrics"] {
            let mut client = Client::connect(at);
            client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
            let answer = client.answer().expect("an answer");
            // A configured name is not this machine's own.
            let want = if path.starts_with("/debug") && status == 200 { answer.status } else { status };
            assert_eq!(answer.status, want, "{path} of {host}");
            assert!(status == 200 || !answer.text().contains(PLAIN), "{path} of {host}: {}", answer.text());
        }
    }
    let mut client = Client::connect(at);
    client.send(format!("GET http://evil.test/ HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n"));
    assert_eq!(client.answer().expect("an answer").status, 421, "a foreign host in the target");
    // A page of another origin, which a browser lets ask and, without our leave, not read.
    let cross = "Origin: http://evil.test\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n";
    for path in [
        "/",
        "/health",
        "/articles",
        "/feeds",
        "/feed.json",
        "/news/stream?after=0&wait=0",
        "/openapi.json",
        "/nothing",
    ] {
        assert_closed_to_scripts(&get_with(at, path, cross), path);
        let mut client = Client::connect(at);
        client.send(format!(
            "OPTIONS {path} HTTP/1.1\r\n{HOST}{cross}Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n"
        ));
        let preflight = client.answer().expect("an answer");
        assert_eq!(preflight.status, 405, "{path}");
        assert_closed_to_scripts(&preflight, path);
    }
    let mut events = Client::connect(at);
    events.ask("/news/stream?after=0", &format!("{cross}Accept: text/event-stream\r\n"));
    assert_closed_to_scripts(&events.head().expect("a stream"), "events");
    drop(events);
    scene.end();
}

#[test]
fn row_55_a_token_is_asked_for_everywhere_but_health() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let folder = tempfile::tempdir().expect("a directory for the test");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).expect("a file of our own");
    let scene = Scene::with(|_, feeds| feeds.daemon(&format!("token_file = {file:?}")));
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
            ("Authorization: Bearer\r\n".to_owned(), 401),
            ("Authorization: Bearer \r\n".to_owned(), 401),
            (format!("Authorization: Bearer {TOKEN}x\r\n"), 401),
            (format!("Authorization: Bearer {}\r\n", &TOKEN[1..]), 401),
            (format!("Authorization: {TOKEN}\r\n"), 401),
            (format!("Authorization: Basic {others}\r\n"), 401),
            (format!("X-Token: {TOKEN}\r\n"), 401),
            (format!("Authorization: Bearer {TOKEN}\r\n"), known),
            (format!("Authorization: Basic {basic}\r\n"), known),
        ] {
            let answer = get_with(scene.at, path, &authorization);
            assert_eq!(answer.status, status, "{path} {authorization}");
            assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{path} {authorization}");
            assert!(status != 401 || !answer.text().contains("control"), "{path}: {}", answer.text());
        }
    }
    assert_eq!(
        get(scene.at, &format!("/articles?token={TOKEN}")).status,
        401,
        "not by the address, which is logged on its way"
    );
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(get(scene.at, path).status, 200, "{path}");
    }
    let finished = scene.end();
    assert!(!finished.stderr.contains(TOKEN), "the token is in the log");
}
