//! What every route needs, on the HTTP core: gauges, readers, ring, and who waits.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_channel::{mpsc, oneshot};
use futures_lite::future;

use super::gatekeeper::Policy;
use super::history::{History, Totals};
use super::room::Room;
use crate::clock::Clock;
use crate::core::{Command, FlightReport};
use crate::executor::sleep;
use crate::gauges::CoreGauges;
use crate::limits::{ANSWER_LARGE_BYTES, ANSWER_WAIT, ANSWERS_BYTES_MAX, FLIGHTS_WAIT, RETRY_AFTER_BUSY_S};
use crate::store::{Queries, QueryError, ReaderHandle, WriterHandle};
use crate::stream::{Chunks, Epoch, Lead, PollLog, Ring, Seats, WakeList};
use crate::watch::{Observer, Watch};
use crate::wire::Problem;

/// What the HTTP core is given at its start.
pub(crate) struct Sources {
    pub(crate) policy: Policy,
    /// Streams at once.
    pub(crate) connections_max: usize,
    pub(crate) streams_max: usize,
    pub(crate) clock: Clock,
    pub(crate) started: Instant,
    pub(crate) cores: Vec<Arc<CoreGauges>>,
    pub(crate) commands: RefCell<Vec<mpsc::Sender<Command>>>,
    pub(crate) writer: WriterHandle,
    pub(crate) readers: ReaderHandle,
    pub(crate) epoch: Epoch,
    /// The newest `seq` when the sources were gathered: what comes after it is told by `commits`.
    pub(crate) seq_last: i64,
    /// Every thread that is watched.
    pub(crate) watch: Watch,
    /// Whether this core has looked all the while: after an absence of the process nobody is late.
    pub(crate) observer: Cell<Observer>,
}

impl Sources {
    /// Looks, and gives what was observed.
    pub(super) fn observe(&self, now_ms: u64) -> Observer {
        let mut observer = self.observer.get();
        observer.look(now_ms);
        self.observer.set(observer);
        observer
    }
}

/// The same, with what the HTTP core keeps of its own.
pub(super) struct Site {
    pub(super) sources: Sources,
    /// Told what is published, and whether anybody is there.
    pub(super) lead: Arc<Lead>,
    pub(super) ring: RefCell<Ring>,
    pub(super) chunks: RefCell<Chunks>,
    /// Of commits: for every stream.
    pub(super) wake: WakeList,
    /// Of finished polls, which come much more often: for those alone that asked for them.
    pub(super) polled: WakeList,
    pub(super) seats: Seats,
    pub(super) polls: RefCell<PollLog>,
    pub(super) history: RefCell<History>,
    /// For what waits to be taken by clients.
    pub(super) room: Room,
    pub(super) counts: Counts,
}

/// What happened here since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) connections: Cell<usize>,
    /// The most of them at once since memory was given back.
    pub(super) connections_most: Cell<usize>,
    pub(super) connections_refused: Cell<u64>,
    /// Of those, the ones that are being told so.
    pub(super) turned_away: Cell<usize>,
    /// Answers by the first figure of their status.
    pub(super) answers: Cell<[u64; 5]>,
    pub(super) articles_sent: Cell<u64>,
    /// Of clients that took nothing for too long.
    pub(super) answers_dropped: Cell<u64>,
    pub(super) streams_dropped: Cell<u64>,
    pub(super) streams_refused: Cell<u64>,
    pub(super) queries_failed: Cell<u64>,
}

impl Site {
    pub(super) fn new(sources: Sources, lead: Arc<Lead>) -> Site {
        let ring = RefCell::new(Ring::new(sources.seq_last));
        Site {
            seats: Seats::new(sources.streams_max),
            sources,
            lead,
            ring,
            chunks: RefCell::default(),
            wake: WakeList::default(),
            polled: WakeList::default(),
            polls: RefCell::default(),
            history: RefCell::default(),
            room: Room::new(ANSWERS_BYTES_MAX, ANSWER_LARGE_BYTES),
            counts: Counts::default(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.sources.clock.now_ms()
    }

    /// Asks the database, on a reader's thread.
    ///
    /// # Errors
    ///
    /// 503: too many ask, or it took too long. What else went wrong is told as the same.
    pub(super) async fn ask<T, Q>(&self, query: Q) -> Result<T, Problem>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        let answer = within(self.sources.readers.ask(query), ANSWER_WAIT).await;
        self.told(answer)
    }

    /// The same for who has a deadline of its own, be it heartbeats: a page that takes long is waited for, since the next try
    /// would take as long.
    ///
    /// # Errors
    ///
    /// As for [`Site::ask`].
    pub(super) async fn ask_patiently<T, Q>(&self, query: Q) -> Result<T, Problem>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        let answer = self.sources.readers.ask(query).await;
        self.told(answer.unwrap_or(Err(QueryError::Stopped)))
    }

