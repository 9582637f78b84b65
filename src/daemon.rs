//! Starts, watches and stops all parts; the only file that knows them all.

mod start_error;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use futures_channel::{mpsc, oneshot};
use glommio::Placement;

use crate::clock::Clock;
use crate::config::plan::{Plan, changed_daemon_keys};
use crate::config::{self, Config, Cores};
use crate::core::{self, Command, Settings};
use crate::executor;
use crate::fetch::{Access, Fetcher, NameService, NameWatch, Roots, Trust};
use crate::gauges::{CoreGauges, PollNews};
use crate::http::{self, Listen, Listener};
use crate::limits::{
    COMMANDS_WAITING_MAX, DRAIN, EVENTS_WAITING_MAX, HEARTBEAT_LATE_MS, HOST_PAUSE_DEFAULT, POLL_NEWS_WAITING_MAX,
    READERS, RELOAD_LINES_MAX, ROUND_WORTH_TELLING, STREAMS_MAX, UNCOMMITTED_MAX, WRITER_QUEUE_MAX,
};
use crate::machine::{self, Lack};
use crate::poll::{Desk, Entrant, Subscription, Uncommitted};
use crate::roster::{Change, Roster, count_due};
use crate::store::{self, FeedRecord, Readers, Store, StoreError, StoreEvent, Writer};
use crate::stream::Lead;
use crate::watch::{self, Observer, Watch};
pub use start_error::StartError;

/// What the command line decides.
#[derive(Clone, Debug)]
pub struct Options {
    pub db: PathBuf,
    pub cores: Cores,
    /// Where to serve HTTP; `None` serves none.
    pub listen: Option<Listen>,
    /// Poll every feed once, at once; each core ends when it is done.
    pub once: bool,
}

/// What the main thread hears.
#[derive(Debug)]
pub enum Event {
    /// A core ended: all its feeds were polled once, or else (`done` is false) something is very wrong.
    CoreEnded { core: usize, done: bool },
    /// The HTTP core ended that was not asked to.
    HttpEnded,
    /// The writer ended for good; the process should too.
    StoreFailed(StoreError),
}

/// All parts, running.
pub struct Daemon {
    clock: Clock,
    writer: Writer,
    cores: Vec<CoreHandle>,
    http: Option<HttpHandle>,
    events: Receiver<Event>,
    event_sender: Sender<Event>,
    trust: Trust,
    roster: Roster,
    /// What stood under `[daemon]` at the start.
    config: config::Daemon,
    names: NameWatch,
    watch: Watch,
}

struct HttpHandle {
    /// Dropping it stops the HTTP core.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    readers: Readers,
}

struct CoreHandle {
    commands: mpsc::Sender<Command>,
    gauges: Arc<CoreGauges>,
    thread: JoinHandle<()>,
}

