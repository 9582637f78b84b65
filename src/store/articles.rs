//! What becomes of the articles of one poll: new, changed, known, or gone before.
//!
//! Every article is looked for first, then all are stored in their order: what one of them is must not depend on what
//! was stored of another a moment ago. An article is looked for under its best key; one that is not there may be known
//! under a lesser one, from a time when its document said less of it. Articles that have left their document stay.

use std::collections::HashSet;

use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, params};
use serde::Serialize;

use super::change::{Seen, Version};
use super::guids::{Verdict, are_suspicious, is_reused, judge};
use super::search;
use super::{PollRecord, rekey, tombstone};
use crate::article::{Article, KeyBy};
use crate::limits::SUSPECT_ROWS_MIN;
use crate::parse::identity::{guid_key, link_of};

/// What was stored of a poll's articles.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) new_count: i64,
    /// Delivered again.
    pub(super) updated_count: i64,
    /// The feed goes by links from this poll on.
    pub(super) verdict: Option<Verdict>,
}

/// What is in the database under an article's keys.
#[derive(Clone, Debug)]
enum Found {
    Nothing,
    Stored(Known),
    /// Removed by retention, at this time or listed at it.
    Buried(i64),
    /// It stands in the document twice, and the other one counts.
    Twice,
}

#[derive(Clone, Debug)]
struct Known {
    id: i64,
    /// `None`: stored before there were hashes.
    version: Option<Version>,
}

/// Stores what is new or changed of a poll's articles, each at the next `seq`.
pub(super) fn take(db: &Connection, record: &PollRecord, seq: &mut i64, now_ms: i64) -> rusqlite::Result<Taken> {
    let mut taken = Taken::default();
    if record.articles.is_empty() {
        return Ok(taken);
    }
    // Whoever looks for the feed afterwards says that it is not there.
    let Some(FeedSoFar { mut by, is_first, is_blank }) = feed(db, record.feed_id)? else { return Ok(taken) };
    let mut found = find_exactly(db, record, by, is_blank)?;
    if by == KeyBy::Guid && !record.is_delta {
        taken.verdict = verdict(db, record, &found)?;
    }
    if taken.verdict.is_some() {
        rekey::by_links(db, record.feed_id, &record.articles)?;
        by = KeyBy::Link;
        found = find_exactly(db, record, by, is_blank)?;
    }
    if !is_blank {
        find_otherwise(db, record, by, &mut found)?;
    }
    let wanted = match record.articles_initial_max.filter(|_| is_first) {
        Some(max) => newest(&record.articles, max),
        None => vec![true; record.articles.len()],
    };
    let mut keeper = Keeper::new(db)?;
    for ((article, found), wanted) in record.articles.iter().zip(found).zip(wanted) {
        let key = article.keys.best(by);
        match found {
            Found::Twice => {}
            Found::Buried(last_ms) => {
                tombstone::note_listed(db, record.feed_id, article.keys.all(), last_ms, now_ms)?;
            }
            Found::Nothing if wanted => {
                *seq += 1;
                keeper.insert(record.feed_id, key, *seq, article, now_ms)?;
                taken.new_count += 1;
            }
            Found::Nothing => tombstone::bury(db, record.feed_id, article.keys.all(), now_ms)?,
            Found::Stored(known) => {
                if keeper.compare(&known, article, record.updates.then_some(*seq + 1), now_ms)? {
                    *seq += 1;
                    taken.updated_count += 1;
                }
            }
        }
    }
    Ok(taken)
}

/// What is known of the feed itself.
struct FeedSoFar {
    by: KeyBy,
    /// No document of it was read before this one.
    is_first: bool,
    /// No article of it is stored, and none is buried: there is nothing to look for.
    is_blank: bool,
}

fn feed(db: &Connection, feed_id: i64) -> rusqlite::Result<Option<FeedSoFar>> {
    db.prepare_cached(
        "SELECT key_by = 'link', read_at IS NULL AND article_count = 0,
                NOT EXISTS (SELECT 1 FROM article WHERE feed_id = feed.id)
                AND NOT EXISTS (SELECT 1 FROM tombstone WHERE feed_id = feed.id)
         FROM feed WHERE id = ?1",
    )?
    .query_row([feed_id], |row| {
        let by = if row.get(0)? { KeyBy::Link } else { KeyBy::Guid };
        Ok(FeedSoFar { by, is_first: row.get(1)?, is_blank: row.get(2)? })
    })
    .optional()
}

fn find_exactly(db: &Connection, record: &PollRecord, by: KeyBy, is_blank: bool) -> rusqlite::Result<Vec<Found>> {
    let mut seen = HashSet::with_capacity(record.articles.len());
    let mut found = Vec::with_capacity(record.articles.len());
    // The record is the document backwards, and of two the first in the document counts.
    for article in record.articles.iter().rev() {
        let key = article.keys.best(by);
        found.push(if !seen.insert(key) {
            Found::Twice
        } else if is_blank {
            Found::Nothing
        } else if let Some(known) = stored(db, record.feed_id, key)? {
            Found::Stored(known)
        } else {
            tombstone::find(db, record.feed_id, key)?.map_or(Found::Nothing, Found::Buried)
        });
    }
    found.reverse();
    Ok(found)
}

