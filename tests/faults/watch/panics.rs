//! Panics of our own code: by a test hook of the daemon, since no document may make them.

use crate::faults::scene::Scene;
use crate::support::http::get;
use crate::support::{Daemon, Feeds, Home, tarpit};

#[test]
fn row_77_a_panic_in_a_poll_fails_that_poll() {
    let mut scene = Scene::started_by(
        |_, feeds| feeds,
        |home| {
            let mut command = home.daemon_command();
            command.args(["--cores", "1"]).env("RSSD_TEST_HANG", "core-0:panic:1s:parse of broken");
            command
        },
    );
    scene.names_panics(1);
    scene.subscribe(|tarpit, feeds| feeds.feed("broken", tarpit.url("broken.localhost", "/healthy/1")));
    scene.daemon.wait_for_lines("feed broken: the poll panicked; the next one is in 3600 s", 1);
    assert_eq!(scene.daemon.count_lines("core-0 panicked"), 1, "the place is logged once");
    let metrics = get(scene.at, "/metrics");
    let failed = metrics.text().lines().find(|line| line.starts_with("rssd_polls_failed_total"));
    assert!(failed.is_some_and(|line| !line.ends_with(" 0")), "it counts as a failed one: {failed:?}");
    assert_eq!(scene.db().articles_of("broken"), 0, "nothing of it is stored");
    scene.end();
}

#[test]
fn row_77_a_panic_in_the_writer_ends_the_process_in_order() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .feed("first", tarpit.url("first.localhost", "/healthy/1"))
        .feed("second", tarpit.url("second.localhost", "/healthy/2"));
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.env("RSSD_TEST_HANG", "writer:panic:1s:2");
    let finished = Daemon::spawn(command).wait();
    assert_eq!(finished.code, Some(70), "{}", finished.stderr);
    for words in ["writer panicked", "the writer panicked (on purpose", "report this"] {
        assert!(finished.stderr.contains(words), "no {words:?} in {}", finished.stderr);
    }
    let db = home.db();
    db.assert_whole();
    assert_eq!(db.articles_of("second"), 0, "a batch is stored whole or not at all");
    // What it did not store is polled again.
    home.once();
    db.assert_whole();
    assert!(db.articles_of("first") > 0 && db.articles_of("second") > 0);
}
