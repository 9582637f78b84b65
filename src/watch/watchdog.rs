//! The watchdog, on the main thread: looks at every cell some twenty times a second, and tells what hangs.
//!
//! It shares nothing with those that it watches but the cells, and waits for nobody: stacks are recorded, named and
//! logged by the thread `stacks`.

use std::sync::Arc;

use super::Watch;
use super::board::Board;
use super::judge::{Allowance, Judge, News, Observer, Step};
use super::sight::Badness;
use super::stacks::{Reason, Stacks};
use super::threads;
use crate::clock::Clock;
use crate::limits::{HEARTBEAT_FAILING_MS, WATCHDOG_GAP_MS_MAX, WATCHDOG_GAP_TOLD_MS, WATCHDOG_STARVING_MS};

/// See above.
#[derive(Debug)]
pub(crate) struct Watchdog {
    board: Arc<Board>,
    stacks: Stacks,
    judges: Vec<Judge>,
    allowances: Vec<Allowance>,
    observer: Observer,
}

impl Watchdog {
    pub(crate) fn new(watch: &Watch) -> Watchdog {
        let Watch { board, stacks } = watch.clone();
        let judges = vec![Judge::default(); board.cells().len()];
        let allowances = vec![Allowance::default(); board.cells().len()];
        let observer = Observer::new(Clock::monotonic_ms(), WATCHDOG_GAP_MS_MAX);
        Watchdog { board, stacks, judges, allowances, observer }
    }

    /// Looks, and tells what is new. Never waits.
    pub(crate) fn look(&mut self) {
        let now_ms = Clock::monotonic_ms();
        self.board.looked(now_ms);
        // A shorter one is a busy machine's.
        if let Some(away_ms) = self.observer.look(now_ms).filter(|ms| *ms >= WATCHDOG_GAP_TOLD_MS) {
            let seconds = away_ms as f64 / 1e3;
            log::info!("the process or the machine stood still for {seconds:.1} s; nothing counts as hung for it");
        }
        for (index, mut thread) in self.board.threads().into_iter().enumerate() {
            let silent_ms = thread.silent_ms(now_ms, &self.observer);
            let (cell, judge) = (&self.board.cells()[index], &mut self.judges[index]);
            // What the kernel says is asked of late ones alone.
            let is_late = thread.badness(silent_ms) > Badness::Fine;
            let is_there =
                is_late && thread.is_worker() && threads::one(thread.tid).is_some_and(|now| now.is_at_the_disk());
            let is_at_disk = judge.weigh(silent_ms, is_there);
            if is_at_disk != thread.is_at_disk {
                cell.set_at_disk(is_at_disk);
                thread.is_at_disk = is_at_disk;
            }
            let badness = thread.badness(silent_ms);
            let Some(news) = judge.look(silent_ms, badness, WATCHDOG_STARVING_MS) else { continue };
            let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1e3);
            let (name, doing) = (&thread.name, thread.doing());
            let what = match (thread.is_worker(), is_at_disk) {
                (true, true) => format!("{name} has waited for the disk for {}, busy with {doing}", seconds(silent_ms)),
                (true, false) => format!("{name} has been busy for {} with {doing}", seconds(silent_ms)),
                (false, _) => format!("{name} has not turned for {}, busy with {doing}", seconds(silent_ms)),
            };
            match news {
                News::Worse(Step::Late | Step::None) if !self.allowances[index].take(now_ms) => {
                    log::warn!("{what}");
                    continue;
                }
                News::Worse(Step::Late | Step::None) => log::warn!("{what}; its stack follows"),
                News::Worse(Step::Failing) => log::error!("{what}; /health says failing"),
                News::Worse(Step::Starving) => log::error!("{what}; systemd's watchdog is not fed any more"),
                News::Over(ms) => {
                    log::warn!("{name} goes on, after {}", seconds(ms));
                    continue;
                }
            }
            self.stacks.record(Reason { tid: thread.tid, name: name.clone(), what: doing });
        }
    }

    /// The main thread was busy itself, as with a reload.
    pub(crate) fn was_busy(&mut self) {
        self.observer.was_busy(Clock::monotonic_ms());
    }

    /// Whether systemd may go on believing in us.
    pub(crate) fn is_fed(&self) -> bool {
        self.judges.iter().all(|judge| judge.step() < Step::Starving)
    }

    /// What hangs now, in words without names of feeds; the worst that there is to be told in one line.
    pub(crate) fn stalled(&self) -> Option<String> {
        let now_ms = Clock::monotonic_ms();
        let silent = |thread: &super::sight::ThreadSight| thread.silent_ms(now_ms, &self.observer);
        let worst = self.board.threads().into_iter().max_by_key(silent)?;
        let silent_ms = silent(&worst);
        (worst.badness(silent_ms) > Badness::Fine).then(|| worst.reason(silent_ms))
    }
}

const _: () = assert!(HEARTBEAT_FAILING_MS < WATCHDOG_STARVING_MS);
