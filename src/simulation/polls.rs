//! The cores and their polls, as `core` and `poll` run them on an executor: the same decisions in the same order, each wait an
//! event.

use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;

use super::judge::{Seen, granted, ms, retry};
use super::publishers::{Answer, Brought};
use super::violated;
use super::world::{Event, World};
use crate::core::{Command, Ended, Moment, Place, Start, Ticket};
use crate::failure::{Class, Failure};
use crate::fetch::{Flight, Validators, frozen};
use crate::limits::{BACKOFF_MAX, DEADLINES_VOID_MAX, JITTER_MAX, POLL_YOUNG};
use crate::placement::host_of;
use crate::poll::{Asked, Entrant, Finding, Memory, Reading, Subscription, is_ours};
use crate::store::{FeedRecord, FetchLog, StoreFault, Stored};

/// How late a core may turn.
const SLUGGISH_MS: usize = 5;

/// A poll in flight.
pub(super) struct Flying {
    core: usize,
    ticket: Ticket,
    memory: Memory,
    flight: Rc<Flight>,
    cancelled: oneshot::Receiver<()>,
    asked: Asked,
    url: String,
    /// When, in ms.
    begun: u64,
    stage: Stage,
}

enum Stage {
    Fetching(Box<Answer>),
    /// Until it may wait for the writer.
    Received(Box<Answer>),
    Writing {
        finding: Box<Finding>,
        stored: oneshot::Receiver<Result<Stored, StoreFault>>,
        news: News,
    },
}

/// What the judge is told once it is stored.
struct News {
    is_failure: bool,
    is_gone: bool,
    wishes: Vec<u64>,
    answered_at: u64,
    is_held: bool,
    steps: u32,
}

impl World {
    /// Joins what the operator wants with what the database knows.
    pub(super) fn subscribe(&mut self, records: Vec<FeedRecord>) -> Vec<Entrant> {
        self.names.extend(records.iter().map(|record| (record.id, record.name.clone())));
        let joined = self.config.iter().zip(records).filter(|(feed, _)| feed.enabled);
        joined.map(|(feed, record)| Entrant::made_up(feed.clone(), record)).collect()
    }

    /// A core turns at `at`, or a moment later.
    pub(super) fn wake(&mut self, core: usize, at: u64) {
        let late = if self.dice.below(4) == 0 { self.dice.below(SLUGGISH_MS + 1) as u64 } else { 0 };
        let Some(life) = &mut self.life else { return };
        let wakes_at = &mut life.cores[core].wakes_at;
        if wakes_at.is_none_or(|known| at < known) {
            *wakes_at = Some(at + late);
            self.at(at + late, Event::Turn(core));
        }
    }

    pub(super) fn turn(&mut self, core: usize) {
        let (at, now) = (self.moment(), self.now);
        let life = self.life.as_mut().expect("events die with the daemon");
        let it = &mut life.cores[core];
        if it.wakes_at != Some(now) {
            return;
        }
        it.wakes_at = None;
        it.agenda.collect_due(at.now);
        it.agenda.heed_breaker(it.breaker.is_open(), at);
        loop {
            let it = &mut self.life.as_mut().expect("it is running").cores[core];
            let Some(start) = it.agenda.next_start(Some(&mut it.breaker), it.room > 0, at.now) else { break };
            let is_open = it.breaker.is_open();
            it.judge.started(is_open, now);
            self.start_poll(core, start);
        }
        self.a_core_is_in_order(core);
        let it = &self.life.as_ref().expect("it is running").cores[core];
        if let Some(next) = it.agenda.next_at(Some(&it.breaker), it.room > 0) {
            let next = self.ms_of(next);
            if next <= now {
                violated("a_core_does_not_spin", format!("core {core} wants to turn again at {next}"));
            }
            self.wake(core, next);
        }
    }

