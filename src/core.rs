//! One core: its feeds, their deadlines, and its polls in flight.
//!
//! Everything here is local to one executor: no lock, no atomics but gauges. A core never blocks; it waits for its next
//! deadline, a poll's end, or a command. Deadlines are on the monotonic clock: a step of the wall clock moves none.

mod changed;
#[cfg(test)]
mod manners;
mod restraint;
mod telling;

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_channel::{mpsc, oneshot};
use futures_lite::{FutureExt, StreamExt};

use crate::clock::Clock;
use crate::executor::sleep;
use crate::fetch::Flight;
use crate::gauges::{CoreGauges, add};
use crate::hosts::Hosts;
use crate::limits::{DEADLINES_VOID_MAX, HEARTBEAT_MS, POLL_PANIC_WAIT, RETRY_AFTER_MAX};
use crate::poll::{Desk, Memory, Polled, Subscription, poll};
use crate::schedule;
use changed::Changed;
pub(crate) use telling::FlightReport;

/// What the main thread asks of a core.
#[derive(Debug)]
pub(crate) enum Command {
    /// Poll these from now on: new ones, and changed ones in the place of what was known under their id.
    Put(Vec<Subscription>),
    /// Forget the feeds with these ids.
    Remove(Vec<i64>),
    /// Look again.
    Turn,
    /// Log what is in flight.
    LogInFlight,
    /// Tell what is in flight.
    Flights(oneshot::Sender<Vec<FlightReport>>),
    /// Cancel what is in flight, commit what is parsed, and end.
    Drain,
}

/// What a core is started with.
pub(crate) struct Settings {
    pub(crate) index: usize,
    pub(crate) in_flight_max: usize,
    /// Poll every feed once, at once, and end.
    pub(crate) once: bool,
    /// Feeds of all cores that are due at the start, among which first polls are spread.
    pub(crate) due_at_start: usize,
    /// Between two requests to one host.
    pub(crate) host_pause: Duration,
}

/// Runs a core until it is drained, or until every feed was polled if it is to do so once.
pub(crate) async fn run(
    desk: Rc<Desk>,
    subscriptions: Vec<Subscription>,
    settings: Settings,
    mut commands: mpsc::Receiver<Command>,
    gauges: Arc<CoreGauges>,
) {
    let core = Rc::new(Core::new(desk, settings, gauges));
    core.put(subscriptions, true);
    while !core.is_done() {
        core.gauges.beat();
        core.desk.fetcher.close_old();
        core.collect_due(Clock::monotonic());
        core.start_due(Clock::monotonic());
        let command = async { commands.next().await };
        let turn = async {
            core.next_turn().await;
            None
        };
        match command.or(turn).await {
            Some(Command::Put(subscriptions)) => core.put(subscriptions, false),
            Some(Command::Remove(ids)) => core.remove(&ids),
            Some(Command::LogInFlight) => core.log_in_flight(),
            Some(Command::Flights(answer)) => {
                // Whoever asked may have lost patience.
                let _ = answer.send(core.flights());
            }
            Some(Command::Drain) => core.drain(),
            Some(Command::Turn) => core.gauges.nudge_taken(),
            None => {}
        }
    }
    core.desk.fetcher.close().await;
}

struct Core {
    desk: Rc<Desk>,
    settings: Settings,
    gauges: Arc<CoreGauges>,
    feeds: RefCell<HashMap<i64, Feed>>,
    /// When which feed is due. An entry whose turn is not the feed's present one is void.
    deadlines: RefCell<BinaryHeap<Reverse<(Instant, i64, u64)>>>,
    hosts: RefCell<Hosts>,
    /// Due, in the order in which they came due, waiting for admission.
    ready: RefCell<VecDeque<i64>>,
    in_flight: Cell<usize>,
    /// Given out with each deadline, and never twice: a feed that leaves and returns must not meet its old ones.
    turns: Cell<u64>,
    tally: Cell<Tally>,
    draining: Cell<bool>,
    changed: Changed,
}

/// A feed on its core.
struct Feed {
    subscription: Rc<Subscription>,
    memory: Memory,
    host: String,
    place: Place,
    /// That of the deadline set last; older ones are void.
    turn: u64,
    /// That deadline.
    due_at: Instant,
    polled: bool,
}

/// Kept up with each poll, so that nobody counts a hundred thousand feeds.
#[derive(Clone, Copy, Default)]
struct Tally {
    failing: usize,
    polled: usize,
}

