//! Who may ask for what: method, Host, token, body. Pure, but for the peer's address that it is told.
//!
//! Loopback is open to this machine alone, and then the Host must be one that no stranger's name can be: otherwise a web
//! page could have its own name point to us and read everything (DNS rebinding). Beyond loopback a token is asked for,
//! unless the configuration says `public`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::{Method, Request, StatusCode, Version};
use sha2::{Digest, Sha256};

use crate::limits::REQUEST_URI_BYTES_MAX;

/// What is asked of every request.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// SHA-256 of the token, where one is configured.
    token: Option<[u8; 32]>,
    public: bool,
    /// Names under which we are reached, beside addresses and localhost.
    hosts: Vec<String>,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 405
    Method,
    /// 400
    Body,
    /// 400
    Host,
    /// 421
    ForeignHost,
    /// 401
    Token,
    /// 403
    Debug,
    /// 414
    Uri,
}

impl Refusal {
    pub(crate) fn status_and_title(self) -> (StatusCode, &'static str) {
        match self {
            Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served"),
            Refusal::Body => (StatusCode::BAD_REQUEST, "a request here has no body"),
            Refusal::Host => (StatusCode::BAD_REQUEST, "a request names one Host"),
            Refusal::ForeignHost => (StatusCode::MISDIRECTED_REQUEST, "this is not the host that you asked for"),
            Refusal::Token => (StatusCode::UNAUTHORIZED, "a token is needed"),
            Refusal::Debug => (StatusCode::FORBIDDEN, "only this machine may ask for that"),
            Refusal::Uri => (StatusCode::URI_TOO_LONG, "the address asked for is too long"),
        }
    }
}

impl Policy {
    pub fn new(token: Option<&str>, public: bool, hosts: Vec<String>) -> Policy {
        Policy { token: token.map(|token| Sha256::digest(token).into()), public, hosts }
    }

    /// Says whether the request that begins so, from `peer`, is answered.
    ///
    /// # Errors
    ///
    /// The first reason why not.
    pub(crate) fn admit<B>(&self, head: &Request<B>, peer: IpAddr) -> Result<(), Refusal> {
        if !matches!(*head.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        if head.uri().to_string().len() > REQUEST_URI_BYTES_MAX {
            return Err(Refusal::Uri);
        }
        // Nobody needs one, and where two servers disagree about its length one request becomes two.
        let has_length = head.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
        if has_length || head.headers().contains_key(TRANSFER_ENCODING) {
            return Err(Refusal::Body);
        }
        self.judge_host(head)?;
        let path = head.uri().path();
        if !is_health(path) && !self.knows_token(head.headers()) {
            return Err(Refusal::Token);
        }
        // A browser on this machine is here, too: what it asks under a stranger's name, its stranger asks. Where all names
        // are let in, that is seen here alone.
        let is_from_here = || peer.to_canonical().is_loopback() && !self.is_strangers(head);
        if path.starts_with("/debug/") && self.token.is_none() && !is_from_here() {
            return Err(Refusal::Debug);
        }
        Ok(())
    }

    fn judge_host<B>(&self, head: &Request<B>) -> Result<(), Refusal> {
        let mut hosts = head.headers().get_all(HOST).iter();
        let host = hosts.next();
        if host.is_some_and(|host| host.to_str().is_err()) {
            return Err(Refusal::Host);
        }
        // RFC 9112, section 3.2: exactly one, but for HTTP/1.0.
        if hosts.next().is_some() || host.is_none() && head.version() != Version::HTTP_10 {
            return Err(Refusal::Host);
        }
        let Some(host) = host_of(head) else { return Ok(()) };
        let name = without_port(host).to_ascii_lowercase();
        if name.is_empty() || name.contains(['/', '@', ' ']) {
            return Err(Refusal::Host);
        }
        // A token is not something that a stranger's page could bring along.
        let is_let_in = self.token.is_some() || self.public || self.is_ours(&name);
        if is_let_in { Ok(()) } else { Err(Refusal::ForeignHost) }
    }

    /// Whether the name, in lower case and without its port, can be nobody else's.
    fn is_ours(&self, name: &str) -> bool {
        is_address(name)
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.hosts.iter().any(|host| host == name)
    }

    /// Whether the request, whose Host was judged, names a host that may be somebody else's.
    fn is_strangers<B>(&self, head: &Request<B>) -> bool {
        host_of(head).is_some_and(|host| !self.is_ours(&without_port(host).to_ascii_lowercase()))
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let Some(wanted) = &self.token else { return true };
        let Some(given) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token_in) else {
            return false;
        };
        let given: [u8; 32] = Sha256::digest(given).into();
        // Every byte is looked at, so that the time taken tells nothing about how many are right.
        given.iter().zip(wanted).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

/// What a load balancer asks; it tells nothing but how we are.
pub(super) fn is_health(path: &str) -> bool {
    matches!(path, "/health" | "/health/live" | "/health/ready")
}

/// `Bearer TOKEN`, or `Basic` with the token as the password, which is what a browser can be made to send.
fn token_in(authorization: &str) -> Option<String> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.trim().to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let pair = String::from_utf8(base64::prelude::BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
        return pair.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

/// The host that is asked for: that of an absolute address goes before the header's (RFC 9112, section 3.2.2).
fn host_of<B>(head: &Request<B>) -> Option<&str> {
    let named = head.headers().get(HOST).and_then(|host| host.to_str().ok());
    head.uri().authority().map(|authority| authority.as_str()).or(named)
}

/// As the host of a URL (RFC 3986, section 3.2.2): an IPv6 address stands in brackets.
fn is_address(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // Not the colons of an IPv6 address.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests;
