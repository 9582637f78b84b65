//! Which articles are on a page: from a place in the stream, a direction and a filter to a list of `seq`.
//!
//! A page that could not look at everything says how far it came, so that whoever pages on misses nothing and looks at
//! nothing twice.

use rusqlite::{Connection, Rows, params};

use super::filter::Selection;
use crate::limits::{PAGE_ARTICLES_MAX, PAGE_ROWS_MAX};

/// Where a page begins and which way it goes. The bound itself is not on it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// In the order of the stream.
    After(i64),
    /// Newest first.
    Before(i64),
}

/// The places on a page, in its direction.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seqs: Vec<i64>,
    /// Everything that matches between where the page begins and this place, itself included, is in `seqs`.
    pub(super) scanned_to: i64,
    /// There may be more beyond it.
    pub(super) more: bool,
}

impl Found {
    /// As far as `seqs[..count]`, because the page is full.
    pub(super) fn cut(&mut self, count: usize) {
        if let Some(&seq) = count.checked_sub(1).and_then(|last| self.seqs.get(last))
            && count < self.seqs.len()
        {
            self.seqs.truncate(count);
            self.scanned_to = seq;
            self.more = true;
        }
    }
}

/// The places of articles of selected feeds.
pub(super) fn by_feed(db: &Connection, from: Bound, selection: &Selection, limit: usize) -> rusqlite::Result<Found> {
    let limit = limit.clamp(1, PAGE_ARTICLES_MAX);
    let end = end(db, from)?;
    let (all, filtered, bound) = match from {
        Bound::After(seq) => (
            "SELECT seq, 0 FROM article WHERE seq > ?1 ORDER BY seq",
            "SELECT seq, feed_id FROM article WHERE seq > ?1 ORDER BY seq",
            seq,
        ),
        Bound::Before(seq) => (
            "SELECT seq, 0 FROM article WHERE seq < ?1 ORDER BY seq DESC",
            "SELECT seq, feed_id FROM article WHERE seq < ?1 ORDER BY seq DESC",
            seq,
        ),
    };
    let sql = match selection {
        Selection::Few(ids) => return of_few(db, from, ids.iter().copied(), limit, end),
        // From the index alone.
        Selection::All => all,
        Selection::Many(_) => filtered,
    };
    gather(db.prepare_cached(sql)?.query([bound])?, selection, limit, end)
}

/// The places of articles of selected feeds in which the words of `query` occur, newest first.
pub(super) fn by_words(
    db: &Connection,
    query: &str,
    before: i64,
    selection: &Selection,
    limit: usize,
) -> rusqlite::Result<Found> {
    // CROSS: the other way round SQLite would run the search once for each article.
    let mut found = db.prepare_cached(
        "SELECT seq, feed_id FROM article_text CROSS JOIN article ON seq = article_text.rowid
         WHERE article_text MATCH ?1 AND article_text.rowid < ?2 ORDER BY article_text.rowid DESC",
    )?;
    gather(found.query(params![query, before])?, selection, limit.clamp(1, PAGE_ARTICLES_MAX), 0)
}

/// How far a page has come that has seen everything.
fn end(db: &Connection, from: Bound) -> rusqlite::Result<i64> {
    Ok(match from {
        Bound::Before(_) => 0,
        Bound::After(seq) => {
            let seq_last: i64 = db.prepare_cached("SELECT seq_last FROM meta")?.query_row([], |row| row.get(0))?;
            seq.max(seq_last)
        }
    })
}

/// Takes what is selected from `rows` of (`seq`, `feed_id`).
fn gather(mut rows: Rows<'_>, selection: &Selection, limit: usize, end: i64) -> rusqlite::Result<Found> {
    let mut found = Found { seqs: Vec::new(), scanned_to: end, more: false };
    let mut looked_at = 0;
    let mut last = end;
    while let Some(row) = rows.next()? {
        let is_selected = selection.contains(row.get(1)?);
        if looked_at == PAGE_ROWS_MAX || (is_selected && found.seqs.len() == limit) {
            found.scanned_to = last;
            found.more = true;
            break;
        }
        last = row.get(0)?;
        looked_at += 1;
        if is_selected {
            found.seqs.push(last);
        }
    }
    Ok(found)
}

/// Merges the few next places of each feed.
fn of_few(
    db: &Connection,
    from: Bound,
    ids: impl Iterator<Item = i64>,
    limit: usize,
    end: i64,
) -> rusqlite::Result<Found> {
    let (sql, bound) = match from {
        Bound::After(seq) => ("SELECT seq FROM article WHERE feed_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3", seq),
        Bound::Before(seq) => {
            ("SELECT seq FROM article WHERE feed_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3", seq)
        }
    };
    let mut query = db.prepare_cached(sql)?;
    let mut seqs = Vec::new();
    for id in ids {
        // One more than fits, to know whether that was all.
        for seq in query.query_map(params![id, bound, limit as i64 + 1], |row| row.get::<_, i64>(0))? {
            seqs.push(seq?);
        }
    }
    match from {
        Bound::After(_) => seqs.sort_unstable(),
        Bound::Before(_) => seqs.sort_unstable_by(|a, b| b.cmp(a)),
    }
    let mut found = Found { seqs, scanned_to: end, more: false };
    found.cut(limit);
    Ok(found)
}