impl Tally {
    fn with(self, feed: &Feed) -> Tally {
        let failing = usize::from(feed.memory.state.failure_count > 0);
        Tally { failing: self.failing + failing, polled: self.polled + usize::from(feed.polled) }
    }

    fn without(self, feed: &Feed) -> Tally {
        let failing = usize::from(feed.memory.state.failure_count > 0);
        Tally { failing: self.failing - failing, polled: self.polled - usize::from(feed.polled) }
    }
}

/// Where a feed is between two polls.
enum Place {
    /// Until its deadline.
    Waiting,
    /// Due, in `ready` or in its host's queue.
    Due,
    /// Dropping the sender cancels the poll.
    InFlight { _cancel: oneshot::Sender<()>, flight: Rc<Flight> },
    /// Not to be polled again: polled once, given up, or drained.
    Done,
}

impl Feed {
    fn new(subscription: Subscription, now: Instant) -> Feed {
        let mut state = subscription.record.state.clone();
        if !subscription.is_given_up() && state.planning.given_up_for.take().is_some() {
            // Changed since it was given up: it begins anew.
            state.planning.gone_count = 0;
        }
        let memory = Memory { state, poll_count: subscription.record.poll_count, unreadable: None };
        let host = subscription.host();
        let subscription = Rc::new(subscription);
        Feed { subscription, memory, host, place: Place::Waiting, turn: 0, due_at: now, polled: false }
    }

    fn is_given_up(&self) -> bool {
        self.memory.state.planning.given_up_for.is_some()
    }
}

impl Core {
    fn new(desk: Rc<Desk>, settings: Settings, gauges: Arc<CoreGauges>) -> Core {
        Core {
            hosts: RefCell::new(Hosts::new(settings.host_pause)),
            desk,
            settings,
            gauges,
            feeds: RefCell::default(),
            deadlines: RefCell::default(),
            ready: RefCell::default(),
            in_flight: Cell::new(0),
            turns: Cell::new(0),
            tally: Cell::default(),
            draining: Cell::new(false),
            changed: Changed::default(),
        }
    }

    fn put(&self, subscriptions: Vec<Subscription>, at_start: bool) {
        let now = Clock::monotonic();
        let now_ms = self.desk.clock.now_ms();
        let crowd = if at_start { self.settings.due_at_start } else { subscriptions.len() };
        let ids: Vec<i64> = subscriptions.iter().map(|subscription| subscription.record.id).collect();
        let mut given_up = 0;
        for subscription in subscriptions {
            let id = subscription.record.id;
            let feed = Feed::new(subscription, now);
            given_up += usize::from(feed.is_given_up());
            let mut hosts = self.hosts.borrow_mut();
            if !feed.is_given_up() {
                hosts.join(&feed.host, feed.subscription.feed.interval);
            }
            // One of them may have been told so in the name of all, before a restart.
            let held_until = schedule::held_until(feed.memory.state.planning.schedule.as_deref());
            if let Some(ahead_ms) = held_until.and_then(|until_ms| u64::try_from(until_ms.saturating_sub(now_ms)).ok())
            {
                hosts.hold(&feed.host, now + Duration::from_millis(ahead_ms).min(RETRY_AFTER_MAX));
            }
            self.tally.set(self.tally.get().with(&feed));
            // A poll of the old one that is in flight is cancelled with it.
            if let Some(old) = self.feeds.borrow_mut().insert(id, feed) {
                self.forget(&old, &mut hosts);
            }
        }
        if given_up > 0 {
            log::warn!(
                "{given_up} feeds answered 410 too often and are not polled; remove them from feeds.toml, or change them"
            );
        }
        // Not before all of them are known: how far apart those of a host begin depends on how many they are.
        let mut places: HashMap<String, u32> = HashMap::new();
        for id in ids {
            self.set_first_deadline(id, crowd, &mut places, now, now_ms);
        }
        self.show_tally();
    }

    fn remove(&self, ids: &[i64]) {
        for id in ids {
            if let Some(old) = self.feeds.borrow_mut().remove(id) {
                self.forget(&old, &mut self.hosts.borrow_mut());
            }
        }
        self.show_tally();
    }

    fn forget(&self, old: &Feed, hosts: &mut Hosts) {
        self.tally.set(self.tally.get().without(old));
        if !old.is_given_up() {
            hosts.leave(&old.host);
        }
    }

