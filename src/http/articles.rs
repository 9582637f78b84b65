//! Articles in lists and alone, as JSON, as pages, and as a feed of our own.

use std::rc::Rc;

use hyper::header::{HOST, HeaderMap, IF_NONE_MATCH};
use hyper::{Request, StatusCode};

use super::page::ArticlesPage;
use super::query::Query;
use super::respond::{self, Answer};
use super::routes::{not_found, prefers_html};
use super::site::Site;
use super::stream::stored_filter;
use super::views;
use crate::store::{self, Queries, StoredArticle};
use crate::stream::Cursor;
use crate::wire::{self, Outlet, Problem};

pub(super) async fn articles(site: &Rc<Site>, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
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

pub(super) async fn article(site: &Rc<Site>, id: &str, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
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

/// rssd as a feed itself.
pub(super) async fn outlet<B>(
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
