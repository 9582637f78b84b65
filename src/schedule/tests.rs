use super::resume::{resume, spread};
use super::*;
use crate::clock::Clock;
use crate::limits::POLLS_PER_SECOND_AT_START;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// The defaults of feeds.toml.
const PACE: Pace =
    Pace { interval: Duration::from_secs(900), interval_min: Duration::from_secs(300), interval_max: DAY };
const NOW_MS: i64 = 1_772_323_200_000;

fn answer(outcome: Outcome, status: u16, retry_after: Option<Duration>) -> Answer {
    Answer { outcome, status: Some(status), is_own_host: true, retry_after, freshness: None }
}

/// Earliest, middle and latest draw of the jitter.
fn draws(pace: &Pace, failure_count: u32, answer: &Answer) -> [Duration; 3] {
    draws_of(pace, &State { failure_count, ..State::default() }, answer)
}

fn draws_of(pace: &Pace, state: &State, answer: &Answer) -> [Duration; 3] {
    [0, u64::MAX / 2, u64::MAX].map(|seed| next(pace, &State { seed, ..*state }, answer, NOW_MS).wait)
}

fn winner(next: &Next) -> Rule {
    let won: Vec<_> = next.rules.iter().filter(|asked| asked.won).collect();
    assert_eq!(won.len(), 1, "{next:?}");
    won[0].rule
}

#[test]
fn rules_and_their_winner() {
    use Outcome::*;
    use Rule::{Backoff, HostRetryAfter, Interval, RetryAfter};
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
        (hour, 0, Failed, 429, Some(2 * HOUR), HostRetryAfter, 2 * HOUR, 132 * MINUTE),
        (hour, 0, Failed, 503, Some(31 * DAY), RetryAfter, 31 * DAY, 31 * DAY + HOUR),
        (tight, 0, Failed, 503, Some(2 * DAY), RetryAfter, 2 * DAY, 2 * DAY + HOUR),
        (hour, 0, Failed, 302, Some(2 * HOUR), RetryAfter, 2 * HOUR, 132 * MINUTE),
        (hour, 3, Fine, 304, Some(2 * HOUR), RetryAfter, 2 * HOUR, 132 * MINUTE),
        // It does not shorten anything, and the jitter of another rule does not undercut it.
        (hour, 3, Failed, 429, Some(MINUTE), Backoff, 432 * MINUTE, 528 * MINUTE),
        (hour, 0, Failed, 429, Some(59 * MINUTE), Interval, 59 * MINUTE, 66 * MINUTE),
        (hour, 0, Failed, 429, Some(Duration::ZERO), Interval, 54 * MINUTE, 66 * MINUTE),
        (hour, 0, Failed, 429, Some(Duration::MAX), HostRetryAfter, 31 * DAY, 31 * DAY + HOUR),
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
        let next = next(&pace, &State { failure_count, seed: 1, ..State::default() }, &answer, NOW_MS);
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
        let answer = Answer { freshness: max_age.map(Freshness::MaxAge), ..answer(Outcome::Fine, 200, None) };
        let state = State { hints: Hints { ttl, ..Hints::default() }, seed: 1, ..State::default() };
        let [first, _, last] = draws_of(&PACE, &state, &answer);
        assert_eq!((first, last), (earliest, latest), "{answer:?}");
        let next = next(&PACE, &state, &answer, NOW_MS);
        assert_eq!(winner(&next), rule, "{answer:?}");
    }
}

