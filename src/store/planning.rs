//! What the schedule wants to find again at a feed's next poll, and after a restart. The store keeps it and understands
//! none of it.

use rusqlite::Row;

/// The columns of `feed` that belong to the schedule. JSON that it alone reads, `given_up_for` apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planning {
    /// Why `next_poll_at` is what it is.
    pub schedule: Option<String>,
    /// What the last document said about when it changes.
    pub hints: Option<String>,
    /// How often the feed brings something, if this poll brings nothing.
    pub cadence: Option<String>,
    /// And if it does, which is known when it is stored. Has no column.
    pub cadence_if_new: Option<String>,
    /// Answers of 410 in a row.
    pub gone_count: u32,
    /// Of which settings the feed was given up.
    pub given_up_for: Option<String>,
}

impl Planning {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Planning> {
        Ok(Planning {
            schedule: row.get("schedule")?,
            hints: row.get("hints")?,
            cadence: row.get("cadence")?,
            cadence_if_new: None,
            gone_count: row.get("gone_count")?,
            given_up_for: row.get("given_up_for")?,
        })
    }

    /// The cadence after a poll, by whether it brought something new.
    pub(crate) fn cadence_after(&self, has_new: bool) -> Option<&str> {
        self.cadence_if_new.as_deref().filter(|_| has_new).or(self.cadence.as_deref())
    }
}
