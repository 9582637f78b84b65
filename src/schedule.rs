//! When to come back to a feed: state, answer and clock in; the next poll and the rules that spoke out.
//!
//! Pure. It keeps no time and asks no clock: what it gives is a wait from `now`, to be measured on the monotonic clock while
//! the daemon runs, and a point on the wall clock, to be stored for the next start. Each rule asks for a wait, the longest wins, and
//! the losers are kept, so that an operator can be told why.
//!
//! Invariants: never earlier than the floor, nor than what a publisher asked for; never later than the ceiling, unless a server said
//! `Retry-After`; failures make the interval longer, up to a limit, and never end the polling. Only a publisher's own word does:
//! 410, several times in a row.

mod cadence;
mod kept;
mod resume;
mod rules;
mod skip;
#[cfg(test)]
pub(crate) mod simulation;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use cadence::Cadence;
pub(crate) use kept::{
    held_until, longest_wish, read_cadence, read_hints, read_rules, write_cadence, write_held, write_hints, write_rules,
};
pub(crate) use resume::{resume, spread, unskipped};
pub(crate) use rules::{Asked, Rule};

use crate::article::{FeedMeta, Skip};
use crate::clock::duration_ms;
use crate::limits::{BACKOFF_MAX, GONE_POLLS_MAX, JITTER_MAX, SKIP_SPREAD};
use crate::placement;

/// How often a feed may be polled, as feeds.toml says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// What it is polled at when nothing else speaks.
    pub(crate) interval: Duration,
    /// Floor for what publishers may ask.
    pub(crate) interval_min: Duration,
    /// Ceiling for what publishers may ask.
    pub(crate) interval_max: Duration,
}

impl Pace {
    /// No poll comes earlier. An operator who wrote an interval below `interval_min` meant the interval.
    fn floor(&self) -> Duration {
        self.interval_min.min(self.interval)
    }

    /// Publishers cannot ask for more, other than by `Retry-After`.
    pub(crate) fn ceiling(&self) -> Duration {
        self.interval_max.max(self.interval)
    }

    /// What failures lead to in the end.
    fn backoff_ceiling(&self) -> Duration {
        BACKOFF_MAX.max(self.interval)
    }
}

/// What is known of a feed when a poll of it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Polls that failed one after the other before this one.
    pub(crate) failure_count: u32,
    /// Polls before this one that were answered with 410, one after the other.
    pub(crate) gone_count: u32,
    /// From [`seed`]: decides the jitter, so that the same poll of the same feed is scheduled alike in a replay.
    pub(crate) seed: u64,
    /// Of the last document that was read, this poll's included.
    pub(crate) hints: Hints,
    /// `None` before the first poll that went well.
    pub(crate) cadence: Option<Cadence>,
}

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Articles, a body like the last one, or 304: the feed is well.
    Fine,
    /// Everything else but `Gone`.
    Failed,
    /// 410: the publisher says that it is not coming back.
    Gone,
}

/// What a poll says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// The HTTP status, if there was an answer: that which `Retry-After` came with, or the last one.
    pub(crate) status: Option<u16>,
    /// The answer came from the feed's own host, and not from one that it redirects to.
    pub(crate) is_own_host: bool,
    /// `Retry-After` as read; whether it counts depends on the status.
    pub(crate) retry_after: Option<Duration>,
    /// Counts where the feed is well.
    pub(crate) freshness: Option<Freshness>,
}

/// How long an answer stays fresh, by its headers, counted from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// `Cache-Control: max-age` less `Age`.
    MaxAge(Duration),
    /// `Expires` less `Date`.
    Expires(Duration),
}

/// What a document says about when to come back. It holds until another document is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// RSS `ttl`.
    pub(crate) ttl: Option<Duration>,
    /// `sy:updatePeriod` by `sy:updateFrequency`.
    pub(crate) update_period: Option<Duration>,
    /// RSS `skipHours` and `skipDays`.
    pub(crate) skip: Skip,
}

impl Hints {
    pub(crate) fn of(feed: &FeedMeta) -> Hints {
        Hints {
            ttl: feed.ttl_minutes.filter(|minutes| *minutes > 0).map(|minutes| Duration::from_secs(60) * minutes),
            update_period: feed.update_period,
            skip: feed.skip,
        }
    }
}

