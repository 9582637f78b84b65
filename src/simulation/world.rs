//! The world of one seed: its clocks, its queue of events, and what befalls it. Whatever is left to chance is drawn from its dice.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Arguments;
use std::time::{Duration, Instant};

use super::EPOCH;
use super::clients::Client;
use super::judge::{BreakerJudge, Judge, ms};
use super::ledger::Ledger;
use super::polls::Flying;
use super::publishers::Publishers;
use super::writing::{Hub, Request};
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::Feed;
use crate::core::{Agenda, Command, Moment, Settings};
use crate::limits::{DRAIN, HOST_PAUSE_DEFAULT};
use crate::placement;
use crate::roster::{Roster, count_due};
use crate::store::PollRecord;
use crate::store::tests::simulated::{Database, Template};
use crate::stream::model::Dice;
use crate::stream::{Epoch, Page, Ring, Size, WakeList};

const MINUTE_MS: u64 = 60_000;
/// 2026-03-02T00:00:00Z
const START_MS: i64 = 1_772_409_600_000;
/// Names that the operator may give.
const NAMES: usize = 30;

/// What happens next, and to whom.
pub(super) enum Event {
    /// Something happens in the world.
    Chance,
    Start,
    Turn(usize),
    Command(usize),
    Answer(u64),
    Cancelled(u64),
    Write,
    Settled(u64),
    Retire,
    HubReads,
    HubTakes(Page),
    Client(usize, u64),
    ReadsFor(usize),
    /// A drain that is not over by now is ended.
    Kill,
}

/// One daemon, from its start to its end.
pub(super) struct Life {
    pub(super) cores: Vec<Core>,
    pub(super) roster: Roster,
    pub(super) polls: BTreeMap<u64, Flying>,
    /// Polls that wait for the writer, and what else is asked of it.
    pub(super) queue: VecDeque<PollRecord>,
    pub(super) queued: VecDeque<u64>,
    pub(super) requests: VecDeque<Request>,
    pub(super) is_writing: bool,
    pub(super) is_reloading: bool,
    pub(super) ring: Ring,
    pub(super) ring_size: Size,
    pub(super) wake: WakeList,
    pub(super) hub: Hub,
    pub(super) is_draining: bool,
}

pub(super) struct Core {
    pub(super) agenda: Agenda,
    pub(super) breaker: Breaker,
    pub(super) judge: BreakerJudge,
    /// Permits to wait for the writer, and who waits for one.
    pub(super) room: usize,
    pub(super) waiting: VecDeque<u64>,
    pub(super) mailbox: VecDeque<Command>,
    pub(super) wakes_at: Option<u64>,
}

/// What came of a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) trace: u64,
    pub(super) steps: u64,
    pub(super) polls: u64,
    pub(super) commits: u64,
    pub(super) articles: u64,
    pub(super) delivered: u64,
    pub(super) restarts: u64,
    pub(super) resets: u64,
    pub(super) outages: u64,
}

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) cores: usize,
    pub(super) in_flight_max: usize,
    /// Of polls that have just begun.
    pub(super) young_max: usize,
    pub(super) uncommitted_max: usize,
    pub(super) host_pause: Duration,
    /// Between two things that happen in the world, on average.
    pub(super) calm_ms: u64,
    /// What feeds are polled at, in these many minutes instead of in one: a few steps take days.
    pub(super) minutes: u32,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) scale: Scale,
    is_told: bool,
    clock: Clock,
    base: Instant,
    /// Milliseconds since the beginning, by the monotonic clock.
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), (u64, Event)>,
    pub(super) events: u64,
    pub(super) db: Database,
    pub(super) epoch: Epoch,
    pub(super) publishers: Publishers,
    /// feeds.toml, and what it was when the daemon last read it.
    pub(super) config: Vec<Feed>,
    pub(super) life: Option<Life>,
    life_number: u64,
    pub(super) clients: Vec<Client>,
    pub(super) judge: Judge,
    pub(super) ledger: Ledger,
    pub(super) names: BTreeMap<i64, String>,
    /// The operator has changed a feed so often.
    pub(super) changes: usize,
    pub(super) is_quiet: bool,
    pub(super) outcome: Outcome,
}