    fn start_poll(&mut self, core: usize, start: Start) {
        let Start { ticket, memory, flight, cancelled } = start;
        let Subscription { feed, .. } = &*ticket.subscription;
        self.judge.started(core, &ticket, self.scale.host_pause, self.now);
        let is_uncommitted = |flying: &Flying| {
            let Flying { ticket: Ticket { id, subscription, .. }, stage, .. } = flying;
            *id == ticket.id && subscription.feed.url == feed.url && !matches!(stage, Stage::Fetching(_))
        };
        if self.life.iter().flat_map(|life| life.polls.values()).any(is_uncommitted) {
            violated("a_poll_starts_from_what_is_stored", feed.name.clone());
        }
        let started_at = self.moment().wall_ms;
        let state = &memory.state;
        let has_validators = state.etag.is_some() || state.last_modified.is_some();
        let doubts = has_validators && frozen::is_doubtful(&state.changes, &feed.name, started_at);
        let url = state.effective_url.as_deref().and_then(|url| url.parse().ok()).unwrap_or_else(|| feed.url.clone());
        let is_sent = !doubts && state.validators_for.as_deref() == Some(url.as_str());
        let etag = state.etag.as_ref().filter(|_| is_sent).map(|etag| String::from_utf8_lossy(etag).into_owned());
        let answer = self.publishers.answer(&url, etag.as_deref(), &mut self.dice);
        self.outcome.polls += 1;
        let poll = self.events;
        self.note(format_args!("core {core} polls {} at {url} with {etag:?}: {:?}", feed.name, answer.trip.status()));
        self.at(self.now + answer.took_ms, Event::Answer(poll));
        let stage = Stage::Fetching(Box::new(answer));
        let asked = Asked { started_at, doubts };
        let begun = self.now;
        let flying = Flying { core, ticket, memory, flight, cancelled, asked, url: url.into(), begun, stage };
        self.life.as_mut().expect("it is running").polls.insert(poll, flying);
    }

    /// The fetch has ended by itself.
    pub(super) fn answered(&mut self, poll: u64) {
        let now = self.now;
        let life = self.life.as_mut().expect("events die with the daemon");
        // It was cancelled.
        let Some(mut flying) = life.polls.remove(&poll) else { return };
        let Stage::Fetching(answer) = flying.stage else { unreachable!("it is answered once") };
        let it = &mut life.cores[flying.core];
        let failure = answer.result.as_ref().err();
        let is_ours = is_ours(
            &mut it.breaker,
            &flying.ticket.subscription,
            &flying.memory,
            &answer.trip,
            failure,
            &flying.flight,
        );
        let is_reached = answer.trip.reached().is_some();
        it.judge.heard(is_reached, it.breaker.is_open(), now);
        // One that began while it was out has its excuse still.
        if !is_reached && it.breaker.excuses(flying.flight.started()) != is_ours {
            violated("nothing_counts_while_our_network_is_out", format!("{is_ours}"));
        }
        if is_ours {
            return self.finished(flying.core, &flying.ticket, Ended::Undone);
        }
        self.host_is_free(flying.core, &flying.ticket, &answer);
        flying.stage = Stage::Received(answer);
        let life = self.life.as_mut().expect("it is running");
        let it = &mut life.cores[flying.core];
        if it.room == 0 {
            it.waiting.push_back(poll);
            life.polls.insert(poll, flying);
            return;
        }
        it.room -= 1;
        self.read(poll, flying);
    }

    /// An answer is there: its host may be asked again, unless it asked to be left alone.
    fn host_is_free(&mut self, core: usize, ticket: &Ticket, answer: &Answer) {
        let (at, now) = (self.moment(), self.now);
        self.judge.ended(core, ticket.host(), now);
        let agenda = &mut self.life.as_mut().expect("it is running").cores[core].agenda;
        agenda.answered(ticket, at.now);
        let hold = answer.trip.host_hold(at.wall_ms);
        let postponed = hold.map(|(host, hold)| agenda.hold(host, ticket.id, hold, at));
        if let Some(retry_s) = answer.retry_s.filter(|_| answer.is_host_wide) {
            let host = host_of(&answer.trip.hops.last().expect("it was asked").url);
            self.judge.was_asked(core, host, ticket, retry(retry_s), now, at.wall_ms);
        }
        self.ask_to_postpone(postponed.unwrap_or_default());
        self.wake(core, now);
    }

    pub(super) fn cancelled(&mut self, poll: u64) {
        let life = self.life.as_mut().expect("events die with the daemon");
        if let Some(flying) = life.polls.remove(&poll) {
            self.note(format_args!("the poll of {} is cancelled", flying.ticket.subscription.feed.name));
            self.finished(flying.core, &flying.ticket, Ended::Undone);
        }
    }

