//! The threads `reader-N`, which read the database for whoever must not wait for it.
//!
//! A question is a closure over [`Queries`]; its answer comes by a one-shot. It has a deadline from the moment it is
//! asked, which the progress handler of SQLite enforces, and it is dropped as soon as nobody waits for it any more.
//!
//! Invariants: asking never waits; a reader lives on after every question, whatever became of it; and between two
//! questions no transaction is open, so no snapshot holds up a checkpoint for longer than one question may take.

use std::any::type_name;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, select_biased};
use futures_channel::oneshot;
use rusqlite::{Connection, OpenFlags};

use super::open::keep_plans;
use super::{Queries, QueryError, StoreError};
use crate::clock::Clock;
use crate::limits::{
    QUERY_LOOK_STEPS, QUERY_MS_MAX, READER_BUSY_MS_MAX, READER_CACHE_KIB, READER_QUEUE_MAX, READERS_MAX,
};
use crate::machine;
use crate::watch::{self, Cell, Doing};

/// The running readers, in the hands of the main thread. Dropping them stops them.
#[derive(Debug)]
pub struct Readers {
    handle: ReaderHandle,
    /// Nothing is ever sent: it is the end of the channel that the readers hear.
    stop: Sender<Infallible>,
    ended: Receiver<Infallible>,
}

/// How questions reach the readers.
#[derive(Clone, Debug)]
pub struct ReaderHandle {
    /// Taken before `questions`.
    first: Sender<Question>,
    questions: Sender<Question>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// How long a question may take, waiting included.
    query_max: Duration,
    stopping: AtomicBool,
    gauges: ReaderGauges,
}

/// What became of questions since the start: read by anybody, at any time, without a lock.
#[derive(Debug, Default)]
pub struct ReaderGauges {
    answered: AtomicU64,
    busy: AtomicU64,
    too_slow: AtomicU64,
    failed: AtomicU64,
}

impl ReaderGauges {
    /// Questions that got an answer.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Questions that found the queue full.
    pub fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    /// Questions that met their deadline.
    pub fn too_slow(&self) -> u64 {
        self.too_slow.load(Ordering::Relaxed)
    }

    /// Questions that the database could not answer, or that panicked.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    fn count(&self, error: Option<&QueryError>) {
        let counter = match error {
            None => &self.answered,
            Some(QueryError::Busy) => &self.busy,
            Some(QueryError::TooSlow) => &self.too_slow,
            Some(QueryError::Failed(_) | QueryError::Panicked) => &self.failed,
            Some(QueryError::Stopped) => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// A question in the queue: called once, it answers, one way or another.
type Question = Box<dyn FnOnce(Turn<'_>) -> Fitness + Send>;

/// What a question is called with.
enum Turn<'a> {
    Ask(&'a mut Connection, &'a Path),
    Refuse(QueryError),
}

/// What a question says of the connection that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fitness {
    Fit,
    /// Better a new one.
    Unfit,
}

impl Readers {
    /// Starts `count` readers, at least one and at most four, of the database at `path`.
    ///
    /// They open it when they are asked, and try again with the next question where that fails: a database that is
    /// locked does not stop the start.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn start(path: &Path, count: usize) -> Result<Readers, StoreError> {
        Readers::start_with(path, count, Duration::from_millis(QUERY_MS_MAX))
    }

    /// The same, one a cell, which are watched.
    ///
    /// # Errors
    ///
    /// As [`Readers::start`].
    pub(crate) fn start_watched(path: &Path, cells: &[Cell]) -> Result<Readers, StoreError> {
        Readers::start_in(path, cells, Duration::from_millis(QUERY_MS_MAX))
    }

    /// With another deadline.
    pub(super) fn start_with(path: &Path, count: usize, query_max: Duration) -> Result<Readers, StoreError> {
        Readers::start_in(path, &vec![Cell::default(); count.clamp(1, READERS_MAX)], query_max)
    }