/// Looks under lesser keys for what was not found. A row is one article's: two that share a link are two.
fn find_otherwise(db: &Connection, record: &PollRecord, by: KeyBy, found: &mut [Found]) -> rusqlite::Result<()> {
    let id = |found: &Found| if let Found::Stored(known) = found { Some(known.id) } else { None };
    let mut claimed: HashSet<i64> = found.iter().filter_map(id).collect();
    for (article, found) in record.articles.iter().zip(found).filter(|(_, found)| matches!(found, Found::Nothing)) {
        let mut candidates = Vec::new();
        for key in article.keys.others(by) {
            candidates.extend(stored(db, record.feed_id, key)?);
        }
        if by == KeyBy::Guid {
            candidates.extend(under_lost_guid(db, record.feed_id, article)?);
        }
        if let Some(known) = candidates.into_iter().find(|known| claimed.insert(known.id)) {
            *found = Found::Stored(known);
        }
    }
    Ok(())
}

/// A guid that several articles of the document carry may have been this one's alone in an earlier document.
fn under_lost_guid(db: &Connection, feed_id: i64, article: &Article) -> rusqlite::Result<Option<Known>> {
    let (None, Some(guid), Some(url)) = (&article.keys.guid, &article.guid, &article.url) else { return Ok(None) };
    let Some(known) = stored(db, feed_id, &guid_key(guid))? else { return Ok(None) };
    let row = rekey::one(db, known.id)?;
    Ok(row.url.is_some_and(|its| link_of(&its) == link_of(url)).then_some(known))
}

fn stored(db: &Connection, feed_id: i64, key: &str) -> rusqlite::Result<Option<Known>> {
    // Nothing of `article` but an index is read: most articles of most polls are known and unchanged.
    db.prepare_cached(
        "SELECT article.id, hash, formers, back_since
         FROM article LEFT JOIN article_version ON article_id = article.id WHERE feed_id = ?1 AND key = ?2",
    )?
    .query_row(params![feed_id, key], |row| {
        let version = match row.get(1)? {
            None => None,
            Some(hash) => {
                let formers = Version::formers_from_bytes(row.get_ref(2)?.as_blob()?);
                Some(Version { hash, formers, back_since: row.get(3)? })
            }
        };
        Ok(Known { id: row.get(0)?, version })
    })
    .optional()
}

/// Whether the guids of the feed mean nothing.
fn verdict(db: &Connection, record: &PollRecord, found: &[Found]) -> rusqlite::Result<Option<Verdict>> {
    if let ([article], [found]) = (&*record.articles, found)
        && article.keys.guid.is_some()
        && !matches!(found, Found::Nothing)
    {
        return Ok(stands_for_another(db, record.feed_id, article, found)?.then_some(Verdict::Reused));
    }
    let known: Vec<bool> = found.iter().map(|found| !matches!(found, Found::Nothing)).collect();
    if !are_suspicious(&record.articles, &known) {
        return Ok(None);
    }
    let rows = rekey::newest(db, record.feed_id, SUSPECT_ROWS_MIN.max(4 * record.articles.len()))?;
    let mut failed = None;
    let is_buried = |key: &str| match tombstone::find(db, record.feed_id, key) {
        Ok(found) => found.is_some(),
        Err(error) => {
            failed = Some(error);
            false
        }
    };
    let verdict = judge(&record.articles, &known, &rows, is_buried);
    failed.map_or(Ok(verdict), Err)
}

