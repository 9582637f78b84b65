//! One core: an executor that runs the polls which its agenda starts.
//!
//! Everything here is local to one executor: no lock, no atomics but gauges. A core never blocks; it waits for its next
//! deadline, a poll's answer or end, a command, or, while polls are due that may not begin yet, for a moment. Deadlines are on the
//! monotonic clock: a step of the wall clock moves none.

mod agenda;
mod backlog;
mod changed;
mod feed;
#[cfg(test)]
mod manners;
mod onset;
mod pressure;
mod restraint;
mod shortage;
mod tally;
mod telling;
mod unsettled;

use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_channel::{mpsc, oneshot};
use futures_lite::{FutureExt, StreamExt};

use crate::clock::Clock;
use crate::executor::{nap, sleep};
use crate::gauges::CoreGauges;
use crate::limits::{FEEDS_IN_A_ROW_MAX, HEARTBEAT_MS, ROOM_LOOK, STREAM_LOOK};
use crate::poll::{Desk, Entrant, Unpolled, poll};
use crate::watch::{self, Doing, Flights};
pub(crate) use agenda::{Agenda, Ended, Moment, Settings, Start, Ticket};
use changed::Changed;
#[cfg(test)]
pub(crate) use feed::Place;
use pressure::{Pressure, Stopped};
pub(crate) use telling::FlightReport;

/// What the main thread asks of a core.
#[derive(Debug)]
pub(crate) enum Command {
    /// Poll these from now on: new ones, and changed ones in the place of what was known under their id.
    Put(Vec<Entrant>),
    /// Forget the feeds with these ids.
    Remove(Vec<i64>),
    /// Ask these for names.
    Names(crate::fetch::NameService),
    /// Look again.
    Turn,
    /// Log what is in flight.
    LogInFlight,
    /// Tell what is in flight.
    Flights(oneshot::Sender<Vec<FlightReport>>),
    /// Cancel what is in flight, commit what is parsed, and end.
    Drain,
}

/// Runs a core until it is drained, or until every feed was polled if it is to do so once.
pub(crate) async fn run(
    desk: Rc<Desk>,
    entrants: Vec<Entrant>,
    settings: Settings,
    mut commands: mpsc::Receiver<Command>,
    gauges: Arc<CoreGauges>,
) {
    let core = Rc::new(Core::new(desk, settings, gauges));
    core.put(entrants, true).await;
    while !core.agenda.borrow().is_done() {
        core.gauges.beat();
        {
            let _turn = watch::busy(Doing::Turn, "");
            core.desk.fetcher.close_old();
            core.start_due();
        }
        let command = async { commands.next().await };
        let turn = async {
            core.next_turn().await;
            None
        };
        let command = command.or(turn).await;
        let _turn = watch::busy(Doing::Turn, "");
        match command {
            Some(Command::Put(entrants)) => core.put(entrants, false).await,
            Some(Command::Remove(ids)) => core.remove(&ids),
            Some(Command::Names(names)) => core.desk.fetcher.renew_names(&names),
            Some(Command::LogInFlight) => core.log_in_flight(),
            Some(Command::Flights(answer)) => {
                // Whoever asked may have lost patience.
                let _ = answer.send(core.flights());
            }
            Some(Command::Drain) => core.agenda.borrow_mut().drain(),
            Some(Command::Turn) => core.gauges.nudge_taken(),
            None => {}
        }
    }
    core.desk.fetcher.close().await;
}

struct Core {
    desk: Rc<Desk>,
    index: usize,
    is_once: bool,
    gauges: Arc<CoreGauges>,
    agenda: RefCell<Agenda>,
    changed: Changed,
    pressure: Pressure,
    /// There was none when polls were to begin.
    lacks_room: Cell<bool>,
}

impl Core {
    fn new(desk: Rc<Desk>, settings: Settings, gauges: Arc<CoreGauges>) -> Core {
        let Settings { index, once: is_once, .. } = settings;
        let agenda = RefCell::new(Agenda::new(settings).showing(Flights::new(gauges.flights.clone())));
        Core {
            desk,
            index,
            is_once,
            gauges,
            agenda,
            changed: Changed::default(),
            pressure: Pressure::new(),
            lacks_room: Cell::default(),
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: Clock::monotonic(), wall_ms: self.desk.clock.now_ms() }
    }

