//! `rssd status` and `rssd explain`, asking a daemon whose feeds are fine, fail, and are gone.

use std::net::SocketAddr;

use rssd::tarpit::{Answer, Step};
use serde_json::Value;

use crate::support::http::{get, listening};
use crate::support::{Daemon, Feeds, Finished, Home, guids, rss, tarpit};

fn run(home: &Home, at: SocketAddr, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    command.args(arguments).env("RSSD_SERVER", format!("http://{at}"));
    let finished = Daemon::spawn(command).wait();
    assert!(!finished.stdout.contains('\x1b') && !finished.stderr.contains('\x1b'), "{finished:?}");
    finished
}

/// A page that is no feed, and names one in a way that would clear a terminal.
const PAGE: &str = "<!DOCTYPE html><html><head><title>\x1b[2J</title>\
    <link rel=\"alternate\" type=\"application/rss+xml\" href=\"/\x1b[31mfeed\u{9b}2J\"></head></html>";

#[test]
fn failing_feeds_stand_first_and_each_is_explained() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().every_second();
    for number in 0..3 {
        feeds = feeds.feed(&format!("fine-{number}"), tarpit.url(&format!("f{number}.localhost"), "/healthy/1"));
    }
    tarpit.route("page.localhost", "/feed", Answer::ok("text/html", PAGE));
    tarpit.route("gone.localhost", "/feed", Answer::status(410));
    tarpit.route("hung.localhost", "/feed", Step::Stall);
    let feeds = feeds
        .feed("a-page", tarpit.url("page.localhost", "/feed"))
        .feed("b-gone", tarpit.url("gone.localhost", "/feed"))
        .feed_with("c-hung", tarpit.url("hung.localhost", "/feed"), "read_timeout = \"5m\"")
        .default("total_timeout = \"10m\"");
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("failures and a feed that is gone", |_| {
        db.one::<i64>(
            "SELECT count(*) FROM feed WHERE failing_since IS NOT NULL AND name = 'a-page' OR gone_at IS NOT NULL",
        ) == 2
            && db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 0 AND name LIKE 'fine%'") == 3
    });

    let shown = run(&home, at, &["status"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.starts_with("ok: rssd "), "{}", shown.stdout);
    assert!(shown.stdout.contains("6 feeds: "), "{}", shown.stdout);
    let row = |name: &str| shown.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(row("a-page").contains("  failing  ") && row("a-page").contains("not_feed: "), "{}", shown.stdout);
    assert!(row("b-gone").contains("  gone "), "{}", shown.stdout);
    assert!(!shown.stdout.contains("fine-") && row("c-hung").is_empty(), "{}", shown.stdout);

    let json = run(&home, at, &["status", "--json"]);
    let object: Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    assert_eq!(
        object.as_object().map(|object| object.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["health".into(), "failing".into()])
    );
    assert_eq!((&object["health"]["status"], &object["health"]["feeds"]["total"]), (&"ok".into(), &6.into()));
    let names: Vec<&str> =
        object["failing"].as_array().expect("a list").iter().filter_map(|feed| feed["name"].as_str()).collect();
    assert_eq!(names, ["a-page", "b-gone"]);

    for (feed, words) in [
        ("fine-0", &["fine-0: fine", "next poll", "last success", "polled"][..]),
        ("a-page", &["a-page: failing", "failing since", " in a row", "not_feed: ", "/feed"]),
        ("b-gone", &["b-gone: gone", "never again"]),
        ("c-hung", &["c-hung: new", "not polled yet"]),
    ] {
        let shown = run(&home, at, &["explain", feed]);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        for words in words {
            assert!(shown.stdout.contains(words), "no {words:?} in\n{}", shown.stdout);
        }
        let json: Value =
            serde_json::from_str(&run(&home, at, &["explain", feed, "--json"]).stdout).expect("an object");
        assert_eq!(json["name"], feed);
    }
    let unknown = run(&home, at, &["explain", "fine"]);
    assert_eq!((unknown.code, &*unknown.stdout), (Some(64), ""));
    assert!(unknown.stderr.contains("did you mean fine-0, fine-1, fine-2?"), "{}", unknown.stderr);
    let unknown = run(&home, at, &["explain", "\x1b[2J/../nobody?"]);
    assert_eq!(unknown.code, Some(64), "{}", unknown.stderr);
}

