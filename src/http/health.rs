//! Is it well? Read from gauges alone, so that it can be told whatever hangs.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::site::Sources;
use crate::clock::Clock;
use crate::watch::{Badness, ThreadSight};

/// How it is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    /// Something waits, and nothing is lost.
    Degraded,
    /// A core has stopped.
    Failing,
}

impl Status {
    pub(super) const ALL: [Status; 3] = [Status::Ok, Status::Degraded, Status::Failing];

    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Degraded => "degraded",
            Status::Failing => "failing",
        }
    }
}

/// The answer of `/health`. Ages are in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) status: Status,
    /// What is not as it should be, in words.
    pub(super) reasons: Vec<String>,
    uptime_s: u64,
    cores: Vec<Core>,
    writer_queue: usize,
    last_commit_age_ms: Option<i64>,
    feeds: Feeds,
    streams: usize,
    threads: Vec<Thread>,
}

/// A thread that is silent for too long, or not.
#[derive(Clone, Debug)]
struct Thread {
    name: String,
    silent_ms: u64,
    badness: Badness,
    /// Without names of feeds and routes.
    reason: String,
    /// With them.
    doing: String,
}

#[derive(Clone, Debug)]
struct Core {
    heartbeat_age_ms: u64,
    feeds: usize,
    in_flight: usize,
    is_cut_off: bool,
    is_short: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Feeds {
    pub(super) total: usize,
    pub(super) failing: usize,
    pub(super) overdue: usize,
}

impl Report {
    /// Reads the gauges: a few loads, no lock.
    pub(super) fn of(sources: &Sources, streams: usize) -> Report {
        let mut feeds = Feeds::default();
        let mut cores = Vec::with_capacity(sources.cores.len());
        for gauges in &sources.cores {
            feeds.total += gauges.feeds.load(Ordering::Relaxed);
            feeds.failing += gauges.feeds_failing.load(Ordering::Relaxed);
            feeds.overdue += gauges.feeds_overdue.load(Ordering::Relaxed);
            cores.push(Core {
                heartbeat_age_ms: gauges.heartbeat_age_ms(),
                feeds: gauges.feeds.load(Ordering::Relaxed),
                in_flight: gauges.in_flight.load(Ordering::Relaxed),
                is_cut_off: gauges.is_cut_off.load(Ordering::Relaxed),
                is_short: gauges.is_short.load(Ordering::Relaxed),
            });
        }
        let now = sources.clock.now_ms();
        let writer = sources.writer.gauges();
        let threads = threads(sources);
        let (status, reasons) = judge(&threads, &cores, writer.degraded().map(|why| why.reason()));
        Report {
            status,
            reasons,
            uptime_s: Clock::elapsed_ms(sources.started) / 1000,
            cores,
            writer_queue: sources.writer.queue_len(),
            last_commit_age_ms: writer.last_commit_at().map(|at| now.saturating_sub(at).max(0)),
            feeds,
            streams,
            threads,
        }
    }

    pub(super) fn feeds(&self) -> Feeds {
        self.feeds
    }

    /// Every thread, and for how long it has been silent where it should not be, in milliseconds.
    pub(super) fn silences(&self) -> impl Iterator<Item = (&str, u64)> {
        self.threads.iter().map(|thread| (&*thread.name, thread.silent_ms))
    }

    pub(super) fn uptime_s(&self) -> u64 {
        self.uptime_s
    }

    /// As the contract has it.
    pub(super) fn to_json(&self) -> String {
        self.to_value().to_string()
    }

    /// The same, with what each thread is at: for this machine alone.
    pub(super) fn to_detailed_json(&self) -> String {
        let mut value = self.to_value();
        let thread = |thread: &Thread| {
            let Thread { name, silent_ms, doing, .. } = thread;
            json!({ "thread": name, "silent_ms": silent_ms, "doing": doing })
        };
        value["threads"] = self.threads.iter().map(thread).collect();
        value.to_string()
    }

