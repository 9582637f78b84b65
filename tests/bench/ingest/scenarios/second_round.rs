//! A second round, in which every publisher answers 304.

use super::first_round::{W1_FEEDS, W1_SHAPE, ahead};
use crate::farm::{Farm, Temper};
use crate::others::Baseline;
use crate::ours::{Ours, count};
use crate::{plot, table};

/// Of the CPU seconds of the first round.
const CPU_MAX: f64 = 0.1;
const POLLS_A_SECOND_A_CORE_MIN: f64 = 4_000.0;

pub(crate) fn w3() {
    let farm = Farm::start(W1_FEEDS, W1_SHAPE);
    let urls: Vec<String> = (0..W1_FEEDS).map(|number| farm.url(number, Temper::Healthy)).collect();
    let articles = (W1_FEEDS * W1_SHAPE.articles) as u64;
    let ours = Ours::new(urls.iter().cloned());
    let first = ours.run(articles);
    let second = ours.run_until(W1_FEEDS as u64, |db| count(db, "SELECT count(*) FROM feed WHERE poll_count >= 2"));
    table::print_busy(&second);
    let mut runs = vec![second];
    if let Some(baseline) = Baseline::build() {
        baseline.first_round(&ours.home, &urls, articles);
        runs.push(baseline.again(&ours.home, &urls));
    }
    table::print(&runs);
    plot::draw("W3", "W3: feeds found unchanged by when", &runs);
    let run = &runs[0];
    // What it takes to start belongs to no round.
    let cpu = |run: &crate::run::Run| run.cpu.since(run.cpu_of_start).total();
    let share = cpu(run) / cpu(&first);
    table::bar(
        share <= CPU_MAX,
        format_args!("CPU: {:.2} s, {share:.3} of the {:.2} s of W1 (at most {CPU_MAX})", cpu(run), cpu(&first)),
    );
    let rate = W1_FEEDS as f64 / run.cores_seconds().max(0.01);
    table::bar(
        rate >= POLLS_A_SECOND_A_CORE_MIN,
        format_args!("{rate:.0} polls in a second of a core's CPU time (at least {POLLS_A_SECOND_A_CORE_MIN})"),
    );
    ahead(&runs);
}
