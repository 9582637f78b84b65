//! Threads that hang: by a test hook of the daemon, since no source or client can make them.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use rssd::tarpit::{Answer, Gate, Step, Tarpit};

use super::manager::Manager;
use crate::faults::scene::Scene;
use crate::support::http::{self, Client, Events, get, listening};
use crate::support::{Daemon, Feeds, Finished, Home, guids, rss, tarpit};

/// The rows say 2 s of the beginning; a busy machine gets a little more.
const NAMED_MS_MAX: i64 = 2_000 + 1_500;

/// The frame of a thread that hangs on purpose.
const HANGING: &str = "happen at src/watch/hang.rs:";

/// A line of the log: when, and what; continued lines are part of it.
pub(super) fn messages(daemon: &Daemon) -> Vec<(i64, String)> {
    let mut messages: Vec<(i64, String)> = Vec::new();
    for line in daemon.lines() {
        match (line.starts_with(' '), messages.last_mut()) {
            (true, Some((_, message))) => *message += &format!("\n{line}"),
            _ => messages.push((ms_of_day(&line), line)),
        }
    }
    messages
}

/// Of `2026-01-31T12:34:56.789Z`.
fn ms_of_day(line: &str) -> i64 {
    let number = |from: usize, len: usize| line.get(from..from + len).and_then(|text| text.parse::<i64>().ok());
    let parts = (number(11, 2), number(14, 2), number(17, 2), number(20, 3));
    let (Some(hours), Some(minutes), Some(seconds), Some(ms)) = parts else { return 0 };
    ((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms
}

/// Waits for a message with all these words, and gives it.
fn message(daemon: &mut Daemon, words: &[&str]) -> (i64, String) {
    let find = |daemon: &Daemon| {
        messages(daemon).into_iter().find(|(_, message)| words.iter().all(|words| message.contains(words)))
    };
    daemon.wait_for(&format!("a message with {words:?}"), |daemon| find(daemon).is_some());
    find(daemon).expect("it was just there")
}

/// Waits until `thread` was named.
fn named(daemon: &mut Daemon, thread: &str, at: &str) {
    let (began, _) = message(daemon, &[thread, " hangs on purpose now"]);
    let (late, _) = message(daemon, &[thread, " has ", at, "its stack follows"]);
    let late = (late - began).rem_euclid(86_400_000);
    println!("{thread}: named after {late} ms");
    assert!(late <= NAMED_MS_MAX, "{thread}: {late} ms");
}

/// Waits until its stack was shown, which was read at once: names are looked for when the machine has time.
fn shown(daemon: &mut Daemon, thread: &str, at: &str) {
    let (began, _) = message(daemon, &[thread, " hangs on purpose now"]);
    let (shown, stack) = message(daemon, &["stack of ", thread, at]);
    println!("{thread}: stack shown after {} ms", (shown - began).rem_euclid(86_400_000));
    assert!(stack.contains(HANGING), "read while it hung: {stack}");
}

/// Which core has the feed `stuck`.
fn core_of_stuck(daemon: &mut Daemon) -> String {
    let (_, message) = message(daemon, &["core-", " hangs on purpose now"]);
    let at = message.find("core-").expect("it was looked for");
    message[at..].split(' ').next().expect("it has a name").to_owned()
}

/// A question that a client does not wait for.
fn ask_and_leave(at: SocketAddr, path: &'static str) -> thread::JoinHandle<Option<http::Answer>> {
    thread::spawn(move || {
        let mut client = Client::try_connect(at, Duration::from_secs(30)).ok()?;
        client.ask(path, "Connection: close\r\n");
        client.answer()
    })
}

/// Two cores, so that one of them has the feed, whichever it is; the feeds get the numbers 1, 2, 3 in this order.
fn hanging(home: &Home, kind: &str, time: &str) -> Command {
    let at_feed = |core: &str| format!("{core}:{kind}:{time}:parse of stuck");
    let at_question = |reader: &str| format!("{reader}:{kind}:{time}:articles");
    let hangs =
        [at_feed("core-0"), at_feed("core-1"), format!("writer:{kind}:{time}:3"), at_question("reader-0")].join(",");
    let mut command = home.daemon_command();
    command.args(["--cores", "2"]).env("RSSD_TEST_HANG", hangs);
    command
}

/// `stuck` gets its answer when the gate is opened.
fn with_stuck(tarpit: &Tarpit, feeds: Feeds, gate: &Gate) -> Feeds {
    let document = Answer::ok("application/rss+xml", rss("Stuck", guids("stuck", 1)));
    tarpit.route("stuck.localhost", "/feed", [Step::WaitFor(gate.clone()), Step::Answer(document)]);
    feeds
        .feed_with("stuck", tarpit.url("stuck.localhost", "/feed"), "read_timeout = \"60s\"\ntotal_timeout = \"120s\"")
        .feed("stored", tarpit.url("stored.localhost", "/healthy/2"))
}

/// Asks until reader-0 has had a question: its sister may be faster.
fn until_a_reader_hangs(daemon: &mut Daemon, at: SocketAddr) {
    daemon.wait_for("reader-0 to take a question", |daemon| {
        drop(ask_and_leave(at, "/articles"));
        daemon.count_lines("reader-0 hangs on purpose now") > 0
    });
}

fn what_hangs_is_named(kind: &str) {
    let mut scene = Scene::started_by(|_, feeds| feeds, |home| hanging(home, kind, "3s"));
    let gate = Gate::default();
    scene.subscribe(|tarpit, feeds| with_stuck(tarpit, feeds, &gate));
    // A core that hangs gives the writer nothing to store.
    message(&mut scene.daemon, &["writer hangs on purpose now"]);
    gate.open();
    until_a_reader_hangs(&mut scene.daemon, scene.at);
    let daemon = &mut scene.daemon;
    let core = core_of_stuck(daemon);
    named(daemon, &core, "feed stuck, phase parse");
    named(daemon, "writer", "storing a poll of feed 3");
    named(daemon, "reader-0", "http::articles");
    for (thread, at) in [(&*core, "phase parse"), ("writer", "feed 3"), ("reader-0", "http::articles")] {
        message(daemon, &[thread, " goes on, after "]);
        shown(daemon, thread, at);
    }
    scene.end();
}

#[test]
fn row_75_what_spins_is_named_with_its_stack_while_it_does() {
    what_hangs_is_named("spin");
}

#[test]
fn row_75_what_sleeps_is_named_with_its_stack_while_it_does() {
    what_hangs_is_named("sleep");
}

fn doctor(home: &Home, at: SocketAddr) -> Finished {
    let mut command = home.command();
    // No name server of the machine is asked.
    home.write("doctor.toml", "[daemon]\ndns = [\"127.0.0.1:9\"]\n");
    command.args(["doctor", "--feeds", "doctor.toml", "--db"]).arg(home.db_path());
    command.env("RSSD_SERVER", format!("http://{at}"));
    Daemon::spawn(command).wait()
}

fn status_of(daemon: &mut Daemon, at: SocketAddr) -> (u16, String) {
    let answer = get(at, "/health");
    daemon.assert_running("/health");
    (answer.status, answer.text().to_owned())
}

#[test]
fn row_75_after_five_seconds_health_fails_and_after_ten_the_watchdog_starves() {
    let tarpit = tarpit();
    let control = Feeds::new().feed("control", tarpit.url("control.localhost", "/healthy/1"));
    let gate = Gate::default();
    let home = Home::with(&with_stuck(&tarpit, control, &gate));
    let manager = Manager::listen(&home);
    let mut daemon = Daemon::spawn(manager.told_by(hanging(&home, "sleep", "16s"), Duration::from_secs(1)));
    let at = listening(&mut daemon);
    message(&mut daemon, &["writer hangs on purpose now"]);
    gate.open();
    let core = core_of_stuck(&mut daemon);
    until_a_reader_hangs(&mut daemon, at);
    named(&mut daemon, &core, "feed stuck, phase parse");
    named(&mut daemon, "writer", "storing a poll of feed 3");
    named(&mut daemon, "reader-0", "http::articles");
    assert!(manager.fed() > 0, "a second is no reason to give up");

    let mut failing = String::new();
    daemon.wait_for("/health to fail for all three", |_| {
        let answer = get(at, "/health");
        failing = answer.text().to_owned();
        let [core, writer, reader] =
            [core.replace('-', " "), "writer".into(), "reader-0".into()].map(|name| failing.contains(&name));
        answer.status == 503 && core && writer && reader
    });
    assert!(!failing.contains("stuck"), "names of feeds are nobody's business: {failing}");
    for thread in [&core, "writer", "reader-0"] {
        let (began, _) = message(&mut daemon, &[thread, " hangs on purpose now"]);
        let (failed, _) = message(&mut daemon, &[thread, "/health says failing"]);
        let after = (failed - began).rem_euclid(86_400_000);
        assert!((4_000..10_000).contains(&after), "{thread}: {after} ms");
    }
    // While it hangs: every thread's stack, and the same from the outside.
    let stacks = get(at, "/debug/stacks");
    let text = stacks.text();
    assert!(text.contains(HANGING) && text.contains("feed stuck, phase parse"), "{text}");
    assert!(get(at, "/debug/cores").text().contains("feed stuck, phase parse"));
    let seen = doctor(&home, at);
    assert_eq!(seen.code, Some(69), "{}", seen.stdout);
    for words in [&format!("{core} hangs since"), "writer hangs since", "feed stuck, phase parse"] {
        assert!(seen.stdout.contains(words), "no {words:?} in {}", seen.stdout);
    }

    let (starving, _) = message(&mut daemon, &[&core, "systemd's watchdog is not fed any more"]);
    let (began, _) = message(&mut daemon, &[&core, " hangs on purpose now"]);
    let after = (starving - began).rem_euclid(86_400_000);
    assert!((9_000..15_000).contains(&after), "{after} ms");
    let fed = manager.fed();
    message(&mut daemon, &[&core, " goes on, after "]);
    message(&mut daemon, &["writer goes on"]);
    message(&mut daemon, &["reader-0 goes on"]);
    let fed_at_the_end = manager.fed();
    assert!(fed_at_the_end <= fed + 1, "fed {} times while it starved", fed_at_the_end - fed);
    daemon.wait_for("the watchdog to be fed again", |_| manager.fed() > fed_at_the_end + 1);
    // Of the three it names the one that hangs for longest.
    let named = manager.count("has not turned") + manager.count("has been busy");
    assert!(manager.count("STATUS=") > 0 && named > 0, "{:?}", manager.messages());
    daemon.wait_for("/health to be well", |_| get(at, "/health").status == 200);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
    home.db().assert_whole();
}

#[test]
fn row_75_a_hung_http_core_is_seen_from_the_outside() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().every_second().feed("control", tarpit.url("c.localhost", "/growing/1")));
    let manager = Manager::listen(&home);
    let mut command = home.daemon_command();
    command.env("RSSD_TEST_HANG", "http:sleep:16s:/articles");
    let mut daemon = Daemon::spawn(manager.told_by(command, Duration::from_secs(1)));
    let at = listening(&mut daemon);
    let asked = ask_and_leave(at, "/articles");
    named(&mut daemon, "http", "the answer to /articles");
    // It cannot say so itself; systemd is told, and who looks from the outside sees it.
    message(&mut daemon, &["http has not turned", "/health says failing"]);
    let mut client = Client::try_connect(at, Duration::from_millis(100)).expect("the kernel takes connections");
    client.ask("/health", "");
    assert!(client.answer().is_none(), "the core that would answer hangs");
    let seen = doctor(&home, at);
    assert_eq!(seen.code, Some(69), "{}", seen.stdout);
    for words in ["does not answer", "http hangs since", "the answer to /articles"] {
        assert!(seen.stdout.contains(words), "no {words:?} in {}", seen.stdout);
    }
    message(&mut daemon, &["http", "systemd's watchdog is not fed any more"]);
    assert!(manager.count("http has not turned") > 0, "{:?}", manager.messages());
    message(&mut daemon, &["http goes on"]);
    shown(&mut daemon, "http", "the answer to /articles");
    assert_eq!(asked.join().expect("the client lives").expect("late is not never").status, 200);
    let (status, health) = status_of(&mut daemon, at);
    assert_eq!(status, 200, "nobody else hung meanwhile: {health}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
    home.db().assert_whole();
}

/// Polls wait for a stream that is behind, and not for long.
#[test]
fn row_75_a_stream_that_hangs_holds_up_no_polls() {
    const FEEDS: usize = 50;
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("control", tarpit.url("c.localhost", "/healthy/1")));
    let mut command = home.daemon_command();
    command.env("RSSD_TEST_HANG", "http:sleep:10s:/articles");
    let mut daemon = Daemon::spawn(command);
    let at = listening(&mut daemon);
    // Without an audience polls do not wait for the stream at all.
    let _audience = Events::open(at, "", "");
    let asked = ask_and_leave(at, "/articles");
    message(&mut daemon, &["http hangs on purpose now"]);
    let feed = |number: usize| (format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), "/healthy/2"));
    home.subscribe(&(0..FEEDS).map(feed).fold(Feeds::new(), |feeds, (name, url)| feeds.feed(&name, url)));
    daemon.signal(Signal::SIGHUP);
    let db = home.db();
    daemon.wait_for("all articles", |_| db.articles() >= 30 * FEEDS as i64);
    assert_eq!(daemon.count_lines("http goes on"), 0, "the polls waited for it");
    asked.join().expect("the client lives").expect("late is not never");
    let metrics = get(at, "/metrics");
    let waits =
        metrics.text().lines().filter_map(|line| line.strip_prefix("rssd_core_stream_waits_total{")?.split(' ').nth(1));
    assert!(waits.map(|count| count.parse::<u64>().expect("a number")).sum::<u64>() > 0, "{}", metrics.text());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn row_75_two_hundred_stacks_read_under_load_harm_nothing() {
    const FEEDS: usize = 8;
    let mut scene = Scene::with(|tarpit, mut feeds| {
        feeds = feeds.every_second();
        for number in 0..FEEDS {
            let host = format!("f{number}.localhost");
            feeds = feeds.feed(&format!("f{number}"), tarpit.url(&host, "/growing/1?articles=5"));
        }
        feeds
    });
    let mut stacks = 0;
    while stacks < 200 {
        let answer = get(scene.at, "/debug/stacks");
        // A machine that has no time has none for names.
        if answer.status == 503 {
            continue;
        }
        assert_eq!(answer.status, 200);
        let text = answer.text();
        let dump: Vec<&str> = text.split("\n\n").filter(|thread| thread.contains("\n  0: ")).collect();
        for name in ["core-0", "http", "writer", "reader-0", "reader-1"] {
            assert!(dump.iter().any(|thread| thread.contains(name)), "no {name} in {text}");
        }
        stacks += dump.len();
    }
    // Each by the other way too.
    scene.daemon.signal(Signal::SIGQUIT);
    scene.daemon.wait_for_lines("stacks of all threads:", 1);
    scene.control_goes_on(2);
    scene.end();
}
