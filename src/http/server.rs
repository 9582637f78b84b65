//! Connections: who is let in, for how long, and what is done to those who misbehave.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_lite::FutureExt;
use glommio::net::TcpStream;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use socket2::{Domain, Socket, Type};

use super::gatekeeper::is_health;
use super::io::{Damage, Stalled, Stream};
use super::listener::{Door, Listener};
use super::respond::{self, Answer, Body};
use super::site::{Site, Sources, add};
use super::timer::CoreTimer;
use super::{hub, routes};
use crate::clock::Clock;
use crate::descriptor;
use crate::executor::{nap, sleep};
use crate::gauges::PollNews;
use crate::limits::{
    ACCEPT_RETRY_MS, ACCEPTS_IN_A_ROW_MAX, HEAD_TIMEOUT, HEARTBEAT_MS, LAST_DESCRIPTOR_MS, LEFT_IN_A_ROW_MAX,
    LEFT_WAITING_MAX, REQUEST_HEAD_BYTES_MAX, REQUESTS_MAX, RETRY_AFTER_BUSY_S, TURN_AWAY_TIMEOUT, TURNED_AWAY_MAX,
};
use crate::stream::Lead;
use crate::watch::{self, Doing};
use crate::wire::Problem;

/// What the HTTP core hears from elsewhere.
pub(crate) struct News {
    /// Something was committed: look.
    pub(crate) commits: mpsc::Receiver<()>,
    /// Of the commits over what is published here.
    pub(crate) lead: Arc<Lead>,
    pub(crate) polls: mpsc::Receiver<PollNews>,
}

/// Serves until `stop` resolves.
pub(crate) async fn serve(listener: Listener, sources: Sources, news: News, stop: oneshot::Receiver<()>) {
    let door = match Door::new(listener) {
        Ok(door) => door,
        Err(error) => return log::error!("cannot accept connections: {error}"),
    };
    let connections_max = sources.connections_max;
    let site = Rc::new(Site::new(sources, news.lead));
    let following = [
        glommio::spawn_local(hub::follow_commits(site.clone(), news.commits)),
        glommio::spawn_local(hub::follow_polls(site.clone(), news.polls)),
        glommio::spawn_local(hub::keep_history(site.clone())),
        glommio::spawn_local(hub::follow_crowds(site.clone())),
        glommio::spawn_local(turn(site.clone())),
    ];
    let left = RefCell::new(VecDeque::new());
    // So that fetches keep their descriptors.
    let left_max = (connections_max / 16).clamp(4, LEFT_WAITING_MAX);
    let accepting = async {
        let (mut accepted, mut had_left, mut spare) = (0u32, 0u32, Spare::new());
        loop {
            match door.accept().await {
                // Behind everybody who is still there: thousands of them would be as many requests before the next one.
                Ok(stream) if descriptor::peer_gone(&stream) => {
                    // One too many is closed without a word, which it would not read.
                    if left.borrow().len() < left_max {
                        left.borrow_mut().push_back(stream);
                    }
                    had_left += 1;
                    // A closed one gives its descriptor back when the executor turns.
                    if had_left.is_multiple_of(LEFT_IN_A_ROW_MAX) {
                        nap().await;
                    }
                    continue;
                }
                Ok(stream) if site.counts.connections.get() >= connections_max => turn_away(&site, stream),
                Ok(stream) => admit(&site, stream),
                // Out of descriptors, mostly: it passes.
                Err(_) => spare.turn_away(&site, &door).await,
            }
            // Those who are here go first: a flood waits in the kernel and not in our memory.
            accepted += 1;
            if accepted.is_multiple_of(ACCEPTS_IN_A_ROW_MAX) {
                nap().await;
            }
        }
    };
    // A client may close its half and read the answer all the same.
    let serving_those_who_left = async {
        loop {
            let next = left.borrow_mut().pop_front();
            match next {
                Some(stream) if site.counts.connections.get() >= connections_max => drop(stream),
                Some(stream) => admit(&site, stream),
                // Nothing has to wake it: who is put there was accepted in the very same poll, before this is polled.
                None => poll_fn(|_| if left.borrow().is_empty() { Poll::Pending } else { Poll::Ready(()) }).await,
            }
            nap().await;
        }
    };
    let stopping = async {
        let _ = stop.await;
    };
    stopping.or(accepting).or(serving_those_who_left).await;
    for task in following {
        task.cancel().await;
    }
    door.close();
}

/// Shows that this core turns, for as long as it does.
async fn turn(site: Rc<Site>) {
    loop {
        watch::beat();
        {
            let _turn = watch::busy(Doing::Turn, "");
            site.sources.observe(Clock::monotonic_ms());
        }
        sleep(Duration::from_millis(HEARTBEAT_MS)).await;
    }
}

/// One more connection, for as long as it lives.
struct Counted(Rc<Site>);

impl Drop for Counted {
    fn drop(&mut self) {
        let open = &self.0.counts.connections;
        open.set(open.get() - 1);
    }
}

