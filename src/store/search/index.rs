//! Filling the index behind a watermark: how far it has come, and when the writer should go on.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::text::words;
use crate::clock::Clock;
use crate::limits::{
    SEARCH_ARTICLE_BYTES_MAX, SEARCH_CHUNK_ARTICLES_MAX, SEARCH_CHUNK_MS_MAX, SEARCH_DELAY_MS, SEARCH_DELAY_MS_MAX,
    WRITER_IDLE_MS, WRITER_RETRY_MS_MAX,
};
use crate::store::remedy::{Remedy, remedy};

/// What the writer knows of articles that cannot be found yet.
#[derive(Debug)]
pub(in crate::store) struct Backlog {
    seq_last: i64,
    seq_indexed: i64,
    /// When the next chunk is due, if the writer has nothing else to do; `None` while nothing waits.
    due: Option<Instant>,
    /// It is not put off beyond that, however much is stored meanwhile.
    latest: Option<Instant>,
}

impl Backlog {
    /// As an earlier daemon left it.
    pub(in crate::store) fn read(db: &Connection) -> rusqlite::Result<Backlog> {
        let (seq_last, seq_indexed) =
            db.query_row("SELECT seq_last, seq_indexed FROM meta, search", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let due = (seq_indexed < seq_last).then(Clock::monotonic);
        Ok(Backlog { seq_last, seq_indexed, due, latest: due })
    }

    /// Articles up to `seq_last` are on disk.
    pub(in crate::store) fn committed(&mut self, seq_last: i64) {
        self.seq_last = seq_last;
        if self.lag() > 0 {
            // Not at once: a chunk for each small commit would make a segment for each, and in a crowd of polls the writer is
            // needed for them.
            let now = Clock::monotonic();
            let latest = *self.latest.get_or_insert(now + Duration::from_millis(SEARCH_DELAY_MS_MAX));
            self.due = Some(latest.min(now + Duration::from_millis(SEARCH_DELAY_MS)));
        }
    }

    /// A chunk up to `seq_indexed` was done. If that was not all, the next is due at once.
    pub(in crate::store) fn indexed(&mut self, seq_indexed: i64) {
        self.seq_indexed = seq_indexed;
        self.due = (self.lag() > 0).then(Clock::monotonic);
        self.latest = self.due;
    }

    /// This is not the moment: the disk is full, or another program has the lock.
    pub(in crate::store) fn put_off(&mut self) {
        self.due = Some(Clock::monotonic() + Duration::from_millis(WRITER_RETRY_MS_MAX));
    }

    /// How long the writer may wait for polls before it looks here again.
    pub(in crate::store) fn wait(&self) -> Duration {
        let idle = Duration::from_millis(WRITER_IDLE_MS);
        self.due.map_or(idle, |due| due.saturating_duration_since(Clock::monotonic()).min(idle))
    }

    pub(in crate::store) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| Clock::monotonic() >= due)
    }

    /// Places between what is found and what is stored: articles, at most.
    pub(in crate::store) fn lag(&self) -> u64 {
        u64::try_from(self.seq_last - self.seq_indexed).unwrap_or(0)
    }
}

/// Indexes the next articles, in one transaction with the watermark. Gives the watermark.
pub(in crate::store) fn index_chunk(db: &mut Connection) -> rusqlite::Result<i64> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (seq_last, mut seq_indexed): (i64, i64) = tx
        .prepare_cached("SELECT seq_last, seq_indexed FROM meta, search")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let started = Clock::monotonic();
    let mut waiting =
        tx.prepare_cached("SELECT seq, title, summary, content FROM article WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = waiting.query(params![seq_indexed, SEARCH_CHUNK_ARTICLES_MAX])?;
    let mut count = 0;
    // Between articles, not inside one: its size has a limit of its own.
    while Clock::elapsed_ms(started) < SEARCH_CHUNK_MS_MAX {
        let Some(row) = rows.next()? else {
            if count < SEARCH_CHUNK_ARTICLES_MAX {
                // The rest of the numbers belongs to articles that are gone or have moved on.
                seq_indexed = seq_last;
            }
            break;
        };
        seq_indexed = row.get(0)?;
        count += 1;
        index_article(&tx, seq_indexed, row)?;
    }
    drop(rows);
    drop(waiting);
    tx.prepare_cached("UPDATE search SET seq_indexed = ?1")?.execute([seq_indexed])?;
    tx.commit()?;
    Ok(seq_indexed)
}

/// Indexes an article anew whose text has changed in its place. One that is still ahead waits for its turn.
pub(in crate::store) fn refresh(db: &Connection, id: i64) -> rusqlite::Result<()> {
    let mut changed = db.prepare_cached(
        "SELECT seq, title, summary, content FROM article WHERE id = ?1 AND seq <= (SELECT seq_indexed FROM search)",
    )?;
    let mut rows = changed.query([id])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let seq = row.get(0)?;
    db.prepare_cached("DELETE FROM article_text WHERE rowid = ?1")?.execute([seq])?;
    index_article(db, seq, row)
}

fn index_article(db: &Connection, seq: i64, row: &Row<'_>) -> rusqlite::Result<()> {
    let html = |at| row.get_ref(at).map(|value| text(value).map(|html| words(&html, SEARCH_ARTICLE_BYTES_MAX)));
    let title = text(row.get_ref(1)?);
    let done = db
        .prepare_cached("INSERT INTO article_text (rowid, title, summary, content) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![seq, title, html(2)?, html(3)?]);
    match done {
        Err(error) if remedy(&error) == Remedy::Reject => {
            // All that follow would wait for it for ever.
            log::error!("indexing the article with seq {seq}: {error}; it cannot be searched for, report this");
            Ok(())
        }
        done => done.map(drop),
    }
}

fn text(value: ValueRef<'_>) -> Option<Cow<'_, str>> {
    value.as_bytes_or_null().ok().flatten().map(String::from_utf8_lossy)
}
