//! A row for every configured feed.
//!
//! A feed's state is kept under its name: it survives a change of anything else, and waits when the feed leaves
//! feeds.toml until it returns.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::feed_state::{FEED_COLUMNS, FeedRecord, FeedState};
use crate::config::Feed;
use crate::watch;

/// What the `feed` table takes from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    name: String,
    url: String,
    /// A JSON object.
    labels: String,
}

impl From<&Feed> for Subscription {
    fn from(feed: &Feed) -> Subscription {
        let labels = feed.labels.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
        Subscription {
            name: feed.name.clone(),
            url: feed.url.to_string(),
            labels: serde_json::Value::Object(labels).to_string(),
        }
    }
}

/// A row as it is stored.
struct Known {
    labels: String,
    left: bool,
    feed: FeedRecord,
}

/// Makes the `feed` table agree with all configured feeds, in one transaction. Gives their rows, in the same order, or
/// `None` and nothing changed if by the time of its commit it is not wanted any more.
pub(super) fn register(
    db: &mut Connection,
    feeds: &[Subscription],
    now: i64,
    is_wanted: &dyn Fn() -> bool,
) -> rusqlite::Result<Option<Vec<FeedRecord>>> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut known = present(&tx)?;
    let have_some_left: bool =
        tx.query_one("SELECT EXISTS (SELECT 1 FROM feed WHERE left_at IS NOT NULL)", [], |row| row.get(0))?;
    let mut records = Vec::with_capacity(feeds.len());
    for feed in feeds {
        watch::beat();
        let row = match known.remove(&feed.name) {
            None if have_some_left => returning(&tx, &feed.name)?,
            row => row,
        };
        records.push(match row {
            Some(row) => update(&tx, feed, row)?,
            None => insert(&tx, feed)?,
        });
    }
    for row in known.into_values() {
        tx.prepare_cached("UPDATE feed SET left_at = ?2 WHERE id = ?1")?.execute(params![row.feed.id, now])?;
    }
    if !is_wanted() {
        return Ok(None);
    }
    tx.commit()?;
    Ok(Some(records))
}

/// The rows of feeds that are there, by name: one pass over the table costs less than a look-up for each of 10,000 feeds.
/// Of those that have left nothing is kept in memory, however many there have ever been.
fn present(db: &Connection) -> rusqlite::Result<HashMap<String, Known>> {
    let mut query = db.prepare(&known("left_at IS NULL"))?;
    let rows = query.query_map([], Known::from_row)?;
    rows.map(|row| row.map(|row| (row.feed.name.clone(), row))).collect()
}

/// The row of a feed that was there once.
fn returning(db: &Connection, name: &str) -> rusqlite::Result<Option<Known>> {
    db.prepare_cached(&known("name = ?1"))?.query_row([name], Known::from_row).optional()
}

fn known(condition: &str) -> String {
    format!("SELECT {FEED_COLUMNS}, labels, left_at IS NOT NULL FROM feed WHERE {condition}")
}

impl Known {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Known> {
        Ok(Known {
            feed: FeedRecord::from_row(row)?,
            labels: row.get("labels")?,
            left: row.get("left_at IS NOT NULL")?,
        })
    }
}

fn insert(db: &Connection, feed: &Subscription) -> rusqlite::Result<FeedRecord> {
    db.prepare_cached("INSERT INTO feed (name, url, labels) VALUES (?1, ?2, ?3)")?.execute(params![
        feed.name,
        feed.url,
        feed.labels
    ])?;
    Ok(FeedRecord {
        id: db.last_insert_rowid(),
        name: feed.name.clone(),
        url: feed.url.clone(),
        ..FeedRecord::default()
    })
}

fn update(db: &Connection, feed: &Subscription, row: Known) -> rusqlite::Result<FeedRecord> {
    let mut record = row.feed;
    if row.labels != feed.labels || row.left {
        db.prepare_cached("UPDATE feed SET labels = ?2, left_at = NULL WHERE id = ?1")?
            .execute(params![record.id, feed.labels])?;
    }
    if record.url != feed.url {
        // Articles are the feed's and stay. All the rest was said of, or by, another URL: its validators, above all,
        // could make the new one answer that nothing changed.
        record.url.clone_from(&feed.url);
        record.state = FeedState::default();
        db.prepare_cached(
            "UPDATE feed SET url = ?2, effective_url = NULL, etag = NULL, last_modified = NULL, validators_for = NULL,
                 body_hash = NULL, next_poll_at = NULL, last_polled_at = NULL, last_ok_at = NULL, failing_since = NULL,
                 failure_count = 0, last_error = NULL, last_error_class = NULL, gone_at = NULL, repaired = '[]',
                 moved_to = NULL, moved_count = 0, moved_since = NULL, likeness = NULL,
                 changed_at = NULL, changed_gap_ms = NULL, doubted_at = NULL,
                 schedule = NULL, hints = NULL, cadence = NULL, gone_count = 0, given_up_for = NULL
             WHERE id = ?1",
        )?
        .execute(params![record.id, record.url])?;
    }
    Ok(record)
}
