//! The HTTP part of a poll: a request and its deadlines in, an outcome out.
//!
//! One hop is: resolve, guard, connect, TLS, then request and answer on a fiber, over a socket to an address that was
//! chosen already, or over one that was kept from a moment ago. Redirects are followed here, hop by hop, each through
//! the guard, and each in its turn where others on this core ask the same host.

mod access;
mod budget;
mod challenge;
mod cookies;
mod decode;
mod dial;
mod exchange;
mod fiber;
mod flight;
mod freshness;
pub(crate) mod frozen;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
mod held;
mod heads;
mod hop;
mod http_date;
mod kept;
pub(crate) mod likeness;
pub(crate) mod permanent;
mod redirect;
mod refusal;
mod resolve;
pub(crate) mod retry_after;
mod roots;
mod stretch;
mod tls;
mod transport;
mod turns;
mod validators;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::header::{CONTENT_TYPE, COOKIE, RETRY_AFTER};
use ureq::http::{HeaderMap, HeaderValue};
use url::{Origin, Url};

pub use access::Access;
pub use flight::{Flight, PhaseTimes, Timeouts};
pub(crate) use resolve::{NameService, NameWatch};
use retry_after::RetryAfter;
pub use roots::Roots;
pub(crate) use roots::Trust;
use tls::ClientConfigs;
use validators::A_IM;
pub use validators::Validators;

use crate::clock::Clock;
use crate::failure::Failure;
use crate::limits::{BODIES_BYTES_MAX, RESOLVER_CLOSE};
use crate::placement;
use crate::schedule::Freshness;
use budget::Budget;
use exchange::Body;
use freshness::Caching;
use held::Held;
use kept::Kept;
use redirect::Chain;
use resolve::Resolver;
use turns::Turns;

/// How many fibers of this thread there are, and the most that one of them needed of its stack, of those that were looked at.
pub(crate) fn fibers() -> (usize, usize) {
    (fiber::count(), fiber::stack_bytes_most())
}

/// For tests elsewhere of what runs on a fiber.
#[cfg(test)]
pub(crate) async fn on_a_fiber<T: 'static>(code: impl FnOnce() -> T + 'static) -> T {
    fiber::Fiber::new(code).expect("there is memory for a stack").await
}

/// One poll's request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to ask first.
    pub url: Url,
    /// That of the feed's configured URL: credentials and custom headers go nowhere else.
    pub trusted: Origin,
    pub access: Arc<Access>,
    /// Sent where their scope matches; empty for a first request.
    pub validators: Validators,
    /// After decoding.
    pub body_bytes_max: u64,
    /// Whether private and loopback addresses may be dialled.
    pub allow_private: bool,
    /// Whether a redirect from https to http is followed.
    pub allow_downgrade: bool,
}

/// How a fetch went, whatever came of it.
#[derive(Clone, Debug, Default)]
pub struct Trip {
    /// Every URL asked, in order.
    pub hops: Vec<Hop>,
    pub times: PhaseTimes,
    /// Bytes received, heads included, before decoding.
    pub wire_bytes: u64,
    /// The last Retry-After on the way.
    retry_after: Option<RetryAfter>,
    /// What the last answer says of how long it is fresh.
    caching: Caching,
}

impl Trip {
    /// One that a test makes up.
    #[cfg(test)]
    pub(crate) fn told(hops: Vec<Hop>, retry_after: Option<(u16, String)>, headers: &HeaderMap) -> Trip {
        let host = hops.last().map(|hop| placement::host_of(&hop.url)).unwrap_or_default();
        let retry_after = retry_after.map(|(status, value)| RetryAfter { status, host, value });
        Trip { hops, retry_after, caching: Caching::of(headers), ..Trip::default() }
    }

    /// The last answer's status.
    pub fn status(&self) -> Option<u16> {
        self.hops.last()?.status
    }

    /// Where redirects led, if there were any and all of them were permanent.
    pub(crate) fn moved_to(&self) -> Option<&Url> {
        let (last, before) = self.hops.split_last()?;
        // A 304 in between is one that nobody asked for: the chain began again behind it.
        let is_permanent = |hop: &Hop| hop.status.is_some_and(|status| status == 304 || redirect::is_permanent(status));
        (before.iter().all(is_permanent) && last.url != self.hops.first()?.url).then_some(&last.url)
    }

    /// What Retry-After came with, and what it asks for as a wait from `now_ms`; `None` where it is missing or makes no sense.
    pub(crate) fn retry_after(&self, now_ms: i64) -> Option<(&RetryAfter, Duration)> {
        let asked = self.retry_after.as_ref()?;
        Some((asked, asked.wait(now_ms)?))
    }

