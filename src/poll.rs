//! One poll, from due to committed: the way of an article, in one function.
//!
//! It changes nothing but the database, and that only through the writer: validators travel in the same record as the
//! articles that came with them. What the core needs to know comes back as [`Polled`].

mod finding;
mod outage;
mod planning;
mod spent;
mod state;
mod uncommitted;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use sha2::{Digest, Sha256};
use url::Url;

use crate::article::{Document, Repair};
use crate::breaker::Breaker;
use crate::clock::{Clock, duration_ms};
use crate::config;
use crate::executor::nap;
use crate::failure::{Class, Failure, Phase};
use crate::fetch::{Access, Fetched, Fetcher, Flight, Request, Timeouts, Trip, Validators, frozen};
use crate::gauges::PollNews;
use crate::parse;
use crate::placement;
use crate::schedule;
use crate::store::{FeedRecord, FeedState, FetchLog, PollRecord, StoreFault, Stored, WriterHandle};
use crate::stream::Lead;
use crate::watch::Shown;
pub(crate) use finding::{Asked, Finding, Outcome};
#[cfg(test)]
pub(crate) use outage::is_ours;
pub(crate) use planning::is_given_up;
pub(crate) use spent::Spent;
pub(crate) use uncommitted::Uncommitted;

/// A feed that a core polls: what feeds.toml says of it, and what was read from the files that it names.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// That of its row in the database.
    pub(crate) id: i64,
    pub(crate) feed: Arc<config::Feed>,
    /// The sentence says which file could not be read; every poll fails with it until a reload finds better.
    pub(crate) access: Result<Arc<Access>, String>,
}

impl Subscription {
    /// What is asked first: where permanent redirects have led, or else the configured URL.
    fn url(&self, state: &FeedState) -> Url {
        let effective_url = state.effective_url.as_deref().and_then(|url| url.parse().ok());
        effective_url.unwrap_or_else(|| self.feed.url.clone())
    }

    /// The host that is asked: the unit of politeness and of placement.
    pub(crate) fn host(&self, state: &FeedState) -> String {
        placement::host_of(&self.url(state))
    }

    /// `shown`: where others see it, if there is room for it.
    pub(crate) fn flight(&self, shown: Option<Shown>) -> Rc<Flight> {
        let timeouts = Timeouts {
            connect: self.feed.connect_timeout,
            read: self.feed.read_timeout,
            total: self.feed.total_timeout,
        };
        Rc::new(Flight::new(timeouts, self.feed.body_bytes_max).shown(shown))
    }

    pub(crate) fn pace(&self) -> schedule::Pace {
        schedule::Pace {
            interval: self.feed.interval,
            interval_min: self.feed.interval_min,
            interval_max: self.feed.interval_max,
        }
    }
}

/// What the polls of a core share.
pub(crate) struct Desk {
    /// To the HTTP core, if there is one.
    pub(crate) news: Option<RefCell<mpsc::Sender<PollNews>>>,
    pub(crate) clock: Clock,
    pub(crate) fetcher: Fetcher,
    pub(crate) writer: WriterHandle,
    /// Tells failures of our own network from those of hosts; `None` where every failure counts.
    pub(crate) breaker: Option<RefCell<Breaker>>,
    /// For the answers of this core that wait for the writer.
    pub(crate) uncommitted: Uncommitted,
    /// Of the commits over the stream.
    pub(crate) lead: Arc<Lead>,
}

#[cfg(test)]
impl Desk {
    /// Of a core before which there is nothing but a writer and publishers on this machine.
    pub(crate) fn plain(clock: Clock, writer: WriterHandle) -> Desk {
        Desk {
            news: None,
            clock,
            fetcher: Fetcher::new(&crate::fetch::NameService::read(&[]), None).unwrap(),
            writer,
            breaker: Some(RefCell::default()),
            uncommitted: Uncommitted::new(crate::limits::UNCOMMITTED_MAX),
            lead: Arc::new(Lead::new()),
        }
    }
}

/// A document that could not be read, remembered so that the same bytes are not tried again.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    body_hash: [u8; 32],
    failure: Failure,
}

/// What is known of a feed between two polls, beside its subscription.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) state: FeedState,
    pub(crate) poll_count: u64,
    /// Few feeds have one, and it is large.
    pub(crate) unreadable: Option<Box<Unreadable>>,
}

impl From<FeedRecord> for Memory {
    fn from(FeedRecord { state, poll_count, .. }: FeedRecord) -> Memory {
        Memory { state, poll_count, unreadable: None }
    }
}

/// A feed on the way to its core, which is to poll it from now on: a new one, or one that has changed.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    pub(crate) subscription: Subscription,
    /// What its row says, as it was at start or at the last reload.
    pub(crate) memory: Memory,
}

impl Entrant {
    /// One that nothing is fetched for.
    #[cfg(test)]
    pub(crate) fn made_up(feed: config::Feed, record: FeedRecord) -> Entrant {
        let subscription = Subscription { id: record.id, feed: feed.into(), access: Err(String::new()) };
        Entrant { subscription, memory: record.into() }
    }

