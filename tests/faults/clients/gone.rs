//! Rows 44 to 46: clients that leave, vanish, or stay and take nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rssd::clock::Clock;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};

use super::{EVENTS, PLAIN, metric, publish, streams};
use crate::faults::scene::Scene;
use crate::support::http::{Client, Events, get};
use crate::support::{guids, pause, rss, until};

#[test]
fn row_44_ten_thousand_aborts_leave_nothing_behind_and_delay_nobody() {
    const ABORTS: usize = 10_000;
    /// 100 ms is the promise; other tests take the processors meanwhile.
    const NEXT_MAX: Duration = Duration::from_secs(1);
    let mut scene = Scene::new();
    let last = publish(&mut scene, &rss("Plain", guids("plain", 20)), 20);
    let at = scene.at;
    let mut waits = Vec::new();
    for number in 0..ABORTS {
        let mut client = Client::connect(at);
        match number % 3 {
            0 => client.ask(&format!("/news/stream?after={last}&wait=120&feed={PLAIN}"), ""),
            1 => client.ask(&format!("/news/stream?after={last}&feed={PLAIN}"), EVENTS),
            _ => client.ask(&format!("/news/stream?after=0&feed={PLAIN}"), EVENTS),
        };
        if number % 2 == 0 && number % 3 != 0 {
            let mut events = client.events().expect("a stream");
            events.next();
        }
        if number % 50 == 0 {
            let asked = Clock::monotonic();
            assert_eq!(get(at, "/health/live").status, 200);
            waits.push(Clock::monotonic() - asked);
        }
    }
    // Each is noticed as it leaves: those are left that left a moment ago.
    let left = streams(at);
    println!("{left} streams are left right after the last abort");
    assert!(left < ABORTS as u64 / 20, "{left} streams are left");
    waits.sort_unstable();
    let (median, max) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    println!("the request after some of {ABORTS} aborts: median {median:?}, at most {max:?} of {}", waits.len());
    assert!(max < NEXT_MAX, "{max:?}");
    until("the streams to be gone", || (streams(at) == 0).then_some(()));
    // Everything is there for who comes next.
    let mut events = Events::open(at, &format!("after=0&feed={PLAIN}"), "");
    assert!((0..20).all(|_| events.next_of("article").id.is_some()));
    drop(events);
    scene.end();
}

/// From now on nothing that is sent to this socket arrives, and nothing is acknowledged: its computer is gone.
fn vanish(client: &Client) -> TcpStream {
    let socket = client.sender();
    // BPF's "return 0": take no byte of any packet.
    SockRef::from(&socket).attach_filter(&[SockFilter::new(0x06, 0, 0, 0)]).expect("a filter on a socket of our own");
    socket
}

#[test]
fn row_45_a_peer_that_vanished_is_gone_within_45_s() {
    /// 45 s are the promise, of which the worst case takes 44; other tests take the processors meanwhile.
    const GONE_MAX: Duration = Duration::from_secs(50);
    let mut scene = Scene::new();
    let last = publish(&mut scene, &rss("Plain", guids("plain", 3)), 3);
    let at = scene.at;
    let ask = |query: &str, headers: &str| {
        let mut client = Client::connect(at);
        client.ask(&format!("/news/stream?{query}"), headers);
        client
    };
    let quiet = ask(&format!("after={last}&feed={PLAIN}"), EVENTS);
    let waiting = ask(&format!("after={last}&feed={PLAIN}&wait=120"), "");
    // One that is sent something every second.
    let busy = ask("after=0", EVENTS);
    until("the streams", || (streams(at) == 3).then_some(()));
    let began = Clock::monotonic();
    let vanished = [&quiet, &waiting, &busy].map(vanish);
    for left in (0..3).rev() {
        until("a stream to be gone", || (streams(at) <= left).then_some(()));
        println!("{left} of the three are left after {:?}", Clock::monotonic() - began);
    }
    let took = Clock::monotonic() - began;
    assert!(took < GONE_MAX, "the last was gone after {took:?}");
    drop(vanished);
    scene.end();
}

/// A client with the smallest window there is, into which the kernel squeezes something now and then.
fn narrow(at: SocketAddr, request: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("it is only a wish");
    socket.connect(&at.into()).expect("the daemon listens");
    let mut socket = TcpStream::from(socket);
    socket.write_all(request.as_bytes()).expect("it reads");
    socket
}