#[test]
fn losers_are_kept_with_what_they_asked_for() {
    let hints = Hints { ttl: Some(365 * DAY), ..Hints::default() };
    let state = State { failure_count: 1, seed: 7, hints, ..State::default() };
    let next = next(&PACE, &state, &answer(Outcome::Failed, 503, Some(HOUR)), NOW_MS);
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

    fn cadence(&mut self) -> Option<Cadence> {
        let begun = Cadence::begin(self.next() as i64);
        let arrivals = self.below(6);
        let seen = (0..arrivals).fold(begun, |cadence, _| cadence.with_arrival(self.next() as i64));
        (self.below(2) == 0).then_some(seen)
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
        let mut state = State { failure_count: random.below(80) as u32, ..State::default() };
        let mut backoff_before = Duration::ZERO;
        for poll_count in 0..5 {
            state.seed = seed("feed", poll_count ^ random.next());
            let outcome = [Outcome::Fine, Outcome::Failed, Outcome::Gone][random.below(3) as usize];
            let status = [200, 302, 304, 404, 410, 429, 500, 503][random.below(8) as usize];
            let freshness = random.maybe();
            let skip = Skip { hours: random.next() as u32, days: random.next() as u8 };
            state.hints = Hints { ttl: random.maybe(), update_period: random.maybe(), skip };
            state.cadence = random.cadence();
            let answer = Answer {
                outcome,
                status: Some(status),
                is_own_host: random.below(2) == 0,
                retry_after: random.maybe(),
                freshness: freshness.map(Freshness::MaxAge),
            };
            let now_ms = random.next() as i64;
            let next = next(&pace, &state, &answer, now_ms);
            let context = format!("{pace:?} {state:?} {answer:?} {next:?}");

            let honoured = answer.retry_after.filter(|_| matches!(status, 302 | 304 | 429 | 503));
            let honoured = honoured.unwrap_or_default().min(31 * DAY);
            let floor = pace.interval.min(pace.interval_min);
            let ceiling = pace.interval.max(pace.interval_max);
            assert!(next.wait >= floor, "before the floor: {context}");
            assert!(next.wait >= honoured, "before Retry-After: {context}");
            let freshness = freshness.filter(|_| outcome == Outcome::Fine);
            for hint in [freshness, state.hints.ttl, state.hints.update_period].into_iter().flatten() {
                assert!(next.wait >= hint.min(ceiling), "before a hint: {context}");
            }
            let latest = if outcome == Outcome::Fine { ceiling } else { ceiling.max(DAY) };
            assert!(next.wait <= latest.max(honoured + HOUR), "after the ceiling: {context}");
            let skipped = skip::allowed_after(&state.hints.skip, next.at_ms).is_some();
            assert!(!skipped || next.wait >= ceiling || next.at_ms == i64::MAX, "in skipped time: {context}");
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
            state.gone_count = next.gone_count;
        }
    }
}

#[test]
fn jitter_differs_between_feeds_and_polls() {
    let wait = |feed: &str, poll_count| {
        let state = State { seed: seed(feed, poll_count), ..State::default() };
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
        let last_ms = Some(NOW_MS - 900_000);
        assert_eq!(resume(&PACE, "feed", last_ms, next_poll_at_ms, 900, NOW_MS), wait, "{next_poll_at_ms:?}");
    }
    // The clock was ahead when these were written: of them only the time between holds.
    for (last_ms, next_ms, wait) in [
        (NOW_MS + 365 * 86_400_000, NOW_MS + 365 * 86_400_000 + 60_000, MINUTE),
        (NOW_MS + 86_400_000, NOW_MS + 86_400_000, place),
        (i64::MAX, i64::MAX, place),
        // It was set right while the poll ran, or before its host asked to be left alone.
        (NOW_MS + 86_400_000, NOW_MS + 60_000, MINUTE),
    ] {
        assert_eq!(resume(&PACE, "feed", Some(last_ms), Some(next_ms), 900, NOW_MS), wait, "{last_ms}");
    }
}

#[test]
fn what_was_put_off_comes_back_behind_the_time_that_is_skipped() {
    let mut skip = Skip::default();
    (0..6).for_each(|hour| skip.add_hour(hour));
    let hints = Hints { skip, ..Hints::default() };
    // It is midnight.
    let ago = |wait: Duration| Some(NOW_MS - wait.as_millis() as i64);
    for (hints, wait, last_polled_at, least, most) in [
        (hints, Duration::ZERO, ago(HOUR), 6 * HOUR, 6 * HOUR + SKIP_SPREAD),
        (hints, 5 * HOUR, ago(HOUR), 6 * HOUR, 6 * HOUR + SKIP_SPREAD),
        (hints, 7 * HOUR, ago(HOUR), 7 * HOUR, 7 * HOUR),
        (Hints::default(), HOUR, ago(HOUR), HOUR, HOUR),
        // As far as the ceiling lets it.
        (hints, HOUR, ago(20 * HOUR), 4 * HOUR, 4 * HOUR),
        (hints, HOUR, ago(18 * HOUR + MINUTE), 5 * HOUR + 59 * MINUTE, 5 * HOUR + 59 * MINUTE),
        (hints, HOUR, ago(18 * HOUR - MINUTE), 6 * HOUR, 6 * HOUR + MINUTE),
        (hints, HOUR, ago(9 * DAY), HOUR, HOUR),
        (hints, HOUR, Some(i64::MIN), HOUR, HOUR),
        (hints, HOUR, None, HOUR, HOUR),
    ] {
        let moved = unskipped(&PACE, "feed", &hints, wait, last_polled_at, NOW_MS);
        assert!((least..=most).contains(&moved), "{wait:?}, polled at {last_polled_at:?}: {moved:?}");
    }
    let waits: std::collections::BTreeSet<_> =
        (0..50).map(|n| unskipped(&PACE, &format!("feed-{n}"), &hints, HOUR, ago(HOUR), NOW_MS)).collect();
    assert!(waits.len() > 40, "spread");
}

