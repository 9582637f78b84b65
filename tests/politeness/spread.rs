//! Crowds are drawn out: the hundreds of feeds of a host, and whatever an outage of our own network has held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rssd::tarpit::Answer;
use serde_json::Value;

use super::{RSS, asked};
use crate::support::http::{get, listening};
use crate::support::{Feeds, Home, NameServer, guids, rss, tarpit};

#[test]
fn the_many_feeds_of_a_host_are_spread_over_their_interval() {
    const FEEDS: u32 = 60;
    const INTERVAL: Duration = Duration::from_secs(6);
    const PAUSE: Duration = Duration::from_millis(50);
    let tarpit = tarpit();
    let mut feeds =
        Feeds::new().default("interval = \"6s\"\ninterval_min = \"6s\"\ninterval_max = \"6s\"").host_pause("50ms");
    for number in 0..FEEDS {
        let (name, path) = (format!("f{number}"), format!("/{number}"));
        tarpit.route("large.localhost", &path, Answer::ok(RSS, rss(&name, guids(&name, 1))).etag("\"1\""));
        feeds = feeds.feed(&name, tarpit.url("large.localhost", &path));
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let requests = || asked(&tarpit, "large.localhost");
    daemon.wait_for("a round and some of another", |_| requests().len() >= FEEDS as usize * 9 / 8);
    daemon.kill();
    let requests = requests();
    let times: Vec<Instant> = requests.iter().map(|request| request.at).collect();
    let least = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there are hundreds");
    assert!(least >= PAUSE, "two requests within {least:?}");
    // With the pause alone it would be over after little more than half of the interval.
    let round = times[FEEDS as usize - 1] - times[0];
    assert!(round >= INTERVAL * 9 / 10, "a round within {round:?}");
    // Each in its turn, again and again: nobody is asked twice before the others were asked at all.
    let mut first: Vec<_> = requests[..FEEDS as usize].iter().map(|request| &request.head.path).collect();
    first.sort_unstable();
    first.dedup();
    assert!(first.len() > FEEDS as usize * 9 / 10, "{} feeds in {FEEDS} requests", first.len());
}

#[test]
fn what_an_outage_of_our_own_network_held_up_is_taken_up_one_after_the_other() {
    const LATE: usize = 90;
    let is_out = Arc::new(AtomicBool::new(true));
    let names = NameServer::silent_while(&is_out);
    let tarpit = tarpit();
    let mut feeds = Feeds::new()
        .daemon(&format!("dns = [\"{}\"]\ncores = 1", names.addr))
        .default("interval = \"1s\"\ninterval_min = \"1s\"\nconnect_timeout = \"300ms\"");
    for number in 0..5 {
        let host = format!("host-{number}.test");
        feeds = feeds.feed(&host, tarpit.url(&host, "/healthy/1"));
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    daemon.wait_for_lines("our own network or its name servers", 1);
    // These come due meanwhile, and wait behind the ones that prove that the way out is open again.
    for number in 0..LATE {
        let host = format!("late-{number}.test");
        feeds = feeds.feed_with(&host, tarpit.url(&host, "/healthy/1"), "interval = \"60s\"\nconnect_timeout = \"5s\"");
    }
    home.subscribe(&feeds);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for("all of them to be due", |_| {
        let health: Value = serde_json::from_slice(&get(at, "/health").body).expect("it is JSON");
        health["feeds"]["overdue"].as_u64().is_some_and(|overdue| overdue as usize >= LATE)
    });
    is_out.store(false, Ordering::Relaxed);
    daemon.wait_for_lines("hosts are reached again", 1);
    let late = || tarpit.requests().into_iter().filter(|request| request.head.host.starts_with("late-"));
    daemon.wait_for("the most of them", |_| late().count() > LATE * 3 / 4);
    // 50 a second, in an order of their own; at once it would be over in a moment.
    let times: Vec<Instant> = late().map(|request| request.at).collect();
    let most = times[LATE * 3 / 4] - times[0];
    assert!(most >= Duration::from_millis(20) * LATE as u32 / 2, "three quarters of {LATE} within {most:?}");
}
