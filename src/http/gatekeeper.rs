//! Who may ask for what: method, Host, token, body. Pure, but for the peer's address that it is told.
//!
//! Loopback is open to this machine alone, and then the Host must be one that no stranger's name can be: otherwise a web
//! page could have its own name point to us and read everything (DNS rebinding). Beyond loopback a token is asked for,
//! unless the configuration says `public`.

use std::net::IpAddr;

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
        name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
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

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // Not the colons of an IPv6 address.
        Some(colon) if !host[colon..].contains(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    fn judged(policy: &Policy, peer: IpAddr, method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        policy.admit(&head(method, uri, headers), peer)
    }

    #[test]
    fn on_loopback_only_hosts_that_are_nobody_elses() {
        let policy = Policy::new(None, false, vec!["news.test".into()]);
        for (host, verdict) in [
            ("127.0.0.1:8080", Ok(())),
            ("localhost", Ok(())),
            ("LOCALHOST:80", Ok(())),
            ("a.localhost:1", Ok(())),
            ("[::1]:8080", Ok(())),
            ("news.test", Ok(())),
            ("evil.test", Err(Refusal::ForeignHost)),
            ("localhost.evil.test", Err(Refusal::ForeignHost)),
            ("127.0.0.1.evil.test:8080", Err(Refusal::ForeignHost)),
            ("", Err(Refusal::Host)),
            ("a/b", Err(Refusal::Host)),
        ] {
            assert_eq!(judged(&policy, HERE, "GET", "/feeds", &[("host", host)]), verdict, "{host}");
        }
        assert_eq!(judged(&policy, HERE, "GET", "/", &[]), Err(Refusal::Host));
        assert_eq!(
            judged(&policy, HERE, "GET", "/", &[("host", "localhost"), ("host", "localhost")]),
            Err(Refusal::Host)
        );
        assert_eq!(judged(&Policy::new(None, true, vec![]), THERE, "GET", "/", &[("host", "evil.test")]), Ok(()));
    }

    #[test]
    fn a_token_is_asked_for_everywhere_but_health() {
        let policy = Policy::new(Some("s3cret"), false, vec![]);
        for (uri, authorization, verdict) in [
            ("/articles", "Bearer s3cret", Ok(())),
            ("/articles", "bearer s3cret", Ok(())),
            ("/articles", "Basic eDpzM2NyZXQ=", Ok(())),
            ("/debug/cores", "Bearer s3cret", Ok(())),
            ("/articles", "Bearer s3cre", Err(Refusal::Token)),
            ("/articles", "Bearer s3cret2", Err(Refusal::Token)),
            ("/articles", "Basic !!", Err(Refusal::Token)),
            ("/articles", "", Err(Refusal::Token)),
            ("/health", "", Ok(())),
            ("/health/ready", "", Ok(())),
            ("/health/../articles", "", Err(Refusal::Token)),
        ] {
            let headers = [("host", "news.test"), ("authorization", authorization)];
            assert_eq!(judged(&policy, THERE, "GET", uri, &headers), verdict, "{uri} {authorization}");
        }
    }

    #[test]
    fn what_no_reader_sends_is_refused() {
        let policy = Policy::new(None, true, vec![]);
        let host = ("host", "x");
        for (method, uri, header, verdict) in [
            ("POST", "/", ("x", "y"), Err(Refusal::Method)),
            ("TRACE", "/", ("x", "y"), Err(Refusal::Method)),
            ("JUNK", "/", ("x", "y"), Err(Refusal::Method)),
            ("HEAD", "/", ("x", "y"), Ok(())),
            ("GET", "/", ("content-length", "5"), Err(Refusal::Body)),
            ("GET", "/", ("content-length", "0"), Ok(())),
            ("GET", "/", ("transfer-encoding", "chunked"), Err(Refusal::Body)),
        ] {
            assert_eq!(judged(&policy, THERE, method, uri, &[host, header]), verdict, "{method} {header:?}");
        }
        let long = format!("/?q={}", "a".repeat(REQUEST_URI_BYTES_MAX));
        assert_eq!(judged(&policy, THERE, "GET", &long, &[host]), Err(Refusal::Uri));
        assert_eq!(judged(&policy, THERE, "GET", "/debug/fetches", &[host]), Err(Refusal::Debug));
        for (name, verdict) in [("x", Err(Refusal::Debug)), ("127.0.0.1:80", Ok(())), ("localhost", Ok(()))] {
            assert_eq!(judged(&policy, HERE, "GET", "/debug/fetches", &[("host", name)]), verdict, "{name}");
        }
    }
}
