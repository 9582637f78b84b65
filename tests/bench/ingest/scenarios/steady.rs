//! The steady state: feeds that were read before, each polled at its interval, few of them with something new.
//!
//! Time is scaled: the interval is a tenth, so that a minute shows ten. What a poll costs is no less for that.

use std::time::Duration;

use rssd::clock::Clock;

use crate::documents::Shape;
use crate::farm::{Farm, Temper};
use crate::figures::Times;
use crate::ours::{Asking, Ours, count};
use crate::process::{Cpu, Held};
use crate::support::{Db, pause};
use crate::table;

const FEEDS: usize = 20_000;
const SHAPE: Shape = Shape { articles: 5, bytes: 10_000 };

const SCALE: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(15 * 60 / SCALE as u64);
/// Ten minutes of scaled time.
const LASTS: Duration = Duration::from_secs(10 * 60 / SCALE as u64);
const TIMES: &str = "interval = \"90s\"\ninterval_min = \"90s\"\ninterval_max = \"90s\"";

const OF_A_CORE_MAX: f64 = 0.15;
const LATE_MAX: Duration = Duration::from_secs(1);

fn temper(number: usize) -> Temper {
    if number.is_multiple_of(20) { Temper::Growing } else { Temper::Healthy }
}

pub(crate) fn w6() {
    let farm = Farm::start(FEEDS, SHAPE);
    let urls: Vec<String> = (0..FEEDS).map(|number| farm.url(number, temper(number))).collect();
    let ours = Ours::with(urls.into_iter(), TIMES);
    // A growing feed has one more, the first time too.
    ours.run((FEEDS * SHAPE.articles + FEEDS / 20) as u64);

    // The n-th feed's turn, from `due` on.
    let turn_ms = |number: usize| duration_ms(INTERVAL) * number as i64 / FEEDS as i64;
    let wait = Duration::from_secs(5);
    let due = Clock::monotonic() + wait;
    let due_ms = Clock::system().now_ms() + duration_ms(wait);
    ours.make_due(|number| due_ms + turn_ms(number)).expect("nobody else has the database open");
    let mut daemon = ours.home.start();
    let at = crate::support::http::listening(&mut daemon);
    let is_up = Clock::monotonic() < due;
    pause(due.saturating_duration_since(Clock::monotonic()));
    let asking = Asking::start(at);
    let before = Cpu::of(daemon.pid());
    let db = ours.home.db();
    let articles_before = db.articles();
    pause(LASTS);
    let cpu = Cpu::of(daemon.pid()).since(before);
    let mut held = Held::default();
    held.look(daemon.pid());
    let health = asking.end();
    let late = lateness(&db, due_ms, turn_ms);
    let polls = count(&db, "SELECT count(*) FROM feed WHERE poll_count >= 2");
    println!(
        "{polls} polls and {} new articles in {} s{}",
        db.articles() - articles_before,
        LASTS.as_secs(),
        if is_up { "" } else { "; the daemon was not up in time" }
    );
    println!("polls late by: {late}");
    println!("/health meanwhile: {health}");
    println!(
        "CPU: user {:.2} s, system {:.2} s; peak {:.1} MiB, {} threads, {:.1} MiB written",
        cpu.user,
        cpu.system,
        held.peak_kib as f64 / 1_024.0,
        held.threads,
        held.written_bytes as f64 / f64::from(1 << 20)
    );
    drop(db);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait();

    let of_a_core = cpu.total() / LASTS.as_secs_f64();
    let scaled = of_a_core / f64::from(SCALE);
    table::bar(
        scaled <= OF_A_CORE_MAX,
        format_args!(
            "{:.1} % of a core, scaled from {:.1} % at {SCALE} times the pace (at most {:.0} %)",
            100.0 * scaled,
            100.0 * of_a_core,
            100.0 * OF_A_CORE_MAX
        ),
    );
    table::bar(late.at(1.0) <= LATE_MAX, format_args!("the latest poll: {:.0?} (at most {LATE_MAX:?})", late.at(1.0)));
}

/// How long after its turn each feed was polled; feeds are named by their numbers.
fn lateness(db: &Db, due_ms: i64, turn_ms: impl Fn(usize) -> i64) -> Times {
    let sql = "SELECT name, max(started_at) FROM fetch_log JOIN feed ON feed.id = feed_id WHERE poll = 2 GROUP BY name";
    let mut times = Times::default();
    for (name, started_ms) in db.list(sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))) {
        let number = name.trim_start_matches('f').parse().expect("feeds are named by their numbers");
        times.add(Duration::from_millis(u64::try_from(started_ms - due_ms - turn_ms(number)).unwrap_or(0)));
    }
    times
}

fn duration_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("it is a few minutes")
}
