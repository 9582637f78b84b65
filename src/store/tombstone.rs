//! Keys of articles that are not stored and shall not come as new: what retention removed, and what a first poll left out.
//!
//! A tombstone stays for as long as documents of its feed list the article. It goes once a document was read that came
//! [`TOMBSTONE_MS`] after the last one to list it: a feed that is silent, or says that nothing changed, loses none. So
//! there are no more of them than articles that retention removes in that time, and those that feeds still list.

use rusqlite::{Connection, OptionalExtension, params};

use crate::limits::{TOMBSTONE_LISTED_MS, TOMBSTONE_MS, TOMBSTONE_STEP_ROWS};

/// When the article was removed, or last seen to be listed.
pub(super) fn find(db: &Connection, feed_id: i64, key: &str) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT max(removed_at, coalesce(listed_at, 0)) FROM tombstone WHERE feed_id = ?1 AND key = ?2")?
        .query_row(params![feed_id, key], |row| row.get(0))
        .optional()
}

/// Remembers that a document lists it, `last_ms` being what [`find`] gave. Not each time: it would be a write for each
/// article that is known, at each poll. Under all of its keys, since by those that are not asked for today it is known once
/// guids turn out to mean nothing.
pub(super) fn note_listed<'a>(
    db: &Connection,
    feed_id: i64,
    keys: impl IntoIterator<Item = &'a str>,
    last_ms: i64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    if now_ms.saturating_sub(last_ms) < TOMBSTONE_LISTED_MS {
        return Ok(());
    }
    let mut note = db.prepare_cached("UPDATE tombstone SET listed_at = ?3 WHERE feed_id = ?1 AND key = ?2")?;
    for key in keys {
        note.execute(params![feed_id, key, now_ms])?;
    }
    Ok(())
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

/// Where a sweep goes on.
pub(super) type Place = (i64, String);

/// Looks at the next few tombstones after `from` and drops those that no document lists any more. Gives where to go on;
/// `None` at the end.
pub(super) fn sweep(db: &Connection, from: &Place) -> rusqlite::Result<Option<Place>> {
    let mut look = db.prepare_cached(
        "SELECT feed_id, key, max(removed_at, coalesce(listed_at, 0)) + ?3 <= coalesce(read_at, 0)
         FROM tombstone JOIN feed ON feed.id = feed_id
         WHERE (feed_id, key) > (?1, ?2) ORDER BY feed_id, key LIMIT ?4",
    )?;
    let mut drop_it = db.prepare_cached("DELETE FROM tombstone WHERE feed_id = ?1 AND key = ?2")?;
    let looked_at: Vec<(Place, bool)> = look
        .query_map(params![from.0, from.1, TOMBSTONE_MS, TOMBSTONE_STEP_ROWS], |row| {
            Ok(((row.get(0)?, row.get(1)?), row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for ((feed_id, key), _) in looked_at.iter().filter(|(_, is_over)| *is_over) {
        drop_it.execute(params![feed_id, key])?;
    }
    let is_all = looked_at.len() < usize::try_from(TOMBSTONE_STEP_ROWS).unwrap_or(usize::MAX);
    Ok(looked_at.into_iter().next_back().map(|(place, _)| place).filter(|_| !is_all))
}
