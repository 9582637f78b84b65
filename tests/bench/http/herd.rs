//! Thousands of clients of the stream on one thread: they count the articles that reach them, and do nothing else.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

const MARK: &[u8] = b"event: article\n";

/// Subscribed clients.
pub(crate) struct Herd {
    epoll: Epoll,
    clients: Vec<Subscriber>,
}

struct Subscriber {
    socket: TcpStream,
    /// How much of [`MARK`] the bytes so far end with.
    matched: usize,
    articles: usize,
}

impl Herd {
    /// Subscribes so many, each on a connection of its own.
    pub(crate) fn subscribe(at: SocketAddr, count: usize, query: &str) -> Herd {
        let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll descriptor");
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            let mut socket = TcpStream::connect(at).expect("the daemon takes connections");
            let request =
                format!("GET /news/stream?{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
            socket.write_all(request.as_bytes()).expect("a request fits the socket's buffer");
            socket.set_nonblocking(true).expect("a socket that is open");
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("one more descriptor");
            clients.push(Subscriber { socket, matched: 0, articles: 0 });
        }
        Herd { epoll, clients }
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Reads for so long, or until `wanted` articles have come to the herd as a whole; gives when each came.
    pub(crate) fn read(&mut self, time: Duration, wanted: usize, now: impl Fn() -> Instant) -> Vec<Instant> {
        let until = now() + time;
        let mut arrivals = Vec::new();
        let mut events = vec![EpollEvent::empty(); 512];
        let mut buffer = vec![0; 64 << 10];
        while arrivals.len() < wanted && now() < until {
            let ready = self.epoll.wait(&mut events, EpollTimeout::from(20u8)).unwrap_or(0);
            for event in &events[..ready] {
                let client = &mut self.clients[event.data() as usize];
                match client.socket.read(&mut buffer) {
                    Ok(0) => panic!("the daemon closed a stream"),
                    Ok(read) => {
                        let came = client.count(&buffer[..read]);
                        arrivals.extend(std::iter::repeat_n(now(), came));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => panic!("a stream broke: {error}"),
                }
            }
        }
        arrivals
    }

    /// The fewest and the most articles that one of them got.
    pub(crate) fn articles(&self) -> (usize, usize) {
        let counts = || self.clients.iter().map(|client| client.articles);
        (counts().min().unwrap_or(0), counts().max().unwrap_or(0))
    }
}

impl Subscriber {
    fn count(&mut self, bytes: &[u8]) -> usize {
        let before = self.articles;
        for &byte in bytes {
            // No beginning of the mark comes again within it but its first letter.
            self.matched = match MARK[self.matched] == byte {
                true => self.matched + 1,
                false => usize::from(byte == MARK[0]),
            };
            if self.matched == MARK.len() {
                self.matched = 0;
                self.articles += 1;
            }
        }
        self.articles - before
    }
}