    /// Which host is to be left alone by all that ask it, and for how long from `now_ms`.
    pub(crate) fn host_hold(&self, now_ms: i64) -> Option<(&str, Duration)> {
        let asked = self.retry_after.as_ref()?;
        Some((&asked.host, asked.host_hold(now_ms)?))
    }

    /// Whether a host wants fewer requests (RFC 6585, section 4), be it that it said so once more or was spared.
    pub(crate) fn asks_for_less(&self) -> bool {
        self.status() == Some(429) || self.retry_after.as_ref().is_some_and(|asked| asked.status == 429)
    }

    /// Whether anybody was connected to, and then whether only on the machine's own network.
    pub(crate) fn reached(&self) -> Option<Reach> {
        let addresses = || self.hops.iter().filter_map(|hop| hop.address);
        let is_private = addresses().all(|address| guard::check(address.ip()).is_err());
        addresses().next().map(|_| if is_private { Reach::Private } else { Reach::Public })
    }

    /// How long from `now_ms` the last answer is fresh; `None` where it says nothing that makes sense.
    pub(crate) fn freshness(&self, now_ms: i64) -> Option<Freshness> {
        self.caching.freshness(now_ms)
    }
}

/// How far a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To addresses that the guard keeps strangers from.
    Private,
    Public,
}

/// One URL asked.
#[derive(Clone, Debug)]
pub struct Hop {
    pub url: Url,
    /// The address that was dialled, once one answered.
    pub address: Option<SocketAddr>,
    pub status: Option<u16>,
}

/// What a fetch that did not fail brought.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one a poll and soon taken apart: a box would only add an allocation")]
pub enum Fetched {
    /// 200: a document. 226: what is new of one.
    Document(Document),
    /// 304: nothing new; the validators to send next time.
    NotModified { validators: Validators },
}

/// The bytes of an answer, decoded but not yet looked at.
#[derive(Debug)]
pub struct Document {
    /// Where they came from, redirects followed.
    pub url: Url,
    body: Body,
    pub content_type: Option<String>,
    pub validators: Validators,
    pub headers: HeaderMap,
    /// Only the entries since the last one (RFC 3229): what is missing from it has not gone.
    pub is_delta: bool,
}