impl Daemon {
    /// Brings everything up in the order in which the parts need each other, or nothing at all. Takes the configuration, for it
    /// goes on in the cores' hands: a second one would be as large as they are.
    ///
    /// # Errors
    ///
    /// The host is unfit, or the database cannot be had. What was started by then is stopped again.
    pub fn start(config: Config, options: &Options, clock: Clock) -> Result<Daemon, StartError> {
        // The host first: nothing is opened on a machine that cannot run us.
        let machine::Cpus { cores: cpus, http: http_cpu } = machine::cpus(&options.cores).map_err(StartError::Host)?;
        let (nofile, memory) = (machine::raise_nofile().map_err(StartError::Host)?, machine::memory_left());
        let streams_wanted = config.daemon.streams_max.unwrap_or(STREAMS_MAX);
        let shares = machine::share(nofile, memory, cpus.len(), streams_wanted).map_err(StartError::Host)?;
        machine::probe_io_uring().map_err(StartError::Host)?;

        let token = config
            .daemon
            .token_file
            .as_deref()
            .map(|file| config::read_secret("token_file", file))
            .transpose()
            .map_err(StartError::Host)?;

        // The database next: its lock tells whether another instance is at work.
        // What nobody has asked to be removed is kept.
        let store = Store::open(&options.db)?.retaining(config.daemon.retention.flatten());
        // From here on whatever hangs is seen: every thread that starts has its cell.
        let watch = Watch::start(cpus.len(), READERS, store.path())?;
        let store = store.watched(watch.board.writer());
        // Before anything runs: an address that is taken should cost nobody a fetch.
        let listener = options.listen.as_ref().map(listen_on).transpose()?;
        // Room for the end of each core, and for the rest of what is worth knowing.
        let (event_sender, events) = bounded(EVENTS_WAITING_MAX + cpus.len());
        let store_events = event_sender.clone();
        // One message says as much as many: look again.
        let (mut commit_sender, commits) = mpsc::channel(1);
        let (news_sender, news) = mpsc::channel(POLL_NEWS_WAITING_MAX);
        let lead = Arc::new(Lead::new());
        let committed = lead.clone();
        let writer = store.start(clock.clone(), move |event| match event {
            // Never waits: if the main thread has that much to hear already, it is ending anyway.
            StoreEvent::Failed(error) => drop(store_events.try_send(Event::StoreFailed(error))),
            StoreEvent::Committed { seq_last, .. } => {
                committed.commit(seq_last);
                let _ = commit_sender.try_send(());
            }
            StoreEvent::Pruned { .. } => drop(commit_sender.try_send(())),
        })?;

        let mut trust = Trust::new(system_roots());

        // The cores last: from here on feeds are polled.
        let records = writer.register(&config.feeds, &|| true)?;
        let entrants = subscribe(config.feeds, records, &mut trust);
        let due_at_start = count_due(&entrants, clock.now_ms());
        let mut roster = Roster::new(cpus.len());
        let by_core = roster.take_over(entrants).puts;
        let host_pause = config.daemon.host_pause.unwrap_or(HOST_PAUSE_DEFAULT);
        if options.once {
            tell_of_pauses(&by_core, host_pause);
        }
        // Before they are read: what changes in between is seen.
        let names = NameWatch::start(&config.daemon.dns);
        let start = CoreStart {
            clock: clock.clone(),
            writer: writer.handle(),
            lead: lead.clone(),
            names: NameService::read(&config.daemon.dns),
            contact: config.daemon.contact.clone(),
            news: listener.is_some().then_some(news_sender),
            is_breaking: !options.once,
            bodies_bytes_max: shares.bodies_bytes_max,
            uncommitted_max: (WRITER_QUEUE_MAX / cpus.len()).clamp(1, UNCOMMITTED_MAX),
            events: event_sender.clone(),
        };
        let cores = Vec::new();
        let http = None;
        let mut daemon = Daemon {
            clock,
            writer,
            cores,
            http,
            events,
            event_sender,
            trust,
            roster,
            config: config.daemon,
            names,
            watch,
        };
        for (index, (cpu, share)) in cpus.iter().zip(by_core).enumerate() {
            let in_flight_max = shares.in_flight_max;
            let settings = Settings { index, in_flight_max, once: options.once, due_at_start, host_pause };
            let gauges = CoreGauges::watched(daemon.watch.board.core(index), daemon.watch.board.flights(index));
            match start_core(index, *cpu, share, settings, start.clone(), gauges) {
                Ok(core) => daemon.cores.push(core),
                Err(lack) => {
                    daemon.drain();
                    return Err(lack.into());
                }
            }
        }
        if let Some(listener) = listener {
            let policy = http::Policy::new(token.as_deref(), daemon.config.public, daemon.config.hosts.clone());
            let news = http::News { commits, lead, polls: news };
            match daemon.start_http(listener, http_cpu, policy, shares, &options.db, news) {
                Ok(http) => daemon.http = Some(http),
                Err(error) => {
                    daemon.drain();
                    return Err(error);
                }
            }
        }
        log::info!(
            "{} feeds on {} cores (CPUs {cpus:?}), up to {} polls at once on each; {} streams, {} connections",
            daemon.roster.len(),
            daemon.cores.len(),
            shares.in_flight_max,
            shares.streams_max,
            shares.connections_max
        );
        // What was read and written to come here lay among what stays.
        machine::give_memory_back();
        Ok(daemon)
    }

