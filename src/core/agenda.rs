//! What a core does next: its feeds, their deadlines, who is due, and who may start.
//!
//! Pure: no executor, no clock, no channel. Events and the time go in; polls to start, and when to look again, come out. Whoever
//! runs the polls tells how they ended, be it a core or a simulator.
//!
//! Invariant: every feed has one place. It waits for its present deadline, is due in one of the queues or until its last answer is
//! stored, is in flight, or is done.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use super::backlog::Backlog;
use super::feed::{Feed, Place};
use super::onset::Onset;
use super::shortage::Ceiling;
use super::tally::Tally;
use super::unsettled::Unsettled;
use crate::breaker::Breaker;
use crate::failure::Failure;
use crate::fetch::Flight;
use crate::hosts::Hosts;
use crate::limits::{DEADLINES_VOID_MAX, DEEP, POLL_PANIC_WAIT, RETRY_AFTER_MAX};
use crate::poll::{Entrant, Memory, Polled, Subscription};
use crate::schedule;
use crate::store::Postponed;
use crate::watch::Flights;

/// What a core is started with.
#[derive(Clone, Copy, Debug)]
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

/// A moment on both clocks: deadlines go by the first, what is stored by the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    /// Milliseconds since 1970, UTC.
    pub(crate) wall_ms: i64,
}

/// A poll that begins.
pub(crate) struct Start {
    pub(crate) ticket: Ticket,
    pub(crate) memory: Memory,
    pub(crate) flight: Rc<Flight>,
    /// Resolves when the poll shall end without a result.
    pub(crate) cancelled: oneshot::Receiver<()>,
}

/// Feeds that are being taken up.
#[derive(Debug)]
pub(crate) struct Put {
    /// Among so many first polls are spread.
    crowd: usize,
    at: Moment,
    /// So many of them are given up.
    pub(crate) given_up: usize,
    /// Hosts that asked, before a restart, to be left alone until then.
    pub(crate) held: Vec<(String, Instant)>,
    /// Those without a deadline yet, with the one that they had and keep.
    taken_up: VecDeque<(i64, Option<Instant>)>,
    /// Of each host, how many of them are due by now.
    places: HashMap<String, u32>,
}

/// What a poll is known by when it ends: its feed may have been changed or removed meanwhile.
pub(crate) struct Ticket {
    pub(crate) id: i64,
    /// Among the polls that have begun.
    number: u64,
    pub(super) turn: u64,
    host: String,
    pub(crate) subscription: Rc<Subscription>,
    is_answered: Cell<bool>,
}

impl Ticket {
    /// The host that is asked.
    #[cfg(test)]
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

/// How a poll ended.
#[expect(clippy::large_enum_variant, reason = "one a poll and soon taken apart: a box would only add an allocation")]
pub(crate) enum Ended {
    Polled(Polled),
    /// Cancelled, or our own network's fault: it is as if it had not been.
    Undone,
    /// There was no descriptor, or no memory, to poll with.
    Short(Failure),
    Panicked,
}

pub(crate) struct Agenda {
    pub(super) settings: Settings,
    pub(super) feeds: HashMap<i64, Box<Feed>>,
    /// When which feed is due. An entry whose turn is not the feed's present one is void.
    deadlines: BinaryHeap<Reverse<(Instant, i64, u64)>>,
    pub(super) hosts: Hosts,
    /// Due, in the order in which they came due, waiting for admission.
    pub(super) ready: VecDeque<i64>,
    /// The same and those that wait for their hosts, with when they came due.
    backlog: Backlog,
    in_flight: usize,
    /// Those of them that have their answer.
    unsettled: Unsettled,
    /// How many may be in flight.
    pub(super) ceiling: Ceiling,
    /// How many of them may have begun just now.
    pub(super) onset: Onset,
    /// Given out with each deadline, and never twice: a feed that leaves and returns must not meet its old ones.
    turns: u64,
    pub(super) tally: Tally,
    pub(super) draining: bool,
    /// The breaker was open at the last look.
    pub(super) is_cut_off: bool,
    /// Where others see what is in flight.
    flights: Option<Rc<Flights>>,
}

impl Agenda {
    pub(crate) fn new(settings: Settings) -> Agenda {
        Agenda {
            hosts: Hosts::new(settings.host_pause),
            settings,
            feeds: HashMap::new(),
            deadlines: BinaryHeap::new(),
            ready: VecDeque::new(),
            backlog: Backlog::default(),
            in_flight: 0,
            unsettled: Unsettled::default(),
            ceiling: Ceiling::new(settings.in_flight_max),
            onset: Onset::new(DEEP.polls_young_max),
            turns: 0,
            tally: Tally::default(),
            draining: false,
            is_cut_off: false,
            flights: None,
        }
    }

