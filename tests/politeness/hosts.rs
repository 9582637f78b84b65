//! What a host is owed, and what is nobody's fault but our own network's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rssd::tarpit::{Answer, Tarpit};
use serde_json::Value;

use super::asked;
use crate::support::http::{get, listening};
use crate::support::{Feeds, Home, NameServer, guids, rss, tarpit};

const RSS: &str = "application/rss+xml";

#[test]
fn a_host_is_left_alone_between_two_requests() {
    const PAUSE: Duration = Duration::from_millis(300);
    let tarpit = tarpit();
    let mut feeds = Feeds::new().host_pause("300ms");
    for host in ["one.localhost", "two.localhost"] {
        for number in 0..5 {
            let (name, path) = (format!("{host}-{number}"), format!("/feed/{number}"));
            tarpit.route(host, &path, Answer::ok(RSS, rss(&name, guids(&name, 1))));
            feeds = feeds.feed(&name, tarpit.url(host, &path));
        }
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 10);
    for host in ["one.localhost", "two.localhost"] {
        let times: Vec<_> = asked(&tarpit, host).iter().map(|request| request.at).collect();
        assert_eq!(times.len(), 5);
        // A request is recorded before its answer, and the pause begins behind that.
        let least = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there are five");
        assert!(least >= PAUSE, "{host}: two requests within {least:?}");
    }
}

#[test]
fn a_pause_on_one_host_holds_up_no_other() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().host_pause("60s");
    for host in 0..30 {
        let host = format!("host-{host}.localhost");
        tarpit.route(&host, "/feed", Answer::ok(RSS, rss(&host, guids(&host, 1))));
        feeds = feeds.feed(&host, tarpit.url(&host, "/feed"));
    }
    // Ends only if nobody waits for a host that is not theirs.
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 30);
}

#[test]
fn a_single_round_says_when_its_pauses_take_long() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().host_pause("1s");
    for number in 0..12 {
        feeds = feeds.feed(&format!("f{number}"), tarpit.url("large.localhost", &format!("/healthy/{number}")));
    }
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.arg("--once");
    let mut daemon = crate::support::Daemon::spawn(command);
    daemon.wait_for_lines("12 feeds are of host large.localhost", 1);
}

#[test]
fn a_429_holds_for_the_whole_host_and_over_a_restart() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new()
        .every_second()
        .feed("control", tarpit.url("control.localhost", "/growing/1"))
        .feed("busy", tarpit.url("busy.localhost", "/too-many/1?after=7200"));
    for number in 0..4 {
        feeds = feeds.feed(&format!("other-{number}"), tarpit.url("busy.localhost", &format!("/healthy/{number}")));
    }
    let some_rounds = || {
        let before = asked(&tarpit, "control.localhost").len();
        move |tarpit: &Tarpit| asked(tarpit, "control.localhost").len() >= before + 4
    };

    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("the host's word, kept for all of its feeds", |_| {
        db.one::<i64>("SELECT count(*) FROM feed WHERE schedule GLOB '*host_retry_after*'") == 5
    });
    tarpit.forget_requests();
    let rounds = some_rounds();
    daemon.wait_for("some rounds of the control feed", |_| rounds(&tarpit));
    assert_eq!(asked(&tarpit, "busy.localhost").len(), 0, "nothing of the host is asked");
    let told: Value = serde_json::from_slice(&get(at, "/feeds/other-0").body).expect("it is JSON");
    let rules = told["schedule"].as_array().expect("it was planned");
    let winner = rules.iter().find(|rule| rule["won"] == true).expect("one wins");
    assert_eq!((&winner["rule"], &winner["asked_s"]), (&"host_retry_after".into(), &7_200.into()), "{rules:?}");
    assert!(winner["until"].is_string() && told["next_poll"].as_str() >= winner["until"].as_str(), "{told}");
    daemon.kill();

    // It stands in the name of all also where the others have not heard of it, and for one that comes only now.
    let writing = rusqlite::Connection::open(home.db_path()).expect("nobody else has it");
    let forget = "UPDATE feed SET schedule = NULL, next_poll_at = 0 WHERE name GLOB 'other-*'";
    assert_eq!(writing.execute(forget, []).expect("they are there"), 4);
    drop(writing);
    home.subscribe(&feeds.feed("late", tarpit.url("busy.localhost", "/healthy/9")));
    let mut daemon = home.start();
    let rounds = some_rounds();
    daemon.wait_for("some rounds of the control feed", |_| rounds(&tarpit));
    assert_eq!(asked(&tarpit, "busy.localhost").len(), 0, "nor after a restart");
}

