//! What a client resumes from: a place in commit order, and the database in which it is one.
//!
//! A `seq` is only a number, and means something else in another database. So a cursor names the database's epoch too.
//! Where a client gives the bare number, it is taken for ours.

use std::fmt;
use std::str::FromStr;

/// Figures of the largest `seq`: more of them are no number of ours.
const SEQ_FIGURES_MAX: usize = 19;

/// Made once with a database: `meta.epoch`, 16 hexadecimal figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Epoch(u64);

/// A place in the stream of one database: all up to `seq`, that one included, has been had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cursor {
    pub(crate) epoch: Epoch,
    pub(crate) seq: i64,
}

/// A cursor as a client gives it: `EPOCH-SEQ`, or the `seq` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct After {
    pub(crate) epoch: Option<Epoch>,
    pub(crate) seq: i64,
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Junk;

/// What the database holds, as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) epoch: Epoch,
    /// The least `seq` that is kept; `None` when there is no article.
    pub(crate) seq_oldest: Option<i64>,
    /// The greatest `seq` that retention removed; 0 when it never did. Retention removes in the order of `seq`.
    pub(crate) seq_pruned: i64,
    /// The last `seq` given out.
    pub(crate) seq_last: i64,
}

impl Bounds {
    /// The oldest cursor that misses nothing: all that is kept comes after it.
    pub(crate) fn oldest(&self) -> Cursor {
        Cursor { epoch: self.epoch, seq: self.seq_oldest.map_or(self.seq_last, |seq| seq - 1) }
    }
}

/// Why a client cannot go on from its cursor, and from where it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) oldest: Cursor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Retention removed articles after it.
    TooOld,
    OtherDatabase,
    /// This database has not given out that `seq` yet: it was restored from an older copy, or the client errs.
    FromTheFuture,
}

impl Reason {
    /// The status of the answer.
    pub(crate) fn status(self) -> u16 {
        match self {
            Reason::TooOld => 410,
            Reason::OtherDatabase | Reason::FromTheFuture => 409,
        }
    }

    /// One word for programs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::TooOld => "too_old",
            Reason::OtherDatabase => "other_database",
            Reason::FromTheFuture => "from_the_future",
        }
    }

    /// What it means and what to do, for a person.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Reason::TooOld => "articles after the cursor are no longer kept; go on from `oldest`",
            Reason::OtherDatabase => "the cursor belongs to another database; go on from `oldest`, or without a cursor",
            Reason::FromTheFuture => {
                "the cursor is ahead of this database, as after a restore; go on from `oldest`, or without a cursor"
            }
        }
    }
}

/// Gives the `seq` to go on from.
///
/// "Older than what is kept" takes both: something after the cursor was removed, and the cursor lies before all that is
/// left. Gaps alone say nothing: an article that changed has left one at its former `seq`. A client that starts at 0 on a
/// database that was pruned is told so too, since it asks for what is gone.
///
/// # Errors
///
/// The cursor is of another database, from the future, or too old, looked at in this order.
pub(crate) fn judge(after: After, bounds: &Bounds) -> Result<i64, Refusal> {
    let oldest = bounds.oldest();
    let refuse = |reason| Err(Refusal { reason, oldest });
    if after.epoch.is_some_and(|epoch| epoch != bounds.epoch) {
        return refuse(Reason::OtherDatabase);
    }
    if after.seq > bounds.seq_last {
        return refuse(Reason::FromTheFuture);
    }
    if after.seq < bounds.seq_pruned && after.seq < oldest.seq {
        return refuse(Reason::TooOld);
    }
    Ok(after.seq)
}

impl FromStr for Epoch {
    type Err = Junk;

    fn from_str(text: &str) -> Result<Epoch, Junk> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            return Err(Junk);
        }
        u64::from_str_radix(text, 16).map(Epoch).map_err(|_| Junk)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Epoch {
    /// The figures as a number.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

impl FromStr for After {
    type Err = Junk;

    fn from_str(text: &str) -> Result<After, Junk> {
        match text.split_once('-') {
            Some((epoch, seq)) => Ok(After { epoch: Some(epoch.parse()?), seq: parse_seq(seq)? }),
            None => Ok(After { epoch: None, seq: parse_seq(text)? }),
        }
    }
}

/// Figures alone: the standard library's parser would take a sign.
fn parse_seq(text: &str) -> Result<i64, Junk> {
    let is_number = (1..=SEQ_FIGURES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().map_err(|_| Junk) } else { Err(Junk) }
}

impl From<Cursor> for After {
    fn from(cursor: Cursor) -> After {
        After { epoch: Some(cursor.epoch), seq: cursor.seq }
    }
}

impl fmt::Display for Junk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cursor is a seq, or the `cursor` of an earlier answer")
    }
}

