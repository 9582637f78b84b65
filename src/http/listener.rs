//! The socket that listens: bound here, or handed over by a service manager that goes on holding it.
//!
//! It says nothing about who is let in. Invariant: no connection leaves the kernel's queue before there is somebody to
//! answer it. So an accept never waits in the ring, where it would take a connection along into the end of the process;
//! only the look for one does.

use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::thread;

use glommio::io::PollableFd;
use glommio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::clock::Clock;
use crate::limits::{
    CLIENT_SEND_BUFFER_BYTES, LISTEN_BACKLOG, LISTEN_RETRY, LISTEN_RETRY_INTERVAL, PEER_PROBE_AFTER,
    PEER_PROBE_INTERVAL, PEER_SILENCE_MAX,
};

/// Where to listen.
#[derive(Clone, Debug)]
pub enum Listen {
    /// An address to bind; the kernel picks port 0's.
    At(SocketAddr),
    /// A TCP socket that listens already; whoever handed it over holds it too.
    Handed { socket: Arc<Socket>, address: SocketAddr },
}

impl Listen {
    pub fn address(&self) -> SocketAddr {
        match self {
            Listen::At(address) | Listen::Handed { address, .. } => *address,
        }
    }
}

/// A socket that listens, and where.
pub(crate) struct Listener {
    socket: Socket,
    address: SocketAddr,
    is_handed: bool,
}

impl Listener {
    /// Binds without SO_REUSEPORT, since two daemons would share a port without a word; or takes what was handed over.
    ///
    /// # Errors
    ///
    /// As the kernel says, `AddrInUse` among them.
    pub(crate) fn open(listen: &Listen) -> io::Result<Listener> {
        let (socket, is_handed) = match listen {
            Listen::At(address) => (bind(*address)?, false),
            Listen::Handed { socket, .. } => (socket.try_clone()?, true),
        };
        // Connections inherit it: a client that never reads absorbs that much of the kernel's memory, and no more.
        socket.set_send_buffer_size(CLIENT_SEND_BUFFER_BYTES)?;
        // And a client that vanished without a word, a laptop that was closed: of one that is sent nothing only the probes
        // tell, of one that is sent something only what it does not acknowledge.
        let probes = TcpKeepalive::new().with_time(PEER_PROBE_AFTER).with_interval(PEER_PROBE_INTERVAL);
        socket.set_tcp_keepalive(&probes)?;
        socket.set_tcp_user_timeout(Some(PEER_SILENCE_MAX))?;
        socket.set_nonblocking(true)?;
        if !is_handed {
            socket.listen(LISTEN_BACKLOG)?;
        }
        let address = socket.local_addr()?.as_socket().unwrap_or(listen.address());
        Ok(Listener { socket, address, is_handed })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A daemon that was killed a moment ago holds its port until the kernel has taken its io_uring apart, which it does after
/// the process has ended: so an address in use is tried again for [`LISTEN_RETRY`].
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let deadline = Clock::monotonic() + LISTEN_RETRY;
    loop {
        match bind_once(address) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Clock::monotonic() < deadline => {
                thread::park_timeout(LISTEN_RETRY_INTERVAL);
            }
            bound => return bound,
        }
    }
}

fn bind_once(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the old one's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A listener on the executor that accepts.
pub(super) struct Door {
    socket: PollableFd<Socket>,
    is_handed: bool,
}

impl Door {
    /// # Errors
    ///
    /// Where no executor runs.
    pub(super) fn new(listener: Listener) -> io::Result<Door> {
        Ok(Door { socket: PollableFd::new(listener.socket)?, is_handed: listener.is_handed })
    }

    /// The next connection.
    ///
    /// # Errors
    ///
    /// As the kernel says, such as too many open files. The next try may succeed.
    pub(super) async fn accept(&self) -> io::Result<TcpStream> {
        loop {
            match self.socket.get_ref().accept() {
                Ok((socket, _)) => return Ok(socket.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.socket.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// A connection that waits already.
    ///
    /// # Errors
    ///
    /// As the kernel says, and `WouldBlock` where none does.
    pub(super) fn accept_waiting(&self) -> io::Result<TcpStream> {
        self.socket.get_ref().accept().map(|(socket, _)| socket.into())
    }

    /// Lets nobody in any more.
    pub(super) fn close(self) {
        // The look for connections that waits in the ring would hold the port until the kernel tidies up, even after the
        // process has ended. A socket that others hold must go on listening: the next daemon answers what waits there.
        if !self.is_handed {
            let _ = self.socket.get_ref().shutdown(Shutdown::Read);
        }
    }
}
