//! Ten thousand aborts on top of all that, and what they change: nothing.

use std::time::Duration;

use rssd::clock::Clock;

use crate::clients::leave;
use crate::figures::Held;
use crate::probe::ask;
use crate::stage::Stage;
use crate::support::pause;

const ABORTS: usize = 10_000;

pub(crate) struct Aborted {
    pub(crate) count: usize,
    pub(crate) took: Duration,
    /// The next request.
    pub(crate) next: Duration,
    pub(crate) before: Held,
    pub(crate) after: Held,
}

/// `before`: the most that was held of late. Single moments differ by the clients that are dropped at once and come back.
pub(crate) fn run(stage: &Stage, before: Held) -> Aborted {
    let began = Clock::monotonic();
    let count = (0..ABORTS).filter(|number| leave(stage.at, *number)).count();
    let took = Clock::monotonic() - began;
    let (next, _) = ask(stage.at, "/health");
    // A connection without a whole request goes by its own deadline, of ten seconds.
    pause(Duration::from_secs(15));
    Aborted { count, took, next, before, after: Held::by(&stage.daemon) }
}
