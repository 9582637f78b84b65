//! The main job: what is healthy is stored while what is not hangs, and each bad source ends with its own reason.

use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::support::{Daemon, Feeds, Home, tarpit, until};

const HEALTHY: i64 = 86;
const ARTICLES: i64 = 20;
const READ_TIMEOUT_MS: i64 = 6_000;
const TOTAL_TIMEOUT_MS: i64 = 20_000;

/// A port that refuses: bound, so that nobody else gets it, and not listening.
fn refusing_port() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback has a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    let port = address.as_socket().expect("it is an IP address").port();
    (socket, port)
}

#[test]
fn the_healthy_are_stored_before_the_first_hung_one_ends_and_each_bad_one_ends_with_its_phase() {
    let tarpit = tarpit();
    let (_refusing, refusing_port) = refusing_port();
    let mut feeds = Feeds::new().default(&format!(
        "connect_timeout = \"5s\"\nread_timeout = \"{}s\"\ntotal_timeout = \"{}s\"",
        READ_TIMEOUT_MS / 1000,
        TOTAL_TIMEOUT_MS / 1000
    ));
    // The bad ones first: nobody is to be fine by having come earlier.
    for number in 0..5 {
        for (name, path) in [("hung", "hung"), ("hung-body", "hung-body"), ("dripping", "dripping")] {
            let host = format!("{name}-{number}.localhost");
            feeds = feeds.feed(&format!("{name}-{number}"), tarpit.url(&host, &format!("/{path}/{number}")));
        }
    }
    for (number, path) in ["endless", "endless-close"].iter().enumerate() {
        let host = format!("endless-{number}.localhost");
        feeds = feeds.feed(&format!("endless-{number}"), tarpit.url(&host, &format!("/{path}/1")));
        let refusing = format!("http://refusing-{number}.localhost:{refusing_port}/");
        feeds = feeds.feed(&format!("refusing-{number}"), refusing);
    }
    for number in 0..HEALTHY {
        let host = format!("healthy-{number}.localhost");
        let path = format!("/healthy/{number}?articles={ARTICLES}&kib=16");
        feeds = feeds.feed(&format!("healthy-{number}"), tarpit.url(&host, &path));
    }
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.arg("--once");
    let mut daemon = Daemon::spawn(command);

    let (mut threads_max, mut resident_kib_max) = (0, 0);
    until("--once to end", || {
        threads_max = threads_max.max(daemon.proc_status("Threads").unwrap_or(0));
        resident_kib_max = resident_kib_max.max(daemon.proc_status("VmHWM").unwrap_or(0));
        (!daemon.is_running()).then_some(())
    });
    let finished = daemon.wait();
    println!("at most {threads_max} threads and {resident_kib_max} KiB resident\n{}", finished.stdout);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!((1..16).contains(&threads_max), "{threads_max} threads");
    assert!((1..150 * 1024).contains(&resident_kib_max), "{resident_kib_max} KiB");

    let db = home.db();
    db.assert_whole();
    for number in 0..HEALTHY {
        let name = format!("healthy-{number}");
        assert_eq!(db.articles_of(&name), ARTICLES, "{name}: {}", db.error_of(&name));
    }
    for (name, count, class) in [
        ("hung", 5, "timeout(first byte)"),
        ("hung-body", 5, "timeout(body)"),
        ("dripping", 5, "timeout(body)"),
        ("endless", 2, "too_large"),
        ("refusing", 2, "connect"),
    ] {
        for number in 0..count {
            let name = format!("{name}-{number}");
            assert_eq!(db.class_of(&name), class, "{name}: {}", db.error_of(&name));
            assert_ne!(db.error_of(&name), "", "{name}");
            assert_eq!(db.articles_of(&name), 0, "{name}");
        }
    }

    let ends = |like: &str, what: &str| -> i64 {
        db.one(&format!(
            "SELECT {what}(started_at + total_ms) FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name GLOB '{like}'"
        ))
    };
    let (healthy_last, hung_first) = (ends("healthy-*", "max"), ends("hung-[0-9]", "min"));
    assert!(healthy_last < hung_first, "the last healthy one ended {} ms late", healthy_last - hung_first);
    // Its own deadline: not before, and long before the whole poll's.
    for (feed, total_ms) in db.list(
        "SELECT name, total_ms FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name GLOB 'hung-[0-9]'",
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
    ) {
        println!("{feed} ended {} ms after its deadline", total_ms - READ_TIMEOUT_MS);
        assert!((READ_TIMEOUT_MS..TOTAL_TIMEOUT_MS - 5_000).contains(&total_ms), "{feed}: {total_ms} ms");
    }
    // Nothing is held open for sources that are given up.
    assert!(tarpit.wait(Duration::from_secs(30), |counts| counts.open == 0), "{:?}", tarpit.counts());
}

#[test]
fn a_poll_in_sqlite_says_what_came_of_it() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .feed("good", tarpit.url("good.localhost", "/healthy/1?articles=3"))
        .feed("gone-missing", tarpit.url("missing.localhost", "/not-found/1"));
    let home = Home::with(&feeds);
    let finished = home.once();
    let db = home.db();
    assert_eq!(db.last_poll_of("good").0, Some(200));
    assert_eq!(db.one::<String>("SELECT title FROM feed WHERE name = 'good'"), "Healthy feed 1");
    assert_eq!(db.one::<i64>("SELECT new_count FROM fetch_log WHERE status = 200"), 3);
    assert!(db.one::<i64>("SELECT body_bytes FROM fetch_log WHERE status = 200") > 100);
    assert_eq!((db.last_poll_of("gone-missing").0, db.class_of("gone-missing").as_str()), (Some(404), "status"));
    let failing: i64 = db.one(
        "SELECT count(*) FROM feed WHERE failure_count = 1 AND failing_since IS NOT NULL AND last_ok_at IS NULL \
         AND next_poll_at > last_polled_at",
    );
    assert_eq!(failing, 1);
    // Newest first in the document is not the order of the stream: seq is commit order, 1, 2, 3.
    let seqs: Vec<i64> = db.stream().into_iter().map(|(seq, _, _)| seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert!(finished.stdout.contains("2 feeds"), "{}", finished.stdout);
}

#[test]
fn more_polls_may_end_at_once_than_the_writer_takes() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().daemon("cores = 1");
    for n in 0..400 {
        feeds =
            feeds.feed(&format!("f{n}"), tarpit.url(&format!("f{n}.localhost"), &format!("/healthy/{n}?articles=1")));
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 400);
}
