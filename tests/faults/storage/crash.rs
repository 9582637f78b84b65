//! Row 64. kill -9 at any moment, and at the moments that matter most: nothing that was committed is missing, nothing is
//! double, no feed has validators whose articles are not there, and clients of the stream end with exactly the database.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::follower::{Address, Follower, Given, Way};
use crate::support::http::listening;
use crate::support::{Daemon, Db, Feeds, Home, Random, pause, tarpit, until};

const FEEDS: u64 = 24;
const FIRST_ARTICLES: i64 = 10;

/// In each `cargo test`; RSSD_TEST_ROUNDS=n makes it n.
const ROUNDS: u64 = 12;

/// What a reader saw: feed and key by place in the stream.
type Seen = HashMap<i64, (String, String)>;

/// When it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Start,
    Any,
    BeforeCommit,
    AfterCommit,
    InCheckpoint,
}

const MOMENTS: [Moment; 6] =
    [Moment::Any, Moment::BeforeCommit, Moment::AfterCommit, Moment::Start, Moment::InCheckpoint, Moment::Any];

impl Moment {
    /// Its name for the daemon, which then kills itself.
    fn point(self) -> Option<&'static str> {
        match self {
            Moment::Start | Moment::Any => None,
            Moment::BeforeCommit => Some("before-commit"),
            Moment::AfterCommit => Some("after-commit"),
            Moment::InCheckpoint => Some("in-checkpoint"),
        }
    }
}

