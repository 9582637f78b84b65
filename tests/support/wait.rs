//! Waiting for a condition of another process, which has no event to wait for.

use std::thread;
use std::time::Duration;

use rssd::clock::Clock;

/// Far beyond what anything here takes on a loaded machine: whoever waits longer waits for ever.
pub(crate) const HANG_GUARD: Duration = Duration::from_secs(60);

const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Looks until there is something, and panics with `what` if it never comes.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Clock::monotonic() + HANG_GUARD;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Clock::monotonic() < deadline, "waited {HANG_GUARD:?} for {what}");
        thread::park_timeout(LOOK_INTERVAL);
    }
}

/// Lets time pass where the passing is the fault itself, never for something to have happened by then.
pub(crate) fn pause(time: Duration) {
    let deadline = Clock::monotonic() + time;
    while let Some(left) = deadline.checked_duration_since(Clock::monotonic()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}
