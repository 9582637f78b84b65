//! The hostile feed server: a source of every bad temper, for the demonstration and as the fault server of the tests.
//!
//! One thread with one executor holds thousands of connections open. What it does to a peer is data ([`Script`], made of
//! [`Step`]s), given by a test at run time or known by name as a scenario. It defends itself against nobody:
//! it is for loopback and for tests.
//!
//! ```no_run
//! use rssd::tarpit::{ANY, Answer, Options, Step, Tarpit};
//! # use std::time::Duration;
//! let tarpit = Tarpit::start(Options::default())?;
//! tarpit.route("a.localhost", "/feed", Answer::ok("application/rss+xml", "<rss/>").etag("\"1\""));
//! tarpit.route(ANY, "/twice", Step::Reset.script().then(Answer::status(404)));
//! let silent = tarpit.listen([Step::ReadRequest, Step::drip("HTTP/1.1 200 OK\r\n", Duration::from_secs(1))])?;
//! // ... a client asks ...
//! assert!(tarpit.wait_for_requests(2, Duration::from_secs(5)));
//! assert_eq!(tarpit.requests()[0].head.path, "/feed");
//! # let _ = silent;
//! # Ok::<(), std::io::Error>(())
//! ```

mod answer;
mod board;
mod connection;
mod files;
mod gate;
mod index;
mod link;
mod request;
mod scenario;
mod server;
mod step;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use futures_channel::mpsc;
use glommio::Placement;
use socket2::{Domain, Protocol, Socket, Type};

pub use answer::{Answer, Coding, encode};
pub use board::{ANY, Counts};
pub use gate::Gate;
pub use request::{Head, Recorded};
pub use step::{Bytes, Script, Step};
pub use tls::Tls;

use crate::clock::Clock;
use crate::executor;
use board::Board;
use files::Files;
use server::{Port, Serves, World};
use tls::Authority;

/// Connections that the kernel completes before we accept them.
const BACKLOG: i32 = 4096;
/// Ports that may be asked for before the executor has taken one.
const PORTS_WAITING_MAX: usize = 64;
/// An executor that is not done by then is left behind.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How to start a tarpit.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 picks one.
    pub listen: SocketAddr,
    /// The port for https, on the same address; 0 picks one.
    pub tls_port: u16,
    /// A directory whose files are served as feeds under `/files/`.
    pub dir: Option<PathBuf>,
    /// Whose wall clock [`Recorded::at_ms`] shows.
    pub clock: Clock,
}

impl Default for Options {
    /// Ports of 127.0.0.1 that are free, no directory, the system's clock.
    fn default() -> Options {
        Options { listen: (Ipv4Addr::LOCALHOST, 0).into(), tls_port: 0, dir: None, clock: Clock::system() }
    }
}

/// A running tarpit. It stops when it is dropped.
pub struct Tarpit {
    board: Arc<Board>,
    ports: scenario::Ports,
    ca_pem: String,
    /// Closing it stops the executor.
    to_executor: mpsc::Sender<Port>,
    /// Closed by the thread when it ends.
    ended: std_mpsc::Receiver<()>,
    thread: Option<thread::JoinHandle<()>>,
    /// Bound and never listening: the port is nobody else's, and refuses.
    _closed: Socket,
}

impl Tarpit {
    /// Binds, reads the directory, makes a certificate authority and starts the thread. Connections are answered at once.
    ///
    /// # Errors
    ///
    /// `AddrInUse` and others of the bind; those of reading the directory; `Unsupported` where io_uring is refused.
    pub fn start(options: Options) -> io::Result<Tarpit> {
        let http = bind(options.listen)?;
        let https = bind(SocketAddr::new(options.listen.ip(), options.tls_port))?;
        let unread = bind(SocketAddr::new(options.listen.ip(), 0))?;
        let closed = bind_only(SocketAddr::new(options.listen.ip(), 0))?;
        let ports = scenario::Ports {
            http: address(&http)?,
            https: address(&https)?,
            unread: address(&unread)?,
            closed: address(&closed)?,
        };
        let files = options.dir.as_deref().map(Files::read).transpose()?.unwrap_or_default();
        let authority = Authority::new()?;
        let ca_pem = authority.pem();

        let board = Arc::new(Board::default());
        let (to_executor, from_outside) = mpsc::channel(PORTS_WAITING_MAX);
        let (at_end, ended) = std_mpsc::sync_channel::<()>(1);
        let world = {
            let (board, clock) = (Arc::clone(&board), options.clock);
            move || World {
                board,
                authority: RefCell::new(authority),
                clock,
                files,
                ports,
                memory: RefCell::default(),
                started: Clock::monotonic(),
            }
        };
        let serve = move || async move {
            server::serve(Rc::new(world()), from_outside).await;
            drop(at_end);
        };
        let thread = executor::start("tarpit", Placement::Unbound, serve)
            .map_err(|lack| io::Error::new(io::ErrorKind::Unsupported, lack.sentence))?;

        let tarpit = Tarpit { board, ports, ca_pem, to_executor, ended, thread: Some(thread), _closed: closed };
        tarpit.open(http, Serves::Http)?;
        tarpit.open(https, Serves::Https)?;
        tarpit.open(unread, Serves::Script(Step::StallUnread.script()))?;
        Ok(tarpit)
    }

