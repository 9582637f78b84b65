//! One accepted connection as bytes in and bytes out, with or without TLS. It knows neither HTTP nor scripts.
//!
//! Invariant: it never keeps the executor. A peer that takes everything at once, or sends without end, makes no wait
//! pending, so both directions yield when the executor wants to go on.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncWriteExt, future};
use glommio::net::TcpStream;
use rustls::ServerConnection;

use crate::descriptor;

/// On the stack of a poll only, so that a waiting connection holds no buffer.
const READ_BYTES: usize = 8 << 10;

/// Between two looks at a peer from which nothing is read.
const PEER_LOOK_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) struct Link {
    pub(super) tcp: TcpStream,
    /// Boxed: most connections have none.
    pub(super) tls: Option<Box<ServerConnection>>,
}

/// Whether the peer is still there after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Here,
    Gone,
}

impl Link {
    pub(crate) fn new(tcp: TcpStream) -> Link {
        Link { tcp, tls: None }
    }

    /// Appends what the peer sent. 0: it has closed its side.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        glommio::yield_if_needed().await;
        poll_fn(|cx| self.poll_read(cx, into)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; READ_BYTES];
        loop {
            if let Some(tls) = &mut self.tls {
                match tls.reader().read(&mut bytes) {
                    Ok(read) => {
                        into.extend_from_slice(&bytes[..read]);
                        return Poll::Ready(Ok(read));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            let read = ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut bytes))?;
            let Some(tls) = &mut self.tls else {
                into.extend_from_slice(&bytes[..read]);
                return Poll::Ready(Ok(read));
            };
            if read == 0 {
                return Poll::Ready(Ok(0));
            }
            feed(tls, &bytes[..read])?;
        }
    }

    /// Sends all of it.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => self.tcp.write_all(bytes).await?,
            Some(_) => {
                // Records of at most 16 KiB, so that a large body is not encrypted whole before its first byte leaves.
                for part in bytes.chunks(16 << 10) {
                    if let Some(tls) = &mut self.tls {
                        tls.writer().write_all(part)?;
                    }
                    self.flush().await?;
                    glommio::yield_if_needed().await;
                }
            }
        }
        glommio::yield_if_needed().await;
        Ok(())
    }

    /// Sends what TLS has to say.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let records = self.take_records()?;
        self.tcp.write_all(&records).await
    }

    /// What TLS has to say, for whoever sends it in another way.
    pub(super) fn take_records(&mut self) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
        }
        Ok(records)
    }

    /// Waits; what the peer sends meanwhile is kept up to `kept_max` and dropped beyond.
    pub(crate) async fn wait(&mut self, time: Duration, kept: &mut Vec<u8>, kept_max: usize) -> io::Result<Peer> {
        let timer = async {
            glommio::timer::sleep(time).await;
            Ok(Peer::Here)
        };
        future::or(timer, self.until_gone(kept, kept_max)).await
    }

    /// Reads until the peer has closed its side.
    pub(crate) async fn until_gone(&mut self, kept: &mut Vec<u8>, kept_max: usize) -> io::Result<Peer> {
        while self.read(kept).await? > 0 {
            kept.truncate(kept_max);
        }
        Ok(Peer::Gone)
    }

    /// Reads nothing until the peer has closed its side.
    pub(crate) async fn until_gone_unread(&mut self) -> Peer {
        while !descriptor::peer_gone(&self.tcp) {
            glommio::timer::sleep(PEER_LOOK_INTERVAL).await;
        }
        Peer::Gone
    }

    /// Says that nothing follows.
    pub(crate) async fn half_close(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            self.flush().await?;
        }
        Ok(self.tcp.shutdown(Shutdown::Write).await?)
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        descriptor::reset_on_close(&self.tcp)
    }
}

/// Gives received bytes to TLS. A protocol error leaves its alert among the records to send.
pub(super) fn feed(tls: &mut ServerConnection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        tls.process_new_packets().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    }
    Ok(())
}
