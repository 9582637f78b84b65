//! The tarpit's thread: one executor, its listeners, and the connections that it holds open.
//!
//! Invariants: accepting survives everything, running out of descriptors too; a connection's panic ends that connection;
//! the executor ends only after every connection has.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::Shutdown;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures_channel::mpsc;
use futures_lite::{FutureExt, StreamExt, future};
use glommio::net::TcpStream;
use socket2::Socket;

use super::board::Board;
use super::connection::{self, Origin, Role};
use super::files::Files;
use super::link::Link;
use super::request::Head;
use super::scenario::{self, Memory};
use super::step::{Script, Step};
use super::tls::{Authority, Tls};
use crate::clock::Clock;
use crate::descriptor;
use crate::executor::{nap, sleep};
use crate::limits::TARPIT_CONNECTIONS_MAX;

/// Connections accepted in a row before others get their turn.
const ACCEPTED_IN_A_ROW: usize = 64;
/// After a failed accept, which would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// One more port, with what its connections meet: the first, the second, and so on.
pub(crate) struct Port {
    pub(crate) socket: Socket,
    pub(crate) serves: Serves,
}

#[derive(Clone, Debug)]
pub(crate) enum Serves {
    Http,
    Https,
    Script(Script),
}

/// Everything that connections share. It stays on the tarpit's thread.
pub(crate) struct World {
    pub(crate) board: Arc<Board>,
    pub(crate) authority: RefCell<Authority>,
    pub(crate) clock: Clock,
    pub(crate) files: Files,
    pub(crate) ports: scenario::Ports,
    pub(crate) memory: RefCell<Memory>,
    pub(crate) started: Instant,
}

impl World {
    /// What is played for a request: a route of the tests, else a file, else a scenario.
    pub(crate) fn steps(&self, head: &Head, tls: bool) -> Arc<[Step]> {
        self.board.play(head).unwrap_or_else(|| scenario::steps(head, tls, self))
    }

    /// What a client that asks for this name meets in TLS.
    pub(crate) fn tls(&self, name: Option<&str>) -> Tls {
        let name = name.unwrap_or_default();
        self.board.tls(name).unwrap_or_else(|| scenario::tls(name))
    }
}

/// Ends every connection at once. Like a bell: rung once, heard by all.
#[derive(Default)]
struct Bell {
    rung: Cell<bool>,
    listeners: RefCell<HashMap<u64, Waker>>,
}

impl Bell {
    fn ring(&self) {
        self.rung.set(true);
        for (_, waker) in self.listeners.borrow_mut().drain() {
            waker.wake();
        }
    }

    async fn heard(&self, listener: u64) {
        poll_fn(|cx| {
            if self.rung.get() {
                return Poll::Ready(());
            }
            self.listeners.borrow_mut().insert(listener, cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn leave(&self, listener: u64) {
        self.listeners.borrow_mut().remove(&listener);
    }
}

/// Serves on the ports that come, until `ports` is closed and the last connection has ended.
pub(crate) async fn serve(world: Rc<World>, mut ports: mpsc::Receiver<Port>) {
    let bell = Rc::new(Bell::default());
    let mut listeners = Vec::new();
    while let Some(port) = ports.next().await {
        let listener = listen(port, Rc::clone(&world), Rc::clone(&bell));
        listeners.push(glommio::spawn_local(listener));
    }
    bell.ring();
    for listener in listeners {
        listener.await;
    }
}

/// Accepts on one port until the bell rings, and returns when the last of its connections has ended.
async fn listen(port: Port, world: Rc<World>, bell: Rc<Bell>) {
    // Connections are numbered from 1 on; a listener needs a number of its own that none of them has.
    let listener_number =
        u64::MAX - u64::from(port.socket.local_addr().ok().and_then(|a| a.as_socket()).map_or(0, |a| a.port()));
    let socket = port.socket.try_clone();
    let listener = descriptor::listener(port.socket);
    let open = Rc::new(Open::default());
    let mut accepted = 0;
    let mut failing = false;
    loop {
        let stream = async { Some(listener.accept().await) };
        let rung = async {
            bell.heard(listener_number).await;
            None
        };
        match future::or(rung, stream).await {
            None => break,
            Some(Ok(stream)) => {
                let role = match &port.serves {
                    Serves::Http => Role::Http,
                    Serves::Https => Role::Https,
                    Serves::Script(script) => Role::Scripted(script.play(accepted)),
                };
                accepted += 1;
                if accepted.is_multiple_of(ACCEPTED_IN_A_ROW) {
                    nap().await;
                }
                failing = false;
                hold(stream, role, &world, &bell, &open);
            }
            Some(Err(error)) => {
                // Once for each time that it begins: out of descriptors, this comes fifty times a second.
                if !std::mem::replace(&mut failing, true) {
                    log::warn!("accept a connection: {error}; trying again, raise the limit of open files if it stays");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // An accept that is pending in the ring keeps the socket listening until the kernel has cleaned up, which may be after
    // the program has ended; the port would be in use for whoever starts next.
    if let Ok(socket) = socket {
        let _ = socket.shutdown(Shutdown::Read);
    }
    drop(listener);
    open.none().await;
}

fn hold(stream: TcpStream, role: Role, world: &Rc<World>, bell: &Rc<Bell>, open: &Rc<Open>) {
    let Ok(peer) = stream.peer_addr() else { return };
    if world.board.counts().open >= TARPIT_CONNECTIONS_MAX {
        return;
    }
    // Drips and answers of one segment go out as they are written; without it they would only be slower.
    let _ = stream.set_nodelay(true);
    let number = world.board.opened();
    let origin = Origin { peer, number, tls: matches!(role, Role::Https) };
    open.enter();
    let (world, bell, open) = (Rc::clone(world), Rc::clone(bell), Rc::clone(open));
    glommio::spawn_local(async move {
        let served = async {
            let served = AssertUnwindSafe(connection::serve(Link::new(stream), origin, role, &world)).catch_unwind();
            match served.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log::debug!("connection {number} from {peer}: {error}"),
                Err(_) => log::error!("connection {number} from {peer}: its task panicked"),
            }
        };
        future::or(bell.heard(number), served).await;
        bell.leave(number);
        world.board.closed();
        open.leave();
    })
    .detach();
}

/// How many connections of a port are open, for the one who waits until none is.
#[derive(Default)]
struct Open {
    count: Cell<u64>,
    waiter: RefCell<Option<Waker>>,
}

impl Open {
    fn enter(&self) {
        self.count.set(self.count.get() + 1);
    }

    fn leave(&self) {
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0
            && let Some(waiter) = self.waiter.borrow_mut().take()
        {
            waiter.wake();
        }
    }

    async fn none(&self) {
        poll_fn(|cx| {
            if self.count.get() == 0 {
                return Poll::Ready(());
            }
            *self.waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
