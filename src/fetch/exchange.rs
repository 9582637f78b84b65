//! One request and its answer on a connection that is there already: ureq on a fiber.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use send_wrapper::SendWrapper;
use ureq::Agent;
use ureq::http::header::CONTENT_ENCODING;
use ureq::http::{HeaderMap, Request};

use super::budget::Share;
use super::challenge;
use super::decode::{decode, within_limits};
use super::fiber::{Fiber, wait};
use super::flight::Flight;
use super::stretch::Stretch;
use super::transport::{Connection, Dialled, Prepared, Remains};
use crate::executor::sleep;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{ANSWER_HEAD_BYTES_MAX, BODY_ROOM_LOOK_MS, CHALLENGE_BYTES_MAX, REQUEST_BYTES_MIN};
use crate::parse::refuse_magic;

/// By so many bytes everything is known that a body's first bytes tell.
const MAGIC_BYTES_MAX: usize = 16;

/// A server's answer to one request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Decoded; `None` for every status but 200, 203 and 226, whose bodies alone are documents.
    pub(crate) body: Option<Body>,
    /// How the body of a refusal begins, where that tells whose it is.
    pub(crate) refusal: Vec<u8>,
    /// The connection, if it can be used again.
    pub(crate) returned: Option<Connection>,
}

/// A body, with its part of the core's budget.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    _share: SendWrapper<Share>,
}

/// Sends `request` and receives its answer.
///
/// # Errors
///
/// `timeout`, `header`, `body`, `decode`, `too_large`; `local` when there is no memory for a stack.
pub(crate) async fn exchange(
    connection: Connection,
    address: SocketAddr,
    request: Request<()>,
    bytes_max: u64,
    share: Share,
    flight: Rc<Flight>,
) -> Result<Answer, Failure> {
    let remains = Rc::<Remains>::default();
    let of_fiber = remains.clone();
    let on_fiber = move || {
        let result = run(connection, address, request, bytes_max, share, &flight, &of_fiber);
        // What the transport met is the cause; ureq's error only its echo.
        result.map_err(|error| flight.take_failure().unwrap_or(error))
    };
    let fiber = Fiber::new(on_fiber).map_err(|error| {
        let message = format!("no memory for a fetch's stack: {error}; raise vm.max_map_count or memory");
        Failure::new(Class::Local, Phase::Send, message).short(true)
    })?;
    let (status, headers, body) = fiber.await?;
    let returned = remains.connection.take();
    let (body, refusal) = match body {
        Received::Document(bytes, share) => (Some(Body { bytes, _share: SendWrapper::new(share) }), Vec::new()),
        Received::Refusal(refusal) => (None, refusal),
    };
    Ok(Answer { status, headers, body, refusal, returned })
}

/// What the fiber brings beside status and headers.
enum Received {
    /// The body, decoded, with its part of the budget.
    Document(Vec<u8>, Share),
    /// How the body began, if it was looked at.
    Refusal(Vec<u8>),
}

fn run(
    connection: Connection,
    address: SocketAddr,
    request: Request<()>,
    bytes_max: u64,
    share: Share,
    flight: &Rc<Flight>,
    remains: &Rc<Remains>,
) -> Result<(u16, HeaderMap, Received), Failure> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        // Ours: ureq 3.5.2 panics on a redirect whose chunked body is cut, and hides which hops were permanent.
        .max_redirects(0)
        .max_redirects_will_error(false)
        // Never from the environment.
        .proxy(None)
        .max_idle_connections(0)
        .max_response_header_size(ANSWER_HEAD_BYTES_MAX)
        .timeout_global(Some(flight.left()))
        .build();
    let request_bytes = longest_line(&request).max(REQUEST_BYTES_MIN);
    let prepared = Prepared::new(connection, flight.clone(), request_bytes, remains);
    let agent = Agent::with_parts(config, prepared, Dialled(address));
    let response = agent.run(request).map_err(|error| classify(error, flight.phase()))?;
    let (head, mut body) = response.into_parts();
    let status = head.status.as_u16();
    let may_challenge = challenge::may_challenge(status);
    if !may_challenge && !matches!(status, 200 | 203 | 226) {
        return Ok((status, head.headers, Received::Refusal(Vec::new())));
    }
    flight.enter(Phase::Body);
    let mut reader = body.with_config().limit(u64::MAX).reader();
    if may_challenge {
        let mut start = Vec::new();
        // Whatever ends it: the answer is its status, and what came of the body may tell more.
        let _ = reader.take(CHALLENGE_BYTES_MAX as u64).read_to_end(&mut start);
        flight.take_failure();
        return Ok((status, head.headers, Received::Refusal(start)));
    }
    // ureq removes the header of a coding that it undoes; what is left is undone when all of it is there.
    let is_plain = !head.headers.contains_key(CONTENT_ENCODING);
    let body =
        read(&mut reader, bytes_max, is_plain, &share, flight).map_err(|failure| match remains.is_cut.get() {
            // Half of a body is no valid coding either, but that is not what is wrong.
            true if failure.class == Class::Decode => {
                classify(ureq::Error::Io(io::ErrorKind::UnexpectedEof.into()), Phase::Body)
            }
            _ => failure,
        })?;
    if remains.is_overrun.get() {
        // What was read is a part, and its validators would be those of the whole.
        let message = "the server sent more than its Content-Length: where the body ends is anybody's guess";
        return Err(Failure::new(Class::Body, Phase::Body, message));
    }
    let body = undo(body, &head.headers, bytes_max, &share)?;
    Ok((status, head.headers, Received::Document(body, share)))
}

