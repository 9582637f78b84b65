//! Feeds as the database knows them, by name, a page at a time.

use rusqlite::{OptionalExtension, Row, params};

use super::filter::parse_labels;
use super::{Labels, Queries, QueryError};
use crate::article::KeyBy;
use crate::limits::{FEED_LATE_MS, FETCH_LOG_POLLS, PAGE_FEEDS_MAX};
use crate::store::feed_state::FEED_COLUMNS;
use crate::store::{FeedRecord, FetchLog};

/// A feed with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    pub feed: FeedRecord,
    pub labels: Labels,
    /// Since when it is not in feeds.toml, in milliseconds since 1970; `None` is subscribed.
    pub left_at: Option<i64>,
    /// What its articles are told apart by.
    pub key_by: KeyBy,
}

/// A feed with its last polls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedDetail {
    pub row: FeedRow,
    /// Newest first.
    pub polls: Vec<LoggedPoll>,
}

/// One line of `fetch_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedPoll {
    /// The feed's n-th poll.
    pub poll: i64,
    pub log: FetchLog,
    pub new_count: u64,
}

/// What OPML says of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionRow {
    pub name: String,
    pub url: String,
    pub title: Option<String>,
    pub site_url: Option<String>,
    pub labels: Labels,
}

/// Which feeds of the list are wanted.
#[derive(Clone, Copy, Debug)]
pub struct FeedsPart {
    /// By the name of how they are; `None` is all.
    pub health: Option<&'static str>,
    /// The longest failing first, instead of by name.
    pub by_need: bool,
    pub offset: usize,
    pub limit: usize,
    /// By which time some are late.
    pub now_ms: i64,
}

/// How a feed is, in one word; `?2` is when a poll must have been due for the feed to be late.
const HEALTH: &str = "CASE WHEN gone_at IS NOT NULL THEN 'gone' WHEN failing_since IS NOT NULL THEN 'failing' \
                      WHEN last_polled_at IS NULL THEN 'new' WHEN next_poll_at < ?2 THEN 'late' ELSE 'fine' END";