    /// Takes feeds over, with a look up now and then: a hundred thousand of them take their time.
    async fn put(&self, entrants: Vec<Entrant>, at_start: bool) {
        let mut put = self.agenda.borrow().begin_put(entrants.len(), at_start, self.moment());
        for (index, entrant) in entrants.into_iter().enumerate() {
            self.look_up(index).await;
            self.agenda.borrow_mut().take_up(entrant, &mut put);
        }
        for index in 0.. {
            self.look_up(index).await;
            if !self.agenda.borrow_mut().give_deadline(&mut put) {
                break;
            }
        }
        for (host, until) in &put.held {
            self.desk.fetcher.hold(host, *until);
        }
        let given_up = put.given_up;
        if given_up > 0 {
            log::warn!(
                "{given_up} feeds answered 410 too often and are not polled; remove them from feeds.toml, or change them"
            );
        }
        self.show_tally();
    }

    /// Beats, and lets polls go on, every so many feeds.
    async fn look_up(&self, index: usize) {
        if index.is_multiple_of(FEEDS_IN_A_ROW_MAX) {
            self.gauges.beat();
            nap().await;
        }
    }

    fn remove(&self, ids: &[i64]) {
        self.agenda.borrow_mut().remove(ids);
        self.show_tally();
    }

    /// What was fetched is memory until it is committed: a slow disk and large bodies hold up polls, not the process.
    fn has_room(&self) -> bool {
        self.desk.uncommitted.has_room() && self.desk.fetcher.has_room()
    }

    fn start_due(self: &Rc<Self>) {
        let at = self.moment();
        if self.agenda.borrow().overdue() == 0 {
            // What nobody was held up by says nothing of what comes due now.
            self.desk.uncommitted.forget_prompt();
        }
        self.agenda.borrow_mut().collect_due(at.now);
        if let Some(breaker) = &self.desk.breaker {
            let is_open = breaker.borrow().is_open();
            self.gauges.is_cut_off.store(is_open, Ordering::Relaxed);
            self.agenda.borrow_mut().heed_breaker(is_open, at);
        }
        self.heed_audience();
        let begin = || self.next_start(at.now).map(|start| self.start(start)).is_some();
        let holds_up = self.pressure.let_begin(&self.desk.lead, at.now, begin);
        if holds_up && self.agenda.borrow().overdue() > 0 && self.pressure.tell() {
            self.gauges.stream_waits.fetch_add(1, Ordering::Relaxed);
        }
        self.show_backlog(at.now);
        self.show_fibers();
        self.show_shortage(at.now);
    }

    /// While the stream has an audience less is under way. One poll more for each answer that did not have to wait: they show
    /// that nothing stands before the next, and publishers may just be slow.
    fn heed_audience(&self) {
        let depth = self.desk.lead.depth();
        self.desk.uncommitted.set_bytes_max(depth.uncommitted_bytes_max);
        let polls_young = depth.polls_young_max.saturating_add(self.desk.uncommitted.prompt_in_a_row());
        self.agenda.borrow_mut().onset.set_max(polls_young.min(depth.polls_young_prompt_max));
    }

    fn next_start(&self, now: Instant) -> Option<Start> {
        let mut breaker = self.desk.breaker.as_ref().map(RefCell::borrow_mut);
        let has_room = self.has_room();
        self.lacks_room.set(!has_room);
        self.agenda.borrow_mut().next_start(breaker.as_deref_mut(), has_room, now)
    }

    fn start(self: &Rc<Self>, start: Start) {
        self.gauges.in_flight.store(self.agenda.borrow().in_flight(), Ordering::Relaxed);
        self.show_delay(&start.ticket);
        let core = self.clone();
        let polling = async move {
            let Start { ticket, memory, flight, cancelled } = start;
            let answered = |host_hold: Option<(&str, Duration)>| core.answered(&ticket, host_hold);
            let polling = poll(&core.desk, &ticket.subscription, &memory, &flight, cancelled, answered);
            let (name, phase) = (&ticket.subscription.feed.name, || Some(flight.phase()));
            let polling = watch::during(Doing::Poll, name, phase, polling);
            let ended = match AssertUnwindSafe(polling).catch_unwind().await {
                Ok(Ok(polled)) => Ended::Polled(polled),
                Ok(Err(Unpolled::Short(failure))) => Ended::Short(failure),
                Ok(Err(Unpolled::Cancelled | Unpolled::CutOff)) => Ended::Undone,
                Err(_) => Ended::Panicked,
            };
            core.finished(&ticket, ended);
        };
        glommio::spawn_local(polling).detach();
    }

