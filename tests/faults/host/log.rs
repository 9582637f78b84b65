//! Row 70: nobody reads standard error.

use std::process::Command;

use nix::sys::signal::Signal::{SIGTERM, SIGUSR1};

use super::super::scene::Scene;
use crate::support::{BINARY, Daemon, Feeds, Home, pause, tarpit};

/// Hung polls, each of which is a line whenever the daemon is asked what it has in flight.
const HUNG: usize = 90;

/// The daemon with its standard error in a pipe that is read up to the line that says where it listens, and what
/// becomes of the pipe then.
fn read_until_listening(home: &Home, and_then: &str) -> Command {
    let mut command = home.command_of("sh");
    // The shell's process becomes the daemon's, so `$$` is its number in the reader as well.
    let reader = "while read -r line; do echo \"$line\" >&2; case \"$line\" in *'listening on'*) break;; esac; done";
    let script = format!("mkfifo log; ( exec <log; {reader}; {and_then} ) & exec \"$0\" \"$@\" 2>log");
    command.args(["-c", &script, BINARY, "--feeds", "feeds.toml", "--db", "rssd.db"]);
    command
}

/// Says far more than a pipe and the queue before it hold, and goes on.
fn goes_on_without_a_reader(and_then: &str) {
    let patient = "read_timeout = \"300s\"\ntotal_timeout = \"600s\"";
    let base = |tarpit: &rssd::tarpit::Tarpit, mut feeds: Feeds| {
        for number in 0..HUNG {
            let url = tarpit.url(&format!("h{number}.localhost"), &format!("/hung/{number}"));
            feeds = feeds.feed_with(&format!("hung-{number}"), url, patient);
        }
        feeds
    };
    let mut scene = Scene::started_by(base, |home| read_until_listening(home, and_then));
    let hung = HUNG as u64;
    scene.daemon.wait_for("all of them to hang", |_| scene.tarpit.counts().open >= hung);
    let said = scene.daemon.lines().len();
    // 64 KiB of a pipe and 4,096 lines before it: it is asked so often that ten times as much would have been written.
    for _ in 0..60 {
        scene.daemon.signal(SIGUSR1);
        pause(std::time::Duration::from_millis(60));
    }
    scene.control_goes_on(2);
    assert!(scene.daemon.lines().len() <= said + 1, "somebody reads: {:?}", scene.daemon.lines());
    let stopped = scene.stop(|daemon| daemon.signal(SIGTERM));
    assert!(stopped.took.as_secs() < 5, "{:?}", stopped.took);
}

#[test]
fn row_70_a_log_that_nobody_reads_blocks_nothing() {
    goes_on_without_a_reader("exec tail --pid=$$ -f /dev/null 2>/dev/null");
}

#[test]
fn row_70_a_log_that_nobody_can_read_any_more_blocks_nothing() {
    goes_on_without_a_reader("exit");
}

#[test]
fn row_70_a_single_round_needs_no_standard_error() {
    let tarpit = tarpit();
    for to in ["2>&-", "2>/dev/full", "2>&- >&-"] {
        let feeds = Feeds::new()
            .feed("good", tarpit.url("good.localhost", "/healthy/1"))
            .feed("bad", tarpit.url("bad.localhost", "/no-such-scenario/1"));
        let home = Home::with(&feeds);
        let mut command = home.command_of("sh");
        command.args(["-c", &format!("exec \"$0\" \"$@\" {to}"), BINARY, "--feeds", "feeds.toml", "--db", "rssd.db"]);
        command.arg("--once");
        let finished = Daemon::spawn(command).wait();
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{to}");
        home.db().assert_whole();
        assert_eq!(home.db().articles(), 30, "{to}");
    }
}
