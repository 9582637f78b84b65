//! What every row asserts beside its own outcome: `/health` answered all the while, a healthy feed stayed on schedule,
//! descriptors, threads and memory came back to where they were, the database is whole, and nothing panicked that the
//! row does not name.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rssd::clock::Clock;
use rssd::tarpit::Tarpit;

use crate::support::http::{Client, listening};
use crate::support::{Daemon, Db, Feeds, Finished, Home, tarpit, until};

/// The feed that nothing may disturb: one article more at each poll, and a poll every second.
pub(super) const CONTROL: &str = "control";
const CONTROL_PATH: &str = "/growing/1?articles=3";

/// `curl -m 5` is the promise. A test run beside others on a busy machine is no place for a sharper one; with
/// RSSD_TEST_HEALTH_MS it is judged as sharply as one likes.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);

/// Between two questions for `/health`.
const HEALTH_PAUSE: Duration = Duration::from_millis(50);

/// The control feed is due every second, and a busy machine is late: a poll that waits for a hung one is later still.
const CONTROL_GAP_MAX: Duration = Duration::from_secs(5);

/// What an allocator keeps of memory that was given back, in a debug build.
const MEMORY_KEPT_KIB_MAX: u64 = 64 << 10;

/// Kept connections, a reader's second file: they come and go.
const DESCRIPTORS_SPARE: usize = 6;

/// A daemon with the control feed, a tarpit, and a fault.
pub(super) struct Scene {
    pub(super) home: Home,
    pub(super) tarpit: Tarpit,
    pub(super) daemon: Daemon,
    pub(super) at: SocketAddr,
    base: Feeds,
    health: Health,
    before: Footprint,
    memory_kept_kib_max: u64,
    control_gap_max: Duration,
    panics: usize,
    waits: bool,
}

impl Scene {
    /// A daemon that polls the control feed and nothing else yet.
    pub(super) fn new() -> Scene {
        Scene::with(|_, feeds| feeds)
    }

    /// The same with more in its feeds file from the start: lines of `[daemon]`, defaults.
    pub(super) fn with(base: impl FnOnce(&Tarpit, Feeds) -> Feeds) -> Scene {
        Scene::started_by(base, |home| home.daemon_command())
    }

    /// The same, started by another command.
    pub(super) fn started_by(
        base: impl FnOnce(&Tarpit, Feeds) -> Feeds,
        command: impl FnOnce(&Home) -> Command,
    ) -> Scene {
        let tarpit = tarpit();
        let every_second = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";
        let control = Feeds::new().feed_with(CONTROL, tarpit.url("control.localhost", CONTROL_PATH), every_second);
        let base = base(&tarpit, control);
        let home = Home::with(&base);
        let mut daemon = Daemon::spawn(command(&home));
        let at = listening(&mut daemon);
        let db = home.db_soon();
        daemon.wait_for("the control feed", |_| db.articles_of(CONTROL) >= 3);
        let health = Health::watch(at);
        let before = Footprint::of(&daemon);
        Scene {
            home,
            tarpit,
            daemon,
            at,
            base,
            health,
            before,
            memory_kept_kib_max: MEMORY_KEPT_KIB_MAX,
            control_gap_max: CONTROL_GAP_MAX,
            panics: 0,
            waits: false,
        }
    }

    /// The fault is a feed, or many: the daemon takes them over by a reload.
    pub(super) fn subscribe(&mut self, more: impl FnOnce(&Tarpit, Feeds) -> Feeds) {
        let reloads = self.daemon.count_lines("reloaded ");
        self.home.subscribe(&more(&self.tarpit, self.base.clone()));
        self.daemon.signal(Signal::SIGHUP);
        self.daemon.wait_for_lines("reloaded ", reloads + 1);
    }

    /// The fault is one feed. Waits for its first poll, and gives how it failed: `class` or `class(phase)` of
    /// `fetch_log`, and the sentence.
    pub(super) fn poll_of(&mut self, url: &str) -> (String, String) {
        self.poll_with(url, "")
    }

    /// The same with further lines for the feed.
    pub(super) fn poll_with(&mut self, url: &str, lines: &str) -> (String, String) {
        self.subscribe(|_, feeds| feeds.feed_with("fault", url, lines));
        self.wait_for_polls("fault", 1);
        let db = self.db();
        (db.last_poll_of("fault").1, db.error_of("fault"))
    }

    pub(super) fn db(&self) -> Db {
        self.home.db()
    }

    /// Waits until a feed was polled so many times, whatever came of it.
    pub(super) fn wait_for_polls(&mut self, feed: &str, count: i64) {
        let db = self.home.db();
        let what = format!("{count} polls of {feed}");
        self.daemon.wait_for(&what, |_| {
            db.one::<i64>(&format!("SELECT coalesce(sum(poll_count), 0) FROM feed WHERE name = '{feed}'")) >= count
        });
    }

    /// Waits until the control feed has brought something new so many times from now on.
    pub(super) fn control_goes_on(&mut self, polls: i64) {
        let db = self.home.db();
        let before = db.articles_of(CONTROL);
        self.daemon.wait_for("the control feed to go on", |_| db.articles_of(CONTROL) >= before + polls);
    }

    /// This row makes so many polls panic, and each says so once.
    pub(super) fn names_panics(&mut self, panics: usize) {
        self.panics = panics;
    }