/// When to come back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// From `now`, jitter included.
    pub(crate) wait: Duration,
    /// The same on the wall clock: milliseconds since 1970, UTC.
    pub(crate) at_ms: i64,
    /// Not at all, in spite of `wait`: the publisher said often enough that there is nothing.
    pub(crate) is_given_up: bool,
    /// Failures in a row, this poll counted.
    pub(crate) failure_count: u32,
    /// Answers of 410 in a row, this poll counted.
    pub(crate) gone_count: u32,
    /// Every rule that spoke, in the order of their declaration.
    pub(crate) rules: Vec<Asked>,
}

/// Decides when to come back after a poll. `now_ms` is milliseconds since 1970, UTC.
pub(crate) fn next(pace: &Pace, state: &State, answer: &Answer, now_ms: i64) -> Next {
    let failure_count = match answer.outcome {
        Outcome::Fine => 0,
        Outcome::Failed | Outcome::Gone => state.failure_count.saturating_add(1),
    };
    let gone_count = if answer.outcome == Outcome::Gone { state.gone_count.saturating_add(1) } else { 0 };
    let mut rules = rules::asked(pace, state, answer, failure_count, now_ms);
    let winner = rules::winner(pace, &rules);
    rules[winner].won = true;

    let earliest = rules.iter().filter(|asked| !asked.rule.is_ours()).map(|asked| rules::grant(pace, asked)).max();
    let wait = jitter(pace, &rules[winner], earliest.unwrap_or_default(), state.seed);
    let wait = skip(pace, &state.hints.skip, wait, state.seed, now_ms, &mut rules);
    Next {
        wait,
        at_ms: later(now_ms, wait),
        is_given_up: gone_count >= GONE_POLLS_MAX,
        failure_count,
        gone_count,
        rules,
    }
}

/// The seed of a poll's jitter: the same for the same feed and poll, unlike for any other.
pub(crate) fn seed(feed: &str, poll_count: u64) -> u64 {
    placement::mix(placement::hash(feed.as_bytes()) ^ placement::mix(poll_count))
}

/// The wait that the winner gets, moved by up to a tenth either way so that feeds do not march in step; drawn evenly from
/// the part of that range that `earliest`, floor and ceiling leave, so that no crowd gathers at their edges.
fn jitter(pace: &Pace, winner: &Asked, earliest: Duration, seed: u64) -> Duration {
    let wait = rules::grant(pace, winner);
    let latest = match winner.rule {
        Rule::Backoff | Rule::Gone => pace.backoff_ceiling(),
        Rule::RetryAfter | Rule::HostRetryAfter => Duration::MAX,
        _ => pace.ceiling(),
    };
    let span = (wait / 10).min(JITTER_MAX);
    let from = wait.saturating_sub(span).max(earliest).max(pace.floor());
    let to = wait.saturating_add(span).min(latest).max(from);
    Duration::from_millis(within(seed, duration_ms(from), duration_ms(to)))
}

/// Moves a wait that would end in skipped time to the next moment that is not, as far as the ceiling lets it, and tells so
/// among the rules. Feeds that all skip the same hours do not all come back in its last second.
fn skip(pace: &Pace, skip: &Skip, wait: Duration, seed: u64, now_ms: i64, rules: &mut Vec<Asked>) -> Duration {
    let Some(allowed) = skip::allowed_after(skip, later(now_ms, wait)) else { return wait };
    let asked = Duration::from_millis(allowed.at_ms.abs_diff(now_ms));
    let rule = if allowed.by_day { Rule::SkipDays } else { Rule::SkipHours };
    let latest = pace.ceiling().max(wait);
    let from = asked.min(latest);
    let won = from > wait;
    if won {
        rules.iter_mut().for_each(|asked| asked.won = false);
    }
    rules.push(Asked { rule, wait: asked, won, until_ms: Some(allowed.at_ms) });
    let to = asked.saturating_add(SKIP_SPREAD).min(latest).max(from);
    Duration::from_millis(within(placement::mix(seed), duration_ms(from), duration_ms(to)))
}

/// A number of `from` to `to`, both included, as even as `random` is.
fn within(random: u64, from: u64, to: u64) -> u64 {
    let choices = u128::from(to.saturating_sub(from)) + 1;
    // Below `choices`, so it fits and the sum does not pass `to`.
    from + ((u128::from(random) * choices) >> 64) as u64
}

fn later(now_ms: i64, wait: Duration) -> i64 {
    now_ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}
