//! One hop: one URL, one answer. In its turn, over a kept connection or a new one; resolved, guarded, dialled, asked.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use rustls::ClientConfig;
use ureq::http::header::{ACCEPT, HOST, USER_AGENT};
use ureq::http::{HeaderValue, Request as HttpRequest, Uri};
use url::{Host, Url};

use super::exchange::{Answer, exchange};
use super::flight::Flight;
use super::kept::Purpose;
use super::roots::Roots;
use super::transport::Connection;
use super::turns::Turn;
use super::{Fetcher, Hop, Request, dial, guard, redirect, tls};
use crate::clock::Clock;
use crate::descriptor;
use crate::executor::nap;
use crate::failure::{Class, Failure, Phase};
use crate::limits::URL_BYTES_MAX;

/// Feed types first, then whatever the server thinks best.
const ACCEPT_FEEDS: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, \
                            application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1";

impl Fetcher {
    /// One URL, one answer. `further` are headers beside those that every request has; nothing is sent before `turn` has come.
    pub(super) async fn hop(
        &self,
        request: &Request,
        url: &Url,
        further: impl Iterator<Item = (&'static str, HeaderValue)>,
        flight: &Rc<Flight>,
        hop: &mut Hop,
        turn: impl Future<Output = Option<Turn>>,
    ) -> Result<Answer, Failure> {
        let mut http_request = self.http_request(request, url, further)?;
        flight.enter(Phase::Resolve);
        let _turn = turn.await;
        let purpose = Purpose {
            origin: url.origin(),
            roots: request.access.roots.clone(),
            proxy: request.access.proxy.clone(),
            allow_private: request.allow_private,
        };
        // One that the server has closed, or on which more came than an answer, is of no use: what is unread would be taken
        // for the beginning of ours.
        let kept = self.kept.borrow_mut().take(&purpose, Clock::monotonic());
        let mut kept = kept.filter(|(connection, _)| descriptor::is_quiet(&connection.socket));
        loop {
            let is_kept = kept.is_some();
            let (connection, address) = match kept.take() {
                Some(kept) => kept,
                None => {
                    // Anew: what it waited for its turn is no part of the phase's deadline.
                    flight.enter(Phase::Resolve);
                    self.connect(request, url, flight).await?
                }
            };
            hop.address = Some(address);
            flight.enter(Phase::Send);
            let share = self.bodies.share();
            // A copy only where it may be asked again: thousands of requests wait for silent servers.
            let asked = if is_kept { http_request.clone() } else { std::mem::take(&mut http_request) };
            match exchange(connection, address, asked, request.body_bytes_max, share, flight.clone()).await {
                Ok(mut answer) => {
                    if let Some(connection) = answer.returned.take() {
                        self.kept.borrow_mut().put(purpose, connection, address, Clock::monotonic());
                    }
                    return Ok(answer);
                }
                // The server had closed it by then, most likely. To ask once more changes nothing on its side (RFC 9112,
                // section 9.3.1).
                Err(failure) if is_kept && broke_before_the_answer(&failure) => hop.address = None,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// A new connection to where `url` is.
    async fn connect(
        &self,
        request: &Request,
        url: &Url,
        flight: &Rc<Flight>,
    ) -> Result<(Connection, SocketAddr), Failure> {
        // A proxy is the operator's choice and resolves the feed's name itself: its own address is not guarded.
        let towards = request.access.proxy.as_ref().unwrap_or(url);
        let guarded = request.access.proxy.is_none() && !request.allow_private;
        if request.access.proxy.is_some() && !request.allow_private {
            guard_literal(url)?;
        }
        let host = towards.host().ok_or_else(|| policy(format!("{} has no host", redirect::shown(towards))))?;
        let mut addresses = self.resolver.resolve(&host, flight.phase_left()).await?;
        if guarded {
            addresses = allowed(addresses)?;
        }
        flight.enter(Phase::Connect);
        let port = towards.port_or_known_default().unwrap_or(80);
        let mut dialled = dial::connect(&addresses, port, flight).await;
        if dialled.as_ref().is_err_and(|failure| failure.is_short) && self.kept.borrow_mut().close_all() {
            // They are closed by the ring.
            nap().await;
            dialled = dial::connect(&addresses, port, flight).await;
        }
        let (mut socket, address) = dialled?;
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
        Ok((Connection { socket, tls }, address))
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
        Ok(self.tls.borrow_mut().of(roots))
    }
}

fn broke_before_the_answer(failure: &Failure) -> bool {
    failure.class == Class::Body && matches!(failure.phase, Phase::Send | Phase::FirstByte)
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
pub(super) fn guard_literal(url: &Url) -> Result<(), Failure> {
    match url.host() {
        Some(Host::Ipv4(address)) => guard::check(address.into())?,
        Some(Host::Ipv6(address)) => guard::check(address.into())?,
        Some(Host::Domain(name)) => {
            // The dot that may end a name names the same machine; and who takes more than one is not to be relied on.
            let name = name.trim_end_matches('.');
            if name == "localhost" || name.ends_with(".localhost") {
                guard::check(Ipv4Addr::LOCALHOST.into())?;
            }
        }
        None => {}
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

fn policy(message: String) -> Failure {
    Failure::new(Class::Policy, Phase::Resolve, message)
}