    /// The same, and before all other questions that wait: for what every stream hangs on, and for nothing that a client can
    /// ask as often as it likes.
    ///
    /// # Errors
    ///
    /// As for [`Site::ask`].
    pub(super) async fn ask_first<T, Q>(&self, query: Q) -> Result<T, Problem>
    where
        T: Send + 'static,
        Q: FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
    {
        let answer = self.sources.readers.ask_first(query).await;
        self.told(answer.unwrap_or(Err(QueryError::Stopped)))
    }

    /// What a client is told of an answer.
    fn told<T>(&self, answer: Result<T, QueryError>) -> Result<T, Problem> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        add(&self.counts.queries_failed, 1);
        let detail = match &error {
            QueryError::Busy => "too many ask at once; ask again a little later",
            QueryError::TooSlow => "this takes too long to find out; ask for less, or later",
            QueryError::Stopped => "the daemon is stopping",
            // The reader has logged it.
            QueryError::Panicked | QueryError::Failed(_) => "the database cannot be read at the moment",
        };
        Err(Problem::unavailable(detail, RETRY_AFTER_BUSY_S))
    }

    /// What all cores have in flight, the oldest first. A core that does not answer at once is left out.
    pub(super) async fn flights(&self) -> Vec<FlightReport> {
        let asked = ask_for_flights(&mut self.sources.commands.borrow_mut());
        let mut flights = Vec::new();
        let too_late = Clock::monotonic() + FLIGHTS_WAIT;
        for answered in asked {
            let waited = async {
                sleep(too_late.saturating_duration_since(Clock::monotonic())).await;
                Err(oneshot::Canceled)
            };
            flights.extend(future::or(answered, waited).await.unwrap_or_default());
        }
        flights.sort_by_key(|flight: &FlightReport| std::cmp::Reverse(flight.age_ms));
        flights
    }

    /// The cores' counters, added up.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for core in &self.sources.cores {
            totals.polls += core.polls.load(Ordering::Relaxed);
            totals.polls_failed += core.polls_failed.load(Ordering::Relaxed);
            totals.wire_bytes += core.wire_bytes.load(Ordering::Relaxed);
            totals.articles_new += core.articles_new.load(Ordering::Relaxed);
            for (sum, count) in totals.latencies.iter_mut().zip(&core.latencies) {
                *sum += count.load(Ordering::Relaxed);
            }
        }
        totals
    }
}

/// Waits for a reader's answer. A reader that is stuck in the kernel, as over a disk that hangs, cannot refuse.
///
/// # Errors
///
/// As the reader says; `TooSlow` after `patience`, `Stopped` where there is no reader any more.
async fn within<T>(answer: oneshot::Receiver<Result<T, QueryError>>, patience: Duration) -> Result<T, QueryError> {
    let late = async {
        sleep(patience).await;
        Ok(Err(QueryError::TooSlow))
    };
    future::or(answer, late).await.unwrap_or(Err(QueryError::Stopped))
}

/// Asks each core what it has in flight; one whose queue is full, since it has not turned for long, is left out. By the
/// same sender each time: a clone of it would find room in a full queue.
fn ask_for_flights(commands: &mut [mpsc::Sender<Command>]) -> Vec<oneshot::Receiver<Vec<FlightReport>>> {
    let ask = |core: &mut mpsc::Sender<Command>| {
        let (answer, answered) = oneshot::channel();
        core.try_send(Command::Flights(answer)).ok().map(|()| answered)
    };
    commands.iter_mut().filter_map(ask).collect()
}

pub(super) fn add(counter: &Cell<u64>, amount: u64) {
    counter.set(counter.get() + amount);
}

#[cfg(test)]
mod tests {
    use glommio::Placement;

    use super::*;
    use crate::executor;

    fn on_an_executor(test: impl Future<Output = ()>) {
        executor::make("test", Placement::Unbound).unwrap().run(test);
    }

    #[test]
    fn a_reader_that_never_answers_is_not_waited_for() {
        on_an_executor(async {
            let (stuck, answer) = oneshot::channel::<Result<(), QueryError>>();
            let hung = async {
                sleep(Duration::from_secs(30)).await;
                panic!("it waits");
            };
            let answer = future::or(within(answer, Duration::from_millis(20)), hung).await;
            assert_eq!(answer, Err(QueryError::TooSlow));
            assert!(stuck.is_canceled(), "nobody wants it any more");

            let (gone, answer) = oneshot::channel::<Result<(), QueryError>>();
            drop(gone);
            assert_eq!(within(answer, Duration::from_secs(30)).await, Err(QueryError::Stopped));
            let (answers, answer) = oneshot::channel();
            assert_eq!(answers.send(Ok(7)), Ok(()));
            assert_eq!(within(answer, Duration::from_secs(30)).await, Ok(7));
        });
    }

    #[test]
    fn a_core_that_does_not_turn_is_not_asked_for_ever() {
        let (stuck, mut commands) = mpsc::channel(4);
        let mut cores = [stuck];
        let asked = (0..1_000).map(|_| ask_for_flights(&mut cores).len()).sum::<usize>();
        assert!(asked <= 5, "{asked} questions wait");
        // It turns again, and is asked again.
        while commands.try_recv().is_ok() {}
        assert_eq!(ask_for_flights(&mut cores).len(), 1);
    }
}
