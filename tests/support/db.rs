//! The database as another program sees it: read only, so that neither looking nor closing changes a byte of it.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OpenFlags, Row};

pub(crate) struct Db(Connection);

impl Db {
    /// `None` while the file is not there or has no tables yet.
    pub(crate) fn try_open(path: &Path) -> Option<Db> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).ok()?;
        db.busy_timeout(Duration::from_secs(10)).ok()?;
        db.query_row("SELECT count(*) FROM article", [], |_| Ok(())).ok()?;
        Some(Db(db))
    }

    pub(crate) fn open(path: &Path) -> Db {
        Db::try_open(path).unwrap_or_else(|| panic!("{} is no database with articles", path.display()))
    }

    /// The one value of a query.
    pub(crate) fn one<T: FromSql>(&self, sql: &str) -> T {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn list<T>(&self, sql: &str, row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let mut statement = self.0.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = statement.query_map([], row).unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn articles(&self) -> i64 {
        self.one("SELECT count(*) FROM article")
    }

    pub(crate) fn articles_of(&self, feed: &str) -> i64 {
        self.one(&format!("SELECT count(*) FROM article JOIN feed ON feed.id = feed_id WHERE name = '{feed}'"))
    }

    /// What is in the stream: place, feed and key.
    pub(crate) fn stream(&self) -> Vec<(i64, String, String)> {
        let sql = "SELECT seq, name, key FROM article JOIN feed ON feed.id = feed_id ORDER BY seq";
        self.list(sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    pub(crate) fn polls_of(&self, feed: &str) -> i64 {
        self.one(&format!("SELECT poll_count FROM feed WHERE name = '{feed}'"))
    }

    /// `last_error_class`; empty if there is none.
    pub(crate) fn class_of(&self, feed: &str) -> String {
        self.one(&format!("SELECT coalesce(last_error_class, '') FROM feed WHERE name = '{feed}'"))
    }

    /// `last_error`; empty if there is none.
    pub(crate) fn error_of(&self, feed: &str) -> String {
        self.one(&format!("SELECT coalesce(last_error, '') FROM feed WHERE name = '{feed}'"))
    }

    /// Status and outcome of the last poll.
    pub(crate) fn last_poll_of(&self, feed: &str) -> (Option<i64>, String) {
        let sql = format!(
            "SELECT status, outcome FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name = '{feed}' \
             ORDER BY started_at DESC LIMIT 1"
        );
        self.list(&sql, |row| Ok((row.get(0)?, row.get(1)?))).pop().unwrap_or_else(|| panic!("{feed} has no poll"))
    }

    /// Nothing is damaged, nothing is there twice, and every count is what it counts.
    pub(crate) fn assert_whole(&self) {
        let verdict: String = self.one("PRAGMA quick_check");
        assert_eq!(verdict, "ok");
        let double: i64 =
            self.one("SELECT count(*) FROM (SELECT 1 FROM article GROUP BY feed_id, key HAVING count(*) > 1)");
        assert_eq!(double, 0, "articles that are there twice");
        let miscounted = self.list(
            "SELECT name, article_count, (SELECT count(*) FROM article WHERE feed_id = feed.id) AS stored FROM feed \
             WHERE article_count <> stored",
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)),
        );
        assert!(miscounted.is_empty(), "feed, article_count, stored: {miscounted:?}");
    }
}
