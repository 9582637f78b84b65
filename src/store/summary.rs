//! Short questions about a database, asked on a read-only connection of their own: by `rssd check`, by the end of
//! `--once`, and by tests.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::migrate::{MIGRATIONS, version};
use crate::limits::STORE_READ_WAIT_MS_MAX;

/// What a database holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Names this database in stream cursors: 16 hex digits, made with it; empty if there is none yet.
    pub epoch: String,
    /// The newest `seq` ever given out, 0 if none.
    pub seq_last: i64,
    /// Feeds in feeds.toml.
    pub feeds: u64,
    /// Of them, those whose last poll failed.
    pub feeds_failing: u64,
    /// Of them, those that were never polled.
    pub feeds_unpolled: u64,
    /// Stored articles, those of feeds that left included.
    pub articles: u64,
}

/// Counts what the database at `path` holds; one that does not exist yet holds nothing. Waits up to 5 s for a lock.
pub fn summary(path: &Path) -> Result<Summary, StoreError> {
    let Some(db) = open_read_only(path)? else {
        return Ok(Summary::default());
    };
    db.query_row(
        "SELECT epoch, seq_last,
             (SELECT count(*) FROM feed WHERE left_at IS NULL),
             (SELECT count(*) FROM feed WHERE left_at IS NULL AND failing_since IS NOT NULL),
             (SELECT count(*) FROM feed WHERE left_at IS NULL AND poll_count = 0),
             (SELECT count(*) FROM article)
         FROM meta",
        [],
        |row| {
            Ok(Summary {
                epoch: row.get(0)?,
                seq_last: row.get(1)?,
                feeds: row.get::<_, i64>(2)?.unsigned_abs(),
                feeds_failing: row.get::<_, i64>(3)?.unsigned_abs(),
                feeds_unpolled: row.get::<_, i64>(4)?.unsigned_abs(),
                articles: row.get::<_, i64>(5)?.unsigned_abs(),
            })
        },
    )
    .map_err(|error| StoreError::from_sqlite(path, &error))
}

/// Name and URL of every feed that the last daemon on this database knew from its feeds.toml, by name.
///
/// A database that does not exist yet knows none. Works beside a running daemon.
pub fn known_feeds(path: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let Some(db) = open_read_only(path)? else {
        return Ok(Vec::new());
    };
    let feeds = || {
        db.prepare("SELECT name, url FROM feed WHERE left_at IS NULL ORDER BY name")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    feeds().map_err(|error: rusqlite::Error| StoreError::from_sqlite(path, &error))
}

/// A feed whose last poll failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingFeed {
    pub name: String,
    /// As in `last_error_class`.
    pub class: String,
    pub error: String,
}

/// The feeds of the last daemon on this database whose last poll failed, by class and name.
pub fn failing_feeds(path: &Path) -> Result<Vec<FailingFeed>, StoreError> {
    let Some(db) = open_read_only(path)? else {
        return Ok(Vec::new());
    };
    let feeds = || {
        db.prepare(
            "SELECT name, last_error_class, last_error FROM feed
             WHERE left_at IS NULL AND last_error_class IS NOT NULL ORDER BY last_error_class, name",
        )?
        .query_map([], |row| Ok(FailingFeed { name: row.get(0)?, class: row.get(1)?, error: row.get(2)? }))?
        .collect::<rusqlite::Result<Vec<_>>>()
    };
    feeds().map_err(|error: rusqlite::Error| StoreError::from_sqlite(path, &error))
}

/// `None` where no daemon has been yet: no file, or one without a schema.
pub(super) fn open_read_only(path: &Path) -> Result<Option<Connection>, StoreError> {
    if !path.try_exists().map_err(|error| StoreError::from_io(path, &error))? {
        return Ok(None);
    }
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    db.busy_timeout(Duration::from_millis(STORE_READ_WAIT_MS_MAX)).map_err(failed)?;
    Ok(if version(&db, path, MIGRATIONS)? == 0 { None } else { Some(db) })
}
