//! A month of polls without a server: what the cadence costs and what it gains, beside a poller that always comes at its
//! interval. Numbers of the limits were chosen by what this prints (`cargo test --lib simulation -- --nocapture`).

use std::time::Duration;

use super::{Answer, Cadence, Outcome, Pace, State, next, seed};
use crate::placement;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-03-02T00:00:00Z, a Monday.
pub(crate) const START_MS: i64 = 1_772_409_600_000;
const DAYS: i64 = 30;

/// How a publisher behaves who says nothing about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Temper {
    /// Every so many minutes on average, without any order.
    Random(i64),
    /// The same from 6 to 18 o'clock from Monday to Friday.
    OfficeHours(i64),
    /// Up to 16 within minutes, every so many minutes on average.
    Bursts(i64),
    Dead,
}

impl Temper {
    /// When articles appear, from [`START_MS`] to `end_ms`.
    pub(crate) fn articles(self, mut random: u64, end_ms: i64) -> Vec<i64> {
        let (Temper::Random(mean) | Temper::OfficeHours(mean) | Temper::Bursts(mean)) = self else { return Vec::new() };
        let mut at_ms = START_MS;
        let mut articles = Vec::new();
        loop {
            random = placement::mix(random.wrapping_add(0x9e37_79b9_7f4a_7c15));
            let even = (random >> 11) as f64 / (1u64 << 53) as f64;
            at_ms += (-(1.0 - even).ln() * (mean * MINUTE_MS) as f64) as i64;
            if at_ms > end_ms {
                return articles;
            }
            if let Temper::Bursts(_) = self {
                articles.extend((1..=random as i64 & 15).rev().map(|n| at_ms - n * 30_000));
            }
            let (day, hour) = ((at_ms - START_MS) / DAY_MS % 7, at_ms.rem_euclid(DAY_MS) / HOUR_MS);
            if !matches!(self, Temper::OfficeHours(_)) || day < 5 && (6..18).contains(&hour) {
                articles.push(at_ms);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Outing {
    polls: usize,
    /// From an article's appearance to the poll that found it, sorted.
    late_ms: Vec<i64>,
}

impl Outing {
    fn late(&self, percent: usize) -> Duration {
        let at = (self.late_ms.len() * percent / 100).min(self.late_ms.len().saturating_sub(1));
        Duration::from_millis(self.late_ms.get(at).copied().unwrap_or_default().unsigned_abs())
    }
}

/// Polls 20 feeds of a temper for a month, by the schedule or always at the interval.
fn run(pace: &Pace, temper: Temper, by_cadence: bool) -> Outing {
    let mut outing = Outing::default();
    for feed in 0..20u64 {
        let name = format!("feed-{feed}");
        let articles = temper.articles(feed, START_MS + DAYS * DAY_MS);
        let mut cadence: Option<Cadence> = None;
        let (mut now_ms, mut seen, mut poll_count) = (START_MS, 0, 0);
        while now_ms < START_MS + DAYS * DAY_MS {
            let found = articles[seen..].iter().take_while(|at_ms| **at_ms <= now_ms).count();
            outing.late_ms.extend(articles[seen..seen + found].iter().map(|at_ms| now_ms - at_ms));
            seen += found;
            cadence = match cadence {
                None => Some(Cadence::begin(now_ms)),
                Some(cadence) if found > 0 => Some(cadence.with_arrival(now_ms)),
                known => known,
            };
            let state =
                State { seed: seed(&name, poll_count), cadence: cadence.filter(|_| by_cadence), ..State::default() };
            let answer = Answer {
                outcome: Outcome::Fine,
                status: Some(200),
                is_own_host: true,
                retry_after: None,
                freshness: None,
            };
            now_ms = next(pace, &state, &answer, now_ms).at_ms;
            poll_count += 1;
        }
        outing.polls += poll_count as usize;
    }
    outing.late_ms.sort_unstable();
    outing
}

#[test]
fn a_month_of_polls_costs_less_and_quiet_feeds_are_late_by_a_part_of_their_gap() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let pace = Pace { interval: minutes(15), interval_min: minutes(5), interval_max: minutes(24 * 60) };
    let (mut polls, mut naive_polls) = (0, 0);
    println!("{:<20} {:>9} {:>9}  {:>9} {:>9}  {:>9}", "", "polls", "at 15 m", "late p50", "late p99", "15 m: p50");
    for (temper, polls_most, late_most) in [
        // Busier than the interval: more polls, and sooner.
        (Temper::Random(10), 3.1, 6),
        (Temper::Random(60), 1.5, 25),
        (Temper::OfficeHours(30), 1.5, 90),
        (Temper::Random(6 * 60), 0.4, 3 * 60),
        (Temper::Random(24 * 60), 0.2, 12 * 60),
        (Temper::Random(7 * 24 * 60), 0.2, 24 * 60 + 60),
        (Temper::Dead, 0.12, 1),
    ] {
        let (outing, naive) = (run(&pace, temper, true), run(&pace, temper, false));
        let share = outing.polls as f64 / naive.polls as f64;
        let name = format!("{temper:?}");
        println!(
            "{name:<20} {:>9} {:>9}  {:>9.0?} {:>9.0?}  {:>9.0?}",
            outing.polls,
            naive.polls,
            outing.late(50),
            outing.late(99),
            naive.late(50)
        );
        assert!(share <= polls_most, "{temper:?}: {share:.2} of the polls");
        assert!(outing.late(95) <= minutes(late_most), "{temper:?}: late by {:?}", outing.late(95));
        polls += outing.polls;
        naive_polls += naive.polls;
    }
    println!("{:<20} {polls:>9} {naive_polls:>9}", "all");
    assert!(polls * 10 < naive_polls * 9, "{polls} polls, {naive_polls} at the interval");
}
