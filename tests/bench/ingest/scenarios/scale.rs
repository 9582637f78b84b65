//! A hundred thousand feeds: how soon the daemon is there, what a feed costs while nothing is due, and how polls are spread
//! when all of them are overdue.

use std::time::Duration;

use rssd::clock::Clock;

use crate::documents::Shape;
use crate::farm::{Farm, Temper};
use crate::figures::Held;
use crate::ours::{Ours, count};
use crate::process::Cpu;
use crate::support::http::get;
use crate::support::http::listening;
use crate::support::{pause, until};
use crate::table;

const FEEDS: usize = 100_000;
const SHAPE: Shape = Shape { articles: 5, bytes: 5_000 };
const TIMES: &str = "interval = \"15m\"";

const READY_MAX: Duration = Duration::from_secs(3);
const KIB_A_FEED_MAX: f64 = 2.5;

/// Nothing is due for so long: readiness and memory are looked at, ...
const IDLE: Duration = Duration::from_secs(60);
/// ... and these many seconds of polls, once everything is overdue.
const SECONDS: usize = 20;
/// The fullest second, compared with all of them on average: polls are spread by a hash.
const FULLEST_MAX: f64 = 3.0;

pub(crate) fn w8() {
    let farm = Farm::start(FEEDS, SHAPE);
    let ours = Ours::with((0..FEEDS).map(|number| farm.url(number, Temper::Healthy)), TIMES);
    let one = Ours::with(std::iter::once(farm.url(0, Temper::Healthy)), TIMES);
    let of_one = {
        let started = one.start_due_in(IDLE);
        pause(Duration::from_secs(2));
        Held::by(&started.daemon)
    };

    let now_ms = Clock::system().now_ms();
    let idle_ms = i64::try_from(IDLE.as_millis()).expect("it is a minute");
    // As after a stop: each has its time.
    ours.make_due(|number| now_ms + idle_ms + 9 * i64::try_from(number).expect("it is a feed")).expect("it is ours");
    let began = Clock::monotonic();
    let mut daemon = ours.home.start();
    let at = listening(&mut daemon);
    until("/health/ready", || (get(at, "/health/ready").status == 200).then_some(()));
    let ready = Clock::monotonic() - began;
    let of_start = Cpu::of(daemon.pid()).total();
    pause(Duration::from_secs(5));
    let idle = Held::by(&daemon);
    let cpu = Cpu::of(daemon.pid());
    pause(Duration::from_secs(5));
    let at_rest = Cpu::of(daemon.pid()).since(cpu).total() / 5.0;
    let each = idle.resident_kib.saturating_sub(of_one.resident_kib) as f64 / FEEDS as f64;
    println!(
        "ready after {:.2} s and {of_start:.2} CPU s; idle {:.1} % of one CPU",
        ready.as_secs_f64(),
        100.0 * at_rest
    );
    println!("held with one feed: {of_one}; with {FEEDS}: {idle}");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();

    // As after a stop of an hour.
    ours.make_due(|_| now_ms - 3_600_000).expect("it is ours");
    let mut daemon = ours.home.start();
    let at = listening(&mut daemon);
    until("/health/ready", || (get(at, "/health/ready").status == 200).then_some(()));
    let db = ours.home.db();
    let polls = || count(&db, "SELECT count(*) FROM feed WHERE last_polled_at IS NOT NULL");
    let mut before = polls();
    let mut seconds = Vec::with_capacity(SECONDS);
    let began = Clock::monotonic();
    for second in 1..=SECONDS {
        pause((began + Duration::from_secs(second as u64)).saturating_duration_since(Clock::monotonic()));
        let after = polls();
        seconds.push(after - before);
        before = after;
    }
    println!("polls in each second, all {FEEDS} overdue: {seconds:?}");
    drop(db);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();

    let mean = seconds.iter().sum::<u64>() as f64 / SECONDS as f64;
    let fullest = seconds.iter().copied().max().unwrap_or(0);
    table::bar(ready <= READY_MAX, format_args!("ready after {ready:.2?} (at most {READY_MAX:?})"));
    table::bar(
        each <= KIB_A_FEED_MAX,
        format_args!("resident memory of a feed: {each:.2} KiB (at most {KIB_A_FEED_MAX})"),
    );
    table::bar(
        mean > 0.0 && fullest as f64 <= mean * FULLEST_MAX,
        format_args!(
            "polls are spread: {mean:.0} a second on average, {fullest} in the fullest (at most {FULLEST_MAX} times)"
        ),
    );
}
