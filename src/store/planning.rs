//! What the schedule wants to find again at a feed's next poll, and after a restart. The store keeps it and understands
//! none of it.

use std::path::Path;

use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::StoreError;
use super::summary::open_read_only;

/// The columns of `feed` that belong to the schedule. JSON that it alone reads, `given_up_for` apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planning {
    /// Why `next_poll_at` is what it is.
    pub schedule: Option<String>,
    /// What the last document said about when it changes.
    pub hints: Option<String>,
    /// How often the feed brings something, if this poll brings nothing.
    pub cadence: Option<String>,
    /// And if it does, which is known when it is stored. Has no column.
    pub cadence_if_new: Option<String>,
    /// Answers of 410 in a row.
    pub gone_count: u32,
    /// Of which settings the feed was given up.
    pub given_up_for: Option<String>,
}

impl Planning {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Planning> {
        Ok(Planning {
            schedule: row.get("schedule")?,
            hints: row.get("hints")?,
            cadence: row.get("cadence")?,
            cadence_if_new: None,
            gone_count: row.get("gone_count")?,
            given_up_for: row.get("given_up_for")?,
        })
    }

    /// The cadence after a poll, by whether it brought something new.
    pub(crate) fn cadence_after(&self, has_new: bool) -> Option<&str> {
        self.cadence_if_new.as_deref().filter(|_| has_new).or(self.cadence.as_deref())
    }
}

/// What is kept of a feed in feeds.toml.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub name: String,
    /// As configured when it was last polled.
    pub url: String,
    pub planning: Planning,
}

/// What the last daemon on this database kept of its feeds, by name. A database that does not exist yet keeps nothing. Works
/// beside a running daemon; waits up to 5 s for a lock.
///
/// # Errors
///
/// The database cannot be read, is damaged, or newer than this program.
pub fn planned(path: &Path) -> Result<Vec<Planned>, StoreError> {
    let Some(db) = open_read_only(path)? else { return Ok(Vec::new()) };
    let feeds = || {
        db.prepare(
            "SELECT name, url, schedule, hints, cadence, gone_count, given_up_for FROM feed WHERE left_at IS NULL ORDER BY name",
        )?
        .query_map([], |row| {
            Ok(Planned { name: row.get("name")?, url: row.get("url")?, planning: Planning::from_row(row)? })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    feeds().map_err(|error: rusqlite::Error| StoreError::from_sqlite(path, &error))
}

/// A feed that comes back later than its last poll said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postponed {
    pub feed_id: i64,
    /// As configured when this was decided: of a feed that has another one by now nothing changes.
    pub url: String,
    pub next_poll_at: i64,
    pub schedule: String,
}

/// Moves polls of feeds, all of them in one transaction. No poll is brought forward.
pub(super) fn postpone(db: &mut Connection, feeds: &[Postponed]) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for feed in feeds {
        tx.prepare_cached(
            "UPDATE feed SET next_poll_at = ?3, schedule = ?4
             WHERE id = ?1 AND url = ?2 AND ifnull(next_poll_at, 0) < ?3 AND given_up_for IS NULL",
        )?
        .execute(params![feed.feed_id, feed.url, feed.next_poll_at, feed.schedule])?;
    }
    tx.commit()
}