impl Document {
    fn new(url: &Url, scope: String, headers: HeaderMap, body: Body, is_delta: bool) -> Document {
        Document {
            url: url.clone(),
            content_type: text(&headers, CONTENT_TYPE.as_str()),
            validators: Validators::of_answer(scope, &headers),
            headers,
            body,
            is_delta,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.body.bytes
    }
}

/// What a core keeps to fetch with.
pub struct Fetcher {
    resolver: Resolver,
    user_agent: HeaderValue,
    tls: RefCell<ClientConfigs>,
    bodies: Rc<Budget>,
    turns: Rc<Turns>,
    held: RefCell<Held>,
    kept: RefCell<Kept>,
}

impl Fetcher {
    /// For the executor that runs on this thread. `contact` goes into the User-Agent, `rssd/VERSION (+contact)`.
    ///
    /// # Errors
    ///
    /// `local`: the name servers cannot be used.
    pub(crate) fn new(names: &NameService, contact: Option<&str>) -> Result<Fetcher, Failure> {
        let agent = match contact {
            Some(contact) => format!("rssd/{} (+{contact})", env!("CARGO_PKG_VERSION")),
            None => concat!("rssd/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let user_agent = HeaderValue::from_str(&agent)
            .unwrap_or_else(|_| HeaderValue::from_static(concat!("rssd/", env!("CARGO_PKG_VERSION"))));
        Ok(Fetcher {
            resolver: Resolver::new(names)?,
            user_agent,
            tls: RefCell::default(),
            bodies: Budget::new(BODIES_BYTES_MAX),
            turns: Rc::default(),
            held: RefCell::default(),
            kept: RefCell::default(),
        })
    }

    /// The same, keeping this pause between two requests to one host.
    pub(crate) fn with_host_pause(self, host_pause: Duration) -> Fetcher {
        Fetcher { turns: Rc::new(Turns::new(host_pause)), ..self }
    }

    /// No redirect leads to this host before `until`. Whoever asks it in its own right has deadlines for that.
    pub(crate) fn hold(&self, host: &str, until: Instant) {
        self.held.borrow_mut().hold(host, until, Clock::monotonic());
    }

    /// The same, with so much memory for bodies.
    pub(crate) fn holding(self, bodies_bytes_max: u64) -> Fetcher {
        Fetcher { bodies: Budget::new(bodies_bytes_max), ..self }
    }

    /// Asks these for names from now on.
    pub(crate) fn renew_names(&self, names: &NameService) {
        if let Err(failure) = self.resolver.renew(names) {
            log::error!("{failure}; the old name servers are asked still");
        }
    }

    /// Whether there is memory for the body of one more poll.
    pub(crate) fn has_room(&self) -> bool {
        self.bodies.has_room()
    }

    /// Closes connections that were kept long enough. To be called every now and then.
    pub(crate) fn close_old(&self) {
        self.kept.borrow_mut().close_old(Clock::monotonic());
    }

    /// Ends what serves in the background, so that the executor can stop. Nothing may be fetched any more.
    pub(crate) async fn close(&self) {
        self.kept.take();
        self.resolver.close(RESOLVER_CLOSE).await;
    }

    /// Fetches `request.url`, redirects included, within the deadlines of `flight`. Cancelled by dropping the future.
    pub async fn fetch(&self, request: &Request, flight: &Rc<Flight>) -> (Trip, Result<Fetched, Failure>) {
        let mut trip = Trip::default();
        let result = self.follow(request, flight, &mut trip).await;
        trip.times = flight.times();
        trip.wire_bytes = flight.wire_bytes();
        (trip, result)
    }

    async fn follow(&self, request: &Request, flight: &Rc<Flight>, trip: &mut Trip) -> Result<Fetched, Failure> {
        let mut chain = Chain::new(&request.url, request.allow_downgrade);
        let mut unconditional = false;
        loop {
            let url = chain.url();
            let host = placement::host_of(url);
            let is_next = trip.hops.last().is_some_and(|hop| placement::host_of(&hop.url) == host);
            if host != placement::host_of(&request.url) {
                self.spare(&host, trip)?;
            }
            trip.hops.push(Hop { url: url.clone(), address: None, status: None });
            let hop = trip.hops.last_mut().expect("pushed above");
            let scope = request.access.scope(url);
            let conditions = if unconditional { Vec::new() } else { request.validators.conditions(&scope) };
            let asked = !conditions.is_empty();
            let may_be_delta = conditions.iter().any(|(name, _)| *name == A_IM);
            let cookies = chain.cookies().map(|cookies| (COOKIE.as_str(), cookies));
            let further = conditions.into_iter().chain(cookies);
            let turn = self.turns.take(host.clone(), flight.left(), is_next);
            let answer = self.hop(request, url, further, flight, hop, turn).await?;
            hop.status = Some(answer.status);
            // That of a redirect counts for the next poll: this one has only seconds (RFC 9110, section 10.2.3).
            if let Some(value) = text(&answer.headers, RETRY_AFTER.as_str()) {
                trip.retry_after = Some(RetryAfter { status: answer.status, host, value });
            }
            trip.caching = Caching::of(&answer.headers);
            match (answer.status, answer.body) {
                (status @ (200 | 203), Some(body)) => {
                    if let Some(who) = challenge::of_page(&body.bytes) {
                        return Err(refusal::blocked(status, who));
                    }
                    return Ok(Fetched::Document(Document::new(url, scope, answer.headers, body, false)));
                }
                (226, Some(body)) if may_be_delta && validators::is_feed_delta(&answer.headers) => {
                    return Ok(Fetched::Document(Document::new(url, scope, answer.headers, body, true)));
                }
                (304, _) if asked => {
                    return Ok(Fetched::NotModified { validators: request.validators.refreshed(&answer.headers) });
                }
                // A 304 that nobody asked for: once more without conditions, from the start.
                (304, _) if !unconditional => {
                    unconditional = true;
                    chain.restart();
                }
                (status, _) if redirect::is_redirect(status) => chain.follow(&answer.headers)?,
                (status, _) => return Err(refusal::of_status(status, &answer.headers, &answer.refusal)),
            }
        }
    }

    /// Leaves a host alone that a redirect leads to, if it asked for that.
    ///
    /// # Errors
    ///
    /// It did, with 429, and is not asked: the poll ends as if it had answered so once more.
    fn spare(&self, host: &str, trip: &mut Trip) -> Result<(), Failure> {
        let Some(left) = self.held.borrow().left(host, Clock::monotonic()) else { return Ok(()) };
        trip.retry_after = Some(RetryAfter { status: 429, host: host.to_owned(), value: left.as_secs().to_string() });
        Err(refusal::spared(host, left))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