    /// The same with another limit on polls that have just begun.
    #[cfg(test)]
    pub(crate) fn with_young_max(self, max: usize) -> Agenda {
        Agenda { onset: Onset::new(max), ..self }
    }

    /// The same, showing there what it has in flight.
    pub(crate) fn showing(self, flights: Rc<Flights>) -> Agenda {
        Agenda { flights: Some(flights), ..self }
    }

    /// Takes these up: new ones, and changed ones in the place of what was known under their id.
    #[cfg(test)]
    pub(crate) fn put(&mut self, entrants: Vec<Entrant>, at_start: bool, at: Moment) -> Put {
        let mut put = self.begin_put(entrants.len(), at_start, at);
        for entrant in entrants {
            self.take_up(entrant, &mut put);
        }
        while self.give_deadline(&mut put) {}
        put
    }

    /// The same in three steps, between which a core may look up where they are very many: this first, ...
    pub(crate) fn begin_put(&self, count: usize, at_start: bool, at: Moment) -> Put {
        let crowd = if at_start { self.settings.due_at_start } else { count };
        Put {
            crowd,
            at,
            given_up: 0,
            held: Vec::new(),
            taken_up: VecDeque::with_capacity(count),
            places: HashMap::new(),
        }
    }

    /// ... then this with each of them, ...
    pub(crate) fn take_up(&mut self, entrant: Entrant, put: &mut Put) {
        let at = put.at;
        let id = entrant.subscription.id;
        let mut feed = Feed::new(entrant, at.now);
        let kept = self.feeds.get(&id).and_then(|old| feed.go_on_from(old));
        put.taken_up.push_back((id, kept));
        if feed.is_given_up() {
            feed.place = Place::Done;
            put.given_up += 1;
        } else {
            self.hosts.join(&feed.host, feed.subscription.feed.interval);
        }
        // One of them may have been told so in the name of all, before a restart.
        let held_until = schedule::held_until(feed.memory.state.planning.schedule.as_deref());
        let ahead_ms = held_until.and_then(|until_ms| u64::try_from(until_ms.saturating_sub(at.wall_ms)).ok());
        if let Some(ahead_ms) = ahead_ms {
            let until = at.now + Duration::from_millis(ahead_ms).min(RETRY_AFTER_MAX);
            self.hosts.hold(&feed.host, until);
            put.held.push((feed.host.clone(), until));
        }
        // Before the new one is put: they may count under the same key.
        if let Some(old) = self.feeds.get(&id) {
            self.tally.take(old);
        }
        self.tally.put(&feed);
        // A poll of the old one that is in flight is cancelled with it.
        if let Some(old) = self.feeds.insert(id, feed.into()) {
            self.leave_host(&old);
        }
    }

    /// ... and then this until it gives `false`. Not before all of them are known: how far apart those of a host begin depends on
    /// how many they are.
    pub(crate) fn give_deadline(&mut self, put: &mut Put) -> bool {
        let Some((id, kept)) = put.taken_up.pop_front() else { return false };
        match kept {
            // Its host may have been held since it was taken up, and the feed put off with it.
            Some(due_at) => {
                let put_off = self.feeds.get(&id).map_or(due_at, |feed| feed.due_at);
                self.wait_until(id, due_at.max(put_off));
            }
            None => self.set_first_deadline(id, put.crowd, &mut put.places, put.at),
        }
        true
    }

