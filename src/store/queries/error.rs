//! Why a question has no answer.

use std::fmt;

use crate::limits::{QUERY_MS_MAX, READER_QUEUE_MAX};
use crate::store::StoreError;

/// Why a question has no answer. The reader goes on after each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// Too many questions wait already; this one was not asked.
    Busy,
    /// Its deadline passed, in the queue or while it ran.
    TooSlow,
    /// The readers are stopping.
    Stopped,
    /// The question's own code panicked.
    Panicked,
    /// The database could not be read.
    Failed(StoreError),
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryError::Busy => {
                write!(f, "reading the database: {READER_QUEUE_MAX} questions wait already; ask again a little later")
            }
            QueryError::TooSlow => {
                write!(f, "reading the database: no answer within {QUERY_MS_MAX} ms; ask again later, or for less")
            }
            QueryError::Stopped => {
                f.write_str("reading the database: the readers are stopping; ask again after a restart")
            }
            QueryError::Panicked => {
                f.write_str("reading the database: the question panicked; report this with the log")
            }
            QueryError::Failed(error) => write!(f, "reading the database: {error}"),
        }
    }
}

impl std::error::Error for QueryError {}
