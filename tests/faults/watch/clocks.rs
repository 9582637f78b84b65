//! Time that does not go on as it should, and is nobody's hang.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::faults::scene::{CONTROL, Scene};
use crate::support::http::{get, listening};
use crate::support::{Daemon, Db, Feeds, Home, pause, tarpit};

/// Compiles the shim that shifts a process's wall clock. The C compiler is there: SQLite needed it.
fn shim(home: &Home) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/watch/clock.c");
    let library = home.path("clock.so");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    assert!(compiled.is_ok_and(|status| status.success()), "cc compiles the shim");
    library
}

fn step(home: &Home, seconds: i64) {
    let file = OpenOptions::new().write(true).open(home.path("clock")).expect("it is there");
    file.write_all_at(&seconds.to_ne_bytes(), 0).expect("eight bytes");
}

fn polls(db: &Db, feed: &str) -> i64 {
    db.polls_of(feed)
}

#[test]
fn row_71_a_day_forward_and_back_changes_nothing() {
    let mut scene = Scene::started_by(
        |tarpit, feeds| feeds.feed_with("hourly", tarpit.url("hourly.localhost", "/healthy/1"), "interval = \"1h\""),
        |home| {
            home.write("clock", 0_i64.to_ne_bytes());
            let mut command = home.daemon_command();
            command.env("LD_PRELOAD", shim(home)).env("RSSD_TEST_CLOCK", home.path("clock"));
            command
        },
    );
    scene.wait_for_polls("hourly", 1);
    let db = scene.db();
    const DAY: i64 = 86_400;
    for seconds in [DAY, 0, -DAY] {
        let control = polls(&db, CONTROL);
        step(&scene.home, seconds);
        // What is polled every second goes on to be, and what is polled every hour is not due.
        scene.control_goes_on(2);
        let more = polls(&db, CONTROL) - control;
        assert!(more <= 8, "{more} polls of what is due every second, where two were waited for");
        assert_eq!(polls(&db, "hourly"), 1, "at {seconds} s");
    }
    let last: i64 = db.one(&format!("SELECT last_polled_at FROM feed WHERE name = '{CONTROL}'"));
    let now = rssd::clock::Clock::system().now_ms();
    assert!(now - last > 20 * 3_600_000, "the shim shifts the clock that is stored");
    let requests = scene.tarpit.requests();
    let times: Vec<_> =
        requests.iter().filter(|request| request.head.host.starts_with("control.")).map(|request| request.at).collect();
    let closest = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there were many");
    assert!(closest > Duration::from_millis(300), "two polls within {closest:?}");
    let end = scene.end();
    assert!(!end.stderr.contains("/health says failing"), "{}", end.stderr);
}

#[test]
fn row_71_a_process_that_was_stopped_has_not_hung() {
    let tarpit = tarpit();
    let feeds = Feeds::new().every_second().feed(CONTROL, tarpit.url("control.localhost", "/growing/1"));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("a few polls", |_| db.articles_of(CONTROL) >= 3);
    daemon.signal(Signal::SIGSTOP);
    // Longer than a hang may last before /health fails; of a minute there is no more to see.
    pause(Duration::from_millis(6_500));
    let seen = {
        let mut command = home.command();
        // No name server of the machine is asked.
        home.write("doctor.toml", "[daemon]\ndns = [\"127.0.0.1:9\"]\n");
        command.args(["doctor", "--feeds", "doctor.toml", "--timeout", "300ms", "--db"]).arg(home.db_path());
        command.env("RSSD_SERVER", format!("http://{at}"));
        Daemon::spawn(command).wait()
    };
    assert_eq!(seen.code, Some(69), "{}", seen.stdout);
    assert!(seen.stdout.contains("it is stopped; `kill -CONT "), "{}", seen.stdout);
    assert!(!seen.stdout.contains("hangs since"), "{}", seen.stdout);
    let before = tarpit.requests().len();
    daemon.signal(Signal::SIGCONT);
    // At once, and all the while.
    for _ in 0..20 {
        let health = get(at, "/health");
        assert_eq!(health.status, 200, "{}", health.text());
    }
    daemon.wait_for_lines("stood still for ", 1);
    let articles = db.articles_of(CONTROL);
    daemon.wait_for("polls to go on", |_| db.articles_of(CONTROL) >= articles + 3);
    let more = tarpit.requests().len() - before;
    assert!(more <= 10, "{more} polls of what is due every second, where some three were waited for");
    daemon.signal(Signal::SIGTERM);
    let end = daemon.wait();
    assert_eq!(end.code, Some(0));
    assert!(!end.stderr.contains("/health says failing"), "{}", end.stderr);
    home.db().assert_whole();
}