#[test]
fn row_64_killed_at_any_moment_nothing_is_lost_and_nothing_is_double() {
    let rounds: u64 = std::env::var("RSSD_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut random = Random::seeded("crash");
    let tarpit = tarpit();
    let mut feeds = Feeds::new().every_second();
    for number in 1..=FEEDS {
        // One more article at each request, and a tag that says how many there are. Half of them in one document of
        // a hundred, so that batches have more to write than a page.
        let articles = if number % 2 == 0 { FIRST_ARTICLES } else { 90 };
        let path = format!("/growing/{number}?articles={articles}");
        feeds = feeds.feed(&format!("growing-{number}"), tarpit.url(&format!("g{number}.localhost"), &path));
    }
    let home = Home::with(&feeds);
    let address = Address::default();
    let followers = [Way::LongPoll, Way::Events].map(|way| Follower::start(way, address.clone()));
    let mut seen = Seen::new();
    let mut seq_max = 0;
    let mut kills: HashMap<&str, u64> = HashMap::new();
    for round in 0..rounds {
        let moment = MOMENTS[usize::try_from(round).expect("it is small") % MOMENTS.len()];
        *kills.entry(moment.point().unwrap_or("any moment")).or_default() += 1;
        die_at(moment, &home, &address, seq_max, &mut seen, &mut random);
        let Some(db) = Db::try_open(&home.db_path()) else {
            assert!(seen.is_empty(), "round {round}: the database is gone");
            continue;
        };
        seq_max = check(&db, &mut seen, round);
    }
    assert!(!seen.is_empty());

    // And it goes on as if nothing had been; then once more without a feed, so that its clients can come to an end.
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("the next article", |_| db.one::<i64>("SELECT max(seq) FROM article") > seq_max);
    stop(daemon);
    home.subscribe(&Feeds::new().feed_with("none", "http://none.localhost:1/", "enabled = false"));
    let mut daemon = home.start();
    *address.lock().expect("nobody panics with it") = Some(listening(&mut daemon));
    let last: i64 = db.one("SELECT max(seq) FROM article");
    daemon.wait_for("clients that have come to the end", |_| followers.iter().all(|client| client.last() >= last));
    stop(daemon);
    drop(db);
    let db = home.db();
    check(&db, &mut seen, rounds);
    let sql = "SELECT seq, name, ifnull(guid, '') FROM article JOIN feed ON feed.id = feed_id ORDER BY seq";
    let stored: Vec<Given> = db.list(sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    for follower in followers {
        let given = follower.end();
        let missing = stored.iter().find(|article| !given.contains(article));
        assert!(given == stored, "{} given, {} stored; missing: {missing:?}", given.len(), stored.len());
    }
    println!("{rounds} kills, {kills:?}; {} articles in the database and with each client", stored.len());
}

fn stop(daemon: Daemon) {
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

fn listening_again(daemon: &Daemon) -> SocketAddr {
    let lines = daemon.lines();
    let address = lines.iter().find_map(|line| Some(line.split_once("listening on http://")?.1.trim()));
    address.and_then(|address| address.parse().ok()).expect("it was told before")
}

/// One life of the daemon, and its end.
fn die_at(moment: Moment, home: &Home, address: &Address, seq_max: i64, seen: &mut Seen, random: &mut Random) {
    let mut command = home.daemon_command();
    if let Some(point) = moment.point() {
        let count = if moment == Moment::InCheckpoint { 1 } else { 1 + random.below(6) };
        command.env("RSSD_TEST_CRASH", format!("{point}:{count}"));
    }
    let mut daemon = Daemon::spawn(command);
    if moment == Moment::Start {
        pause(Duration::from_millis(random.below(150)));
    } else if matches!(moment, Moment::Any | Moment::InCheckpoint) {
        *address.lock().expect("nobody panics with it") = Some(listening(&mut daemon));
        let more = i64::try_from(random.below(40)).expect("it is small");
        let db = home.db_soon();
        until("more articles", || {
            daemon.assert_running("more articles");
            (db.one::<i64>("SELECT coalesce(max(seq), 0) FROM article") > seq_max + more).then_some(())
        });
        pause(Duration::from_micros(random.below(20_000)));
    } else if let Some(at) = until("an address, or an end", || {
        let told = daemon.lines().iter().any(|line| line.contains("listening on http://"));
        if told { Some(Some(listening_again(&daemon))) } else { (!daemon.is_running()).then_some(None) }
    }) {
        *address.lock().expect("nobody panics with it") = Some(at);
    }
    if moment == Moment::InCheckpoint {
        // Its last act is a checkpoint.
        daemon.signal(Signal::SIGTERM);
    }
    let finished = if moment.point().is_some() {
        daemon.wait()
    } else {
        // The last thing that a reader can have seen; what came after it may be there or not.
        if let Some(db) = Db::try_open(&home.db_path()) {
            read(&db, seen);
        }
        daemon.kill()
    };
    *address.lock().expect("nobody panics with it") = None;
    assert_eq!(finished.code, None, "{moment:?}: it ended by itself:\n{}", finished.stderr);
}

fn read(db: &Db, seen: &mut Seen) -> i64 {
    let mut last = 0;
    for (seq, feed, key) in db.stream() {
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        let before = seen.insert(seq, (feed.clone(), key.clone()));
        assert!(before.as_ref().is_none_or(|before| *before == (feed.clone(), key)), "{seq} was {before:?}");
    }
    last
}

/// Gives the last place of the stream.
fn check(db: &Db, seen: &mut Seen, round: u64) -> i64 {
    db.assert_whole();
    let before = seen.len();
    let mut now = Seen::new();
    let last = read(db, &mut now);
    for (seq, article) in seen.iter() {
        assert_eq!(now.get(seq), Some(article), "round {round}: {seq} was seen and is gone");
    }
    assert!(now.len() >= before);
    *seen = now;
    // The tag is `"NUMBER-COUNT"`, and each document shows its last hundred articles: a feed with this tag has had
    // exactly so many, since its first document had all of them.
    let tags = db.list("SELECT name, CAST(etag AS TEXT), article_count, poll_count FROM feed", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
    });
    for (name, tag, stored, polls) in tags {
        let Some(tag) = tag else {
            assert_eq!((stored, polls), (0, 0), "round {round}: {name} has articles and no tag");
            continue;
        };
        let count = tag.trim_matches('"').rsplit('-').next().and_then(|count| count.parse::<i64>().ok());
        assert_eq!(Some(stored), count, "round {round}: {name} has the tag {tag}");
    }
    last
}
