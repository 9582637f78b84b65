//! The thread `stacks`: stops a thread for a moment and reads its stack, while it is at what it is at. What the addresses
//! are called is found out, logged and told by the thread `names`, which takes its time. Nobody waits for either but who
//! asked to see.

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use futures_channel::oneshot;

use super::board::Board;
use super::names::{self, Taken, Told};
use super::signal::{self, Held, Silent};
use super::threads;
use super::unwind::{Addresses, Unwinder};
use crate::limits::STACKS_WAITING_MAX;
use crate::machine::{self, Lack};

/// How the thread is reached. It ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Stacks {
    wishes: Sender<Wish>,
}

/// Whose stack is recorded, and why.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) tid: i32,
    pub(super) name: String,
    /// What it is at.
    pub(super) what: String,
}

#[derive(Debug)]
enum Wish {
    Record(Reason),
    LogAll,
    Tell(oneshot::Sender<String>),
}

impl Stacks {
    /// Starts both threads. From now on every thread that lets the signal through can be held.
    ///
    /// # Errors
    ///
    /// A sentence: no thread is to be had.
    pub(crate) fn start(board: Arc<Board>) -> Result<Stacks, Lack> {
        signal::install();
        let (wishes, waiting) = bounded(STACKS_WAITING_MAX);
        let (taken, to_name) = bounded(STACKS_WAITING_MAX);
        let of_names = board.clone();
        start_thread("names", move || names::run(&to_name, &of_names))?;
        start_thread("stacks", move || fulfil(&waiting, &taken, &board))?;
        Ok(Stacks { wishes })
    }

    /// Never waits. With many to record already, one more is left out: they hang together.
    pub(super) fn record(&self, reason: Reason) {
        let _ = self.wishes.try_send(Wish::Record(reason));
    }

    /// Logs the stack of every thread.
    pub(crate) fn log_all(&self) {
        if self.wishes.try_send(Wish::LogAll).is_err() {
            log::warn!("stacks are being logged already");
        }
    }

    /// The stacks of all threads, as text. Cancelled where too many ask at once.
    pub(crate) fn tell(&self) -> oneshot::Receiver<String> {
        let (answer, answered) = oneshot::channel();
        let _ = self.wishes.try_send(Wish::Tell(answer));
        answered
    }
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Lack> {
    let on_thread = || {
        machine::block_signals();
        run();
    };
    let started = thread::Builder::new().name(name.to_owned()).spawn(on_thread);
    started.map(drop).map_err(|error| Lack::of_thread(name, &error))
}

fn fulfil(waiting: &Receiver<Wish>, names: &Sender<(Told, Vec<Taken>)>, board: &Board) {
    for wish in waiting {
        let mut unwinder = match Unwinder::new() {
            Ok(unwinder) => unwinder,
            Err(error) => {
                log::warn!("stacks cannot be read: {error}");
                continue;
            }
        };
        let (told, taken) = match wish {
            Wish::Record(Reason { tid, name, what }) => {
                let taken = Taken { tid, head: String::new(), held: Some(hold(&mut unwinder, tid)) };
                (Told::Record(format!("{name}, busy with {what}")), vec![taken])
            }
            Wish::LogAll => (Told::Log, all(&mut unwinder, board)),
            // Whoever asked may have gone.
            Wish::Tell(answer) if answer.is_canceled() => continue,
            Wish::Tell(answer) => (Told::Answer(answer), all(&mut unwinder, board)),
        };
        // Where names are far behind it is one less; whoever asked hears that it was dropped.
        let _ = names.try_send((told, taken));
    }
}

/// Every thread, a line each, with its stack.
fn all(unwinder: &mut Unwinder, board: &Board) -> Vec<Taken> {
    let me = nix::unistd::gettid().as_raw();
    let sights = board.threads();
    let take = |thread: threads::Thread| {
        let sight = sights.iter().find(|sight| sight.tid == thread.tid);
        let doing = sight.map(|sight| format!(", at {}", sight.doing())).unwrap_or_default();
        let held = (thread.tid != me).then(|| hold(unwinder, thread.tid));
        Taken { tid: thread.tid, head: format!("{}{doing}", thread.line()), held }
    };
    threads::of(None).into_iter().map(take).collect()
}

fn hold(unwinder: &mut Unwinder, tid: i32) -> Result<Held<Addresses>, Silent> {
    signal::hold(tid, |registers| unwinder.walk(registers))
}

#[cfg(test)]
mod tests {
    use std::hint::spin_loop;
    use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