    fn start_in(path: &Path, cells: &[Cell], query_max: Duration) -> Result<Readers, StoreError> {
        let (first, received_first) = bounded(READER_QUEUE_MAX);
        let (questions, received) = bounded(READER_QUEUE_MAX);
        let (stop, stopped) = bounded(0);
        let (end, ended) = bounded(0);
        let shared = Arc::new(Shared { query_max, stopping: AtomicBool::default(), gauges: ReaderGauges::default() });
        for (index, cell) in cells.iter().enumerate().take(READERS_MAX) {
            let reader = Reader {
                cell: cell.clone(),
                path: path.to_owned(),
                connection: None,
                first: received_first.clone(),
                questions: received.clone(),
                stopped: stopped.clone(),
                shared: shared.clone(),
                _end: end.clone(),
            };
            thread::Builder::new().name(format!("reader-{index}")).spawn(move || reader.run()).map_err(|error| {
                StoreError::Thread {
                    path: path.to_owned(),
                    cause: format!("cannot start a reader thread ({error}); allow this user more threads"),
                }
            })?;
        }
        Ok(Readers { handle: ReaderHandle { first, questions, shared }, stop, ended })
    }

    pub fn handle(&self) -> ReaderHandle {
        self.handle.clone()
    }

    /// Interrupts what is being read, refuses what waits, and closes the database. Gives whether all readers ended by
    /// `deadline`.
    ///
    /// To be called before the writer's stop: whoever closes last moves the `-wal` into the database.
    pub fn stop(self, deadline: Instant) -> bool {
        let Readers { handle, stop, ended } = self;
        handle.shared.stopping.store(true, Ordering::Relaxed);
        drop(stop);
        ended.recv_deadline(deadline) == Err(RecvTimeoutError::Disconnected)
    }
}

impl ReaderHandle {
    /// Asks, and never waits. The answer is an error at once if too many questions wait already.
    ///
    /// All that `query` reads is of one moment. Dropping the receiver takes the question back. A receiver that is
    /// canceled means [`QueryError::Stopped`].
    pub fn ask<T, Q>(&self, query: Q) -> oneshot::Receiver<Result<T, QueryError>>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        self.ask_on(&self.questions, query)
    }

    /// The same, answered before all that was asked in the other way: for what must not wait behind a crowd.
    pub(crate) fn ask_first<T, Q>(&self, query: Q) -> oneshot::Receiver<Result<T, QueryError>>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        self.ask_on(&self.first, query)
    }

    fn ask_on<T, Q>(&self, queue: &Sender<Question>, query: Q) -> oneshot::Receiver<Result<T, QueryError>>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let asked = Asked {
            answer: Arc::new(answer),
            deadline: Clock::monotonic() + self.shared.query_max,
            shared: self.shared.clone(),
        };
        let question: Question = Box::new(move |turn| match turn {
            Turn::Ask(db, path) => {
                // The function that asks.
                let name = type_name::<Q>().trim_end_matches("::{{closure}}").trim_start_matches("rssd::");
                let _busy = watch::busy(Doing::Question, name);
                asked.put(db, path, query)
            }
            Turn::Refuse(error) => asked.settle(Err(error)),
        });
        match queue.try_send(question) {
            Ok(()) => {}
            Err(TrySendError::Full(question)) => {
                question(Turn::Refuse(QueryError::Busy));
            }
            Err(TrySendError::Disconnected(question)) => {
                question(Turn::Refuse(QueryError::Stopped));
            }
        }
        receiver
    }

    /// Questions that wait for a reader.
    pub fn queue_len(&self) -> usize {
        self.first.len() + self.questions.len()
    }

    pub fn gauges(&self) -> &ReaderGauges {
        &self.shared.gauges
    }
}

/// Who asked, and until when it matters.
struct Asked<T> {
    /// Shared with the progress handler while the question is put.
    answer: Arc<oneshot::Sender<Result<T, QueryError>>>,
    deadline: Instant,
    shared: Arc<Shared>,
}

