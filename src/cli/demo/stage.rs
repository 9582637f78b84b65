//! What the acts share: the hostile server, a folder that is gone afterwards, and one daemon after the other.
//!
//! Invariant: a daemon that was started is drained, however its act ends.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::num::NonZero;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::feeds::{self, Group};
use super::narrator::Narrator;
use super::process::Process;
use crate::cli::exit;
use crate::cli::progress::Totals;
use crate::cli::run::Watched;
use crate::clock::{self, Clock};
use crate::config::{self, Cores};
use crate::daemon::{self, Daemon, Event};
use crate::http::Listen;
use crate::store::{self, LastPoll, StoreError, Summary};
use crate::tarpit::{self, Tarpit};

/// More would show nothing more: each is a thread.
const CORES_MAX: usize = 4;

/// How often the story looks at the daemon.
const LOOK: Duration = Duration::from_millis(50);

/// Why the story ended before its end.
pub(super) enum End {
    Interrupted,
    /// Exit code, and a sentence for a person.
    Failed(u8, String),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> End {
        End::Failed(error.exit_code(), error.to_string())
    }
}

pub(super) struct Stage {
    /// Where the daemon serves HTTP, if anywhere.
    listen: Option<SocketAddr>,
    pub(super) narrator: Narrator,
    pub(super) tarpit: Tarpit,
    pub(super) process: Process,
    folder: Folder,
    signals: Watched,
}

impl Stage {
    /// Starts everything but a daemon.
    ///
    /// # Errors
    ///
    /// Exit code and a sentence: the folder cannot be made, or the hostile server cannot start.
    pub(super) fn set_up(listen: Option<SocketAddr>) -> Result<Stage, (u8, String)> {
        let signals = Watched::new().map_err(|error| (exit::INTERNAL, format!("cannot watch for signals: {error}")))?;
        // Nothing runs yet, but from now on there is something to clean up.
        signals.started();
        let folder = Folder::make().map_err(|(path, error)| {
            let remedy = "choose a folder that may be written with TMPDIR";
            (exit::PERMISSION, format!("cannot make the folder {}: {error}; {remedy}", path.display()))
        })?;
        let tarpit = Tarpit::start(tarpit::Options::default()).map_err(|error| {
            let remedy =
                "rssd needs io_uring, which containers' seccomp profiles and kernel.io_uring_disabled may refuse";
            (exit::CONFIG, format!("cannot start the hostile feed server: {error}; {remedy}"))
        })?;
        Ok(Stage { narrator: Narrator::new(), listen, tarpit, process: Process::default(), folder, signals })
    }

    pub(super) fn db(&self) -> PathBuf {
        self.folder.0.join("rssd.db")
    }

    pub(super) fn summary(&self) -> Result<Summary, End> {
        Ok(store::summary(&self.db())?)
    }

    pub(super) fn last_polls(&self) -> Result<Vec<LastPoll>, End> {
        Ok(store::last_polls(&self.db())?)
    }

    /// Runs a daemon on these feeds while `act` watches it. Gives what the act found, and how the daemon was drained.
    pub(super) fn with_daemon<T>(
        &mut self,
        groups: &[Group],
        once: bool,
        act: impl FnOnce(&mut Stage, &Daemon) -> Result<T, End>,
    ) -> Result<(T, Drained), End> {
        let config = self.configure(groups)?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get).min(CORES_MAX);
        let options =
            daemon::Options { db: self.db(), cores: Cores::Count(cores), listen: self.listen.map(Listen::At), once };
        let daemon = Daemon::start(config, &options, Clock::system())
            .map_err(|error| End::Failed(error.exit_code(), error.to_string()))?;
        let found = act(self, &daemon);
        let drain_started = Clock::monotonic();
        let orderly = daemon.drain();
        let drained = Drained { orderly, ms: Clock::elapsed_ms(drain_started) };
        Ok((found?, drained))
    }

    /// By way of a file, as every daemon is configured.
    fn configure(&self, groups: &[Group]) -> Result<config::Config, End> {
        let path = self.folder.0.join("feeds.toml");
        fs::write(&path, feeds::toml(groups, &self.tarpit))
            .map_err(|error| End::Failed(exit::INTERNAL, format!("cannot write {}: {error}", path.display())))?;
        config::load(&path).map_err(|mistakes| End::Failed(exit::INTERNAL, mistakes.to_string()))
    }

    /// Lets a moment pass, and counts what the process costs.
    ///
    /// # Errors
    ///
    /// Ctrl-C, or the daemon broke.
    pub(super) fn look(&mut self, daemon: &Daemon) -> Result<(), End> {
        match daemon.next_event(LOOK) {
            Some(Event::StoreFailed(error)) => return Err(error.into()),
            Some(Event::CoreEnded { core, done: false }) => {
                return Err(End::Failed(exit::INTERNAL, format!("core {core} panicked; see the log above")));
            }
            // A core that polls once ends when it is done, and its news would come without a pause.
            Some(Event::CoreEnded { done: true, .. } | Event::HttpEnded) | None => {}
        }
        self.process.look();
        if self.signals.pending().any(|signal| signal == SIGINT || signal == SIGTERM) {
            return Err(End::Interrupted);
        }
        Ok(())
    }

    /// Looks until `is_done` says so, or until `at_most` has passed. Gives whether it was done.
    pub(super) fn look_until(
        &mut self,
        daemon: &Daemon,
        at_most: Duration,
        mut is_done: impl FnMut(&mut Stage) -> Result<bool, End>,
    ) -> Result<bool, End> {
        let started = Clock::monotonic();
        while !is_done(self)? {
            if Clock::elapsed_ms(started) > clock::duration_ms(at_most) {
                return Ok(false);
            }
            self.look(daemon)?;
        }
        Ok(true)
    }
}

/// How a daemon was stopped.
pub(super) struct Drained {
    /// Everything ended by itself.
    pub(super) orderly: bool,
    pub(super) ms: u64,
}

/// Polls in flight on all cores now.
pub(super) fn in_flight(daemon: &Daemon) -> usize {
    daemon.gauges().map(|core| core.in_flight.load(Ordering::Relaxed)).sum()
}

/// Whether every feed was polled once.
pub(super) fn all_polled(daemon: &Daemon) -> bool {
    let Totals { feeds, polls, .. } = Totals::of(daemon);
    polls >= feeds
}

/// A folder of our own, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Folder, (PathBuf, io::Error)> {
        let path = std::env::temp_dir().join(format!("rssd-demo-{}", std::process::id()));
        // Fails where something of that name stands already, a link of a stranger included; nobody else may look inside.
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Folder(path)),
            Err(error) => Err((path, error)),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::error!("cannot remove {}: {error}; it can be deleted by hand", self.0.display());
        }
    }
}