fn admit(site: &Rc<Site>, stream: TcpStream) {
    let open = site.counts.connections.get() + 1;
    site.counts.connections.set(open);
    site.counts.connections_most.set(site.counts.connections_most.get().max(open));
    let counted = Counted(site.clone());
    let site = site.clone();
    detach(async move {
        connection(stream, site, Serves::Everything).await;
        drop(counted);
    });
}

/// Runs what serves one client. A panic that left its task would end the executor, and with it every answer to come.
pub(super) fn detach(task: impl Future<Output = ()> + 'static) {
    // Every layer of it would otherwise keep a place of its own for all that the layers below are.
    let task = Box::pin(task);
    let task = async {
        let task = watch::during(Doing::Connection, "", || None, task);
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            log::error!("a task of the HTTP core panicked, and its client is left; the others go on");
        }
    };
    glommio::spawn_local(task).detach();
}

/// Answers a connection too many: how we are, to who asks that, and to all others that there are too many.
fn turn_away(site: &Rc<Site>, stream: TcpStream) {
    add(&site.counts.connections_refused, 1);
    if site.counts.turned_away.get() >= TURNED_AWAY_MAX {
        return;
    }
    site.counts.turned_away.set(site.counts.turned_away.get() + 1);
    let site = site.clone();
    detach(async move {
        connection(stream, site.clone(), Serves::HealthAlone).or(sleep(TURN_AWAY_TIMEOUT)).await;
        site.counts.turned_away.set(site.counts.turned_away.get() - 1);
    });
}

/// A descriptor in hand for when there are no others: with it those who wait outside are taken one at a time, told what one
/// too many is told, and let go.
struct Spare(Option<Socket>);

impl Spare {
    fn new() -> Spare {
        Spare(Socket::new(Domain::UNIX, Type::DGRAM, None).ok())
    }

    /// After an accept that failed. Takes [`ACCEPT_RETRY_MS`] where nobody is helped by it: trying in a loop would take the
    /// whole core.
    async fn turn_away(&mut self, site: &Rc<Site>, door: &Door) {
        if self.0.take().is_some()
            && let Ok(stream) = door.accept_waiting()
        {
            add(&site.counts.connections_refused, 1);
            let telling = AssertUnwindSafe(connection(stream, site.clone(), Serves::HealthAlone)).catch_unwind();
            let telling = async {
                let _ = telling.await;
            };
            telling.or(sleep(Duration::from_millis(LAST_DESCRIPTOR_MS))).await;
        } else {
            sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
        }
        *self = Spare::new();
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Serves {
    Everything,
    /// It is one too many.
    HealthAlone,
}

/// Serves one connection until it is closed, or has been idle or slow for too long.
async fn connection(stream: TcpStream, site: Rc<Site>, serves: Serves) {
    // It fails on a dead socket alone.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let (damage, stalled) = (Damage::default(), Stalled::default());
    let stream = Stream::new(stream, damage.clone(), stalled.clone());
    let (served, sends_events) = (Cell::new(0), Cell::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (site, damage, served, sends_events) = (&site, &damage, &served, &sends_events);
        async move {
            served.set(served.get() + 1);
            let mut answer = serve_one(site, &request, peer, damage, serves).await;
            count(site, &answer);
            sends_events.set(matches!(answer.body(), Body::Events(_)));
            let is_last = served.get() >= REQUESTS_MAX || serves == Serves::HealthAlone;
            if is_last || answer.status() == StatusCode::BAD_REQUEST {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    // A client's mistake or its going away is its own business.
    let _ = http1::Builder::new()
        .timer(CoreTimer)
        // From the first look for a request to the end of its head, in total: also the time that a connection may idle.
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(stream, service)
        .await;
    if stalled.is_seen() {
        let counts = &site.counts;
        add(if sends_events.get() { &counts.streams_dropped } else { &counts.answers_dropped }, 1);
    }
}

async fn serve_one(
    site: &Rc<Site>,
    request: &Request<Incoming>,
    peer: IpAddr,
    damage: &Damage,
    serves: Serves,
) -> Answer {
    if damage.is_seen() {
        return respond::problem(&Problem::new(400, "lines of a request end with CR and LF (RFC 9112, section 2.2)"));
    }
    match site.sources.policy.admit(request, peer) {
        // A load balancer that got no answer would take it for dead, and send what it has to the next one.
        Ok(()) if serves == Serves::HealthAlone && !is_health(request.uri().path()) => respond::problem(
            &Problem::unavailable("too many connections are open; come back later", RETRY_AFTER_BUSY_S),
        ),
        // In a box of its own: hyper keeps the place of the largest of them for as long as a stream is open.
        Ok(()) => respond::held(Box::pin(routes::answer(site, request)).await, &site.room),
        Err(refusal) => respond::refused(refusal),
    }
}

fn count(site: &Site, answer: &Answer) {
    let mut answers = site.counts.answers.get();
    if let Some(class) = answers.get_mut(usize::from(answer.status().as_u16() / 100).saturating_sub(1)) {
        *class += 1;
    }
    site.counts.answers.set(answers);
}