impl World {
    pub(super) fn new(seed: u64, is_told: bool, template: &Template) -> World {
        let mut dice = Dice::new(seed);
        // Most worlds are small, so that what is rare in a large one happens often.
        let is_crowd = dice.below(12) == 0;
        let (hosts, sources) = if is_crowd { (150, 170) } else { (1 + dice.below(10), 2 + dice.below(16)) };
        let clock = Clock::stopped_at(START_MS);
        clock.advance(Duration::ZERO);
        let scale = Scale {
            cores: 1 + dice.below(3),
            in_flight_max: if is_crowd { 100 } else { 1 + dice.below(8) },
            young_max: if is_crowd { 10 } else { 1 + dice.below(8) },
            uncommitted_max: if is_crowd { 20 } else { 1 + dice.below(4) },
            host_pause: [HOST_PAUSE_DEFAULT, Duration::ZERO, 7 * HOST_PAUSE_DEFAULT][dice.below(3)],
            calm_ms: [10_000, MINUTE_MS, 5 * MINUTE_MS][dice.below(3)],
            minutes: 1,
        };
        let is_slow = !is_crowd && dice.below(4) == 0;
        let scale = if is_slow { Scale { calm_ms: 120 * MINUTE_MS, minutes: 60, ..scale } } else { scale };
        let keep = [None, None, Some(3_600), Some(12 * 3_600)][dice.below(4)].map(Duration::from_secs);
        let publishers = Publishers::draw(&mut dice, hosts, sources);
        let mut world = World {
            scale,
            is_told,
            base: Clock::monotonic(),
            clock,
            now: 0,
            queue: BTreeMap::new(),
            events: 0,
            db: Database::new(keep, template),
            epoch: EPOCH.parse().expect("it is one"),
            publishers,
            config: Vec::new(),
            life: None,
            life_number: 0,
            clients: Vec::new(),
            judge: Judge::default(),
            ledger: Ledger::default(),
            names: BTreeMap::new(),
            changes: 0,
            is_quiet: false,
            outcome: Outcome::default(),
            dice,
        };
        let feeds = if is_crowd { sources } else { 1 + world.dice.below(sources) };
        for name in 0..feeds {
            let feed = world.feed(name, name);
            world.config.push(feed);
        }
        world.clients = (0..1 + world.dice.below(5)).map(|_| Client::draw(&mut world.dice)).collect();
        world
    }

    pub(super) fn run(mut self, steps: u32) -> Outcome {
        self.at(0, Event::Start);
        self.at(1, Event::Chance);
        for client in 0..self.clients.len() {
            self.client_soon(client, 5_000);
        }
        while self.outcome.steps < u64::from(steps) {
            self.step();
        }
        self.come_to_rest();
        Outcome { articles: self.ledger.places.len() as u64, ..self.outcome }
    }

    /// All troubles end, and a while later everybody has everything.
    fn come_to_rest(&mut self) {
        self.is_quiet = true;
        self.publishers.heal();
        self.note(format_args!("all troubles end"));
        let end = self.now + 20 * MINUTE_MS;
        let last = self.outcome.steps + 150;
        while self.life.is_none() || self.now < end && self.outcome.steps < last {
            self.step();
        }
        self.every_client_ends_with_everything();
    }

    fn step(&mut self) {
        let ((at, _), (life, event)) = self.queue.pop_first().expect("the world goes on");
        self.clock.advance(Duration::from_millis(at - self.now));
        self.now = at;
        let of_daemon = !matches!(event, Event::Chance | Event::Start | Event::Client(..) | Event::Retire);
        if of_daemon && (life != self.life_number || self.life.is_none()) {
            return;
        }
        self.outcome.steps += 1;
        match event {
            Event::Chance => self.chance(),
            Event::Start => self.start(),
            Event::Turn(core) => self.turn(core),
            Event::Command(core) => self.command(core),
            Event::Answer(poll) => self.answered(poll),
            Event::Cancelled(poll) => self.cancelled(poll),
            Event::Write => self.write(),
            Event::Settled(poll) => self.settled(poll),
            Event::Retire => self.retire(),
            Event::HubReads => self.hub_reads(),
            Event::HubTakes(page) => self.hub_takes(page),
            Event::Client(client, turn) => self.client(client, turn),
            Event::ReadsFor(client) => self.reads_for(client),
            Event::Kill => self.end("a drain took too long"),
        }
        if self.outcome.steps.is_multiple_of(8) {
            self.nobody_oversleeps();
        }
        self.end_if_drained();
    }

