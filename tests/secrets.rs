//! What authenticates is sent where it belongs and shown nowhere: not in a log at its loudest, not in an answer, not in the
//! database, not by a command.

use std::fs;
use std::net::SocketAddr;

use nix::sys::signal::Signal::{SIGHUP, SIGTERM, SIGUSR1};
use rssd::tarpit::{Answer, Tarpit};

use crate::support::http::{Client, get_with, listening};
use crate::support::{Daemon, Feeds, Finished, Home, guids, header, rss, tarpit};

const RSS: &str = "application/rss+xml";

/// Everything is turned up, the libraries that would tell the most by name.
const LOUDEST: &str = "trace,ureq=trace,ureq_proto=trace,ureq::run=trace,rustls=trace,hickory_proto=trace,hyper=trace";

/// What must not be seen, with the feed whose request carries it; base64 of "us3r:p4ssw0rd-hush" among them.
const SECRETS: [(&str, &str, &str); 6] = [
    ("p4ssw0rd-hush", "basic", ""),
    ("dXMzcjpwNHNzdzByZC1odXNo", "basic", "authorization"),
    ("b34rer-hush", "bearer", "authorization"),
    ("h34der-hush", "keyed", "x-key"),
    ("c00kie-hush", "keyed", "cookie"),
    ("t0ken-hush", "", ""),
];

/// And what a server put into the address that it redirects to.
const USERINFO: &str = "us3rinfo-hush";

fn feeds(tarpit: &Tarpit) -> Feeds {
    let doc = |name: &str| Answer::ok(RSS, rss(name, guids(name, 2)));
    for name in ["basic", "bearer", "keyed"] {
        tarpit.route(&format!("{name}.localhost"), "/feed", doc(name));
    }
    // Failures are told at length.
    tarpit.route("refused.localhost", "/feed", Answer::status(401).header("WWW-Authenticate", "Basic realm=\"x\""));
    tarpit.route("page.localhost", "/feed", Answer::ok("text/html", "<!doctype html><title>log in</title>"));
    let there = tarpit.url("there.localhost", "/feed").replace("://", &format!("://name:{USERINFO}@"));
    tarpit.route("moved.localhost", "/feed", Answer::redirect(302, there));
    tarpit.route("there.localhost", "/feed", doc("there"));
    let basic = "username = \"us3r\"\npassword_file = \"password\"";
    let keyed = "headers = { X-Key = \"h34der-hush\", Cookie = \"sid=c00kie-hush\" }";
    let url = |name: &str| tarpit.url(&format!("{name}.localhost"), "/feed");
    Feeds::new()
        .every_second()
        .daemon("token_file = \"token\"")
        .feed_with("basic", url("basic"), basic)
        .feed_with("bearer", url("bearer"), "bearer_file = \"bearer\"")
        .feed_with("keyed", url("keyed"), keyed)
        .feed_with("refused", url("refused"), basic)
        .feed_with("page", url("page"), keyed)
        .feed_with("proxied", "http://proxied.test/feed", &format!("{basic}\nproxy = \"http://{}\"", tarpit.addr()))
        .feed_with("nobody", "http://nobody.localhost:1/feed", "bearer_file = \"bearer\"")
        .feed("moved", url("moved"))
}

fn home(tarpit: &Tarpit) -> Home {
    let home = Home::with(&feeds(tarpit));
    home.write("password", "p4ssw0rd-hush\n");
    home.write("bearer", "b34rer-hush\n");
    home.write("token", "t0ken-hush\n");
    home
}

fn assert_discreet(what: &str, text: &[u8]) {
    for secret in SECRETS.iter().map(|(secret, ..)| *secret).chain([USERINFO]) {
        let found = text.windows(secret.len()).position(|window| window == secret.as_bytes());
        let around = found.map(|at| String::from_utf8_lossy(&text[at.saturating_sub(200)..text.len().min(at + 60)]));
        assert_eq!(around, None, "{what} tells {secret}");
    }
}

fn assert_all_discreet(what: &str, finished: &Finished) {
    assert_discreet(what, finished.stdout.as_bytes());
    assert_discreet(what, finished.stderr.as_bytes());
}