    /// Forgets the feeds with these ids.
    pub(crate) fn remove(&mut self, ids: &[i64]) {
        for id in ids {
            if let Some(old) = self.feeds.remove(id) {
                self.forget(&old);
            }
        }
    }

    fn forget(&mut self, old: &Feed) {
        self.tally.take(old);
        self.leave_host(old);
    }

    fn leave_host(&mut self, old: &Feed) {
        if !old.is_given_up() {
            self.hosts.leave(&old.host);
        }
    }

    /// Sets a feed's deadline, in the place of any earlier one.
    pub(super) fn wait_until(&mut self, id: i64, at: Instant) {
        let Agenda { feeds, deadlines, .. } = self;
        let Some(feed) = feeds.get_mut(&id) else { return };
        self.turns += 1;
        feed.turn = self.turns;
        feed.place = Place::Waiting;
        feed.due_at = at;
        deadlines.push(Reverse((at, id, feed.turn)));
        // Each reload leaves a void one behind a feed, some of them for a month.
        if deadlines.len() > 2 * feeds.len() + DEADLINES_VOID_MAX {
            deadlines.retain(|Reverse((_, id, turn))| feeds.get(id).is_some_and(|feed| feed.turn == *turn));
        }
    }

    /// Moves every feed whose deadline has come to the queue for admission.
    pub(crate) fn collect_due(&mut self, now: Instant) {
        while let Some(&Reverse((at, id, turn))) = self.deadlines.peek() {
            if at > now {
                break;
            }
            self.deadlines.pop();
            if let Some(feed) = self.feeds.get_mut(&id).filter(|feed| feed.turn == turn) {
                feed.place = Place::Due;
                self.ready.push_back(id);
                self.backlog.push(at, id, turn);
            }
        }
        let Agenda { backlog, feeds, .. } = self;
        backlog.tidy(feeds.len(), |id, turn| is_due(feeds, id, turn));
    }

    /// When the feed came due that has waited for the longest.
    pub(crate) fn due_since(&mut self) -> Option<Instant> {
        let Agenda { backlog, feeds, .. } = self;
        backlog.since(|id, turn| is_due(feeds, id, turn))
    }

    /// Admission: the next due poll that the in-flight limit, its host and our own network allow. `has_room` is whether there
    /// is memory for what it may bring, here and at the writer.
    pub(crate) fn next_start(&mut self, breaker: Option<&mut Breaker>, has_room: bool, now: Instant) -> Option<Start> {
        self.ceiling.look(now);
        self.onset.look(now);
        if !self.may_start(has_room) {
            return None;
        }
        let mut is_probe = false;
        if let Some(breaker) = breaker {
            if !breaker.admit(now) {
                return None;
            }
            is_probe = breaker.is_open();
        }
        let id = self.next_startable(is_probe, now)?;
        Some(self.start(id, now))
    }

    fn may_start(&self, has_room: bool) -> bool {
        !self.draining && self.in_flight < self.ceiling.seen() && has_room && self.onset.has_room()
    }

    /// The next feed whose host lets it: those that have waited for theirs go before those that have just come due. Probes go to
    /// the latter, since one host may have many that wait.
    fn next_startable(&mut self, is_probe: bool, now: Instant) -> Option<i64> {
        match is_probe {
            true => self.next_of_ready(now).or_else(|| self.next_of_hosts(now)),
            false => self.next_of_hosts(now).or_else(|| self.next_of_ready(now)),
        }
    }

    fn next_of_ready(&mut self, now: Instant) -> Option<i64> {
        loop {
            let id = self.ready.pop_front()?;
            if let Some(host) = due_host(&self.feeds, &self.unsettled, id)
                && self.hosts.admit(host, id, now)
            {
                return Some(id);
            }
        }
    }

