//! What a poll found, once its answer was read: what is to be stored of it, and what its core hears when it is, or is not.
//!
//! Pure. Validators are in the same record as the articles that came with them, or in none.

use std::mem::take;

use futures_channel::oneshot;

use super::planning::{Plan, plan};
use super::state::{learn, next_state};
use super::{Memory, Polled, Reading, Spent, Subscription, Unreadable};
use crate::article::{Article, FeedMeta, Repair};
use crate::failure::{Class, Failure, Phase};
use crate::fetch::Trip;
use crate::schedule;
use crate::store::{FeedState, FetchLog, PollRecord, StoreFault, Stored};

/// How a poll asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Milliseconds since 1970, UTC.
    pub(crate) started_at: i64,
    /// The last answers were not believed, so nothing was sent that could lead to another one of the kind.
    pub(crate) doubts: bool,
}

/// What came of a poll, in a word: what an answer cost in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A document was read.
    Ok,
    /// It was sent, and is the one that was read before, byte for byte.
    Unchanged,
    /// 304: it was not sent.
    NotModified,
    /// Also where the database did not take what was read.
    Failed,
}

impl Outcome {
    /// Every outcome, in the order of their declaration.
    pub(crate) const ALL: [Outcome; 4] = [Outcome::Ok, Outcome::Unchanged, Outcome::NotModified, Outcome::Failed];

    /// The word in `fetch_log` and in metrics; a failure has its class in the former.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Unchanged => "unchanged",
            Outcome::NotModified => "not_modified",
            Outcome::Failed => "failed",
        }
    }

    fn of(reading: &Result<Reading, Failure>) -> Outcome {
        match reading {
            Ok(Reading::Articles { .. }) => Outcome::Ok,
            Ok(Reading::Unchanged { .. }) => Outcome::Unchanged,
            Ok(Reading::NotModified { .. }) => Outcome::NotModified,
            Err(_) => Outcome::Failed,
        }
    }
}

pub(crate) struct Finding {
    state: FeedState,
    next: schedule::Next,
    feed_meta: Option<FeedMeta>,
    articles: Vec<Article>,
    is_delta: bool,
    repaired: Vec<Repair>,
    log: FetchLog,
    outcome: Outcome,
    failure: Option<Failure>,
}

impl Finding {
    /// Plans the next poll and puts together what is to be stored. `log` has the times; `memory` is of before the poll.
    pub(crate) fn new(
        subscription: &Subscription,
        memory: &Memory,
        trip: &Trip,
        reading: Result<Reading, Failure>,
        asked: Asked,
        mut log: FetchLog,
        now_ms: i64,
    ) -> Finding {
        let (document, is_delta) = match &reading {
            Ok(Reading::Articles { document, is_delta, .. }) => (Some(document), *is_delta),
            _ => (None, false),
        };
        let Plan { next, planning } =
            plan(subscription, memory, trip, reading.as_ref().err(), document, is_delta, now_ms);
        let mut state = next_state(&memory.state, &reading, &next, asked.started_at, now_ms);
        learn(&mut state, subscription.feed.url.as_str(), trip, &reading, now_ms);
        if asked.doubts {
            state.changes.doubted_at = Some(asked.started_at);
        }
        state.planning = planning;
        let outcome = Outcome::of(&reading);
        let mut repaired = Vec::new();
        let (feed_meta, articles, failure) = match reading {
            Ok(Reading::Articles { mut document, .. }) => {
                // Documents put the newest first; the stream puts it last.
                document.articles.reverse();
                repaired = document.repaired;
                (Some(document.feed), document.articles, None)
            }
            Ok(Reading::Unchanged { .. } | Reading::NotModified { .. }) => (None, Vec::new(), None),
            Err(failure) => (None, Vec::new(), Some(failure)),
        };
        log.outcome = failure.as_ref().map_or_else(|| outcome.name().to_owned(), Failure::class_and_phase);
        log.error = failure.as_ref().map(|failure| failure.message.clone());
        Finding { state, next, feed_meta, articles, is_delta, repaired, log, outcome, failure }
    }

    /// What the writer is given, once; `done` hears when it is durable.
    pub(crate) fn record(
        &mut self,
        subscription: &Subscription,
        done: oneshot::Sender<Result<Stored, StoreFault>>,
    ) -> PollRecord {
        let Subscription { id, feed, .. } = subscription;
        PollRecord {
            feed_id: *id,
            url: feed.url.to_string(),
            state: self.state.clone(),
            feed_meta: self.feed_meta.take(),
            articles: take(&mut self.articles),
            is_delta: self.is_delta,
            updates: feed.updates,
            articles_initial_max: feed.articles_initial_max,
            log: self.log.clone(),
            done,
        }
    }

    /// What the core goes on with, after the writer's answer.
    pub(crate) fn settle(
        mut self,
        memory: &Memory,
        unreadable: Option<Box<Unreadable>>,
        stored: Result<Stored, StoreFault>,
        wire_bytes: u64,
        took_ms: u64,
    ) -> Polled {
        let is_stored = stored.is_ok();
        let (memory, new_count, failure) = match stored {
            Ok(Stored { new_count, .. }) => {
                let planning = &mut self.state.planning;
                planning.cadence = planning.cadence_after(new_count > 0).map(str::to_owned);
                planning.cadence_if_new = None;
                (Memory { state: self.state, unreadable, ..memory.clone() }, new_count, self.failure)
            }
            // Not stored, so it did not happen: the old validators stay, and the feed is asked again later.
            Err(fault) => {
                let failure = Failure::new(Class::Local, Phase::Commit, fault.to_string());
                (Memory { unreadable, ..memory.clone() }, 0, Some(failure))
            }
        };
        Polled {
            memory: Memory { poll_count: memory.poll_count + 1, ..memory },
            wait: self.next.wait,
            is_given_up: self.next.is_given_up && is_stored,
            new_count,
            repaired: self.repaired,
            wire_bytes,
            body_bytes: self.log.body_bytes.unwrap_or(0),
            outcome: self.log.outcome,
            result: if is_stored { self.outcome } else { Outcome::Failed },
            took_ms,
            spent: Spent::default(),
            failure,
        }
    }
}
