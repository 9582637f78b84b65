//! UDP sockets that queries share once there are many of them.
//!
//! hickory opens a socket for each datagram it sends. That is good against forged answers, which must then guess a port too,
//! and fatal when a name server goes silent: thousands of names, each asked for two types and each of these sent again, are tens of
//! thousands of descriptors. So a query gets a socket of its own while few are open, and past [`DNS_SOCKETS_MAX`] it joins
//! the one that is used least. Answers are told apart by the id that each query carries.
//!
//! Invariants: at most [`DNS_SOCKETS_MAX`] sockets a name server; two queries on one socket never have the same id; a socket closes with
//! its last query, however that ended. It reads no more of a message than the id.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_lite::future;
use glommio::net::UdpSocket;
use socket2::{Domain, Socket, Type};

use crate::limits::{DNS_ANSWERS_WAITING_MAX, DNS_SOCKETS_MAX};
use crate::machine;

/// What hickory reads at most; a longer datagram is cut by the kernel and fails to parse.
const DATAGRAM_BYTES_MAX: usize = 4_096;

type Sending = Pin<Box<dyn Future<Output = io::Result<usize>>>>;

/// The sockets of one resolver.
#[derive(Default)]
pub(super) struct Sockets {
    open: RefCell<Vec<Rc<Shared>>>,
    /// Queries for which there was no descriptor, nor another query's to share.
    short: Cell<u64>,
}

/// A socket and the queries on it.
struct Shared {
    server: SocketAddr,
    socket: UdpSocket,
    queries: RefCell<HashMap<u16, Waiting>>,
    /// No query is left: the reader is to end.
    closed: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

/// A query that waits for an answer.
#[derive(Default)]
struct Waiting {
    arrived: VecDeque<io::Result<Vec<u8>>>,
    waker: Option<Waker>,
}

/// One query: what hickory takes for a socket of its own.
pub(super) struct Query {
    sockets: Rc<Sockets>,
    server: SocketAddr,
    place: RefCell<Option<(Rc<Shared>, u16)>>,
    sending: RefCell<Option<Sending>>,
}

impl Sockets {
    pub(super) fn query(self: &Rc<Sockets>, server: SocketAddr) -> Query {
        Query { sockets: Rc::clone(self), server, place: RefCell::default(), sending: RefCell::default() }
    }

    /// How many descriptors are open.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.open.borrow().len()
    }

    /// Puts a query with this id on a new socket, or on the least used one.
    fn place(self: &Rc<Sockets>, server: SocketAddr, id: u16) -> io::Result<Rc<Shared>> {
        let of_server = self.open.borrow().iter().filter(|shared| shared.server == server).cloned().collect::<Vec<_>>();
        let own = if of_server.len() < DNS_SOCKETS_MAX { Some(self.open_one(server)) } else { None };
        let shared = match own {
            Some(Err(error)) if !machine::is_short(&error) || of_server.is_empty() => {
                self.count_short(&error);
                return Err(error);
            }
            Some(Ok(shared)) => shared,
            _ => {
                let free = of_server.into_iter().filter(|shared| !shared.queries.borrow().contains_key(&id));
                let least_used = free.min_by_key(|shared| shared.queries.borrow().len());
                least_used.ok_or_else(|| io::Error::other("every socket has a query with this id already"))?
            }
        };
        shared.queries.borrow_mut().insert(id, Waiting::default());
        Ok(shared)
    }

    /// Lookups, so far, that failed for want of a descriptor.
    pub(super) fn short(&self) -> u64 {
        self.short.get()
    }

    /// Counts what went wrong, if that is what it was.
    pub(super) fn count_short(&self, error: &io::Error) {
        self.short.set(self.short.get() + u64::from(machine::is_short(error)));
    }

    fn open_one(self: &Rc<Sockets>, server: SocketAddr) -> io::Result<Rc<Shared>> {
        // Not glommio's bind: it sets SO_REUSEPORT, and then the kernel may give two of our sockets the same port, and the
        // answers of one to the other. Connected, so that only the server's datagrams arrive, and its refusals too.
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, None)?;
        socket.connect(&server.into())?;
        let shared = Rc::new(Shared {
            server,
            socket: UdpSocket::from(socket),
            queries: RefCell::default(),
            closed: Cell::new(false),
            reader: RefCell::default(),
        });
        self.open.borrow_mut().push(Rc::clone(&shared));
        glommio::spawn_local(read(Rc::clone(self), Rc::clone(&shared))).detach();
        Ok(shared)
    }

    fn close(&self, shared: &Rc<Shared>) {
        self.open.borrow_mut().retain(|open| !Rc::ptr_eq(open, shared));
        shared.closed.set(true);
        if let Some(reader) = shared.reader.borrow_mut().take() {
            reader.wake();
        }
    }
}

