//! What can be asked of the database while the daemon runs: articles in the order of the stream or newest first, by
//! filter or by words, and feeds. Each answer is a page.
//!
//! All of it is read from the one snapshot of the question that it belongs to, so two calls of one question agree with
//! each other. Nothing here waits, writes, or reads without a bound: a page is limited in articles, in bytes and in
//! how many rows are looked at for it.

mod articles;
mod error;
mod feeds;
mod filter;
mod scan;

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

pub use articles::{Op, Page, StoredArticle};
pub use error::QueryError;
pub use feeds::{FeedDetail, FeedRow, FeedsPart, LoggedPoll, SubscriptionRow};
pub use filter::{Filter, Labels};

use super::StoreError;

/// One question's view of the database.
#[derive(Debug)]
pub struct Queries<'a> {
    db: &'a Connection,
    path: &'a Path,
}

/// What cursors of this database may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Names this database in cursors.
    pub epoch: String,
    /// The smallest `seq` that is kept; `None` if there are no articles.
    pub seq_oldest: Option<i64>,
    /// Retention may have removed whatever had a `seq` up to this one; 0 if it never removed anything.
    pub seq_pruned: i64,
    /// The newest `seq` ever given out, 0 if none.
    pub seq_last: i64,
}

impl<'a> Queries<'a> {
    pub(super) fn new(db: &'a Connection, path: &'a Path) -> Queries<'a> {
        Queries { db, path }
    }

    /// Where the stream begins and ends, at this moment.
    pub fn bounds(&self) -> Result<Bounds, QueryError> {
        self.read(|db| {
            db.prepare_cached("SELECT epoch, (SELECT min(seq) FROM article), seq_pruned, seq_last FROM meta")?
                .query_row([], |row| {
                    let (epoch, seq_oldest) = (row.get(0)?, row.get(1)?);
                    Ok(Bounds { epoch, seq_oldest, seq_pruned: row.get(2)?, seq_last: row.get(3)? })
                })
        })
    }

    /// Anything at all, for tests of what becomes of a question.
    #[cfg(test)]
    pub(super) fn number(&self, sql: &str) -> Result<i64, QueryError> {
        self.read(|db| db.query_row(sql, [], |row| row.get(0)))
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, QueryError> {
        query(self.db).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => QueryError::TooSlow,
            _ => QueryError::Failed(StoreError::from_sqlite(self.path, &error)),
        })
    }
}
