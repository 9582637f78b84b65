//! The page at `/`: what an operator wants at a glance, from gauges, and from the database where that answers.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use hyper::StatusCode;

use super::health::Report;
use super::page::{self, CoreLine, FailingLine, FeedCounts, FirstRound, FlightLine, Hour, Minute, Overview};
use super::respond::{self, Answer};
use super::site::Site;
use super::views;
use crate::limits::{FAILING_SHOWN, NEWEST_SHOWN};
use crate::store::{self, FeedRow, Queries, QueryError};
use crate::stream::Cursor;
use crate::wire::Problem;

pub(super) async fn overview(site: &Rc<Site>) -> Result<Answer, Problem> {
    let report = Report::of(&site.sources, site.seats.taken());
    let now_ms = site.now_ms();
    // The page is there whatever the database does: what it cannot tell is left out.
    let read = site.ask(|db| Ok((db.feeds_failing(FAILING_SHOWN)?, newest_lines(db)?)));
    let (failing, newest) = match read.await {
        Ok((failing, newest)) => (failing, Some(newest)),
        Err(_) => (Vec::new(), None),
    };
    let flights = site.flights().await;
    let counts = report.feeds();
    let polled: usize = site.sources.cores.iter().map(|core| core.feeds_polled.load(Ordering::Relaxed)).sum();
    let totals = site.totals();
    let first_round = (polled < counts.total).then_some(FirstRound {
        polled: polled as u64,
        feeds: counts.total as u64,
        articles: totals.articles_new,
    });
    let page = Overview {
        now_ms,
        status: report.status,
        reasons: report.reasons.clone(),
        uptime_s: report.uptime_s(),
        feeds: FeedCounts {
            total: counts.total as u64,
            ok: counts.total.saturating_sub(counts.failing) as u64,
            overdue: counts.overdue as u64,
            failing: counts.failing as u64,
        },
        first_round,
        failing: failing.iter().filter_map(failing_line).collect(),
        newest,
        cursor: Some(Cursor { epoch: site.sources.epoch, seq: site.ring.borrow().last() }.to_string()),
        hour: hour(site),
        cores: cores(site),
        flights: flights
            .into_iter()
            .map(|flight| FlightLine {
                feed: flight.feed,
                phase: flight.phase,
                age_ms: flight.age_ms,
                left_ms: flight.left_ms,
                wire_bytes: flight.wire_bytes,
            })
            .collect(),
        writer_queue: site.sources.writer.queue_len() as u64,
        last_commit_at: site.sources.writer.gauges().last_commit_at(),
        streams: site.seats.taken() as u64,
    };
    Ok(respond::html(StatusCode::OK, page.to_html()))
}

fn newest_lines(db: &Queries<'_>) -> Result<Vec<page::ArticleLine>, QueryError> {
    let page = db.articles_newest(&store::Filter::default(), None, NEWEST_SHOWN)?;
    Ok(page.articles.iter().map(views::article_line).collect())
}

fn failing_line(row: &FeedRow) -> Option<FailingLine> {
    Some(FailingLine {
        name: row.feed.name.clone(),
        since_ms: row.feed.state.failing_since?,
        failure_count: u64::from(row.feed.state.failure_count),
        reason: views::reason(row).unwrap_or_default(),
        next_poll_at: row.feed.state.next_poll_at,
    })
}

fn hour(site: &Site) -> Hour {
    let history = site.history.borrow();
    let minutes = history.minutes().map(|minute| Minute {
        polls: minute.totals.polls,
        wire_bytes: minute.totals.wire_bytes,
        latency_p50_ms: minute.totals.latency_ms(0.5),
        latency_p95_ms: minute.totals.latency_ms(0.95),
    });
    Hour { minutes: minutes.collect() }
}

fn cores(site: &Site) -> Vec<CoreLine> {
    let line = |(core, gauges): (usize, &std::sync::Arc<crate::gauges::CoreGauges>)| CoreLine {
        core,
        heartbeat_age_ms: gauges.heartbeat_age_ms(),
        feeds: gauges.feeds.load(Ordering::Relaxed) as u64,
        in_flight: gauges.in_flight.load(Ordering::Relaxed) as u64,
        overdue: gauges.feeds_overdue.load(Ordering::Relaxed) as u64,
    };
    site.sources.cores.iter().enumerate().map(line).collect()
}