    /// Lets an event happen at a time; one of the daemon's dies with it.
    pub(super) fn at(&mut self, at: u64, event: Event) {
        self.events += 1;
        self.queue.insert((at, self.events), (self.life_number, event));
    }

    /// The same in a while, of up to so many milliseconds.
    pub(super) fn soon(&mut self, within_ms: usize, event: Event) {
        let wait = self.dice.below(within_ms + 1) as u64;
        self.at(self.now + wait, event);
    }

    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.base + Duration::from_millis(self.now), wall_ms: self.clock.now_ms() }
    }

    /// A deadline in the world's own time, in which there are no parts of a millisecond: it has come by then.
    pub(super) fn ms_of(&self, at: Instant) -> u64 {
        let passed = at.saturating_duration_since(self.base).as_nanos().div_ceil(1_000_000);
        u64::try_from(passed).expect("no simulation is as long")
    }

    /// What two runs of a seed have to agree on.
    pub(super) fn note(&mut self, what: Arguments<'_>) {
        let text = format!("{} {what}", self.now);
        if self.is_told {
            println!("{text}");
        }
        self.outcome.trace = placement::mix(self.outcome.trace ^ placement::hash(text.as_bytes()));
    }

    /// Something happens that nobody has asked for.
    fn chance(&mut self) {
        let wait = 1 + self.dice.below(2 * self.scale.calm_ms as usize) as u64;
        self.at(self.now + wait, Event::Chance);
        if self.is_quiet {
            return;
        }
        match self.dice.below(20) {
            0..9 => self.publishers.live(&mut self.dice),
            9..11 => self.edit_config(),
            11..13 => {
                self.edit_config();
                self.ask_for_reload();
            }
            13 => self.ask_for_reload(),
            14 => {
                let is_long = self.publishers.is_cut_off;
                self.publishers.is_cut_off = !is_long;
                self.outcome.outages += u64::from(!is_long);
                self.note(format_args!("our network is out: {}", !is_long));
            }
            15 if self.dice.below(3) == 0 => self.end("it is killed"),
            16 if self.dice.below(3) == 0 => self.drain(),
            17 => {
                let hours = [-30, -1, 1, 40][self.dice.below(4)];
                self.clock.step(hours * 3_600_000 + self.dice.below(1_000) as i64);
                self.judge.clock_stepped();
                self.note(format_args!("the clock is set by {hours} hours"));
            }
            18 => self.at(self.now, Event::Retire),
            _ => {
                let client = self.dice.below(self.clients.len());
                self.hang_up(client);
            }
        }
    }

    /// A feed of this name, of that source.
    fn feed(&mut self, name: usize, source: usize) -> Feed {
        let minute = Duration::from_secs(60) * self.scale.minutes;
        Feed {
            interval: minute * [1, 2, 5, 15, 30][self.dice.below(5)],
            interval_min: minute * [1, 5][self.dice.below(2)],
            interval_max: minute * [10, 120][self.dice.below(2)],
            labels: [("kind".to_owned(), ["even", "odd"][name % 2].to_owned())].into(),
            allow_private: true,
            ..Feed::new(format!("f{name}"), self.publishers.url(source))
        }
    }

    /// The operator edits feeds.toml: until a reload or a start nobody knows.
    fn edit_config(&mut self) {
        self.changes += 1;
        let sources = self.publishers.sources.len();
        let (name, source) = (self.dice.below(NAMES.min(2 * sources)), self.dice.below(sources));
        let new = self.feed(name, source);
        let is_taken = |feed: &Feed| feed.url == new.url && feed.name != new.name;
        if self.config.iter().any(is_taken) {
            return;
        }
        match self.config.iter().position(|feed| feed.name == new.name) {
            Some(known) => match self.dice.below(4) {
                0 if self.config.len() > 1 => drop(self.config.remove(known)),
                1 => self.config[known].enabled = !self.config[known].enabled,
                2 => self.config[known].interval = new.interval,
                _ => self.config[known] = new,
            },
            None => self.config.push(new),
        }
    }

    /// The daemon is started, with what its database knows.
    fn start(&mut self) {
        self.life_number += 1;
        self.db.reopen();
        let at = self.moment();
        let Some(records) = self.db.register(&self.config, at.wall_ms) else {
            return self.soon(1_000, Event::Start);
        };
        self.judge.registered(&self.config, &records);
        let entrants = self.subscribe(records.clone());
        let due_at_start = count_due(&entrants, at.wall_ms);
        let Scale { cores, in_flight_max, young_max, uncommitted_max, host_pause, .. } = self.scale;
        self.note(format_args!("the daemon starts with {} feeds, {due_at_start} due", entrants.len()));
        let mut roster = Roster::new(cores);
        let shares = roster.take_over(entrants).puts;
        let known: Vec<_> = self.config.iter().zip(&records).collect();
        self.judge.restarted(&known, |host| roster.core_of(host), self.now, at.wall_ms);
        let size = Size { articles: 1 + self.dice.below(40), bytes: 10_000 };
        let core = |(index, share)| {
            let settings = Settings { index, in_flight_max, once: false, due_at_start, host_pause };
            let mut agenda = Agenda::new(settings).with_young_max(young_max);
            agenda.put(share, true, at);
            let mut breaker = Breaker::default();
            breaker.set_hosts(agenda.host_count());
            Core {
                agenda,
                breaker,
                judge: BreakerJudge::default(),
                room: uncommitted_max,
                waiting: VecDeque::new(),
                mailbox: VecDeque::new(),
                wakes_at: None,
            }
        };
        let cores: Vec<Core> = shares.into_iter().enumerate().map(core).collect();
        self.life = Some(Life {
            cores,
            roster,
            polls: BTreeMap::new(),
            queue: VecDeque::new(),
            queued: VecDeque::new(),
            requests: VecDeque::new(),
            is_writing: false,
            is_reloading: false,
            ring: Ring::with_size(self.ledger.seq_last, size),
            ring_size: size,
            wake: WakeList::default(),
            hub: Hub::default(),
            is_draining: false,
        });
        self.a_backlog_is_caught_up(at);
        self.committed();
        self.soon(5_000, Event::Retire);
        for core in 0..self.scale.cores {
            self.wake(core, self.now);
        }
        for client in 0..self.clients.len() {
            self.client_soon(client, 5_000);
        }
    }

    /// The process is gone, with all that it had not stored.
    pub(super) fn end(&mut self, why: &str) {
        if self.life.take().is_none() {
            return;
        }
        self.note(format_args!("the daemon ends: {why}"));
        self.outcome.restarts += 1;
        self.life_number += 1;
        for client in 0..self.clients.len() {
            self.hang_up(client);
        }
        let down_ms = [100, 5_000, 30 * MINUTE_MS][self.dice.below(3)];
        let down_ms = down_ms / 2 + self.dice.below(down_ms as usize) as u64;
        self.at(self.now + down_ms, Event::Start);
    }

    fn drain(&mut self) {
        let Some(life) = self.life.as_mut().filter(|life| !life.is_draining) else { return };
        life.is_draining = true;
        life.cores.iter_mut().for_each(|core| core.mailbox.push_back(Command::Drain));
        self.note(format_args!("the daemon is to stop"));
        for core in 0..self.scale.cores {
            self.soon(20, Event::Command(core));
        }
        self.at(self.now + ms(DRAIN), Event::Kill);
    }

    fn end_if_drained(&mut self) {
        let Some(life) = self.life.as_ref().filter(|life| life.is_draining) else { return };
        let is_done = life.cores.iter().all(|core| core.mailbox.is_empty() && core.agenda.is_done());
        if is_done && life.queue.is_empty() && life.requests.is_empty() {
            self.end("it was stopped");
        }
    }
}