    /// From an answer to what is handed to the writer.
    fn read(&mut self, poll: u64, flying: Flying) {
        let Moment { wall_ms, .. } = self.moment();
        let Flying { core, ticket, memory, flight, cancelled, asked, url, begun, stage } = flying;
        let Stage::Received(answer) = stage else { unreachable!("it was put there") };
        let Subscription { feed, .. } = &*ticket.subscription;
        let (trip, result, retry_s) = (&answer.trip, answer.result, answer.retry_s);
        let mut wishes = Vec::new();
        let scope = trip.hops.last().map_or(url.clone(), |hop| hop.url.to_string());
        let reading = result.map(|brought| match brought {
            Brought::NotModified => {
                let Memory { state, .. } = &memory;
                let (etag, last_modified) = (state.etag.clone(), state.last_modified.clone());
                Reading::NotModified { validators: Validators { scope, etag, last_modified } }
            }
            Brought::Document { etag, hash, document } => {
                let validators = Validators { scope, etag: etag.map(String::into_bytes), last_modified: None };
                if memory.state.body_hash == Some(hash) {
                    return Reading::Unchanged { validators };
                }
                let ttl_ms = document.feed.ttl_minutes.map(|minutes| u64::from(minutes) * 60_000);
                wishes.extend(ttl_ms.map(|ttl_ms| granted(feed, ttl_ms)));
                Reading::Articles { validators, body_hash: hash, document, is_delta: false }
            }
        });
        let failure: Option<&Failure> = reading.as_ref().err();
        if failure.is_none() {
            let fresh_s = self.publishers.sources[super::publishers::path_of(&trip.hops[0].url)].fresh_s;
            wishes.extend(fresh_s.map(|fresh_s| granted(feed, fresh_s * 1_000)));
        }
        wishes.extend(retry_s.map(retry));
        let news = News {
            is_failure: failure.is_some(),
            is_gone: failure.is_some_and(|failure| failure.class == Class::Gone),
            wishes,
            answered_at: self.now,
            is_held: answer.is_host_wide && retry_s.is_some(),
            steps: self.judge.steps,
        };
        let total_ms = u32::try_from(answer.took_ms).expect("it is short");
        let log = FetchLog { started_at: asked.started_at, total_ms, ..FetchLog::default() };
        let mut finding = Box::new(Finding::new(&ticket.subscription, &memory, trip, reading, asked, log, wall_ms));
        let (done, stored) = oneshot::channel();
        let record = finding.record(&ticket.subscription, done);
        let stage = Stage::Writing { finding, stored, news };
        let life = self.life.as_mut().expect("it is running");
        life.polls.insert(poll, Flying { core, ticket, memory, flight, cancelled, asked, url, begun, stage });
        life.queue.push_back(record);
        life.queued.push_back(poll);
        let waiting_max = life.cores.len() * self.scale.uncommitted_max;
        if life.queue.len() > waiting_max {
            violated("what_waits_for_the_writer_is_bounded", format!("{} polls", life.queue.len()));
        }
        self.writer_has_work(40);
    }

    /// A commit has what a poll brought. Told to the judge before anybody else hears of it.
    pub(super) fn was_stored(&mut self, poll: u64) {
        let life = self.life.as_ref().expect("it is running");
        let flying = &life.polls[&poll];
        let Stage::Writing { news, .. } = &flying.stage else { unreachable!("it waits for the writer") };
        let News { is_failure, is_gone, ref wishes, answered_at, is_held, steps } = *news;
        let subscription = &flying.ticket.subscription;
        let seen = Seen {
            feed_id: flying.ticket.id,
            feed: &subscription.feed,
            is_failure,
            is_gone,
            wishes: wishes.clone(),
            answered_at,
            is_held,
            steps,
        };
        self.judge.stored(&seen);
        self.validators_have_their_articles(flying.ticket.id);
    }

    /// The writer's answer reaches the core.
    pub(super) fn settled(&mut self, poll: u64) {
        let life = self.life.as_mut().expect("events die with the daemon");
        let flying = life.polls.remove(&poll).expect("what waits for the writer is not cancelled");
        let Stage::Writing { finding, mut stored, news } = flying.stage else { unreachable!("it was stored") };
        let result = stored.try_recv().ok().flatten().expect("it is told by now");
        let is_stored = result.is_ok();
        let polled = finding.settle(&flying.memory, None, result, 0, 0);
        let feed = &flying.ticket.subscription.feed;
        let failures = flying.memory.state.failure_count;
        let expected = if !is_stored {
            failures
        } else if news.is_failure {
            failures + 1
        } else {
            0
        };
        if polled.memory.state.failure_count != expected {
            violated("failures_are_counted", format!("{}: {expected}", feed.name));
        }
        let ceiling = ms(feed.interval_max.max(feed.interval));
        let latest = if news.is_failure { ms(BACKOFF_MAX).max(ceiling) + ms(JITTER_MAX) } else { ceiling };
        let latest = latest.max(news.wishes.iter().copied().max().map_or(0, |wish| wish + ms(JITTER_MAX)));
        if ms(polled.wait) > latest {
            violated("a_feed_is_not_forgotten", format!("{} waits for {:?}", feed.name, polled.wait));
        }
        let (core, ticket) = (flying.core, flying.ticket);
        let it = &mut life.cores[core];
        it.room += 1;
        if let Some(next) = it.waiting.pop_front() {
            it.room -= 1;
            let next_flying = life.polls.remove(&next).expect("it waits");
            self.read(next, next_flying);
        }
        self.finished(core, &ticket, Ended::Polled(polled));
    }

