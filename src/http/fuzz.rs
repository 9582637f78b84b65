//! What holds for every client's bytes, read by hyper as on a socket, and for every text on a page.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_lite::future::block_on;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Version};

use super::gatekeeper::Policy;
use super::io::Damage;
use super::page::escape::{encoded, link};
use super::query::{self, Query};
use super::respond::{self, Answer};
use crate::fuzzing::Input;
use crate::limits::{
    ARTICLES_ASKED_MAX, FEEDS_LISTED_MAX, FILTER_VALUES_MAX, REQUEST_HEAD_BYTES_MAX, REQUEST_URI_BYTES_MAX,
    SEARCH_BYTES_MAX, WAIT_MAX,
};
use crate::wire::Problem;

const TOKEN: &str = "s3cret";

/// One connection, from its first byte to its end.
pub(crate) fn request(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.byte();
    let (token, public) = [(None, false), (None, true), (Some(TOKEN), false)][usize::from(kind & 3) % 3];
    let policy = Policy::new(token, public, vec!["news.test".to_owned()]);
    let peers: [IpAddr; 3] =
        [Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::from_bits(0xffff_7f00_0001).into()];
    let peer = peers[usize::from(kind >> 2 & 3) % 3];
    let piece = 1 + usize::from(input.byte());
    let bytes = input.rest();
    let damage = Damage::default();
    let sent = Rc::new(RefCell::new(Vec::new()));
    let served = Cell::new(0);
    let wire = Wire { left: bytes, piece, damage: damage.clone(), sent: sent.clone() };
    let service = service_fn(|request: Request<Incoming>| {
        served.set(served.get() + 1);
        let mut answer = answer(&policy, &request, peer, &damage);
        if let Ok(None) = admitted(&policy, &request, peer, &damage) {
            judge_head(&request, token.is_some(), public, peer);
        }
        if answer.status() == StatusCode::BAD_REQUEST {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new().max_buf_size(REQUEST_HEAD_BYTES_MAX).serve_connection(wire, service);
    // What a client gets wrong is its own business.
    let _ = block_on(connection);
    // Every request has its own end, so that none is hidden in another. hyper also takes LF alone, which is damage.
    let ends = bytes.windows(4).filter(|four| four == b"\r\n\r\n").count();
    assert!(served.get() <= ends || damage.is_seen(), "{} requests, {ends} ends", served.get());
    let sent = sent.borrow();
    assert!(sent.is_empty() || sent.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&sent));
}

/// As the server asks them, one after the other.
fn admitted(
    policy: &Policy,
    request: &Request<Incoming>,
    peer: IpAddr,
    damage: &Damage,
) -> Result<Option<Answer>, Infallible> {
    if damage.is_seen() {
        return Ok(Some(respond::problem(&Problem::new(400, "damaged"))));
    }
    Ok(policy.admit(request, peer).err().map(respond::refused))
}

fn answer(policy: &Policy, request: &Request<Incoming>, peer: IpAddr, damage: &Damage) -> Answer {
    let Ok(refused) = admitted(policy, request, peer, damage);
    if let Some(refused) = refused {
        return refused;
    }
    match parameters(request) {
        Ok(()) => respond::text(StatusCode::OK, "ok\n"),
        Err(problem) => {
            assert_eq!(problem.status(), 400, "{problem:?}");
            respond::problem(&problem)
        }
    }
}

/// What the gatekeeper let in, looked at once more and in another way.
fn judge_head(request: &Request<Incoming>, has_token: bool, public: bool, peer: IpAddr) {
    let (headers, path) = (request.headers(), request.uri().path());
    assert!(matches!(*request.method(), Method::GET | Method::HEAD), "{request:?}");
    assert!(request.uri().to_string().len() <= REQUEST_URI_BYTES_MAX);
    assert!(headers.get_all(CONTENT_LENGTH).iter().all(|length| length == "0"), "{request:?}");
    assert!(!headers.contains_key(TRANSFER_ENCODING), "{request:?}");
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    assert!(hosts.len() == 1 || (hosts.is_empty() && request.version() == Version::HTTP_10), "{request:?}");
    let is_health = ["/health", "/health/live", "/health/ready"].contains(&path);
    if has_token && !is_health {
        let given = headers[AUTHORIZATION].to_str().expect("it was read");
        // `Basic` is of any name, so of any padding.
        assert!(given.trim_end().ends_with(TOKEN) || given.to_ascii_lowercase().starts_with("basic "), "{given}");
    }
    // Absolute targets win over Host (RFC 9112, section 3.2.2).
    let host = request.uri().authority().map(|a| a.as_str()).or(hosts.first().and_then(|host| host.to_str().ok()));
    if let Some(host) = host.filter(|_| !has_token) {
        let is_debug = path.starts_with("/debug/");
        assert!((public && !is_debug) || is_nobody_elses(host), "{host} is let in to {path}");
    }
    if path.starts_with("/debug/") && !has_token {
        assert!(peer.to_canonical().is_loopback(), "{peer}");
    }
}

fn is_nobody_elses(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => return v6.parse::<Ipv6Addr>().is_ok(),
        None => host.rsplit_once(':').map_or(&*host, |(name, _)| name),
    };
    let is_address = name.parse::<IpAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    is_address || name == "news.test" || name.rsplit('.').next() == Some("localhost")
}

/// Each is within its bounds, or a mistake that is told.
fn parameters(request: &Request<Incoming>) -> Result<(), Problem> {
    let query = Query::read(request.uri().query())?;
    let filter = query.filter()?;
    assert!(filter.feeds().len() <= FILTER_VALUES_MAX && filter.labels().len() <= FILTER_VALUES_MAX);
    assert!((1..=ARTICLES_ASKED_MAX).contains(&query.limit()?));
    assert!(query.wait()? <= WAIT_MAX);
    assert!(query.before()?.is_none_or(|seq| seq > 0));
    assert!(query.after()?.is_none_or(|after| after.seq >= 0));
    assert!(query.offset()? <= FEEDS_LISTED_MAX);
    assert!(query.search()?.is_none_or(|search| search.asked.len() <= SEARCH_BYTES_MAX));
    query.html()?;
    query.text("state")?;
    for value in request.headers().get_all("last-event-id") {
        query::cursor("Last-Event-ID", value.to_str().unwrap_or_default())?;
    }
    Ok(())
}

/// A client that has sent all that it will, a piece at a time, and takes all that it gets.
struct Wire<'a> {
    left: &'a [u8],
    piece: usize,
    damage: Damage,
    sent: Rc<RefCell<Vec<u8>>>,
}

impl Read for Wire<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let room = into.remaining().min(self.piece).min(self.left.len());
        let (piece, left) = self.left.split_at(room);
        self.damage.look_at(piece);
        into.put_slice(piece);
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut sent = self.sent.borrow_mut();
        // Thousands of requests may come at once.
        if sent.len() > 1 << 20 {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        sent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A text on a page, and as a part of an address.
pub(crate) fn escape(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    let segment = encoded(&text);
    assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)), "{segment}");
    let back =
        url::form_urlencoded::parse(format!("q={segment}").as_bytes()).next().map(|(_, value)| value.into_owned());
    assert_eq!(back.as_deref(), Some(&*text));
    if let Some(link) = link(&text).map(|link| link.around("x")) {
        let href =
            link.strip_prefix("<a href=\"").and_then(|rest| rest.split_once("\" rel=\"")).expect("it is a link").0;
        assert!(href.starts_with("http://") || href.starts_with("https://"), "{link}");
        assert!(href.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b)), "{link}");
    }
}
