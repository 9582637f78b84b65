//! Moves a feed's articles from their guids to their links, in the transaction that found out why.

use rusqlite::{Connection, Row as SqlRow, params};

use super::guids::{Row, keys_by_link};
use crate::article::Article;
use crate::limits::REKEYED_MAX;
use crate::parse::identity::hash_key;

const SELECT: &str = "SELECT id, key, url, title, published_at, updated_at, \
     CASE WHEN title IS NULL THEN coalesce(content, summary) END, feed_id FROM article";

/// The feed's newest articles, at most `limit`, newest first.
pub(super) fn newest(db: &Connection, feed_id: i64, limit: usize) -> rusqlite::Result<Vec<Row>> {
    let mut query = db.prepare_cached(&format!("{SELECT} WHERE feed_id = ?1 ORDER BY seq DESC LIMIT ?2"))?;
    query.query_map(params![feed_id, i64::try_from(limit).unwrap_or(i64::MAX)], row)?.collect()
}

pub(super) fn one(db: &Connection, id: i64) -> rusqlite::Result<Row> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?.query_row([id], row)
}

/// What has this place in the stream, and its feed.
pub(super) fn at(db: &Connection, seq: i64) -> rusqlite::Result<(i64, Row)> {
    db.prepare_cached(&format!("{SELECT} WHERE seq = ?1"))?.query_row([seq], |found| Ok((found.get(7)?, row(found)?)))
}

/// From now on the feed goes by links. `articles` are those of the document at hand.
pub(super) fn by_links(db: &Connection, feed_id: i64, articles: &[Article]) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE feed SET key_by = 'link' WHERE id = ?1")?.execute([feed_id])?;
    let rows = newest(db, feed_id, REKEYED_MAX)?;
    // OR IGNORE: a key may be taken by a row beyond the limit, and then this one keeps its own.
    let mut update = db.prepare_cached("UPDATE OR IGNORE article SET key = ?2 WHERE id = ?1")?;
    for (id, key) in keys_by_link(articles, &rows) {
        update.execute(params![id, key])?;
    }
    Ok(())
}

fn row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let article = Article {
        url: row.get(2)?,
        title: row.get(3)?,
        published_at: row.get(4)?,
        updated_at: row.get(5)?,
        content: row.get(6)?,
        ..Article::default()
    };
    Ok(Row {
        id: row.get(0)?,
        key: row.get(1)?,
        hash: hash_key(&article),
        at: article.published_at.or(article.updated_at),
        url: article.url,
        title: article.title,
    })
}
