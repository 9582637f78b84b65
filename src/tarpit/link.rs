//! One accepted connection as bytes in and bytes out, with or without TLS. It knows neither HTTP nor scripts.
//!
//! Invariant: it never keeps the executor. A peer that takes everything at once, or sends without end, makes no wait
//! pending, so a link naps after so many bytes in either direction.

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
use crate::executor::{nap, sleep};

/// On the stack of a poll only, so that a waiting connection holds no buffer.
const READ_BYTES: usize = 8 << 10;

/// At once: a record of TLS, so that a large body is not encrypted whole before its first byte leaves.
const WRITE_BYTES: usize = 16 << 10;

/// Moved between two naps.
const NAP_BYTES: usize = 256 << 10;

/// What a read or a write counts for at least.
const CALL_BYTES: usize = 1 << 10;

/// Between two looks at a peer from which nothing is read.
const PEER_LOOK_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) struct Link {
    pub(super) tcp: TcpStream,
    /// Boxed: most connections have none.
    pub(super) tls: Option<Box<ServerConnection>>,
    /// Moved since the last nap.
    bytes_awake: usize,
}

/// Whether the peer is still there after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Here,
    Gone,
}

impl Link {
    pub(crate) fn new(tcp: TcpStream) -> Link {
        Link { tcp, tls: None, bytes_awake: 0 }
    }

    /// Appends what the peer sent. 0: it has closed its side.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let read = poll_fn(|cx| self.poll_read(cx, into)).await?;
        self.moved(read).await;
        Ok(read)
    }

    /// Counts bytes, and naps when there were many.
    async fn moved(&mut self, bytes: usize) {
        // A call costs something too, so that a peer of single bytes counts.
        self.bytes_awake += bytes.max(CALL_BYTES);
        if self.bytes_awake >= NAP_BYTES {
            self.bytes_awake = 0;
            nap().await;
        }
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
        for part in bytes.chunks(WRITE_BYTES) {
            if let Some(tls) = &mut self.tls {
                tls.writer().write_all(part)?;
                self.flush().await?;
            } else {
                self.tcp.write_all(part).await?;
            }
            self.moved(part.len()).await;
        }
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
            sleep(time).await;
        };
        self.wait_for(timer, kept, kept_max).await
    }

    /// Waits for something to happen; likewise.
    pub(crate) async fn wait_for(
        &mut self,
        event: impl Future<Output = ()>,
        kept: &mut Vec<u8>,
        kept_max: usize,
    ) -> io::Result<Peer> {
        let event = async {
            event.await;
            Ok(Peer::Here)
        };
        future::or(event, self.until_gone(kept, kept_max)).await
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
            sleep(PEER_LOOK_INTERVAL).await;
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use glommio::{LocalExecutorBuilder, Placement};

    use super::*;

    #[test]
    fn a_link_naps_after_many_bytes_and_after_many_calls() {
        let executor = LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().unwrap();
        executor.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut link = Link::new(TcpStream::from(socket2::Socket::from(peer)));
            // Now and then the machine takes longer for a nap than it lasts, and it is none.
            let (mut after_bytes, mut after_calls) = (0, 0);
            for _ in 0..10 {
                assert!(future::poll_once(link.moved(NAP_BYTES - CALL_BYTES)).await.is_some());
                after_bytes += u32::from(future::poll_once(link.moved(1)).await.is_none());
                for _ in 1..NAP_BYTES / CALL_BYTES {
                    assert!(future::poll_once(link.moved(1)).await.is_some());
                }
                after_calls += u32::from(future::poll_once(link.moved(1)).await.is_none());
            }
            assert!(after_bytes > 0 && after_calls > 0, "{after_bytes} naps after bytes, {after_calls} after calls");
        });
    }
}
