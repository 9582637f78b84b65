//! A gate that a test opens: scripts wait behind it for what the test has done first.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// Closed until somebody opens it, and open from then on. Its clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    /// Lets all pass that wait, and all that come.
    pub fn open(&self) {
        let waiting = self.with(|state| {
            state.is_open = true;
            std::mem::take(&mut state.waiting)
        });
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn passed(&self) {
        poll_fn(|cx| {
            self.with(|state| {
                if state.is_open {
                    return Poll::Ready(());
                }
                // A connection is polled again for each byte that comes: it waits once all the same.
                if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    state.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            })
        })
        .await;
    }

    /// Held for a few instructions: neither the tarpit nor a test waits for the other.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
