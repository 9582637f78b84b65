//! Ten thousand clients that open a stream and go.

use std::time::Duration;

use rssd::clock::Clock;
use rssd::tarpit::Answer;

use crate::figures::Held;
use crate::support::http::{Client, get, listening};
use crate::support::{Feeds, Home, guids, pause, rss, tarpit, until};

const ABORTS: usize = 10_000;

pub(crate) fn run() {
    let tarpit = tarpit();
    tarpit.route("f.localhost", "/feed", Answer::ok("application/rss+xml", rss("Well", guids("well", 100))));
    let home = Home::with(&Feeds::new().feed("f", tarpit.url("f.localhost", "/feed")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    until("the articles", || (db.articles() == 100).then_some(()));
    // What the first thousand leave behind is what thousands need once: buffers of the allocator and of the ring.
    abort(at, 1_000);
    let before = settled(&daemon, at);
    println!("before          {before}");
    // Three times, to tell what grows from what has grown once.
    let rounds = std::env::var("RSSD_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    for _ in 0..rounds {
        let begun = Clock::monotonic();
        abort(at, ABORTS);
        let took = Clock::monotonic() - begun;
        let asked = Clock::monotonic();
        assert_eq!(get(at, "/health").status, 200);
        let next_ms = (Clock::monotonic() - asked).as_secs_f64() * 1_000.0;
        println!("{ABORTS} aborts in {:.1} s; the next request took {next_ms:.1} ms", took.as_secs_f64());
        println!("after           {}", settled(&daemon, at));
    }
    daemon.assert_running("the end");
}

fn abort(at: std::net::SocketAddr, count: usize) {
    for number in 0..count {
        let mut client = Client::connect(at);
        match number % 4 {
            0 => client.ask("/news/stream?after=100&wait=120", ""),
            1 => client.ask("/news/stream?after=100", "Accept: text/event-stream\r\n"),
            2 => client.ask("/news/stream?after=0", "Accept: text/event-stream\r\n"),
            _ => client.send("GET /news/stream HTTP/1.1\r\nHost: loc"),
        };
    }
}

/// Once every aborted stream was noticed.
fn settled(daemon: &crate::support::Daemon, at: std::net::SocketAddr) -> Held {
    until("the streams to be gone", || (get(at, "/health").json()["streams"] == 0).then_some(()));
    // Connections without a whole request go by their own deadline.
    pause(Duration::from_secs(3));
    Held::by(daemon)
}
