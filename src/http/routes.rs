//! Which address is answered by what.
//!
//! Invariant: what is made of rows is made where they are read, on a reader's thread: an answer of a hundred thousand feeds
//! or of megabytes of HTML is one buffer when this core first sees it.

use std::rc::Rc;

use hyper::header::{ACCEPT, HeaderMap, IF_NONE_MATCH};
use hyper::{Request, StatusCode};

use super::articles::{article, articles, outlet};
use super::feeds::{feed, feeds, subscriptions};
use super::health::Report;
use super::operator::{fetches, health, metrics, ready, stacks};
use super::overview::overview;
use super::page;
use super::query::Query;
use super::respond::{self, Answer};
use super::site::Site;
use super::stream;
use crate::watch::{self, Doing};
use crate::wire::{OPENAPI, Problem};

/// Answers a request that the gatekeeper has let through.
pub(super) async fn answer<B>(site: &Rc<Site>, request: &Request<B>) -> Answer {
    let path = request.uri().path();
    match watch::during(Doing::Answer, path, || None, route(site, request)).await {
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
        "/debug/cores" => Ok(respond::json(Report::of(&site.sources, site.seats.taken()).to_detailed_json())),
        "/debug/fetches" => Ok(fetches(site).await),
        "/debug/stacks" => stacks(site).await,
        _ => match (path.strip_prefix("/articles/"), path.strip_prefix("/feeds/")) {
            (Some(id), _) => article(site, id, &query, headers).await,
            (_, Some(name)) => feed(site, name, headers).await,
            _ => Err(not_found("there is nothing at this address; `/openapi.json` lists what there is")),
        },
    }
}

pub(super) fn not_found(detail: &str) -> Problem {
    Problem::new(404, detail)
}

/// A person's browser asks for HTML first; programs take anything.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let place = |kind: &str| accept.find(kind);
    place("text/html").is_some_and(|html| place("application/json").is_none_or(|json| html < json))
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
}
