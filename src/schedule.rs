//! When to come back to a feed: state, answer and clock in; the next poll and the rules that spoke out.
//!
//! Pure. It keeps no time and asks no clock: what it gives is a wait from `now`, to be measured on the monotonic clock while
//! the daemon runs, and a point on the wall clock, to be stored for the next start. Each rule asks for a wait, the longest wins, and
//! the losers are kept, so that an operator can be told why.
//!
//! Invariants: never earlier than the floor, nor than what a publisher asked for; never later than the ceiling, unless a server said
//! `Retry-After`; failures make the interval longer, up to a limit, and never end the polling.

use std::time::Duration;

use crate::clock::duration_ms;
use crate::limits::{BACKOFF_MAX, JITTER_MAX, POLLS_PER_SECOND_AT_START, RETRY_AFTER_MAX};
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
    fn ceiling(&self) -> Duration {
        self.interval_max.max(self.interval)
    }

    /// What failures lead to in the end.
    fn backoff_ceiling(&self) -> Duration {
        BACKOFF_MAX.max(self.interval)
    }
}

/// What is known of a feed before its poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Polls that failed one after the other until now.
    pub(crate) failure_count: u32,
    /// From [`seed`]: decides the jitter, so that the same poll of the same feed is scheduled alike in a replay.
    pub(crate) seed: u64,
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
    /// The HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// `Retry-After` as read; whether it counts depends on the status.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) hints: Hints,
}

/// What the publisher says about how often to come, each a wait from now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// `Cache-Control: max-age` less `Age`.
    pub(crate) max_age: Option<Duration>,
    /// RSS `ttl`.
    pub(crate) ttl: Option<Duration>,
}

/// A reason to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The feed's own interval.
    Interval,
    /// So many failures in a row.
    Backoff,
    /// The publisher said that the feed is gone.
    Gone,
    /// The server asked to be left alone.
    RetryAfter,
    /// How long the answer is fresh.
    MaxAge,
    /// How long the document says that it is fresh.
    Ttl,
}

impl Rule {
    /// The name in `rssd explain` and in JSON.
    #[cfg_attr(not(test), expect(dead_code, reason = "for `rssd explain`"))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Rule::Interval => "interval",
            Rule::Backoff => "backoff",
            Rule::Gone => "gone",
            Rule::RetryAfter => "retry_after",
            Rule::MaxAge => "max_age",
            Rule::Ttl => "ttl",
        }
    }

    /// Ours to shorten a little, so that feeds do not march in step; a publisher's word is not.
    fn is_ours(self) -> bool {
        matches!(self, Rule::Interval | Rule::Backoff | Rule::Gone)
    }
}

/// A rule that spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) rule: Rule,
    /// What it asked for, before it was clamped.
    pub(crate) wait: Duration,
    /// Its wait is the longest; exactly one rule wins.
    pub(crate) won: bool,
}

/// When to come back, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// From `now`, jitter included.
    pub(crate) wait: Duration,
    /// The same on the wall clock: milliseconds since 1970, UTC.
    pub(crate) at_ms: i64,
    /// Failures in a row, this poll counted.
    pub(crate) failure_count: u32,
    /// Every rule that spoke, in the order of their declaration.
    pub(crate) rules: Vec<Asked>,
}

/// Decides when to come back after a poll. `now_ms` is milliseconds since 1970, UTC.
pub(crate) fn next(pace: &Pace, state: &State, answer: &Answer, now_ms: i64) -> Next {
    let failure_count = match answer.outcome {
        Outcome::Fine => 0,
        Outcome::Failed | Outcome::Gone => state.failure_count.saturating_add(1),
    };
    let mut rules = asked(pace, answer, failure_count);
    let granted = |asked: &Asked| grant(pace, asked);

    // The first of equals wins, so that the feed's own interval explains what needs no other reason.
    let mut winner = 0;
    for index in 1..rules.len() {
        if granted(&rules[index]) > granted(&rules[winner]) {
            winner = index;
        }
    }
    rules[winner].won = true;

    let earliest = rules.iter().filter(|asked| !asked.rule.is_ours()).map(granted).max().unwrap_or_default();
    let wait = jitter(pace, &rules[winner], earliest, state.seed);
    Next { wait, at_ms: later(now_ms, wait), failure_count, rules }
}

/// The seed of a poll's jitter: the same for the same feed and poll, unlike for any other.
pub(crate) fn seed(feed: &str, poll_count: u64) -> u64 {
    placement::mix(placement::hash(feed.as_bytes()) ^ placement::mix(poll_count))
}

