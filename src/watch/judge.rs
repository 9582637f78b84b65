//! When a silence is a stall, and what is told of it. Pure: time is handed in.
//!
//! Each step is told once. A stopped process or machine is no stall: whoever looks was away as well, and counts anew.

use super::sight::Badness;
use crate::limits::{HEARTBEAT_FAILING_MS, STACK_PAUSE_MS, STACKS_IN_A_ROW_MAX};

/// Absences that are remembered.
const ABSENCES: usize = 16;

/// Whether whoever looks has looked all the while. A time in which he was away himself is nobody's silence: the process was
/// stopped, or the machine had no time for either.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observer {
    looked_ms: u64,
    /// A longer gap between two looks is an absence.
    gap_ms_max: u64,
    /// Beginning and end of the last ones, in a ring.
    absences: [(u64, u64); ABSENCES],
    next: usize,
}

impl Observer {
    pub(crate) fn new(now_ms: u64, gap_ms_max: u64) -> Observer {
        Observer { looked_ms: now_ms, gap_ms_max, absences: [(0, 0); ABSENCES], next: 0 }
    }

    /// Looks, and gives for how long it was away, if it was.
    pub(crate) fn look(&mut self, now_ms: u64) -> Option<u64> {
        let gap_ms = now_ms.saturating_sub(self.looked_ms);
        let was_away = gap_ms > self.gap_ms_max;
        if was_away {
            self.absences[self.next] = (self.looked_ms, now_ms);
            self.next = (self.next + 1) % ABSENCES;
        }
        self.looked_ms = now_ms;
        was_away.then_some(gap_ms)
    }

    /// It was at work of its own, and knows of it: that is no absence.
    pub(crate) fn was_busy(&mut self, now_ms: u64) {
        self.looked_ms = now_ms;
    }

    /// How much of the time since then was observed.
    pub(crate) fn observed_ms(&self, since_ms: u64, now_ms: u64) -> u64 {
        let absent = |(from, to): &(u64, u64)| to.saturating_sub(since_ms.max(*from));
        let absent_ms: u64 = self.absences.iter().map(absent).sum();
        now_ms.saturating_sub(since_ms).saturating_sub(absent_ms)
    }
}

/// How far a stall has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    #[default]
    None,
    /// Its stack is recorded.
    Late,
    /// `/health` says 503.
    Failing,
    /// systemd's watchdog is not fed any more.
    Starving,
}

/// So many stacks of a thread that is late now and again, and no more: on a machine that gives it no time all are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u32,
    at_ms: u64,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { left: STACKS_IN_A_ROW_MAX, at_ms: 0 }
    }
}

impl Allowance {
    pub(super) fn take(&mut self, now_ms: u64) -> bool {
        let more = now_ms.saturating_sub(self.at_ms) / STACK_PAUSE_MS;
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)).min(STACKS_IN_A_ROW_MAX);
            self.at_ms = now_ms;
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// What is worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Worse(Step),
    /// It goes on, after so many milliseconds.
    Over(u64),
}

/// The judge of one thread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judge {
    step: Step,
    longest_ms: u64,
    /// How much of this silence it was found at the disk.
    disk_ms: u64,
}

impl Judge {
    /// Where it was found now, and for how long it has been silent. Gives whether the disk is to blame for this silence: it
    /// was there, and not yet away from it for long enough to be failing all by itself. That changes once each way and no
    /// more, however often it goes there and comes back.
    pub(super) fn weigh(&mut self, silent_ms: u64, is_at_disk: bool) -> bool {
        if silent_ms < self.longest_ms {
            self.disk_ms = 0;
        }
        if is_at_disk {
            let before_ms = if silent_ms < self.longest_ms { 0 } else { self.longest_ms };
            self.disk_ms += silent_ms - before_ms;
        }
        self.disk_ms > 0 && self.own_ms(silent_ms) < HEARTBEAT_FAILING_MS
    }

    /// What of the silence is its own.
    fn own_ms(&self, silent_ms: u64) -> u64 {
        silent_ms.saturating_sub(self.disk_ms)
    }

