//! Which address is answered by what.
//!
//! Invariant: what is made of rows is made where they are read, on a reader's thread: an answer of a hundred thousand feeds
//! or of megabytes of HTML is one buffer when this core first sees it.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{ACCEPT, HOST, HeaderMap, IF_NONE_MATCH};
use hyper::{Request, StatusCode};
use serde_json::json;

use super::health::{Report, Status};
use super::page::{
    self, ArticlesPage, CoreLine, FailingLine, FeedCounts, FeedHealth, FeedsPage, FirstRound, FlightLine, Hour, Minute,
    Overview,
};
use super::query::Query;
use super::respond::{self, Answer};
use super::similar::similar;
use super::site::Site;
use super::stream::{self, stored_filter};
use super::views;
use crate::article::RepairKind;
use crate::failure::Class;
use crate::gauges::CoreGauges;
use crate::limits::{FAILING_SHOWN, FEEDS_LISTED_MAX, FEEDS_ON_PAGE, FEEDS_READ_AT_ONCE, NEWEST_SHOWN};
use crate::store::{self, FeedRow, Queries, QueryError, StoredArticle, SubscriptionRow};
use crate::stream::Cursor;
use crate::wire::metrics::{CoreSnapshot, Format, HttpSnapshot, Snapshot, WriterSnapshot};
use crate::wire::{self, OPENAPI, Outlet, Problem, SubscriptionView};

/// Answers a request that the gatekeeper has let through.
pub(super) async fn answer<B>(site: &Rc<Site>, request: &Request<B>) -> Answer {
    match route(site, request).await {
        Ok(answer) => answer,
        Err(problem) if prefers_html(request.headers()) => respond::problem_page(&problem),
        Err(problem) => respond::problem(&problem),
    }
}

async fn route<B>(site: &Rc<Site>, request: &Request<B>) -> Result<Answer, Problem> {
    let headers = request.headers();
    let path = request.uri().path();
    if let Some(asset) = page::asset(path) {
        let make = || respond::answer(StatusCode::OK, asset.content_type, asset.bytes);
        return Ok(respond::tagged(&asset.etag(), headers.get(IF_NONE_MATCH), make));
    }
    let query = Query::read(request.uri().query())?;
    match path {
        "/" => overview(site).await,
        "/health" => Ok(health(site)),
        // That this is answered at all is the answer.
        "/health/live" => Ok(respond::text(StatusCode::OK, "ok\n")),
        "/health/ready" => Ok(ready(site)),
        "/news/stream" => stream::serve(site, &query, headers).await,
        "/articles" => articles(site, &query, headers).await,
        "/feeds" => feeds(site, &query, headers).await,
        "/feed.atom" => outlet(site, &query, request, "atom").await,
        "/feed.json" => outlet(site, &query, request, "json").await,
        "/feeds.opml" => subscriptions(site).await,
        "/metrics" => Ok(metrics(site, headers)),
        "/openapi.json" => Ok(respond::json(OPENAPI)),
        "/debug/cores" => Ok(respond::json(Report::of(&site.sources, site.seats.taken()).to_json())),
        "/debug/fetches" => Ok(fetches(site).await),
        "/debug/stacks" => Ok(respond::text(StatusCode::OK, views::threads())),
        _ => match (path.strip_prefix("/articles/"), path.strip_prefix("/feeds/")) {
            (Some(id), _) => article(site, id, &query, headers).await,
            (_, Some(name)) => feed(site, name, headers).await,
            _ => Err(not_found("there is nothing at this address; `/openapi.json` lists what there is")),
        },
    }
}

fn not_found(detail: &str) -> Problem {
    Problem::new(404, detail)
}

/// A person's browser asks for HTML first; programs take anything.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let place = |kind: &str| accept.find(kind);
    place("text/html").is_some_and(|html| place("application/json").is_none_or(|json| html < json))
}

fn health(site: &Site) -> Answer {
    let report = Report::of(&site.sources, site.seats.taken());
    let status = if report.status == Status::Failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    respond::answer(status, "application/json", report.to_json())
}

fn ready(site: &Site) -> Answer {
    match Report::of(&site.sources, site.seats.taken()).status {
        Status::Failing => respond::text(StatusCode::SERVICE_UNAVAILABLE, "failing\n"),
        Status::Ok | Status::Degraded => respond::text(StatusCode::OK, "ok\n"),
    }
}