    fn finished(&mut self, core: usize, ticket: &Ticket, ended: Ended) {
        let at = self.moment();
        if !matches!(ended, Ended::Polled(_)) {
            self.judge.ended(core, ticket.host(), self.now);
        }
        let life = self.life.as_mut().expect("it is running");
        let it = &mut life.cores[core];
        let postponed = it.agenda.finished(ticket, ended, at);
        it.breaker.set_hosts(it.agenda.host_count());
        self.ask_to_postpone(postponed.into_iter().collect());
        self.wake(core, self.now);
    }

    /// A core takes the next command.
    pub(super) fn command(&mut self, core: usize) {
        let at = self.moment();
        let life = self.life.as_mut().expect("events die with the daemon");
        let it = &mut life.cores[core];
        match it.mailbox.pop_front() {
            Some(Command::Put(entrants)) => {
                for Entrant { subscription: Subscription { id, feed, .. }, memory } in &entrants {
                    let known = it.agenda.feeds().get(id);
                    if known.is_none_or(|known| known.subscription.feed.url != feed.url) {
                        self.judge.resumed(feed, *id, &memory.state, self.now, at.wall_ms);
                    }
                }
                it.agenda.put(entrants, false, at);
            }
            Some(Command::Remove(ids)) => it.agenda.remove(&ids),
            Some(Command::Drain) => it.agenda.drain(),
            _ => {}
        }
        it.breaker.set_hosts(it.agenda.host_count());
        let cancelled: Vec<u64> = (life.polls.iter_mut())
            .filter(|(_, flying)| flying.core == core && matches!(flying.stage, Stage::Fetching(_)))
            .filter_map(|(poll, flying)| flying.cancelled.try_recv().is_err().then_some(*poll))
            .collect();
        for poll in cancelled {
            self.at(self.now, Event::Cancelled(poll));
        }
        self.wake(core, self.now);
    }

    /// What holds whenever a core has turned.
    fn a_core_is_in_order(&mut self, core: usize) {
        let (at, now, pause) = (self.moment(), self.now, self.scale.host_pause);
        let life = self.life.as_ref().expect("it is running");
        let it = &life.cores[core];
        let flying = life.polls.values().filter(|flying| flying.core == core).count();
        if it.agenda.in_flight() != flying || flying > self.scale.in_flight_max {
            violated("polls_in_flight_are_limited", format!("{flying}, {} by the agenda", it.agenda.in_flight()));
        }
        if let Some(id) = it.agenda.lost() {
            violated("every_feed_has_a_place", format!("{} has none", self.names[&id]));
        }
        let feeds = it.agenda.feeds();
        let entries = it.agenda.overdue();
        if it.agenda.deadline_count() > 2 * feeds.len() + DEADLINES_VOID_MAX + 1 || entries > feeds.len() + self.changes
        {
            violated("queues_are_bounded", format!("{entries} due, {} deadlines", it.agenda.deadline_count()));
        }
        if life.is_draining && it.mailbox.is_empty() {
            let is_fetching = |flying: &&Flying| flying.core == core && matches!(flying.stage, Stage::Fetching(_));
            if life.polls.values().any(|flying| is_fetching(&flying)) {
                violated("a_drain_waits_for_no_publisher", format!("core {core}"));
            }
            return;
        }
        let is_young = |flying: &&Flying| flying.core == core && now < flying.begun + ms(POLL_YOUNG);
        let young: Vec<u64> = life.polls.values().filter(is_young).map(|flying| flying.begun).collect();
        if young.len() > self.scale.young_max {
            violated("young_polls_are_limited", format!("{} began of late", young.len()));
        }
        let may_begin = young.len() < self.scale.young_max;
        let may_start = flying < self.scale.in_flight_max && it.room > 0 && may_begin;
        let next_at = it.agenda.next_at(Some(&it.breaker), it.room > 0).map_or(u64::MAX, |next| self.ms_of(next));
        let is_anyone_due = feeds.values().any(|feed| matches!(feed.place, Place::Due));
        if let Some(oldest) = young.iter().min().filter(|_| !may_begin)
            && is_anyone_due
            && next_at > oldest + ms(POLL_YOUNG)
        {
            violated("a_core_wakes_up_to_begin_more", format!("at {next_at}"));
        }
        for feed in feeds.values() {
            let name = &feed.subscription.feed.name;
            match feed.place {
                Place::Waiting if feed.due_at <= at.now => violated("who_is_due_is_seen", name.clone()),
                Place::Waiting if self.ms_of(feed.due_at) < next_at => {
                    violated("a_core_wakes_up_in_time", format!("{name} is due before {next_at}"))
                }
                Place::Due if may_start && !it.breaker.is_open() => {
                    let host = feed.host();
                    if !self.judge.is_closed(core, host, pause, now) {
                        violated("who_is_due_is_polled", format!("{name} waits, and nothing keeps it"));
                    }
                    if self.judge.opens_at(core, host, pause).is_some_and(|opens_at| opens_at < next_at) {
                        violated("a_core_wakes_up_for_a_host", format!("{host} is free before {next_at}"));
                    }
                }
                Place::Due if it.breaker.is_open() && may_start && next_at == u64::MAX => {
                    violated("a_core_wakes_up_to_probe", name.clone())
                }
                _ => {}
            }
        }
    }