/// Gives every datagram to the query that it answers, until the socket is closed.
async fn read(sockets: Rc<Sockets>, shared: Rc<Shared>) {
    let mut datagram = [0; DATAGRAM_BYTES_MAX];
    loop {
        // A wait for the end inside of the task, since glommio is slow to take back what a cancelled task held.
        let closed = poll_fn(|cx| {
            *shared.reader.borrow_mut() = Some(cx.waker().clone());
            if shared.closed.get() { Poll::Ready(None) } else { Poll::Pending }
        });
        let received = async { Some(shared.socket.recv(&mut datagram).await.map_err(io::Error::from)) };
        match future::or(closed, received).await {
            None => return,
            Some(Ok(length)) => shared.deliver(&datagram[..length]),
            Some(Err(error)) => {
                let fatal = error.kind() != io::ErrorKind::ConnectionRefused;
                shared.fail(&error);
                if fatal {
                    sockets.close(&shared);
                    return;
                }
            }
        }
    }
}

impl Shared {
    fn deliver(&self, datagram: &[u8]) {
        let Some(id) = id_of(datagram) else { return };
        // Nobody: an answer that comes after its query gave up, or one that nobody asked for.
        if let Some(waiting) = self.queries.borrow_mut().get_mut(&id) {
            waiting.arrive(Ok(datagram.to_vec()));
        }
    }

    /// What the kernel says about the socket, it says about every query on it.
    fn fail(&self, error: &io::Error) {
        for waiting in self.queries.borrow_mut().values_mut() {
            waiting.arrive(Err(io::Error::new(error.kind(), error.to_string())));
        }
    }
}

impl Waiting {
    fn arrive(&mut self, what: io::Result<Vec<u8>>) {
        // More than this can only be forged: the query takes the first that fits.
        if self.arrived.len() < DNS_ANSWERS_WAITING_MAX {
            self.arrived.push_back(what);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Query {
    /// Sends a message; the first one decides about the socket.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>, message: &[u8]) -> Poll<io::Result<usize>> {
        let mut sending = self.sending.borrow_mut();
        if sending.is_none() {
            let shared = match self.shared_for(message) {
                Ok(shared) => shared,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let message = message.to_vec();
            *sending = Some(Box::pin(async move { shared.socket.send(&message).await.map_err(io::Error::from) }));
        }
        let Some(send) = sending.as_mut() else { return Poll::Pending };
        let sent = send.as_mut().poll(cx);
        if sent.is_ready() {
            *sending = None;
        }
        sent
    }

    /// Waits for a datagram that carries the id of the message sent. At most `buffer` of it is kept.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let place = self.place.borrow();
        let Some((shared, id)) = place.as_ref() else {
            return Poll::Ready(Err(io::Error::other("nothing was sent that could be answered")));
        };
        let mut queries = shared.queries.borrow_mut();
        let waiting = queries.entry(*id).or_default();
        match waiting.arrived.pop_front() {
            Some(Ok(datagram)) => {
                let length = datagram.len().min(buffer.len());
                buffer[..length].copy_from_slice(&datagram[..length]);
                Poll::Ready(Ok((length, self.server)))
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn shared_for(&self, message: &[u8]) -> io::Result<Rc<Shared>> {
        let mut place = self.place.borrow_mut();
        if let Some((shared, _)) = place.as_ref() {
            return Ok(Rc::clone(shared));
        }
        let id = id_of(message).ok_or_else(|| io::Error::other("a message without an id"))?;
        let shared = self.sockets.place(self.server, id)?;
        *place = Some((Rc::clone(&shared), id));
        Ok(shared)
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        if let Some((shared, id)) = self.place.take() {
            shared.queries.borrow_mut().remove(&id);
            if shared.queries.borrow().is_empty() {
                self.sockets.close(&shared);
            }
        }
    }
}

/// The first two bytes of a DNS message (RFC 1035, section 4.1.1).
fn id_of(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|id| u16::from_be_bytes(*id))
}
