//! From what the store and the gauges know to what is shown: the same facts for programs and for people.

use serde_json::{Value, json};
use url::Url;

use super::page::{self, ArticleLine, ArticlePage, EnclosureLine, FeedHealth, FeedLine, FeedPage, PollLine, SafeHtml};
use crate::article::KeyBy;
use crate::limits::FEED_LATE_MS;
use crate::sanitise;
use crate::schedule;
use crate::store::{self, FeedDetail, FeedRow, Labels, StoredArticle};
use crate::wire::{self, ArticleView, Op};

/// A stored article as it leaves the process.
pub(super) fn view(article: &StoredArticle) -> ArticleView<'_> {
    ArticleView {
        seq: article.seq,
        id: article.id,
        op: match article.op {
            store::Op::New => Op::New,
            store::Op::Updated => Op::Updated,
        },
        feed: &article.feed,
        labels: &article.labels,
        guid: article.guid.as_deref(),
        url: article.url.as_deref(),
        title: article.title.as_deref(),
        authors: &article.authors,
        summary: article.summary.as_deref(),
        content: article.content.as_deref(),
        image: article.image_url.as_deref(),
        enclosures: &article.enclosures,
        categories: &article.categories,
        language: article.language.as_deref(),
        published_at: article.published_at,
        updated_at: article.updated_at,
        fetched_at: article.fetched_at,
        comments: article.comments_url.as_deref(),
    }
}

/// A line of a list. Sanitises: on a reader's thread.
pub(super) fn article_line(article: &StoredArticle) -> ArticleLine {
    ArticleLine {
        id: article.id,
        feed: article.feed.to_string(),
        title: article.title.clone(),
        url: article.url.clone(),
        summary: safe(article, article.summary.as_deref()),
        published_at: article.published_at,
        fetched_at: article.fetched_at,
        updated: article.op == store::Op::Updated,
    }
}

/// An article's own page. Sanitises: on a reader's thread.
pub(super) fn article_page(article: &StoredArticle, now_ms: i64) -> ArticlePage {
    ArticlePage {
        now_ms,
        seq: article.seq,
        feed: article.feed.to_string(),
        labels: pairs(&article.labels),
        title: article.title.clone(),
        url: article.url.clone(),
        guid: article.guid.clone(),
        authors: article.authors.clone(),
        summary: safe(article, article.summary.as_deref()),
        content: safe(article, article.content.as_deref()),
        image_url: article.image_url.clone(),
        enclosures: article.enclosures.iter().map(enclosure_line).collect(),
        categories: article.categories.clone(),
        language: article.language.clone(),
        published_at: article.published_at,
        updated_at: article.updated_at,
        fetched_at: article.fetched_at,
        revision: article.revision.unsigned_abs(),
        comments_url: article.comments_url.clone(),
    }
}

/// What a feed calls HTML, as it may be shown; relative addresses in it are the article's.
fn safe(article: &StoredArticle, html: Option<&str>) -> Option<SafeHtml> {
    let base = article.url.as_deref().and_then(|url| Url::parse(url).ok());
    html.map(|html| sanitise::for_page(html, base.as_ref()))
}

fn enclosure_line(enclosure: &crate::article::Enclosure) -> EnclosureLine {
    EnclosureLine {
        url: enclosure.url.clone(),
        media_type: enclosure.media_type.clone(),
        length_bytes: enclosure.length_bytes,
        duration_s: enclosure.duration_s,
    }
}

