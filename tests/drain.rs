//! An orderly stop: within 5 s whatever hangs, with everything that was parsed. That it is one with all hung, and at once if
//! asked twice, is row 68 of the fault catalogue.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{SIGHUP, SIGTERM};
use rssd::clock::Clock;
use rssd::tarpit::{Answer, Gate, Step, Tarpit};
use rusqlite::Connection;

use crate::support::{Daemon, Feeds, HANG_GUARD, Home, guids, pause, rss, tarpit, until};

/// What the contract promises.
const PROMISE: Duration = Duration::from_secs(5);

/// How long it took to end, and what it wrote.
fn ended_after(daemon: Daemon, since: Instant) -> (Duration, String) {
    let finished = daemon.wait();
    let took = Duration::from_millis(Clock::elapsed_ms(since));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    (took, finished.stderr)
}

#[test]
fn sigterm_ends_those_that_wait_for_their_turn_at_a_host() {
    const WAITING: u64 = 20;
    let tarpit = tarpit();
    let mut feeds = Feeds::new().daemon("cores = 1").default("read_timeout = \"300s\"\ntotal_timeout = \"600s\"");
    for number in 0..WAITING {
        let host = format!("h{number}.localhost");
        tarpit.route(&host, "/feed", Answer::redirect(302, tarpit.url("shared.localhost", &format!("/hung/{number}"))));
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&host, "/feed"));
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    // All are redirected, and the first has its turn.
    daemon.wait_for("all of them to be led there", |_| tarpit.counts().requests > WAITING);
    let asked = Clock::monotonic();
    daemon.signal(SIGTERM);
    let (took, wrote) = ended_after(daemon, asked);
    assert!(took < PROMISE && !wrote.contains("left behind"), "{took:?} {wrote}");
    assert_eq!(home.db().one::<i64>("SELECT sum(failure_count + poll_count) FROM feed"), 0);
}

/// Feeds that were answered and parsed, three articles each, while another program keeps the database from being
/// written: nothing of them is stored.
pub(crate) fn parsed_and_kept_from_disk(tarpit: &Tarpit, count: usize) -> (Home, Daemon, Connection) {
    let gate = Gate::default();
    let mut feeds = Feeds::new().default("read_timeout = \"300s\"\ntotal_timeout = \"600s\"");
    for number in 0..count {
        let (name, host) = (format!("ready-{number}"), format!("ready-{number}.localhost"));
        let body = rss(&name, guids(&name, 3));
        let head = format!(
            "HTTP/1.1 200 OK\r\nETag: \"{name}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        // The tarpit leaves the closing to the daemon, so that a closed connection is a body that was read.
        tarpit.route(&host, "/feed", [Step::WaitFor(gate.clone()), Step::send(head + &body), Step::Stall]);
        feeds = feeds.feed(&name, tarpit.url(&host, "/feed"));
    }
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.env("RUST_LOG", "info,rssd::cli=debug");
    let mut daemon = Daemon::spawn(command);
    let wanted = count as u64;
    daemon.wait_for("every request", |_| tarpit.counts().requests == wanted);
    let lock = Connection::open(home.db_path()).expect("the daemon has made it");
    lock.busy_timeout(HANG_GUARD).expect("a timeout");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the write lock is free between two commits");
    assert_eq!(home.db().one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 0"), 0, "nothing was answered yet");
    gate.open();
    daemon.wait_for("every answer to be read", |_| tarpit.counts().open == 0);
    assert_eq!(home.db().articles(), 0, "the lock keeps everything from being written");
    (home, daemon, lock)
}

#[test]
fn what_was_parsed_is_committed() {
    let tarpit = tarpit();
    let (home, mut daemon, lock) = parsed_and_kept_from_disk(&tarpit, 20);
    daemon.signal(SIGTERM);
    daemon.wait_for_lines("asked to stop", 1);
    // A drain that did not wait for the disk would be over by then.
    pause(Duration::from_millis(700));
    daemon.assert_running("the lock");
    lock.execute_batch("ROLLBACK").expect("it is ours");
    drop(lock);
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let db = home.db();
    db.assert_whole();
    assert_eq!(db.articles(), 60);
    let polled: i64 =
        db.one("SELECT count(*) FROM feed WHERE poll_count = 1 AND article_count = 3 AND etag IS NOT NULL");
    assert_eq!(polled, 20);
}

#[test]
fn a_drain_that_cannot_write_ends_in_time_all_the_same() {
    let tarpit = tarpit();
    let (home, daemon, lock) = parsed_and_kept_from_disk(&tarpit, 3);
    let asked = Clock::monotonic();
    daemon.signal(SIGTERM);
    let (took, _) = ended_after(daemon, asked);
    println!("a drain that cannot write: {} ms", took.as_millis());
    assert!(took < PROMISE + Duration::from_millis(500), "{took:?}");
    drop(lock);
    let db = home.db();
    db.assert_whole();
    let torn: i64 = db.one("SELECT count(*) FROM feed WHERE etag IS NOT NULL AND article_count = 0");
    assert_eq!(torn, 0, "validators without their articles");
    assert_eq!(db.articles(), 0, "it was kept from the disk to the end");
}

#[test]
fn a_stop_does_not_wait_for_a_reload_that_cannot_write() {
    let tarpit = tarpit();
    let (home, mut daemon, lock) = parsed_and_kept_from_disk(&tarpit, 3);
    daemon.signal(SIGHUP);
    daemon.wait_for_lines("reload: reading", 1);
    let asked = Clock::monotonic();
    daemon.signal(SIGTERM);
    let finished = daemon.wait();
    let took = Duration::from_millis(Clock::elapsed_ms(asked));
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(took < PROMISE + Duration::from_millis(500), "{took:?}\n{}", finished.stderr);
    assert!(finished.stderr.contains("reload: nothing was changed"), "{}", finished.stderr);
    drop(lock);
    home.db().assert_whole();
}

#[test]
fn once_can_be_stopped_too() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .feed("good", tarpit.url("good.localhost", "/healthy/1"))
        .feed("hung", tarpit.url("hung.localhost", "/hung/1"));
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.arg("--once");
    let mut daemon = Daemon::spawn(command);
    let db = home.db_soon();
    daemon.wait_for("the good one", |_| db.articles() == 30 && tarpit.counts().requests == 2);
    let asked = Clock::monotonic();
    daemon.signal(SIGTERM);
    assert!(ended_after(daemon, asked).0 < PROMISE);
    assert_eq!(home.db().articles(), 30);
    until("the hung connection to be given back", || (tarpit.counts().open == 0).then_some(()));
}
