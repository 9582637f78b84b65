//! Feeds in lists and alone, as JSON and as pages, and as subscriptions in OPML.

use std::rc::Rc;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;

use super::page::{FeedHealth, FeedsPage};
use super::query::Query;
use super::respond::{self, Answer};
use super::routes::{not_found, prefers_html};
use super::similar::similar;
use super::site::Site;
use super::views;
use crate::limits::{FEEDS_LISTED_MAX, FEEDS_ON_PAGE, FEEDS_READ_AT_ONCE, NEWEST_SHOWN};
use crate::store::{self, FeedRow, FeedsPart, Queries, QueryError, SubscriptionRow};
use crate::wire::{self, Problem, SubscriptionView};

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

pub(super) async fn feeds(site: &Rc<Site>, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
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
        _ if as_page => Some(FEEDS_ON_PAGE),
        None => None,
        Some(_) => Some(query.limit()?),
    };
    let body = site
        .ask(move |db| {
            let (rows, total) = match limit {
                Some(limit) => {
                    let health = state.map(FeedHealth::name);
                    let by_need = as_page || state.is_some();
                    db.feeds_part(&FeedsPart { health, by_need, offset, limit, now_ms })?
                }
                None => all_of(db, state, offset, now_ms)?,
            };
            if !as_page {
                let list: Vec<_> = rows.iter().map(|row| views::feed_json(row, now_ms)).collect();
                return Ok(format!("{}\n", json!({ "feeds": list, "total": total })));
            }
            let feeds = rows.iter().map(|row| views::feed_line(row, now_ms)).collect();
            Ok(FeedsPage { now_ms, state, feeds, total, offset: offset as u64 }.to_html())
        })
        .await?;
    Ok(if as_page { respond::html(StatusCode::OK, body) } else { respond::json(body) })
}

/// All feeds that are so, behind the first `offset`, and how many there are.
fn all_of(
    db: &Queries<'_>,
    state: Option<FeedHealth>,
    offset: usize,
    now_ms: i64,
) -> Result<(Vec<FeedRow>, u64), QueryError> {
    let mut rows: Vec<FeedRow> = all(|row: &FeedRow| &row.feed.name, |after, limit| db.feeds(after, limit))?;
    rows.retain(|row| state.is_none_or(|state| views::health(row, now_ms) == state));
    if state.is_some() {
        // What has needed somebody for longest first.
        rows.sort_by_key(|row| row.feed.state.failing_since.unwrap_or(i64::MAX));
    }
    let total = rows.len() as u64;
    rows.drain(..offset.min(rows.len()));
    Ok((rows, total))
}

pub(super) async fn feed(site: &Rc<Site>, name: &str, headers: &HeaderMap) -> Result<Answer, Problem> {
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

pub(super) async fn subscriptions(site: &Rc<Site>) -> Result<Answer, Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_paths_are_decoded_as_paths() {
        for (path, name) in [("a", "a"), ("a%20b", "a b"), ("a+b", "a+b"), ("a&b=c", "a&b=c"), ("%C3%BC", "ü")] {
            assert_eq!(percent_decoded(path), name);
        }
    }
}
