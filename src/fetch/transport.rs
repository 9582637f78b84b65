//! ureq's view of a connection: its `Connector`, `Resolver` and `Transport` over a glommio socket that is connected
//! already, plain or TLS.
//!
//! Runs on a fiber: where ureq would block, the fiber waits. `is_open` and `Drop` never wait: ureq calls them under its
//! pool's lock, and unwinding calls `Drop`.
//!
//! ureq's pool stays empty. It asks `is_open` exactly when an answer was read to its end and both sides keep the
//! connection, and that is when ours is handed back ([`Remains`]), unless more came than an answer.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::TcpStream;
use rustls::ClientConnection;
use send_wrapper::SendWrapper;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};

use super::fiber::wait;
use super::flight::Flight;
use super::heads::{Heads, Length};
use super::stretch::Stretch;
use super::tls;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{ANSWER_HEAD_BYTES_MAX, TLS_RECORD_BYTES};

/// A connected socket, with the TLS session on it if there is one.
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) tls: Option<Box<ClientConnection>>,
}

/// What an exchange leaves beside its answer.
#[derive(Default)]
pub(crate) struct Remains {
    /// The connection, if it can be used again.
    pub(crate) connection: RefCell<Option<Connection>>,
    /// More came than the Content-Length said, and it was not only an empty line.
    pub(crate) is_overrun: Cell<bool>,
    /// The connection ended where the body's framing said that more is to come.
    pub(crate) is_cut: Cell<bool>,
}

/// Hands one connection, made beforehand, to ureq.
pub(crate) struct Prepared(SendWrapper<RefCell<Option<FlightTransport>>>);

impl Prepared {
    /// `request_bytes` is room for the longest line of the request's head.
    pub(crate) fn new(
        connection: Connection,
        flight: Rc<Flight>,
        request_bytes: usize,
        remains: &Rc<Remains>,
    ) -> Prepared {
        let transport = FlightTransport {
            connection: SendWrapper::new(Some(connection)),
            remains: SendWrapper::new(remains.clone()),
            flight: SendWrapper::new(flight),
            buffers: LazyBuffers::new(ANSWER_HEAD_BYTES_MAX, request_bytes),
            heads: Some(Heads::default()),
            mended: Vec::new(),
            mended_at: 0,
            body_left: Length::ToTheEnd,
            sealed: Vec::new(),
            sealed_at: 0,
            stretch: SendWrapper::new(Stretch::new()),
        };
        Prepared(SendWrapper::new(RefCell::new(Some(transport))))
    }
}

impl Connector<()> for Prepared {
    type Out = FlightTransport;