/// How long to wait at start before the poll of a feed: until its stored time, or, where that is missing or has passed, its
/// place in the crowd of `waiting` feeds for which it is missing or has passed too.
///
/// A stored time that is farther away than any schedule would have put it comes from a clock that was wrong, and is cut.
pub(crate) fn resume(pace: &Pace, feed: &str, next_poll_at_ms: Option<i64>, waiting: usize, now_ms: i64) -> Duration {
    match next_poll_at_ms.map(|at_ms| at_ms.saturating_sub(now_ms)) {
        Some(ahead_ms) if ahead_ms > 0 => {
            let farthest = pace.ceiling().max(pace.backoff_ceiling()).max(RETRY_AFTER_MAX.saturating_add(JITTER_MAX));
            Duration::from_millis(ahead_ms.unsigned_abs()).min(farthest)
        }
        _ => spread(feed, waiting, pace.interval),
    }
}

/// The place of a feed in a crowd of `waiting` feeds that are all due at once: [`POLLS_PER_SECOND_AT_START`], but none
/// later than its interval. By a hash of its name, so that a restart in the middle keeps the order.
pub(crate) fn spread(feed: &str, waiting: usize, interval: Duration) -> Duration {
    let crowd_ms = (waiting.saturating_sub(1) as u64).saturating_mul(1_000) / POLLS_PER_SECOND_AT_START;
    Duration::from_millis(within(placement::hash(feed.as_bytes()), 0, crowd_ms.min(duration_ms(interval))))
}

/// Every rule that has something to say, never none.
fn asked(pace: &Pace, answer: &Answer, failure_count: u32) -> Vec<Asked> {
    let mut rules = Vec::new();
    let mut ask = |rule, wait: Option<Duration>| {
        rules.extend(wait.map(|wait| Asked { rule, wait, won: false }));
    };
    ask(Rule::Interval, Some(pace.interval));
    match answer.outcome {
        Outcome::Fine => {}
        Outcome::Failed => ask(Rule::Backoff, Some(backoff(pace, failure_count))),
        Outcome::Gone => ask(Rule::Gone, Some(pace.backoff_ceiling())),
    }
    if matches!(answer.status, Some(429 | 503 | 300..=399)) {
        ask(Rule::RetryAfter, answer.retry_after);
    }
    ask(Rule::MaxAge, answer.hints.max_age);
    ask(Rule::Ttl, answer.hints.ttl);
    rules
}

/// The interval after the first failure, and twice as long after each further one, up to a day.
fn backoff(pace: &Pace, failure_count: u32) -> Duration {
    let doubled =
        2u32.checked_pow(failure_count.saturating_sub(1)).and_then(|factor| pace.interval.checked_mul(factor));
    doubled.unwrap_or(Duration::MAX).min(pace.backoff_ceiling())
}

/// What a rule gets of what it asked for.
fn grant(pace: &Pace, asked: &Asked) -> Duration {
    match asked.rule {
        Rule::Interval | Rule::Backoff | Rule::Gone => asked.wait,
        Rule::RetryAfter => asked.wait.min(RETRY_AFTER_MAX),
        Rule::MaxAge | Rule::Ttl => asked.wait.clamp(pace.floor(), pace.ceiling()),
    }
}

