//! `/metrics`: what the parts count, under names that dashboards rely on.
//!
//! Labels are bounded whatever feeds contain: the number of a core, a class of failure, a reason, a kind of refusal or of damage.
//! Nothing of a feed is one.

mod exposition;

use std::sync::atomic::Ordering;

use crate::article::RepairKind;
use crate::failure::Class;
use crate::gauges::CoreGauges;
use crate::store::{Degraded, WriterGauges};
use exposition::Exposition;

pub(crate) use exposition::Format;

/// A sample with a label of any text.
#[cfg(any(test, fuzzing))]
pub(super) fn labelled(text: &str) -> String {
    let mut exposition = Exposition::new(Format::OpenMetrics);
    exposition.gauge("a", "", "A.").sample(&[("b", text)], 1_u64);
    exposition.finish()
}

/// Everything that is told, read at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) uptime_ms: u64,
    /// In the order of their numbers.
    pub(crate) cores: Vec<CoreSnapshot>,
    pub(crate) writer: WriterSnapshot,
    /// Failed polls since the start, by class.
    pub(crate) failures: Vec<(Class, u64)>,
    /// Documents that had to be repaired since the start, by kind of damage.
    pub(crate) repairs: Vec<(RepairKind, u64)>,
    pub(crate) http: HttpSnapshot,
}

/// One core's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreSnapshot {
    pub(crate) heartbeat_age_ms: u64,
    pub(crate) feeds: usize,
    pub(crate) feeds_failing: usize,
    pub(crate) feeds_overdue: usize,
    pub(crate) feeds_polled: usize,
    pub(crate) in_flight: usize,
    pub(crate) polls: u64,
    pub(crate) polls_failed: u64,
    pub(crate) articles_new: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) is_cut_off: bool,
    pub(crate) polls_put_off: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriterSnapshot {
    pub(crate) queue: usize,
    pub(crate) commits: u64,
    pub(crate) articles: u64,
    pub(crate) updated: u64,
    pub(crate) pruned: u64,
    pub(crate) rejected: u64,
    pub(crate) degraded: Option<Degraded>,
    pub(crate) last_commit_age_ms: Option<u64>,
}

/// What the HTTP core counts. It alone touches these, so it keeps them as they are here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HttpSnapshot {
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) streams_max: usize,
    pub(crate) ring_bytes: usize,
    /// The last `seq` that was published.
    pub(crate) seq_last: u64,
    /// Answers by the first figure of their status, from 1xx on.
    pub(crate) answers: [u64; 5],
    /// Articles sent to streams.
    pub(crate) articles_sent: u64,
    /// Answers whose client took nothing for too long, streams apart.
    pub(crate) answers_dropped: u64,
    /// Streams that took nothing for too long.
    pub(crate) streams_dropped: u64,
    /// Streams refused because all places were taken.
    pub(crate) streams_refused: u64,
    /// Connections refused for the same reason.
    pub(crate) connections_refused: u64,
    /// Questions to the database that took too long, or found its queue full.
    pub(crate) queries_failed: u64,
}

/// One of a core's numbers.
type OfCore<T> = fn(&CoreSnapshot) -> T;

impl CoreSnapshot {
    pub(crate) fn of(gauges: &CoreGauges) -> CoreSnapshot {
        CoreSnapshot {
            heartbeat_age_ms: gauges.heartbeat_age_ms(),
            feeds: gauges.feeds.load(Ordering::Relaxed),
            feeds_failing: gauges.feeds_failing.load(Ordering::Relaxed),
            feeds_overdue: gauges.feeds_overdue.load(Ordering::Relaxed),
            feeds_polled: gauges.feeds_polled.load(Ordering::Relaxed),
            in_flight: gauges.in_flight.load(Ordering::Relaxed),
            polls: gauges.polls.load(Ordering::Relaxed),
            polls_failed: gauges.polls_failed.load(Ordering::Relaxed),
            articles_new: gauges.articles_new.load(Ordering::Relaxed),
            wire_bytes: gauges.wire_bytes.load(Ordering::Relaxed),
            is_cut_off: gauges.is_cut_off.load(Ordering::Relaxed),
            polls_put_off: gauges.polls_put_off.load(Ordering::Relaxed),
        }
    }
}