/// Undoes the codings that ureq leaves alone.
fn undo(body: Vec<u8>, headers: &HeaderMap, bytes_max: u64, share: &Share) -> Result<Vec<u8>, Failure> {
    // ureq removes the header of a coding that it has undone.
    let codings: Vec<_> =
        headers.get_all(CONTENT_ENCODING).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if codings.is_empty() {
        return Ok(body);
    }
    let received = body.len() as u64;
    let stretch = Stretch::new();
    let bytes = decode(body, &codings.join(","), bytes_max, &|| stretch.pause())?;
    share.grow((bytes.len() as u64).saturating_sub(received));
    Ok(bytes)
}

/// `is_plain`: what is read is the document, and its first bytes may tell that it is none.
fn read(
    reader: &mut impl Read,
    bytes_max: u64,
    is_plain: bool,
    share: &Share,
    flight: &Flight,
) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut chunk = vec![0; 16 << 10];
    loop {
        // Not for ever: the poll's budget goes on.
        while !share.may_grow() && !flight.left().is_zero() {
            wait(sleep(Duration::from_millis(BODY_ROOM_LOOK_MS)));
        }
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(body),
            Ok(n) => {
                let begins = body.len() < MAGIC_BYTES_MAX;
                body.extend_from_slice(&chunk[..n]);
                share.grow(n as u64);
                if is_plain && begins {
                    refuse_magic(&body)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(classify(ureq::Error::from(error), Phase::Body)),
        }
        within_limits(body.len() as u64, flight.body_wire_bytes().max(chunk.len() as u64), bytes_max)?;
    }
}

/// What ureq found wrong by itself.
fn classify(error: ureq::Error, phase: Phase) -> Failure {
    let new = |class, message| Failure::new(class, phase, message);
    match error {
        ureq::Error::Decompress(coding, error) => {
            Failure::new(Class::Decode, Phase::Decode, format!("the body is not valid {coding}: {error}"))
        }
        ureq::Error::LargeResponseHeader(..) => {
            new(Class::Header, format!("the answer's head is longer than {ANSWER_HEAD_BYTES_MAX} bytes"))
        }
        ureq::Error::Timeout(_) => new(Class::Timeout, "the poll took longer than its total_timeout".to_owned()),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            new(Class::Body, format!("the server closed the connection {}", within(phase)))
        }
        ureq::Error::Io(error) => new(Class::Body, format!("the connection broke {}: {error}", within(phase))),
        other if phase == Phase::Body => new(Class::Body, format!("the body breaks HTTP's rules: {other}")),
        other => new(Class::Header, format!("the answer's head breaks HTTP's rules: {other}")),
    }
}

fn within(phase: Phase) -> &'static str {
    match phase {
        Phase::Body => "within the body",
        Phase::Header => "within the answer's head",
        _ => "before the answer began",
    }
}

/// Room for the longest line of the request's head, since ureq writes whole lines.
fn longest_line(request: &Request<()>) -> usize {
    let uri = request.uri().path_and_query().map_or(1, |path| path.as_str().len());
    let header = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).max();
    uri.max(header.unwrap_or(0)) + 64
}