    /// In this row polls wait, those of the control feed too: it goes on afterwards.
    pub(super) fn lets_polls_wait(&mut self) {
        self.waits = true;
    }

    /// For a row that ends the daemon by itself: `/health` answered until now.
    pub(super) fn leave(mut self) -> (Home, Daemon) {
        println!("/health: {} ms at most", self.health.end().as_millis());
        (self.home, self.daemon)
    }

    /// What the daemon holds now is what it has to come back to: feeds of the row that are no fault have kept connections.
    pub(super) fn measure_again(&mut self) {
        self.before = Footprint::of(&self.daemon);
    }

    /// This row fills more memory than others, and its allocator keeps more of it.
    pub(super) fn may_keep_memory(&mut self, kib_max: u64) {
        self.memory_kept_kib_max = kib_max;
    }

    /// This row is so much work for a debug build that the control feed may be late by more than in others.
    pub(super) fn may_delay_control(&mut self, gap_max: Duration) {
        self.control_gap_max = gap_max;
    }

    /// Ends the fault and asserts what every row asserts. Gives what the daemon wrote.
    pub(super) fn end(mut self) -> Finished {
        // While the fault lasts.
        self.control_goes_on(1);
        self.subscribe(|_, feeds| feeds);
        self.control_goes_on(1);
        self.before.wait_for_return(&self.daemon, self.memory_kept_kib_max);
        self.stop(|daemon| daemon.signal(Signal::SIGTERM)).finished
    }

    /// The same while the fault lasts, which the stop is part of: what is held does not have to come back.
    pub(super) fn stop(mut self, stop: impl FnOnce(&mut Daemon)) -> Stopped {
        self.assert_control_on_schedule();
        let max = self.health.end();
        println!("/health: {} ms at most", max.as_millis());
        let panics = self.daemon.count_lines("panicked at");
        assert_eq!(panics, self.panics, "panics\n{}", self.daemon.lines().join("\n"));
        let asked = Clock::monotonic();
        stop(&mut self.daemon);
        let finished = self.daemon.wait();
        let took = Clock::monotonic() - asked;
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        self.home.db().assert_whole();
        Stopped { took, finished, home: self.home, tarpit: self.tarpit }
    }

    fn assert_control_on_schedule(&self) {
        let times: Vec<Instant> = (self.tarpit.requests().iter())
            .filter(|request| request.head.host.starts_with("control."))
            .map(|request| request.at)
            .collect();
        let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        println!("control: {} polls, {} ms between two at most", times.len(), gap.as_millis());
        assert!(self.waits || gap < self.control_gap_max, "the control feed was not polled for {gap:?}");
    }
}

/// What is left of a scene.
pub(super) struct Stopped {
    pub(super) took: Duration,
    pub(super) finished: Finished,
    pub(super) home: Home,
    pub(super) tarpit: Tarpit,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    descriptors: usize,
    threads: usize,
    memory_kib: u64,
}

impl Footprint {
    fn of(daemon: &Daemon) -> Footprint {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).map_or(0, |list| list.count());
        let number = |field| daemon.proc_status(field).unwrap_or_default();
        // The kernel's own workers for a busy ring come and go.
        let names = fs::read_dir(format!("/proc/{}/task", daemon.pid())).into_iter().flatten().flatten();
        let names = names.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        let threads = names.filter(|name| !name.starts_with("iou-")).count();
        Footprint { descriptors, threads, memory_kib: number("VmRSS") }
    }

    fn wait_for_return(self, daemon: &Daemon, memory_kept_kib_max: u64) {
        let mut now = self;
        let what = format!("the daemon to hold no more than {self:?}");
        let is_back = |now: Footprint| {
            now.descriptors <= self.descriptors + DESCRIPTORS_SPARE
                && now.threads <= self.threads
                && now.memory_kib <= self.memory_kib + memory_kept_kib_max
        };
        until(&what, || {
            now = Footprint::of(daemon);
            is_back(now).then_some(())
        });
        println!("held {self:?} before, {now:?} after");
    }
}

/// Asks for `/health` all the while.
struct Health {
    stop: Arc<AtomicBool>,
    max_us: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Health {
    fn watch(at: SocketAddr) -> Health {
        let (stop, max_us) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let patience = std::env::var("RSSD_TEST_HEALTH_MS").ok().and_then(|ms| ms.parse().ok());
        let patience = patience.map_or(HEALTH_PATIENCE, Duration::from_millis);
        let thread = thread::spawn({
            let (stop, max_us) = (stop.clone(), max_us.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let asked = Clock::monotonic();
                    let answer = Client::try_connect(at, patience).ok().and_then(|mut client| {
                        client.ask("/health", "Connection: close\r\n");
                        client.answer()
                    });
                    let took = Clock::monotonic() - asked;
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    assert!(answer.is_some() && took <= patience, "/health: {took:?}, then {answer:?}");
                    max_us.fetch_max(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
                    thread::park_timeout(HEALTH_PAUSE);
                }
            }
        });
        Health { stop, max_us, thread: Some(thread) }
    }

    fn max(&self) -> Duration {
        Duration::from_micros(self.max_us.load(Ordering::Relaxed))
    }

    fn end(&mut self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("/health answered all the while");
        }
        self.max()
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