    /// Where it speaks HTTP.
    pub fn addr(&self) -> SocketAddr {
        self.ports.http
    }

    /// Where it speaks HTTP behind TLS, with a certificate for whatever name is asked for.
    pub fn tls_addr(&self) -> SocketAddr {
        self.ports.https
    }

    /// The certificate of its authority, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// `http://HOST:PORT/PATH`, for a path that begins with a slash.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.addr().port())
    }

    /// `https://HOST:PORT/PATH`, for a path that begins with a slash.
    pub fn tls_url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.tls_addr().port())
    }

    /// Plays a script for the requests to this host and path, [`ANY`] for all. It comes before scenarios, replaces an
    /// earlier script of the same host and path, and holds from the next request on.
    ///
    /// The host is without a port; the path without a query, percent-encoded as it is sent.
    pub fn route(&self, host: &str, path: &str, script: impl Into<Script>) {
        self.board.route(host, path, script.into());
    }

    /// The same, where what is played depends on the request or on the hour: `decide` is asked at each request, on the
    /// tarpit's own thread, which waits for it.
    pub fn route_by(&self, host: &str, path: &str, decide: impl Fn(&Head) -> Vec<Step> + Send + Sync + 'static) {
        self.board.route_by(host, path, Arc::new(decide));
    }

    /// What clients meet that ask for this host in TLS, [`ANY`] for all.
    pub fn tls(&self, host: &str, tls: Tls) {
        self.board.set_tls(host, tls);
    }

    /// Opens a port whose connections play a script from their first byte on: the first connection the script's first
    /// play, the second its second. The end of the steps is the end of the connection.
    ///
    /// # Errors
    ///
    /// Those of the bind; `BrokenPipe` if the tarpit has ended.
    pub fn listen(&self, script: impl Into<Script>) -> io::Result<SocketAddr> {
        let socket = bind(SocketAddr::new(self.ports.http.ip(), 0))?;
        let address = address(&socket)?;
        self.open(socket, Serves::Script(script.into()))?;
        Ok(address)
    }

    /// The requests so far, oldest first, at most
    /// [`TARPIT_REQUESTS_MAX`](crate::limits::TARPIT_REQUESTS_MAX) of them.
    pub fn requests(&self) -> Vec<Recorded> {
        self.board.requests()
    }

    /// Those of one path.
    pub fn requests_of(&self, path: &str) -> Vec<Recorded> {
        let mut requests = self.requests();
        requests.retain(|request| request.head.path == path);
        requests
    }

    /// Empties the list of requests. Counts go on.
    pub fn forget_requests(&self) {
        self.board.forget_requests();
    }

    /// Open connections, and what was counted since the start.
    pub fn counts(&self) -> Counts {
        self.board.counts()
    }

    pub fn open_connections(&self) -> u64 {
        self.counts().open
    }

    /// Waits until so many requests were read since the start. `false`: they were not, within the timeout.
    #[must_use]
    pub fn wait_for_requests(&self, requests: u64, timeout: Duration) -> bool {
        self.wait(timeout, |counts| counts.requests >= requests)
    }

    /// Waits until the counts are as wanted. `false`: they were not, within the timeout.
    #[must_use]
    pub fn wait(&self, timeout: Duration, wanted: impl FnMut(Counts) -> bool) -> bool {
        self.board.wait(timeout, wanted)
    }

    /// Closes every connection and port, and waits for the thread to end.
    pub fn stop(self) {}

    fn open(&self, socket: Socket, serves: Serves) -> io::Result<()> {
        let port = Port { socket, serves };
        self.to_executor.clone().try_send(port).map_err(|error| {
            let kind = if error.is_full() { io::ErrorKind::WouldBlock } else { io::ErrorKind::BrokenPipe };
            io::Error::new(kind, "open a port of the tarpit: its thread does not take it")
        })
    }
}

impl Drop for Tarpit {
    fn drop(&mut self) {
        self.to_executor.close_channel();
        let ended = self.ended.recv_timeout(STOP_TIMEOUT);
        let Some(thread) = self.thread.take() else { return };
        if let Err(std_mpsc::RecvTimeoutError::Timeout) = ended {
            log::error!("stop the tarpit: its thread did not end within {STOP_TIMEOUT:?}; going on without it");
        } else if thread.join().is_err() {
            log::error!("stop the tarpit: its thread panicked");
        }
    }
}

/// A listening socket without SO_REUSEPORT: a second program on the same port is an error.
fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = bind_only(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn bind_only(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn address(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("a TCP socket has an IP address"))
}
