//! One transaction: what several polls found, and what their feeds are to remember.
//!
//! The invariant of the whole store is kept here: a feed's validators and the articles that came with them are
//! written by one transaction, and one that is refused is taken back alone. `seq` is given out inside it too, so its order is commit order.

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::articles::{Taken, take};
use super::feed_state::advance;
use super::remedy::{Remedy, remedy};
use super::{PollRecord, StoreFault, Stored};
use crate::article::FeedMeta;
use crate::clock::Clock;
use crate::limits::{BATCH_ARTICLES_MAX, BATCH_MS_MAX, BATCH_POLLS_MAX, FETCH_LOG_POLLS};
use crate::watch::{self, Doing};

/// What a transaction did.
#[derive(Debug)]
pub(super) struct Committed {
    /// One for each record from the front of the batch; the rest waits for the next transaction.
    pub(super) results: Vec<Result<Stored, StoreFault>>,
    /// The newest `seq` after it.
    pub(super) seq_last: i64,
    pub(super) new_count: usize,
    pub(super) updated_count: usize,
}

impl Committed {
    /// One more is stored, up to `seq`.
    fn take(&mut self, taken: Taken, seq: i64) {
        let Taken { new_count, updated_count, verdict } = taken;
        let [new_count, updated_count] =
            [new_count, updated_count].map(|count| usize::try_from(count).expect("a count of a slice's items fits"));
        self.seq_last = seq;
        self.new_count += new_count;
        self.updated_count += updated_count;
        self.results.push(Ok(Stored { new_count, updated_count, verdict }));
    }

    /// That took a place in the stream.
    pub(super) fn article_count(&self) -> usize {
        self.new_count + self.updated_count
    }
}

/// Stores as many of `records`, from the front, as one transaction may hold, and at least one.
///
/// A record that the database refuses is answered with [`StoreFault::Rejected`], one of a URL that its feed has no more
/// with [`StoreFault::Superseded`], and both leave no trace; any other error means that nothing of the batch was stored.
pub(super) fn commit<'a>(
    db: &mut Connection,
    records: impl Iterator<Item = &'a PollRecord> + Clone,
) -> rusqlite::Result<Committed> {
    // Hardly ever is one refused. What it takes to take back one alone costs a fifth of storing them all.
    match store_all(db, records.clone(), together)? {
        Some(batch) => Ok(batch),
        None => Ok(store_all(db, records, apart)?.expect("who is stored apart spoils nobody's batch")),
    }
}

/// How one record is stored; `None` where the whole transaction is to be taken back.
type StoreOne = fn(&mut Transaction<'_>, &PollRecord, &mut Committed) -> rusqlite::Result<Option<()>>;

fn store_all<'a>(
    db: &mut Connection,
    records: impl Iterator<Item = &'a PollRecord>,
    store_one: StoreOne,
) -> rusqlite::Result<Option<Committed>> {
    // IMMEDIATE: to learn of another program's lock now and not with half of the batch written.
    let mut tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seq_before = tx.prepare_cached("SELECT seq_last FROM meta")?.query_row([], |row| row.get(0))?;
    let mut batch = Committed { results: Vec::new(), seq_last: seq_before, new_count: 0, updated_count: 0 };
    let started = Clock::monotonic();
    for record in records {
        let full = batch.article_count() + record.articles.len() > BATCH_ARTICLES_MAX
            || batch.results.len() >= BATCH_POLLS_MAX
            || Clock::elapsed_ms(started) > BATCH_MS_MAX;
        if full && !batch.results.is_empty() {
            break;
        }
        let _busy = watch::busy(Doing::Store, &record.feed_id.to_string());
        if store_one(&mut tx, record, &mut batch)?.is_none() {
            return Ok(None);
        }
    }
    if batch.seq_last > seq_before {
        tx.prepare_cached("UPDATE meta SET seq_last = ?1")?.execute([batch.seq_last])?;
    }
    let _busy = watch::busy(Doing::Commit, "");
    tx.commit()?;
    Ok(Some(batch))
}

