//! Numbers as they are told: percentiles of times, and what a process holds.

use std::fmt;
use std::fs;
use std::time::Duration;

use crate::support::Daemon;

/// Times of one kind.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that this share of them does not exceed.
    pub(crate) fn at(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or_default()
    }

    pub(crate) fn longer_than(&self, bound: Duration) -> usize {
        self.0.iter().filter(|time| **time > bound).count()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        write!(
            f,
            "n {}, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            self.0.len(),
            ms(self.at(0.5)),
            ms(self.at(0.99)),
            ms(self.at(1.0))
        )
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: usize,
}

impl Held {
    pub(crate) fn by(daemon: &Daemon) -> Held {
        Held {
            resident_kib: daemon.proc_status("VmRSS").unwrap_or(0),
            threads: daemon.proc_status("Threads").unwrap_or(0),
            descriptors: fs::read_dir(format!("/proc/{}/fd", daemon.pid())).map_or(0, Iterator::count),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.resident_kib as f64 / 1_024.0;
        write!(f, "{mib:.1} MiB resident, {} threads, {} descriptors", self.threads, self.descriptors)
    }
}
