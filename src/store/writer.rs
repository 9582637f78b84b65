//! The thread `writer`, the only one that writes the database, seen from the outside: how to start it, hand it polls,
//! ask it to register feeds, and stop it.
//!
//! Nothing here waits but [`Writer::register`] and [`Writer::stop`], which are the main thread's.

use std::cell::OnceCell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, never, select};

use super::register::Subscription;
use super::writer_loop::{Patience, Request, WriterLoop};
use super::{FeedRecord, PollRecord, Postponed, Store, StoreError, WriterGauges};
use crate::clock::Clock;
use crate::config::Feed;
use crate::limits::{WRITER_ANSWER_MS_MAX, WRITER_LOOK_MS, WRITER_QUEUE_MAX, WRITER_REQUESTS_MAX, WRITER_STOP_MS_MAX};

/// What the writer tells the daemon, on the writer's own thread: the one who listens must not wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// A transaction is on disk. `seq_last` is the newest `seq`; everything up to it can be read. `article_count` is how
    /// many articles took one, new or changed.
    Committed { seq_last: i64, article_count: usize },
    /// Retention removed everything up to this `seq`.
    Pruned { seq_pruned: i64 },
    /// The writer has ended for good and the process should too, with this error's exit code.
    Failed(StoreError),
}

/// The running writer, in the hands of the main thread.
#[derive(Debug)]
pub struct Writer {
    handle: WriterHandle,
    requests: Sender<Request>,
    stop: Sender<Instant>,
    ended: Receiver<Result<(), StoreError>>,
    /// Why it has ended, if a question found out.
    end: OnceCell<StoreError>,
    path: std::path::PathBuf,
}

/// How cores reach the writer.
#[derive(Clone, Debug)]
pub struct WriterHandle {
    polls: Sender<PollRecord>,
    requests: Sender<Request>,
    gauges: Arc<WriterGauges>,
}

impl Store {
    /// Gives the database to a new thread `writer`. `on_event` is called on that thread.
    pub fn start(self, clock: Clock, on_event: impl FnMut(StoreEvent) + Send + 'static) -> Result<Writer, StoreError> {
        let path = self.path.clone();
        let gauges = Arc::new(WriterGauges::default());
        let (polls, polls_received) = bounded(WRITER_QUEUE_MAX);
        let (requests, requests_received) = bounded(WRITER_REQUESTS_MAX);
        let (stop, stop_received) = bounded(1);
        let (end, ended) = bounded(1);
        let (polls_left, requests_left) = (polls_received.clone(), requests_received.clone());
        let writing = WriterLoop::new(self, clock, gauges.clone(), polls_received, requests_received, stop_received)?;
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                let _ = end.send(writing.run(on_event));
                drop_what_comes(polls_left, requests_left);
            })
            .map_err(|error| StoreError::Thread {
                path: path.clone(),
                cause: format!("cannot start the writer thread ({error}); allow this user more threads"),
            })?;
        let handle = WriterHandle { polls, requests: requests.clone(), gauges };
        Ok(Writer { handle, requests, stop, ended, end: OnceCell::new(), path })
    }
}

impl Writer {
    pub fn handle(&self) -> WriterHandle {
        self.handle.clone()
    }

    /// Makes a row for every configured feed and gives all rows back, in the order of `feeds`.
    ///
    /// `feeds` is the whole configuration, at the start and at each reload: a feed that is not in it counts as having
    /// left, and keeps its state and articles for its return. A feed whose URL changed keeps its articles and forgets
    /// the rest. Waits behind the batch that is being stored, for up to 30 s, and for as long as `keep_waiting` says so:
    /// the caller may have been asked to stop meanwhile. Where the waiting was given up the writer does not do it later:
    /// rows of a configuration that nobody took over would refuse the polls of the one that is in force.
    pub fn register(&self, feeds: &[Feed], keep_waiting: &dyn Fn() -> bool) -> Result<Vec<FeedRecord>, StoreError> {
        let patience = Patience::of(Duration::from_millis(WRITER_ANSWER_MS_MAX));
        let (reply, answer) = bounded(1);
        let feeds = feeds.iter().map(Subscription::from).collect();
        let request = Request::Register { feeds, patience: patience.clone(), reply };
        self.requests.try_send(request).map_err(|_| self.why_it_ended())?;
        loop {
            match answer.recv_timeout(Duration::from_millis(WRITER_LOOK_MS)) {
                Ok(records) => return records,
                Err(RecvTimeoutError::Timeout) if keep_waiting() && !patience.is_over() => {}
                Err(RecvTimeoutError::Disconnected) => return Err(self.why_it_ended()),
                Err(RecvTimeoutError::Timeout) => {
                    patience.end();
                    return Err(self.silent("register its feeds"));
                }
            }
        }
    }