/// Stores one poll with no way to take it back alone.
fn together(tx: &mut Transaction<'_>, record: &PollRecord, batch: &mut Committed) -> rusqlite::Result<Option<()>> {
    let mut seq = batch.seq_last;
    match store_poll(tx, record, &mut seq) {
        Ok(Some(taken)) => {
            batch.take(taken, seq);
            Ok(Some(()))
        }
        Ok(None) => Ok(None),
        Err(error) if remedy(&error) == Remedy::Reject => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores one poll under a savepoint of its own, so that it can be refused alone.
fn apart(tx: &mut Transaction<'_>, record: &PollRecord, batch: &mut Committed) -> rusqlite::Result<Option<()>> {
    let mut seq = batch.seq_last;
    let mut savepoint = tx.savepoint()?;
    let fault = match store_poll(&savepoint, record, &mut seq) {
        Ok(Some(taken)) => {
            savepoint.commit()?;
            batch.take(taken, seq);
            return Ok(Some(()));
        }
        Ok(None) => StoreFault::Superseded,
        Err(error) if remedy(&error) == Remedy::Reject => {
            log::error!("storing a poll of feed {}: the database refused it: {error}", record.feed_id);
            StoreFault::Rejected(error.to_string())
        }
        Err(error) => return Err(error),
    };
    savepoint.rollback()?;
    savepoint.commit()?;
    batch.results.push(Err(fault));
    Ok(Some(()))
}

/// Moves `seq` on by as many articles as were new or have changed; gives `None` if the feed has another URL than was
/// polled.
fn store_poll(db: &Connection, record: &PollRecord, seq: &mut i64) -> rusqlite::Result<Option<Taken>> {
    let fetched_at = record.log.started_at.saturating_add(record.log.total_ms.into());
    let taken = take(db, record, seq, fetched_at)?;
    // A delta lists what is new: what it leaves out was not looked for, nor does it have to describe the feed.
    if let Some(meta) = record.feed_meta.as_ref().filter(|_| !record.is_delta) {
        update_meta(db, record.feed_id, meta, fetched_at)?;
    }
    // Looked for last: one that is not there is rare, and what was written until here is taken back.
    let Some(poll) = advance(db, record.feed_id, &record.url, &record.state, taken.new_count)? else {
        return if is_feed(db, record.feed_id)? { Ok(None) } else { Err(no_such_feed(record.feed_id)) };
    };
    insert_log(db, record, poll, taken.new_count)?;
    Ok(Some(taken))
}

/// `read_at`: when the document was read.
fn update_meta(db: &Connection, feed_id: i64, meta: &FeedMeta, read_at: i64) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE feed SET title = ?2, site_url = ?3, language = ?4, read_at = ?5 WHERE id = ?1")?
        .execute(params![feed_id, meta.title, meta.site_url, meta.language, read_at])
        .map(drop)
}

fn is_feed(db: &Connection, feed_id: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT EXISTS (SELECT 1 FROM feed WHERE id = ?1)")?.query_row([feed_id], |row| row.get(0))
}

fn insert_log(db: &Connection, record: &PollRecord, poll: i64, new_count: i64) -> rusqlite::Result<()> {
    let log = &record.log;
    db.prepare_cached(
        "INSERT OR REPLACE INTO fetch_log (feed_id, slot, poll, started_at, resolve_ms, connect_ms, tls_ms,
             first_byte_ms, body_ms, parse_ms, total_ms, status, outcome, body_bytes, new_count, error)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?
    .execute(params![
        record.feed_id,
        poll % FETCH_LOG_POLLS,
        poll,
        log.started_at,
        log.resolve_ms,
        log.connect_ms,
        log.tls_ms,
        log.first_byte_ms,
        log.body_ms,
        log.parse_ms,
        log.total_ms,
        log.status,
        log.outcome,
        log.body_bytes.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        new_count,
        log.error,
    ])?;
    Ok(())
}

fn no_such_feed(feed_id: i64) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(format!("there is no feed {feed_id}").into())
}