    fn next_of_hosts(&mut self, now: Instant) -> Option<i64> {
        let Agenda { hosts, feeds, unsettled, .. } = self;
        hosts.next(now, |host, id| due_host(feeds, unsettled, id) == Some(host))
    }

    fn start(&mut self, id: i64, now: Instant) -> Start {
        let feed = self.feeds.get_mut(&id).expect("it was due, and nothing ran since");
        let (cancel, cancelled) = oneshot::channel();
        let shown = self.flights.as_ref().and_then(|flights| flights.show(&feed.subscription.feed.name));
        let flight = feed.subscription.flight(shown);
        feed.place = Place::InFlight { _cancel: cancel, flight: flight.clone() };
        self.in_flight += 1;
        let number = self.onset.begin(now);
        let (host, subscription) = (feed.host.clone(), feed.subscription.clone());
        let ticket = Ticket { id, number, turn: feed.turn, host, subscription, is_answered: Cell::new(false) };
        Start { ticket, memory: feed.memory.clone(), flight, cancelled }
    }

    /// Takes in that a poll has its answer: its host may be asked again.
    pub(crate) fn answered(&mut self, ticket: &Ticket, now: Instant) {
        ticket.is_answered.set(true);
        self.unsettled.begin(ticket.id);
        self.hosts.ended(&ticket.host, now);
    }

    /// Whether a feed waits for the host that was asked.
    pub(crate) fn is_waited_for(&self, ticket: &Ticket) -> bool {
        self.hosts.is_waited_for(&ticket.host)
    }

    /// Takes in how a poll ended. Gives what the database shall know of its feed if that is put off once more.
    pub(crate) fn finished(&mut self, ticket: &Ticket, ended: Ended, at: Moment) -> Option<Postponed> {
        self.in_flight -= 1;
        self.onset.end(ticket.number);
        if !ticket.is_answered.get() {
            self.hosts.ended(&ticket.host, at.now);
        }
        let postponed = match ended {
            Ended::Polled(polled) => {
                self.ceiling.got_by();
                self.remember(ticket, polled, at)
            }
            Ended::Short(_) => {
                self.put_off(ticket, at.now);
                None
            }
            Ended::Undone => self.go_on(ticket.id, ticket.turn, Duration::ZERO, at),
            Ended::Panicked => self.go_on(ticket.id, ticket.turn, POLL_PANIC_WAIT, at),
        };
        if ticket.is_answered.get()
            && let Some(turn) = self.unsettled.end(ticket.id)
            && is_due(&self.feeds, ticket.id, turn)
        {
            self.ready.push_back(ticket.id);
        }
        postponed
    }

    /// Takes over what a poll has left. One that was under way to its commit while its feed was changed counts as well, if
    /// the URL is the same: what was known at the reload is older than what is stored now.
    fn remember(&mut self, ticket: &Ticket, polled: Polled, at: Moment) -> Option<Postponed> {
        let (wait, is_given_up) = (polled.wait, polled.is_given_up);
        let feed = self.feeds.get_mut(&ticket.id)?;
        // Due as well: it was due when the old one was polled, and so is the new one.
        let is_waiting = matches!(feed.place, Place::Waiting | Place::Due);
        let is_changed = feed.turn != ticket.turn;
        if is_changed && !(is_waiting && feed.subscription.feed.url == ticket.subscription.feed.url) {
            return None;
        }
        self.tally.take(feed);
        feed.memory = polled.memory;
        feed.polled = true;
        if is_given_up && is_changed {
            // It was given up as it was before.
            feed.memory.state.planning.given_up_for = None;
        } else if is_given_up {
            feed.place = Place::Done;
            self.hosts.leave(&feed.host);
        }
        self.tally.put(feed);
        if matches!(feed.place, Place::Done) {
            return None;
        }
        feed.follow_host(&mut self.hosts);
        let turn = feed.turn;
        self.go_on(ticket.id, turn, wait, at)
    }

