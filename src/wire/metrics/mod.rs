//! `/metrics`: what the parts count, under names that dashboards rely on.
//!
//! Labels are bounded whatever feeds contain: the number of a core, the name of a thread, a class of failure, a phase, an outcome,
//! a status, a reason, a kind of refusal or of damage. Nothing of a feed is one, not even the name of one that fails: who that
//! is changes, and each would leave a series behind.

mod cores;
mod exposition;
mod polls;
mod streams;
mod writer;

use exposition::Exposition;

pub(crate) use cores::CoreSnapshot;
pub(crate) use exposition::Format;
pub(crate) use polls::PollsSnapshot;
pub(crate) use streams::HttpSnapshot;
pub(crate) use writer::WriterSnapshot;

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
    /// Every status there is, and whether it is that.
    pub(crate) health: [(&'static str, bool); 3],
    /// Every thread, and for how long it has been silent where it should not be.
    pub(crate) silences: Vec<(String, u64)>,
    /// In the order of their numbers.
    pub(crate) cores: Vec<CoreSnapshot>,
    pub(crate) writer: WriterSnapshot,
    pub(crate) polls: PollsSnapshot,
    pub(crate) http: HttpSnapshot,
}

impl Snapshot {
    pub(crate) fn to_text(&self, format: Format) -> String {
        let mut text = Exposition::new(format);
        text.gauge("rssd_build_info", "", "The running version; always 1.")
            .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1_u64);
        text.gauge("rssd_uptime_seconds", "seconds", "Since the start.").sample(&[], seconds(self.uptime_ms));
        let mut health = text.gauge("rssd_health", "", "How it is, as /health says: 1 for that, 0 for the others.");
        for (status, is_so) in self.health {
            health.sample(&[("status", status)], is_so);
        }
        let help = "How long ago a thread last turned; of a writer or reader at work since it came forward, else 0.";
        let mut silences = text.gauge("rssd_thread_silent_seconds", "seconds", help);
        for (thread, silent_ms) in &self.silences {
            silences.sample(&[("thread", thread)], seconds(*silent_ms));
        }
        cores::write(&self.cores, &mut text);
        self.polls.write(&mut text);
        self.writer.write(&mut text);
        self.http.write(&mut text);
        text.finish()
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::Duration;

    use super::*;
    use crate::article::RepairKind;
    use crate::failure::Class;
    use crate::gauges::{CoreGauges, add};
    use crate::poll::Outcome;

    #[test]
    fn every_sample_is_described_and_stands_once() {
        let cores = [CoreGauges::default(), CoreGauges::default()];
        for core in &cores {
            add(&core.failures[Class::Timeout as usize], 2);
            add(&core.repairs[RepairKind::BareAmpersand as usize], 1);
            add(&core.outcomes[Outcome::NotModified as usize], 3);
            core.phases[1].count(Duration::from_millis(20));
            core.failing[Class::Dns as usize].count.store(4, Relaxed);
            core.delays.count(Duration::from_secs(700));
            core.polls_whole.count(Duration::from_secs(2));
        }
        cores[1].failing[Class::Dns as usize].since_ms.store(1_000, Relaxed);
        let snapshot = Snapshot {
            uptime_ms: 1_500,
            health: [("ok", true), ("degraded", false), ("failing", false)],
            silences: vec![("writer".to_owned(), 250)],
            cores: vec![CoreSnapshot { polls: 7, ..CoreSnapshot::of(&cores[0]) }, CoreSnapshot::default()],
            writer: WriterSnapshot { last_commit_age_ms: Some(20), ..WriterSnapshot::default() },
            polls: PollsSnapshot::of(cores.iter(), 61_000),
            http: HttpSnapshot::default(),
        };
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let text = snapshot.to_text(format);
            let (mut described, mut seen) = (HashSet::new(), HashSet::new());
            for line in text.lines() {
                if let Some(described_as) = line.strip_prefix("# TYPE ") {
                    let (name, kind) = described_as.split_once(' ').unwrap();
                    let ends: &[&str] = match kind {
                        "counter" if format == Format::OpenMetrics => &["_total"],
                        "histogram" => &["_bucket", "_sum", "_count"],
                        _ => &[""],
                    };
                    ends.iter().for_each(|end| assert!(described.insert(format!("{name}{end}")), "{line}"));
                } else if !line.starts_with('#') {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    assert!(described.contains(series.split('{').next().unwrap()), "{line}");
                    assert!(seen.insert(series) && value.parse::<f64>().is_ok(), "{line}");
                }
            }
            assert!(seen.contains("rssd_polls_total{core=\"0\"}") && seen.contains("rssd_uptime_seconds"), "{text}");
            for line in [
                "rssd_poll_failures_total{class=\"timeout\"} 4",
                "rssd_repairs_total{kind=\"bare_ampersand\"} 2",
                "rssd_poll_outcomes_total{outcome=\"not_modified\"} 6",
                "rssd_poll_phase_seconds_bucket{phase=\"connect\",le=\"0.025\"} 2",
                "rssd_poll_phase_seconds_sum{phase=\"connect\"} 0.04",
                "rssd_poll_phase_seconds_count{phase=\"tls\"} 0",
                "rssd_poll_seconds_sum 4",
                "rssd_poll_delay_seconds_bucket{le=\"600.0\"} 0",
                "rssd_poll_delay_seconds_bucket{le=\"1800.0\"} 2",
                "rssd_feeds_failing{class=\"dns\"} 8",
                "rssd_feeds_failing_oldest_seconds{class=\"dns\"} 60",
                "rssd_feeds_failing_oldest_seconds{class=\"tls\"} 0",
                "rssd_health{status=\"ok\"} 1",
                "rssd_thread_silent_seconds{thread=\"writer\"} 0.25",
            ] {
                assert!(text.lines().any(|found| found == line), "{line}\n{text}");
            }
        }
    }
}