async fn overview(site: &Rc<Site>) -> Result<Answer, Problem> {
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

async fn articles(site: &Rc<Site>, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
    let (filter, limit, before, html) = (query.filter()?, query.limit()?, query.before()?, query.html()?);
    let search = query.search()?;
    let stored = stored_filter(&filter);
    let words = search.as_ref().map(|search| search.asked.clone());
    let find = move |db: &Queries<'_>| match &words {
        None => db.articles_newest(&stored, before, limit),
        // It quotes them, and finds nothing where there is no word.
        Some(words) => db.search(words, &stored, before, limit),
    };
    if !prefers_html(headers) {
        let json = move |db: &Queries<'_>| {
            let page = find(db)?;
            let list: Vec<_> = page.articles.iter().map(|article| views::view(article).to_json(html)).collect();
            Ok(articles_json(&list, next_before(&page)))
        };
        return Ok(respond::json(site.ask(json).await?));
    }
    let search_lag = site.sources.writer.gauges().search_lag();
    let asked = views::asked(
        search.as_ref().map(|search| &*search.asked),
        &filter,
        before,
        query.text("limit")?.map(|_| limit),
    );
    let notice = search.is_some_and(|search| !search.has_words).then(|| "there is no word in it".to_owned());
    let now_ms = site.now_ms();
    let html = site
        .ask(move |db| {
            let page = find(db)?;
            let articles = page.articles.iter().map(views::article_line).collect();
            let older_before = next_before(&page);
            Ok(ArticlesPage { now_ms, asked, articles, older_before, search_lag, notice }.to_html())
        })
        .await?;
    Ok(respond::html(StatusCode::OK, html))
}

/// Where the next older ones begin; `None` where there are none.
fn next_before(page: &store::Page) -> Option<i64> {
    page.more.then(|| page.articles.last().map_or(page.scanned_to, |last| last.seq.min(page.scanned_to.max(1))))
}

fn articles_json(articles: &[hyper::body::Bytes], before: Option<i64>) -> Vec<u8> {
    let mut bytes = b"{\"articles\":[".to_vec();
    for (index, article) in articles.iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(article);
    }
    bytes.extend_from_slice(
        format!("],\"before\":{}}}\n", before.map_or("null".to_owned(), |seq| seq.to_string())).as_bytes(),
    );
    bytes
}

async fn article(site: &Rc<Site>, id: &str, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
    let missing = || not_found("there is no such article, or no more");
    let id: i64 = id.parse().map_err(|_| missing())?;
    let html = query.html()?;
    if prefers_html(headers) {
        let now_ms = site.now_ms();
        let html =
            move |db: &Queries<'_>| Ok(db.article(id)?.map(|article| views::article_page(&article, now_ms).to_html()));
        return Ok(respond::html(StatusCode::OK, site.ask(html).await?.ok_or_else(missing)?));
    }
    let json = site.ask(move |db| Ok(db.article(id)?.map(|article| views::view(&article).to_json(html)))).await?;
    Ok(respond::json(json.ok_or_else(missing)?))
}

/// All rows of a query that gives them by name, a page at a time: up to [`FEEDS_LISTED_MAX`].
fn all<T>(
    name: fn(&T) -> &str,
    page: impl Fn(Option<&str>, usize) -> Result<Vec<T>, QueryError>,
) -> Result<Vec<T>, QueryError> {
    let mut rows: Vec<T> = Vec::new();
    loop {
        let next = page(rows.last().map(name), FEEDS_READ_AT_ONCE)?;
        let is_last = next.len() < FEEDS_READ_AT_ONCE;
        rows.extend(next);
        if is_last || rows.len() >= FEEDS_LISTED_MAX {
            return Ok(rows);
        }
    }
}

async fn feeds(site: &Rc<Site>, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
    let now_ms = site.now_ms();
    let state = match query.text("state")? {
        None | Some("") => None,
        Some(name) => {
            let wanted = FeedHealth::from_name(name);
            Some(wanted.ok_or_else(|| Problem::bad_parameter("state", "fine, late, failing, new or gone"))?)
        }
    };
    let offset = query.offset()?;
    let as_page = prefers_html(headers);
    let limit = match query.text("limit")? {
        _ if as_page => FEEDS_ON_PAGE,
        None => FEEDS_LISTED_MAX,
        Some(_) => query.limit()?,
    };
    let body = site
        .ask(move |db| {
            let mut rows: Vec<FeedRow> = all(|row: &FeedRow| &row.feed.name, |after, limit| db.feeds(after, limit))?;
            rows.retain(|row| state.is_none_or(|state| views::health(row, now_ms) == state));
            if as_page || state.is_some() {
                // What has needed somebody for longest first.
                rows.sort_by_key(|row| row.feed.state.failing_since.unwrap_or(i64::MAX));
            }
            let total = rows.len();
            let rows = rows.iter().skip(offset).take(limit);
            if !as_page {
                let list: Vec<_> = rows.map(|row| views::feed_json(row, now_ms)).collect();
                return Ok(format!("{}\n", json!({ "feeds": list, "total": total })));
            }
            let feeds = rows.map(|row| views::feed_line(row, now_ms)).collect();
            Ok(FeedsPage { now_ms, state, feeds, total: total as u64, offset: offset as u64 }.to_html())
        })
        .await?;
    Ok(if as_page { respond::html(StatusCode::OK, body) } else { respond::json(body) })
}

