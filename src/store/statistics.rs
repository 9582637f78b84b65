//! What SQLite's planner goes by: how the tables are filled. Looked at now and then, when no poll waits, a table at a time.
//!
//! SQLite says itself which tables have changed enough to be looked at again (`PRAGMA optimize`), and here each is one short
//! transaction of its own. Of an index no more than [`STATISTICS_ROWS_MAX`] rows are read, so that none takes long; a table without
//! one would be counted from end to end, and is left out.

use rusqlite::Connection;

use super::due::Due;
use crate::limits::{STATISTICS_FIRST_MS, STATISTICS_INTERVAL_MS, STATISTICS_PAUSE_MS, STATISTICS_ROWS_MAX};

/// Tells what would be done and does not do it; to gather statistics; of every table, and not only of those that this
/// connection has asked about.
const WHAT_WOULD_BE_DONE: i64 = 0x1 | 0x2 | 0x1_0000;

/// Tables with indexes.
const TABLES: [&str; 4] = ["article", "feed", "fetch_log", "tombstone"];

#[derive(Debug)]
pub(super) struct Statistics {
    pub(super) due: Due,
    /// Statements of this round that are left, the next one last.
    left: Vec<String>,
}

impl Statistics {
    pub(super) fn new() -> Statistics {
        Statistics { due: Due::after(STATISTICS_FIRST_MS), left: Vec::new() }
    }

    /// Looks at one table, or for those that there are to look at.
    pub(super) fn step(&mut self, db: &Connection) -> rusqlite::Result<()> {
        match self.left.last() {
            None => self.left = wanted(db)?,
            Some(statement) => {
                db.execute_batch(statement)?;
                self.left.pop();
            }
        }
        let wait_ms = if self.left.is_empty() { STATISTICS_INTERVAL_MS } else { STATISTICS_PAUSE_MS };
        self.due = Due::after(wait_ms);
        Ok(())
    }
}

/// The statements by which SQLite would bring its statistics up to date.
fn wanted(db: &Connection) -> rusqlite::Result<Vec<String>> {
    db.pragma_update_and_check(None, "analysis_limit", STATISTICS_ROWS_MAX, |_| Ok(()))?;
    let mut query = db.prepare(&format!("PRAGMA optimize = {WHAT_WOULD_BE_DONE}"))?;
    let statements = query.query_map([], |row| row.get::<_, String>(0))?;
    // What else it may come to tell is not ours to do.
    Ok(statements
        .collect::<rusqlite::Result<Vec<_>>>()?
        .into_iter()
        .filter(|sql| sql.starts_with("ANALYZE ") && TABLES.iter().any(|table| sql.ends_with(&format!("\"{table}\""))))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::store::migrate::{MIGRATIONS, migrate};

    /// Steps until all is done, and gives how many there were.
    fn round(statistics: &mut Statistics, db: &Connection) -> usize {
        (1..)
            .find(|_| {
                statistics.step(db).unwrap();
                statistics.left.is_empty()
            })
            .unwrap()
    }

    #[test]
    fn each_table_that_is_filled_is_looked_at_by_itself_and_again_only_once_it_has_changed() {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, Path::new("test.db"), MIGRATIONS).unwrap();
        let fill = |from: i64, to: i64| {
            let sql = format!(
                "WITH RECURSIVE n (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM n WHERE n < {to})
                 INSERT INTO article (seq, feed_id, key, fetched_at) SELECT n, n % 10 + 1, 'guid:' || n, 0 FROM n"
            );
            db.execute_batch(&sql).unwrap();
        };
        db.execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10)
             INSERT INTO feed (name, url) SELECT 'f' || n, 'u' FROM n",
        )
        .unwrap();
        fill(1, 5_000);
        let mut statistics = Statistics::new();
        assert!(!statistics.due.is_past(), "not at the start, where polls are");
        let steps = round(&mut statistics, &db);
        assert!(steps >= 3, "both tables and the look for them: {steps}");
        let known = |index: &str| -> String {
            db.query_row("SELECT stat FROM sqlite_stat1 WHERE idx = ?1", [index], |row| row.get(0)).unwrap()
        };
        // About so many rows, and of each feed a tenth of those that were read.
        assert!(known("article_by_feed").split(' ').count() == 3, "{}", known("article_by_feed"));
        // Empty tables have none, and are asked again each time.
        let is_wanted = || wanted(&db).unwrap().iter().any(|sql| sql.contains("\"article\""));
        assert!(!is_wanted(), "nothing has changed");
        fill(5_001, 200_000);
        assert!(is_wanted(), "it is forty times as large");
        round(&mut statistics, &db);
        assert!(!is_wanted());
        assert!(statistics.due.wait() > Duration::from_millis(STATISTICS_INTERVAL_MS / 2));
    }
}