    /// The host that is asked first.
    pub(crate) fn host(&self) -> String {
        self.subscription.host(&self.memory.state)
    }

    /// The feed was given up, and nothing of it has changed in feeds.toml since.
    pub(crate) fn is_given_up(&self) -> bool {
        is_given_up(&self.subscription.feed, &self.memory.state.planning)
    }
}

/// A poll that ended.
pub(crate) struct Polled {
    pub(crate) memory: Memory,
    /// Until the next one.
    pub(crate) wait: Duration,
    /// There is to be no next one, in spite of `wait`.
    pub(crate) is_given_up: bool,
    pub(crate) new_count: usize,
    /// What was wrong with the document, if one was read.
    pub(crate) repaired: Vec<Repair>,
    pub(crate) wire_bytes: u64,
    /// Of the document, after decoding; 0 where there was none.
    pub(crate) body_bytes: u64,
    /// As in `fetch_log`.
    pub(crate) outcome: String,
    /// The same, where all failures are one.
    pub(crate) result: Outcome,
    pub(crate) took_ms: u64,
    pub(crate) spent: Spent,
    pub(crate) failure: Option<Failure>,
}

#[cfg(test)]
impl Polled {
    /// One that read a document without news, and comes back after `wait`.
    pub(crate) fn made_up(wait: Duration) -> Polled {
        Polled {
            memory: Memory::default(),
            wait,
            is_given_up: false,
            new_count: 0,
            repaired: Vec::new(),
            wire_bytes: 0,
            body_bytes: 0,
            outcome: Outcome::Ok.name().to_owned(),
            result: Outcome::Ok,
            took_ms: 0,
            spent: Spent::default(),
            failure: None,
        }
    }
}

/// Why a poll is as if it had not been: nothing is stored, and the feed is due as it was.
#[derive(Debug)]
pub(crate) enum Unpolled {
    Cancelled,
    /// Our own network is out.
    CutOff,
    /// There was no descriptor, or no memory, to poll it with.
    Short(Failure),
}

/// What came of a fetch, once it was read.
#[expect(clippy::large_enum_variant, reason = "one a poll and soon taken apart: a box would only add an allocation")]
pub(crate) enum Reading {
    NotModified { validators: Validators },
    Unchanged { validators: Validators },
    Articles { validators: Validators, body_hash: [u8; 32], document: Document, is_delta: bool },
}

/// Polls one feed once.
///
/// `cancelled` resolves when the poll shall end without a result; from the moment on that the answer is there it is
/// ignored, and what was received is committed. At that moment `answered` is called: nothing is asked of the host any more. It is
/// given which host, be it that of a redirect's target, is to be left alone, and for how long.
///
/// # Errors
///
/// It came to nothing, and not by the feed's fault.
pub(crate) async fn poll(
    desk: &Desk,
    subscription: &Subscription,
    memory: &Memory,
    flight: &Rc<Flight>,
    cancelled: oneshot::Receiver<()>,
    answered: impl FnOnce(Option<(&str, Duration)>),
) -> Result<Polled, Unpolled> {
    let started_at = desk.clock.now_ms();

    // Conditional request, address guard, fetch, classify the answer, decode.
    let has_validators = memory.state.etag.is_some() || memory.state.last_modified.is_some();
    let doubts = has_validators && frozen::is_doubtful(&memory.state.changes, &subscription.feed.name, started_at);
    let fetching = async { Some(fetch(desk, subscription, memory, doubts, flight).await) };
    let cancelling = async {
        let _ = cancelled.await;
        None
    };
    let (trip, fetched) = futures_lite::future::or(fetching, cancelling).await.ok_or(Unpolled::Cancelled)?;

    let fetched = match fetched {
        Err(failure) if failure.is_short => return Err(Unpolled::Short(failure)),
        fetched => fetched,
    };
    if let Some(breaker) = &desk.breaker
        && outage::is_ours(&mut breaker.borrow_mut(), subscription, memory, &trip, fetched.as_ref().err(), flight)
    {
        return Err(Unpolled::CutOff);
    }
    answered(trip.host_hold(desk.clock.now_ms()));

    let fetched_after = flight.age();
    flight.enter(Phase::Commit);
    let body_bytes = body_bytes(&fetched);
    let _uncommitted = desk.uncommitted.enter(body_bytes.unwrap_or(0)).await;

    // Gate, parse, normalise, key: on the core's own stack.
    nap().await;
    let now_ms = desk.clock.now_ms();
    flight.enter(Phase::Parse);
    let parse_started = Clock::monotonic();
    let mut unreadable = memory.unreadable.clone();
    let reading = fetched.and_then(|fetched| read(subscription, &memory.state, fetched, now_ms, &mut unreadable));
    let parse = Clock::elapsed(parse_started);

    // Schedule the next poll: it is stored with what this one brought.
    flight.enter(Phase::Commit);
    let mut log = fetch_log(&trip, started_at, duration_ms(parse), flight.age_ms());
    log.body_bytes = body_bytes;
    let mut finding = Finding::new(subscription, memory, &trip, reading, Asked { started_at, doubts }, log, now_ms);

    // Batch and commit.
    let took_ms = flight.age_ms();
    let (done, stored) = oneshot::channel();
    let stored = commit(desk, &subscription.feed.name, finding.record(subscription, done), stored).await;
    let whole = flight.age();
    let spent = Spent {
        fetch: trip.times,
        parse: body_bytes.is_some().then_some(parse),
        commit: whole.saturating_sub(fetched_after + parse),
        whole,
    };
    Ok(Polled { spent, ..finding.settle(memory, unreadable, stored, trip.wire_bytes, took_ms) })
}