impl<T: Send + 'static> Asked<T> {
    fn put(
        self,
        db: &mut Connection,
        path: &Path,
        query: impl FnOnce(&Queries<'_>) -> Result<T, QueryError>,
    ) -> Fitness {
        if self.answer.is_canceled() {
            return Fitness::Fit;
        }
        if Clock::monotonic() >= self.deadline {
            return self.settle(Err(QueryError::TooSlow));
        }
        let (watched, shared, deadline) = (self.answer.clone(), self.shared.clone(), self.deadline);
        let give_up =
            move || watched.is_canceled() || shared.stopping.load(Ordering::Relaxed) || Clock::monotonic() >= deadline;
        let failed = |error: rusqlite::Error| QueryError::Failed(StoreError::from_sqlite(path, &error));
        let answer = db.progress_handler(QUERY_LOOK_STEPS, Some(give_up)).map_err(failed).and_then(|()| {
            // A query is code of ours: its panic is a bug, reported where it happens, and no reason to read no more.
            catch_unwind(AssertUnwindSafe(|| in_snapshot(db, path, query))).unwrap_or(Err(QueryError::Panicked))
        });
        // Also lets go of the handler's share of the sender.
        let cleared = db.progress_handler(0, None::<fn() -> bool>);
        let fitness = self.settle(answer);
        if cleared.is_ok() && db.is_autocommit() { fitness } else { Fitness::Unfit }
    }

    fn settle(self, answer: Result<T, QueryError>) -> Fitness {
        let stopping = self.shared.stopping.load(Ordering::Relaxed);
        let answer = answer.map_err(|error| if stopping { QueryError::Stopped } else { error });
        self.shared.gauges.count(answer.as_ref().err());
        if let Err(error @ (QueryError::Failed(_) | QueryError::Panicked)) = &answer {
            log::error!("{error}");
        }
        let fit = !matches!(answer, Err(QueryError::Failed(_) | QueryError::Panicked));
        if let Some(sender) = Arc::into_inner(self.answer) {
            // It may have gone away meanwhile.
            let _ = sender.send(answer);
        }
        if fit { Fitness::Fit } else { Fitness::Unfit }
    }
}

/// Lets `query` read one moment of the database, and ends that moment.
fn in_snapshot<T>(
    db: &Connection,
    path: &Path,
    query: impl FnOnce(&Queries<'_>) -> Result<T, QueryError>,
) -> Result<T, QueryError> {
    let failed = |error: rusqlite::Error| QueryError::Failed(StoreError::from_sqlite(path, &error));
    // Rolled back when it is dropped, by a panic too.
    let snapshot = db.unchecked_transaction().map_err(failed)?;
    query(&Queries::new(&snapshot, path))
}

/// One reader's own state. It lives and dies on its thread.
struct Reader {
    cell: Cell,
    path: PathBuf,
    // Fields drop in this order: the database is closed when the end is told.
    connection: Option<Connection>,
    first: Receiver<Question>,
    questions: Receiver<Question>,
    stopped: Receiver<Infallible>,
    shared: Arc<Shared>,
    _end: Sender<Infallible>,
}

impl Reader {
    fn run(mut self) {
        machine::block_signals();
        watch::enlist(&self.cell);
        loop {
            // In this order, where several are ready.
            let question = select_biased! {
                recv(self.stopped) -> _ => break,
                recv(self.first) -> question => question,
                recv(self.questions) -> question => question,
            };
            let Ok(question) = question else { break };
            self.answer(question);
        }
        for question in self.first.try_iter().chain(self.questions.try_iter()) {
            question(Turn::Refuse(QueryError::Stopped));
        }
    }

    fn answer(&mut self, question: Question) {
        if self.shared.stopping.load(Ordering::Relaxed) {
            question(Turn::Refuse(QueryError::Stopped));
            return;
        }
        let _busy = watch::busy(Doing::Question, "");
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => match open(&self.path) {
                Ok(connection) => none.insert(connection),
                Err(error) => {
                    question(Turn::Refuse(QueryError::Failed(StoreError::from_sqlite(&self.path, &error))));
                    return;
                }
            },
        };
        if question(Turn::Ask(connection, &self.path)) == Fitness::Unfit {
            self.connection = None;
        }
    }
}

/// A connection that cannot write. No mmap: a damaged disk would then be a signal and not an error.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_millis(READER_BUSY_MS_MAX))?;
    db.pragma_update(None, "query_only", true)?;
    keep_plans(&db)?;
    // Damage shows at the first look at a page, not when a record has been built from it.
    db.pragma_update(None, "cell_size_check", true)?;
    // Negative is KiB.
    db.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    Ok(db)
}
