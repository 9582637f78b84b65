//! Rows 58 and 67: what ends the daemon for good, what a client has by then, and what the next start finds.

use std::fs;

use nix::sys::signal::Signal;

use super::follower::{Address, Follower, Given, Way};
use crate::faults::strace::Injection;
use crate::support::http::{Events, get, listening};
use crate::support::{Daemon, Feeds, Home, tarpit};

/// A daemon with a feed that brings something every second.
fn daemon(home: &Home, tarpit: &rssd::tarpit::Tarpit) -> Daemon {
    home.subscribe(&Feeds::new().every_second().feed("one", tarpit.url("one.localhost", "/growing/1")));
    home.start()
}

#[test]
fn row_58_a_failed_sync_ends_the_daemon_and_the_next_start_is_clean() {
    let (tarpit, home) = (tarpit(), Home::new());
    let mut first = daemon(&home, &tarpit);
    let address = Address::default();
    *address.lock().expect("nobody panics with it") = Some(listening(&mut first));
    let follower = Follower::start(Way::Events, address.clone());
    first.wait_for("a client with articles", |_| follower.last() > 11);
    let wal = home.path("rssd.db-wal");
    let Some(failing) = Injection::on(&home, &first, "writer", &[&wal], "fsync,fdatasync:error=EIO") else { return };
    let finished = first.wait();
    failing.end();
    *address.lock().expect("nobody panics with it") = None;
    assert_eq!(finished.code, Some(70), "{}", finished.stderr);
    for words in ["rssd.db", "input/output failed", "check the device"] {
        assert!(finished.stderr.contains(words), "no {words:?} in {}", finished.stderr);
    }
    // The newest place whose sync succeeded stands in the lock file: no client has seen more.
    let lock = fs::read_to_string(home.path("rssd.db.lock")).expect("it is there");
    let synced: i64 = lock.lines().nth(1).and_then(|seq| seq.trim().parse().ok()).expect("a place");
    let given = follower.end();
    assert!(given.last().is_some_and(|given| given.0 <= synced), "{given:?}, and {synced} are on disk");

    let mut second = home.start();
    let at = listening(&mut second);
    let db = home.db();
    db.assert_whole();
    let stored: Vec<Given> =
        db.list("SELECT seq, 'one', guid FROM article ORDER BY seq", |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    assert_eq!(given, stored[..given.len()], "what a client was given");
    second.wait_for("the next article", |_| db.articles() > stored.len() as i64);
    assert_eq!(get(at, "/health").json()["status"], "ok");
    second.signal(Signal::SIGTERM);
    assert_eq!(second.wait().code, Some(0));
}

/// Once the file is gone or another, it ends; what a client held of it is told apart by the next daemon.
fn ends_and_begins_anew(lose: impl FnOnce(&Home)) {
    let (tarpit, home) = (tarpit(), Home::new());
    let mut first = daemon(&home, &tarpit);
    let at = listening(&mut first);
    let db = home.db_soon();
    first.wait_for("articles", |_| db.articles() > 11);
    drop(db);
    let answer = get(at, "/news/stream?after=0").json();
    let cursor = answer["cursor"].as_str().expect("a cursor").to_owned();
    lose(&home);
    let finished = first.wait();
    assert_eq!(finished.code, Some(70), "{}", finished.stderr);
    for words in ["rssd.db", "replaced or deleted while it was open", "put the right file there"] {
        assert!(finished.stderr.contains(words), "no {words:?} in {}", finished.stderr);
    }

    // Fewer articles than were stored: somebody has to say that they shall be gone.
    let refused = home.start().wait();
    assert_eq!(refused.code, Some(65), "{}", refused.stderr);
    assert!(refused.stderr.contains("rssd.db.lock"), "{}", refused.stderr);
    fs::remove_file(home.path("rssd.db.lock")).expect("it is named for that");
    let mut second = home.start();
    let at = listening(&mut second);
    let db = home.db_soon();
    second.wait_for("articles", |_| db.articles_of("one") > 0);
    let answer = get(at, &format!("/news/stream?after={cursor}&wait=0"));
    assert_eq!(answer.status, 409, "{answer:?}");
    let mut events = Events::open(at, "", &format!("Last-Event-ID: {cursor}\r\n"));
    let reset = events.next_of("reset");
    assert_eq!(reset.json()["status"], 409, "{reset:?}");
    // From the oldest on.
    let oldest: i64 = db.one("SELECT min(seq) FROM article");
    assert_eq!(events.next_of("article").json()["seq"], oldest);
    second.signal(Signal::SIGTERM);
    assert_eq!(second.wait().code, Some(0));
    home.db().assert_whole();
}

#[test]
fn row_67_a_database_that_is_replaced_ends_the_daemon_and_streams_begin_anew() {
    let (tarpit, other) = (tarpit(), Home::new());
    other.subscribe(&Feeds::new().feed("one", tarpit.url("one.localhost", "/healthy/1?articles=3")));
    other.once();
    ends_and_begins_anew(|home| {
        let new = home.path("new.db");
        fs::copy(other.db_path(), &new).expect("it can be read");
        fs::rename(new, home.db_path()).expect("it takes the other's place");
    });
}

#[test]
fn row_67_a_database_that_is_deleted_ends_the_daemon_and_streams_begin_anew() {
    ends_and_begins_anew(|home| {
        for name in ["rssd.db", "rssd.db-wal", "rssd.db-shm"] {
            let _ = fs::remove_file(home.path(name));
        }
    });
}
