//! The ancestor's checklist, for as long as `RSSD_BENCH_SECONDS` says (20).

use std::io::Write;
use std::time::Duration;

use rssd::clock::Clock;
use rssd::tarpit::{ANY, Answer, Step};

use crate::figures::{Held, Times};
use crate::herd::Herd;
use crate::support::http::{Client, get, listening};
use crate::support::{Feeds, HANG_GUARD, Home, guids, pause, rss, tarpit, until};

const SOURCES: usize = 1_000;
const IDLE: usize = 1_000;
const NEVER_READ: usize = 100;
const SLOWLORIS: usize = 200;

pub(crate) fn run() {
    let seconds = std::env::var("RSSD_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let tarpit = tarpit();
    tarpit.route(ANY, "/hung", Step::Stall);
    tarpit.route(ANY, "/feed", Answer::ok("application/rss+xml", rss("Well", guids("well", 30))));
    let mut feeds = Feeds::new().every_second();
    for number in 0..SOURCES {
        let path = if number % 2 == 0 { "/hung" } else { "/feed" };
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), path));
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    assert!(tarpit.wait_for_requests(SOURCES as u64, HANG_GUARD), "{:?}", tarpit.counts());
    let db = home.db_soon();
    let healthy = (SOURCES / 2 * 30) as i64;
    until("the healthy half", || (db.articles() == healthy).then_some(()));

    let mut idle = Herd::subscribe(at, IDLE, "limit=1");
    let _never_read: Vec<Client> = (0..NEVER_READ)
        .map(|_| {
            let mut client = Client::connect(at);
            client.ask("/news/stream?after=0", "Accept: text/event-stream\r\n");
            client
        })
        .collect();
    until("the streams", || (get(at, "/health").json()["streams"] == IDLE + NEVER_READ).then_some(()));
    let mut slow: Vec<_> = (0..SLOWLORIS).map(|_| Client::connect(at).sender()).collect();

    let (mut page, mut health) = (Times::default(), Times::default());
    let until = Clock::monotonic() + Duration::from_secs(seconds);
    let mut round = 0usize;
    while Clock::monotonic() < until {
        for (path, times) in [("/health", &mut health), ("/", &mut page)] {
            let asked = Clock::monotonic();
            let status = get(at, path).status;
            times.add(Clock::monotonic() - asked);
            assert_eq!(status, 200, "{path}");
        }
        // Each gives a byte now and then, and comes again once it was thrown out.
        let turn = round % SLOWLORIS;
        if slow[turn].write_all(b"G").is_err() {
            slow[turn] = Client::connect(at).sender();
        }
        round += 1;
        idle.read(Duration::ZERO, usize::MAX, Clock::monotonic);
        pause(Duration::from_millis(5));
    }
    daemon.assert_running("the end");
    println!(
        "{SOURCES} sources, half of them hung; {IDLE} idle streams, {NEVER_READ} never read, {SLOWLORIS} slowloris; {seconds} s"
    );
    println!("/health  {health}; {} over 1 s", health.longer_than(Duration::from_secs(1)));
    println!("/        {page}; {} over 1 s", page.longer_than(Duration::from_secs(1)));
    println!("held     {}", Held::by(&daemon));
    let asked = Clock::monotonic();
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let finished = daemon.wait();
    println!("SIGTERM  exit {:?} after {:.2} s", finished.code, (Clock::monotonic() - asked).as_secs_f64());
}
