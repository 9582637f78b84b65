//! The calling thread's own cell: what code says of itself, wherever it stands, without being given a cell.
//!
//! On a thread that is not enlisted, as in tests and commands, all of it does nothing.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::pin::pin;

use super::cell::Cell;
use super::doing::Doing;
use super::hang::{self, Hang};
use super::signal::{self, SignalStack};
use crate::failure::Phase;

thread_local! {
    static HERE: OnceCell<Enlisted> = const { OnceCell::new() };
}

/// A thread that is watched. It is no longer when it ends.
struct Enlisted {
    cell: Cell,
    hangs: Vec<Hang>,
    _stack: SignalStack,
}

impl Drop for Enlisted {
    fn drop(&mut self) {
        self.cell.leave();
    }
}

/// The calling thread is watched from now on, and its stack can be read.
pub(crate) fn enlist(cell: &Cell) {
    signal::let_through();
    HERE.with(|here| {
        here.get_or_init(|| {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            Enlisted { cell: cell.clone(), hangs: hang::of(&name), _stack: SignalStack::install() }
        });
    });
    cell.enlist(nix::unistd::gettid().as_raw());
}

fn with<T>(look: impl FnOnce(&Enlisted) -> T) -> Option<T> {
    // None while the thread ends.
    HERE.try_with(|here| here.get().map(look)).ok().flatten()
}

/// It has turned, or has come forward with what it is at.
pub(crate) fn beat() {
    with(|here| here.cell.beat());
}

/// The poll that it is at has come to another phase.
pub(crate) fn enter(phase: Phase) {
    with(|here| here.cell.enter(phase));
    hang_if_meant(Some(phase), || with(|here| here.cell.subject()).unwrap_or_default());
}

fn hang_if_meant(phase: Option<Phase>, subject: impl Fn() -> String) {
    with(|here| {
        for hang in &here.hangs {
            if hang.is_meant(phase, &subject()) {
                hang.happen();
            }
        }
    });
}

/// What the thread is at, until this is dropped.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Busy {
    before: Option<u64>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            with(|here| here.cell.end(before));
        }
    }
}

/// The thread is at something, which is named by `subject` where one is like another.
pub(crate) fn busy(doing: Doing, subject: &str) -> Busy {
    begin(doing, None, subject)
}

/// It waits, for as long as it likes.
pub(crate) fn waiting() -> Busy {
    begin(Doing::Nothing, None, "")
}

fn begin(doing: Doing, phase: Option<Phase>, subject: &str) -> Busy {
    let busy = Busy { before: with(|here| here.cell.begin(doing, phase, subject)) };
    if doing != Doing::Nothing {
        hang_if_meant(phase, || subject.to_owned());
    }
    busy
}

/// Says so whenever `future` is at work on this thread. `phase` is asked each time.
pub(crate) async fn during<F: Future>(
    doing: Doing,
    subject: &str,
    phase: impl Fn() -> Option<Phase>,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _busy = begin(doing, phase(), subject);
        future.as_mut().poll(context)
    })
    .await
}
