//! How a core is woken by its own tasks.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll as Progress, Waker};

/// A local, level-triggered "look again" with one waiter.
#[derive(Default)]
pub(super) struct Changed {
    is_set: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Changed {
    pub(super) fn set(&self) {
        self.is_set.set(true);
        if let Some(waiter) = self.waiter.borrow_mut().take() {
            waiter.wake();
        }
    }

    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            if self.is_set.take() {
                return Progress::Ready(());
            }
            *self.waiter.borrow_mut() = Some(context.waker().clone());
            Progress::Pending
        })
        .await;
    }
}
