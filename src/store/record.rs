//! What a core hands to the writer after a poll, and what it hears back.

use futures_channel::oneshot;

use super::StoreFault;
use super::feed_state::FeedState;
use super::guids::Verdict;
use crate::article::{Article, FeedMeta};

/// One finished poll: the articles and the state of the feed after it, stored in one transaction or not at all.
#[derive(Debug)]
pub struct PollRecord {
    pub feed_id: i64,
    /// The URL, as configured, of the subscription that was polled. If the feed has another one by now nothing of the
    /// poll is stored ([`StoreFault::Superseded`]): the row was cleared for the new URL, and the old one's validators,
    /// failures and next poll time must not come back into it. Its articles go too, for they are stored with their
    /// validators or not at all.
    pub url: String,
    /// The feed's next state, whole: what is `None` here is forgotten.
    pub state: FeedState,
    /// What the document said of the feed; where none was read, or a delta, what is known stays.
    pub feed_meta: Option<FeedMeta>,
    /// The document backwards, oldest first: stored in this order, so the last one gets the highest `seq`. Of those that
    /// the feed already has only what has changed is stored.
    pub articles: Vec<Article>,
    /// Whether these are only what is new (RFC 3229): an article that is not among them has not left its feed.
    pub is_delta: bool,
    /// Whether an article that has changed takes a new `seq`, and is delivered again. Otherwise it changes in its place.
    pub updates: bool,
    /// If this is the feed's first document, so many are stored; the others count as known.
    pub articles_initial_max: Option<usize>,
    pub log: FetchLog,
    /// Answered after the commit, never before. It is dropped unanswered only when the writer is gone.
    pub done: oneshot::Sender<Result<Stored, StoreFault>>,
}

/// The line of `fetch_log`. Times in milliseconds; a phase that was not reached or not needed is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchLog {
    /// Since 1970, UTC.
    pub started_at: i64,
    pub resolve_ms: Option<u32>,
    pub connect_ms: Option<u32>,
    pub tls_ms: Option<u32>,
    pub first_byte_ms: Option<u32>,
    pub body_ms: Option<u32>,
    pub parse_ms: Option<u32>,
    pub total_ms: u32,
    /// HTTP status of the last hop.
    pub status: Option<u16>,
    /// One word for the result: `ok`, `unchanged`, `not_modified`, or the class of the failure with its phase.
    pub outcome: String,
    /// After decoding.
    pub body_bytes: Option<u64>,
    pub error: Option<String>,
}

/// What became of a poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Articles that were not in the database before.
    pub new_count: usize,
    /// Articles that have changed and are delivered again.
    pub updated_count: usize,
    /// Why the feed's articles go by their links from now on.
    pub verdict: Option<Verdict>,
}