    fn connect(&self, _: &ConnectionDetails, _: Option<()>) -> Result<Option<FlightTransport>, ureq::Error> {
        Ok(self.0.borrow_mut().take())
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

/// ureq asks for addresses before it asks for a connection; ours were dialled already.
#[derive(Debug)]
pub(crate) struct Dialled(pub(crate) std::net::SocketAddr);

impl Resolver for Dialled {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

/// The socket as ureq reads and writes it. Its deadlines are the flight's, not ureq's: those are only the backstop.
pub(crate) struct FlightTransport {
    /// `None` once it was handed back, which is the last that ureq does with it.
    connection: SendWrapper<Option<Connection>>,
    remains: SendWrapper<Rc<Remains>>,
    flight: SendWrapper<Rc<Flight>>,
    buffers: LazyBuffers,
    /// `None` once the answer's head is whole.
    heads: Option<Heads>,
    /// The head for ureq and what came with it, from `mended_at` not yet in the input buffer.
    mended: Vec<u8>,
    mended_at: usize,
    /// What of the body is still to come.
    body_left: Length,
    /// Bytes received but not yet taken by rustls, from `sealed_at`.
    sealed: Vec<u8>,
    sealed_at: usize,
    stretch: SendWrapper<Stretch>,
}

impl FlightTransport {
    /// Waits for `operation` until the phase's deadline; what went wrong is left with the flight.
    fn within<T>(flight: &Flight, operation: impl Future<Output = io::Result<T>>) -> Result<T, ureq::Error> {
        wait(flight.within(operation, broken)).map_err(|failure| give_up(flight, failure))
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), ureq::Error> {
        let Connection { socket, .. } = connection(&mut self.connection);
        Self::within(&self.flight, socket.write_all(bytes))
    }

    /// Receives plain text into the input buffer; 0 at the end of the stream.
    fn receive(&mut self) -> Result<usize, ureq::Error> {
        let flight = &**self.flight;
        let Connection { socket, tls } = connection(&mut self.connection);
        let room = self.buffers.input_append_buf();
        if room.is_empty() {
            // A head is never put there before it is whole.
            let message = format!(
                "the body breaks HTTP's rules: a line between its chunks is longer than {ANSWER_HEAD_BYTES_MAX} bytes"
            );
            return Err(give_up(flight, Failure::new(Class::Body, Phase::Body, message)));
        }
        let Some(tls) = tls else {
            self.stretch.pause();
            let n = Self::within(flight, socket.read(room))?;
            self.stretch.go_on();
            flight.received(n).map_err(|failure| give_up(flight, failure))?;
            return Ok(n);
        };
        loop {
            match tls::read_plain(tls, room).map_err(|error| give_up(flight, broken(flight.phase(), error)))? {
                Some(0) => {}
                Some(n) => return Ok(n),
                None => return Ok(0),
            }
            if self.sealed_at == self.sealed.len() {
                self.stretch.pause();
                self.sealed.resize(TLS_RECORD_BYTES, 0);
                let n = Self::within(flight, socket.read(&mut self.sealed))?;
                self.stretch.go_on();
                self.sealed.truncate(n);
                self.sealed_at = 0;
                flight.received(n).map_err(|failure| give_up(flight, failure))?;
                if n == 0 {
                    // Tells rustls, so that a stream without a goodbye is an error and not an end.
                    let _ = tls.read_tls(&mut io::empty());
                }
            }
            let taken = tls::feed(tls, &self.sealed[self.sealed_at..]).map_err(|error| {
                give_up(flight, Failure::new(Class::Tls, flight.phase(), format!("TLS failed: {error}")))
            })?;
            self.sealed_at += taken;
        }
    }
}

impl FlightTransport {
    /// Receives until the answer's head is whole, and gives its first part to ureq; 0 at the end of the stream.
    fn receive_head(&mut self) -> Result<usize, ureq::Error> {
        while let Some(mut heads) = self.heads.take() {
            let n = self.receive()?;
            if n == 0 {
                return Ok(0);
            }
            let flight = &**self.flight;
            // Plain text: what TLS sends of its own after the handshake is no answer.
            if flight.phase() == Phase::FirstByte {
                flight.enter(Phase::Header);
            }
            let received = &self.buffers.input_append_buf()[..n];
            match heads.feed(received).map_err(|failure| give_up(flight, failure))? {
                None => self.heads = Some(heads),
                Some(whole) => {
                    self.body_left = whole.length;
                    count_body(&mut self.body_left, &self.remains, &whole.bytes[whole.head_bytes..]);
                    self.mended = whole.bytes;
                }
            }
        }
        Ok(self.take_mended())
    }

    fn take_mended(&mut self) -> usize {
        let room = self.buffers.input_append_buf();
        let rest = &self.mended[self.mended_at..];
        let n = rest.len().min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        self.mended_at += n;
        if self.mended_at == self.mended.len() {
            (self.mended, self.mended_at) = (Vec::new(), 0);
        }
        n
    }

    fn holds_nothing(&self) -> bool {
        self.mended.is_empty() && self.sealed_at == self.sealed.len() && self.buffers.input().is_empty()
    }
}

impl Transport for FlightTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        if self.flight.phase() != Phase::Send {
            self.flight.enter(Phase::Send);
        }
        let output = self.buffers.output()[..amount].to_vec();
        let bytes = match &mut connection(&mut self.connection).tls {
            Some(tls) => tls::encrypt(tls, &output)?,
            None => output,
        };
        self.send(&bytes)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        if self.flight.phase() == Phase::Send {
            self.flight.enter(Phase::FirstByte);
        }
        let n = if self.heads.is_some() {
            self.receive_head()?
        } else if !self.mended.is_empty() {
            self.take_mended()
        } else {
            let n = self.receive()?;
            count_body(&mut self.body_left, &self.remains, &self.buffers.input_append_buf()[..n]);
            // ureq reads on only where the body's end has not come.
            self.remains.is_cut.set(n == 0 && !matches!(self.body_left, Length::Bytes(0) | Length::ToTheEnd));
            n
        };
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        // Bytes that nobody asked for are the beginning of no answer.
        let is_clean = |tls: &mut ClientConnection| matches!(tls::read_plain(tls, &mut [0]), Ok(Some(0)));
        if self.holds_nothing()
            && let Some(mut connection) = (*self.connection).take()
            && connection.tls.as_deref_mut().is_none_or(is_clean)
        {
            *self.remains.connection.borrow_mut() = Some(connection);
        }
        // Never pooled by ureq.
        false
    }

    fn is_tls(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.tls.is_some())
    }
}

impl fmt::Debug for FlightTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlightTransport")
    }
}

fn connection(there: &mut Option<Connection>) -> &mut Connection {
    there.as_mut().expect("ureq reads and writes nothing after the end of an answer")
}

/// Notices when more of a body comes than its head has told: then its end is anywhere. `left` is still to come.
fn count_body(left: &mut Length, remains: &Remains, received: &[u8]) {
    let Length::Bytes(left) = left else { return };
    let told = usize::try_from(*left).unwrap_or(usize::MAX).min(received.len());
    *left -= told as u64;
    if !received[told..].trim_ascii().is_empty() {
        remains.is_overrun.set(true);
    }
}

/// What a socket error means. Whatever it hits, an answer that broke off is `body`: the connection was there.
fn broken(phase: Phase, error: io::Error) -> Failure {
    let what = match phase {
        Phase::Send => "while the request was sent",
        Phase::FirstByte => "before the answer began",
        Phase::Header => "within the answer's head",
        _ => "within the body",
    };
    Failure::new(Class::Body, phase, format!("the connection broke {what}: {error}"))
}

fn give_up(flight: &Flight, failure: Failure) -> ureq::Error {
    let error = io::Error::other(failure.message.clone());
    flight.fail(failure);
    ureq::Error::Io(error)
}
