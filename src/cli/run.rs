//! `rssd --feeds feeds.toml`: the daemon, until a signal, or `--once`.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use super::lookout::Lookout;
use super::{exit, progress};
use crate::activation;
use crate::clock::Clock;
use crate::config::{self, Config, Cores};
use crate::daemon::{Daemon, Event, Options};
use crate::http::Listen;
use crate::limits::{FEEDS_MANY, SIGNAL_LOOK_MS};
use crate::machine;
use crate::parse::rehearsal;
use crate::watch;

#[derive(clap::Args, Debug)]
pub(super) struct RunArgs {
    /// The feeds to read
    #[arg(long, value_name = "FILE")]
    pub(super) feeds: Option<PathBuf>,
    /// The database [default: `[daemon] db` in the feeds file, else $STATE_DIRECTORY/rssd.db, else rssd.db]
    #[arg(long, value_name = "PATH")]
    pub(super) db: Option<PathBuf>,
    /// Where to serve HTTP; port 0 picks one, and the log says which [default: `[daemon] listen`, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// CPUs that run a core each: `auto`, a number of them, or a list such as 0-3,6 [default: auto]
    #[arg(long, value_name = "CPUS")]
    pub(super) cores: Option<Cores>,
    /// Poll every feed once, wait until all is committed, print a summary and leave
    #[arg(long)]
    pub(super) once: bool,
}

/// Why the main loop ended.
enum End {
    Signal,
    AllPolled,
    Broken(u8),
}

pub(super) fn run(args: &RunArgs) -> u8 {
    let Some(feeds) = &args.feeds else {
        complain!("rssd: --feeds FILE says what to read; `rssd --help` lists the other commands");
        return exit::USAGE;
    };
    let config = match config::load(feeds) {
        Ok(config) => config,
        Err(mistakes) => {
            complain!("{mistakes}");
            return exit::CONFIG;
        }
    };
    // Before anything runs that a signal should end in order.
    let mut signals = match Watched::new() {
        Ok(signals) => signals,
        Err(error) => {
            complain!("rssd: cannot watch for signals: {error}");
            return match error {
                error if machine::is_passing(&error) => exit::TEMPORARY,
                error if machine::is_short(&error) => exit::CONFIG,
                _ => exit::INTERNAL,
            };
        }
    };
    // A single round is over before anybody asks how it is.
    let listen = match args.once {
        true => None,
        false => match listen(args.listen, &config) {
            Ok(listen) => Some(listen),
            Err(sentence) => {
                complain!("rssd: {sentence}");
                return exit::CONFIG;
            }
        },
    };
    let options = Options {
        db: database(args.db.as_deref(), &config),
        cores: args.cores.clone().or_else(|| config.daemon.cores.clone()).unwrap_or(Cores::Auto),
        listen,
        once: args.once,
    };
    let address = options.listen.as_ref().map(Listen::address);
    if let Some(address) = address.filter(|address| !config.daemon.may_listen_on(*address)) {
        complain!(
            "rssd: {address} is open to others: set token_file or `public = true` in [daemon], or listen on 127.0.0.1"
        );
        return exit::CONFIG;
    }
    if let Err(sentence) = watch::check_hangs() {
        complain!("rssd: {sentence}");
        return exit::USAGE;
    }
    if let Ok(mark) = env::var(rehearsal::VARIABLE) {
        rehearsal::panic_at(mark);
    }
    let mut daemon = match Daemon::start(config, &options, Clock::system()) {
        Ok(daemon) => daemon,
        Err(error) => {
            complain!("rssd: {error}");
            return error.exit_code();
        }
    };
    signals.started();
    tell_of_nothing(feeds, &daemon);
    let lookout = Lookout::new(&daemon);
    let end = match args.once {
        true => poll_once(&mut daemon, &mut signals, &lookout),
        false => serve(&mut daemon, feeds, &mut signals, &lookout),
    };
    lookout.stopping();
    let totals = progress::Totals::of(&daemon);
    let orderly = daemon.drain();
    match end {
        End::Broken(code) => return code,
        End::AllPolled => {
            progress::print_summary(&options.db, &totals);
            if totals.left_out > 0 {
                return exit::TEMPORARY;
            }
        }
        End::Signal => log::info!("stopped"),
    }
    // Left behind is only what hung, and nothing that was committed; the promise is to be gone in time.
    if !orderly {
        log::warn!("not everything ended by itself; nothing that was committed is lost");
    }
    exit::FINE
}

/// A fresh installation has no feed yet, and is no mistake; but whoever waits for articles should hear of it.
fn tell_of_nothing(feeds: &Path, daemon: &Daemon) {
    if daemon.feed_count() == 0 {
        log::warn!("{} has no feed that is polled: write one into it, and reload", feeds.display());
    }
}

/// The database: the flag wins over the file, the file over the unit's directory.
pub(super) fn database(flag: Option<&Path>, config: &Config) -> PathBuf {
    flag.map(Path::to_owned).or_else(|| config.daemon.db.clone()).unwrap_or_else(default_database)
}

