//! The others at the same scenario: the program of an afternoon, and two readers that Debian has.

mod baseline;
mod readers;

pub(crate) use baseline::Baseline;
pub(crate) use readers::readers;

use std::cell::Cell;
use std::process::{Command, Stdio};

use rssd::clock::Clock;

use crate::process::Cpu;
use crate::run::Run;

/// Runs a program until so many articles are in its store, or it ends; `wanted_at_end` where only its end tells.
///
/// What it used is what its processes used that were waited for.
fn run(who: &str, command: &mut Command, wanted: u64, mut count: impl FnMut() -> u64, wanted_at_end: bool) -> Run {
    let mut run = Run::new(who, wanted);
    let before = Cpu::of_ended_children();
    let began = Clock::monotonic();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
    let pid = child.id();
    let has_ended = Cell::new(false);
    let counted = || if wanted_at_end && has_ended.get() { wanted } else { count() };
    let goes_on = || {
        has_ended.set(has_ended.get() || !matches!(child.try_wait(), Ok(None)));
        !has_ended.get()
    };
    run.watch(pid, began, counted, goes_on);
    let _ = child.kill();
    child.wait().expect("it is our child");
    run.cpu = Cpu::of_ended_children().since(before);
    run
}
