//! Answers: bodies, headers and problems, in one shape each.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body as HyperBody, Bytes, Frame, SizeHint};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use super::events::Events;
use super::gatekeeper::Refusal;
use super::page;
use super::room::Room;
use crate::limits::RETRY_AFTER_BUSY_S;
use crate::wire::Problem;

pub(super) type Answer = Response<Body>;

/// A body that is there, or one that goes on for as long as the client listens.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Option<Bytes>),
    Events(Events),
}

impl HyperBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Body::Whole(bytes) => {
                Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
            }
            Body::Events(events) => events.poll_next(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(bytes) if bytes.as_ref().is_none_or(Bytes::is_empty))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

/// An answer of this type, never kept by a cache.
pub(super) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Body::Whole(Some(body.into())));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, HeaderValue::from_static(content_type));
    set(&mut response, CACHE_CONTROL, HeaderValue::from_static("no-store"));
    set(&mut response, HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn json(body: impl Into<Bytes>) -> Answer {
    answer(StatusCode::OK, "application/json", body)
}

pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, "text/plain; charset=utf-8", body)
}

/// A page, with the headers that keep it to itself. The same address answers programs in JSON.
pub(super) fn html(status: StatusCode, body: String) -> Answer {
    let mut response = answer(status, "text/html; charset=utf-8", body);
    for (name, value) in page::HEADERS {
        set(&mut response, HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    set(&mut response, VARY, HeaderValue::from_static("Accept"));
    response
}

/// Server-sent events, for as long as the client listens.
pub(super) fn events(events: Events) -> Answer {
    let mut response = answer(StatusCode::OK, "text/event-stream", Bytes::new());
    *response.body_mut() = Body::Events(events);
    // nginx would collect them first.
    set(&mut response, HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The same as a client has already, if it says so: 304 (RFC 9110, section 15.4.5).
pub(super) fn tagged(etag: &str, if_none_match: Option<&HeaderValue>, make: impl FnOnce() -> Answer) -> Answer {
    let same =
        if_none_match.and_then(|value| value.to_str().ok()).is_some_and(|known| crate::wire::is_unchanged(known, etag));
    let mut response = if same { answer(StatusCode::NOT_MODIFIED, "text/plain", Bytes::new()) } else { make() };
    if same {
        response.headers_mut().remove(CONTENT_TYPE);
    }
    set(&mut response, CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        set(&mut response, ETAG, etag);
    }
    response
}

/// The answer where there is room for it to wait for its client, else 503.
pub(super) fn held(mut answer: Answer, room: &Room) -> Answer {
    let Body::Whole(whole) = answer.body_mut() else { return answer };
    let Some(bytes) = whole.take() else { return answer };
    match room.hold(bytes) {
        Some(bytes) => {
            *whole = Some(bytes);
            answer
        }
        None => problem(&Problem::unavailable(
            "too many large answers wait for their clients; ask for less, or later",
            RETRY_AFTER_BUSY_S,
        )),
    }
}

/// A problem of RFC 9457.
pub(super) fn problem(problem: &Problem) -> Answer {
    with_retry(answer(status_of(problem), Problem::CONTENT_TYPE, problem.to_json()), problem)
}

/// The same for a person.
pub(super) fn problem_page(problem: &Problem) -> Answer {
    let page = page::ProblemPage {
        status: problem.status(),
        title: problem.title().to_owned(),
        detail: Some(problem.detail().to_owned()),
    };
    with_retry(html(status_of(problem), page.to_html()), problem)
}

fn status_of(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn with_retry(mut response: Answer, problem: &Problem) -> Answer {
    if let Some(seconds) = problem.retry_after_s() {
        set(&mut response, RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// What the gatekeeper did not let through.
pub(super) fn refused(refusal: Refusal) -> Answer {
    let (status, title) = refusal.status_and_title();
    let mut response = problem(&Problem::new(status.as_u16(), title));
    match refusal {
        Refusal::Method => set(&mut response, ALLOW, HeaderValue::from_static("GET, HEAD")),
        Refusal::Token => {
            set(&mut response, WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer, Basic realm="rssd""#))
        }
        _ => {}
    }
    response
}

fn set(response: &mut Answer, name: HeaderName, value: HeaderValue) {
    response.headers_mut().insert(name, value);
}
