//! What is known of a feed between polls and across restarts, and how it stands in the `feed` table.

use super::Planning;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

/// One row of `feed`, as a core needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedRecord {
    pub id: i64,
    pub name: String,
    /// As configured.
    pub url: String,
    pub title: Option<String>,
    pub site_url: Option<String>,
    pub language: Option<String>,
    pub state: FeedState,
    pub poll_count: u64,
    pub article_count: u64,
}

/// What one poll leaves for the next. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedState {
    /// Where permanent redirects led; `None` is the configured URL.
    pub effective_url: Option<String>,
    /// Byte for byte as the server sent it.
    pub etag: Option<Vec<u8>>,
    /// Byte for byte as the server sent it.
    pub last_modified: Option<Vec<u8>>,
    /// Which URL and credentials the validators belong to. The store keeps it and compares nothing.
    pub validators_for: Option<String>,
    pub body_hash: Option<[u8; 32]>,
    /// `None`: never scheduled yet.
    pub next_poll_at: Option<i64>,
    pub last_polled_at: Option<i64>,
    pub last_ok_at: Option<i64>,
    pub failing_since: Option<i64>,
    pub failure_count: u32,
    pub last_error: Option<String>,
    pub last_error_class: Option<String>,
    pub gone_at: Option<i64>,
    /// What was repaired in the last document that was read, in words: `bare ampersand x3`.
    pub repaired: Vec<String>,
    pub planning: Planning,
    pub moving: Moving,
    pub changes: Changes,
}

/// What permanent redirects have shown so far. Judged by `fetch::permanent`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moving {
    /// Where the last polls were led.
    pub to: Option<String>,
    /// How many of them, one after the other.
    pub count: u32,
    /// Since when. `None` beside a `to`: what is there is another feed, and is never moved to.
    pub since: Option<i64>,
    /// What the last whole document looked like (`fetch::likeness`).
    pub likeness: Option<Vec<u8>>,
}

/// How the feed's document changes. Judged by `fetch::frozen`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// When it was another one than before, last.
    pub changed_at: Option<i64>,
    /// How long it usually takes to become another one; `None` until it has done so once.
    pub gap_ms: Option<i64>,
    /// When it was last asked for without validators because its 304s looked frozen.
    pub doubted_at: Option<i64>,
}

/// The columns of [`FeedRecord::from_row`], in its order.
pub(super) const FEED_COLUMNS: &str = "id, name, url, title, site_url, language, poll_count, article_count, \
     effective_url, etag, last_modified, validators_for, body_hash, next_poll_at, last_polled_at, last_ok_at, \
     failing_since, failure_count, last_error, last_error_class, gone_at, \
     moved_to, moved_count, moved_since, likeness, changed_at, changed_gap_ms, doubted_at, repaired, \
     schedule, hints, cadence, gone_count, given_up_for";

impl FeedRecord {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<FeedRecord> {
        Ok(FeedRecord {
            id: row.get(0)?,
            name: row.get(1)?,
            url: row.get(2)?,
            title: row.get(3)?,
            site_url: row.get(4)?,
            language: row.get(5)?,
            poll_count: row.get::<_, i64>(6)?.unsigned_abs(),
            article_count: row.get::<_, i64>(7)?.unsigned_abs(),
            state: FeedState {
                effective_url: row.get(8)?,
                etag: bytes(row.get_ref(9)?),
                last_modified: bytes(row.get_ref(10)?),
                validators_for: row.get(11)?,
                body_hash: row.get(12)?,
                next_poll_at: row.get(13)?,
                last_polled_at: row.get(14)?,
                last_ok_at: row.get(15)?,
                failing_since: row.get(16)?,
                failure_count: row.get(17)?,
                last_error: row.get(18)?,
                last_error_class: row.get(19)?,
                gone_at: row.get(20)?,
                planning: Planning::from_row(row)?,
                moving: Moving {
                    to: row.get("moved_to")?,
                    count: row.get("moved_count")?,
                    since: row.get("moved_since")?,
                    likeness: row.get("likeness")?,
                },
                changes: Changes {
                    changed_at: row.get("changed_at")?,
                    gap_ms: row.get("changed_gap_ms")?,
                    doubted_at: row.get("doubted_at")?,
                },
                repaired: serde_json::from_str(row.get_ref("repaired")?.as_str()?).unwrap_or_default(),
            },
        })
    }
}

/// Writes the state after a poll of `url` and counts it. Gives the number of this poll, or `None` if there is no such
/// feed with that URL.
pub(super) fn advance(
    db: &Connection,
    feed_id: i64,
    url: &str,
    state: &FeedState,
    new_count: i64,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "UPDATE feed SET effective_url = ?2, etag = ?3, last_modified = ?4, validators_for = ?5, body_hash = ?6,
             next_poll_at = ?7, last_polled_at = ?8, last_ok_at = ?9, failing_since = ?10, failure_count = ?11,
             last_error = ?12, last_error_class = ?13, gone_at = ?14,
             moved_to = ?17, moved_count = ?18, moved_since = ?19, likeness = ?20,
             changed_at = ?21, changed_gap_ms = ?22, doubted_at = ?23, repaired = ?24,
             schedule = ?25, hints = ?26, cadence = ?27, gone_count = ?28, given_up_for = ?29,
             poll_count = poll_count + 1, article_count = article_count + ?15
         WHERE id = ?1 AND url = ?16
         RETURNING poll_count",
    )?
    .query_row(
        params![
            feed_id,
            state.effective_url,
            state.etag.as_deref().map(HeaderValue),
            state.last_modified.as_deref().map(HeaderValue),
            state.validators_for,
            state.body_hash,
            state.next_poll_at,
            state.last_polled_at,
            state.last_ok_at,
            state.failing_since,
            state.failure_count,
            state.last_error,
            state.last_error_class,
            state.gone_at,
            new_count,
            url,
            state.moving.to,
            state.moving.count,
            state.moving.since,
            state.moving.likeness,
            state.changes.changed_at,
            state.changes.gap_ms,
            state.changes.doubted_at,
            serde_json::Value::from(state.repaired.clone()).to_string(),
            state.planning.schedule,
            state.planning.hints,
            state.planning.cadence_after(new_count > 0),
            state.planning.gone_count,
            state.planning.given_up_for,
        ],
        |row| row.get(0),
    )
    .optional()
}

/// A header's bytes in a column of type ANY: TEXT where they are UTF-8, so that people can read them, BLOB where not.
struct HeaderValue<'a>(&'a [u8]);

impl ToSql for HeaderValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match std::str::from_utf8(self.0) {
            Ok(text) => ValueRef::Text(text.as_bytes()),
            Err(_) => ValueRef::Blob(self.0),
        }))
    }
}

/// The bytes back. A number can only have been put there by hand, and reads as its digits.
fn bytes(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes.to_owned()),
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into_bytes()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes()),
    }
}