impl Queries<'_> {
    /// The subscribed feeds whose names come after `after`, or the first, by name; at most `limit`, which is taken as
    /// 1 to 1,000. Fewer than that are the last.
    pub fn feeds(&self, after: Option<&str>, limit: usize) -> Result<Vec<FeedRow>, QueryError> {
        let sql = format!(
            "SELECT {FEED_COLUMNS}, labels, left_at, key_by FROM feed WHERE left_at IS NULL AND name > ?1 ORDER BY name LIMIT ?2"
        );
        self.page(&sql, after, limit, feed_row)
    }

    /// A part of the subscribed feeds, and how many there are in all of the kind: at most `limit` of them, taken as 1 to 1,000,
    /// behind the first `offset`.
    pub fn feeds_part(&self, part: &FeedsPart) -> Result<(Vec<FeedRow>, u64), QueryError> {
        let FeedsPart { health, by_need, offset, limit, now_ms } = *part;
        let condition = format!("left_at IS NULL AND (?1 IS NULL OR {HEALTH} = ?1)");
        let order = if by_need { "failing_since IS NULL, failing_since, name" } else { "name" };
        let late_before = now_ms.saturating_sub(FEED_LATE_MS);
        self.read(|db| {
            let sql = format!("SELECT count(*) FROM feed WHERE {condition}");
            let total: i64 = db.prepare_cached(&sql)?.query_row(params![health, late_before], |row| row.get(0))?;
            let sql = format!(
                "SELECT {FEED_COLUMNS}, labels, left_at, key_by FROM feed WHERE {condition} ORDER BY {order} LIMIT ?3 OFFSET ?4"
            );
            let limit = limit.clamp(1, PAGE_FEEDS_MAX) as i64;
            let offset = i64::try_from(offset).unwrap_or(i64::MAX);
            let mut statement = db.prepare_cached(&sql)?;
            let rows = statement.query_map(params![health, late_before, limit, offset], feed_row)?;
            Ok((rows.collect::<rusqlite::Result<_>>()?, total.unsigned_abs()))
        })
    }

    /// The subscribed feeds that fail, the longest failing first; at most `limit`, which is taken as 1 to 1,000.
    pub fn feeds_failing(&self, limit: usize) -> Result<Vec<FeedRow>, QueryError> {
        let sql = format!(
            "SELECT {FEED_COLUMNS}, labels, left_at, key_by FROM feed
             WHERE left_at IS NULL AND failing_since IS NOT NULL AND ?1 = '' ORDER BY failing_since, name LIMIT ?2"
        );
        self.page(&sql, None, limit, feed_row)
    }

    /// The names of the subscribed feeds after `after`, or the first, in order; at most `limit`, which is taken as 1 to
    /// 1,000. Fewer than that are the last.
    pub fn feed_names(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>, QueryError> {
        let sql = "SELECT name FROM feed WHERE left_at IS NULL AND name > ?1 ORDER BY name LIMIT ?2";
        self.page(sql, after, limit, |row| row.get(0))
    }

    /// One feed with its last polls, even if it has left.
    pub fn feed(&self, name: &str) -> Result<Option<FeedDetail>, QueryError> {
        self.read(|db| {
            let sql = format!("SELECT {FEED_COLUMNS}, labels, left_at, key_by FROM feed WHERE name = ?1");
            let Some(row) = db.prepare_cached(&sql)?.query_row([name], feed_row).optional()? else {
                return Ok(None);
            };
            let polls = db
                .prepare_cached(
                    "SELECT poll, started_at, resolve_ms, connect_ms, tls_ms, first_byte_ms, body_ms, parse_ms,
                         total_ms, status, outcome, body_bytes, new_count, error
                     FROM fetch_log WHERE feed_id = ?1 ORDER BY poll DESC LIMIT ?2",
                )?
                .query_map(params![row.feed.id, FETCH_LOG_POLLS], logged_poll)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Some(FeedDetail { row, polls }))
        })
    }

    /// The subscriptions whose names come after `after`, or the first, by name; at most `limit`, which is taken as 1 to
    /// 1,000. Fewer than that are the last.
    pub fn subscriptions(&self, after: Option<&str>, limit: usize) -> Result<Vec<SubscriptionRow>, QueryError> {
        let sql = "SELECT name, url, title, site_url, labels FROM feed
                   WHERE left_at IS NULL AND name > ?1 ORDER BY name LIMIT ?2";
        self.page(sql, after, limit, |row| {
            Ok(SubscriptionRow {
                name: row.get(0)?,
                url: row.get(1)?,
                title: row.get(2)?,
                site_url: row.get(3)?,
                labels: parse_labels(row.get_ref(4)?.as_str()?),
            })
        })
    }

    fn page<T>(
        &self,
        sql: &str,
        after: Option<&str>,
        limit: usize,
        from_row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, QueryError> {
        // No name is empty.
        let (after, limit) = (after.unwrap_or(""), limit.clamp(1, PAGE_FEEDS_MAX) as i64);
        self.read(|db| db.prepare_cached(sql)?.query_map(params![after, limit], from_row)?.collect())
    }
}

fn feed_row(row: &Row<'_>) -> rusqlite::Result<FeedRow> {
    let labels = parse_labels(row.get_ref("labels")?.as_str()?);
    let key_by = if row.get_ref("key_by")?.as_str()? == KeyBy::Link.name() { KeyBy::Link } else { KeyBy::Guid };
    Ok(FeedRow { feed: FeedRecord::from_row(row)?, labels, left_at: row.get("left_at")?, key_by })
}

fn logged_poll(row: &Row<'_>) -> rusqlite::Result<LoggedPoll> {
    Ok(LoggedPoll {
        poll: row.get(0)?,
        log: FetchLog {
            started_at: row.get(1)?,
            resolve_ms: row.get(2)?,
            connect_ms: row.get(3)?,
            tls_ms: row.get(4)?,
            first_byte_ms: row.get(5)?,
            body_ms: row.get(6)?,
            parse_ms: row.get(7)?,
            total_ms: row.get(8)?,
            status: row.get(9)?,
            outcome: row.get(10)?,
            body_bytes: row.get::<_, Option<i64>>(11)?.map(i64::unsigned_abs),
            error: row.get(13)?,
        },
        new_count: row.get::<_, i64>(12)?.unsigned_abs(),
    })
}