    /// Every few steps: no core has slept over what it was to do.
    pub(super) fn nobody_oversleeps(&self) {
        for (index, core) in self.life.iter().flat_map(|life| life.cores.iter().enumerate()) {
            let is_late = |due: u64| due + SLUGGISH_MS as u64 * 2 < self.now;
            let waiting = core.agenda.feeds().values().filter(|feed| matches!(feed.place, Place::Waiting));
            if let Some(feed) = waiting.into_iter().find(|feed| is_late(self.ms_of(feed.due_at))) {
                let name = &feed.subscription.feed.name;
                violated("a_core_does_not_oversleep", format!("core {index} left {name} alone"));
            }
        }
    }

    /// After a start: whoever should have been polled by now is, within his interval.
    pub(super) fn a_backlog_is_caught_up(&self, at: Moment) {
        for core in self.life.iter().flat_map(|life| &life.cores) {
            let feeds = core.agenda.feeds();
            for feed in feeds.values() {
                let config = &feed.subscription.feed;
                let state = &feed.memory.state;
                let is_held =
                    state.planning.schedule.as_deref().is_some_and(|rules| rules.contains("host_retry_after"));
                let wait = feed.due_at.saturating_duration_since(at.now);
                let is_due = state.next_poll_at.is_none_or(|next| next <= at.wall_ms)
                    && state.last_polled_at.is_none_or(|polled| polled <= at.wall_ms);
                let host = feed.host();
                let any_held = feeds.values().any(|other| {
                    let rules = other.memory.state.planning.schedule.as_deref();
                    other.host() == host && rules.is_some_and(|rules| rules.contains("host_retry_after"))
                });
                let pauses = 2 * self.scale.host_pause * u32::try_from(feeds.len()).unwrap_or(u32::MAX);
                if is_due && !is_held && !any_held && wait > config.interval + pauses {
                    violated("a_backlog_is_caught_up", format!("{} waits for {wait:?}", config.name));
                }
                // However far the clock was set back, unless it was while the poll ran.
                let last_wait = state.next_poll_at.zip(state.last_polled_at).map_or(0, |(next, last)| next - last);
                let latest =
                    u64::try_from(last_wait).map(|ahead| config.interval + pauses + Duration::from_millis(ahead));
                if !is_held && !any_held && latest.is_ok_and(|latest| wait > latest) {
                    violated(
                        "a_clock_that_was_set_back_holds_nobody_up",
                        format!("{} waits for {wait:?}", config.name),
                    );
                }
                let state_next = state.next_poll_at.filter(|_| state.planning.given_up_for.is_none());
                let ahead = state_next.map_or(0, |next| {
                    u64::try_from(next - at.wall_ms.max(state.last_polled_at.unwrap_or(at.wall_ms))).unwrap_or(0)
                });
                let is_early = matches!(feed.place, Place::Waiting) && ms(wait) < ahead.min(ms(BACKOFF_MAX));
                if is_early {
                    violated(
                        "a_restart_polls_nobody_early",
                        format!("{} waits for {wait:?}, not {ahead} ms", config.name),
                    );
                }
            }
        }
    }
}