#[test]
fn row_46_who_does_not_read_is_dropped_and_resumes_by_its_cursor() {
    const ARTICLES: i64 = 400;
    let mut scene = Scene::new();
    // More than the sockets of both sides hold, be it events or one answer.
    let last = publish(&mut scene, &rss("Plain", guids(&"plain".repeat(200), 400)), ARTICLES);
    let at = scene.at;
    let all = format!("/news/stream?after=0&feed={PLAIN}");
    let mut deaf = Client::connect(at);
    deaf.ask(&all, EVENTS);
    let mut deaf_to_answers = Client::connect(at);
    deaf_to_answers.ask("/articles?limit=500", "");
    let slow = narrow(at, &format!("GET {all} HTTP/1.1\r\nHost: localhost\r\n{EVENTS}\r\n"));
    let is_dropped = Arc::new(AtomicBool::new(false));
    let reading = thread::spawn({
        let is_dropped = is_dropped.clone();
        move || {
            let (mut slow, mut had) = (slow, Vec::new());
            let mut bytes = [0; 100];
            while let Ok(read @ 1..) = slow.read(&mut bytes) {
                had.extend_from_slice(&bytes[..read]);
                // What the kernel of this side holds when it is over may come faster.
                if !is_dropped.load(Ordering::Relaxed) {
                    pause(Duration::from_secs(1));
                }
            }
            had
        }
    });
    let began = Clock::monotonic();
    until("the streams", || (streams(at) == 2).then_some(()));
    // Who reads gets everything meanwhile.
    assert_eq!(rest(at, None), (last - ARTICLES + 1..=last).collect::<Vec<_>>());
    // Thirty seconds they have. Then their places are free, though they have read nothing and closed nothing.
    let mut told = (0, 0, 0);
    until("the deaf ones to be dropped", || {
        let dropped = (metric(at, "rssd_streams_dropped_total"), metric(at, "rssd_http_answers_dropped_total"));
        let now = (streams(at), dropped.0, dropped.1);
        if now != told {
            println!("{now:?} streams, streams and answers dropped after {:?}", Clock::monotonic() - began);
            told = now;
        }
        (now.0 == 0 && now.1 >= 2 && now.2 >= 1).then_some(())
    });
    println!("dropped after {:?}", Clock::monotonic() - began);
    until("it to be told, though it reads nothing", || is_reset(&deaf.sender()).then_some(()));
    is_dropped.store(true, Ordering::Relaxed);
    // What they were sent until then is whole as far as it goes, and with its last cursor comes exactly the rest.
    deaf_to_answers.until_closed();
    let slowly = reading.join().expect("it only reads");
    for (who, had) in [("never", deaf.until_closed()), ("slowly", slowly)] {
        let ids = ids(&had);
        println!("who reads {who} had {} bytes, {} articles", had.len(), ids.len());
        let seqs: Vec<i64> = ids.iter().map(|id| seq(id)).collect();
        let all: Vec<i64> = seqs.iter().copied().chain(rest(at, ids.last().map(String::as_str))).collect();
        assert_eq!(all, (last - ARTICLES + 1..=last).collect::<Vec<_>>(), "who reads {who}");
    }
    scene.end();
}

/// Whether the daemon has reset it, though what it sent before may wait unread.
fn is_reset(socket: &TcpStream) -> bool {
    let mut asked = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    poll(&mut asked, PollTimeout::ZERO).is_ok() && asked[0].any().unwrap_or(true)
}

/// The cursors of whole events in what came of a stream.
fn ids(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    whole.lines().filter_map(|line| line.strip_prefix("id: ")).map(str::to_owned).collect()
}

fn seq(id: &str) -> i64 {
    id.rsplit('-').next().and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("{id:?} is no cursor"))
}

/// What comes behind a cursor, up to the last there is.
fn rest(at: SocketAddr, cursor: Option<&str>) -> Vec<i64> {
    let last = get(at, &format!("/news/stream?feed={PLAIN}&limit=1")).json()["articles"][0]["seq"].as_i64();
    let headers = cursor.map(|cursor| format!("Last-Event-ID: {cursor}\r\n")).unwrap_or_default();
    let mut events = Events::open(at, &format!("after=0&feed={PLAIN}"), &headers);
    let mut seqs = Vec::new();
    while seqs.last().copied() != last {
        seqs.push(seq(&events.next_of("article").id.expect("an id")));
    }
    seqs
}