pub(super) fn pairs(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// How a feed is, in one word.
pub(super) fn health(row: &FeedRow, now_ms: i64) -> FeedHealth {
    let state = &row.feed.state;
    match state {
        _ if state.gone_at.is_some() => FeedHealth::Gone,
        _ if state.failing_since.is_some() => FeedHealth::Failing,
        _ if state.last_polled_at.is_none() => FeedHealth::New,
        _ if state.next_poll_at.is_some_and(|at| at < now_ms.saturating_sub(FEED_LATE_MS)) => FeedHealth::Late,
        _ => FeedHealth::Fine,
    }
}

/// Why a feed fails, class and sentence; the sentence alone where it begins with its class (`status 404: ...`).
pub(super) fn reason(row: &FeedRow) -> Option<String> {
    let state = &row.feed.state;
    let (class, sentence) = (state.last_error_class.as_deref()?, state.last_error.as_deref().unwrap_or_default());
    match sentence.split_whitespace().next() == Some(class) {
        true => Some(sentence.to_owned()),
        false => Some(format!("{class}: {sentence}")),
    }
}

pub(super) fn feed_line(row: &FeedRow, now_ms: i64) -> FeedLine {
    FeedLine {
        name: row.feed.name.clone(),
        title: row.feed.title.clone(),
        health: health(row, now_ms),
        failing_since: row.feed.state.failing_since,
        reason: reason(row),
        last_polled_at: row.feed.state.last_polled_at,
        next_poll_at: row.feed.state.next_poll_at,
        article_count: row.feed.article_count,
    }
}

pub(super) fn feed_page(detail: &FeedDetail, articles: Vec<ArticleLine>, now_ms: i64) -> FeedPage {
    let row = &detail.row;
    let state = &row.feed.state;
    FeedPage {
        now_ms,
        name: row.feed.name.clone(),
        title: row.feed.title.clone(),
        health: health(row, now_ms),
        url: row.feed.url.clone(),
        effective_url: state.effective_url.clone(),
        site_url: row.feed.site_url.clone(),
        language: row.feed.language.clone(),
        labels: pairs(&row.labels),
        etag: lossy(state.etag.as_deref()),
        last_modified: lossy(state.last_modified.as_deref()),
        last_polled_at: state.last_polled_at,
        last_ok_at: state.last_ok_at,
        failing_since: state.failing_since,
        failure_count: u64::from(state.failure_count),
        reason: reason(row),
        next_poll_at: state.next_poll_at,
        repaired: state.repaired.clone(),
        rules: schedule::read_rules(state.planning.schedule.as_deref()),
        poll_count: row.feed.poll_count,
        article_count: row.feed.article_count,
        has_odd_guids: row.key_by == KeyBy::Link,
        polls: detail.polls.iter().map(poll_line).collect(),
        articles,
    }
}

fn poll_line(poll: &store::LoggedPoll) -> PollLine {
    let log = &poll.log;
    PollLine {
        started_at: log.started_at,
        resolve_ms: log.resolve_ms.map(u64::from),
        connect_ms: log.connect_ms.map(u64::from),
        tls_ms: log.tls_ms.map(u64::from),
        first_byte_ms: log.first_byte_ms.map(u64::from),
        body_ms: log.body_ms.map(u64::from),
        parse_ms: log.parse_ms.map(u64::from),
        total_ms: u64::from(log.total_ms),
        status: log.status,
        outcome: log.outcome.clone(),
        body_bytes: log.body_bytes,
        new_count: poll.new_count,
        error: log.error.clone(),
    }
}

/// A feed for a program.
pub(super) fn feed_json(row: &FeedRow, now_ms: i64) -> Value {
    let state = &row.feed.state;
    json!({
        "name": row.feed.name,
        "url": row.feed.url,
        "effective_url": state.effective_url,
        "title": row.feed.title,
        "site_url": row.feed.site_url,
        "language": row.feed.language,
        "labels": row.labels,
        "state": health(row, now_ms).name(),
        "next_poll": rfc3339(state.next_poll_at),
        "last_polled": rfc3339(state.last_polled_at),
        "last_ok": rfc3339(state.last_ok_at),
        "failing_since": rfc3339(state.failing_since),
        "failure_count": state.failure_count,
        "last_error": state.last_error,
        "last_error_class": state.last_error_class,
        "gone": rfc3339(state.gone_at),
        "etag": lossy(state.etag.as_deref()),
        "last_modified": lossy(state.last_modified.as_deref()),
        "repaired": state.repaired,
        "poll_count": row.feed.poll_count,
        "article_count": row.feed.article_count,
        "keys": row.key_by.name(),
    })
}

/// A feed with its last polls, the newest first.
pub(super) fn feed_detail_json(detail: &FeedDetail, now_ms: i64) -> Value {
    let mut value = feed_json(&detail.row, now_ms);
    let polls = detail.polls.iter().map(|poll| {
        let log = &poll.log;
        json!({
            "started": rfc3339(Some(log.started_at)),
            "resolve_ms": log.resolve_ms,
            "connect_ms": log.connect_ms,
            "tls_ms": log.tls_ms,
            "first_byte_ms": log.first_byte_ms,
            "body_ms": log.body_ms,
            "parse_ms": log.parse_ms,
            "total_ms": log.total_ms,
            "status": log.status,
            "outcome": log.outcome,
            "body_bytes": log.body_bytes,
            "new_articles": poll.new_count,
            "error": log.error,
        })
    });
    value["polls"] = polls.collect();
    // Kept in the shape in which it is given.
    let schedule = detail.row.feed.state.planning.schedule.as_deref().and_then(|json| serde_json::from_str(json).ok());
    value["schedule"] = schedule.unwrap_or_else(|| json!([]));
    value
}

pub(super) fn rfc3339(at_ms: Option<i64>) -> Option<String> {
    at_ms.and_then(wire::rfc3339)
}

fn lossy(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// `Asked` of a page: what the list was asked for.
pub(super) fn asked(
    search: Option<&str>,
    filter: &crate::stream::Filter,
    before: Option<i64>,
    limit: Option<usize>,
) -> page::Asked {
    page::Asked {
        q: search.map(str::to_owned),
        feeds: filter.feeds().to_vec(),
        labels: filter.labels().to_vec(),
        before,
        limit,
    }
}
