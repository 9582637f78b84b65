//! Thousands of clients of the stream on one thread. Of a few it is told when each article reached them; the others only take
//! what comes, with as little work as there is.

use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rssd::clock::Clock;
use socket2::{Domain, Socket, Type};

/// Discards what is received, in the kernel: nothing is copied.
const MSG_TRUNC: i32 = 0x20;

const BUFFER_BYTES: usize = 256 << 10;

pub(crate) struct Crowd {
    epoll: Epoll,
    clients: Vec<Client>,
    buffers: Buffers,
}

struct Buffers {
    looked_at: Vec<u8>,
    discarded: Vec<MaybeUninit<u8>>,
}

struct Client {
    socket: Socket,
    /// Of a client that is looked at, the bytes of the line that is not whole yet.
    line: Option<Vec<u8>>,
}

/// An article reached a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) seq: i64,
    pub(crate) at: Instant,
}

impl Crowd {
    /// So many clients, of which one in `looked_at_each` is looked at.
    pub(crate) fn subscribe(at: SocketAddr, count: usize, looked_at_each: usize) -> Crowd {
        let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll descriptor");
        let request = "GET /news/stream?limit=1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
        let open = |index: usize| {
            let mut socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("one more descriptor");
            socket.connect(&at.into()).expect("the daemon takes connections");
            socket.write_all(request.as_bytes()).expect("a request fits the socket's buffer");
            socket.set_nonblocking(true).expect("it is open");
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("one more descriptor");
            Client { socket, line: index.is_multiple_of(looked_at_each).then(Vec::new) }
        };
        let clients = (0..count).map(open).collect();
        let buffers =
            Buffers { looked_at: vec![0; BUFFER_BYTES], discarded: vec![MaybeUninit::uninit(); BUFFER_BYTES] };
        Crowd { epoll, clients, buffers }
    }

    /// Takes what comes for so long, and gives what reached those who are looked at.
    pub(crate) fn read(&mut self, time: Duration) -> Vec<Arrival> {
        let until = Clock::monotonic() + time;
        let mut arrivals = Vec::new();
        let mut events = vec![EpollEvent::empty(); 1_024];
        while Clock::monotonic() < until {
            let ready = self.epoll.wait(&mut events, EpollTimeout::from(20u8)).unwrap_or(0);
            for event in &events[..ready] {
                self.clients[event.data() as usize].take(&mut self.buffers, &mut arrivals);
            }
        }
        arrivals
    }
}

impl Client {
    fn take(&mut self, buffers: &mut Buffers, arrivals: &mut Vec<Arrival>) {
        let received = match &self.line {
            Some(_) => self.socket.read(&mut buffers.looked_at),
            None => self.socket.recv_with_flags(&mut buffers.discarded, MSG_TRUNC),
        };
        let received = match received {
            Ok(0) => panic!("the daemon closed a stream"),
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("a stream broke: {error}"),
        };
        let Some(line) = &mut self.line else { return };
        let at = Clock::monotonic();
        line.extend_from_slice(&buffers.looked_at[..received]);
        arrivals.extend(seqs(line).into_iter().map(|seq| Arrival { seq, at }));
    }
}

/// Of the whole lines, which are taken out.
fn seqs(bytes: &mut Vec<u8>) -> Vec<i64> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines: Vec<u8> = bytes.drain(..whole).collect();
    let seq = |line: &[u8]| {
        let cursor = std::str::from_utf8(line.strip_prefix(b"id: ")?).ok()?;
        cursor.rsplit_once('-')?.1.parse().ok()
    };
    lines.split(|byte| *byte == b'\n').filter_map(seq).collect()
}
