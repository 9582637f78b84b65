//! Thousands of clients of the stream, while much is new.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rssd::clock::Clock;
use rusqlite::{Connection, OpenFlags};

use crate::crowd::{Arrival, Crowd};
use crate::documents::Shape;
use crate::farm::{Farm, Temper};
use crate::figures::{Held, Times};
use crate::ours::{Asking, Ours};
use crate::process::{Cpu, threads};
use crate::support::pause;
use crate::table;

const CLIENTS: usize = 5_000;
const LOOKED_AT_EACH: usize = 50;

/// Each brings one article a second.
const FEEDS: usize = 200;
/// A headline and what it is about; nothing is there before.
const SHAPE: Shape = Shape { articles: 0, bytes: 400 };
const EACH_ROUND: Duration = Duration::from_secs(1);
const TIMES: &str = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";

/// Until the feeds are due: the clients come before.
const QUIET: Duration = Duration::from_secs(12);
const LASTS: Duration = Duration::from_secs(15);

const P99_MAX: Duration = Duration::from_millis(250);
const IDLE_KIB_MAX: f64 = 16.0;

pub(crate) fn w7() {
    let farm = Farm::start(FEEDS, SHAPE);
    let ours = Ours::with((0..FEEDS).map(|number| farm.url(number, Temper::Growing)), TIMES);
    let mut started = ours.start_spread(QUIET, EACH_ROUND);
    let pid = started.daemon.pid();
    let before = Held::by(&started.daemon);
    let mut crowd = Crowd::subscribe(started.at, CLIENTS, LOOKED_AT_EACH);
    crowd.read(Duration::from_secs(2));
    let idle = Held::by(&started.daemon);
    assert!(Clock::monotonic() < started.due, "the clients took longer to come than {QUIET:?}");
    pause(started.due.saturating_duration_since(Clock::monotonic()));

    let asking = Asking::start(started.at);
    let (cpu, of_crowd) = (Cpu::of(pid), Cpu::of_thread());
    let by_thread = threads(pid);
    let is_over = AtomicBool::new(false);
    let (commits, arrivals) = thread::scope(|scope| {
        let commits = scope.spawn(|| commits(&ours.home.db_path(), &is_over));
        let arrivals = crowd.read(LASTS);
        is_over.store(true, Ordering::Relaxed);
        (commits.join().expect("it only looks"), arrivals)
    });
    let cpu = Cpu::of(pid).since(cpu).total();
    let of_crowd = Cpu::of_thread().since(of_crowd).total();
    let health = asking.end();
    started.daemon.assert_running("the end");

    let seconds = LASTS.as_secs_f64();
    let times = since_commit(&commits, &arrivals);
    let looked_at = CLIENTS / LOOKED_AT_EACH;
    println!(
        "{:.0} articles a second committed, {:.0} a second at each of {CLIENTS} clients",
        commits.len() as f64 / seconds,
        arrivals.len() as f64 / looked_at as f64 / seconds
    );
    println!("from the commit to a client, of {looked_at} among them: {times}");
    println!("/health meanwhile: {health}");
    println!(
        "CPU: {:.0} % of one for rssd, {:.0} % for the clients",
        100.0 * cpu / seconds,
        100.0 * of_crowd / seconds
    );
    table::print_threads(&by_thread, &threads(pid));
    println!("held: {}", Held::by(&started.daemon));
    let p99 = times.at(0.99);
    table::bar(
        p99 <= P99_MAX,
        format_args!("p99 from the commit to a client's socket: {p99:.1?} (at most {P99_MAX:?})"),
    );
    let each = idle.resident_kib.saturating_sub(before.resident_kib) as f64 / CLIENTS as f64;
    table::bar(each <= IDLE_KIB_MAX, format_args!("memory of an idle stream: {each:.1} KiB (at most {IDLE_KIB_MAX})"));
}

/// When each `seq` was first seen by another program: at the commit, or a millisecond later.
pub(super) fn commits(path: &Path, is_over: &AtomicBool) -> HashMap<i64, Instant> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).expect("the daemon has made it");
    let mut statement = db.prepare("SELECT seq_last FROM meta").expect("it is in every database of rssd");
    let mut last = || statement.query_row([], |row| row.get::<_, i64>(0)).expect("nobody keeps readers out");
    let mut commits = HashMap::new();
    let mut seen = last();
    while !is_over.load(Ordering::Relaxed) {
        let seq = last();
        let at = Clock::monotonic();
        commits.extend((seen + 1..=seq).map(|seq| (seq, at)));
        seen = seq;
        pause(Duration::from_millis(1));
    }
    commits
}

fn since_commit(commits: &HashMap<i64, Instant>, arrivals: &[Arrival]) -> Times {
    let mut times = Times::default();
    for arrival in arrivals {
        if let Some(committed) = commits.get(&arrival.seq) {
            times.add(arrival.at.saturating_duration_since(*committed));
        }
    }
    times
}
