//! What a poll tells the breaker, and whether its failure counts.

use super::{Memory, Subscription};
use crate::breaker::{Breaker, Sign};
use crate::clock::Clock;
use crate::failure::Failure;
use crate::fetch::{Flight, Reach, Trip};

/// Lets the breaker hear how a fetch went. Gives whether it failed for our own network's sake, so that it is as if it had not
/// been.
pub(crate) fn is_ours(
    breaker: &mut Breaker,
    subscription: &Subscription,
    memory: &Memory,
    trip: &Trip,
    failure: Option<&Failure>,
    flight: &Flight,
) -> bool {
    let is_unreached = failure.is_some_and(|failure| failure.is_unreached);
    if let Some(sign) = sign(trip.reached(), is_unreached, was_well(memory)) {
        breaker.heard(&subscription.host(&memory.state), sign, Clock::monotonic());
    }
    is_unreached && breaker.excuses(flight.started())
}

/// `None` before the first poll.
fn was_well(memory: &Memory) -> Option<bool> {
    memory.state.last_polled_at.map(|_| memory.state.failure_count == 0)
}

/// Neither a refusal nor a name that does not exist is a sign: both may come from a machine nearby.
fn sign(reach: Option<Reach>, is_unreached: bool, was_well: Option<bool>) -> Option<Sign> {
    match reach {
        Some(reach) => Some(Sign::Reached { is_private: reach == Reach::Private }),
        None if is_unreached => Some(Sign::Unreached { was_well }),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_reached_and_who_could_not_be_are_signs() {
        for (reach, is_unreached, was_well, expected) in [
            (Some(Reach::Public), false, Some(true), Some(Sign::Reached { is_private: false })),
            (Some(Reach::Private), false, Some(false), Some(Sign::Reached { is_private: true })),
            // Redirected to somebody who cannot be reached: the way out is fine.
            (Some(Reach::Public), true, Some(true), Some(Sign::Reached { is_private: false })),
            (None, true, Some(true), Some(Sign::Unreached { was_well: Some(true) })),
            (None, true, Some(false), Some(Sign::Unreached { was_well: Some(false) })),
            (None, true, None, Some(Sign::Unreached { was_well: None })),
            (None, false, Some(true), None),
        ] {
            assert_eq!(sign(reach, is_unreached, was_well), expected);
        }
    }
}
