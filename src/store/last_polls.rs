//! How the last poll of each feed went, from `fetch_log`, on a read-only connection of its own.

use std::path::Path;

use super::StoreError;
use super::summary::open_read_only;

/// The newest entry of one feed's `fetch_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastPoll {
    /// The feed's name.
    pub feed: String,
    /// `ok`, `unchanged`, `not_modified`, or the class of the failure with its phase.
    pub outcome: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// From its request to the head of the answer; 0 if it did not come so far.
    pub first_byte_ms: u64,
    /// From the head to the end of the body, likewise.
    pub body_ms: u64,
    /// From its start to ready for its commit.
    pub total_ms: u64,
    /// Articles that it brought.
    pub new_count: u64,
    pub error: Option<String>,
}

/// The last poll of each feed of the last daemon on this database, by feed name; feeds that were never polled are left
/// out, and a database that does not exist yet has none. Works beside a running daemon; waits up to 5 s for a lock.
///
/// # Errors
///
/// The database cannot be read, is damaged, or newer than this program.
pub fn last_polls(path: &Path) -> Result<Vec<LastPoll>, StoreError> {
    let Some(db) = open_read_only(path)? else {
        return Ok(Vec::new());
    };
    let polls = || {
        db.prepare(
            "SELECT name, outcome, status, ifnull(first_byte_ms, 0), ifnull(body_ms, 0), total_ms, new_count, error
             FROM feed JOIN fetch_log ON feed_id = feed.id AND poll = poll_count
             WHERE left_at IS NULL ORDER BY name",
        )?
        .query_map([], |row| {
            Ok(LastPoll {
                feed: row.get(0)?,
                outcome: row.get(1)?,
                status: row.get(2)?,
                first_byte_ms: row.get::<_, i64>(3)?.unsigned_abs(),
                body_ms: row.get::<_, i64>(4)?.unsigned_abs(),
                total_ms: row.get::<_, i64>(5)?.unsigned_abs(),
                new_count: row.get::<_, i64>(6)?.unsigned_abs(),
                error: row.get(7)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    polls().map_err(|error: rusqlite::Error| StoreError::from_sqlite(path, &error))
}
