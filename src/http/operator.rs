//! What monitoring asks for: health, readiness, metrics, and what is in flight. None of it touches the database.

use std::rc::Rc;

use futures_channel::oneshot;
use futures_lite::future;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderMap};
use serde_json::json;

use super::health::{Report, Status};
use super::respond::{self, Answer};
use super::site::Site;
use crate::escape;
use crate::executor::sleep;
use crate::limits::{RETRY_AFTER_BUSY_S, STACKS_WAIT};
use crate::wire::Problem;
use crate::wire::metrics::{CoreSnapshot, Format, HttpSnapshot, PollsSnapshot, Snapshot, WriterSnapshot};

pub(super) fn health(site: &Site) -> Answer {
    let report = Report::of(&site.sources, site.seats.taken());
    let status = if report.status == Status::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    respond::answer(status, "application/json", report.to_json())
}

pub(super) fn ready(site: &Site) -> Answer {
    match Report::of(&site.sources, site.seats.taken()).status {
        Status::Failing => respond::text(StatusCode::SERVICE_UNAVAILABLE, "failing\n"),
        Status::Ok | Status::Degraded => respond::text(StatusCode::OK, "ok\n"),
    }
}

pub(super) fn metrics(site: &Site, headers: &HeaderMap) -> Answer {
    let format = Format::of_accept(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let counts = &site.counts;
    let ring = site.ring.borrow();
    let report = Report::of(&site.sources, site.seats.taken());
    let snapshot = Snapshot {
        health: Status::ALL.map(|status| (status.name(), status == report.status)),
        silences: report.silences().map(|(thread, silent_ms)| (thread.to_owned(), silent_ms)).collect(),
        uptime_ms: crate::clock::Clock::elapsed_ms(site.sources.started),
        cores: site.sources.cores.iter().map(|core| CoreSnapshot::of(core)).collect(),
        writer: WriterSnapshot::of(site.sources.writer.gauges(), site.sources.writer.queue_len(), site.now_ms()),
        polls: PollsSnapshot::of(site.sources.cores.iter().map(|core| &**core), site.now_ms()),
        http: HttpSnapshot {
            connections: counts.connections.get(),
            streams: site.seats.taken(),
            streams_max: site.sources.streams_max,
            lag: site.seats.lag(ring.last()),
            ring_bytes: ring.bytes(),
            seq_last: ring.last().unsigned_abs(),
            answers: counts.answers.get(),
            articles_sent: counts.articles_sent.get(),
            answers_dropped: counts.answers_dropped.get(),
            streams_dropped: counts.streams_dropped.get(),
            streams_refused: counts.streams_refused.get(),
            connections_refused: counts.connections_refused.get(),
            queries_failed: counts.queries_failed.get(),
        },
    };
    respond::answer(StatusCode::OK, format.content_type(), snapshot.to_text(format))
}

pub(super) async fn fetches(site: &Rc<Site>) -> Answer {
    let flights = site.flights().await.into_iter().map(|flight| {
        json!({
            "feed": flight.feed,
            "core": flight.core,
            "phase": flight.phase.name(),
            "age_ms": flight.age_ms,
            "left_ms": flight.left_ms,
            "wire_bytes": flight.wire_bytes,
        })
    });
    respond::json(format!("{}\n", json!({ "fetches": flights.collect::<Vec<_>>() })))
}

/// The stacks of all threads: names are looked for on a thread of its own, which takes its time.
///
/// # Errors
///
/// 503: it takes too long, or too many ask.
pub(super) async fn stacks(site: &Site) -> Result<Answer, Problem> {
    let late = async {
        sleep(STACKS_WAIT).await;
        Err(oneshot::Canceled)
    };
    match future::or(site.sources.watch.stacks.tell(), late).await {
        Ok(text) => Ok(respond::text(StatusCode::OK, escape::listing(&text))),
        Err(_) => {
            Err(Problem::unavailable("the stacks are not read yet; ask again a little later", RETRY_AFTER_BUSY_S))
        }
    }
}
