//! SIGHUP: feeds come, change and go without a restart. That a broken file changes nothing is row 69 of the fault catalogue.

use nix::sys::signal::Signal::SIGHUP;
use rssd::tarpit::{Answer, Gate, Step, Tarpit};

use crate::support::http::{Events, get, listening};
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
    // The plan, before it is followed.
    let plan = daemon.lines();
    let plan: Vec<&str> = plan.iter().filter_map(|line| Some(line.split_once("reload: ")?.1)).collect();
    assert_eq!(plan, ["add     comes", "change  changes: url", "remove  goes"]);

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

/// A feed that gets its answer when the gate is opened.
fn serve_behind(tarpit: &Tarpit, name: &str, gate: &Gate) -> String {
    let host = format!("{name}.localhost");
    let document = Answer::ok(RSS, rss(name, guids(name, 1)));
    tarpit.route(&host, "/feed", [Step::WaitFor(gate.clone()), Step::Answer(document)]);
    tarpit.url(&host, "/feed")
}

const PATIENT: &str = "read_timeout = \"60s\"\ntotal_timeout = \"120s\"";

#[test]
fn fetches_and_streams_of_feeds_that_a_reload_does_not_touch_go_on() {
    let tarpit = tarpit();
    let gate = Gate::default();
    let slow = serve_behind(&tarpit, "slow", &gate);
    let base = Feeds::new().feed_with("slow", &slow, PATIENT);
    let home = Home::with(&base.clone().feed("first", serve(&tarpit, "first", 1)));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    daemon.wait_for("its request", |_| asked(&tarpit, "slow") == 1);
    let mut events = Events::open(at, "after=0", "");
    assert_eq!(events.next_of("article").json()["feed"], "first");

    home.subscribe(&base.clone().feed("second", serve(&tarpit, "second", 1)));
    hangup(&mut daemon, "reloaded", 1);
    assert_eq!(events.next_of("article").json()["feed"], "second", "the stream is the same connection");
    gate.open();
    assert_eq!(events.next_of("article").json()["feed"], "slow", "what was fetched is stored");
    assert_eq!(asked(&tarpit, "slow"), 1, "it was not asked again");
    assert_eq!(home.db().polls_of("slow"), 1);
}

#[test]
fn feeds_that_move_are_polled_at_their_new_place_once_whichever_core_it_belongs_to() {
    const MOVED: usize = 12;
    let tarpit = tarpit();
    let gate = Gate::default();
    let feeds = |urls: &[String]| {
        let base = Feeds::new().daemon("cores = 2");
        urls.iter().enumerate().fold(base, |feeds, (n, url)| feeds.feed_with(&format!("f{n}"), url, PATIENT))
    };
    // The first half is in flight at its old place when it moves.
    let old: Vec<String> = (0..MOVED)
        .map(|n| match n < MOVED / 2 {
            true => serve_behind(&tarpit, &format!("old{n}"), &gate),
            false => serve(&tarpit, &format!("old{n}"), 2),
        })
        .collect();
    let home = Home::with(&feeds(&old));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    let of_cores = || -> Vec<u64> {
        let cores = get(at, "/health").json()["cores"].clone();
        cores.as_array().expect("a list").iter().map(|core| core["feeds"].as_u64().expect("a number")).collect()
    };
    daemon.wait_for("all to be asked", |_| (0..MOVED).all(|n| asked(&tarpit, &format!("old{n}")) == 1));
    daemon.wait_for("half of them to be stored", |_| db.articles() == MOVED as i64);
    let ids = |db: &crate::support::Db| db.list("SELECT id FROM feed ORDER BY name", |row| row.get::<_, i64>(0));
    let before = ids(&db);

    let new: Vec<String> = (0..MOVED).map(|n| serve(&tarpit, &format!("new{n}"), 3)).collect();
    home.subscribe(&feeds(&new));
    hangup(&mut daemon, "reloaded", 1);
    daemon.wait_for("all at their new place", |_| {
        db.one::<i64>("SELECT count(*) FROM article WHERE guid GLOB 'new*'") == 3 * MOVED as i64
    });
    // What comes now from the old place comes too late: its poll was given up with the move.
    gate.open();
    daemon.wait_for("a connection each to end", |_| get(at, "/health").json()["cores"][0]["in_flight"] == 0);
    for n in 0..MOVED {
        assert_eq!((asked(&tarpit, &format!("old{n}")), asked(&tarpit, &format!("new{n}"))), (1, 1), "f{n}");
    }
    let cores = of_cores();
    assert_eq!((cores.len(), cores.iter().sum::<u64>()), (2, MOVED as u64), "each is on one core: {cores:?}");
    assert!(cores.iter().all(|feeds| *feeds > 0), "{cores:?}");
    assert_eq!(ids(&db), before, "the state is the same row");
    assert_eq!(db.one::<i64>("SELECT count(*) FROM article WHERE guid GLOB 'old*'"), MOVED as i64);
    db.assert_whole();
}

#[test]
fn what_a_reload_does_not_take_up_is_said() {
    let tarpit = tarpit();
    let feeds = Feeds::new().feed("one", serve(&tarpit, "one", 1));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    listening(&mut daemon);
    home.subscribe(&feeds.clone().daemon("retention = \"30d\"\nstreams_max = 7"));
    hangup(&mut daemon, "reloaded", 1);
    assert_eq!(daemon.count_lines("reload: [daemon] retention, streams_max: taken up at the next start"), 1);
    assert_eq!(daemon.count_lines("0 feeds added, 0 changed, 0 removed"), 1);
}