async fn feed(site: &Rc<Site>, name: &str, headers: &HeaderMap) -> Result<Answer, Problem> {
    let name = percent_decoded(name);
    let now_ms = site.now_ms();
    let as_page = prefers_html(headers);
    let found = site
        .ask(move |db| {
            let Some(detail) = db.feed(&name)? else {
                let names = all(|name: &String| name, |after, limit| db.feed_names(after, limit))?;
                let similar = similar(&name, names.iter().map(|name| &**name));
                return Ok(Err(not_found("there is no feed of this name").with("similar", similar)));
            };
            let filter = store::Filter { feeds: vec![name], labels: Vec::new() };
            if !as_page {
                return Ok(Ok(format!("{}\n", views::feed_detail_json(&detail, now_ms))));
            }
            let page = db.articles_newest(&filter, None, NEWEST_SHOWN)?;
            let lines = page.articles.iter().map(views::article_line).collect();
            Ok(Ok(views::feed_page(&detail, lines, now_ms).to_html()))
        })
        .await?;
    let body = found?;
    Ok(if as_page { respond::html(StatusCode::OK, body) } else { respond::json(body) })
}

fn percent_decoded(text: &str) -> String {
    // A `+` is one here: only in a query it would be a space.
    let encoded = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(encoded.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// rssd as a feed itself.
async fn outlet<B>(
    site: &Rc<Site>,
    query: &Query,
    request: &Request<B>,
    kind: &'static str,
) -> Result<Answer, Problem> {
    let (filter, limit) = (query.filter()?, query.limit()?);
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let home_url = format!("http://{host}/");
    let self_url = format!("http://{host}{}", request.uri().path_and_query().map_or("/", |path| path.as_str()));
    let newest = Cursor { epoch: site.sources.epoch, seq: site.ring.borrow().last() };
    let etag = wire::etag(kind, &self_url, newest, &filter, limit);
    let is_known = headers
        .get(IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| wire::is_unchanged(known, &etag));
    let body = match is_known {
        true => hyper::body::Bytes::new(),
        false => {
            let epoch = site.sources.epoch;
            let stored = stored_filter(&filter);
            let make = move |db: &Queries<'_>| {
                let page = db.articles_newest(&stored, None, limit)?;
                Ok(outlet_of(&page.articles, epoch, &home_url, &self_url, kind))
            };
            site.ask(make).await?
        }
    };
    let content_type = match kind {
        "atom" => "application/atom+xml; charset=utf-8",
        _ => "application/feed+json; charset=utf-8",
    };
    Ok(respond::tagged(&etag, headers.get(IF_NONE_MATCH), || respond::answer(StatusCode::OK, content_type, body)))
}

fn outlet_of(
    articles: &[StoredArticle],
    epoch: crate::stream::Epoch,
    home_url: &str,
    self_url: &str,
    kind: &str,
) -> hyper::body::Bytes {
    let views: Vec<_> = articles.iter().map(views::view).collect();
    let outlet = Outlet { epoch, title: "rssd", home_url, self_url, articles: &views };
    match kind {
        "atom" => wire::atom(&outlet),
        _ => wire::json_feed(&outlet),
    }
}

async fn subscriptions(site: &Rc<Site>) -> Result<Answer, Problem> {
    let now_ms = site.now_ms();
    let body = site
        .ask(move |db| {
            let rows = all(|row: &SubscriptionRow| &row.name, |after, limit| db.subscriptions(after, limit))?;
            let views = rows.iter().map(|row| SubscriptionView {
                name: &row.name,
                url: &row.url,
                title: row.title.as_deref(),
                site_url: row.site_url.as_deref(),
                labels: &row.labels,
            });
            Ok(wire::opml(views, now_ms))
        })
        .await?;
    Ok(respond::answer(StatusCode::OK, "text/x-opml; charset=utf-8", body))
}

/// A counter that each core keeps for itself.
fn sum_of_cores(site: &Site, counter: impl Fn(&CoreGauges) -> &AtomicU64) -> u64 {
    site.sources.cores.iter().map(|core| counter(core).load(Ordering::Relaxed)).sum()
}

fn metrics(site: &Site, headers: &HeaderMap) -> Answer {
    let format = Format::of_accept(headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let counts = &site.counts;
    let ring = site.ring.borrow();
    let snapshot = Snapshot {
        uptime_ms: crate::clock::Clock::elapsed_ms(site.sources.started),
        cores: site.sources.cores.iter().map(|core| CoreSnapshot::of(core)).collect(),
        writer: WriterSnapshot::of(site.sources.writer.gauges(), site.sources.writer.queue_len(), site.now_ms()),
        failures: (Class::ALL.into_iter())
            .map(|class| (class, sum_of_cores(site, |core| &core.failures[class as usize])))
            .collect(),
        repairs: (RepairKind::ALL.into_iter())
            .map(|kind| (kind, sum_of_cores(site, |core| &core.repairs[kind as usize])))
            .collect(),
        http: HttpSnapshot {
            connections: counts.connections.get(),
            streams: site.seats.taken(),
            streams_max: site.sources.streams_max,
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

async fn fetches(site: &Rc<Site>) -> Answer {
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

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_json() {
        for (accept, html) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("text/html, application/json", true),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(prefers_html(&headers), html, "{accept}");
        }
    }

    #[test]
    fn names_in_paths_are_decoded_as_paths() {
        for (path, name) in [("a", "a"), ("a%20b", "a b"), ("a+b", "a+b"), ("a&b=c", "a&b=c"), ("%C3%BC", "ü")] {
            assert_eq!(percent_decoded(path), name);
        }
    }
}
