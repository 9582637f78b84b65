//! The store: SQLite behind one writer thread. No SQL stands anywhere else.
//!
//! [`Store::open`] makes sure that the database is ours alone and whole. [`Store::start`] gives it to the thread
//! `writer`; from then on cores hand it [`PollRecord`]s through a [`WriterHandle`] and never wait for it, and hear by
//! a one-shot when their poll is on disk.
//!
//! Invariants: nothing is answered or published before its commit; a feed's validators are never stored without the
//! articles that came with them; `seq` grows in commit order and no number is given out twice; an article is stored once,
//! however often it comes, and changes in its row; what retention removed does not come back; an error is retried
//! only where waiting can help, and nothing is lost meanwhile; no file is ever repaired or deleted.
//!
//! [`Readers`] answer questions beside it, on connections that cannot write, each with a deadline. Full-text search is
//! filled by the writer when no poll waits.
//!
//! On a full disk the writer keeps its batch and tries again until there is space. Retention goes by age alone: nothing
//! is deleted to make space, and no ballast is kept for a DELETE, which needs some before it gives any.

mod articles;
mod backup;
mod change;
mod commit;
mod crash_point;
mod due;
mod error;
mod feed_state;
mod gauges;
mod guids;
mod last_polls;
mod lock;
mod migrate;
mod moved;
mod open;
mod planning;
mod record;
mod register;
mod rekey;
mod remedy;
mod retention;
mod summary;
mod tombstone;
mod wal;
mod writer;
mod writer_loop;

mod queries;
mod reader;
mod search;
mod statistics;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
pub(crate) mod tests;

pub use backup::backup;
pub use error::{StoreError, StoreFault};
pub use feed_state::{Changes, FeedRecord, FeedState, Moving};
pub use gauges::WriterGauges;
pub use guids::Verdict;
pub use last_polls::{LastPoll, last_polls};
pub(crate) use lock::holder;
pub use open::Store;
pub use planning::{Planned, Planning, Postponed, planned};
pub use queries::{
    Bounds, FeedDetail, FeedRow, FeedsPart, Filter, Labels, LoggedPoll, Op, Page, Queries, QueryError, StoredArticle,
    SubscriptionRow,
};
pub use reader::{ReaderGauges, ReaderHandle, Readers};
pub use record::{FetchLog, PollRecord, Stored};
pub use remedy::Degraded;
pub use search::quote as quote_search;
pub use summary::{FailingFeed, Summary, failing_feeds, known_feeds, summary};
pub use writer::{StoreEvent, Writer, WriterHandle};
