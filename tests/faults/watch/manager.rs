//! A service manager that writes down what it is told (sd_notify(3)).

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use rssd::tarpit::{Step, Tarpit};

use crate::support::http::{Client, listening};
use crate::support::{Daemon, Feeds, Home, tarpit, until};

pub(super) struct Manager {
    path: std::path::PathBuf,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    pub(super) fn listen(home: &Home) -> Manager {
        let path = home.path("notify");
        let socket = UnixDatagram::bind(&path).expect("the test's own directory takes a socket");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let heard = messages.clone();
        // It ends with the process: a datagram socket has no end.
        thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(len) = socket.recv(&mut bytes) {
                let message = String::from_utf8_lossy(&bytes[..len]).into_owned();
                heard.lock().expect("nobody panics with it").push(message);
            }
        });
        Manager { path, messages }
    }

    /// A daemon that tells it, and is to be fed every so often.
    pub(super) fn told_by(&self, mut command: Command, watchdog: Duration) -> Command {
        command.env("NOTIFY_SOCKET", &self.path).env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command.env_remove("WATCHDOG_PID");
        command
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.messages.lock().expect("nobody panics with it").clone()
    }

    pub(super) fn count(&self, text: &str) -> usize {
        self.messages().iter().filter(|message| message.contains(text)).count()
    }

    /// How often the watchdog was fed.
    pub(super) fn fed(&self) -> usize {
        self.count("WATCHDOG=1")
    }
}

/// A feed whose answer is waited for.
fn with_hung(tarpit: &Tarpit) -> Home {
    tarpit.route("hung.localhost", "/feed", [Step::Stall]);
    Home::with(&Feeds::new().feed("hung", tarpit.url("hung.localhost", "/feed")))
}

#[test]
fn ready_waits_for_the_database_and_then_the_listener_accepts() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("one", tarpit.url("one.localhost", "/healthy/1")));
    home.once();
    let lock = home.path("rssd.db.lock");
    let _ = fs::remove_file(&lock);
    let outside = rusqlite::Connection::open(home.db_path()).expect("it was made");
    outside
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE meta SET seq_last = seq_last")
        .expect("nobody has it");
    let manager = Manager::listen(&home);
    let mut daemon = Daemon::spawn(manager.told_by(home.daemon_command(), Duration::from_secs(10)));
    // It has the lock of the instance, and what it meets next is the one that is held here.
    daemon.wait_for("its lock", |_| fs::read(&lock).is_ok_and(|lock| !lock.is_empty()));
    for n in 0..200 {
        outside.execute("UPDATE feed SET poll_count = ?1", [n]).expect("it is locked for everybody else");
    }
    assert_eq!(manager.messages(), [""; 0], "the database is not open yet");
    outside.execute_batch("ROLLBACK").expect("it is ours");
    drop(outside);
    until("READY=1", || (manager.count("READY=1") == 1).then_some(()));
    assert_eq!(manager.messages()[0], "READY=1");
    let at = listening(&mut daemon);
    let mut client = Client::try_connect(at, Duration::from_secs(30)).expect("the listener accepts");
    client.ask("/health", "");
    assert!(client.answer().is_some());
}

#[test]
fn a_reload_that_is_refused_ends_for_the_manager_too_and_a_stop_is_told_before_it_is_made() {
    let tarpit = tarpit();
    let home = with_hung(&tarpit);
    let manager = Manager::listen(&home);
    let mut daemon = Daemon::spawn(manager.told_by(home.daemon_command(), Duration::from_millis(100)));
    daemon.wait_for("READY=1", |_| manager.count("READY=1") == 1);
    daemon.wait_for("a poll that hangs", |_| tarpit.requests().len() == 1);
    home.write("feeds.toml", "[[feed");
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_lines("nothing was changed", 1);
    daemon.wait_for("the reload's end", |_| manager.count("READY=1") == 2);
    daemon.signal(Signal::SIGTERM);
    until("STOPPING=1", || (manager.count("STOPPING=1") == 1).then_some(()));
    assert_eq!(daemon.wait().code, Some(0));
    let messages = manager.messages();
    let told = |message: &&String| ["READY", "RELOADING", "STOPPING"].iter().any(|word| message.starts_with(word));
    let order: Vec<&str> = messages.iter().filter(told).filter_map(|message| message.split('=').next()).collect();
    assert_eq!(order, ["READY", "RELOADING", "READY", "STOPPING"], "{messages:?}");
}

#[test]
fn the_manager_hears_when_it_is_ready_how_it_is_and_when_it_stops() {
    let tarpit = tarpit();
    let feeds = Feeds::new().feed("one", tarpit.url("one.localhost", "/healthy/1"));
    let home = Home::with(&feeds);
    let manager = Manager::listen(&home);
    let mut daemon = Daemon::spawn(manager.told_by(home.daemon_command(), Duration::from_millis(200)));
    daemon.wait_for("READY=1", |_| manager.count("READY=1") == 1);
    assert_eq!(manager.messages()[0], "READY=1");
    assert!(daemon.count_lines("listening on http://") == 1, "it listens when it says so");
    daemon.wait_for("the watchdog to be fed", |_| manager.fed() >= 3);
    daemon.wait_for("a status", |_| manager.count("STATUS=1 feeds, 0 failing") >= 1);
    daemon.signal(Signal::SIGHUP);
    daemon.wait_for_lines("reloaded ", 1);
    daemon.wait_for("the reload's end", |_| manager.count("READY=1") == 2);
    let messages = manager.messages();
    let place = |text: &str| messages.iter().rposition(|message| message.contains(text)).expect("it was told");
    assert!(place("RELOADING=1\nMONOTONIC_USEC=") < place("READY=1"), "{messages:?}");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
    until("STOPPING=1", || (manager.count("STOPPING=1") == 1).then_some(()));
}
