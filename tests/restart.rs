//! What a restart finds again: timers, so that what was polled a moment ago is not asked again and what is overdue is; and
//! the port.

use nix::sys::signal::Signal::SIGTERM;
use rusqlite::Connection;

use crate::support::http::listening;
use crate::support::{Daemon, Feeds, Home, tarpit};

#[test]
fn a_restart_polls_nobody_early_and_the_overdue_soon() {
    let tarpit = tarpit();
    let asked = |host: &str| {
        let host = format!("{host}.localhost");
        tarpit.requests().iter().filter(|request| request.head.host == host).count()
    };
    let mut feeds = Feeds::new().feed_with(
        "control",
        tarpit.url("control.localhost", "/growing/501"),
        "interval = \"1s\"\ninterval_min = \"1s\"",
    );
    for number in 0..10 {
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), "/healthy/1"));
    }
    // A failing one, whose backoff holds as well.
    feeds = feeds.feed("failing", tarpit.url("failing.localhost", "/error/1"));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("a poll of all", |_| db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 0") == 12);
    let next = |name: &str| db.one::<i64>(&format!("SELECT next_poll_at FROM feed WHERE name = '{name}'"));
    let (next_fine, next_failing) = (next("f3"), next("failing"));
    drop(db);
    daemon.signal(SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));

    // One of them is overdue, as after a night without power.
    let writing = Connection::open(home.db_path()).expect("nobody else has it");
    writing
        .execute("UPDATE feed SET next_poll_at = next_poll_at - 86400000 WHERE name = 'f7'", [])
        .expect("it is there");
    drop(writing);
    // Another one is killed and not asked to stop.
    for round in 1..=2 {
        tarpit.forget_requests();
        let mut daemon = home.start();
        daemon.wait_for("the control feed and the overdue one", |_| {
            asked("control") >= 3 && (round == 2 || asked("f7") == 1)
        });
        daemon.kill();
        for number in (0..10).filter(|number| *number != 7 || round == 2) {
            assert_eq!(asked(&format!("f{number}")), 0, "f{number} was asked early in round {round}");
        }
        assert_eq!(asked("failing"), 0, "its backoff was forgotten");
        let db = home.db();
        let next = |name: &str| db.one::<i64>(&format!("SELECT next_poll_at FROM feed WHERE name = '{name}'"));
        assert_eq!((next("f3"), next("failing")), (next_fine, next_failing));
        db.assert_whole();
    }
}

#[test]
fn a_retry_after_holds_over_a_restart() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .every_second()
        .feed("control", tarpit.url("control.localhost", "/growing/502"))
        .feed("busy", tarpit.url("busy.localhost", "/unavailable/1?after=7200"))
        .feed("slower", tarpit.url("slower.localhost", "/too-many/1?after=7200"));
    let home = Home::with(&feeds);
    for _ in 0..2 {
        let mut daemon = home.start();
        let before = tarpit.requests_of("/growing/502").len();
        daemon.wait_for("some rounds", |_| {
            tarpit.requests_of("/growing/502").len() >= before + 3
                && tarpit.requests_of("/unavailable/1").len() == 1
                && tarpit.requests_of("/too-many/1").len() == 1
        });
        daemon.signal(SIGTERM);
        assert_eq!(daemon.wait().code, Some(0));
    }
    let db = home.db();
    let least: i64 = db.one("SELECT min(next_poll_at - last_polled_at) FROM feed WHERE last_error_class = 'status'");
    assert!(least >= 7_200_000, "{least} ms");
    assert_eq!((db.polls_of("busy"), db.polls_of("slower")), (1, 1));
}

/// The kernel takes the io_uring of a killed process apart after its end, and the listener with it: about two of three
/// daemons that are started at once find the port taken.
#[test]
fn a_killed_daemon_leaves_its_port_to_the_next() {
    let home = Home::with(&Feeds::new());
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    for _ in 0..10 {
        daemon.kill();
        let mut command = home.daemon_command();
        command.arg("--listen").arg(at.to_string());
        daemon = Daemon::spawn(command);
        assert_eq!(listening(&mut daemon), at);
    }
}