/// Rules in the order in which they are told: name, what was asked for, whether it won.
fn told(next: &Next) -> Vec<(&'static str, Duration, bool)> {
    next.rules.iter().map(|asked| (asked.rule.name(), asked.wait, asked.won)).collect()
}

#[test]
fn headers_count_where_the_feed_is_well_and_what_the_document_said_counts_always() {
    let hints = Hints { ttl: Some(2 * HOUR), ..Hints::default() };
    let state = State { hints, ..State::default() };
    let fresh = Some(Freshness::Expires(3 * HOUR));
    for (status, outcome, rule) in [
        (200, Outcome::Fine, Rule::Expires),
        (304, Outcome::Fine, Rule::Expires),
        (500, Outcome::Failed, Rule::Ttl),
        (404, Outcome::Failed, Rule::Ttl),
    ] {
        let next = next(&PACE, &state, &Answer { freshness: fresh, ..answer(outcome, status, None) }, NOW_MS);
        assert_eq!(winner(&next), rule, "{status}");
    }
    let hints = Hints { update_period: Some(HOUR), ..Hints::default() };
    let next = next(&PACE, &State { hints, ..State::default() }, &answer(Outcome::Fine, 304, None), NOW_MS);
    assert_eq!(told(&next), [("interval", 15 * MINUTE, false), ("update_period", HOUR, true)]);
}

#[test]
fn a_429_is_told_as_what_holds_for_the_host_and_nothing_else_is() {
    for (status, is_own_host, retry_after, rule) in [
        (429, true, Some(HOUR), Rule::HostRetryAfter),
        (429, true, Some(60 * DAY), Rule::HostRetryAfter),
        (429, true, None, Rule::Interval),
        // Somebody else's host, to which the feed redirects.
        (429, false, Some(HOUR), Rule::RetryAfter),
        (503, false, Some(HOUR), Rule::RetryAfter),
        (503, true, Some(HOUR), Rule::RetryAfter),
        (302, true, Some(HOUR), Rule::RetryAfter),
    ] {
        let answer = Answer { is_own_host, ..answer(Outcome::Failed, status, retry_after) };
        let next = next(&PACE, &State::default(), &answer, NOW_MS);
        assert_eq!(winner(&next), rule, "{answer:?}");
        let until = next.rules.iter().find(|asked| asked.won).and_then(|asked| asked.until_ms);
        let expected = retry_after.map(|wait| NOW_MS + wait.min(31 * DAY).as_millis() as i64);
        assert_eq!(until, expected, "{answer:?}");
    }
}

#[test]
fn a_wait_that_ends_in_skipped_time_goes_on_to_its_end() {
    // NOW is a Sunday at midnight, when 15 minutes end within the first hour.
    let skip = |hours: &[u32], days: &[&str]| {
        let mut skip = Skip::default();
        hours.iter().for_each(|hour| skip.add_hour(*hour));
        days.iter().for_each(|day| skip.add_day(day));
        skip
    };
    let spread = SKIP_SPREAD;
    let short = Pace { interval_max: 2 * HOUR, ..PACE };
    for (pace, skip, retry_after, earliest, latest, rules) in [
        (PACE, skip(&[1], &[]), None, 810 * SECOND, 990 * SECOND, &[("interval", 15 * MINUTE, true)][..]),
        (
            PACE,
            skip(&[24], &[]),
            None,
            HOUR,
            HOUR + spread,
            &[("interval", 15 * MINUTE, false), ("skip_hours", HOUR, true)],
        ),
        (PACE, skip(&[], &["Sunday"]), None, DAY, DAY, &[("interval", 15 * MINUTE, false), ("skip_days", DAY, true)]),
        (
            PACE,
            skip(&[0, 1], &["Sunday"]),
            None,
            DAY,
            DAY,
            &[("interval", 15 * MINUTE, false), ("skip_hours", 26 * HOUR, true)],
        ),
        // The ceiling cuts it short, ...
        (
            short,
            skip(&[0, 1, 2, 3], &[]),
            None,
            2 * HOUR,
            2 * HOUR,
            &[("interval", 15 * MINUTE, false), ("skip_hours", 4 * HOUR, true)],
        ),
        // ... and shortens nothing that is longer.
        (
            short,
            skip(&[3, 4, 5], &[]),
            Some(4 * HOUR),
            4 * HOUR,
            4 * HOUR + 24 * MINUTE,
            &[
                ("interval", 15 * MINUTE, false),
                ("backoff", 15 * MINUTE, false),
                ("retry_after", 4 * HOUR, true),
                ("skip_hours", 6 * HOUR, false),
            ],
        ),
    ] {
        let state = State { hints: Hints { skip, ..Hints::default() }, ..State::default() };
        let (outcome, status) = if retry_after.is_some() { (Outcome::Failed, 503) } else { (Outcome::Fine, 200) };
        let answer = answer(outcome, status, retry_after);
        let waits: Vec<_> =
            (0..500).map(|n| next(&pace, &State { seed: seed("f", n), ..state }, &answer, NOW_MS)).collect();
        for next in &waits {
            assert!((earliest..=latest).contains(&next.wait), "{skip:?}: {:?}", next.wait);
            assert_eq!(told(next), rules, "{skip:?}");
        }
        let widest = waits.iter().map(|next| next.wait).max().unwrap_or_default();
        assert!(widest + MINUTE >= latest, "they are spread: {widest:?} of {latest:?}");
    }
}