    fn start_http(
        &mut self,
        listener: Listener,
        cpu: usize,
        policy: http::Policy,
        shares: machine::Shares,
        db: &Path,
        news: http::News,
    ) -> Result<HttpHandle, StartError> {
        let readers = Readers::start_watched(db, &self.watch.board.readers())?;
        let summary = store::summary(db)?;
        let damaged = |_| StartError::Host(format!("the database's epoch {:?} is damaged", summary.epoch));
        let sources = http::Sources {
            policy,
            connections_max: shares.connections_max,
            streams_max: shares.streams_max,
            clock: self.clock.clone(),
            started: Clock::monotonic(),
            cores: self.cores.iter().map(|core| core.gauges.clone()).collect(),
            commands: self.cores.iter().map(|core| core.commands.clone()).collect::<Vec<_>>().into(),
            writer: self.writer.handle(),
            readers: readers.handle(),
            epoch: summary.epoch.parse().map_err(damaged)?,
            seq_last: summary.seq_last,
            watch: self.watch.clone(),
            observer: Observer::new(Clock::monotonic_ms(), HEARTBEAT_LATE_MS).into(),
        };
        let cell = self.watch.board.http();
        let (stop, stopped) = oneshot::channel();
        let address = listener.address();
        let events = self.event_sender.clone();
        let serve = move || async move {
            watch::enlist(&cell);
            let ended = HttpEnded(events);
            http::serve(listener, sources, news, stopped).await;
            // Asked to: nobody's news.
            std::mem::forget(ended);
        };
        let thread = executor::start("http", Placement::Fixed(cpu), serve)?;
        log::info!("listening on http://{address}");
        Ok(HttpHandle { stop, thread, readers })
    }

    /// The next thing the main thread should know, or `None` after `timeout`.
    pub fn next_event(&self, timeout: Duration) -> Option<Event> {
        self.events.recv_timeout(timeout).ok()
    }

    /// Wakes each core that is late from outside. One that sleeps over its own work turns again; one that is stuck does not
    /// take it, and takes no harm either.
    pub fn nudge_late_cores(&mut self) {
        for core in &mut self.cores {
            if core.gauges.heartbeat_age_ms() >= HEARTBEAT_LATE_MS && core.gauges.may_nudge() {
                let _ = core.commands.try_send(Command::Turn);
            }
        }
    }

    /// Takes over other name servers once the system has them: there may have been none when we started.
    pub fn follow_names(&mut self) {
        let Some(names) = self.names.look() else { return };
        log::info!("name servers are {} from now on", names.shown());
        for core in &mut self.cores {
            core.tell(Command::Names(names.clone()));
        }
    }

    /// What looks into all threads.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Whether every part that was started has turned at least once.
    pub(crate) fn is_up(&self) -> bool {
        self.watch.board.is_up(self.http.is_some())
    }

    /// Lets every core log what it has in flight.
    pub fn log_in_flight(&mut self) {
        for core in &mut self.cores {
            core.tell(Command::LogInFlight);
        }
    }

    /// What the cores count, one each.
    pub fn gauges(&self) -> impl Iterator<Item = &CoreGauges> {
        self.cores.iter().map(|core| &*core.gauges)
    }

    /// How many feeds are polled.
    pub fn feed_count(&self) -> usize {
        self.roster.len()
    }

    /// Takes over a new configuration's feeds: all of them, or none where the database refuses.
    ///
    /// What stands under `[daemon]` is read at the start alone. Logs the plan before it is followed. Waits for the writer for as long as `keep_waiting` says so.
    ///
    /// # Errors
    ///
    /// The database could not register the feeds; the old ones go on.
    pub fn reload(&mut self, config: Config, keep_waiting: &dyn Fn() -> bool) -> Result<Plan, StoreError> {
        let records = self.writer.register(&config.feeds, keep_waiting)?;
        self.renew_roots();
        let entrants = subscribe(config.feeds, records, &mut self.trust);
        let Change { puts, removes, plan } = self.roster.take_over(entrants);
        tell_plan(&plan);
        let keys = changed_daemon_keys(&self.config, &config.daemon).join(", ");
        if !keys.is_empty() {
            log::warn!("reload: [daemon] {keys}: taken up at the next start, and not before");
        }
        for ((core, put), remove) in self.cores.iter_mut().zip(puts).zip(removes) {
            if !remove.is_empty() {
                core.tell(Command::Remove(remove));
            }
            if !put.is_empty() {
                core.tell(Command::Put(put));
            }
        }
        Ok(plan)
    }

