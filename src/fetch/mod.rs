//! The HTTP part of a poll: a request and its deadlines in, an outcome out.
//!
//! One hop is: resolve, guard, connect, TLS, then request and answer on a fiber, over a socket to an address that was
//! chosen already. Redirects are followed here, hop by hop, each through the guard.

mod access;
mod budget;
mod challenge;
mod cookies;
mod decode;
mod dial;
mod exchange;
mod fiber;
mod flight;
pub(crate) mod frozen;
mod guard;
mod http_date;
pub(crate) mod likeness;
pub(crate) mod permanent;
mod redirect;
mod refusal;
mod resolve;
pub(crate) mod retry_after;
mod tls;
mod transport;
mod validators;

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use ureq::http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, RETRY_AFTER, USER_AGENT};
use ureq::http::{HeaderMap, HeaderValue, Request as HttpRequest, Uri};
use url::{Host, Origin, Url};

pub use access::Access;
pub use flight::{Flight, PhaseTimes, Timeouts};
pub(crate) use resolve::NameService;
pub use tls::Roots;
use validators::A_IM;
pub use validators::Validators;

use crate::failure::{Class, Failure, Phase};
use crate::limits::{BODIES_BYTES_MAX, RESOLVER_CLOSE, URL_BYTES_MAX};
use budget::Budget;
use exchange::{Answer, Body, exchange};
use redirect::Chain;
use resolve::Resolver;
use transport::Connection;

/// Feed types first, then whatever the server thinks best.
const ACCEPT_FEEDS: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
                            application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1";

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
    /// The last answer's Retry-After, as sent.
    pub retry_after: Option<String>,
}

impl Trip {
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

