//! One program at one scenario: how far it is, moment by moment, and what that takes.

use std::time::{Duration, Instant};

use rssd::clock::Clock;

use crate::figures::Times;
use crate::process::{Cpu, Held, Machine, threads};
use crate::support::pause;

/// Between two looks: at what is committed, and at what a process holds.
const LOOK_EVERY: Duration = Duration::from_millis(10);
const LOOK_AT_THREADS_EVERY: u32 = 5;

/// A run that is not done by then is told as it is.
const PATIENCE: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(crate) struct Run {
    pub(crate) who: String,
    pub(crate) wanted: u64,
    /// When, in seconds since the beginning, so many articles were committed.
    pub(crate) curve: Vec<(f64, u64)>,
    pub(crate) cpu: Cpu,
    /// Of it, what was used before anything was due.
    pub(crate) cpu_of_start: Cpu,
    pub(crate) held: Held,
    /// The share of the CPUs' time in which they had nothing to do, for this program or another.
    pub(crate) idle: f64,
    /// Of `/health` meanwhile; nobody else has one.
    pub(crate) health: Times,
    /// Threads of the program, with their CPU seconds and until when they were busy.
    pub(crate) busy: Vec<Busy>,
}

#[derive(Clone, Debug)]
pub(crate) struct Busy {
    pub(crate) name: String,
    pub(crate) seconds: f64,
    pub(crate) until: f64,
}

impl Run {
    pub(crate) fn new(who: &str, wanted: u64) -> Run {
        Run { who: who.to_owned(), wanted, ..Run::default() }
    }

    /// Looks on until `wanted` is reached, or `goes_on` says that nothing comes any more.
    pub(crate) fn watch(
        &mut self,
        pid: u32,
        began: Instant,
        mut count: impl FnMut() -> u64,
        mut goes_on: impl FnMut() -> bool,
    ) {
        let machine = Machine::now();
        let mut look = 0;
        loop {
            // In this order: what was committed just before the end is counted.
            let ends = !goes_on() || Clock::monotonic() > began + PATIENCE;
            let at = Clock::monotonic().saturating_duration_since(began).as_secs_f64();
            let committed = count();
            if self.curve.last().is_none_or(|(_, before)| *before != committed) {
                self.curve.push((at, committed));
            }
            self.held.look(pid);
            if look % LOOK_AT_THREADS_EVERY == 0 {
                self.look_at_threads(pid, at);
            }
            look += 1;
            if committed >= self.wanted || ends {
                self.cpu = Cpu::of(pid);
                self.idle = Machine::now().idle_since(machine);
                self.look_at_threads(pid, at);
                return;
            }
            pause(LOOK_EVERY);
        }
    }

    fn look_at_threads(&mut self, pid: u32, at: f64) {
        for (name, cpu) in threads(pid) {
            let seconds = cpu.total();
            match self.busy.iter_mut().find(|busy| busy.name == name) {
                None => self.busy.push(Busy { name, seconds, until: 0.0 }),
                Some(busy) if seconds > busy.seconds => (busy.seconds, busy.until) = (seconds, at),
                Some(_) => {}
            }
        }
    }

    /// CPU seconds of the threads that poll.
    pub(crate) fn cores_seconds(&self) -> f64 {
        self.busy.iter().filter(|busy| busy.name.starts_with("core-")).map(|busy| busy.seconds).sum()
    }

    /// Until when each of them was busy.
    pub(crate) fn cores_until(&self) -> Vec<f64> {
        self.busy.iter().filter(|busy| busy.name.starts_with("core-")).map(|busy| busy.until).collect()
    }

    /// Seconds until this share of what was wanted was committed.
    pub(crate) fn until(&self, share: f64) -> Option<f64> {
        let wanted = (self.wanted as f64 * share).ceil() as u64;
        self.curve.iter().find(|(_, count)| *count >= wanted).map(|(at, _)| *at)
    }

    pub(crate) fn peak_mib(&self) -> f64 {
        self.held.peak_kib as f64 / 1_024.0
    }
}
