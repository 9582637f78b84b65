//! rssd at a scenario: a database in which every feed is due at one moment, or from it on, and the daemon that meets it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rssd::clock::Clock;
use rusqlite::{Connection, params};

use crate::figures::Times;
use crate::process::{Cpu, Held};
use crate::run::Run;
use crate::support::http::{Client, listening};
use crate::support::{Daemon, Db, Feeds, Home, pause};

/// Until all feeds are due: the daemon is up by then, whatever it has to read.
const START: Duration = Duration::from_millis(4_000);
const START_A_FEED: Duration = Duration::from_micros(100);

const ASK_EVERY: Duration = Duration::from_millis(100);

/// What no `/health` takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Feeds as name and URL, with what else the scenario says of them all.
pub(crate) struct Ours {
    pub(crate) home: Home,
    feeds: Vec<(String, String)>,
}

/// A daemon that runs, and the moment at which its feeds are due.
pub(crate) struct Started {
    pub(crate) daemon: Daemon,
    pub(crate) at: SocketAddr,
    pub(crate) due: Instant,
}

impl Ours {
    /// A home with an empty database.
    pub(crate) fn new(urls: impl Iterator<Item = String>) -> Ours {
        Ours::with(urls, "interval = \"1h\"")
    }

    /// The same with lines of `[defaults]`.
    pub(crate) fn with(urls: impl Iterator<Item = String>, defaults: &str) -> Ours {
        Ours::of(urls.map(|url| (url, "")), defaults, "")
    }

    /// The same with lines of each feed, and of `[daemon]`.
    pub(crate) fn of(feeds: impl Iterator<Item = (String, &'static str)>, defaults: &str, daemon: &str) -> Ours {
        let home = Home::new();
        // Makes the database, and asks nobody.
        home.subscribe(&Feeds::new().feed_with("nobody", "http://127.0.0.1:9/", "enabled = false"));
        home.once();
        let mut file = Feeds::new().daemon(daemon).default(defaults);
        let mut known = Vec::new();
        for (number, (url, lines)) in feeds.enumerate() {
            let name = format!("f{number}");
            file = file.feed_with(&name, &url, lines);
            known.push((name, url));
        }
        home.subscribe(&file);
        Ours { home, feeds: known }
    }

    /// Starts the daemon with every feed due at one moment: at a start of its own it would spread them over minutes.
    pub(crate) fn start(&self) -> Started {
        self.start_due_in(START + START_A_FEED * u32::try_from(self.feeds.len()).expect("there are fewer feeds"))
    }

    /// The same with every feed due after so long.
    pub(crate) fn start_due_in(&self, wait: Duration) -> Started {
        self.start_spread(wait, Duration::ZERO)
    }

    /// The same with the first feed due after so long, and the others after it, evenly over a time.
    pub(crate) fn start_spread(&self, wait: Duration, over: Duration) -> Started {
        let due = Clock::monotonic() + wait;
        let ms = |time: Duration| i64::try_from(time.as_millis()).expect("it is a few seconds");
        let due_ms = Clock::system().now_ms() + ms(wait);
        let spread_ms = |number: usize| ms(over) * number as i64 / self.feeds.len() as i64;
        self.make_due(|number| due_ms + spread_ms(number)).expect("nobody else has the database open");
        let mut daemon = self.home.start();
        let at = listening(&mut daemon);
        if Clock::monotonic() > due {
            println!("the daemon was not up when its feeds were due: the figures of time are too large");
        }
        Started { daemon, at, due }
    }

    /// Writes when each feed, by its number, is to be polled next. As if the daemon had decided it before it was stopped.
    pub(crate) fn make_due(&self, at_ms: impl Fn(usize) -> i64) -> rusqlite::Result<()> {
        let mut db = Connection::open(self.home.db_path())?;
        let tx = db.transaction()?;
        for (number, (name, url)) in self.feeds.iter().enumerate() {
            tx.prepare_cached(
                "INSERT INTO feed (name, url, next_poll_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET next_poll_at = excluded.next_poll_at",
            )?
            .execute(params![name, url, at_ms(number)])?;
        }
        tx.commit()
    }

    /// Runs until `wanted` articles are committed.
    pub(crate) fn run(&self, wanted: u64) -> Run {
        self.run_until(wanted, |db| count(db, "SELECT coalesce(max(id), 0) FROM article"))
    }

    /// Runs until what is counted in the database is `wanted`, and stops the daemon.
    pub(crate) fn run_until(&self, wanted: u64, count: impl Fn(&Db) -> u64) -> Run {
        let mut started = self.start();
        let db = self.home.db();
        let asking = Asking::start(started.at);
        let mut run = Run::new("rssd", wanted);
        let pid = started.daemon.pid();
        pause(started.due.saturating_duration_since(Clock::monotonic()));
        run.cpu_of_start = Cpu::of(pid);
        run.watch(pid, started.due, || count(&db), || started.daemon.is_running());
        run.health = asking.end();
        index(&db, pid, run.cpu);
        drop(db);
        started.daemon.signal(nix::sys::signal::Signal::SIGTERM);
        started.daemon.wait();
        run
    }
}

pub(crate) fn count(db: &Db, sql: &str) -> u64 {
    u64::try_from(db.one::<i64>(sql)).expect("a count is not negative")
}

/// The text index is filled once no poll waits: told apart, since nobody else has one.
fn index(db: &Db, pid: u32, before: Cpu) {
    let begun = Clock::monotonic();
    let is_behind = || db.one::<bool>("SELECT seq_indexed < (SELECT seq_last FROM meta) FROM search");
    while is_behind() && Clock::monotonic() < begun + Duration::from_secs(120) {
        pause(Duration::from_millis(50));
    }
    let mut held = Held::default();
    held.look(pid);
    let after = Cpu::of(pid).since(before).total();
    println!(
        "rssd, afterwards: {after:.2} CPU s for the text index, {:.1} s later; peak {:.1} MiB",
        Clock::elapsed_ms(begun) as f64 / 1_000.0,
        held.peak_kib as f64 / 1_024.0
    );
}

/// `/health`, asked all the while as a monitor would.
pub(crate) struct Asking {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Times>,
}

impl Asking {
    pub(crate) fn start(at: SocketAddr) -> Asking {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let thread = thread::spawn(move || {
            let mut times = Times::default();
            while !asked.load(Ordering::Relaxed) {
                let asked = Clock::monotonic();
                let mut client = Client::try_connect(at, PATIENCE).expect("the daemon listens");
                client.ask("/health", "Connection: close\r\n");
                client.answer().expect("/health always answers");
                times.add(Clock::monotonic() - asked);
                pause(ASK_EVERY);
            }
            times
        });
        Asking { stop, thread }
    }

    pub(crate) fn end(self) -> Times {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("/health always answers")
    }
}