    /// The last answer's Retry-After, as a wait from `now_ms`; `None` where it is missing or makes no sense.
    pub(crate) fn retry_after(&self, now_ms: i64) -> Option<Duration> {
        retry_after::parse(self.retry_after.as_deref()?, now_ms)
    }
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
    /// A TLS configuration for each set of roots in use: one, and one a `ca_file`.
    tls: RefCell<Vec<(Roots, Arc<ClientConfig>)>>,
    bodies: Rc<Budget>,
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
        })
    }

    /// Whether there is memory for the body of one more poll.
    pub(crate) fn has_room(&self) -> bool {
        self.bodies.has_room()
    }

    /// Ends what serves in the background, so that the executor can stop. Nothing may be fetched any more.
    pub(crate) async fn close(&self) {
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
            trip.hops.push(Hop { url: url.clone(), address: None, status: None });
            let hop = trip.hops.last_mut().expect("pushed above");
            let scope = request.access.scope(url);
            let conditions = if unconditional { Vec::new() } else { request.validators.conditions(&scope) };
            let asked = !conditions.is_empty();
            let may_be_delta = conditions.iter().any(|(name, _)| *name == A_IM);
            let cookies = chain.cookies().map(|cookies| (COOKIE.as_str(), cookies));
            let answer = self.hop(request, url, conditions.into_iter().chain(cookies), flight, hop).await?;
            hop.status = Some(answer.status);
            trip.retry_after = text(&answer.headers, RETRY_AFTER.as_str());
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

    /// One URL, one answer. `further` are headers beside those that every request has.
    async fn hop(
        &self,
        request: &Request,
        url: &Url,
        further: impl Iterator<Item = (&'static str, HeaderValue)>,
        flight: &Rc<Flight>,
        hop: &mut Hop,
    ) -> Result<Answer, Failure> {
        let http_request = self.http_request(request, url, further)?;
        flight.enter(Phase::Resolve);
        // A proxy is the operator's choice and resolves the feed's name itself: its own address is not guarded.
        let dialled = request.access.proxy.as_ref().unwrap_or(url);
        let guarded = request.access.proxy.is_none() && !request.allow_private;
        if request.access.proxy.is_some() && !request.allow_private {
            guard_literal(url)?;
        }
        let host = dialled.host().ok_or_else(|| policy(format!("{} has no host", redirect::shown(dialled))))?;
        let mut addresses = self.resolver.resolve(&host, flight.phase_left()).await?;
        if guarded {
            addresses = allowed(addresses)?;
        }
        flight.enter(Phase::Connect);
        let port = dialled.port_or_known_default().unwrap_or(80);
        let (mut socket, address) = dial::connect(&addresses, port, flight).await?;
        hop.address = Some(address);
        let host = url.host_str().unwrap_or_default();
        if let Some(proxy) = &request.access.proxy {
            dial::tunnel(&mut socket, proxy, host, url.port_or_known_default().unwrap_or(80), flight).await?;
        }
        let tls = match url.scheme() {
            "https" => {
                flight.enter(Phase::Tls);
                let config = self.tls_config(&request.access.roots)?;
                Some(Box::new(tls::handshake(&mut socket, &config, host, flight).await?))
            }
            _ => None,
        };
        flight.enter(Phase::Send);
        let connection = Connection { socket, tls };
        exchange(connection, address, http_request, request.body_bytes_max, self.bodies.share(), flight.clone()).await
    }

    fn http_request(
        &self,
        request: &Request,
        url: &Url,
        further: impl Iterator<Item = (&'static str, HeaderValue)>,
    ) -> Result<HttpRequest<()>, Failure> {
        let uri = uri(url)?;
        let mut builder = HttpRequest::get(uri).header(USER_AGENT, &self.user_agent).header(ACCEPT, ACCEPT_FEEDS);
        let has_own = |name: &str| request.access.headers.iter().any(|(own, _)| own.as_str() == name);
        if has_own(HOST.as_str()) {
            return Err(policy("headers must not set Host".to_owned()));
        }
        let is_trusted = url.origin() == request.trusted;
        // The operator's own cookies stand for themselves.
        for (name, value) in further.filter(|(name, _)| !(is_trusted && has_own(name))) {
            builder = builder.header(name, value);
        }
        if is_trusted {
            for (name, value) in &request.access.headers {
                builder = builder.header(name, value);
            }
        }
        builder.body(()).map_err(|error| policy(format!("cannot ask for {}: {error}", redirect::shown(url))))
    }

    fn tls_config(&self, roots: &Roots) -> Result<Arc<ClientConfig>, Failure> {
        if roots.is_empty() {
            let message = "this machine has no certificate roots; install ca-certificates or set ca_file";
            return Err(Failure::new(Class::Tls, Phase::Tls, message));
        }
        let mut configs = self.tls.borrow_mut();
        if let Some((_, config)) = configs.iter().find(|(known, _)| known.is_same(roots)) {
            return Ok(config.clone());
        }
        // Those of earlier configurations, which no feed has any more.
        configs.retain(|(known, _)| known.is_in_use());
        let config = tls::client_config(roots);
        configs.push((roots.clone(), config.clone()));
        Ok(config)
    }
}

/// The addresses that a stranger's URL may reach.
///
/// # Errors
///
/// `policy` when none is left, with the reason for the first.
fn allowed(addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
    let (allowed, refused): (Vec<_>, Vec<_>) =
        addresses.into_iter().map(|address| guard::check(address).map(|()| address)).partition(Result::is_ok);
    match refused.into_iter().find_map(Result::err) {
        Some(refusal) if allowed.is_empty() => Err(refusal.into()),
        _ => Ok(allowed.into_iter().flatten().collect()),
    }
}

/// What can be judged of a URL whose name somebody else resolves: a proxy.
///
/// # Errors
///
/// `policy`: it is an address that a stranger's URL must not reach, or a name of the proxy's own machine.
fn guard_literal(url: &Url) -> Result<(), Failure> {
    match url.host() {
        Some(Host::Ipv4(address)) => guard::check(address.into())?,
        Some(Host::Ipv6(address)) => guard::check(address.into())?,
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            guard::check(Ipv4Addr::LOCALHOST.into())?;
        }
        _ => {}
    }
    Ok(())
}

/// `url` as the `http` crate takes it: it is stricter than browsers about a few characters, which are then escaped.
fn uri(url: &Url) -> Result<Uri, Failure> {
    if url.as_str().len() > URL_BYTES_MAX {
        return Err(Failure::new(
            Class::Redirect,
            Phase::Send,
            format!("the URL is longer than {URL_BYTES_MAX} bytes"),
        ));
    }
    let escaped = |byte: char| match byte {
        '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}' => format!("%{:02X}", u32::from(byte)),
        other => other.to_string(),
    };
    url.as_str()
        .parse()
        .or_else(|_| url.as_str().chars().map(escaped).collect::<String>().parse())
        .map_err(|error| policy(format!("{} is no URL that HTTP can ask for: {error}", redirect::shown(url))))
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn policy(message: String) -> Failure {
    Failure::new(Class::Policy, Phase::Resolve, message)
}
