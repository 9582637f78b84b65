//! Keys of articles that are not stored and shall not come as new: what retention removed, and what a first poll left out.
//!
//! A tombstone stays for as long as documents of its feed list the article.

use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::TOMBSTONE_LISTED_MS;

/// When the article was removed, or last seen to be listed.
pub(super) fn find(db: &Connection, feed_id: i64, key: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT max(removed_at, coalesce(listed_at, 0)) FROM tombstone WHERE feed_id = ?1 AND key = ?2")?
        .query_row(params![feed_id, key], |row| row.get(0))
        .optional()
}

/// Remembers that a document lists it, `last_ms` being what [`find`] gave. Not each time: it would be a write for each
/// article that is known, at each poll.
pub(super) fn note_listed(db: &Connection, feed_id: i64, key: &str, last_ms: i64, now_ms: i64) -> rusqlite::Result<()> {
    if now_ms.saturating_sub(last_ms) < TOMBSTONE_LISTED_MS {
        return Ok(());
    }
    db.prepare_cached("UPDATE tombstone SET listed_at = ?3 WHERE feed_id = ?1 AND key = ?2")?
        .execute(params![feed_id, key, now_ms])
        .map(drop)
}

/// Under all keys that the article may come by: its feed may turn to links later.
pub(super) fn bury<'a>(
    db: &Connection,
    feed_id: i64,
    keys: impl IntoIterator<Item = &'a str>,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut insert =
        db.prepare_cached("INSERT OR REPLACE INTO tombstone (feed_id, key, removed_at) VALUES (?1, ?2, ?3)")?;
    for key in keys {
        insert.execute(params![feed_id, key, now_ms])?;
    }
    Ok(())
}
