//! The store as a simulator has it: the writer's own functions on a database in memory, without its thread, and with commits
//! that fail when they are told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::commit::{Committed, commit};
use crate::store::migrate::{MIGRATIONS, migrate};
use crate::store::open::set_up_connection;
use crate::store::planning::postpone;
use crate::store::register::{Subscription, register};
use crate::store::retention::Retention;

/// An empty database, to be copied: its migrations take longer than a run.
pub(crate) struct Template(Connection);

pub(crate) struct Database {
    db: Connection,
    keep: Option<Duration>,
    retention: Retention,
    /// The next commit is taken back instead.
    fails: Arc<AtomicBool>,
}

/// What became of a batch.
pub(crate) struct Batch {
    pub(crate) results: Vec<Result<Stored, StoreFault>>,
    pub(crate) seq_last: i64,
    pub(crate) article_count: usize,
}

/// A stored article, as far as a simulator looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: i64,
    pub(crate) feed_id: i64,
    pub(crate) url: String,
    pub(crate) revision: i64,
    pub(crate) content: String,
}

impl Database {
    pub(crate) fn new(keep: Option<Duration>, template: &Template) -> Database {
        let mut db = Connection::open_in_memory().unwrap();
        rusqlite::backup::Backup::new(&template.0, &mut db).unwrap().step(-1).unwrap();
        set_up_connection(&db).unwrap();
        let fails = Arc::new(AtomicBool::new(false));
        let failing = fails.clone();
        db.commit_hook(Some(move || failing.swap(false, Ordering::Relaxed))).unwrap();
        Database { db, keep, retention: Retention::new(keep), fails }
    }

    /// An empty database of this epoch.
    pub(crate) fn template(epoch: &str) -> Template {
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, Path::new("memory"), MIGRATIONS).unwrap();
        db.execute("UPDATE meta SET epoch = ?1", [epoch]).unwrap();
        Template(db)
    }

    /// Lets the next commit fail.
    pub(crate) fn fail(&self) {
        self.fails.store(true, Ordering::Relaxed);
    }

    /// `None`: nothing was stored.
    pub(crate) fn commit<'a>(&mut self, records: impl Iterator<Item = &'a PollRecord> + Clone) -> Option<Batch> {
        let committed = commit(&mut self.db, records).ok()?;
        let article_count = committed.article_count();
        let Committed { results, seq_last, .. } = committed;
        Some(Batch { results, seq_last, article_count })
    }

    pub(crate) fn register(&mut self, feeds: &[Feed], now_ms: i64) -> Option<Vec<FeedRecord>> {
        let feeds: Vec<Subscription> = feeds.iter().map(Subscription::from).collect();
        register(&mut self.db, &feeds, now_ms, &|| true).ok()?
    }

    pub(crate) fn postpone(&mut self, feeds: &[Postponed]) -> Option<()> {
        postpone(&mut self.db, feeds).ok()
    }

    /// Removes some of what is too old. Gives how many articles.
    pub(crate) fn retire(&mut self, now_ms: i64) -> usize {
        self.retention.step(&mut self.db, now_ms).map_or(0, |pruned| pruned.article_count)
    }

    /// As after a start.
    pub(crate) fn reopen(&mut self) {
        self.retention = Retention::new(self.keep);
    }

    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Queries<'_>) -> T) -> T {
        question(&Queries::new(&self.db, Path::new("memory")))
    }

    pub(crate) fn rows_after(&self, seq: i64) -> Vec<Row> {
        let mut query = self
            .db
            .prepare_cached("SELECT seq, id, feed_id, url, revision, content FROM article WHERE seq > ?1 ORDER BY seq");
        let rows = query.as_mut().unwrap().query_map([seq], |row| {
            Ok(Row {
                seq: row.get(0)?,
                id: row.get(1)?,
                feed_id: row.get(2)?,
                url: row.get(3)?,
                revision: row.get(4)?,
                content: row.get(5)?,
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The feeds that go by links, since their guids were found to mean nothing.
    pub(crate) fn seen_through(&self) -> Vec<i64> {
        column(&self.db, "SELECT id FROM feed WHERE key_by = 'link'")
    }

    /// Of the last stored answer.
    pub(crate) fn etag(&self, feed_id: i64) -> Option<String> {
        let mut query = self.db.prepare_cached("SELECT etag FROM feed WHERE id = ?1").unwrap();
        query.query_row([feed_id], |row| row.get(0)).unwrap()
    }
}