#[test]
fn a_list_of_feeds_may_be_short() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for number in 0..5 {
        tarpit.route(&format!("f{number}.localhost"), "/feed", Answer::status(404));
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), "/feed"));
    }
    tarpit.route("fine.localhost", "/feed", Answer::ok("application/rss+xml", rss("Fine", guids("fine", 1))));
    let home = Home::with(&feeds.feed("fine", tarpit.url("fine.localhost", "/feed")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("the first round", |_| db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count = 0") == 0);
    let listed = |query: &str| {
        let answer = get(at, &format!("/feeds?{query}")).json();
        (answer["feeds"].as_array().expect("feeds").len(), answer["total"].as_u64())
    };
    assert_eq!(listed(""), (6, Some(6)));
    assert_eq!(listed("limit=2"), (2, Some(6)));
    assert_eq!(listed("state=failing&limit=2&offset=4"), (1, Some(5)));
    for state in ["fine", "late", "failing", "new", "gone"] {
        let whole = get(at, &format!("/feeds?state={state}")).json();
        assert_eq!(get(at, &format!("/feeds?state={state}&limit=500")).json(), whole, "{state}");
    }
    assert_eq!(get(at, "/feeds?limit=501").status, 400);
    let failing = get(at, "/feeds?state=failing").json();
    let names: Vec<_> =
        failing["feeds"].as_array().expect("feeds").iter().filter_map(|feed| feed["name"].as_str()).collect();
    let sql = "SELECT name FROM feed WHERE failing_since IS NOT NULL ORDER BY failing_since, name";
    assert_eq!(names, db.list(sql, |row| row.get::<_, String>(0)), "the longest failing first");
    let missing = get(at, "/feeds/f9").json();
    assert_eq!(missing["similar"], serde_json::json!(["f0", "f1", "f2", "f3", "f4"]), "{missing}");
}

#[test]
fn a_daemon_that_does_not_answer_is_told_of() {
    let tarpit = tarpit();
    let home = Home::new();
    let script = |steps: Vec<Step>| tarpit.listen([vec![Step::ReadRequest], steps].concat()).expect("a free port");
    let health = |status: u16, body: &str| {
        vec![Step::Answer(Answer::status(status).header("Content-Type", "application/json").body(body))]
    };
    let failing =
        "{\"status\":\"failing\",\"reasons\":[\"core 0 has not turned for 9000 ms\"],\"version\":\"0\",\"cores\":[]}";
    let closed = {
        let socket = std::net::TcpListener::bind("127.77.0.2:0").expect("loopback has a free port");
        socket.local_addr().expect("it is bound")
    };
    for (at, words) in [
        (closed, "start it, or give its address by --server"),
        (script(vec![Step::Stall]), "start it, or give its address by --server"),
        (script(health(200, "\x1b[2J")), "it sends no JSON"),
        (script(health(200, "{}")), "is this the address of rssd?"),
        (script(health(404, "{}")), "is this the address of rssd?"),
        (script(health(503, failing)), "is failing"),
        (
            script(vec![Step::send("HTTP/1.1 200 OK\r\n\r\n"), Step::SendForever(vec![b' '; 1 << 20].into())]),
            "does not answer",
        ),
    ] {
        let finished = run(&home, at, &["status", "--timeout", "2s"]);
        assert_eq!(finished.code, Some(69), "{words}: {finished:?}");
        assert!(finished.stderr.contains(words), "{words}: {finished:?}");
        let finished = run(&home, at, &["explain", "x", "--timeout", "2s"]);
        assert!(finished.code == Some(69) || words.starts_with("is "), "{finished:?}");
    }
}

#[test]
fn a_daemon_behind_tls_is_asked_with_the_systems_roots() {
    let tarpit = tarpit();
    tarpit.route("localhost", "/health", Answer::ok("application/json", "{\"status\":\"ok\",\"cores\":[]}"));
    tarpit.route("localhost", "/feeds", Answer::ok("application/json", "{\"feeds\":[],\"total\":0}"));
    let home = Home::new();
    home.write("ca.pem", tarpit.ca_pem());
    let server = tarpit.tls_url("localhost", "/");
    for (roots, code, words) in [("ca.pem", 0, "ok: rssd"), ("none.pem", 69, "start it, or give its address")] {
        let mut command = home.command();
        command.args(["status", "--server", &server]).env("SSL_CERT_FILE", home.path(roots)).env_remove("SSL_CERT_DIR");
        // Nobody in between is asked, whatever the environment says.
        let finished = Daemon::spawn({
            command.env("HTTPS_PROXY", "http://127.77.0.2:9");
            command
        })
        .wait();
        assert_eq!(finished.code, Some(code), "{finished:?}");
        assert!(format!("{}{}", finished.stdout, finished.stderr).contains(words), "{finished:?}");
    }
}
