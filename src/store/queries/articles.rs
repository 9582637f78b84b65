//! Articles as they are stored, a page at a time.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;

use super::filter::parse_labels;
use super::scan::{Bound, Found, by_feed, by_words};
use super::{Filter, Labels, Queries, QueryError};
use crate::article::Enclosure;
use crate::limits::PAGE_BYTES_MAX;
use crate::store::search::quote;

/// An article in its place in the stream. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArticle {
    pub seq: i64,
    pub id: i64,
    pub op: Op,
    /// How often it changed since it was new.
    pub revision: i64,
    /// The feed's name.
    pub feed: Arc<str>,
    /// The feed's labels, as they are now.
    pub labels: Arc<Labels>,
    pub key: String,
    pub guid: Option<String>,
    pub url: Option<String>,
    pub title: Option<String>,
    pub authors: Vec<String>,
    /// As published.
    pub summary: Option<String>,
    /// As published.
    pub content: Option<String>,
    pub image_url: Option<String>,
    pub enclosures: Vec<Enclosure>,
    pub categories: Vec<String>,
    pub language: Option<String>,
    pub published_at: Option<i64>,
    pub updated_at: Option<i64>,
    pub fetched_at: i64,
    pub comments_url: Option<String>,
}

/// Why an article has the place that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    New,
    /// It was delivered before, and has changed.
    Updated,
}

impl Op {
    pub fn name(self) -> &'static str {
        match self {
            Op::New => "new",
            Op::Updated => "updated",
        }
    }
}

/// Some articles, and where to go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub articles: Vec<StoredArticle>,
    /// What matches between where the page began and here, this `seq` included, is on it. The next page begins here.
    ///
    /// Without `more` it is the end: the newest `seq` of all, matching or not, or 0 going back.
    pub scanned_to: i64,
    /// There may be more beyond `scanned_to`, even where this page is empty.
    pub more: bool,
}

impl Queries<'_> {
    /// The next articles after `seq`, in the order of the stream; at most `limit`, which is taken as 1 to 500.
    pub fn articles_after(&self, seq: i64, filter: &Filter, limit: usize) -> Result<Page, QueryError> {
        self.read(|db| load(db, by_feed(db, Bound::After(seq), &filter.select(db)?, limit)?))
    }

    /// The articles before `before`, or the newest of all, newest first; at most `limit`, which is taken as 1 to 500.
    pub fn articles_newest(&self, filter: &Filter, before: Option<i64>, limit: usize) -> Result<Page, QueryError> {
        let before = before.unwrap_or(i64::MAX);
        self.read(|db| load(db, by_feed(db, Bound::Before(before), &filter.select(db)?, limit)?))
    }

    /// The same for articles in which all words of `text` occur. No words find nothing.
    pub fn search(&self, text: &str, filter: &Filter, before: Option<i64>, limit: usize) -> Result<Page, QueryError> {
        let Some(query) = quote(text) else { return Ok(Page::default()) };
        let before = before.unwrap_or(i64::MAX);
        self.read(|db| load(db, by_words(db, &query, before, &filter.select(db)?, limit)?))
    }

    /// One article by its id.
    pub fn article(&self, id: i64) -> Result<Option<StoredArticle>, QueryError> {
        self.read(|db| {
            let mut feeds = Feeds { db, known: HashMap::new() };
            let mut query = db.prepare_cached(&format!("{SELECT_ARTICLE} WHERE id = ?1"))?;
            query.query_row([id], |row| article(row, &mut feeds)).optional()
        })
    }
}

/// Reads the articles in places that were just found, as many as a page may hold.
fn load(db: &Connection, mut found: Found) -> rusqlite::Result<Page> {
    let mut feeds = Feeds { db, known: HashMap::new() };
    let mut query = db.prepare_cached(&format!("{SELECT_ARTICLE} WHERE seq = ?1"))?;
    let mut articles = Vec::with_capacity(found.seqs.len());
    let mut bytes = 0;
    for &seq in &found.seqs {
        let article = query.query_row([seq], |row| article(row, &mut feeds))?;
        bytes += article.text_bytes();
        articles.push(article);
        if bytes >= PAGE_BYTES_MAX {
            break;
        }
    }
    found.cut(articles.len());
    Ok(Page { articles, scanned_to: found.scanned_to, more: found.more })
}

const SELECT_ARTICLE: &str = "SELECT seq, id, revision, feed_id, key, guid, url, title, authors, summary, content, \
     image_url, enclosures, categories, language, published_at, updated_at, fetched_at, \
     comments_url FROM article";

fn article(row: &Row<'_>, feeds: &mut Feeds<'_>) -> rusqlite::Result<StoredArticle> {
    let revision = row.get(2)?;
    let (feed, labels) = feeds.get(row.get(3)?)?;
    Ok(StoredArticle {
        seq: row.get(0)?,
        id: row.get(1)?,
        op: if revision == 0 { Op::New } else { Op::Updated },
        revision,
        feed,
        labels,
        key: row.get(4)?,
        guid: row.get(5)?,
        url: row.get(6)?,
        title: row.get(7)?,
        authors: list(row, 8)?,
        summary: row.get(9)?,
        content: row.get(10)?,
        image_url: row.get(11)?,
        enclosures: list(row, 12)?,
        categories: list(row, 13)?,
        language: row.get(14)?,
        published_at: row.get(15)?,
        updated_at: row.get(16)?,
        fetched_at: row.get(17)?,
        comments_url: row.get(18)?,
    })
}

impl StoredArticle {
    /// Of what can be long.
    fn text_bytes(&self) -> usize {
        [&self.title, &self.summary, &self.content].into_iter().flatten().map(String::len).sum()
    }
}

/// A column with a list in JSON. It is ours; what was written into it by hand and is no such list reads as empty.
fn list<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<T>> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str()?).unwrap_or_default())
}

/// Names and labels of the feeds of one page, each read once.
struct Feeds<'a> {
    db: &'a Connection,
    known: HashMap<i64, (Arc<str>, Arc<Labels>)>,
}

impl Feeds<'_> {
    fn get(&mut self, id: i64) -> rusqlite::Result<(Arc<str>, Arc<Labels>)> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let mut query = self.db.prepare_cached("SELECT name, labels FROM feed WHERE id = ?1")?;
        let feed = query.query_row([id], |row| {
            Ok((Arc::from(row.get_ref(0)?.as_str()?), Arc::new(parse_labels(row.get_ref(1)?.as_str()?))))
        })?;
        self.known.insert(id, feed.clone());
        Ok(feed)
    }
}