#[test]
fn a_single_round_does_not_wait_for_a_host_that_asked_to_be_left_alone() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().feed("elsewhere", tarpit.url("elsewhere.localhost", "/healthy/1"));
    for number in 0..5 {
        feeds = feeds
            .feed(&format!("busy-{number}"), tarpit.url("busy.localhost", &format!("/too-many/{number}?after=7200")));
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(asked(&tarpit, "busy.localhost").len(), 1, "the first answer is for all of them");
    let db = home.db();
    assert_eq!(db.articles_of("elsewhere"), 30);
    // Whoever comes later knows when.
    assert_eq!(
        db.one::<i64>("SELECT count(*) FROM feed WHERE next_poll_at > 0 AND schedule GLOB '*host_retry_after*'"),
        5
    );
    drop(db);
    let mut command = home.daemon_command();
    command.arg("--once");
    let again = crate::support::Daemon::spawn(command).wait();
    assert_eq!((again.code, asked(&tarpit, "elsewhere.localhost").len()), (Some(0), 2));
    assert_eq!(asked(&tarpit, "busy.localhost").len(), 1, "and a later round is no reason to ask sooner");
    assert!(again.stderr.contains("feed busy-0: left out of this round"), "{}", again.stderr);
}

#[test]
fn a_single_round_waits_for_a_host_that_asks_for_a_moment() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for (host, seconds) in [("now.localhost", 0), ("soon.localhost", 1)] {
        for number in 0..3 {
            let url = tarpit.url(host, &format!("/too-many/{number}?after={seconds}"));
            feeds = feeds.feed(&format!("{host}-{number}"), url);
        }
    }
    Home::with(&feeds).once();
    for host in ["now.localhost", "soon.localhost"] {
        assert_eq!(asked(&tarpit, host).len(), 3, "{host}");
    }
}

#[test]
fn an_outage_of_our_own_network_counts_against_nobody() {
    const FEEDS: i64 = 5;
    let is_out = Arc::new(AtomicBool::new(true));
    let names = NameServer::silent_while(&is_out);
    let tarpit = tarpit();
    let mut feeds = Feeds::new()
        .daemon(&format!("dns = [\"{}\"]\ncores = 1", names.addr))
        .default("interval = \"1s\"\ninterval_min = \"1s\"\nconnect_timeout = \"200ms\"");
    let hosts: Vec<String> = (0..FEEDS).map(|number| format!("host-{number}.test")).collect();
    for host in &hosts {
        feeds = feeds.feed(host, tarpit.url(host, "/healthy/1"));
    }
    // Which is reached all the time and proves nothing: it is on this machine.
    feeds = feeds.feed("local", tarpit.url("local.localhost", "/growing/1"));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for_lines("our own network or its name servers", 1);
    let health = || serde_json::from_slice::<Value>(&get(at, "/health").body).expect("it is JSON");
    let told = health();
    assert_eq!(told["status"], "degraded", "{told}");
    assert!(told["reasons"][0].as_str().is_some_and(|reason| reason.contains("core 0 reaches no host")), "{told}");
    let metrics = get(at, "/metrics").body;
    assert!(String::from_utf8_lossy(&metrics).contains("rssd_core_cut_off{core=\"0\"} 1"));

    let probes = || hosts.iter().map(|host| names.asked(host)).sum::<usize>();
    let counted = || db.one::<i64>("SELECT sum(1000 * poll_count + failure_count) FROM feed WHERE name GLOB 'host-*'");
    let before = probes();
    daemon.wait_for("a probe", |_| probes() > before);
    let (before, counted_before) = (probes(), counted());
    daemon.wait_for("further ones", |_| probes() > before + 2);
    assert_eq!(counted(), counted_before, "what fails meanwhile is not counted");

    is_out.store(false, Ordering::Relaxed);
    daemon.wait_for_lines("hosts are reached again", 1);
    daemon.wait_for("all of them", |_| {
        db.one::<i64>("SELECT count(*) FROM feed WHERE name GLOB 'host-*' AND last_ok_at > 0 AND failure_count = 0")
            == FEEDS
    });
    assert_eq!(health()["status"], "ok");
}
