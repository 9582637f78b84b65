//! What polls came to and what they took, of all cores together.

use std::sync::atomic::{AtomicU64, Ordering};

use super::exposition::Exposition;
use super::seconds;
use crate::article::RepairKind;
use crate::failure::{Class, Phase};
use crate::gauges::{CoreGauges, DELAY_BOUNDS, Measured, POLL_BOUNDS};
use crate::limits::FIBER_STACK_BYTES;
use crate::poll::{Outcome, Spent};

/// The cores' counters, added up.
#[derive(Clone, Debug)]
pub(crate) struct PollsSnapshot {
    /// Since the start, by what came of them.
    outcomes: Vec<(Outcome, u64)>,
    /// Failed polls since the start, by class.
    failures: Vec<(Class, u64)>,
    /// Documents that had to be repaired since the start, by kind of damage.
    repairs: Vec<(RepairKind, u64)>,
    /// Feeds whose last poll failed by class, and for how long the first of them has.
    failing: Vec<(Class, usize, u64)>,
    phases: Vec<(Phase, Measured)>,
    whole: Measured,
    delays: Measured,
    stack_bytes_most: usize,
}

impl PollsSnapshot {
    pub(crate) fn of<'a>(cores: impl Iterator<Item = &'a CoreGauges> + Clone, now_ms: i64) -> PollsSnapshot {
        let sum = |counter: &dyn Fn(&CoreGauges) -> &AtomicU64| -> u64 {
            cores.clone().map(|core| counter(core).load(Ordering::Relaxed)).sum()
        };
        let of_phase = |index: usize| {
            cores.clone().fold(Measured::none(&POLL_BOUNDS), |measured, core| measured.with(&core.phases[index]))
        };
        let failing = |class: Class| {
            let of_class = cores.clone().map(|core| &core.failing[class as usize]);
            let since_ms = of_class.clone().map(|failing| failing.since_ms.load(Ordering::Relaxed)).min();
            let age_ms = u64::try_from(now_ms.saturating_sub(since_ms.unwrap_or(i64::MAX))).unwrap_or(0);
            (class, of_class.map(|failing| failing.count.load(Ordering::Relaxed)).sum(), age_ms)
        };
        PollsSnapshot {
            outcomes: Outcome::ALL.map(|kind| (kind, sum(&|core| &core.outcomes[kind as usize]))).into(),
            failures: Class::ALL.map(|class| (class, sum(&|core| &core.failures[class as usize]))).into(),
            repairs: RepairKind::ALL.map(|kind| (kind, sum(&|core| &core.repairs[kind as usize]))).into(),
            failing: Class::ALL.map(failing).into(),
            phases: Spent::PHASES.into_iter().enumerate().map(|(index, phase)| (phase, of_phase(index))).collect(),
            whole: cores.clone().fold(Measured::none(&POLL_BOUNDS), |measured, core| measured.with(&core.polls_whole)),
            delays: cores.clone().fold(Measured::none(&DELAY_BOUNDS), |measured, core| measured.with(&core.delays)),
            stack_bytes_most: cores.map(|core| core.stack_bytes_most.load(Ordering::Relaxed)).max().unwrap_or(0),
        }
    }

    pub(super) fn write(&self, text: &mut Exposition) {
        let mut outcomes = text.counter("rssd_poll_outcomes", "", "Polls that ended, by what came of them.");
        for (outcome, count) in &self.outcomes {
            outcomes.sample(&[("outcome", outcome.name())], *count);
        }
        let mut failures = text.counter("rssd_poll_failures", "", "Failed polls, by class of failure.");
        for (class, count) in &self.failures {
            failures.sample(&[("class", class.name())], *count);
        }
        let mut failing = text.gauge("rssd_feeds_failing", "", "Feeds whose last poll failed, by class of failure.");
        for (class, count, _) in &self.failing {
            failing.sample(&[("class", class.name())], *count);
        }
        let help = "For how long the feed of this class has failed that has for the longest; 0 where none does.";
        let mut ages = text.gauge("rssd_feeds_failing_oldest_seconds", "seconds", help);
        for (class, _, age_ms) in &self.failing {
            ages.sample(&[("class", class.name())], seconds(*age_ms));
        }
        let mut repairs = text.counter("rssd_repairs", "", "Documents that had to be repaired, by kind of damage.");
        for (kind, count) in &self.repairs {
            repairs.sample(&[("kind", kind.name())], *count);
        }
        text.histogram("rssd_poll_delay_seconds", "How late polls begin, counted from when they were due.")
            .measured(&[], &self.delays);
        text.histogram("rssd_poll_seconds", "What polls took, from their begin to their commit.")
            .measured(&[], &self.whole);
        let help = "What each phase of polls took, where there was one; commit includes the wait for the writer.";
        let mut phases = text.histogram("rssd_poll_phase_seconds", help);
        for (phase, measured) in &self.phases {
            phases.measured(&[("phase", &phase.name().replace(' ', "_"))], measured);
        }
        let help = "The most that a fetch needed of its stack, of those that were looked at.";
        text.gauge("rssd_fiber_stack_high_water_bytes", "bytes", help).sample(&[], self.stack_bytes_most);
        text.gauge("rssd_fiber_stack_size_bytes", "bytes", "What each fetch has for its stack.")
            .sample(&[], FIBER_STACK_BYTES);
    }
}

impl Default for PollsSnapshot {
    fn default() -> PollsSnapshot {
        PollsSnapshot::of(std::iter::empty(), 0)
    }
}
