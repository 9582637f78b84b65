//! What hickory needs from an executor, given by glommio: timers, background tasks, TCP and UDP.
//!
//! hickory's traits ask for `Send`, and glommio's things stay on their core: [`SendWrapper`] stands between them and panics, should
//! one ever be touched from another thread. None is, since a resolver never leaves its core.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::{AsyncRead, AsyncWrite, FutureExt, future};
use glommio::net::TcpStream;
use glommio::sync::{Semaphore, StaticPermit};
use hickory_resolver::net::runtime::{DnsTcpStream, DnsUdpSocket, RuntimeProvider, Spawn, Time};
use send_wrapper::SendWrapper;

use super::udp::{Query, Sockets};
use crate::executor::sleep;
use crate::limits::{DNS_TCP_IDLE, DNS_TCP_MAX};

/// One resolver's share of its core.
#[derive(Clone)]
pub(super) struct Runtime(SendWrapper<Rc<Share>>);

struct Share {
    sockets: Rc<Sockets>,
    tcp: Rc<Semaphore>,
    tasks: Cell<usize>,
    /// Waits until no task is left.
    drain: RefCell<Option<Waker>>,
}

impl Runtime {
    pub(super) fn new() -> Runtime {
        Runtime(SendWrapper::new(Rc::new(Share {
            sockets: Rc::default(),
            tcp: Rc::new(Semaphore::new(DNS_TCP_MAX)),
            tasks: Cell::new(0),
            drain: RefCell::default(),
        })))
    }

    /// Lookups, so far, that failed for want of a descriptor.
    pub(super) fn short(&self) -> u64 {
        self.0.sockets.short()
    }

    /// How many descriptors are open.
    #[cfg(test)]
    pub(super) fn descriptors(&self) -> usize {
        self.0.sockets.open() + (DNS_TCP_MAX - self.0.tcp.available()) as usize
    }

    /// How many of hickory's background tasks run.
    #[cfg(test)]
    pub(super) fn tasks(&self) -> usize {
        self.0.tasks.get()
    }

    /// Until the last background task has ended.
    pub(super) async fn idle(&self) {
        poll_fn(|cx| {
            *self.0.drain.borrow_mut() = Some(cx.waker().clone());
            if self.0.tasks.get() == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl RuntimeProvider for Runtime {
    type Handle = Runtime;
    type Timer = Timer;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Runtime {
        self.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _bind_addr: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Tcp>>>> {
        let (permits, sockets) = (Rc::clone(&self.0.tcp), Rc::clone(&self.0.sockets));
        Box::pin(SendWrapper::new(async move {
            let connect = async {
                let permit = permits.acquire_static_permit(1).await?;
                let stream = TcpStream::connect(server).await.map_err(io::Error::from);
                let stream = stream.inspect_err(|error| sockets.count_short(error))?;
                Ok(Tcp(SendWrapper::new(Stream { stream, idle: idle(), _permit: permit })))
            };
            let too_late = async {
                sleep(timeout.unwrap_or(DNS_TCP_IDLE)).await;
                Err(io::ErrorKind::TimedOut.into())
            };
            future::or(connect, too_late).await
        }))
    }

    fn bind_udp(
        &self,
        _local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Udp>>>> {
        // The port is the kernel's choice, at random, when the query finds its socket.
        Box::pin(std::future::ready(Ok(Udp(SendWrapper::new(self.0.sockets.query(server))))))
    }
}

impl Spawn for Runtime {
    fn spawn_bg(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        let running = Running::start(Rc::clone(&self.0));
        glommio::spawn_local(async move {
            let _running = running;
            // A panic that left the task would end the executor. The lookups that it served fail and are tried anew.
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                log::error!("a background task of the resolver panicked; the lookups that it served fail");
            }
        })
        .detach();
    }
}

/// Counts a background task for as long as it exists.
struct Running(Rc<Share>);

impl Running {
    fn start(share: Rc<Share>) -> Running {
        share.tasks.set(share.tasks.get() + 1);
        Running(share)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.tasks.set(self.0.tasks.get() - 1);
        if let Some(waker) = self.0.drain.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// glommio's timers.
pub(super) struct Timer;

#[async_trait::async_trait]
impl Time for Timer {
    async fn delay_for(duration: Duration) {
        SendWrapper::new(sleep(duration)).await;
    }

    async fn timeout<F: 'static + Future + Send>(duration: Duration, future: F) -> io::Result<F::Output> {
        let too_late = async {
            sleep(duration).await;
            Err(io::ErrorKind::TimedOut.into())
        };
        SendWrapper::new(future::or(async { Ok(future.await) }, too_late)).await
    }
}

/// A query on a socket that it may share.
pub(super) struct Udp(SendWrapper<Query>);

impl DnsUdpSocket for Udp {
    type Time = Timer;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_receive(cx, buffer)
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, message: &[u8], _server: SocketAddr) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, message)
    }
}

/// A connection to a name server, for answers that do not fit a datagram.
pub(super) struct Tcp(SendWrapper<Stream>);

/// hickory keeps connections for as long as the server does. This one ends by itself when nothing moved on it for a while,
/// and gives its permit to those who wait.
struct Stream {
    stream: TcpStream,
    idle: Pin<Box<dyn Future<Output = ()>>>,
    _permit: StaticPermit,
}

fn idle() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async {
        sleep(DNS_TCP_IDLE).await;
    })
}

impl DnsTcpStream for Tcp {
    type Time = Timer;
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self.0;
        match Pin::new(&mut this.stream).poll_read(cx, buffer) {
            // To hickory it looks as if the server had closed, which it is ready for at any time.
            Poll::Pending => this.idle.as_mut().poll(cx).map(|()| Ok(0)),
            ready => {
                this.idle = idle();
                ready
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self.0;
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_ready() {
            this.idle = idle();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.stream).poll_close(cx)
    }
}