    /// ca-certificates may have been installed or renewed since. Where they are the same, what is there stays: with other
    /// roots every feed has changed.
    fn renew_roots(&mut self) {
        let (found, problems) = Roots::of_system();
        match (found == *self.trust.system(), found.is_empty()) {
            (true, _) => {}
            (false, true) => log::warn!("no certificate roots are found any more: those that were found before stay"),
            (false, false) => {
                log::info!("certificate roots are others from now on, {} of them", found.count());
                tell_of(&problems);
                self.trust.renew_system(found);
            }
        }
    }

    /// Stops in order, within [`DRAIN`] whatever hangs: no new polls, fetches in flight cancelled, what is parsed
    /// committed. Gives whether everything ended by itself.
    pub fn drain(mut self) -> bool {
        let deadline = Clock::monotonic() + DRAIN;
        for core in &mut self.cores {
            core.tell(Command::Drain);
        }
        // The writer gets the last part of the time, for what the cores still hand over.
        let cores_deadline = deadline - DRAIN / 3;
        let mut orderly = true;
        for (index, core) in self.cores.into_iter().enumerate() {
            if !joined_by(core.thread, cores_deadline) {
                log::error!("core {index} did not end in time and is left behind");
                orderly = false;
            }
        }
        if let Some(HttpHandle { stop, thread, readers }) = self.http {
            drop(stop);
            if !joined_by(thread, cores_deadline + DRAIN / 9) {
                log::error!("the HTTP core did not end in time and is left behind");
                orderly = false;
            }
            // Before the writer: whoever closes the database last moves its -wal.
            orderly &= readers.stop(cores_deadline + DRAIN / 6);
        }
        if let Err(error) = self.writer.stop(deadline) {
            log::error!("{error}");
            orderly = false;
        }
        orderly
    }
}

impl CoreHandle {
    /// Never waits, and always finds room: each sender has a place of its own, and this one is used once. What a core that
    /// is stuck does not take now it takes when it turns again. One that has ended needs none.
    fn tell(&mut self, command: Command) {
        if self.commands.clone().try_send(command).is_err_and(|error| error.is_full()) {
            log::error!("{} takes no commands any more", self.thread.thread().name().unwrap_or("a core"));
        }
    }
}

