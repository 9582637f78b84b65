//! The rules: who may ask for a wait, for how long, what each gets of it, and who wins.

use std::time::Duration;

use super::{Answer, Freshness, Outcome, Pace, State, later};
use crate::limits::RETRY_AFTER_MAX;

/// A reason to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The feed's own interval.
    Interval,
    /// How often the feed brings something, where its publisher is silent about it. It stands in for the interval.
    Cadence,
    /// So many failures in a row.
    Backoff,
    /// The publisher said that the feed is gone.
    Gone,
    /// The server asked to be left alone.
    RetryAfter,
    /// The server asked for it with 429, which holds for all feeds of the host.
    HostRetryAfter,
    /// How long the answer is fresh.
    MaxAge,
    /// Until when the answer is fresh.
    Expires,
    /// How long the document says that it is fresh.
    Ttl,
    /// How often the document says that it changes.
    UpdatePeriod,
    /// The document says that it does not change at that hour, ...
    SkipHours,
    /// ... nor on that day of the week.
    SkipDays,
}

impl Rule {
    /// Every rule, in the order in which they are told.
    pub(super) const ALL: [Rule; 12] = [
        Rule::Interval,
        Rule::Cadence,
        Rule::Backoff,
        Rule::Gone,
        Rule::RetryAfter,
        Rule::HostRetryAfter,
        Rule::MaxAge,
        Rule::Expires,
        Rule::Ttl,
        Rule::UpdatePeriod,
        Rule::SkipHours,
        Rule::SkipDays,
    ];

    /// The name in `rssd explain`, in JSON and in SQL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rule::Interval => "interval",
            Rule::Cadence => "cadence",
            Rule::Backoff => "backoff",
            Rule::Gone => "gone",
            Rule::RetryAfter => "retry_after",
            Rule::HostRetryAfter => "host_retry_after",
            Rule::MaxAge => "max_age",
            Rule::Expires => "expires",
            Rule::Ttl => "ttl",
            Rule::UpdatePeriod => "update_period",
            Rule::SkipHours => "skip_hours",
            Rule::SkipDays => "skip_days",
        }
    }

    /// The rule of a name; `None` for one that this release does not know.
    pub(super) fn of(name: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// Ours to shorten a little, so that feeds do not march in step; a publisher's word is not.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Rule::Interval | Rule::Cadence | Rule::Backoff | Rule::Gone)
    }

    /// What a publisher wishes of its readers in general, which `interval_max` may cut short.
    pub(crate) fn is_wish(self) -> bool {
        matches!(self, Rule::MaxAge | Rule::Expires | Rule::Ttl | Rule::UpdatePeriod | Rule::SkipHours | Rule::SkipDays)
    }
}

/// A rule that spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) rule: Rule,
    /// What it asked for, before it was clamped.
    pub(crate) wait: Duration,
    /// It decided; exactly one rule does.
    pub(crate) won: bool,
    /// Where it asked for a moment rather than for a while: milliseconds since 1970, UTC.
    pub(crate) until_ms: Option<i64>,
}

/// Every rule that has something to say, never none.
pub(super) fn asked(pace: &Pace, state: &State, answer: &Answer, failure_count: u32, now_ms: i64) -> Vec<Asked> {
    let mut rules = Vec::new();
    let mut ask = |rule, wait: Option<Duration>| {
        rules.extend(wait.map(|wait| Asked { rule, wait, won: false, until_ms: None }));
    };
    let freshness = answer.freshness.filter(|_| answer.outcome == Outcome::Fine);
    let (max_age, expires) = match freshness {
        Some(Freshness::MaxAge(wait)) => (Some(wait), None),
        Some(Freshness::Expires(wait)) => (None, Some(wait)),
        None => (None, None),
    };
    let hints = [max_age, expires, state.hints.ttl, state.hints.update_period];
    // What is not more than the floor grants anyway says nothing: many servers call everything fresh for a minute.
    let publisher_speaks = hints.iter().flatten().any(|wait| *wait > pace.floor());

    ask(Rule::Interval, Some(pace.interval));
    if !publisher_speaks {
        ask(Rule::Cadence, state.cadence.and_then(|cadence| cadence.wish(now_ms)));
    }
    match answer.outcome {
        Outcome::Fine => {}
        Outcome::Failed => ask(Rule::Backoff, Some(backoff(pace, failure_count))),
        Outcome::Gone => ask(Rule::Gone, Some(pace.backoff_ceiling())),
    }
    let retry_after = match answer.status {
        Some(429) if answer.is_own_host => Some(Rule::HostRetryAfter),
        Some(429 | 503 | 300..=399) => Some(Rule::RetryAfter),
        _ => None,
    };
    if let (Some(rule), Some(wait)) = (retry_after, answer.retry_after) {
        rules.push(Asked { rule, wait, won: false, until_ms: Some(later(now_ms, wait.min(RETRY_AFTER_MAX))) });
    }
    let of_hints = [Rule::MaxAge, Rule::Expires, Rule::Ttl, Rule::UpdatePeriod];
    for (rule, wait) in of_hints.into_iter().zip(hints) {
        rules.extend(wait.map(|wait| Asked { rule, wait, won: false, until_ms: None }));
    }
    rules
}

/// The place of the rule that asks for most, as far as it gets it. The first of equals wins, so that the feed's own interval
/// explains what needs no other reason; but where the cadence speaks the interval only stands by.
pub(super) fn winner(pace: &Pace, rules: &[Asked]) -> usize {
    let has_cadence = rules.iter().any(|asked| asked.rule == Rule::Cadence);
    let mut winner = usize::from(has_cadence);
    for index in winner + 1..rules.len() {
        if grant(pace, &rules[index]) > grant(pace, &rules[winner]) {
            winner = index;
        }
    }
    winner
}

/// What a rule gets of what it asked for.
pub(super) fn grant(pace: &Pace, asked: &Asked) -> Duration {
    match asked.rule {
        Rule::Interval | Rule::Backoff | Rule::Gone => asked.wait,
        Rule::RetryAfter | Rule::HostRetryAfter => asked.wait.min(RETRY_AFTER_MAX),
        _ => asked.wait.clamp(pace.floor(), pace.ceiling()),
    }
}

/// The interval after the first failure, and twice as long after each further one, up to a day.
fn backoff(pace: &Pace, failure_count: u32) -> Duration {
    let doubled =
        2u32.checked_pow(failure_count.saturating_sub(1)).and_then(|factor| pace.interval.checked_mul(factor));
    doubled.unwrap_or(Duration::MAX).min(pace.backoff_ceiling())
}