#[test]
fn secrets_are_sent_and_shown_nowhere() {
    let tarpit = tarpit();
    let home = home(&tarpit);
    let mut command = home.daemon_command();
    command.env("RUST_LOG", LOUDEST);
    let mut daemon = Daemon::spawn(command);
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("two polls of each feed", |_| db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 1") == 8);
    // They are really there, or there would be nothing to show.
    let requests = tarpit.requests();
    for (secret, feed, name) in SECRETS.iter().filter(|(.., name)| !name.is_empty()) {
        let carries = |request: &&rssd::tarpit::Recorded| {
            let value = header(request, name).unwrap_or_default();
            request.head.host == format!("{feed}.localhost") && String::from_utf8_lossy(value).contains(secret)
        };
        assert!(requests.iter().any(|request| carries(&request)), "no request of {feed} carries {secret}");
    }

    for path in [
        "/",
        "/health",
        "/health/live",
        "/health/ready",
        "/articles",
        "/articles/1",
        "/articles?raw=1",
        "/feeds",
        "/feeds/basic",
        "/feeds/keyed",
        "/feeds/refused",
        "/feeds/proxied",
        "/feeds/nobody",
        "/feed.atom",
        "/feed.json",
        "/feeds.opml",
        "/metrics",
        "/openapi.json",
        "/debug/fetches",
        "/debug/cores",
        "/debug/stacks",
        "/news/stream?after=0",
        "/nowhere",
        "/articles?before=-1",
    ] {
        for accept in ["", "Accept: text/html\r\n", "Accept: text/plain\r\n"] {
            for token in ["t0ken-hush", "wrong"] {
                let answer = get_with(at, path, &format!("{accept}Authorization: Bearer {token}\r\n"));
                let expected = token != "wrong" || path.starts_with("/health");
                assert_eq!(answer.status != 401, expected, "{path} {token}: {}", answer.status);
                assert_discreet(&format!("{path} {accept}{token}"), format!("{answer:?}{}", answer.text()).as_bytes());
            }
        }
    }
    // Nor is a client's own mistake repeated to the log: a token in an address, or in a request that is none.
    let mut client = Client::connect(at);
    client.send("GET /articles?token=t0ken-hush&limit=t0ken-hush HTTP/1.1\r\nHost: t0ken-hush\r\n\r\n");
    let _ = client.answer();
    client.send("t0ken-hush\r\n\r\n");
    let _ = client.until_closed();

    daemon.signal(SIGUSR1);
    daemon.wait_for_lines("in flight", 1);
    daemon.signal(SIGHUP);
    daemon.wait_for_lines("reload", 1);
    of_commands(&home, at, &tarpit);

    daemon.signal(SIGTERM);
    let finished = daemon.wait();
    assert!(finished.stderr.len() > 2_000, "at trace there is something to look through");
    assert_all_discreet("the log", &finished);
    for name in ["rssd.db", "rssd.db-wal", "rssd.db-shm", "rssd.db.lock"] {
        assert_discreet(name, &fs::read(home.path(name)).unwrap_or_default());
    }
}

fn of_commands(home: &Home, at: SocketAddr, tarpit: &Tarpit) {
    let (server, fetched) = (format!("http://{at}"), tarpit.url("moved.localhost", "/feed"));
    for arguments in [
        &["check", "--feeds", "feeds.toml", "--db", "rssd.db"][..],
        &["status"],
        &["status", "--json"],
        &["explain", "basic"],
        &["explain", "refused"],
        &["explain", "nobody"],
        &["export", "--feeds", "feeds.toml"],
        &["fetch", "--allow-private", &fetched],
        &["fetch", "--allow-private", "--json", &fetched],
        &["fetch", "http://name:us3rinfo-hush@127.0.0.1:1/"],
        &["fetch", "http://name:us3rinfo-hush@[::1/"],
        &["parse", "-", "--url", "//name:us3rinfo-hush@127.0.0.1/"],
        &["status", "--server", "http://name:us3rinfo-hush@127.0.0.1:1/"],
    ] {
        let mut command = home.command();
        command.args(arguments).env("RUST_LOG", LOUDEST).env("RSSD_TOKEN_FILE", home.path("token"));
        if !arguments.contains(&"--server") {
            command.env("RSSD_SERVER", &server);
        }
        let finished = Daemon::spawn(command).wait();
        assert_all_discreet(&arguments.join(" "), &finished);
        assert!(!finished.stdout.is_empty() || !finished.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_mistake_in_feeds_toml_tells_no_secret() {
    let home = Home::new();
    home.write("two-lines", "p4ssw0rd-hush\nb34rer-hush\n");
    home.write("binary", b"p4ssw0rd-hush\0\x1b[2J");
    for lines in [
        "url = \"http://127.0.0.1:1/\"\nproxy = \"http://name:us3rinfo-hush@127.0.0.1:1/\"",
        "url = \"http://name:us3rinfo-hush@a.test/\"",
        "url = \"http://name:us3rinfo-hush@a test/\"",
        "url = \"http://127.0.0.1:1/\"\nheaders = { X-Key = \"h34der-hush\\n\" }",
        "url = \"http://127.0.0.1:1/\"\nheaders = { X-Key = [\"h34der-hush\"] }",
        "url = \"http://127.0.0.1:1/\"\nheaders = { Host = \"h34der-hush\" }",
        "url = \"http://127.0.0.1:1/\"\nheaders = \"h34der-hush\"",
        "url = \"http://127.0.0.1:1/\"\nusername = \"u\"\npassword_file = \"two-lines\"",
        "url = \"http://127.0.0.1:1/\"\nbearer_file = \"binary\"",
        "url = \"http://127.0.0.1:1/\"\npassword = \"p4ssw0rd-hush\"",
        "url = \"http://127.0.0.1:1/\"\nheaders = { X-Key = \"h34der-hush }",
    ] {
        home.write("feeds.toml", format!("[daemon]\nlisten = \"127.0.0.1:0\"\n[[feed]]\n{lines}\n"));
        let mut check = home.command();
        check.args(["check", "--feeds", "feeds.toml"]).env("RUST_LOG", LOUDEST);
        let finished = Daemon::spawn(check).wait();
        assert_eq!(finished.code, Some(78), "{lines}: {}", finished.stderr);
        assert_all_discreet(lines, &finished);
        // A file that names the secret is not looked into before the feed is begun with.
        let mut once = home.daemon_command();
        once.arg("--once").env("RUST_LOG", LOUDEST);
        assert_all_discreet(lines, &Daemon::spawn(once).wait());
    }
}
