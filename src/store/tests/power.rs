//! The power goes: of what was not synced nothing is left, or all, or any of it; and whatever anybody has seen is there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::disk::Fault;
use super::failing::{Failing, LIVES, changes_of, made, seed, syncs, verdict};
use super::querying::Random;
use super::*;

/// In each `cargo test`; RSSD_TEST_ROUNDS=n makes it n.
const CUTS: usize = 40;

/// Cuts the power at a seeded change of two lives, with a client that reads all the while. Gives what is wrong then.
fn cut_at_random(seed: u64, made: &Fixture, changes: usize, is_lax: bool) -> Result<(), String> {
    let mut random = Random::new(seed);
    let failing = if random.below(8) == 0 { Failing::new() } else { Failing::beginning_with(made) };
    failing.disk.fail(1 + random.below(changes) as u64, Fault::Ends);
    let mut told = Vec::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // On SQLite's own files, as another process has them.
            while !stop.load(Ordering::Relaxed) {
                if let Ok(summary) = summary(&failing.f.path()) {
                    failing.disk.saw(summary.seq_last);
                }
                std::thread::park_timeout(Duration::from_micros(200));
            }
        });
        for polls in LIVES {
            if failing.live(polls, &mut told, is_lax).is_err() {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let cut = failing.disk.cut();
    let of_ten = [0, 10, random.below(11)][random.below(3)];
    let after = Fixture::new();
    cut.restore(&after.path(), of_ten, &mut random);
    verdict(after, &told, cut.seen)
        .map_err(|wrong| format!("seed {seed}, {of_ten} of 10 sectors, {wrong}, after {}", failing.disk.changes()))
}

/// Gives how often the power was cut, and what was wrong each time that something was.
fn cuts(is_lax: bool) -> (usize, Vec<String>) {
    let made = made();
    let (changes, first) = (changes_of(&LIVES, &Failing::beginning_with(&made)).len(), seed());
    let cuts = std::env::var("RSSD_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(CUTS);
    println!("{cuts} cuts at one of {changes} changes; RSSD_SEED={first}");
    (cuts, (first..).take(cuts).filter_map(|seed| cut_at_random(seed, &made, changes, is_lax).err()).collect())
}

#[test]
fn row_65_a_power_cut_takes_nothing_back_that_anybody_has_seen() {
    let (_, wrong) = cuts(false);
    assert!(wrong.is_empty(), "{} times, first: {}", wrong.len(), wrong[0]);
}

/// The negative control: without FULL the same test finds what is lost.
#[test]
fn row_65_with_synchronous_normal_it_does() {
    let (cuts, wrong) = cuts(true);
    println!("{} times, such as: {:?}", wrong.len(), wrong.first());
    assert!(wrong.len() > cuts / 20, "only {} of {cuts} cuts lost anything", wrong.len());
}

/// A kill between the writes of a commit and its sync leaves articles that the next process sees and no disk has.
#[test]
fn row_65_what_a_killed_instance_left_in_memory_is_on_disk_before_anybody_sees_it() {
    let made = made();
    let changes = changes_of(&LIVES, &Failing::beginning_with(&made));
    let mut unsynced = 0;
    for at in syncs(&changes) {
        let failing = Failing::beginning_with(&made);
        failing.disk.fail(at, Fault::Ends);
        let mut told = Vec::new();
        let _ = LIVES.into_iter().find_map(|polls| failing.live(polls, &mut told, false).err());
        let durable = Fixture::new();
        failing.disk.cut().restore(&durable.path(), 0, &mut Random::new(at));

        failing.disk.revive();
        let seen = match failing.open() {
            Ok(store) => {
                let running = failing.f.start_store(store);
                running.register(&["a", "b"]);
                let seen = failing.f.summary().seq_last;
                failing.disk.saw(seen);
                seen
            }
            Err(error) => panic!("killed at change {at}: {error}"),
        };
        let cut = failing.disk.cut();
        unsynced += usize::from(summary(&durable.path()).is_ok_and(|durable| durable.seq_last < seen));
        let after = Fixture::new();
        cut.restore(&after.path(), 0, &mut Random::new(at));
        if let Err(wrong) = verdict(after, &told, cut.seen) {
            panic!("killed at change {at} of {changes}, {seen} seen by the next instance: {wrong}");
        }
    }
    println!("{unsynced} times a killed instance had left more than was on disk");
    assert!(unsynced > 0, "no kill left anything in memory alone");
}