    /// To be asked after [`Judge::weigh`].
    pub(super) fn look(&mut self, silent_ms: u64, badness: Badness, starving_ms: u64) -> Option<News> {
        let step = match badness {
            Badness::Fine => Step::None,
            Badness::Late => Step::Late,
            // A restart mends no disk.
            Badness::Failing if self.own_ms(silent_ms) >= starving_ms => Step::Starving,
            Badness::Failing => Step::Failing,
        };
        let before = std::mem::replace(&mut self.step, step);
        let longest_ms = std::mem::replace(&mut self.longest_ms, silent_ms);
        match (before, step) {
            (Step::None, Step::None) => None,
            (_, Step::None) => Some(News::Over(longest_ms)),
            // A new one, within one look.
            _ if silent_ms < longest_ms => Some(News::Worse(step)),
            _ if step > before => Some(News::Worse(step)),
            _ => None,
        }
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::DISK_FAILING_MS;

    fn badness(silent_ms: u64) -> Badness {
        match silent_ms {
            5_000.. => Badness::Failing,
            1_000.. => Badness::Late,
            _ => Badness::Fine,
        }
    }

    #[test]
    fn each_step_is_told_once_and_the_end_with_its_length() {
        let mut judge = Judge::default();
        let mut told = Vec::new();
        for silent_ms in (0..12_000).step_by(50).chain([20]) {
            assert!(!judge.weigh(silent_ms, false));
            told.extend(judge.look(silent_ms, badness(silent_ms), 10_000));
        }
        let worse = [Step::Late, Step::Failing, Step::Starving].map(News::Worse);
        assert_eq!(told, [&worse[..], &[News::Over(11_950)]].concat());
    }

    #[test]
    fn a_thread_that_is_late_all_the_time_is_not_recorded_all_the_time() {
        let mut allowance = Allowance::default();
        let begin = 1_000_000;
        let taken = (0..600).filter(|second| allowance.take(begin + second * 1_000)).count();
        let more = 600_000 / STACK_PAUSE_MS;
        assert!((more as usize..=(more + 1) as usize + STACKS_IN_A_ROW_MAX as usize).contains(&taken), "{taken}");
    }

    #[test]
    fn a_wait_for_the_disk_starves_nobody() {
        let mut judge = Judge::default();
        assert!(judge.weigh(60_000, true));
        assert_eq!(judge.look(60_000, Badness::Failing, 10_000), Some(News::Worse(Step::Failing)));
        assert!(judge.weigh(60_050, true));
        assert_eq!(judge.look(60_050, Badness::Failing, 10_000), None);
    }

    /// A large transaction on a slow disk is now here, now there.
    #[test]
    fn a_thread_that_is_at_the_disk_every_other_time_rises_step_by_step_and_falls_once() {
        let mut judge = Judge::default();
        let mut told = Vec::new();
        let mut blamed = Vec::new();
        for (index, silent_ms) in (0..30_000).step_by(50).enumerate() {
            let is_at_disk = judge.weigh(silent_ms, silent_ms >= 1_000 && index % 2 == 0);
            if blamed.last() != Some(&is_at_disk) {
                blamed.push(is_at_disk);
            }
            // As `sight` has it, at a disk and away from one.
            let badness = match silent_ms {
                ms if is_at_disk && ms < DISK_FAILING_MS => badness(ms.min(4_999)),
                ms => badness(ms),
            };
            let news = judge.look(silent_ms, badness, 10_000);
            told.extend(news.map(|news| (silent_ms, news)));
        }
        assert_eq!(blamed, [false, true, false]);
        // Half of the time it was at the disk, and before it was late nobody asked.
        let steps = [(1_000, Step::Late), (9_050, Step::Failing), (19_050, Step::Starving)];
        assert_eq!(told, steps.map(|(ms, step)| (ms, News::Worse(step))));
        assert!(!judge.weigh(40, false));
        assert_eq!(judge.look(40, Badness::Fine, 10_000), Some(News::Over(29_950)));
        assert!(!judge.weigh(2_000, false), "the next silence has nothing of it");
    }

    #[test]
    fn what_was_not_observed_is_nobodys_silence_and_what_was_counts_on() {
        let mut observer = Observer::new(1_000, 500);
        assert_eq!((observer.look(1_050), observer.observed_ms(900, 1_050)), (None, 150));
        assert_eq!((observer.look(61_050), observer.observed_ms(900, 61_050)), (Some(60_000), 150));
        // A beat in the middle of it, as the last one before a stop.
        assert_eq!(observer.observed_ms(2_000, 61_050), 0);
        assert_eq!((observer.look(61_100), observer.observed_ms(900, 61_100)), (None, 200));
        assert_eq!((observer.look(62_000), observer.observed_ms(900, 62_000)), (Some(900), 200));
        observer.was_busy(65_000);
        assert_eq!((observer.look(65_050), observer.observed_ms(900, 65_050)), (None, 3_250));
        // Of many the oldest are forgotten, and nothing is counted twice.
        for now in (66_000..).step_by(1_000).take(40) {
            observer.look(now);
        }
        assert_eq!(observer.observed_ms(104_900, 105_050), 50);
    }
}
