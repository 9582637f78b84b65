//! Row 72: too little of what the kernel gives. It is no feed's fault.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use rssd::tarpit::{Answer, Step};

use super::super::scene::Scene;
use crate::bad_input::{as_nobody, assert_refused, is_root, run, unasked};
use crate::support::http::get;
use crate::support::{BINARY, Feeds, Home, guids, rss, tarpit, until};

/// The daemon behind a limit that a shell sets for itself and hands on.
fn limited(home: &Home, limit: &str) -> Command {
    let mut command = home.command_of("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), BINARY]);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.db_path());
    command
}

/// Feeds that take a moment each, so that there are many at once if there may be.
fn subscribe(scene: &mut Scene, count: usize) {
    scene.subscribe(|tarpit, mut feeds| {
        for number in 0..count {
            let (name, host) = (format!("f{number}"), format!("f{number}.localhost"));
            let answer = Answer::ok("application/rss+xml", rss(&name, guids(&name, 2)));
            tarpit.route(&host, "/feed", [Step::Wait(Duration::from_millis(200)), Step::Answer(answer)]);
            feeds = feeds.feed(&name, tarpit.url(&host, "/feed"));
        }
        feeds
    });
}

fn all_are_well(scene: &mut Scene, count: usize) {
    let db = scene.db();
    let well = "SELECT count(*) FROM feed WHERE name GLOB 'f*' AND article_count = 2 AND poll_count = 1";
    scene.daemon.wait_for("all to be polled", |_| db.one::<i64>(well) == count as i64);
    let failed: i64 = db.one("SELECT count(*) FROM fetch_log WHERE error IS NOT NULL");
    assert_eq!(failed, 0, "it is nobody's failure");
}

/// What the daemon says of polls at once when it starts.
fn told_at_once(scene: &mut Scene) -> usize {
    scene.daemon.wait_for_lines(" polls at once on each", 1);
    let lines = scene.daemon.lines();
    let line = lines.iter().find_map(|line| line.split_once(", up to ")?.1.split_once(" polls at once on each"));
    line.and_then(|(count, _)| count.parse().ok()).unwrap_or_else(|| panic!("it does not say: {lines:?}"))
}

#[test]
fn row_72_few_descriptors_mean_fewer_polls_at_once_and_no_failure() {
    let mut scene = Scene::started_by(|_, feeds| feeds.daemon("cores = 2"), |home| limited(home, "-n 80"));
    assert!((1..=8).contains(&told_at_once(&mut scene)));
    subscribe(&mut scene, 60);
    all_are_well(&mut scene, 60);
    scene.end();
}

#[test]
fn row_72_descriptors_that_are_gone_put_polls_off_and_fail_nobody() {
    let mut scene = Scene::with(|_, feeds| feeds.daemon("cores = 2"));
    let limit = |scene: &Scene, to: usize| {
        let mut command = Command::new("prlimit");
        let done = command.args([format!("--pid={}", scene.daemon.pid()), format!("--nofile={to}:")]).status();
        assert!(done.is_ok_and(|status| status.success()), "util-linux has prlimit");
    };
    let held = fs::read_dir(format!("/proc/{}/fd", scene.daemon.pid())).map_or(0, Iterator::count);
    // As if others had taken them: what is open stays so.
    limit(&scene, held + 6);
    subscribe(&mut scene, 40);
    scene.daemon.wait_for_lines("and nobody's failure", 1);
    until("/health to say so", || {
        let health = get(scene.at, "/health").json();
        (health["status"] == "degraded" && health["reasons"][0].as_str()?.contains("LimitNOFILE")).then_some(())
    });
    // Without a descriptor for its client only /health is answered.
    until("polls that were put off", || {
        let metrics = get(scene.at, "/metrics");
        let put_off = metrics.text().lines().find(|line| line.starts_with("rssd_polls_put_off_total"))?;
        (!put_off.ends_with(" 0")).then_some(())
    });
    all_are_well(&mut scene, 40);
    limit(&scene, 20_000.min(held * 100));
    until("/health to be ok again", || (get(scene.at, "/health").json()["status"] == "ok").then_some(()));
    let lines = scene.daemon.count_lines("and nobody's failure");
    assert!(lines <= 4, "it is told now and then: {lines} lines");
    scene.end();
}

#[test]
fn row_72_too_few_descriptors_to_run_are_told_at_the_start() {
    for descriptors in 4..60 {
        // Up to a dozen each may be the one that is missing; from there on it is counted.
        if descriptors > 12 && descriptors % 16 != 0 {
            continue;
        }
        let home = Home::with(&unasked().daemon("cores = 2"));
        let finished = run(limited(&home, &format!("-n {descriptors}")));
        assert_refused(&finished, 78, &[]);
        let says = ["LimitNOFILE", "oo many open files"].iter().any(|words| finished.stderr.contains(words));
        assert!(says, "{descriptors}: {}", finished.stderr);
        assert!(!home.db_path().exists(), "nothing is opened on a host that is unfit");
    }
}

#[test]
fn row_72_little_memory_means_fewer_polls_at_once_and_no_failure() {
    // Of address space, in KiB. The program itself takes some of it, more so in a debug build.
    let mut scene = Scene::started_by(|_, feeds| feeds.daemon("cores = 2"), |home| limited(home, "-v 400000"));
    let told = told_at_once(&mut scene);
    assert!((8..200).contains(&told), "{told} polls at once");
    subscribe(&mut scene, 120);
    all_are_well(&mut scene, 120);
    scene.end();

    let home = Home::with(&unasked());
    assert_refused(&run(limited(&home, "-v 140000")), 78, &["too little memory", "ulimit -v"]);
    assert!(!home.db_path().exists(), "nothing is opened on a host that is unfit");
}

#[test]
fn row_72_no_threads_left_is_told_at_the_start() {
    let tarpit = tarpit();
    let mut codes = Vec::new();
    for threads in 1..=12 {
        let home = Home::with(&Feeds::new().daemon("cores = 2").feed("one", tarpit.url("one.localhost", "/healthy/1")));
        // The limit counts the threads of a user, so this one is nobody else's: its number is made of ours.
        let mut command = home.command_of("prlimit");
        command.args([&format!("--nproc={threads}"), BINARY, "--feeds", "feeds.toml", "--db", "rssd.db", "--once"]);
        let Some(mut command) = as_nobody(&home, command) else { return };
        fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        if is_root() {
            command.uid(100_000 + std::process::id());
        }
        let finished = run(command);
        println!("{threads} threads: {:?} {}", finished.code, finished.stderr.lines().last().unwrap_or_default());
        assert!(!finished.stderr.contains("panicked"), "{threads}: {}", finished.stderr);
        match finished.code {
            Some(0) => assert_eq!(home.db().articles(), 30),
            // Others may end theirs: systemd tries again.
            Some(75) => assert!(finished.stderr.contains("thread"), "{threads}: {}", finished.stderr),
            code => panic!("{threads}: {code:?} {}", finished.stderr),
        }
        codes.push(finished.code);
    }
    assert_eq!(codes[0], Some(75), "one thread is not enough");
}