/// Waits for a thread's end. The standard library's `join` has no deadline.
fn joined_by(thread: JoinHandle<()>, deadline: Instant) -> bool {
    while !thread.is_finished() {
        if Clock::monotonic() >= deadline {
            return false;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    thread.join().is_ok()
}

/// Tells the main thread that the HTTP core has ended, unless it was asked to.
struct HttpEnded(Sender<Event>);

impl Drop for HttpEnded {
    fn drop(&mut self) {
        let _ = self.0.try_send(Event::HttpEnded);
    }
}

/// What every core is started with.
#[derive(Clone)]
struct CoreStart {
    clock: Clock,
    writer: crate::store::WriterHandle,
    lead: Arc<Lead>,
    names: NameService,
    contact: Option<String>,
    news: Option<mpsc::Sender<PollNews>>,
    /// In a single round every failure counts: nobody waits for the network to come back.
    is_breaking: bool,
    bodies_bytes_max: u64,
    uncommitted_max: usize,
    events: Sender<Event>,
}

/// Tells the main thread that a core has ended, however it did.
struct Ended {
    core: usize,
    /// Whether it had come to the end of its work.
    done: bool,
    events: Sender<Event>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        // Whoever stops the daemon does not listen any more, and then this is nobody's news.
        let _ = self.events.try_send(Event::CoreEnded { core: self.core, done: self.done });
    }
}

/// Starts one core on its thread and waits until it runs.
///
/// # Errors
///
/// The machine does not give it a thread or an executor.
fn start_core(
    index: usize,
    cpu: usize,
    share: Vec<Entrant>,
    settings: Settings,
    start: CoreStart,
    gauges: CoreGauges,
) -> Result<CoreHandle, Lack> {
    let gauges = Arc::new(gauges);
    let (commands, command_receiver) = mpsc::channel(COMMANDS_WAITING_MAX);
    let run = {
        let gauges = gauges.clone();
        move || async move {
            watch::enlist(&gauges.cell);
            let mut ended = Ended { core: index, done: false, events: start.events };
            let fetcher = match Fetcher::new(&start.names, start.contact.as_deref()) {
                Ok(fetcher) => fetcher.with_host_pause(settings.host_pause).holding(start.bodies_bytes_max),
                Err(failure) => {
                    log::error!("core {index}: {failure}");
                    return;
                }
            };
            let desk = Desk {
                clock: start.clock,
                fetcher,
                writer: start.writer,
                news: start.news.map(RefCell::new),
                breaker: start.is_breaking.then(RefCell::default),
                lead: start.lead,
                uncommitted: Uncommitted::new(start.uncommitted_max),
            };
            core::run(Rc::new(desk), share, settings, command_receiver, gauges).await;
            ended.done = true;
        }
    };
    let thread = executor::start(&format!("core-{index}"), Placement::Fixed(cpu), run)?;
    Ok(CoreHandle { commands, gauges, thread })
}

/// A line for each feed that a reload touches.
fn tell_plan(plan: &Plan) {
    for line in plan.lines().take(RELOAD_LINES_MAX) {
        log::info!("reload: {line}");
    }
    let more = plan.lines().count().saturating_sub(RELOAD_LINES_MAX);
    if more > 0 {
        log::info!("reload: and {more} more; `rssd check` lists what a file adds and removes");
    }
}

/// The system's certificate roots, and the log has what is wrong with them.
fn system_roots() -> Roots {
    let (roots, problems) = Roots::of_system();
    tell_of(&problems);
    if roots.is_empty() {
        log::warn!(
            "no certificate roots were found: https feeds will fail; install ca-certificates and reload, or set ca_file"
        );
    }
    roots
}

fn tell_of(problems: &[String]) {
    for problem in problems {
        log::warn!("reading the system's certificate roots: {problem}");
    }
}

fn listen_on(listen: &Listen) -> Result<Listener, StartError> {
    Listener::open(listen).map_err(|error| StartError::Listen { address: listen.address(), error })
}

/// Joins what the configuration says with the database's rows; reads the files that feeds name. Disabled feeds have a
/// row and no subscription.
fn subscribe(feeds: Vec<config::Feed>, records: Vec<FeedRecord>, trust: &mut Trust) -> Vec<Entrant> {
    trust.read(feeds.iter().filter(|feed| feed.enabled).filter_map(|feed| feed.ca_file.as_ref()));
    let joined = feeds.into_iter().zip(records).filter(|(feed, _)| feed.enabled);
    // Most feeds are asked as the one before them.
    let mut last: Option<Arc<Access>> = None;
    joined
        .map(|(feed, record)| {
            let access = Access::load(&feed, trust).map(|access| match &last {
                Some(last) if **last == access => last.clone(),
                _ => last.insert(Arc::new(access)).clone(),
            });
            if let Err(sentence) = &access {
                log::warn!("feed {}: {sentence}; it fails until this is mended and the daemon reloaded", feed.name);
            }
            let subscription = Subscription { id: record.id, feed: feed.into(), access };
            Entrant { subscription, memory: record.into() }
        })
        .collect()
}

/// Says so where a single round takes long only because one host is not asked faster.
fn tell_of_pauses(shares: &[Vec<Entrant>], host_pause: Duration) {
    let mut feeds_by_host: HashMap<String, u32> = HashMap::new();
    for entrant in shares.iter().flatten() {
        *feeds_by_host.entry(entrant.host()).or_default() += 1;
    }
    let Some((host, feeds)) = feeds_by_host.into_iter().max_by_key(|(_, feeds)| *feeds) else { return };
    let least = host_pause.saturating_mul(feeds - 1);
    if least >= ROUND_WORTH_TELLING {
        let seconds = least.as_secs();
        log::info!(
            "{feeds} feeds are of host {host}: with host_pause between them this round takes {seconds} s at least"
        );
    }
}