#[test]
fn a_feed_that_is_gone_three_times_in_a_row_is_given_up_and_no_other() {
    use Outcome::*;
    for (polls, given_up) in [
        (&[Gone, Gone][..], false),
        (&[Gone, Gone, Gone][..], true),
        (&[Gone, Gone, Failed, Gone][..], false),
        (&[Gone, Fine, Gone, Gone][..], false),
        (&[Failed, Gone, Gone, Gone][..], true),
        (&[Failed; 100][..], false),
    ] {
        let mut state = State::default();
        let mut last = None;
        for outcome in polls {
            let next = next(&PACE, &state, &answer(*outcome, 410, None), NOW_MS);
            assert!(next.wait > Duration::ZERO);
            state = State { failure_count: next.failure_count, gone_count: next.gone_count, ..state };
            last = Some(next);
        }
        assert_eq!(last.map(|next| next.is_given_up), Some(given_up), "{polls:?}");
    }
}

#[test]
fn the_cadence_stands_in_for_the_interval_where_the_publisher_is_silent() {
    let at = |days: u32| NOW_MS - (days * DAY).as_millis() as i64;
    let hourly = (1..=48).fold(Cadence::begin(at(3)), |cadence, n| cadence.with_arrival(at(3) + n * 3_600_000));
    let busy = (1..=900).fold(Cadence::begin(at(3)), |cadence, n| cadence.with_arrival(at(3) + n * 288_000));
    let dead = Cadence::begin(at(60));
    let day_ttl = Hints { ttl: Some(DAY), ..Hints::default() };
    let fresh = |wait| Some(Freshness::MaxAge(wait));
    for (what, cadence, hints, freshness, outcome, rule, earliest, latest) in [
        ("unknown yet", None, Hints::default(), None, Outcome::Fine, Rule::Interval, 810, 990),
        ("new", Some(Cadence::begin(NOW_MS)), Hints::default(), None, Outcome::Fine, Rule::Interval, 810, 990),
        // A day of silence by now, of which a part counts.
        ("hourly, then quiet", Some(hourly), Hints::default(), None, Outcome::Fine, Rule::Cadence, 2_430, 2_970),
        ("busy", Some(busy), Hints::default(), None, Outcome::Fine, Rule::Cadence, 300, 330),
        ("dead", Some(dead), Hints::default(), None, Outcome::Fine, Rule::Cadence, 82_800, 86_400),
        ("dead, with a ttl", Some(dead), day_ttl, None, Outcome::Fine, Rule::Ttl, 86_400, 86_400),
        ("fresh for an hour", Some(dead), Hints::default(), fresh(HOUR), Outcome::Fine, Rule::MaxAge, 3_600, 3_960),
        (
            "fresh for a minute",
            Some(dead),
            Hints::default(),
            fresh(MINUTE),
            Outcome::Fine,
            Rule::Cadence,
            82_800,
            86_400,
        ),
        ("dead and failing", Some(dead), Hints::default(), None, Outcome::Failed, Rule::Cadence, 82_800, 86_400),
        ("busy and failing", Some(busy), Hints::default(), None, Outcome::Failed, Rule::Backoff, 810, 990),
    ] {
        let state = State { cadence, hints, ..State::default() };
        let answer = Answer { freshness, ..answer(outcome, 200, None) };
        let [first, _, last] = draws_of(&PACE, &state, &answer);
        assert_eq!((first.as_secs(), last.as_secs()), (earliest, latest), "{what}");
        let next = next(&PACE, &state, &answer, NOW_MS);
        assert_eq!(winner(&next), rule, "{what}");
        if rule == Rule::Cadence {
            assert_eq!((next.rules[0].rule, next.rules[0].won), (Rule::Interval, false), "{what}: it is told as lost");
        }
    }
}