impl std::error::Error for Junk {}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = "00c0ffee00c0ffee";

    #[test]
    fn texts_to_cursors() {
        let ours = Some(Epoch(0x00c0_ffee_00c0_ffee));
        for (text, want) in [
            ("0", Ok((None, 0))),
            ("42", Ok((None, 42))),
            ("007", Ok((None, 7))),
            ("9223372036854775807", Ok((None, i64::MAX))),
            ("00c0ffee00c0ffee-42", Ok((ours, 42))),
            ("00c0ffee00c0ffee-0", Ok((ours, 0))),
            ("", Err(Junk)),
            ("-", Err(Junk)),
            ("-1", Err(Junk)),
            ("+1", Err(Junk)),
            (" 1", Err(Junk)),
            ("1 ", Err(Junk)),
            ("1.0", Err(Junk)),
            ("1e3", Err(Junk)),
            ("0x10", Err(Junk)),
            ("\u{661}", Err(Junk)),
            ("9223372036854775808", Err(Junk)),
            ("00000000000000000001", Err(Junk)),
            ("99999999999999999999999999", Err(Junk)),
            ("1; DROP TABLE article", Err(Junk)),
            ("1 OR 1=1", Err(Junk)),
            ("1'--", Err(Junk)),
            ("null", Err(Junk)),
            ("00c0ffee00c0ffee", Err(Junk)),
            ("00c0ffee00c0ffee-", Err(Junk)),
            ("00c0ffee00c0ffee--1", Err(Junk)),
            ("00c0ffee00c0ffee-1-1", Err(Junk)),
            ("00C0FFEE00C0FFEE-1", Err(Junk)),
            ("+0c0ffee00c0ffee-1", Err(Junk)),
            ("c0ffee-1", Err(Junk)),
            ("00c0ffee00c0ffee-9223372036854775808", Err(Junk)),
            ("1\r\nx: y", Err(Junk)),
            ("1\0", Err(Junk)),
        ] {
            let got = text.parse::<After>().map(|after| (after.epoch, after.seq));
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        for (epoch, seq) in [(0, 0), (1, 1), (u64::MAX, i64::MAX)] {
            let cursor = Cursor { epoch: Epoch(epoch), seq };
            assert_eq!(cursor.to_string().parse(), Ok(After::from(cursor)));
        }
    }

    #[test]
    fn a_cursor_is_judged_by_what_is_kept() {
        let whole = Bounds { epoch: EPOCH.parse().unwrap(), seq_oldest: Some(1), seq_pruned: 0, seq_last: 9 };
        let empty = Bounds { seq_oldest: None, seq_last: 0, ..whole };
        // Articles 1 to 3 have changed since, and stand further up.
        let moved = Bounds { seq_oldest: Some(4), ..whole };
        let pruned = Bounds { seq_oldest: Some(4), seq_pruned: 2, ..whole };
        let all_pruned = Bounds { seq_oldest: None, seq_pruned: 9, ..whole };
        use Reason::{FromTheFuture, OtherDatabase, TooOld};
        for (after, bounds, want) in [
            ("0", empty, Ok(0)),
            ("1", empty, Err((FromTheFuture, 0))),
            ("0", whole, Ok(0)),
            ("9", whole, Ok(9)),
            ("10", whole, Err((FromTheFuture, 0))),
            ("9223372036854775807", whole, Err((FromTheFuture, 0))),
            ("00c0ffee00c0ffee-9", whole, Ok(9)),
            ("0000000000000001-9", whole, Err((OtherDatabase, 0))),
            ("0000000000000001-10", whole, Err((OtherDatabase, 0))),
            ("0", moved, Ok(0)),
            ("0", pruned, Err((TooOld, 3))),
            ("1", pruned, Err((TooOld, 3))),
            // 3 left its place by changing, so whoever has had 2 missed nothing.
            ("2", pruned, Ok(2)),
            ("3", pruned, Ok(3)),
            ("8", all_pruned, Err((TooOld, 9))),
            ("9", all_pruned, Ok(9)),
        ] {
            let judged = judge(after.parse().unwrap(), &bounds).map_err(|refusal| (refusal.reason, refusal.oldest.seq));
            assert_eq!(judged, want, "{after} in {bounds:?}");
            // What is offered instead is never refused.
            assert!(judge(bounds.oldest().into(), &bounds).is_ok());
        }
    }
}