    /// Stores everything that was handed over, moves the `-wal` into the database, closes it and lets the next
    /// instance in; all by `deadline`. Where a reader or a full disk keeps the `-wal` from being moved it stays, whole,
    /// for the next start, which is told to expect it.
    ///
    /// Gives the error that had ended the writer before, if there was one. What could not be stored by then, the disk
    /// being full say, is answered with [`StoreFault::Stopped`](super::StoreFault::Stopped): its feeds keep the state
    /// that they had and are polled again after the next start.
    pub fn stop(self, deadline: Instant) -> Result<(), StoreError> {
        if let Some(error) = self.end.get() {
            return Err(error.clone());
        }
        // It may have ended by itself.
        let _ = self.stop.try_send(deadline);
        match self.ended.recv_deadline(deadline) {
            Ok(result) => result,
            Err(RecvTimeoutError::Timeout) => Err(self.silent("stop in time")),
            Err(RecvTimeoutError::Disconnected) => Err(self.silent("end in order")),
        }
    }

    /// It refuses what was asked, and a moment later it says why it ends.
    fn why_it_ended(&self) -> StoreError {
        let patience = Duration::from_millis(WRITER_STOP_MS_MAX);
        let found = || self.ended.recv_timeout(patience).ok().and_then(Result::err);
        match self.end.get().cloned().or_else(found) {
            Some(error) => self.end.get_or_init(|| error).clone(),
            None => self.silent("register its feeds"),
        }
    }

    fn silent(&self, what: &str) -> StoreError {
        StoreError::Writer {
            path: self.path.clone(),
            cause: format!("the writer did not {what}; look at the disk and at the log above"),
        }
    }
}

/// What is left to do for a writer that has ended: to let nobody wait for it, for as long as somebody could ask.
///
/// A message that came just before the last receiver of its channel went would stay in the channel for as long as it has
/// a sender, and whoever waits for its answer with it.
fn drop_what_comes(mut polls: Receiver<PollRecord>, mut requests: Receiver<Request>) {
    let mut open = 2;
    while open > 0 {
        select! {
            recv(polls) -> poll => if poll.is_err() {
                polls = never();
                open -= 1;
            },
            recv(requests) -> request => if request.is_err() {
                requests = never();
                open -= 1;
            },
        }
    }
}

impl WriterHandle {
    /// Hands a finished poll over, without waiting. It comes back if the queue is full. A writer that has ended drops it
    /// unanswered.
    #[expect(clippy::result_large_err, reason = "the record goes back to its owner; boxing would cost every poll")]
    pub fn submit(&self, record: PollRecord) -> Result<(), PollRecord> {
        self.polls.try_send(record).map_err(|error| match error {
            TrySendError::Full(record) | TrySendError::Disconnected(record) => record,
        })
    }

    /// Has feeds come back later than their last polls said, without waiting and without an answer. Where it is dropped, because
    /// too much is asked already, their rows say what they said.
    pub fn postpone(&self, feeds: Vec<Postponed>) {
        if self.requests.len() < WRITER_REQUESTS_MAX / 2 {
            let _ = self.requests.try_send(Request::Postpone(feeds));
        }
    }

    /// Polls that wait for the writer, those of the batch at work not counted.
    pub fn queue_len(&self) -> usize {
        self.polls.len()
    }

    pub fn gauges(&self) -> &WriterGauges {
        &self.gauges
    }
}
