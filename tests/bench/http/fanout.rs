//! Thousands of clients of the stream: when an article has reached them all, and what one that waits costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rssd::clock::Clock;
use rssd::tarpit::Answer;

use crate::figures::{Held, Times};
use crate::herd::Herd;
use crate::support::http::{get, listening};
use crate::support::{Feeds, HANG_GUARD, Home, guids, pause, rss, tarpit, until};

const ARTICLES: usize = 20;
const PATH: &str = "/feed";
const HOST: &str = "f.localhost";

pub(crate) fn run() {
    for clients in [1_000, 5_000, 9_000] {
        serve(clients);
    }
}

fn serve(clients: usize) {
    let tarpit = tarpit();
    let publish = |count: usize| {
        tarpit.route(HOST, PATH, Answer::ok("application/rss+xml", rss("Well", guids("well", count))));
    };
    publish(1);
    let home = Home::with(&Feeds::new().every_second().feed("f", tarpit.url(HOST, PATH)));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    until("the first article", || (db.articles() == 1).then_some(()));
    let before = Held::by(&daemon);
    let mut herd = Herd::subscribe(at, clients, "after=1");
    until("the streams", || (get(at, "/health").json()["streams"] == clients).then_some(()));
    // Their `retry:` and the head of the answer.
    herd.read(Duration::from_millis(500), usize::MAX, Clock::monotonic);
    let idle = Held::by(&daemon);

    let (mut since_commit, mut to_all) = (Times::default(), Times::default());
    for number in 2..=ARTICLES as i64 + 1 {
        // Off the beat of the polls.
        pause(Duration::from_millis(37 * number.unsigned_abs() % 300));
        let path = home.db_path();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let committed = scope.spawn(|| commit_of(&path, number, &is_over));
            publish(usize::try_from(number).expect("a count"));
            let arrivals = herd.read(HANG_GUARD, clients, Clock::monotonic);
            assert_eq!(arrivals.len(), clients, "an article reaches everybody");
            is_over.store(true, Ordering::Relaxed);
            let committed = committed.join().expect("it only looks").expect("it was committed before it was told");
            for arrival in &arrivals {
                since_commit.add(arrival.saturating_duration_since(committed));
            }
            to_all.add(arrivals.last().expect("there are clients").saturating_duration_since(committed));
        });
    }
    assert_eq!(herd.articles(), (ARTICLES, ARTICLES), "each article once to each");
    let each = |held: Held| (held.resident_kib.saturating_sub(before.resident_kib)) as f64 / clients as f64;
    println!("{} clients, {ARTICLES} articles one by one", herd.len());
    println!("  from the commit to a client     {since_commit}");
    println!("  from the commit to the last one {to_all}");
    println!(
        "  memory of an idle stream        {:.1} KiB; after the articles {:.1} KiB",
        each(idle),
        each(Held::by(&daemon))
    );
    println!("  held                            {}", Held::by(&daemon));
    daemon.assert_running("the end");
}

/// When this `seq` was first seen by another program: at the commit, or a few hundred microseconds later.
fn commit_of(path: &std::path::Path, seq: i64, is_over: &AtomicBool) -> Option<Instant> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = rusqlite::Connection::open_with_flags(path, flags).ok()?;
    let mut statement = db.prepare("SELECT seq_last FROM meta").ok()?;
    loop {
        let last: i64 = statement.query_row([], |row| row.get(0)).ok()?;
        if last >= seq {
            return Some(Clock::monotonic());
        }
        if is_over.load(Ordering::Relaxed) {
            return None;
        }
        pause(Duration::from_micros(300));
    }
}
