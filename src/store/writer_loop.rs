//! The writer's loop: take what waits, store it in one transaction, answer, tell; and what it does when storing fails.
//!
//! One commit costs an fsync, whatever is in it. So the loop never waits for a batch to fill: while one is being
//! stored, the next one gathers in the queue.

use std::collections::VecDeque;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, select};
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;

use super::commit::{Committed, commit};
use super::crash_point::{CrashPoint, Point};
use super::lock::InstanceLock;
use super::moved::Identity;
use super::open::wal_path;
use super::planning::postpone;
use super::register::{Subscription, register};
use super::remedy::{Remedy, is_failed_write, remedy};
use super::retention::{Pruned, Retention};
use super::search::{Backlog, index_chunk};
use super::statistics::Statistics;
use super::wal::Restart;
use super::{Degraded, FeedRecord, PollRecord, Postponed, Store, StoreError, StoreEvent, StoreFault, WriterGauges};
use crate::clock::Clock;
use crate::limits::{
    BATCH_POLLS_MAX, WAL_CHECKPOINT_PAGES, WAL_RESTART_LOOK_MS, WAL_RESTART_MS_MAX, WRITER_BUSY_MS_MAX,
    WRITER_RETRY_MS_MAX, WRITER_RETRY_MS_MIN, WRITER_STOP_MS_MAX,
};
use crate::watch::{self, Cell, Doing};

/// What is asked of the writer beside storing polls.
#[derive(Debug)]
pub(super) enum Request {
    /// No answer: a core asks, and does not wait.
    Postpone(Vec<Postponed>),
    Register {
        feeds: Vec<Subscription>,
        patience: Patience,
        reply: Sender<Result<Vec<FeedRecord>, StoreError>>,
    },
}

/// How long somebody waits for an answer, known to both sides.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    deadline: Instant,
    ended: Arc<AtomicBool>,
}

impl Patience {
    pub(super) fn of(time: Duration) -> Patience {
        Patience { deadline: Clock::monotonic() + time, ended: Arc::default() }
    }

    /// Nobody waits any more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.ended.load(Ordering::Relaxed) || Clock::monotonic() >= self.deadline
    }
}

/// Why something was not done.
enum Halt {
    /// It is time to stop, or the caller's deadline has passed, and the moment was still wrong.
    GaveUp(Degraded),
    Failed(StoreError),
}

/// What a checkpoint left in the -wal that the database itself does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WalLeft {
    Nothing,
    /// A reader stands in the way.
    Held,
    /// The disk does.
    Commits,
}

/// The writer's own state. It lives and dies on the thread `writer`.
pub(super) struct WriterLoop {
    db: Connection,
    path: PathBuf,
    wal_path: PathBuf,
    identity: Identity,
    clock: Clock,
    gauges: Arc<WriterGauges>,
    polls: Receiver<PollRecord>,
    requests: Receiver<Request>,
    stop: Receiver<Instant>,
    /// Taken from the queue and not answered yet, oldest first.
    pending: VecDeque<PollRecord>,
    /// When a stop that was asked for must have ended.
    stopping: Option<Instant>,
    /// Pages in the -wal after the last commit.
    wal_pages: Arc<AtomicI32>,
    /// At how many pages the next checkpoint is due.
    checkpoint_pages: i32,
    /// When readers are waited for, so that the -wal can begin anew.
    restart: Restart,
    /// Articles that cannot be searched for yet.
    unindexed: Backlog,
    retention: Retention,
    statistics: Statistics,
    crash: CrashPoint,
    lock: InstanceLock,
    cell: Cell,
}