    /// An answer is there and will wait for the writer, but its host for nothing any more, unless it asked for that.
    fn answered(&self, ticket: &Ticket, host_hold: Option<(&str, Duration)>) {
        let at = self.moment();
        let mut agenda = self.agenda.borrow_mut();
        agenda.answered(ticket, at.now);
        if let Some((host, hold)) = host_hold {
            // Redirects of other hosts' feeds lead there no more either.
            self.desk.fetcher.hold(host, at.now + hold);
            let postponed = agenda.hold(host, ticket.id, hold, at);
            if !postponed.is_empty() {
                self.desk.writer.postpone(postponed);
            }
        }
        if agenda.is_waited_for(ticket) {
            self.changed.set();
        }
    }

    fn finished(&self, ticket: &Ticket, ended: Ended) {
        self.report(&ticket.subscription, &ended);
        let postponed = self.agenda.borrow_mut().finished(ticket, ended, self.moment());
        if let Some(postponed) = postponed {
            self.desk.writer.postpone(vec![postponed]);
        }
        self.show_tally();
        self.changed.set();
    }

    /// Until there may be something to do: a deadline, a poll's answer or end, a heartbeat.
    async fn next_turn(&self) {
        // What makes room, or brings the stream on, does not wake a core.
        let wait = match self.pressure.stopped() {
            Stopped::ByTurn => return self.pressure.look().await,
            // Whatever comes due meanwhile does not begin: to look at it would be to turn without a pause.
            Stopped::ByStream => STREAM_LOOK,
            Stopped::AtEnd if self.lacks_room.take() && self.agenda.borrow().overdue() > 0 => {
                self.until_next(ROOM_LOOK)
            }
            Stopped::AtEnd => self.until_next(Duration::from_millis(HEARTBEAT_MS)),
        };
        let timer = async {
            sleep(wait).await;
        };
        self.changed.wait().or(timer).await;
    }

    /// How long until the next deadline, at most `longest`.
    fn until_next(&self, longest: Duration) -> Duration {
        let breaker = self.desk.breaker.as_ref().map(RefCell::borrow);
        let next_at = self.agenda.borrow().next_at(breaker.as_deref(), self.has_room());
        next_at.map_or(longest, |at| at.saturating_duration_since(Clock::monotonic()).min(longest))
    }
}

#[cfg(test)]
mod tests {
    use glommio::Placement;

    use super::*;
    use crate::executor;
    use crate::fetch::{Access, Roots};
    use crate::limits::{SHALLOW, STARTS_IN_A_ROW_MAX, UNPUBLISHED_MAX};
    use crate::poll::{Memory, Subscription, Uncommitted};
    use crate::store::{Store, WriterHandle};

    /// It looked again at once, thousands of times a second, while the readers lacked the CPU to bring the stream on.
    #[test]
    fn a_core_that_waits_for_the_stream_leaves_the_cpu_to_others() {
        before_a_writer(|handle| async move {
            let core = Core::alone(Desk::plain(Clock::system(), handle), 2);
            let lead = &core.desk.lead;
            lead.publish(0);
            lead.set_audience(true);
            core.put([1, 2].map(|id| due_at_once(id, "127.0.0.1")).into(), false).await;
            core.start_due();
            while core.agenda.borrow().in_flight() > 0 {
                core.changed.wait().await;
            }
            // The second one's host has no pause to keep any more.
            assert_eq!(core.agenda.borrow().overdue(), 1);
            lead.commit(UNPUBLISHED_MAX);
            let began = Clock::monotonic();
            core.start_due();
            core.next_turn().await;
            assert_eq!((core.agenda.borrow().overdue(), core.agenda.borrow().in_flight()), (1, 0));
            assert!(Clock::elapsed(began) >= STREAM_LOOK);
        });
    }

