//! `/health` and `/`, asked for all the while as a monitor and a reader would, and what the first says of the cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rssd::clock::Clock;

use crate::figures::Times;
use crate::support::http::{Answer, Client};
use crate::support::pause;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(40);

/// `curl -m 5`.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Probed>,
}

#[derive(Default)]
pub(crate) struct Probed {
    pub(crate) health: Times,
    pub(crate) page: Times,
    /// Ages of heartbeats, as `/health` tells them.
    pub(crate) heartbeats: Times,
    /// What was no answer, or none with status 200.
    pub(crate) bad: Vec<String>,
}

impl Probe {
    pub(crate) fn start(at: SocketAddr) -> Probe {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = stop.clone();
            thread::spawn(move || {
                let mut probed = Probed::default();
                while !stop.load(Ordering::Relaxed) {
                    probed.look(at);
                }
                probed
            })
        };
        Probe { stop, thread }
    }

    pub(crate) fn end(self) -> Probed {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a probe does not panic")
    }
}

impl Probed {
    fn look(&mut self, at: SocketAddr) {
        let (took, answer) = ask(at, "/health");
        self.health.add(took);
        if let Some(answer) = answer.as_ref().filter(|answer| answer.status == 200) {
            let health = answer.json();
            for core in health["cores"].as_array().expect("there are cores") {
                let age_ms = core["heartbeat_age_ms"].as_u64().expect("an age is a number");
                self.heartbeats.add(Duration::from_millis(age_ms));
            }
        } else {
            self.bad.push(format!("/health after {took:?}: {answer:?}"));
        }
        pause(PAUSE);
        let (took, answer) = ask(at, "/");
        self.page.add(took);
        if answer.as_ref().is_none_or(|answer| answer.status != 200) {
            self.bad.push(format!("/ after {took:?}: {answer:?}"));
        }
        pause(PAUSE);
    }
}

/// On a connection of its own, the connecting included.
pub(crate) fn ask(at: SocketAddr, path: &str) -> (Duration, Option<Answer>) {
    let asked = Clock::monotonic();
    let answer = Client::try_connect(at, PATIENCE).ok().and_then(|mut client| {
        client.ask(path, "Connection: close\r\n");
        client.answer()
    });
    (Clock::monotonic() - asked, answer)
}
