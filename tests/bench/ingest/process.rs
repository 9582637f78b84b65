//! What a process uses, as the kernel tells it.

use std::fs;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// A clock tick of /proc, which is a hundredth of a second on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// CPU seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    pub(crate) fn plus(self, other: Cpu) -> Cpu {
        Cpu { user: self.user + other.user, system: self.system + other.system }
    }

    pub(crate) fn since(self, before: Cpu) -> Cpu {
        Cpu { user: self.user - before.user, system: self.system - before.system }
    }

    /// Of a running process, all its threads; nothing where it is gone.
    pub(crate) fn of(pid: u32) -> Cpu {
        stat(&format!("/proc/{pid}/stat")).unwrap_or_default()
    }

    /// Of this thread.
    pub(crate) fn of_thread() -> Cpu {
        usage(UsageWho::RUSAGE_THREAD)
    }

    /// Of every child that was waited for, and of theirs.
    pub(crate) fn of_ended_children() -> Cpu {
        usage(UsageWho::RUSAGE_CHILDREN)
    }
}

fn usage(who: UsageWho) -> Cpu {
    let usage = getrusage(who).expect("the kernel knows what we used");
    let seconds = |time: nix::sys::time::TimeVal| time.num_microseconds() as f64 / 1e6;
    Cpu { user: seconds(usage.user_time()), system: seconds(usage.system_time()) }
}

/// What the CPUs of the machine have done since it was started, in clock ticks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Machine {
    idle: f64,
    whole: f64,
}

impl Machine {
    pub(crate) fn now() -> Machine {
        let text = fs::read_to_string("/proc/stat").unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal; what guests use is in the first two.
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<f64> = line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
        Machine { idle: ticks.iter().skip(3).take(2).sum(), whole: ticks.iter().sum() }
    }

    /// The share of the CPUs' time since then in which they had nothing to do.
    pub(crate) fn idle_since(self, before: Machine) -> f64 {
        (self.idle - before.idle) / (self.whole - before.whole)
    }
}

/// `utime` and `stime`; the name before them may hold anything.
fn stat(path: &str) -> Option<Cpu> {
    let text = fs::read_to_string(path).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<f64>().ok()? / TICKS_A_SECOND);
    Some(Cpu { user: seconds()?, system: seconds()? })
}

/// Names of a process's threads, with what each has used.
pub(crate) fn threads(pid: u32) -> Vec<(String, Cpu)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            let path = task.path();
            let name = fs::read_to_string(path.join("comm")).ok()?;
            Some((name.trim().to_owned(), stat(path.join("stat").to_str()?)?))
        })
        .collect()
}

/// What a process holds and has written, at most as far as it was looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) peak_kib: u64,
    pub(crate) threads: u64,
    /// That went to the disk.
    pub(crate) written_bytes: u64,
}

impl Held {
    /// Looks again; a process that is gone changes nothing.
    pub(crate) fn look(&mut self, pid: u32) {
        let number = |file: &str, field: &str| {
            let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.peak_kib = self.peak_kib.max(number("status", "VmHWM").unwrap_or(0));
        self.threads = self.threads.max(number("status", "Threads").unwrap_or(0));
        self.written_bytes = self.written_bytes.max(number("io", "write_bytes").unwrap_or(0));
    }
}
