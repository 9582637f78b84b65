//! The day on which every feed is hostile: each text and address of every page is an attempt.

use super::super::*;
use super::{NOW_MS, safe};
use crate::failure::Phase;
use crate::http::Status;

/// What a feed may try: each is put wherever a text of a feed can stand.
pub(in crate::http::page) const TEXT: &str =
    "</title><script>alert(1)</script>\"' onmouseover=\"alert(1)\" style='x' &lt;\u{202e}\u{1b}[31m\0]]>-->";
const ADDRESS: &str = "javascript:alert(1)";

pub(super) fn overview() -> Overview {
    let failing = FailingLine {
        name: TEXT.into(),
        since_ms: i64::MIN,
        failure_count: u64::MAX,
        reason: TEXT.into(),
        next_poll_at: Some(i64::MAX),
    };
    let flight =
        FlightLine { feed: TEXT.into(), phase: Phase::Body, age_ms: u64::MAX, left_ms: u64::MAX, wire_bytes: u64::MAX };
    Overview {
        reasons: vec![TEXT.into()],
        uptime_s: u64::MAX,
        failing: vec![failing; 100],
        newest: Some(vec![line(); 100]),
        cursor: Some(TEXT.into()),
        flights: vec![flight; 100],
        ..super::overview(Status::Ok)
    }
}

pub(super) fn feeds() -> FeedsPage {
    FeedsPage {
        state: Some(FeedHealth::Failing),
        feeds: vec![FeedLine {
            name: TEXT.into(),
            title: Some(TEXT.into()),
            health: FeedHealth::Failing,
            failing_since: Some(i64::MAX),
            reason: Some(TEXT.into()),
            last_polled_at: Some(i64::MIN),
            next_poll_at: None,
            article_count: u64::MAX,
        }],
        offset: 7,
        ..super::feeds()
    }
}

pub(super) fn feed() -> FeedPage {
    FeedPage {
        name: TEXT.into(),
        title: Some(TEXT.into()),
        url: ADDRESS.into(),
        effective_url: Some(ADDRESS.into()),
        site_url: Some(ADDRESS.into()),
        language: Some(TEXT.into()),
        labels: vec![(TEXT.into(), TEXT.into())],
        etag: Some(TEXT.into()),
        last_modified: Some(TEXT.into()),
        repaired: vec![TEXT.into()],
        reason: Some(TEXT.into()),
        polls: vec![PollLine {
            outcome: TEXT.into(),
            error: Some(TEXT.into()),
            started_at: i64::MAX,
            total_ms: u64::MAX,
            body_ms: Some(u64::MAX / 2),
            ..PollLine::default()
        }],
        articles: vec![line()],
        ..super::feed()
    }
}

pub(super) fn articles() -> ArticlesPage {
    ArticlesPage {
        now_ms: NOW_MS,
        asked: Asked {
            q: Some(TEXT.into()),
            feeds: vec![TEXT.into()],
            labels: vec![(TEXT.into(), TEXT.into())],
            before: Some(i64::MIN),
            limit: Some(1),
        },
        articles: vec![line()],
        older_before: Some(i64::MIN),
        search_lag: u64::MAX,
        notice: Some(TEXT.into()),
    }
}

pub(super) fn article() -> ArticlePage {
    ArticlePage {
        feed: TEXT.into(),
        labels: vec![(TEXT.into(), TEXT.into())],
        title: Some(TEXT.into()),
        url: Some(ADDRESS.into()),
        guid: Some(TEXT.into()),
        authors: vec![TEXT.into()],
        content: Some(safe("<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>")),
        image_url: Some(ADDRESS.into()),
        enclosures: vec![EnclosureLine {
            url: ADDRESS.into(),
            media_type: Some(TEXT.into()),
            length_bytes: Some(u64::MAX),
            duration_s: Some(u64::MAX),
        }],
        categories: vec![TEXT.into()],
        language: Some(TEXT.into()),
        comments_url: Some(ADDRESS.into()),
        ..super::article()
    }
}

fn line() -> ArticleLine {
    ArticleLine {
        id: i64::MIN,
        feed: TEXT.into(),
        title: Some(TEXT.into()),
        url: Some(ADDRESS.into()),
        summary: Some(safe("<p>&lt;script&gt;</p>")),
        published_at: Some(i64::MAX),
        fetched_at: 0,
        updated: true,
    }
}