/// Whether the guid of a document's only article is known as another article's.
fn stands_for_another(db: &Connection, feed_id: i64, article: &Article, found: &Found) -> rusqlite::Result<bool> {
    match found {
        Found::Stored(known) => {
            let is_same = known.version.as_ref().is_some_and(|version| version.hash == article.content_hash);
            Ok(!is_same && is_reused(article, &rekey::one(db, known.id)?))
        }
        // Nothing is left of the other one but its keys.
        Found::Buried(_) if article.keys.link.is_some() => {
            for key in article.keys.others(KeyBy::Guid) {
                if tombstone::find(db, feed_id, key)?.is_some() {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Found::Buried(_) | Found::Nothing | Found::Twice => Ok(false),
    }
}

/// The newest `max` articles of a document that is given backwards: by their dates where all have one, else by their
/// place.
fn newest(articles: &[Article], max: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..articles.len()).rev().collect();
    let date = |n: &usize| articles[*n].published_at.or(articles[*n].updated_at);
    if order.iter().all(|n| date(n).is_some()) {
        order.sort_by_key(|n| std::cmp::Reverse(date(n)));
    }
    let mut wanted = vec![false; articles.len()];
    order.into_iter().take(max).for_each(|n| wanted[n] = true);
    wanted
}

/// What stores the articles of a poll. Its statements are looked up once: that takes its time, by the length of their SQL.
struct Keeper<'db> {
    db: &'db Connection,
    insert: CachedStatement<'db>,
    remember: CachedStatement<'db>,
}

impl<'db> Keeper<'db> {
    fn new(db: &'db Connection) -> rusqlite::Result<Keeper<'db>> {
        Ok(Keeper { db, insert: db.prepare_cached(INSERT)?, remember: db.prepare_cached(REMEMBER)? })
    }

    fn insert(&mut self, feed_id: i64, key: &str, seq: i64, article: &Article, now_ms: i64) -> rusqlite::Result<()> {
        execute(&mut self.insert, article, &[&seq, &now_ms, &feed_id, &key])?;
        self.remember(self.db.last_insert_rowid(), &Version::new(article.content_hash))
    }

    /// Stores an article that is known anew if it has changed. At `seq` where its changes are delivered, which it then
    /// gives; without one it keeps its place.
    fn compare(&mut self, known: &Known, article: &Article, seq: Option<i64>, now_ms: i64) -> rusqlite::Result<bool> {
        let db = self.db;
        let seen = match &known.version {
            None => Seen::Noted(Version::new(article.content_hash)),
            Some(version) if version.hash == article.content_hash && version.back_since.is_none() => Seen::Same,
            Some(version) => {
                let mut revision = db.prepare_cached("SELECT revision FROM article WHERE id = ?1")?;
                version.see(article.content_hash, revision.query_row([known.id], |row| row.get(0))?, now_ms)
            }
        };
        match seen {
            Seen::Same => Ok(false),
            Seen::Noted(version) => {
                self.remember(known.id, &version)?;
                Ok(false)
            }
            Seen::Changed(version) => {
                execute(&mut db.prepare_cached(UPDATE)?, article, &[&seq, &now_ms, &known.id])?;
                if seq.is_none() {
                    search::refresh(db, known.id)?;
                }
                self.remember(known.id, &version)?;
                Ok(seq.is_some())
            }
        }
    }

    fn remember(&mut self, id: i64, version: &Version) -> rusqlite::Result<()> {
        self.remember.execute(params![id, version.hash, version.formers_to_bytes(), version.back_since]).map(drop)
    }
}

const REMEMBER: &str =
    "INSERT OR REPLACE INTO article_version (article_id, hash, formers, back_since) VALUES (?1, ?2, ?3, ?4)";

const INSERT: &str = "INSERT INTO article (guid, url, title, authors, summary, content, image_url, enclosures, \
     categories, language, published_at, updated_at, comments_url, seq, fetched_at, feed_id, key) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";

/// Without a `seq` the article keeps its place, and all that tells of it.
const UPDATE: &str = "UPDATE article SET guid = ?1, url = ?2, title = ?3, authors = ?4, summary = ?5, content = ?6, \
     image_url = ?7, enclosures = ?8, categories = ?9, language = ?10, published_at = ?11, updated_at = ?12, \
     comments_url = ?13, seq = coalesce(?14, seq), fetched_at = iif(?14 IS NULL, fetched_at, ?15), \
     revision = revision + (?14 IS NOT NULL) WHERE id = ?16";

/// Runs a statement whose first parameters are what an article says, with `more` behind them.
fn execute(statement: &mut CachedStatement<'_>, article: &Article, more: &[&dyn ToSql]) -> rusqlite::Result<()> {
    let [authors, categories] = [&article.authors, &article.categories].map(|list| json(list));
    let enclosures = json(&article.enclosures);
    let says: [&dyn ToSql; 13] = [
        &article.guid,
        &article.url,
        &article.title,
        &authors,
        &article.summary,
        &article.content,
        &article.image_url,
        &enclosures,
        &categories,
        &article.language,
        &article.published_at,
        &article.updated_at,
        &article.comments_url,
    ];
    statement.execute(&*[&says, more].concat()).map(drop)
}

fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("strings and numbers always have a JSON form")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_go_by_dates_where_all_have_one() {
        // Backwards, as a record has them: the last one is the first of its document.
        for (dates, max, want) in [
            (&[Some(1), Some(2), Some(3)][..], 2, &[false, true, true][..]),
            (&[Some(3), Some(2), Some(1)], 2, &[true, true, false]),
            (&[Some(3), None, Some(1)], 2, &[false, true, true]),
            (&[Some(1), Some(1), Some(1)], 1, &[false, false, true]),
            (&[None, None], 0, &[false, false]),
            (&[None, None], 9, &[true, true]),
            (&[], 1, &[]),
        ] {
            let article = |at: &Option<i64>| Article { published_at: *at, ..Article::default() };
            let articles: Vec<Article> = dates.iter().map(article).collect();
            assert_eq!(newest(&articles, max), want, "{dates:?}, {max}");
        }
    }
}
