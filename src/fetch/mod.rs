//! The HTTP part of a poll: a request and its deadlines in, an outcome out.
//!
//! One hop is: resolve, guard, connect, TLS, then request and answer on a fiber, over a socket to an address that was
//! chosen already. Redirects are followed here, hop by hop, each through the guard.

mod access;
mod budget;
mod decode;
mod dial;
mod exchange;
mod fiber;
mod flight;
mod guard;
mod http_date;
mod redirect;
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
use ureq::http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use ureq::http::{HeaderMap, HeaderValue, Request as HttpRequest, Uri};
use url::{Host, Url};

pub use access::Access;
pub use flight::{Flight, PhaseTimes, Timeouts};
pub(crate) use resolve::NameService;
pub use tls::Roots;
pub use validators::Validators;

use crate::failure::{Class, Failure, Phase};
use crate::limits::{BODIES_BYTES_MAX, RESOLVER_CLOSE, URL_BYTES_MAX};
use budget::Budget;
use exchange::{Answer, Body, exchange};
use resolve::Resolver;
use transport::Connection;

/// Feed types first, then whatever the server thinks best.
const ACCEPT_FEEDS: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
                            application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1";

/// One poll's request.
#[derive(Clone, Debug)]
pub struct Request {
    pub url: Url,
    pub access: Arc<Access>,
    /// Sent where their scope matches; empty for a first request.
    pub validators: Validators,
    /// After decoding.
    pub body_bytes_max: u64,
    /// Whether private and loopback addresses may be dialled.
    pub allow_private: bool,
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
    /// 200: a document.
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
}

impl Document {
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
        let mut visited = vec![without_fragment(&request.url)];
        let mut unconditional = false;
        loop {
            let url = visited.last().expect("it starts with one and only grows");
            trip.hops.push(Hop { url: url.clone(), address: None, status: None });
            let hop = trip.hops.last_mut().expect("pushed above");
            let scope = request.access.scope(url);
            let conditions = if unconditional { Vec::new() } else { request.validators.conditions(&scope) };
            let asked = !conditions.is_empty();
            let answer = self.hop(request, url, conditions, flight, hop).await?;
            hop.status = Some(answer.status);
            trip.retry_after = text(&answer.headers, RETRY_AFTER.as_str());
            match answer.status {
                200 | 203 if answer.body.is_some() => {
                    return Ok(Fetched::Document(Document {
                        url: url.clone(),
                        content_type: text(&answer.headers, CONTENT_TYPE.as_str()),
                        validators: Validators::of_answer(scope, &answer.headers),
                        headers: answer.headers,
                        body: answer.body.expect("it is some"),
                    }));
                }
                304 if asked => {
                    return Ok(Fetched::NotModified { validators: request.validators.refreshed(&answer.headers) });
                }
                // A 304 that nobody asked for: once more without conditions, from the start.
                304 if !unconditional => {
                    unconditional = true;
                    visited.truncate(1);
                }
                status if redirect::is_redirect(status) => {
                    let location = answer.headers.get(LOCATION).map(HeaderValue::as_bytes);
                    let to = redirect::target(&visited, location)?;
                    visited.push(to);
                }
                status => return Err(refused(status)),
            }
        }
    }

    /// One URL, one answer.
    async fn hop(
        &self,
        request: &Request,
        url: &Url,
        conditions: Vec<(&'static str, HeaderValue)>,
        flight: &Rc<Flight>,
        hop: &mut Hop,
    ) -> Result<Answer, Failure> {
        let http_request = self.http_request(request, url, conditions)?;
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
        conditions: Vec<(&'static str, HeaderValue)>,
    ) -> Result<HttpRequest<()>, Failure> {
        let uri = uri(url)?;
        let mut builder = HttpRequest::get(uri).header(USER_AGENT, &self.user_agent).header(ACCEPT, ACCEPT_FEEDS);
        let has_own = |name: &str| request.access.headers.iter().any(|(own, _)| own.as_str() == name);
        if has_own(HOST.as_str()) {
            return Err(policy("headers must not set Host".to_owned()));
        }
        for (name, value) in conditions {
            builder = builder.header(name, value);
        }
        if redirect::same_origin(&request.url, url) {
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

/// What a status that brings no document means (design: classify the answer).
fn refused(status: u16) -> Failure {
    let (class, what) = match status {
        401 | 403 | 407 => (Class::Credentials, "the server wants other credentials"),
        404 => (Class::Status, "the server knows no such document"),
        410 => (Class::Gone, "the feed is gone for good, says the server"),
        429 => (Class::Status, "the server asks us to slow down"),
        500..=599 => (Class::Status, "the server is in trouble"),
        304 => (Class::Status, "the server says \"not modified\" to a request without conditions"),
        _ => (Class::Status, "not an answer that a feed gives"),
    };
    Failure::new(class, Phase::Header, format!("status {status}: {what}"))
}

fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
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