/// The wait that the winner gets, moved by up to a tenth either way so that feeds do not march in step; drawn evenly from
/// the part of that range that `earliest`, floor and ceiling leave, so that no crowd gathers at their edges.
fn jitter(pace: &Pace, winner: &Asked, earliest: Duration, seed: u64) -> Duration {
    let wait = grant(pace, winner);
    let latest = match winner.rule {
        Rule::Interval | Rule::MaxAge | Rule::Ttl => pace.ceiling(),
        Rule::Backoff | Rule::Gone => pace.backoff_ceiling(),
        Rule::RetryAfter => Duration::MAX,
    };
    let span = (wait / 10).min(JITTER_MAX);
    let from = wait.saturating_sub(span).max(earliest).max(pace.floor());
    let to = wait.saturating_add(span).min(latest).max(from);
    Duration::from_millis(within(seed, duration_ms(from), duration_ms(to)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);
    /// The defaults of feeds.toml.
    const PACE: Pace =
        Pace { interval: Duration::from_secs(900), interval_min: Duration::from_secs(300), interval_max: DAY };
    const NOW_MS: i64 = 1_772_323_200_000;

    fn answer(outcome: Outcome, status: u16, retry_after: Option<Duration>) -> Answer {
        Answer { outcome, status: Some(status), retry_after, hints: Hints::default() }
    }

    /// Earliest, middle and latest draw of the jitter.
    fn draws(pace: &Pace, failure_count: u32, answer: &Answer) -> [Duration; 3] {
        [0, u64::MAX / 2, u64::MAX].map(|seed| next(pace, &State { failure_count, seed }, answer, NOW_MS).wait)
    }

    fn winner(next: &Next) -> Rule {
        let won: Vec<_> = next.rules.iter().filter(|asked| asked.won).collect();
        assert_eq!(won.len(), 1, "{next:?}");
        won[0].rule
    }

    #[test]
    fn rules_and_their_winner() {
        use Outcome::*;
        use Rule::{Backoff, Interval, RetryAfter};
        let pace = |interval, interval_min, interval_max| Pace { interval, interval_min, interval_max };
        let hour = pace(HOUR, 5 * MINUTE, DAY);
        let tight = pace(HOUR, HOUR, HOUR);
        let slow = pace(7 * DAY, 5 * MINUTE, 7 * DAY);
        // Pace, failures before, outcome, status, Retry-After; then winner, earliest and latest wait.
        type Row = (Pace, u32, Outcome, u16, Option<Duration>, Rule, Duration, Duration);
        let rows: &[Row] = &[
            (hour, 0, Fine, 200, None, Interval, 54 * MINUTE, 66 * MINUTE),
            (hour, 7, Fine, 304, None, Interval, 54 * MINUTE, 66 * MINUTE),
            // An interval at the floor is only ever lengthened, one at the ceiling only shortened.
            (pace(HOUR, HOUR, DAY), 0, Fine, 200, None, Interval, HOUR, 66 * MINUTE),
            (pace(DAY, HOUR, DAY), 0, Fine, 200, None, Interval, 23 * HOUR, DAY),
            (tight, 0, Fine, 200, None, Interval, HOUR, HOUR),
            // An interval beyond floor or ceiling is the operator's wish.
            (pace(SECOND, 5 * MINUTE, DAY), 0, Fine, 200, None, Interval, SECOND, 11 * SECOND / 10),
            (pace(2 * DAY, HOUR, DAY), 0, Fine, 200, None, Interval, 47 * HOUR, 48 * HOUR),
            // Failures: the interval, then doubling up to a day, for ever.
            (hour, 0, Failed, 500, None, Interval, 54 * MINUTE, 66 * MINUTE),
            (hour, 1, Failed, 500, None, Backoff, 108 * MINUTE, 132 * MINUTE),
            (hour, 2, Failed, 404, None, Backoff, 216 * MINUTE, 264 * MINUTE),
            (hour, 5, Failed, 500, None, Backoff, 23 * HOUR, DAY),
            (hour, u32::MAX, Failed, 500, None, Backoff, 23 * HOUR, DAY),
            (tight, 1, Failed, 500, None, Backoff, 108 * MINUTE, 132 * MINUTE),
            (slow, 9, Failed, 500, None, Interval, 7 * DAY - HOUR, 7 * DAY),
            (hour, 0, Gone, 410, None, Rule::Gone, 23 * HOUR, DAY),
            // Retry-After: never cut short, only ever lengthened.
            (hour, 0, Failed, 429, Some(2 * HOUR), RetryAfter, 2 * HOUR, 132 * MINUTE),
            (hour, 0, Failed, 503, Some(31 * DAY), RetryAfter, 31 * DAY, 31 * DAY + HOUR),
            (tight, 0, Failed, 503, Some(2 * DAY), RetryAfter, 2 * DAY, 2 * DAY + HOUR),
            (hour, 0, Failed, 302, Some(2 * HOUR), RetryAfter, 2 * HOUR, 132 * MINUTE),
            (hour, 3, Fine, 304, Some(2 * HOUR), RetryAfter, 2 * HOUR, 132 * MINUTE),
            // It does not shorten anything, and the jitter of another rule does not undercut it.
            (hour, 3, Failed, 429, Some(MINUTE), Backoff, 432 * MINUTE, 528 * MINUTE),
            (hour, 0, Failed, 429, Some(59 * MINUTE), Interval, 59 * MINUTE, 66 * MINUTE),
            (hour, 0, Failed, 429, Some(Duration::ZERO), Interval, 54 * MINUTE, 66 * MINUTE),
            (hour, 0, Failed, 429, Some(Duration::MAX), RetryAfter, 31 * DAY, 31 * DAY + HOUR),
            // On other statuses it means nothing.
            (hour, 0, Fine, 200, Some(2 * HOUR), Interval, 54 * MINUTE, 66 * MINUTE),
            (hour, 0, Failed, 500, Some(2 * HOUR), Interval, 54 * MINUTE, 66 * MINUTE),
        ];
        for row in rows {
            let (pace, failure_count, outcome, status, retry_after, rule, earliest, latest) = *row;
            let answer = answer(outcome, status, retry_after);
            let [first, middle, last] = draws(&pace, failure_count, &answer);
            assert_eq!((first, last), (earliest, latest), "{row:?}");
            assert!(first <= middle && middle <= last, "{row:?}: {middle:?}");
            let next = next(&pace, &State { failure_count, seed: 1 }, &answer, NOW_MS);
            assert_eq!(winner(&next), rule, "{row:?}");
            assert_eq!(next.at_ms, NOW_MS + next.wait.as_millis() as i64, "{row:?}");
            let expected = if outcome == Fine { 0 } else { failure_count.saturating_add(1) };
            assert_eq!(next.failure_count, expected, "{row:?}");
        }
    }

    #[test]
    fn hints_are_lower_bounds_within_floor_and_ceiling() {
        for (max_age, ttl, rule, earliest, latest) in [
            (None, Some(HOUR), Rule::Ttl, HOUR, 66 * MINUTE),
            (Some(2 * HOUR), Some(HOUR), Rule::MaxAge, 2 * HOUR, 132 * MINUTE),
            (Some(SECOND), Some(SECOND), Rule::Interval, 810 * SECOND, 990 * SECOND),
            (Some(840 * SECOND), None, Rule::Interval, 840 * SECOND, 990 * SECOND),
            (None, Some(365 * DAY), Rule::Ttl, DAY, DAY),
        ] {
            let answer = Answer { hints: Hints { max_age, ttl }, ..answer(Outcome::Fine, 200, None) };
            let [first, _, last] = draws(&PACE, 0, &answer);
            assert_eq!((first, last), (earliest, latest), "{answer:?}");
            let next = next(&PACE, &State { failure_count: 0, seed: 1 }, &answer, NOW_MS);
            assert_eq!(winner(&next), rule, "{answer:?}");
        }
    }

    #[test]
    fn losers_are_kept_with_what_they_asked_for() {
        let answer =
            Answer { hints: Hints { max_age: None, ttl: Some(365 * DAY) }, ..answer(Outcome::Failed, 503, Some(HOUR)) };
        let next = next(&PACE, &State { failure_count: 1, seed: 7 }, &answer, NOW_MS);
        let told: Vec<_> = next.rules.iter().map(|asked| (asked.rule.name(), asked.wait, asked.won)).collect();
        let expected = [
            ("interval", 15 * MINUTE, false),
            ("backoff", 30 * MINUTE, false),
            ("retry_after", HOUR, false),
            ("ttl", 365 * DAY, true),
        ];
        assert_eq!(told, expected);
    }

    /// xorshift64*; prints its seed when a test fails, and takes it from RSSD_TEST_SEED to replay.
    struct Random(u64);

    impl Random {
        fn new() -> Random {
            let seed = std::env::var("RSSD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
            let seed = seed.unwrap_or_else(|| Clock::system().now_ms().unsigned_abs() | 1);
            println!("replay with RSSD_TEST_SEED={seed}");
            Random(seed)
        }

        fn next(&mut self) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
        }

        fn below(&mut self, end: u64) -> u64 {
            self.next() % end
        }

        /// From a millisecond to centuries, each order of magnitude alike.
        fn wait(&mut self) -> Duration {
            let bits = self.below(44);
            Duration::from_millis(1 + self.next() % (1 << bits))
        }

        fn maybe(&mut self) -> Option<Duration> {
            if self.below(2) == 0 { None } else { Some(self.wait()) }
        }
    }

    #[test]
    fn no_poll_is_too_early_or_too_late_whatever_happens() {
        let mut random = Random::new();
        for _ in 0..20_000 {
            let pace = Pace { interval: random.wait(), interval_min: random.wait(), interval_max: random.wait() };
            let mut state = State { failure_count: random.below(80) as u32, seed: 0 };
            let mut backoff_before = Duration::ZERO;
            for poll_count in 0..5 {
                state.seed = seed("feed", poll_count ^ random.next());
                let outcome = [Outcome::Fine, Outcome::Failed, Outcome::Gone][random.below(3) as usize];
                let status = [200, 302, 304, 404, 410, 429, 500, 503][random.below(8) as usize];
                let hints = Hints { max_age: random.maybe(), ttl: random.maybe() };
                let answer = Answer { outcome, status: Some(status), retry_after: random.maybe(), hints };
                let now_ms = random.next() as i64;
                let next = next(&pace, &state, &answer, now_ms);
                let context = format!("{pace:?} {state:?} {answer:?} {next:?}");

                let honoured = answer.retry_after.filter(|_| matches!(status, 302 | 304 | 429 | 503));
                let honoured = honoured.unwrap_or_default().min(31 * DAY);
                let floor = pace.interval.min(pace.interval_min);
                let ceiling = pace.interval.max(pace.interval_max);
                assert!(next.wait >= floor, "before the floor: {context}");
                assert!(next.wait >= honoured, "before Retry-After: {context}");
                for hint in [hints.max_age, hints.ttl].into_iter().flatten() {
                    assert!(next.wait >= hint.min(ceiling), "before a hint: {context}");
                }
                let latest = if outcome == Outcome::Fine { ceiling } else { ceiling.max(DAY) };
                assert!(next.wait <= latest.max(honoured + HOUR), "after the ceiling: {context}");
                assert_eq!(next, super::next(&pace, &state, &answer, now_ms), "does not replay");
                assert!(next.at_ms >= now_ms, "{context}");
                winner(&next);

                let backoff = next.rules.iter().find(|asked| asked.rule == Rule::Backoff).map(|asked| asked.wait);
                match backoff {
                    Some(backoff) => {
                        assert!(backoff >= backoff_before, "backoff shrank: {context}");
                        backoff_before = backoff;
                    }
                    None if outcome == Outcome::Fine => backoff_before = Duration::ZERO,
                    None => {}
                }
                state.failure_count = next.failure_count;
            }
        }
    }

    #[test]
    fn jitter_differs_between_feeds_and_polls() {
        let wait = |feed: &str, poll_count| {
            let state = State { failure_count: 0, seed: seed(feed, poll_count) };
            next(&PACE, &state, &answer(Outcome::Fine, 200, None), NOW_MS).wait
        };
        let mut tenths = [0; 10];
        for n in 0..1_000 {
            let offset = wait(&format!("feed-{n}"), 3) - 810 * SECOND;
            tenths[(offset.as_millis() / 18_001) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (60..150).contains(count)), "{tenths:?}");
        assert_ne!(wait("bbc-world", 1), wait("bbc-world", 2));
        assert_ne!(wait("bbc-world", 1), wait("bbc-sport", 1));
        // For ever, so that a release does not reshuffle what is due when.
        assert_eq!(seed("bbc-world", 1), 0xe0ac9f48d4ed0558);
    }

    #[test]
    fn a_crowd_is_spread() {
        let interval = 15 * MINUTE;
        let waits = |waiting: usize| -> Vec<Duration> {
            (0..waiting).map(|n| spread(&format!("feed-{n}"), waiting, interval)).collect()
        };
        assert_eq!(waits(1), [Duration::ZERO]);
        // 5,000 feeds, 100 seconds: in no second more than twice the rate.
        let mut a_second = [0u64; 101];
        for wait in waits(5_000) {
            a_second[wait.as_secs() as usize] += 1;
        }
        assert!(a_second.iter().all(|count| *count <= 2 * POLLS_PER_SECOND_AT_START), "{a_second:?}");
        // 200,000 feeds would take longer than an interval: they get all of it, and no more.
        let latest = waits(200_000).into_iter().max().unwrap_or_default();
        assert!((14 * MINUTE..=interval).contains(&latest), "{latest:?}");
        assert!(spread("feed", usize::MAX, interval) <= interval);
    }

    #[test]
    fn a_restart_resumes_and_never_polls_early() {
        let place = spread("feed", 900, PACE.interval);
        assert!(place > Duration::ZERO);
        for (next_poll_at_ms, wait) in [
            (Some(NOW_MS + 60_000), MINUTE),
            (Some(NOW_MS + 1), Duration::from_millis(1)),
            (Some(NOW_MS), place),
            (Some(NOW_MS - 1), place),
            (Some(i64::MIN), place),
            (None, place),
            (Some(NOW_MS + 31 * 86_400_000), 31 * DAY),
            (Some(NOW_MS + 32 * 86_400_000), 31 * DAY + HOUR),
            (Some(i64::MAX), 31 * DAY + HOUR),
        ] {
            assert_eq!(resume(&PACE, "feed", next_poll_at_ms, 900, NOW_MS), wait, "{next_poll_at_ms:?}");
        }
    }
}
