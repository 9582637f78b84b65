//! How long it takes from a feed's last byte to a subscriber's socket, while the cores are busy with W1.
//!
//! Some feeds beside those of W1 have something new each second, and its guid says when it was sent.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use rssd::clock::Clock;

use super::first_round::{W1_FEEDS, W1_SHAPE};
use crate::documents::STAMP;
use crate::farm::{Farm, Temper};
use crate::figures::Times;
use crate::ours::{Ours, count};
use crate::run::Run;
use crate::support::http::Events;
use crate::table;

const STAMPED: usize = 50;
const EACH_SECOND: &str = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";
const P99_MAX: Duration = Duration::from_millis(100);

pub(crate) fn run() {
    let farm = Farm::start(W1_FEEDS + STAMPED, W1_SHAPE);
    let feeds = (0..W1_FEEDS + STAMPED).map(|number| match number {
        0..W1_FEEDS => (farm.url(number, Temper::Healthy), ""),
        _ => (farm.url(number, Temper::Stamped), EACH_SECOND),
    });
    let ours = Ours::of(feeds, "interval = \"1h\"", "");
    let mut started = ours.start();
    let mut events = Events::open(started.at, "limit=1", "");
    let arrivals = thread::spawn(move || {
        let mut arrivals = Vec::new();
        while let Some(event) = events.next() {
            if let Some(sent_ms) = stamp(&event.data) {
                arrivals.push(Duration::from_millis(Clock::monotonic_ms().saturating_sub(sent_ms)));
            }
        }
        arrivals
    });
    let db = ours.home.db();
    let mut run = Run::new("rssd", W1_FEEDS as u64);
    let read = || count(&db, "SELECT count(*) FROM feed WHERE article_count >= 30");
    run.watch(started.daemon.pid(), started.due, read, || started.daemon.is_running());
    drop(db);
    started.daemon.signal(Signal::SIGTERM);
    started.daemon.wait();
    let mut times = Times::default();
    for arrival in arrivals.join().expect("it reads to the end") {
        times.add(arrival);
    }
    println!("W1 was done after {:.2} s", run.until(1.0).unwrap_or(f64::INFINITY));
    println!("from the last byte to the socket of a client that takes everything: {times}");
    let p99 = times.at(0.99);
    table::bar(p99 <= P99_MAX, format_args!("p99 from the last byte to a subscriber: {p99:.0?} (at most {P99_MAX:?})"));
}

fn stamp(data: &str) -> Option<u64> {
    let rest = data.split_once(STAMP)?.1;
    rest.split(|byte: char| !byte.is_ascii_digit()).next()?.parse().ok()
}