impl WriterLoop {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        gauges: Arc<WriterGauges>,
        polls: Receiver<PollRecord>,
        requests: Receiver<Request>,
        stop: Receiver<Instant>,
    ) -> Result<WriterLoop, StoreError> {
        let Store { mut db, path, lock, retention, cell } = store;
        let wal_pages = Arc::new(AtomicI32::new(0));
        let pages = wal_pages.clone();
        let hook = move |_: &mut Wal, count| {
            pages.store(count, Ordering::Relaxed);
            Ok(())
        };
        db.wal_hook(Some(hook))
            .and_then(|()| db.busy_timeout(Duration::from_millis(WRITER_BUSY_MS_MAX)))
            .map_err(|error| StoreError::from_sqlite(&path, &error))?;
        let crash = CrashPoint::from_env().map_err(|cause| StoreError::Writer { path: path.clone(), cause })?;
        if crash.is_armed() {
            let crash = crash.clone();
            let hook = move || {
                crash.reach(Point::BeforeCommit);
                false
            };
            db.commit_hook(Some(hook)).map_err(|error| StoreError::from_sqlite(&path, &error))?;
        }
        let identity = Identity::of(&path);
        let unindexed = Backlog::read(&db).map_err(|error| StoreError::from_sqlite(&path, &error))?;
        gauges.set_search_lag(unindexed.lag());
        Ok(WriterLoop {
            db,
            wal_path: wal_path(&path),
            path,
            identity,
            clock,
            gauges,
            polls,
            requests,
            stop,
            pending: VecDeque::new(),
            stopping: None,
            wal_pages,
            checkpoint_pages: WAL_CHECKPOINT_PAGES,
            restart: Restart::default(),
            unindexed,
            retention: Retention::new(retention),
            statistics: Statistics::new(),
            crash,
            lock,
            cell,
        })
    }

    /// Runs until a stop or an error that waiting does not mend.
    pub(super) fn run(mut self, mut on_event: impl FnMut(StoreEvent)) -> Result<(), StoreError> {
        watch::enlist(&self.cell);
        let ended = catch_unwind(AssertUnwindSafe(|| self.write(&mut on_event)));
        let result = ended.unwrap_or_else(|panic| {
            let cause = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
            Err(StoreError::Writer {
                path: self.path.clone(),
                cause: format!("the writer panicked ({}); report this", cause.unwrap_or("no message")),
            })
        });
        if let Err(error) = &result {
            log::error!("{error}");
            self.refuse_rest(&error.to_string());
            self.identity.before_close(&self.db, error);
        }
        let WriterLoop { db, lock, .. } = self;
        drop(db);
        if let Ok(WalLeft::Nothing) = result {
            lock.forget_seq();
        }
        drop(lock);
        let result = result.map(drop);
        if let Err(error) = &result {
            on_event(StoreEvent::Failed(error.clone()));
        }
        result
    }

    fn write(&mut self, on_event: &mut impl FnMut(StoreEvent)) -> Result<WalLeft, StoreError> {
        while self.stopping.is_none() {
            select! {
                recv(self.polls) -> poll => self.pending.extend(poll),
                recv(self.requests) -> request => if let Ok(request) = request { self.answer(request)? },
                recv(self.stop) -> deadline => self.stopping = Some(deadline.unwrap_or_else(|_| orphaned())),
                default(self.unindexed.wait().min(self.retention.due.wait()).min(self.statistics.due.wait())) => self.idle(on_event)?,
            }
            let _busy = watch::busy(Doing::Store, "");
            self.store_waiting(on_event)?;
        }
        self.refuse_rest("it was stopped before its turn came");
        while let Ok(request) = self.requests.try_recv() {
            // Nobody waits for the answer to anything else any more.
            if let Request::Postpone(feeds) = request {
                self.postpone(&feeds)?;
            }
        }
        let left = self.checkpoint(CheckpointMode::TRUNCATE)?;
        if left != WalLeft::Nothing {
            log::warn!(
                "database {}: its -wal is kept, it holds committed articles; the next start moves them",
                self.path.display()
            );
        }
        Ok(left)
    }

    /// Stores everything that is waiting, transaction by transaction.
    fn store_waiting(&mut self, on_event: &mut impl FnMut(StoreEvent)) -> Result<(), StoreError> {
        loop {
            while self.pending.len() < BATCH_POLLS_MAX
                && let Ok(poll) = self.polls.try_recv()
            {
                self.pending.push_back(poll);
            }
            if self.pending.is_empty() || self.out_of_time() {
                return Ok(());
            }
            match self.store_batch() {
                Ok(batch) => self.settle(batch, on_event),
                Err(Halt::GaveUp(reason)) => {
                    self.refuse_rest(reason.reason());
                    return Ok(());
                }
                Err(Halt::Failed(error)) => return Err(error),
            }
            self.checkpoint_if_due()?;
            // It must not wait for a pause that does not come.
            self.retire(on_event)?;
            // A queue that never empties must not keep a stop or a reload from being heard.
            self.hear()?;
        }
    }

    fn store_batch(&mut self) -> Result<Committed, Halt> {
        let batch = self.persist(None, |this| {
            let started = Clock::monotonic();
            let batch = commit(&mut this.db, this.pending.iter())?;
            this.gauges.commit_took(Clock::elapsed(started));
            Ok(batch)
        })?;
        self.crash.reach(Point::AfterCommit);
        Ok(batch)
    }

    /// Answers and tells what is now on disk.
    fn settle(&mut self, batch: Committed, on_event: &mut impl FnMut(StoreEvent)) {
        let rejected = batch.results.iter().filter(|result| matches!(result, Err(StoreFault::Rejected(_)))).count();
        self.gauges.committed(batch.new_count, batch.updated_count, rejected, self.clock.now_ms());
        let article_count = batch.article_count();
        if article_count > 0 {
            self.lock.note_seq(batch.seq_last);
        }
        self.unindexed.committed(batch.seq_last);
        self.gauges.set_search_lag(self.unindexed.lag());
        self.show_wal();
        let stored = batch.results.len();
        for (record, result) in self.pending.drain(..stored).zip(batch.results) {
            // The core may have given the poll up; it is stored all the same.
            let _ = record.done.send(result);
        }
        on_event(StoreEvent::Committed { seq_last: batch.seq_last, article_count });
    }

    /// No poll waits: looks whether the file is still there, and does a little for search and retention.
    fn idle(&mut self, on_event: &mut impl FnMut(StoreEvent)) -> Result<(), StoreError> {
        let _busy = watch::busy(Doing::Index, "");
        self.identity.check(&self.db, &self.path)?;
        if self.unindexed.is_due() {
            match self.without_fsync(|this| index_chunk(&mut this.db))? {
                Ok(seq_indexed) => self.unindexed.indexed(seq_indexed),
                // The next poll meets the same and says so; search can wait.
                Err(error) if matches!(self.remedy(&error), Remedy::Retry(_)) => self.unindexed.put_off(),
                Err(error) => return Err(StoreError::from_sqlite(&self.path, &error)),
            }
            self.gauges.set_search_lag(self.unindexed.lag());
            self.checkpoint_if_due()?;
        }
        self.retire(on_event)?;
        self.look_at_tables()
    }

    /// A table, for the planner.
    fn look_at_tables(&mut self) -> Result<(), StoreError> {
        if !self.statistics.due.is_past() {
            return Ok(());
        }
        match self.without_fsync(|this| this.statistics.step(&this.db))? {
            Ok(()) => self.checkpoint_if_due(),
            // It is of use, and of no need.
            Err(error) if matches!(self.remedy(&error), Remedy::Retry(_) | Remedy::Reject) => {
                self.statistics.due.put_off();
                Ok(())
            }
            Err(error) => Err(StoreError::from_sqlite(&self.path, &error)),
        }
    }

    /// Removes a few articles that are older than they may be.
    fn retire(&mut self, on_event: &mut impl FnMut(StoreEvent)) -> Result<(), StoreError> {
        if !self.retention.due.is_past() {
            return Ok(());
        }
        let _busy = watch::busy(Doing::Retire, "");
        let now = self.clock.now_ms();
        match self.without_fsync(|this| this.retention.step(&mut this.db, now))? {
            Ok(Pruned { article_count: 0, .. }) => {}
            Ok(Pruned { article_count, seq }) => {
                self.gauges.add_pruned(article_count);
                on_event(StoreEvent::Pruned { seq_pruned: seq });
            }
            Err(error) => match self.remedy(&error) {
                Remedy::Retry(_) => self.retention.due.put_off(),
                Remedy::Reject => {
                    log::error!("removing old articles: {error}; they stay for now, report this");
                    self.retention.due.put_off();
                }
                _ => return Err(StoreError::from_sqlite(&self.path, &error)),
            },
        }
        self.checkpoint_if_due()
    }

    /// For what no poll shall wait for, and a power cut may take back: it takes back all of it, and the next commit syncs
    /// what is left.
    fn without_fsync<T>(
        &mut self,
        work: impl FnOnce(&mut WriterLoop) -> rusqlite::Result<T>,
    ) -> Result<rusqlite::Result<T>, StoreError> {
        let set = |db: &Connection, level| db.pragma_update(None, "synchronous", level);
        let done = set(&self.db, "NORMAL").and_then(|()| work(self));
        // Whatever the error: a poll that is answered without an fsync would be the end of every promise.
        set(&self.db, "FULL").map_err(|error| StoreError::from_sqlite(&self.path, &error))?;
        Ok(done)
    }

    /// Attends to what was asked meanwhile, without waiting for it.
    fn hear(&mut self) -> Result<(), StoreError> {
        if let Ok(deadline) = self.stop.try_recv() {
            self.stopping = Some(deadline);
        }
        match self.requests.try_recv() {
            Ok(request) if self.stopping.is_none() => self.answer(request),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), StoreError> {
        let (feeds, patience, reply) = match request {
            Request::Register { feeds, patience, reply } => (feeds, patience, reply),
            Request::Postpone(feeds) => return self.postpone(&feeds),
        };
        let _busy = watch::busy(Doing::Register, "");
        let now = self.clock.now_ms();
        let registered =
            self.persist(Some(&patience), |this| register(&mut this.db, &feeds, now, &|| !patience.is_over()));
        let answer = match registered {
            Ok(Some(records)) => Ok(records),
            // It waited in the queue for too long.
            Ok(None) => return Ok(()),
            Err(Halt::GaveUp(Degraded::Full)) => Err(StoreError::Full { path: self.path.clone() }),
            Err(Halt::GaveUp(Degraded::Locked)) => Err(StoreError::Locked { path: self.path.clone() }),
            Err(Halt::GaveUp(Degraded::ReadOnly)) => {
                Err(StoreError::Permission { path: self.path.clone(), cause: "read-only".to_owned() })
            }
            Err(Halt::Failed(error)) => {
                let _ = reply.send(Err(error.clone()));
                return Err(error);
            }
        };
        let _ = reply.send(answer);
        Ok(())
    }

    /// What cannot be written now is not written: the feed that was asked for it has it in its own row.
    fn postpone(&mut self, feeds: &[Postponed]) -> Result<(), StoreError> {
        let _busy = watch::busy(Doing::Store, "");
        let patience = Patience::of(Duration::from_millis(WRITER_STOP_MS_MAX));
        match self.persist(Some(&patience), |this| postpone(&mut this.db, feeds)) {
            Ok(()) | Err(Halt::GaveUp(_)) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
        }
    }

    /// Does `work` as often as it takes: waits where waiting can help, until `patience` is over or a stop.
    fn persist<T>(
        &mut self,
        patience: Option<&Patience>,
        mut work: impl FnMut(&mut WriterLoop) -> rusqlite::Result<T>,
    ) -> Result<T, Halt> {
        let mut pause = Duration::from_millis(WRITER_RETRY_MS_MIN);
        loop {
            watch::beat();
            self.identity.check(&self.db, &self.path).map_err(Halt::Failed)?;
            let error = match work(self) {
                Ok(done) => {
                    self.set_degraded(None);
                    return Ok(done);
                }
                Err(error) => error,
            };
            let Remedy::Retry(reason) = self.remedy(&error) else {
                return Err(Halt::Failed(StoreError::from_sqlite(&self.path, &error)));
            };
            self.set_degraded(Some(reason));
            if self.stopping.is_some() || patience.is_some_and(Patience::is_over) {
                return Err(Halt::GaveUp(reason));
            }
            // It knows what it waits for, and says so elsewhere.
            let _waiting = watch::waiting();
            match self.stop.recv_timeout(pause) {
                Ok(deadline) => self.stopping = Some(deadline),
                Err(RecvTimeoutError::Disconnected) => self.stopping = Some(orphaned()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            pause = (pause * 2).min(Duration::from_millis(WRITER_RETRY_MS_MAX));
        }
    }

    /// SQLite does not tell of a write that failed that the file system has become read-only. Then nothing of the
    /// transaction was done, and it can wait.
    fn remedy(&self, error: &rusqlite::Error) -> Remedy {
        match remedy(error) {
            Remedy::Stop if is_failed_write(error) && self.lock.is_read_only() => Remedy::Retry(Degraded::ReadOnly),
            remedy => remedy,
        }
    }

    /// Shows and logs a change, once.
    fn set_degraded(&self, reason: Option<Degraded>) {
        let before = self.gauges.degraded();
        if before == reason {
            return;
        }
        self.gauges.set_degraded(reason);
        match reason {
            Some(reason) => log::warn!("{}: {}", self.path.display(), reason.reason()),
            None => log::info!("{}: database: commits go on", self.path.display()),
        }
    }

    fn checkpoint_if_due(&mut self) -> Result<(), StoreError> {
        let pages = self.wal_pages.load(Ordering::Relaxed);
        if pages >= self.checkpoint_pages {
            self.checkpoint(CheckpointMode::PASSIVE)?;
        }
        if self.restart.is_due(pages) {
            self.restart_wal()?;
        }
        Ok(())
    }

    /// Readers that overlap without end keep the -wal from ever beginning anew, and it grows. So it waits for those that are
    /// at work now; new ones are not in its way. One that is slow, or another program's, is not waited for to its end.
    fn restart_wal(&mut self) -> Result<(), StoreError> {
        let wait = |db: &Connection, ms| db.busy_timeout(Duration::from_millis(ms));
        let deadline = Clock::monotonic() + Duration::from_millis(WAL_RESTART_MS_MAX);
        wait(&self.db, 0).map_err(|error| StoreError::from_sqlite(&self.path, &error))?;
        // SQLite would wait for the place that a reader has, and the next one may take it that is in nobody's way. So it looks
        // anew each time.
        let left = loop {
            let left = self.checkpoint(CheckpointMode::RESTART);
            if !matches!(left, Ok(WalLeft::Held)) || Clock::monotonic() >= deadline {
                break left;
            }
            thread::park_timeout(Duration::from_millis(WAL_RESTART_LOOK_MS));
        };
        wait(&self.db, WRITER_BUSY_MS_MAX).map_err(|error| StoreError::from_sqlite(&self.path, &error))?;
        if left? == WalLeft::Held {
            log::warn!(
                "database {}: a reader holds an old snapshot of it, one of this daemon's or another program, and its -wal grows",
                self.path.display()
            );
        }
        Ok(())
    }

    /// Moves the -wal into the database. A reader or a full disk may keep it from that: then later.
    ///
    /// Not SQLite's own automatic one, which says nothing when its fsync fails.
    fn checkpoint(&mut self, mode: CheckpointMode) -> Result<WalLeft, StoreError> {
        let _busy = watch::busy(Doing::Checkpoint, "");
        let left = match self.crash.checkpoint(&self.path, || self.db.wal_checkpoint_v2(None::<&str>, mode)) {
            Ok((pages, moved)) if pages == moved => WalLeft::Nothing,
            Ok(_) => WalLeft::Held,
            Err(error) => match self.remedy(&error) {
                Remedy::Retry(Degraded::Locked) => WalLeft::Held,
                Remedy::Retry(_) => WalLeft::Commits,
                _ => return Err(StoreError::from_sqlite(&self.path, &error)),
            },
        };
        self.checkpoint_pages = match left {
            WalLeft::Nothing => WAL_CHECKPOINT_PAGES,
            WalLeft::Held | WalLeft::Commits => {
                self.wal_pages.load(Ordering::Relaxed).saturating_add(WAL_CHECKPOINT_PAGES)
            }
        };
        self.show_wal();
        Ok(left)
    }

    /// Its file, which is not cut back at each checkpoint: what it takes of the disk.
    fn show_wal(&self) {
        self.gauges.set_wal_bytes(fs::metadata(&self.wal_path).map_or(0, |file| file.len()));
    }

    fn out_of_time(&self) -> bool {
        self.stopping.is_some_and(|deadline| Clock::monotonic() >= deadline)
    }

    fn refuse_rest(&mut self, cause: &str) {
        self.pending.extend(self.polls.try_iter());
        if !self.pending.is_empty() {
            log::warn!("{}: {} polls were not stored: {cause}", self.path.display(), self.pending.len());
        }
        for record in self.pending.drain(..) {
            let _ = record.done.send(Err(StoreFault::Stopped(cause.to_owned())));
        }
    }
}

/// The deadline of a stop that nobody asked for: the daemon's main part is gone.
fn orphaned() -> Instant {
    Clock::monotonic() + Duration::from_millis(WRITER_STOP_MS_MAX)
}