    /// Sets a feed's deadline, in the place of any earlier one.
    fn wait_until(&self, id: i64, at: Instant) {
        let mut feeds = self.feeds.borrow_mut();
        let Some(feed) = feeds.get_mut(&id) else { return };
        self.turns.set(self.turns.get() + 1);
        feed.turn = self.turns.get();
        feed.place = Place::Waiting;
        let mut deadlines = self.deadlines.borrow_mut();
        feed.due_at = at;
        deadlines.push(Reverse((at, id, feed.turn)));
        // Each reload leaves a void one behind a feed, some of them for a month.
        if deadlines.len() > 2 * feeds.len() + DEADLINES_VOID_MAX {
            deadlines.retain(|Reverse((_, id, turn))| feeds.get(id).is_some_and(|feed| feed.turn == *turn));
        }
    }

    /// Moves every feed whose deadline has come to the queue for admission.
    fn collect_due(&self, now: Instant) {
        let mut deadlines = self.deadlines.borrow_mut();
        let mut feeds = self.feeds.borrow_mut();
        while let Some(&Reverse((at, id, turn))) = deadlines.peek() {
            if at > now {
                break;
            }
            deadlines.pop();
            if let Some(feed) = feeds.get_mut(&id).filter(|feed| feed.turn == turn) {
                feed.place = Place::Due;
                self.ready.borrow_mut().push_back(id);
            }
        }
    }

    /// Admission: starts due polls while the in-flight limit, the writer, their hosts and our own network allow.
    fn start_due(self: &Rc<Self>, now: Instant) {
        self.heed_breaker(now);
        while self.may_start() && self.desk.breaker.as_ref().is_none_or(|breaker| breaker.borrow_mut().admit(now)) {
            let Some(id) = self.next_startable(now) else { break };
            self.start(id);
        }
        let overdue = self.ready.borrow().len() + self.hosts.borrow().waiting_count();
        self.gauges.feeds_overdue.store(overdue, Ordering::Relaxed);
    }

    fn may_start(&self) -> bool {
        !self.draining.get()
            && self.in_flight.get() < self.settings.in_flight_max
            // What was fetched is memory until it is committed: a slow disk and large bodies hold up polls, not the process.
            && self.desk.uncommitted.available() > 0
            && self.desk.fetcher.has_room()
    }

    /// The next feed whose host lets it: those that have waited for theirs go before those that have just come due. Probes go to
    /// the latter, since one host may have many that wait.
    fn next_startable(&self, now: Instant) -> Option<i64> {
        let is_probe = self.desk.breaker.as_ref().is_some_and(|breaker| breaker.borrow().is_open());
        let from_ready = || loop {
            let id = self.ready.borrow_mut().pop_front()?;
            if self.due_host(id).is_some_and(|host| self.hosts.borrow_mut().admit(&host, id, now)) {
                return Some(id);
            }
        };
        let is_due = |host: &str, id| self.due_host(id).as_deref() == Some(host);
        let from_hosts = || self.hosts.borrow_mut().next(now, is_due);
        if is_probe { from_ready().or_else(from_hosts) } else { from_hosts().or_else(from_ready) }
    }

    /// The host of a feed that is due still: it may have been removed or changed while it waited.
    fn due_host(&self, id: i64) -> Option<String> {
        let feeds = self.feeds.borrow();
        let feed = feeds.get(&id).filter(|feed| matches!(feed.place, Place::Due))?;
        Some(feed.host.clone())
    }

    fn start(self: &Rc<Self>, id: i64) {
        let mut feeds = self.feeds.borrow_mut();
        let feed = feeds.get_mut(&id).expect("it was due, and nothing ran since");
        let (cancel, cancelled) = oneshot::channel();
        let flight = feed.subscription.flight();
        feed.place = Place::InFlight { _cancel: cancel, flight: flight.clone() };
        let (subscription, memory, host) = (feed.subscription.clone(), feed.memory.clone(), feed.host.clone());
        let turn = feed.turn;
        drop(feeds);
        self.in_flight.set(self.in_flight.get() + 1);
        self.gauges.in_flight.store(self.in_flight.get(), Ordering::Relaxed);
        let core = self.clone();
        let polling = async move {
            let polled =
                AssertUnwindSafe(poll(&core.desk, &subscription, &memory, &flight, cancelled)).catch_unwind().await;
            core.finished(id, turn, &host, &subscription, polled);
        };
        glommio::spawn_local(polling).detach();
    }

