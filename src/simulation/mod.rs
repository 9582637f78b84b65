//! The whole of what is pure, in simulated time: admission, schedule, hosts, breaker, identity, store, ring and clients, as they
//! are in the daemon, before publishers, clients and an operator of every temper, over crashes and steps of the clock.
//!
//! A seed decides everything, so it replays. After each step the invariants of the design are checked by books that are kept
//! apart from what they check; who breaks one is told by its name. What is not here: sockets, executors, threads, and the disk.
//!
//! `RSSD_SIM_SEED` runs one seed and tells its steps; `RSSD_SIM_MINUTES` runs new ones for so long.

mod clients;
mod judge;
mod ledger;
mod polls;
mod publishers;
mod world;
mod writing;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::store::tests::simulated::{Database, Template};
use world::{Outcome, World};

/// In every run of the tests.
const SEEDS: u64 = 200;
/// Steps of a seed, before the world comes to rest.
const STEPS: u32 = 170;
/// Of a seed that is not one of many.
const STEPS_LONG: u32 = 20_000;
const EPOCH: &str = "0123456789abcdef";

/// Ends the run of a seed.
fn violated(invariant: &str, detail: String) -> ! {
    panic!("invariant {invariant}: {detail}")
}

/// What some seeds did, together.
#[derive(Debug, Default)]
struct Sum {
    seeds: AtomicU64,
    steps: AtomicU64,
    polls: AtomicU64,
    commits: AtomicU64,
    articles: AtomicU64,
    delivered: AtomicU64,
    restarts: AtomicU64,
    resets: AtomicU64,
    outages: AtomicU64,
}

impl Sum {
    fn add(&self, outcome: &Outcome) {
        let add = |to: &AtomicU64, count: u64| to.fetch_add(count, Ordering::Relaxed);
        add(&self.seeds, 1);
        add(&self.steps, outcome.steps);
        add(&self.polls, outcome.polls);
        add(&self.commits, outcome.commits);
        add(&self.articles, outcome.articles);
        add(&self.delivered, outcome.delivered);
        add(&self.restarts, outcome.restarts);
        add(&self.resets, outcome.resets);
        add(&self.outages, outcome.outages);
    }
}

/// Runs a seed twice and compares the two; `None` where it broke an invariant, which has been told by then.
fn run(seed: u64, steps: u32, is_told: bool, template: &Template) -> Option<Outcome> {
    let run = || catch_unwind(AssertUnwindSafe(|| World::new(seed, is_told, template).run(steps)));
    match (run(), is_told) {
        (Ok(outcome), true) => Some(outcome),
        (Ok(outcome), false) => match run() {
            Ok(again) if again.trace == outcome.trace => Some(outcome),
            _ => {
                println!("seed {seed} does not go the same way twice");
                None
            }
        },
        (Err(_), _) => None,
    }
}

/// Runs what `next` gives until it gives nothing or one fails, on two threads.
fn run_all(steps: u32, next: &(dyn Fn() -> Option<u64> + Sync)) -> Sum {
    let (sum, failed) = (Sum::default(), AtomicU64::new(u64::MAX));
    let work = || {
        let template = Database::template(EPOCH);
        while failed.load(Ordering::Relaxed) == u64::MAX
            && let Some(seed) = next()
        {
            match run(seed, steps, false, &template) {
                Some(outcome) => sum.add(&outcome),
                None => _ = failed.fetch_min(seed, Ordering::Relaxed),
            }
        }
    };
    thread::scope(|scope| {
        // Time stands still on a thread that simulates: on threads of their own, and not on the test's.
        (0..2).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner();
    assert!(
        failed == u64::MAX,
        "seed {failed} broke an invariant, after {} that did not; RSSD_SIM_SEED={failed} RSSD_SIM_STEPS={steps} cargo test --lib \
         simulation -- --nocapture replays it",
        sum.seeds.into_inner()
    );
    sum
}

#[test]
fn nothing_that_is_promised_breaks_in_simulated_time() {
    let number = |name: &str| env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let steps = number("RSSD_SIM_STEPS").map(|steps| steps as u32);
    let started = Clock::monotonic();
    if let Some(seed) = number("RSSD_SIM_SEED") {
        let told = thread::spawn(move || run(seed, steps.unwrap_or(STEPS), true, &Database::template(EPOCH))).join();
        assert!(told.is_ok_and(|outcome| outcome.is_some()), "seed {seed} broke an invariant");
        return;
    }
    let sum = match number("RSSD_SIM_MINUTES") {
        Some(minutes) => {
            let next_seed = AtomicU64::new(Clock::system().now_ms().unsigned_abs());
            let end = Clock::of_timers() + Duration::from_secs(60 * minutes);
            let next = || (Clock::of_timers() < end).then(|| next_seed.fetch_add(1, Ordering::Relaxed));
            run_all(steps.unwrap_or(STEPS_LONG), &next)
        }
        None => {
            let next_seed = AtomicU64::new(0);
            let next = || Some(next_seed.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < SEEDS);
            run_all(steps.unwrap_or(STEPS), &next)
        }
    };
    let elapsed_ms = Clock::elapsed_ms(started).max(1);
    println!("{sum:?}");
    let steps = 2 * sum.steps.into_inner();
    println!("each twice, in {elapsed_ms} ms: {} steps a second", steps * 1_000 / elapsed_ms);
    // It would show little if nothing happened.
    let least = sum.seeds.into_inner();
    for count in [sum.polls, sum.commits, sum.articles, sum.delivered] {
        assert!(count.into_inner() > least);
    }
    for count in [sum.restarts, sum.resets, sum.outages] {
        assert!(count.into_inner() > 0);
    }
}