    #[test]
    fn less_is_under_way_while_there_is_an_audience() {
        before_a_writer(|handle| async move {
            let feeds = 2 * STARTS_IN_A_ROW_MAX;
            let core = |has_audience| {
                let core = Core::alone(Desk::plain(Clock::system(), handle.clone()), feeds);
                core.desk.lead.set_audience(has_audience);
                core
            };
            let entrants = || (1..=feeds).map(|n| due_at_once(n as i64, &format!("127.0.0.{n}"))).collect();
            let alone = core(false);
            alone.put(entrants(), false).await;
            alone.start_due();
            assert_eq!(alone.agenda.borrow().in_flight(), STARTS_IN_A_ROW_MAX);

            let core = core(true);
            core.put(entrants(), false).await;
            // More at once, as long as no answer waits for the writer.
            for young in [1, 2].map(|times| times * SHALLOW.polls_young_max) {
                core.start_due();
                assert_eq!(core.agenda.borrow().in_flight(), young);
                while core.agenda.borrow().in_flight() > 0 {
                    core.changed.wait().await;
                }
            }
            // Until all have begun: what comes due then comes together.
            while core.agenda.borrow().overdue() > 0 {
                assert_ne!(core.desk.uncommitted.prompt_in_a_row(), 0);
                core.start_due();
            }
            core.start_due();
            assert_eq!(core.desk.uncommitted.prompt_in_a_row(), 0);
        });
    }

    #[test]
    fn a_host_is_asked_again_while_what_it_sent_waits_for_the_writer() {
        before_a_writer(|handle| async move {
            let desk = Desk { uncommitted: Uncommitted::new(1), ..Desk::plain(Clock::system(), handle) };
            let core = Core::alone(desk, 2);
            core.put([1, 2].map(|id| due_at_once(id, "127.0.0.1")).into(), false).await;
            let _taken = core.desk.uncommitted.enter(0).await;
            core.agenda.borrow_mut().collect_due(Clock::monotonic());
            let first = core.next_start_with_room().expect("nothing keeps it");
            assert!(core.next_start_with_room().is_none(), "one at a time");
            core.start(first);
            let woken = async {
                core.changed.wait().await;
                true
            };
            let timer = async {
                sleep(Duration::from_secs(60)).await;
                false
            };
            assert!(woken.or(timer).await, "nobody says that the host has answered");
            let second = core.next_start_with_room().expect("the first one has its answer");
            assert_eq!((second.ticket.id, core.agenda.borrow().in_flight()), (2, 2));
        });
    }

    /// Runs it on an executor, with a writer to hand answers to.
    fn before_a_writer<F: Future<Output = ()>>(test: impl FnOnce(WriterHandle) -> F + Send + 'static) {
        let dir = tempfile::tempdir().unwrap();
        let writer = Store::open(&dir.path().join("rssd.db")).unwrap().start(Clock::system(), |_| {}).unwrap();
        let handle = writer.handle();
        executor::start("core", Placement::Unbound, move || test(handle)).unwrap().join().unwrap();
        writer.stop(Clock::monotonic() + Duration::from_secs(60)).unwrap();
    }

    impl Core {
        fn alone(desk: Desk, feeds: usize) -> Rc<Core> {
            let settings = Settings {
                index: 0,
                in_flight_max: feeds,
                once: true,
                due_at_start: feeds,
                host_pause: Duration::ZERO,
            };
            Rc::new(Core::new(Rc::new(desk), settings, Arc::default()))
        }

        fn next_start_with_room(&self) -> Option<Start> {
            self.agenda.borrow_mut().next_start(None, true, Clock::monotonic())
        }
    }

    fn due_at_once(id: i64, host: &str) -> Entrant {
        let feed = crate::config::Feed::new(id.to_string(), format!("http://{host}:9/{id}").parse().unwrap());
        let access = Arc::new(Access::open(&Roots::of_system().0));
        Entrant { subscription: Subscription { id, feed: feed.into(), access: Ok(access) }, memory: Memory::default() }
    }
}