    fn finished(
        self: &Rc<Self>,
        id: i64,
        turn: u64,
        host: &str,
        subscription: &Subscription,
        polled: std::thread::Result<Option<Polled>>,
    ) {
        self.in_flight.set(self.in_flight.get() - 1);
        self.gauges.in_flight.store(self.in_flight.get(), Ordering::Relaxed);
        self.hosts.borrow_mut().ended(host, Clock::monotonic());
        match polled {
            Ok(Some(polled)) => {
                self.report(subscription, &polled);
                if let Some(hold) = polled.host_hold {
                    self.hold(host, id, hold);
                }
                self.remember(id, turn, subscription, polled);
            }
            // Cancelled, or our own network's fault: it is as if it had not been.
            Ok(None) => self.go_on(id, turn, Duration::ZERO),
            Err(_) => {
                add(&self.gauges.polls, 1);
                add(&self.gauges.polls_failed, 1);
                let seconds = POLL_PANIC_WAIT.as_secs();
                log::error!("feed {}: the poll panicked; the next one is in {seconds} s", subscription.feed.name);
                self.go_on(id, turn, POLL_PANIC_WAIT);
            }
        }
        self.show_tally();
        self.changed.set();
    }

    /// Takes over what a poll has left. One that was under way to its commit while its feed was changed counts as well, if
    /// the URL is the same: what was known at the reload is older than what is stored now.
    fn remember(&self, id: i64, turn: u64, polled_as: &Subscription, polled: Polled) {
        let (wait, is_given_up) = (polled.wait, polled.is_given_up);
        let mut feeds = self.feeds.borrow_mut();
        let Some(feed) = feeds.get_mut(&id) else { return };
        // Due as well: it was due when the old one was polled, and so is the new one.
        let is_waiting = matches!(feed.place, Place::Waiting | Place::Due);
        let is_changed = feed.turn != turn;
        if is_changed && !(is_waiting && feed.subscription.feed.url == polled_as.feed.url) {
            return;
        }
        self.tally.set(self.tally.get().without(feed));
        feed.memory = polled.memory;
        feed.polled = true;
        if is_given_up && is_changed {
            // It was given up as it was before.
            feed.memory.state.planning.given_up_for = None;
        } else if is_given_up {
            feed.place = Place::Done;
            self.hosts.borrow_mut().leave(&feed.host);
        }
        self.tally.set(self.tally.get().with(feed));
        let turn = feed.turn;
        let is_done = matches!(feed.place, Place::Done);
        drop(feeds);
        if !is_done {
            self.go_on(id, turn, wait);
        }
    }

    /// What follows a poll: the next deadline, unless the feed was changed, removed, or was to be polled once.
    fn go_on(&self, id: i64, turn: u64, wait: Duration) {
        let mut feeds = self.feeds.borrow_mut();
        let Some(feed) = feeds.get_mut(&id).filter(|feed| feed.turn == turn) else { return };
        if self.settings.once || self.draining.get() {
            feed.place = Place::Done;
            return;
        }
        drop(feeds);
        self.wait_until(id, Clock::monotonic() + wait);
    }

    fn drain(&self) {
        self.draining.set(true);
        self.ready.borrow_mut().clear();
        self.deadlines.borrow_mut().clear();
        for feed in self.feeds.borrow_mut().values_mut() {
            // Polls in flight that have their answer go on to their commit: cancelling touches the fetch alone.
            feed.place = Place::Done;
        }
    }

    fn is_done(&self) -> bool {
        if self.in_flight.get() > 0 {
            return false;
        }
        let all_done = || self.feeds.borrow().values().all(|feed| matches!(feed.place, Place::Done));
        self.draining.get() || (self.settings.once && all_done())
    }

    /// Until there may be something to do: a deadline, a poll's end, a heartbeat.
    async fn next_turn(&self) {
        let heartbeat = Duration::from_millis(HEARTBEAT_MS);
        let due = self.deadlines.borrow().peek().map(|Reverse((at, ..))| *at);
        // Where a poll may not start for another reason, whatever that reason is will wake us.
        let startable = match self.desk.breaker.as_ref().and_then(|breaker| breaker.borrow().probe_at()) {
            Some(probe_at) => Some(probe_at),
            None => self.hosts.borrow().next_at(),
        };
        let deadline = due.into_iter().chain(startable.filter(|_| self.may_start())).min();
        let wait = deadline.map_or(heartbeat, |at| at.saturating_duration_since(Clock::monotonic()).min(heartbeat));
        let timer = async {
            sleep(wait).await;
        };
        self.changed.wait().or(timer).await;
    }
}
