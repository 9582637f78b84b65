//! What is older than `retention` goes, a few rows at a time, and nobody waits for it.
//!
//! An article's age is counted from when it was stored, or last changed. Articles go in the order of `seq` and never
//! otherwise, so that `meta.seq_pruned` says all there is to say to a client: what it has not had up to there may be gone.
//! Each leaves tombstones in the same transaction, so that it does not come back, be it listed by its feed or not.
//!
//! It does not look at feeds, sizes or free space, and it takes a time that lies ahead for a clock that was wrong: such
//! an article is as old as the one stored after it. Pages that became free are used again; more of them than
//! [`FREE_PAGES_KEPT`] are given back bit by bit.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior, params};

use super::due::Due;
use super::rekey;
use super::tombstone::{self, Place};
use crate::clock::{Clock, duration_ms};
use crate::limits::{
    FREE_PAGES_KEPT, FREE_PAGES_STEP, RETENTION_LOOK_MS, RETENTION_PAUSE_MS, RETENTION_STEP_MS, RETENTION_STEP_ROWS,
    TOMBSTONE_SWEEP_MS,
};
use crate::parse::identity::{link_key, link_of};

/// When the writer shall do something for it, and what is left to do.
#[derive(Debug)]
pub(super) struct Retention {
    /// `None`: for ever.
    keep_ms: Option<i64>,
    pub(super) due: Due,
    /// Where the search for tombstones without use goes on; `None` between two of them.
    sweep: Option<Place>,
    sweep_due: Instant,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pruned {
    pub(super) article_count: usize,
    /// The newest of them; 0 if there was none.
    pub(super) seq: i64,
}

impl Retention {
    pub(super) fn new(keep: Option<Duration>) -> Retention {
        let keep_ms = keep.map(|keep| i64::try_from(duration_ms(keep)).unwrap_or(i64::MAX));
        Retention { keep_ms, due: Due::after(0), sweep: None, sweep_due: Clock::monotonic() }
    }

    /// Does the next bit of what there is to do, in one short transaction.
    pub(super) fn step(&mut self, db: &mut Connection, now_ms: i64) -> rusqlite::Result<Pruned> {
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let pruned = match self.keep_ms {
            Some(keep_ms) => prune(&tx, now_ms, now_ms.saturating_sub(keep_ms))?,
            None => Pruned::default(),
        };
        let mut is_more = pruned.article_count > 0;
        if !is_more && (self.sweep.is_some() || Clock::monotonic() >= self.sweep_due) {
            self.sweep = tombstone::sweep(&tx, self.sweep.as_ref().unwrap_or(&Place::default()))?;
            self.sweep_due = Clock::monotonic() + Duration::from_millis(TOMBSTONE_SWEEP_MS);
            is_more = self.sweep.is_some();
        }
        tx.commit()?;
        is_more = is_more || give_pages_back(db)?;
        let wait_ms = if is_more { RETENTION_PAUSE_MS } else { RETENTION_LOOK_MS };
        self.due = Due::after(wait_ms);
        Ok(pruned)
    }
}

/// Removes the oldest of what was stored up to `cutoff_ms`.
fn prune(db: &Connection, now_ms: i64, cutoff_ms: i64) -> rusqlite::Result<Pruned> {
    let mut pruned = Pruned::default();
    let mut counts: HashMap<i64, i64> = HashMap::new();
    let started = Clock::monotonic();
    for seq in old(db, now_ms, cutoff_ms)? {
        // Between articles, and at least one: a large one takes its time.
        if pruned.article_count > 0 && Clock::elapsed_ms(started) >= RETENTION_STEP_MS {
            break;
        }
        *counts.entry(remove(db, seq, now_ms)?).or_default() += 1;
        pruned.article_count += 1;
        pruned.seq = seq;
    }
    for (feed_id, count) in counts {
        db.prepare_cached("UPDATE feed SET article_count = article_count - ?2 WHERE id = ?1")?
            .execute(params![feed_id, count])?;
    }
    if pruned.article_count > 0 {
        db.prepare_cached("UPDATE meta SET seq_pruned = ?1")?.execute([pruned.seq])?;
    }
    Ok(pruned)
}

/// The first places of the stream up to the last that is old, with no young one before it.
fn old(db: &Connection, now_ms: i64, cutoff_ms: i64) -> rusqlite::Result<Vec<i64>> {
    let mut query = db.prepare_cached("SELECT seq, fetched_at FROM article ORDER BY seq LIMIT ?1")?;
    let mut rows = query.query([RETENTION_STEP_ROWS])?;
    let (mut seqs, mut old) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        seqs.push(row.get(0)?);
        let fetched_at: i64 = row.get(1)?;
        if fetched_at <= cutoff_ms {
            old = seqs.len();
        } else if fetched_at <= now_ms {
            break;
        }
    }
    seqs.truncate(old);
    Ok(seqs)
}

/// Removes one article and leaves its tombstones. Gives its feed.
fn remove(db: &Connection, seq: i64, now_ms: i64) -> rusqlite::Result<i64> {
    let (feed_id, row) = rekey::at(db, seq)?;
    // Which of the two lesser keys a document has for it depends on what else stands in that document.
    let link = row.url.as_deref().map(|url| link_key(&link_of(url)));
    tombstone::bury(db, feed_id, [row.key.as_str(), &row.hash].into_iter().chain(link.as_deref()), now_ms)?;
    db.prepare_cached("DELETE FROM article WHERE id = ?1")?.execute([row.id])?;
    Ok(feed_id)
}

/// Gives whether there is more to give.
fn give_pages_back(db: &Connection) -> rusqlite::Result<bool> {
    let free = || db.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    if before <= FREE_PAGES_KEPT {
        return Ok(false);
    }
    // It gives a row for each page, and none back whose row is not asked for.
    let mut give = db.prepare_cached(&format!("PRAGMA incremental_vacuum({FREE_PAGES_STEP})"))?;
    let mut given = give.query([])?;
    while given.next()?.is_some() {}
    // A database from before it could give any keeps them.
    Ok((FREE_PAGES_KEPT..before).contains(&free()?))
}