/// `doubts`: the last answers are not believed, so nothing is sent that could lead to another one of the kind.
async fn fetch(
    desk: &Desk,
    subscription: &Subscription,
    memory: &Memory,
    doubts: bool,
    flight: &Rc<Flight>,
) -> (Trip, Result<Fetched, Failure>) {
    let access = match &subscription.access {
        Ok(access) => access.clone(),
        Err(sentence) => return (Trip::default(), Err(Failure::new(Class::Local, Phase::Resolve, sentence.clone()))),
    };
    let FeedState { validators_for, etag, last_modified, .. } = &memory.state;
    let configured = &subscription.feed.url;
    let validators = Validators {
        scope: validators_for.clone().unwrap_or_default(),
        etag: etag.clone(),
        last_modified: last_modified.clone(),
    };
    let request = Request {
        url: subscription.url(&memory.state),
        trusted: configured.origin(),
        access,
        validators: if doubts { Validators::default() } else { validators },
        body_bytes_max: subscription.feed.body_bytes_max,
        allow_private: subscription.feed.allow_private,
        allow_downgrade: subscription.feed.allow_downgrade,
    };
    desk.fetcher.fetch(&request, flight).await
}

/// From what was fetched to articles. A body that was read before is not read again, whether it could be read or not.
fn read(
    subscription: &Subscription,
    state: &FeedState,
    fetched: Fetched,
    now_ms: i64,
    unreadable: &mut Option<Box<Unreadable>>,
) -> Result<Reading, Failure> {
    let document = match fetched {
        Fetched::NotModified { validators } => return Ok(Reading::NotModified { validators }),
        Fetched::Document(document) => document,
    };
    let body_hash: [u8; 32] = Sha256::digest(document.bytes()).into();
    if state.body_hash == Some(body_hash) {
        return Ok(Reading::Unchanged { validators: document.validators });
    }
    if let Some(known) = unreadable.as_ref().filter(|known| known.body_hash == body_hash) {
        return Err(known.failure.clone());
    }
    let source = parse::Source {
        bytes: document.bytes(),
        content_type: document.content_type.as_deref(),
        base_url: &document.url,
        articles_max: subscription.feed.articles_max,
        now_ms,
    };
    match parse::parse(&source) {
        Ok(parsed) => {
            *unreadable = None;
            let (validators, is_delta) = (document.validators, document.is_delta);
            Ok(Reading::Articles { validators, body_hash, document: parsed, is_delta })
        }
        Err(failure) => {
            *unreadable = Some(Unreadable { body_hash, failure: failure.clone() }.into());
            Err(failure)
        }
    }
}

fn fetch_log(trip: &Trip, started_at: i64, parse_ms: u64, total_ms: u64) -> FetchLog {
    let ms = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
    let times = &trip.times;
    FetchLog {
        started_at,
        resolve_ms: times.resolve_ms.map(ms),
        connect_ms: times.connect_ms.map(ms),
        tls_ms: times.tls_ms.map(ms),
        first_byte_ms: times.first_byte_ms.map(ms),
        body_ms: times.body_ms.map(ms),
        parse_ms: Some(ms(parse_ms)),
        total_ms: ms(total_ms),
        status: trip.status(),
        ..FetchLog::default()
    }
}

/// Decoded, where there was a document.
fn body_bytes(fetched: &Result<Fetched, Failure>) -> Option<u64> {
    match fetched {
        Ok(Fetched::Document(document)) => Some(document.bytes().len() as u64),
        _ => None,
    }
}

/// Nobody is left to say why.
const GONE: &str = "it is gone";

/// Hands a record to the writer and waits until it is durable.
async fn commit(
    desk: &Desk,
    feed: &str,
    record: PollRecord,
    stored: oneshot::Receiver<Result<Stored, StoreFault>>,
) -> Result<Stored, StoreFault> {
    if desk.writer.submit(record).is_err() {
        return Err(StoreFault::Stopped(GONE.to_owned()));
    }
    let stored = stored.await.unwrap_or(Err(StoreFault::Stopped(GONE.to_owned())))?;
    if let Some(why) = stored.verdict {
        log::warn!("feed {feed}: {why}; its articles are told apart by their links from now on");
    }
    Ok(stored)
}