    use futures_lite::future::block_on;

    use super::*;
    use crate::fetch::on_a_fiber;
    use crate::watch::names::in_words;

    fn of_thread(unwinder: &mut Unwinder, tid: i32) -> String {
        in_words(&hold(unwinder, tid), tid)
    }

    #[inline(never)]
    fn turn_in_circles(stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            spin_loop();
        }
    }

    #[test]
    fn a_stack_is_read_through_a_fiber_down_to_the_thread_that_runs_it() {
        signal::install();
        let (stop, tid) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(0)));
        let thread = thread::spawn({
            let (stop, tid) = (stop.clone(), tid.clone());
            move || {
                tid.store(nix::unistd::gettid().as_raw(), Ordering::Release);
                let spinning = stop.clone();
                block_on(on_a_fiber(move || turn_in_circles(&spinning)));
            }
        });
        let mut unwinder = Unwinder::new().unwrap();
        let found = loop {
            let stack = match tid.load(Ordering::Acquire) {
                0 => String::new(),
                tid => of_thread(&mut unwinder, tid),
            };
            // Not before it is there.
            if stack.contains("turn_in_circles") || thread.is_finished() {
                break stack;
            }
            thread::yield_now();
        };
        stop.store(true, Ordering::Release);
        thread.join().unwrap();
        let place = |words: &str| found.find(words).unwrap_or_else(|| panic!("no {words} in {found}"));
        assert!(place("turn_in_circles") < place("on_a_fiber"), "{found}");
        assert!(place("on_a_fiber") < place("block_on"), "{found}");
        assert!(found.contains("src/watch/stacks.rs:"), "{found}");
        assert!(of_thread(&mut unwinder, i32::MAX - 1).contains("it is gone"));
    }

    #[test]
    fn a_thread_that_takes_no_signal_is_told_and_goes_unharmed() {
        signal::install();
        let (stop, tid) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI32::new(0)));
        let thread = thread::spawn({
            let (stop, tid) = (stop.clone(), tid.clone());
            move || {
                nix::sys::signal::SigSet::all().thread_block().unwrap();
                tid.store(nix::unistd::gettid().as_raw(), Ordering::Release);
                turn_in_circles(&stop);
                // The one that comes late finds that nobody asks any more.
                signal::let_through();
            }
        });
        while tid.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
        let found = of_thread(&mut Unwinder::new().unwrap(), tid.load(Ordering::Acquire));
        assert!(found.contains("it takes no signal"), "{found}");
        stop.store(true, Ordering::Release);
        thread.join().unwrap();
    }

    /// Where registers are anything: a table may be wrong, a stack may be gone.
    #[test]
    fn no_registers_can_make_a_walk_fault() {
        let mut unwinder = Unwinder::new().unwrap();
        let code = a_stack_is_read_through_a_fiber_down_to_the_thread_that_runs_it as *const () as usize as u64;
        for pc in (0..4_096).map(|offset| code + offset).chain([0, 1, u64::MAX, u64::MAX / 2]) {
            for word in [0, 8, u64::MAX, code, u64::MAX - 7, 0x7fff_ffff_f000] {
                let mut registers = signal::Registers([word; signal::REGISTERS]);
                *registers.0.last_mut().unwrap() = pc;
                assert!(unwinder.walk(registers).iter().count() <= crate::limits::STACK_FRAMES_MAX);
            }
        }
    }

    #[test]
    fn what_is_kept_for_others_is_what_was_recorded() {
        let board = Board::new(1, 1);
        board.keep_stack("core-0, busy with a commit:\n  0: spin");
        assert!(super::super::peek::Peek::of_words(&board.copy()).unwrap().stack.starts_with("core-0, busy"));
    }
}
