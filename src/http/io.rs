//! hyper's view of a glommio socket, with a look at what goes through it. A line that ends with LF alone is where two
//! servers begin to disagree about what a request is; a client that takes nothing would keep its place, and the answer that
//! waits for it, for ever.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_lite::{AsyncRead, AsyncWrite};
use glommio::net::TcpStream;
use hyper::rt::{Read, ReadBufCursor, Write};

use crate::descriptor;
use crate::executor::{Sleep, sleep};
use crate::limits::{HTTP_READ_BYTES, PEER_SILENCE_MAX, PEER_SILENCE_WAITED_MAX, WRITE_BYTES_MIN, WRITE_DEADLINE};

/// Whether a connection has sent what no client sends. Requests have no bodies here, so every byte is of a head.
#[derive(Clone, Debug, Default)]
pub(super) struct Damage {
    is_seen: Rc<Cell<bool>>,
    last_byte: Rc<Cell<u8>>,
}

impl Damage {
    pub(super) fn is_seen(&self) -> bool {
        self.is_seen.get()
    }

    /// Takes what was read next.
    pub(super) fn look_at(&self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' && self.last_byte.get() != b'\r' || byte == 0 {
                self.is_seen.set(true);
            }
            self.last_byte.set(byte);
        }
    }
}

/// Whether a connection has ended because its client took nothing for too long, or is not there any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Stalled(Rc<Cell<bool>>);

impl Stalled {
    pub(super) fn is_seen(&self) -> bool {
        self.0.get()
    }
}

pub(super) struct Stream {
    socket: TcpStream,
    damage: Damage,
    stalled: Stalled,
    /// Runs while the client is waited for: until when, and what it has taken since.
    patience: Option<(Sleep, usize)>,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, damage: Damage, stalled: Stalled) -> Stream {
        Stream { socket, damage, stalled, patience: None }
    }

    /// The kernel has given the client up: it has vanished.
    fn look_at_end<T>(&self, result: &io::Result<T>) {
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut) {
            self.stalled.0.set(true);
        }
    }

    /// The client is not waited for any more: from now on the kernel looks after it.
    fn wait_no_more(&mut self) {
        if self.patience.take().is_some() {
            let _ = descriptor::end_after_silence(&self.socket, PEER_SILENCE_MAX);
        }
    }

    /// What a write came to. hyper has no deadline of its own here, and what it would go on holding is the whole answer.
    ///
    /// Some progress is not enough: the kernel squeezes a little into the smallest window now and then, and a client may
    /// drip.
    fn written(&mut self, written: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.look_at_end(&result);
            if let (Some((_, taken)), Ok(bytes)) = (&mut self.patience, &result) {
                *taken += bytes;
                if *taken >= WRITE_BYTES_MIN {
                    self.wait_no_more();
                }
            }
            return Poll::Ready(result);
        }
        let (patience, _) = self.patience.get_or_insert_with(|| {
            let _ = descriptor::end_after_silence(&self.socket, PEER_SILENCE_WAITED_MAX);
            (sleep(WRITE_DEADLINE), 0)
        });
        ready!(Pin::new(patience).poll(context));
        self.stalled.0.set(true);
        // What it has not taken would stay with the kernel for as long as it answers to probes; and by a reset it hears of it.
        let _ = descriptor::reset_on_close(&self.socket);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; HTTP_READ_BYTES];
        let room = bytes.len().min(into.remaining());
        // An error goes on as an error: passed on as "nothing more" it would look like the end of the stream.
        let read = ready!(Pin::new(&mut self.socket).poll_read(context, &mut bytes[..room]));
        self.look_at_end(&read);
        let n = read?;
        self.damage.look_at(&bytes[..n]);
        into.put_slice(&bytes[..n]);
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.written(written, context)
    }

    /// A frame goes from where it is shared to the kernel: hyper would otherwise put what it sends together in a buffer of
    /// the connection's own, and keep that as large as its largest chunk was.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has nothing left to write: the client has taken all of it.
        self.wait_no_more();
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context)
    }
}
