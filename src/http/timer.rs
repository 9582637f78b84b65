//! hyper's clock on this core: its deadline for a request's head runs on glommio's timers.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use send_wrapper::SendWrapper;

use crate::clock::Clock;

/// Timers of the executor that runs on this thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct CoreTimer;

/// One wait. hyper wants it to be `Send`; it never leaves its core, and `SendWrapper` sees to that.
struct Wait(SendWrapper<Pin<Box<dyn Future<Output = ()>>>>);

impl Timer for CoreTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let wait = async move {
            glommio::timer::sleep(duration).await;
        };
        Box::pin(Wait(SendWrapper::new(Box::pin(wait))))
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
        self.0.as_mut().poll(context)
    }
}

impl Sleep for Wait {}
