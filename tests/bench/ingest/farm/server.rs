//! The farm's one thread: listeners and connections behind one epoll descriptor.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rssd::clock::Clock;
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};

use super::address;
use super::answer::{Answer, Publishers};
use super::wire::Wire;
use crate::documents::Shape;

/// A document goes out in one write.
const SEND_BUFFER_BYTES: usize = 256 << 10;

/// Whoever polls thousands of feeds at once meets no full queue.
const BACKLOG: i32 = 4_096;

const DRIP_EVERY: Duration = Duration::from_secs(1);

/// Beyond it a connection ends with its answer: listeners take most of the descriptors that there are.
const KEPT_OPEN_MAX: usize = 4_000;

/// So many ports are tried until one is free on all addresses.
const PORTS_TRIED_MAX: usize = 20;

struct Server {
    epoll: Epoll,
    listeners: Vec<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    publishers: Publishers,
    /// Connections that drip.
    dripping: Vec<usize>,
    drip_at: Instant,
}

struct Connection {
    wire: Wire,
    request: Vec<u8>,
    head: Vec<u8>,
    body: Vec<u8>,
    /// Of head and body together.
    sent: usize,
    is_dripping: bool,
}

/// Listens, says its port, and serves until its standard input ends. With `tls` it speaks nothing but TLS.
pub(super) fn serve(addresses: usize, shape: Shape, tls: Option<Arc<ServerConfig>>) {
    let publishers = Publishers::new(shape);
    let (port, listeners) = (0..PORTS_TRIED_MAX)
        .find_map(|_| listen(addresses))
        .unwrap_or_else(|| panic!("no port is free on {addresses} addresses: are there as many descriptors?"));
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll descriptor");
    for (index, listener) in listeners.iter().enumerate() {
        epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("one more descriptor");
    }
    println!("{port}");
    // Whoever started us holds the other end, however it dies.
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let (connections, free, dripping) = (Vec::new(), Vec::new(), Vec::new());
    let drip_at = Clock::monotonic() + DRIP_EVERY;
    Server { epoll, listeners, tls, connections, free, publishers, dripping, drip_at }.run();
}

/// One port on all addresses; `None` where one of them has it in use.
fn listen(addresses: usize) -> Option<(u16, Vec<TcpListener>)> {
    let mut port = 0;
    let mut listeners = Vec::with_capacity(addresses);
    for index in 0..addresses {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        socket.set_send_buffer_size(SEND_BUFFER_BYTES).ok()?;
        socket.bind(&SocketAddr::from((address(index, addresses), port)).into()).ok()?;
        socket.listen(BACKLOG).ok()?;
        socket.set_nonblocking(true).ok()?;
        let listener = TcpListener::from(socket);
        port = listener.local_addr().ok()?.port();
        listeners.push(listener);
    }
    Some((port, listeners))
}

impl Server {
    fn run(mut self) {
        let mut events = vec![EpollEvent::empty(); 1_024];
        loop {
            let ready = self.epoll.wait(&mut events, EpollTimeout::from(200u8)).unwrap_or(0);
            for event in &events[..ready] {
                let index = event.data() as usize;
                match index.checked_sub(self.listeners.len()) {
                    None => self.accept(index),
                    Some(connection) => self.turn(connection),
                }
            }
            if Clock::monotonic() >= self.drip_at {
                self.drip_at += DRIP_EVERY;
                self.drip();
            }
        }
    }

    fn accept(&mut self, listener: usize) {
        while let Ok((socket, _)) = self.listeners[listener].accept() {
            if socket.set_nonblocking(true).is_err() {
                continue;
            }
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let data = (self.listeners.len() + index) as u64;
            let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
            self.epoll.add(socket.as_fd(), EpollEvent::new(flags, data)).expect("one more descriptor");
            let (request, head, body) = (Vec::new(), Vec::new(), Vec::new());
            let wire = Wire::new(socket, self.tls.as_ref());
            self.connections[index] = Some(Connection { wire, request, head, body, sent: 0, is_dripping: false });
        }
    }

    /// Reads what there is, answers, and goes on sending; whatever is wrong ends the connection.
    fn turn(&mut self, index: usize) {
        let open = self.connections.len() - self.free.len();
        let Some(connection) = &mut self.connections[index] else { return };
        let goes_on = connection.turn(&mut self.publishers).is_some();
        if !goes_on || (open > KEPT_OPEN_MAX && connection.is_done()) {
            self.connections[index] = None;
            self.free.push(index);
            self.dripping.retain(|dripping| *dripping != index);
        } else if connection.is_dripping && !self.dripping.contains(&index) {
            self.dripping.push(index);
        }
    }

    fn drip(&mut self) {
        for index in self.dripping.clone() {
            if let Some(connection) = &mut self.connections[index] {
                let at = connection.sent;
                if let Some(byte) = connection.body.get(at..at + 1) {
                    connection.sent += connection.wire.write(byte).unwrap_or(0);
                }
            }
        }
    }
}

impl Connection {
    /// Whether it has answered what it was asked.
    fn is_done(&self) -> bool {
        let length = self.head.len() + self.body.len();
        length > 0 && self.sent == length && !self.is_dripping
    }

    /// `None` when it is over.
    fn turn(&mut self, publishers: &mut Publishers) -> Option<()> {
        let mut buffer = [0; 4_096];
        loop {
            match self.wire.read(&mut buffer) {
                Ok(0) => return None,
                Ok(read) => self.request.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return None,
            }
        }
        if self.request.ends_with(b"\r\n\r\n") {
            let request = std::mem::take(&mut self.request);
            match publishers.answer(std::str::from_utf8(&request).ok()?)? {
                Answer::Send { head, body } => (self.head, self.body, self.sent) = (head, body, 0),
                Answer::Drip { head, body } => {
                    self.wire.write_all(&head).ok()?;
                    (self.body, self.sent, self.is_dripping) = (body, 0, true);
                }
                Answer::Silence => {}
            }
        }
        if self.is_dripping { Some(()) } else { self.send() }
    }

    fn send(&mut self) -> Option<()> {
        let length = self.head.len() + self.body.len();
        while self.sent < length {
            let head = self.head.get(self.sent..).unwrap_or_default();
            let body = &self.body[self.sent.saturating_sub(self.head.len())..];
            match self.wire.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
                Err(_) => return None,
            }
        }
        // What TLS has taken may still be with it.
        match self.wire.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => None,
            _ => Some(()),
        }
    }
}