/// Where it is when nobody says: in the unit's directory, else here.
pub(super) fn default_database() -> PathBuf {
    let directory = env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    directory.unwrap_or_default().join("rssd.db")
}

/// Where to listen: what was handed over wins over the flag, the flag over the file.
///
/// # Errors
///
/// A sentence: what was handed over cannot be listened on.
fn listen(flag: Option<SocketAddr>, config: &Config) -> Result<Listen, String> {
    if let Some(handed) = activation::take()? {
        if flag.is_some() {
            log::warn!("--listen is not looked at: the socket that was handed over wins");
        }
        return Ok(handed);
    }
    Ok(Listen::At(flag.or(config.daemon.listen).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)))))
}

/// The signals that the daemon answers to. The second SIGTERM or SIGINT ends the process at once, whatever hangs; so
/// does the first one until the start is done, since there is nothing to drain yet.
pub(super) struct Watched {
    signals: Signals,
    /// Whether the next one ends the process at once.
    at_once: Arc<AtomicBool>,
}

impl Watched {
    pub(super) fn new() -> std::io::Result<Watched> {
        let at_once = Arc::new(AtomicBool::new(true));
        for signal in [SIGTERM, SIGINT] {
            // In this order: what is asked for comes before what it sets.
            flag::register_conditional_shutdown(signal, i32::from(exit::FINE), at_once.clone())?;
            flag::register(signal, at_once.clone())?;
        }
        Ok(Watched { signals: Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT])?, at_once })
    }

    /// From now on the first signal asks for an orderly stop.
    pub(super) fn started(&self) {
        self.at_once.store(false, Ordering::Relaxed);
    }

    fn is_asked_to_stop(&self) -> bool {
        self.at_once.load(Ordering::Relaxed)
    }

    pub(super) fn pending(&mut self) -> impl Iterator<Item = i32> + '_ {
        self.signals.pending()
    }
}

fn serve(daemon: &mut Daemon, feeds: &Path, signals: &mut Watched, lookout: &Lookout) -> End {
    loop {
        if let Some(end) = daemon.next_event(Duration::from_millis(SIGNAL_LOOK_MS)).map(broken) {
            return end;
        }
        lookout.look(daemon);
        daemon.follow_names();
        let mut reload_wanted = false;
        for signal in signals.pending() {
            match signal {
                SIGHUP => reload_wanted = true,
                SIGUSR1 => daemon.log_in_flight(),
                SIGQUIT => daemon.watch().stacks.log_all(),
                _ => {
                    log::info!("asked to stop");
                    return End::Signal;
                }
            }
        }
        if reload_wanted {
            lookout.during_reload(|| reload(daemon, feeds, signals, lookout));
        }
    }
}

fn poll_once(daemon: &mut Daemon, signals: &mut Watched, lookout: &Lookout) -> End {
    let progress = progress::Progress::new(daemon.feed_count());
    let cores = daemon.gauges().count();
    let mut ended = 0;
    while ended < cores {
        match daemon.next_event(Duration::from_millis(SIGNAL_LOOK_MS)) {
            Some(Event::CoreEnded { done: true, .. }) => ended += 1,
            Some(event) => return broken(event),
            None => {}
        }
        lookout.look(daemon);
        progress.show(&progress::Totals::of(daemon));
        for signal in signals.pending() {
            match signal {
                SIGTERM | SIGINT => return End::Signal,
                SIGQUIT => daemon.watch().stacks.log_all(),
                _ => {}
            }
        }
    }
    End::AllPolled
}

/// Re-reads the feeds file. A broken one changes nothing and is logged once, mistake by mistake.
fn reload(daemon: &mut Daemon, feeds: &Path, signals: &Watched, lookout: &Lookout) {
    log::debug!("reload: reading {}", feeds.display());
    let config = match config::load(feeds) {
        Ok(config) => config,
        Err(mistakes) => {
            log::error!("reload: nothing was changed, since {} has mistakes:\n{mistakes}", feeds.display());
            return;
        }
    };
    let keep_waiting = || {
        lookout.look_while_reloading();
        !signals.is_asked_to_stop()
    };
    match daemon.reload(config, &keep_waiting) {
        Ok(plan) => {
            log::info!(
                "reloaded {}: {} feeds added, {} changed, {} removed",
                feeds.display(),
                plan.added.len(),
                plan.changed.len(),
                plan.removed.len()
            );
            tell_of_nothing(feeds, daemon);
            drop(plan);
            if daemon.feed_count() >= FEEDS_MANY {
                // A second configuration and every row were read beside what is there.
                machine::give_memory_back();
            }
        }
        Err(error) => log::error!("reload: nothing was changed: {error}"),
    }
}

/// What an event that ends the daemon means for the exit code.
fn broken(event: Event) -> End {
    match event {
        Event::StoreFailed(error) => {
            log::error!("{error}");
            End::Broken(error.exit_code())
        }
        Event::HttpEnded => {
            log::error!("the HTTP core ended, which it never should; see the log above");
            End::Broken(exit::INTERNAL)
        }
        Event::CoreEnded { core, .. } => {
            log::error!("core {core} ended, which it never should; see the log above");
            End::Broken(exit::INTERNAL)
        }
    }
}