impl WriterSnapshot {
    pub(crate) fn of(gauges: &WriterGauges, queue: usize, now_ms: i64) -> WriterSnapshot {
        let age_ms = |at: i64| u64::try_from(now_ms.saturating_sub(at)).unwrap_or(0);
        WriterSnapshot {
            queue,
            commits: gauges.commits(),
            articles: gauges.articles(),
            updated: gauges.updated(),
            pruned: gauges.pruned(),
            rejected: gauges.rejected(),
            degraded: gauges.degraded(),
            last_commit_age_ms: gauges.last_commit_at().map(age_ms),
        }
    }
}

impl Snapshot {
    pub(crate) fn to_text(&self, format: Format) -> String {
        let mut text = Exposition::new(format);
        text.gauge("rssd_build_info", "", "The running version; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        text.gauge("rssd_uptime_seconds", "seconds", "Since the start.").sample(&[], seconds(self.uptime_ms));
        self.write_cores(&mut text);
        let mut failures = text.counter("rssd_poll_failures", "", "Failed polls, by class of failure.");
        for (class, count) in &self.failures {
            failures.sample(&[("class", class.name())], *count);
        }
        let mut repairs = text.counter("rssd_repairs", "", "Documents that had to be repaired, by kind of damage.");
        for (kind, count) in &self.repairs {
            repairs.sample(&[("kind", kind.name())], *count);
        }
        self.writer.write(&mut text);
        self.http.write(&mut text);
        text.finish()
    }

    fn write_cores(&self, text: &mut Exposition) {
        let help = "1 while polls pause because no host is reached.";
        let mut cut_off = text.gauge("rssd_core_cut_off", "", help);
        for (core, snapshot) in self.numbered() {
            cut_off.sample(&[("core", &core)], snapshot.is_cut_off);
        }
        let gauges: [(&str, &str, OfCore<usize>); 5] = [
            ("rssd_core_feeds", "Feeds that belong to the core.", |core| core.feeds),
            ("rssd_core_feeds_failing", "Feeds whose last poll failed.", |core| core.feeds_failing),
            ("rssd_core_feeds_overdue", "Feeds that are due and not admitted yet.", |core| core.feeds_overdue),
            ("rssd_core_feeds_polled", "Feeds polled at least once since the start.", |core| core.feeds_polled),
            ("rssd_core_polls_in_flight", "Polls that run.", |core| core.in_flight),
        ];
        for (name, help, value) in gauges {
            let mut family = text.gauge(name, "", help);
            for (core, snapshot) in self.numbered() {
                family.sample(&[("core", &core)], value(snapshot));
            }
        }
        let help = "How long ago the core last turned.";
        let mut ages = text.gauge("rssd_core_heartbeat_age_seconds", "seconds", help);
        for (core, snapshot) in self.numbered() {
            ages.sample(&[("core", &core)], seconds(snapshot.heartbeat_age_ms));
        }
        let counters: [(&str, &str, &str, OfCore<u64>); 5] = [
            ("rssd_polls", "", "Polls that ended.", |core| core.polls),
            ("rssd_polls_failed", "", "Polls that failed.", |core| core.polls_failed),
            ("rssd_polls_put_off", "", "Polls tried again later for want of descriptors or memory.", |core| {
                core.polls_put_off
            }),
            ("rssd_articles_new", "", "Articles that were new.", |core| core.articles_new),
            ("rssd_fetched_bytes", "bytes", "Received from feeds, before decoding.", |core| core.wire_bytes),
        ];
        for (name, unit, help, value) in counters {
            let mut family = text.counter(name, unit, help);
            for (core, snapshot) in self.numbered() {
                family.sample(&[("core", &core)], value(snapshot));
            }
        }
    }

    fn numbered(&self) -> impl Iterator<Item = (String, &CoreSnapshot)> {
        self.cores.iter().enumerate().map(|(core, snapshot)| (core.to_string(), snapshot))
    }
}

impl WriterSnapshot {
    fn write(&self, text: &mut Exposition) {
        text.gauge("rssd_writer_queue", "", "Finished polls that wait for the writer.").sample(&[], self.queue);
        text.counter("rssd_writer_commits", "", "Transactions that stored polls.").sample(&[], self.commits);
        text.counter("rssd_writer_articles", "", "Articles committed that were new.").sample(&[], self.articles);
        let help = "Articles committed again because they had changed.";
        text.counter("rssd_writer_articles_updated", "", help).sample(&[], self.updated);
        text.counter("rssd_writer_articles_pruned", "", "Articles that retention removed.").sample(&[], self.pruned);
        text.counter("rssd_writer_polls_rejected", "", "Polls that the database refused.").sample(&[], self.rejected);
        let mut waits = text.gauge("rssd_writer_degraded", "", "Why commits wait: 1 for the reason, if there is one.");
        for (name, reason) in
            [("full", Degraded::Full), ("locked", Degraded::Locked), ("read_only", Degraded::ReadOnly)]
        {
            waits.sample(&[("reason", name)], self.degraded == Some(reason));
        }
        if let Some(age_ms) = self.last_commit_age_ms {
            text.gauge("rssd_writer_last_commit_age_seconds", "seconds", "How long ago the last commit was.")
                .sample(&[], seconds(age_ms));
        }
    }
}

impl HttpSnapshot {
    fn write(&self, text: &mut Exposition) {
        text.gauge("rssd_http_connections", "", "Open connections.").sample(&[], self.connections);
        text.gauge("rssd_streams", "", "Open streams, long polls that wait included.").sample(&[], self.streams);
        text.gauge("rssd_streams_max", "", "Streams that there may be.").sample(&[], self.streams_max);
        text.gauge("rssd_stream_seq", "", "The last seq that was published.").sample(&[], self.seq_last);
        text.gauge("rssd_ring_bytes", "bytes", "Articles kept serialised for streams.").sample(&[], self.ring_bytes);
        let mut answers = text.counter("rssd_http_answers", "", "Answers, by class of status.");
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(self.answers) {
            answers.sample(&[("status", class)], count);
        }
        let help = "Answers whose client took nothing for too long, streams apart.";
        text.counter("rssd_http_answers_dropped", "", help).sample(&[], self.answers_dropped);
        text.counter("rssd_stream_articles", "", "Articles sent to streams.").sample(&[], self.articles_sent);
        let help = "Streams that took nothing for too long.";
        text.counter("rssd_streams_dropped", "", help).sample(&[], self.streams_dropped);
        text.counter("rssd_http_refused", "", "What was refused because there was no place left.")
            .sample(&[("what", "stream")], self.streams_refused)
            .sample(&[("what", "connection")], self.connections_refused);
        let help = "Questions to the database that took too long or found no place.";
        text.counter("rssd_queries_failed", "", help).sample(&[], self.queries_failed);
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sample_is_described_and_stands_once() {
        let snapshot = Snapshot {
            uptime_ms: 1_500,
            cores: vec![CoreSnapshot { polls: 7, ..CoreSnapshot::of(&CoreGauges::default()) }, CoreSnapshot::default()],
            writer: WriterSnapshot { last_commit_age_ms: Some(20), ..WriterSnapshot::default() },
            failures: vec![(Class::Dns, 3), (Class::Timeout, 4)],
            repairs: RepairKind::ALL.into_iter().zip(1..).collect(),
            http: HttpSnapshot::default(),
        };
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let text = snapshot.to_text(format);
            let (mut described, mut seen) = (HashSet::new(), HashSet::new());
            for line in text.lines() {
                if let Some(described_as) = line.strip_prefix("# TYPE ") {
                    let (name, kind) = described_as.split_once(' ').unwrap();
                    let is_counted = kind == "counter" && format == Format::OpenMetrics;
                    assert!(described.insert(format!("{name}{}", if is_counted { "_total" } else { "" })), "{line}");
                } else if !line.starts_with('#') {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    assert!(described.contains(series.split('{').next().unwrap()), "{line}");
                    assert!(seen.insert(series) && value.parse::<f64>().is_ok(), "{line}");
                }
            }
            assert!(seen.contains("rssd_polls_total{core=\"0\"}") && seen.contains("rssd_uptime_seconds"), "{text}");
            assert!(text.contains("\nrssd_poll_failures_total{class=\"timeout\"} 4\n"), "{text}");
            assert!(text.contains("\nrssd_repairs_total{kind=\"bare_ampersand\"} 1\n"), "{text}");
        }
    }
}
