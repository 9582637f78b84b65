//! How long it takes from a feed's last byte to a subscriber's socket, while the cores are busy with W1.
//!
//! One in fifteen of W1's feeds has an article more, whose guid says when it was sent; and there are three times as many feeds,
//! so that most of them are polled long after the beginning.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use memchr::memmem;
use nix::sys::signal::Signal;
use rssd::clock::Clock;

use super::first_round::{W1_FEEDS, W1_SHAPE};
use crate::documents::STAMP;
use crate::farm::{Farm, Temper};
use crate::figures::Times;
use crate::ours::{Ours, count};
use crate::run::Run;
use crate::table;

const FEEDS: usize = 3 * W1_FEEDS;
const STAMPED_EVERY: usize = 15;
/// Shorter than the time between two heartbeats.
const SILENCE: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 256 << 10;
/// A feed's number, a stamp and a moment are no longer.
const STAMP_BYTES_MAX: usize = 64;
const NUMBER_DIGITS: usize = 6;
const P99_MAX: Duration = Duration::from_millis(100);

pub(crate) fn run() {
    let farm = Farm::start(FEEDS, W1_SHAPE);
    let temper = |number| if number % STAMPED_EVERY == 0 { Temper::Stamped } else { Temper::Healthy };
    let ours = Ours::new((0..FEEDS).map(|number| farm.url(number, temper(number))));
    let mut started = ours.start();
    let at = started.at;
    let stamped = FEEDS / STAMPED_EVERY;
    let arrivals = thread::spawn(move || arrivals(at, stamped).expect("the daemon listens"));
    let db = ours.home.db();
    let mut run = Run::new("rssd", (FEEDS * W1_SHAPE.articles + stamped) as u64);
    let read = || count(&db, "SELECT coalesce(max(id), 0) FROM article");
    run.watch(started.daemon.pid(), started.due, read, || started.daemon.is_running());
    drop(db);
    let arrivals = arrivals.join().expect("it reads to the end");
    started.daemon.signal(Signal::SIGTERM);
    started.daemon.wait();
    let heard = arrivals.len();
    let mut times = Times::default();
    for arrival in arrivals {
        times.add(arrival);
    }
    table::print_busy(&run);
    println!("{FEEDS} feeds were done after {:.2} s", run.until(1.0).unwrap_or(f64::INFINITY));
    println!("from the last byte to the socket of a client that takes everything: {times}");
    let p99 = times.at(0.99);
    table::bar(
        p99 <= P99_MAX && heard == stamped,
        format_args!(
            "p99 from the last byte to a subscriber: {p99:.0?} (at most {P99_MAX:?}), {heard} of {stamped} heard of"
        ),
    );
}

/// How long the articles with a moment in their guid took to come, until so many have, or none comes any more. Looks for nothing else: a client that reads each event
/// takes a CPU of its own.
fn arrivals(at: SocketAddr, count: usize) -> io::Result<Vec<Duration>> {
    let mut socket = TcpStream::connect(at)?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.write_all(b"GET /news/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")?;
    let mut arrivals = Vec::with_capacity(count);
    let mut buffer = vec![0; READ_BYTES];
    // An article says it more than once.
    let mut heard = HashSet::new();
    // What may be the beginning of a moment waits at the front for the rest of it.
    let (mut kept, mut read) = (0, 0);
    while arrivals.len() < count {
        // Nothing more comes, though more was to come: the caller counts.
        let Ok(1..) = socket.read(&mut buffer[kept..]).inspect(|n| read = *n) else { break };
        let now_ms = Clock::monotonic_ms();
        let text = &buffer[..kept + read];
        let mut from = 0;
        while let Some((number, sent_ms)) = stamp(text, &mut from) {
            if heard.insert(number) {
                arrivals.push(Duration::from_millis(now_ms.saturating_sub(sent_ms)));
            }
        }
        let rest = from.max(text.len().saturating_sub(STAMP_BYTES_MAX))..text.len();
        kept = rest.len();
        buffer.copy_within(rest, 0);
    }
    Ok(arrivals)
}

/// The next moment that is whole, the number of its feed, which stands before it, and where what is behind it begins.
fn stamp(text: &[u8], from: &mut usize) -> Option<(u32, u64)> {
    loop {
        let at = *from + memmem::find(&text[*from..], STAMP.as_bytes())?;
        let begin = at + STAMP.len();
        let end = begin + text[begin..].iter().position(|byte| !byte.is_ascii_digit())?;
        let digits = |range: std::ops::Range<usize>| std::str::from_utf8(&text[range]).unwrap_or_default();
        *from = end;
        let number = at.checked_sub(NUMBER_DIGITS + 1).map(|from| digits(from..at - 1));
        if let (Some(Ok(number)), Ok(sent_ms)) = (number.map(str::parse), digits(begin..end).parse()) {
            return Some((number, sent_ms));
        }
    }
}
