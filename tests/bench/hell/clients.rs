//! Clients that nobody wants, and two thousand that only wait.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rssd::clock::Clock;

use crate::stage::QUIET;
use crate::support::pause;

pub(crate) const IDLE: usize = 2_000;
pub(crate) const NEVER_READ: usize = 100;
const SLOWLORIS: usize = 200;

/// One abort a tick: fifty a second.
const TICK: Duration = Duration::from_millis(20);
const TICKS_A_SECOND: usize = 50;

pub(crate) struct Clients {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Idle streams that the daemon closed: none should be.
    idle_closed: AtomicU64,
    never_read_dropped: AtomicU64,
    slowloris_dropped: AtomicU64,
    aborts: AtomicU64,
    /// Connections that were refused or reset before anything was asked.
    not_let_in: AtomicU64,
}

/// What became of them.
pub(crate) struct Counts {
    pub(crate) idle_closed: u64,
    pub(crate) never_read_dropped: u64,
    pub(crate) slowloris_dropped: u64,
    pub(crate) aborts: u64,
    pub(crate) not_let_in: u64,
}

impl Clients {
    pub(crate) fn start(at: SocketAddr) -> Clients {
        let shared = Arc::new(Shared::default());
        let idle = {
            let shared = shared.clone();
            thread::spawn(move || wait_idly(at, &shared))
        };
        let rude = {
            let shared = shared.clone();
            thread::spawn(move || be_rude(at, &shared))
        };
        Clients { shared, threads: vec![idle, rude] }
    }

    pub(crate) fn counts(&self) -> Counts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            idle_closed: load(&self.shared.idle_closed),
            never_read_dropped: load(&self.shared.never_read_dropped),
            slowloris_dropped: load(&self.shared.slowloris_dropped),
            aborts: load(&self.shared.aborts),
            not_let_in: load(&self.shared.not_let_in),
        }
    }

    pub(crate) fn stop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a client does not panic");
        }
    }
}

impl Shared {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// A connection on which this was sent; `None` where the daemon does not let us.
    fn ask(&self, at: SocketAddr, bytes: &[u8]) -> Option<TcpStream> {
        let connected = TcpStream::connect_timeout(&at, Duration::from_secs(5)).and_then(|mut socket| {
            socket.write_all(bytes)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        if connected.is_err() {
            self.not_let_in.fetch_add(1, Ordering::Relaxed);
        }
        connected.ok()
    }
}

fn events_of(query: &str) -> Vec<u8> {
    format!("GET /news/stream?{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").into_bytes()
}

/// Streams of a feed of which nothing is new; what comes is read.
fn wait_idly(at: SocketAddr, shared: &Shared) {
    let request = events_of(&format!("limit=1&feed={QUIET}"));
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll descriptor");
    let mut sockets: Vec<Option<TcpStream>> = Vec::new();
    let open = |index: usize| {
        let socket = shared.ask(at, &request)?;
        epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("one more descriptor");
        Some(socket)
    };
    sockets.extend((0..IDLE).map(open));
    let mut events = vec![EpollEvent::empty(); 512];
    let mut buffer = vec![0; 64 << 10];
    while shared.goes_on() {
        let ready = epoll.wait(&mut events, EpollTimeout::from(200u8)).unwrap_or(0);
        for event in &events[..ready] {
            let index = event.data() as usize;
            let Some(socket) = &mut sockets[index] else { continue };
            match socket.read(&mut buffer) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => {
                    shared.idle_closed.fetch_add(1, Ordering::Relaxed);
                    sockets[index] = None;
                }
            }
        }
        // Not all of them at once, if the daemon is gone.
        for index in (0..IDLE).filter(|index| sockets[*index].is_none()).take(20).collect::<Vec<_>>() {
            sockets[index] = open(index);
        }
    }
}

/// Those who never read, those who drip, and those who leave.
fn be_rude(at: SocketAddr, shared: &Shared) {
    let everything = events_of("after=0");
    let mut never_read: Vec<Option<TcpStream>> = (0..NEVER_READ).map(|_| shared.ask(at, &everything)).collect();
    let mut slow: Vec<Option<TcpStream>> = (0..SLOWLORIS).map(|_| shared.ask(at, b"G")).collect();
    let mut tick = 0;
    while shared.goes_on() {
        let began = Clock::monotonic();
        abort(at, shared, tick);
        // Each of the others has its turn once a second.
        for client in in_turn(&mut never_read, tick) {
            if client.as_ref().is_none_or(is_closed) {
                shared.never_read_dropped.fetch_add(u64::from(client.is_some()), Ordering::Relaxed);
                *client = shared.ask(at, &everything);
            }
        }
        for client in in_turn(&mut slow, tick) {
            let dripped = client.as_mut().is_some_and(|socket| !is_closed(socket) && socket.write_all(b"x").is_ok());
            if !dripped {
                shared.slowloris_dropped.fetch_add(u64::from(client.is_some()), Ordering::Relaxed);
                *client = shared.ask(at, b"GET / HTTP/1.1\r\nX-Slow: ");
            }
        }
        tick += 1;
        pause(TICK.saturating_sub(Clock::monotonic() - began));
    }
}

fn in_turn(clients: &mut [Option<TcpStream>], tick: usize) -> &mut [Option<TcpStream>] {
    let share = clients.len() / TICKS_A_SECOND;
    let from = tick % TICKS_A_SECOND * share;
    &mut clients[from..from + share]
}

/// Whether the daemon has reset it, though what it sent before may wait unread.
fn is_closed(socket: &TcpStream) -> bool {
    let mut asked = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    poll(&mut asked, PollTimeout::ZERO).is_ok() && asked[0].any().unwrap_or(true)
}

/// Asks and leaves, in one of four ways.
pub(crate) fn leave(at: SocketAddr, number: usize) -> bool {
    let Ok(mut socket) = TcpStream::connect_timeout(&at, Duration::from_secs(5)) else { return false };
    let request = match number % 4 {
        0 => b"GET /news/stream?wait=120 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        1 => events_of(&format!("feed={QUIET}")),
        2 => events_of("after=0"),
        _ => b"GET /news/stream HTTP/1.1\r\nHost: loc".to_vec(),
    };
    socket.write_all(&request).is_ok()
}

fn abort(at: SocketAddr, shared: &Shared, number: usize) {
    let counter = if leave(at, number) { &shared.aborts } else { &shared.not_let_in };
    counter.fetch_add(1, Ordering::Relaxed);
}