    /// What follows a poll: the next deadline, unless the feed was changed, removed, or was to be polled once. While it was polled
    /// another feed may have been told to leave its host alone.
    fn go_on(&mut self, id: i64, turn: u64, wait: Duration, at: Moment) -> Option<Postponed> {
        self.feeds.get(&id).filter(|feed| feed.turn == turn)?;
        let (wait, postponed) = self.heed_hold(id, wait, at);
        if self.settings.once || self.draining {
            self.feeds.get_mut(&id)?.place = Place::Done;
        } else {
            self.wait_until(id, at.now + wait);
        }
        postponed
    }

    /// Lets nothing start any more, and cancels what is fetched.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.ready.clear();
        self.backlog.clear();
        self.deadlines.clear();
        for feed in self.feeds.values_mut() {
            // Polls in flight that have their answer go on to their commit: cancelling touches the fetch alone.
            feed.place = Place::Done;
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        if self.in_flight > 0 {
            return false;
        }
        let all_done = || self.feeds.values().all(|feed| matches!(feed.place, Place::Done));
        self.draining || (self.settings.once && all_done())
    }

    /// When there may be something to do, if nothing happens before: a deadline, or a host whose pause is over. Where a poll may
    /// not start for another reason, whatever that reason is will come as an event.
    pub(crate) fn next_at(&self, breaker: Option<&Breaker>, has_room: bool) -> Option<Instant> {
        let due = self.deadlines.peek().map(|Reverse((at, ..))| *at);
        let startable = breaker.and_then(Breaker::probe_at).or_else(|| self.hosts.next_at());
        let older = self.onset.next_at().filter(|_| !self.onset.has_room() && self.overdue() > 0);
        due.into_iter().chain(startable.filter(|_| self.may_start(has_room))).chain(older).min()
    }

    pub(crate) fn feeds(&self) -> &HashMap<i64, Box<Feed>> {
        &self.feeds
    }

    /// The invariant: a feed that is in none of its places would never be polled again. Gives the first one.
    #[cfg(test)]
    pub(crate) fn lost(&self) -> Option<i64> {
        let deadlines: std::collections::HashSet<(Instant, i64, u64)> = self.deadlines.iter().map(|at| at.0).collect();
        let is_placed = |id: i64, feed: &Feed| match feed.place {
            Place::Waiting => deadlines.contains(&(feed.due_at, id, feed.turn)),
            Place::Due => {
                let is_kept = self.unsettled.holds(id, feed.turn);
                is_kept || self.ready.contains(&id) || self.hosts.holds(&feed.host, id)
            }
            Place::InFlight { .. } => self.in_flight > 0,
            Place::Done => true,
        };
        self.feeds.iter().find(|(id, feed)| !is_placed(**id, feed)).map(|(id, _)| *id)
    }

    /// Deadlines, void ones included.
    #[cfg(test)]
    pub(crate) fn deadline_count(&self) -> usize {
        self.deadlines.len()
    }

    pub(crate) fn host_count(&self) -> usize {
        self.hosts.count()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Feeds that are due and not admitted yet, but for those that wait for their own last answer.
    pub(crate) fn overdue(&self) -> usize {
        self.ready.len() + self.hosts.waiting_count()
    }
}

fn is_due(feeds: &HashMap<i64, Box<Feed>>, id: i64, turn: u64) -> bool {
    feeds.get(&id).is_some_and(|feed| feed.turn == turn && matches!(feed.place, Place::Due))
}

/// The host of a feed that is due still, and may be polled as far as it itself goes: it may have been removed or changed while it
/// waited, and its last answer may not be stored yet.
fn due_host<'a>(feeds: &'a HashMap<i64, Box<Feed>>, unsettled: &Unsettled, id: i64) -> Option<&'a str> {
    let feed = feeds.get(&id).filter(|feed| matches!(feed.place, Place::Due))?;
    (!unsettled.keep(id, feed.turn)).then_some(&*feed.host)
}
