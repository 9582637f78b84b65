//! A service manager that writes down what it is told (sd_notify(3)).

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{Daemon, Feeds, Home, tarpit};

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
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    daemon.wait_for_lines("reloaded ", 1);
    daemon.wait_for("the reload's end", |_| manager.count("READY=1") == 2);
    let messages = manager.messages();
    let place = |text: &str| messages.iter().rposition(|message| message.contains(text)).expect("it was told");
    assert!(place("RELOADING=1\nMONOTONIC_USEC=") < place("READY=1"), "{messages:?}");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
    crate::support::until("STOPPING=1", || (manager.count("STOPPING=1") == 1).then_some(()));
}
