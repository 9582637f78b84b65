//! SIGHUP: feeds come, change and go without a restart. That a broken file changes nothing is row 69 of the fault catalogue.

use nix::sys::signal::Signal::SIGHUP;
use rssd::tarpit::{Answer, Tarpit};

use crate::support::{Daemon, Feeds, Home, guids, header, rss, tarpit};

const RSS: &str = "application/rss+xml";

fn serve(tarpit: &Tarpit, name: &str, count: usize) -> String {
    let host = format!("{name}.localhost");
    let body = rss(name, guids(name, count));
    tarpit.route(&host, "/feed", Answer::ok(RSS, body).etag(format!("\"{name}\"")).last_modified("some day"));
    tarpit.url(&host, "/feed")
}

fn asked(tarpit: &Tarpit, host: &str) -> usize {
    let host = format!("{host}.localhost");
    tarpit.requests().iter().filter(|request| request.head.host == host).count()
}

/// Sends SIGHUP and waits until the daemon says what came of it, which takes `lines` lines with this word so far.
fn hangup(daemon: &mut Daemon, word: &str, lines: usize) {
    daemon.signal(SIGHUP);
    daemon.wait_for_lines(word, lines);
}

#[test]
fn feeds_come_change_and_go_without_a_restart() {
    let tarpit = tarpit();
    let stays = serve(&tarpit, "stays", 2);
    let goes = serve(&tarpit, "goes", 2);
    let changes = serve(&tarpit, "changes-old", 2);
    let base = Feeds::new().every_second().feed("stays", &stays);
    let home = Home::with(&base.clone().feed("goes", &goes).feed("changes", &changes));
    let mut daemon = home.start();
    let pid = daemon.pid();
    daemon
        .wait_for("all to be polled", |_| ["stays", "goes", "changes-old"].iter().all(|host| asked(&tarpit, host) > 0));

    let comes = serve(&tarpit, "comes", 3);
    let changes = serve(&tarpit, "changes-new", 2);
    home.subscribe(&base.clone().feed("comes", &comes).feed("changes", &changes));
    hangup(&mut daemon, "reloaded", 1);
    let (gone, old) = (asked(&tarpit, "goes"), asked(&tarpit, "changes-old"));
    let stayed = asked(&tarpit, "stays");
    daemon.wait_for("the new ones and some rounds of the one that stayed", |_| {
        asked(&tarpit, "comes") > 1 && asked(&tarpit, "changes-new") > 1 && asked(&tarpit, "stays") > stayed + 3
    });
    // One request may have been on its way when the reload was logged, none after it.
    assert!(asked(&tarpit, "goes") <= gone + 1, "a removed feed is asked no more");
    assert!(asked(&tarpit, "changes-old") <= old + 1, "nor is an old URL");
    assert_eq!(daemon.pid(), pid);
    let line = daemon.lines().into_iter().find(|line| line.contains("reloaded")).expect("it was waited for");
    assert!(line.contains("1 feeds added, 1 changed, 1 removed"), "{line}");

    let db = home.db();
    assert_eq!(db.articles_of("comes"), 3);
    assert_eq!(db.articles_of("goes"), 2, "articles of a feed that left stay");
    // The feed is the same under its name, so its articles are.
    assert_eq!(db.one::<String>("SELECT url FROM feed WHERE name = 'changes'"), changes);
    db.assert_whole();
}

#[test]
fn a_feed_that_returns_finds_its_state() {
    let tarpit = tarpit();
    let both = Feeds::new()
        .feed_with("control", serve(&tarpit, "control", 1), "interval = \"1s\"\ninterval_min = \"1s\"")
        .feed_with("returns", serve(&tarpit, "returns", 4), "interval = \"3s\"\ninterval_min = \"1s\"");
    let without = Feeds::new().feed_with(
        "control",
        tarpit.url("control.localhost", "/feed"),
        "interval = \"1s\"\ninterval_min = \"1s\"",
    );
    let home = Home::with(&both);
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("its first poll", |_| db.articles() == 5);
    let state = "SELECT id || ' ' || CAST(etag AS TEXT) || ' ' || article_count FROM feed WHERE name = 'returns'";
    let (before, stream) = (db.one::<String>(state), db.stream());

    home.subscribe(&without);
    hangup(&mut daemon, "reloaded", 1);
    assert_eq!(db.one::<String>(state), before, "its state waits for it");
    let gone = asked(&tarpit, "returns");
    home.subscribe(&both);
    hangup(&mut daemon, "reloaded", 2);
    daemon.wait_for("its next poll", |_| asked(&tarpit, "returns") > gone);
    assert_eq!(db.one::<String>(state), before);
    assert_eq!(db.stream(), stream, "no article came twice");
    let last = tarpit.requests().into_iter().rfind(|request| request.head.host == "returns.localhost");
    let last = last.expect("it was waited for");
    assert_eq!(header(&last, "if-none-match"), Some(b"\"returns\"".as_slice()));
    assert_eq!(header(&last, "if-modified-since"), Some(b"some day".as_slice()));
}

#[test]
fn a_reload_is_no_reason_to_ask_early() {
    let tarpit = tarpit();
    let slow = serve(&tarpit, "slow", 1);
    let control = serve(&tarpit, "control", 1);
    let feeds = |label: &str| {
        Feeds::new().feed_with("control", &control, "interval = \"1s\"\ninterval_min = \"1s\"").feed_with(
            "slow",
            &slow,
            &format!("labels = {{ round = {label:?} }}"),
        )
    };
    let home = Home::with(&feeds("0"));
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("both", |_| db.articles() == 2);
    for round in 1..=3 {
        home.subscribe(&feeds(&round.to_string()));
        hangup(&mut daemon, "reloaded", round);
        let before = asked(&tarpit, "control");
        daemon.wait_for("two rounds of the control feed", |_| asked(&tarpit, "control") >= before + 2);
    }
    assert_eq!(asked(&tarpit, "slow"), 1, "15 minutes are not over");
    assert!(db.one::<String>("SELECT labels FROM feed WHERE name = 'slow'").contains('3'));
}

#[test]
fn a_disabled_feed_is_not_asked() {
    let tarpit = tarpit();
    let feeds =
        Feeds::new().feed("on", serve(&tarpit, "on", 1)).feed_with("off", serve(&tarpit, "off", 1), "enabled = false");
    let home = Home::with(&feeds);
    home.once();
    assert_eq!((asked(&tarpit, "on"), asked(&tarpit, "off")), (1, 0));
    assert_eq!(home.db().one::<i64>("SELECT count(*) FROM feed"), 2, "it has a row all the same");
}
