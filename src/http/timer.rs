//! hyper's clock on this core: its deadline for a request's head runs on the executor's timers.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use send_wrapper::SendWrapper;

use crate::clock::Clock;
use crate::executor;

/// Timers of the executor that runs on this thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoreTimer;

/// One wait. hyper wants it to be `Send`; it never leaves its core, and `SendWrapper` sees to that.
struct Wait(SendWrapper<executor::Sleep>);

impl Timer for CoreTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait(SendWrapper::new(executor::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Clock::monotonic()))
    }

    fn now(&self) -> Instant {
        Clock::monotonic()
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut *self.0).poll(context)
    }
}

impl Sleep for Wait {}