    fn to_value(&self) -> Value {
        let cores: Vec<Value> = (self.cores.iter().enumerate())
            .map(|(core, state)| {
                json!({
                    "core": core,
                    "heartbeat_age_ms": state.heartbeat_age_ms,
                    "feeds": state.feeds,
                    "in_flight": state.in_flight,
                })
            })
            .collect();
        let Feeds { total, failing, overdue } = self.feeds;
        json!({
            "status": self.status.name(),
            "reasons": self.reasons,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": self.uptime_s,
            "cores": cores,
            "writer": { "queue": self.writer_queue, "last_commit_age_ms": self.last_commit_age_ms },
            "feeds": { "total": total, "ok": total.saturating_sub(failing), "failing": failing, "overdue": overdue },
            "streams": self.streams,
        })
    }
}

fn threads(sources: &Sources) -> Vec<Thread> {
    let now_ms = Clock::monotonic_ms();
    let observer = sources.observe(now_ms);
    let thread = |sight: ThreadSight| {
        let silent_ms = sight.silent_ms(now_ms, &observer);
        let (badness, reason, doing) = (sight.badness(silent_ms), sight.reason(silent_ms), sight.doing());
        Thread { name: sight.name, silent_ms, badness, reason, doing }
    };
    sources.watch.board.threads().into_iter().map(thread).collect()
}

fn judge(threads: &[Thread], cores: &[Core], writer_waits: Option<&'static str>) -> (Status, Vec<String>) {
    let mut status = Status::Ok;
    let mut reasons = Vec::new();
    for thread in threads {
        status = status.max(match thread.badness {
            Badness::Fine => continue,
            Badness::Late => Status::Degraded,
            Badness::Failing => Status::Failing,
        });
        reasons.push(thread.reason.clone());
    }
    let cut_off: Vec<String> =
        (cores.iter().enumerate()).filter(|(_, state)| state.is_cut_off).map(|(core, _)| core.to_string()).collect();
    if !cut_off.is_empty() {
        status = status.max(Status::Degraded);
        let (which, reach) = if cut_off.len() == 1 { ("core", "reaches") } else { ("cores", "reach") };
        reasons.push(format!(
            "{which} {} {reach} no host: this machine's network or its name servers are out; polls pause until a try gets through",
            cut_off.join(", ")
        ));
    }
    if cores.iter().any(|state| state.is_short) {
        status = status.max(Status::Degraded);
        reasons
            .push("descriptors or memory are short: fewer polls at once, and some wait; raise LimitNOFILE".to_owned());
    }
    if let Some(reason) = writer_waits {
        status = status.max(Status::Degraded);
        reasons.push(reason.to_owned());
    }
    (status, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(heartbeat_age_ms: u64) -> Core {
        Core { heartbeat_age_ms, feeds: 1, in_flight: 0, is_cut_off: false, is_short: false }
    }

    #[test]
    fn an_outage_of_our_own_network_degrades_and_is_told_in_words() {
        let out = Core { is_cut_off: true, ..core(0) };
        for (cores, expected) in [
            (vec![core(0), out.clone()], "core 1 reaches no host: "),
            (vec![out.clone(), core(0), out.clone()], "cores 0, 2 reach no host: "),
        ] {
            let (status, reasons) = judge(&[], &cores, None);
            assert_eq!((status, reasons.len()), (Status::Degraded, 1));
            assert!(reasons[0].starts_with(expected), "{reasons:?}");
        }
    }

    #[test]
    fn a_shortage_degrades_and_names_its_remedy() {
        let (status, reasons) = judge(&[], &[core(0), Core { is_short: true, ..core(0) }], None);
        assert_eq!((status, reasons.len()), (Status::Degraded, 1));
        assert!(reasons[0].contains("LimitNOFILE"), "{reasons:?}");
    }

    #[test]
    fn a_late_thread_degrades_and_a_stopped_one_fails() {
        use Badness::{Failing, Fine, Late};
        for (badness, writer_waits, status, reasons) in [
            (vec![Fine, Fine], None, Status::Ok, 0),
            (vec![Fine, Late], None, Status::Degraded, 1),
            (vec![Failing, Late], None, Status::Failing, 2),
            (vec![Fine], Some("disk full"), Status::Degraded, 1),
            (vec![Failing], Some("disk full"), Status::Failing, 2),
        ] {
            let thread = |&badness: &Badness| Thread {
                name: String::new(),
                silent_ms: 0,
                badness,
                reason: "it hangs".to_owned(),
                doing: String::new(),
            };
            let threads: Vec<Thread> = badness.iter().map(thread).collect();
            let (judged, why) = judge(&threads, &[core(0)], writer_waits);
            assert_eq!((judged, why.len()), (status, reasons), "{badness:?} {why:?}");
        }
    }
}
