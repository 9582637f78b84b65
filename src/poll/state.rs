//! What a poll leaves in its feed's row, beside the plan for the next one.

use super::Reading;
use crate::article::Repair;
use crate::failure::{Class, Failure};
use crate::fetch::permanent::{self, Way};
use crate::fetch::{Trip, Validators, frozen, likeness};
use crate::schedule;
use crate::store::FeedState;

/// The feed's row after this poll. Validators and body hash change only with an answer that was read.
pub(super) fn next_state(
    old: &FeedState,
    reading: &Result<Reading, Failure>,
    next: &schedule::Next,
    started_at: i64,
    now_ms: i64,
) -> FeedState {
    let mut state = old.clone();
    state.last_polled_at = Some(started_at);
    state.next_poll_at = (!next.is_given_up).then_some(next.at_ms);
    state.failure_count = next.failure_count;
    match reading {
        Err(failure) => {
            state.failing_since = old.failing_since.or(Some(started_at));
            state.last_error = Some(failure.message.clone());
            state.last_error_class = Some(failure.class_and_phase());
            if failure.class == Class::Gone {
                state.gone_at = old.gone_at.or(Some(now_ms));
            }
            return state;
        }
        Ok(Reading::Articles { validators, body_hash, is_delta, document }) => {
            // What a delta adds to is the last whole body still.
            if !is_delta {
                state.body_hash = Some(*body_hash);
            }
            state.repaired = document.repaired.iter().map(Repair::to_string).collect();
            set_validators(&mut state, validators);
        }
        Ok(Reading::NotModified { validators } | Reading::Unchanged { validators }) => {
            set_validators(&mut state, validators)
        }
    }
    state.last_ok_at = Some(now_ms);
    state.failing_since = None;
    state.last_error = None;
    state.last_error_class = None;
    state.gone_at = None;
    state
}

/// What this poll teaches about how to ask next time: where the feed is, and how it changes.
pub(super) fn learn(
    state: &mut FeedState,
    configured: &str,
    trip: &Trip,
    reading: &Result<Reading, Failure>,
    now_ms: i64,
) {
    let mut alike = None;
    if let Ok(Reading::Articles { document, is_delta, .. }) = reading {
        state.changes = frozen::changed(&state.changes, now_ms);
        if !is_delta {
            let likeness = likeness::of(&document.articles);
            alike = likeness::alike(state.moving.likeness.as_deref(), likeness.as_deref());
            state.moving.likeness = likeness.or(state.moving.likeness.take());
        }
    }
    let way = match (reading, trip.moved_to()) {
        (Err(failure), _) if failure.class == Class::Local => Way::Untold,
        // Who asks for fewer requests is there. And the silence that he is owed is found again, after a restart, by the feed
        // that still asks him.
        (Err(_), _) if trip.asks_for_less() => Way::Untold,
        (Err(failure), _) => Way::Failed { failure_count: state.failure_count, gone: failure.class == Class::Gone },
        (Ok(_), Some(to)) => Way::Led { to: to.as_str(), alike },
        (Ok(_), None) => Way::Stayed,
    };
    let (effective_url, moving) =
        permanent::next(state.effective_url.as_deref(), &state.moving, configured, way, now_ms);
    state.effective_url = effective_url;
    state.moving = moving;
}

fn set_validators(state: &mut FeedState, validators: &Validators) {
    state.validators_for = Some(validators.scope.clone());
    state.etag = validators.etag.clone();
    state.last_modified = validators.last_modified.clone();
}
