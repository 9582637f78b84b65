//! First rounds into an empty store.

use crate::documents::Shape;
use crate::farm::{Farm, Temper};
use crate::others::{Baseline, readers};
use crate::ours::Ours;
use crate::process::Cpu;
use crate::run::Run;
use crate::{floor, plot, table};

pub(crate) const W1_FEEDS: usize = 2_000;
pub(crate) const W1_SHAPE: Shape = Shape { articles: 30, bytes: 60_000 };

/// Of the floor's CPU seconds.
const W1_CPU_MAX: f64 = 1.5;
const W1_PEAK_MIB_MAX: f64 = 150.0;
/// The cores end so close to each other, as a share of the round.
const W1_IDLE_MAX: f64 = 0.1;

/// Of the time that W1 takes.
const W2_TIMES_MAX: f64 = 1.15;

const W4_FEEDS: usize = 10_000;
const W4_SHAPE: Shape = Shape { articles: 10, bytes: 10_000 };
const W4_FEEDS_A_SECOND_MIN: f64 = 2_500.0;

/// What a scenario is made of.
struct Scene {
    farm: Farm,
    urls: Vec<String>,
    /// Articles of healthy feeds.
    wanted: u64,
}

impl Scene {
    fn set(feeds: usize, shape: Shape, temper: fn(usize) -> Temper) -> Scene {
        let farm = Farm::start(feeds, shape);
        let urls = (0..feeds).map(|number| farm.url(number, temper(number))).collect();
        let healthy = (0..feeds).filter(|number| temper(*number) == Temper::Healthy).count();
        Scene { farm, urls, wanted: (healthy * shape.articles) as u64 }
    }

    /// rssd, and then the baseline.
    fn run(&self) -> Vec<Run> {
        let ours = Ours::new(self.urls.iter().cloned());
        let before = Cpu::of(self.farm.pid());
        let run = ours.run(self.wanted);
        let farm = Cpu::of(self.farm.pid()).since(before);
        println!("the farm used {:.2} CPU s for rssd", farm.total());
        table::print_busy(&run);
        let mut runs = vec![run];
        runs.extend(Baseline::build().map(|baseline| baseline.first_round(&ours.home, &self.urls, self.wanted)));
        runs
    }
}

fn all_healthy(_: usize) -> Temper {
    Temper::Healthy
}

/// One in twenty hung, one in a hundred dripping.
fn some_ill(number: usize) -> Temper {
    match number % 100 {
        7 | 27 | 47 | 67 | 87 => Temper::Hung,
        50 => Temper::Dripping,
        _ => Temper::Healthy,
    }
}

pub(crate) fn w1() {
    let scene = Scene::set(W1_FEEDS, W1_SHAPE, all_healthy);
    let floor = floor::measure(&scene.farm, W1_FEEDS, W1_SHAPE);
    let mut runs = scene.run();
    // Without the readers, which take dozens of times as long.
    plot::draw("W1", "articles committed by when", &runs);
    runs.extend(readers(&scene.urls, W1_SHAPE.articles as u64));
    table::print(&runs);
    let run = &runs[0];
    let (cpu, most) = (run.cpu.total(), floor.total() * W1_CPU_MAX);
    let times = cpu / floor.total();
    table::bar(cpu <= most, format_args!("CPU: {cpu:.2} s, {times:.2} times the floor (at most {W1_CPU_MAX})"));
    let peak = run.peak_mib();
    table::bar(peak <= W1_PEAK_MIB_MAX, format_args!("memory: {peak:.1} MiB (at most {W1_PEAK_MIB_MAX})"));
    let all = run.until(1.0).unwrap_or(f64::INFINITY);
    let first = run.cores_until().into_iter().fold(f64::INFINITY, f64::min);
    let is_busy = all - first <= all * W1_IDLE_MAX;
    table::bar(is_busy, format_args!("both cores busy to the end: the first of them until {first:.2} s of {all:.2} s"));
    ahead(&runs);
}

pub(crate) fn w2() {
    // In the same run, so that the machine is as busy with other things as it is then.
    let scene = Scene::set(W1_FEEDS, W1_SHAPE, all_healthy);
    let w1 = Ours::new(scene.urls.iter().cloned()).run(scene.wanted);
    drop(scene);
    let runs = Scene::set(W1_FEEDS, W1_SHAPE, some_ill).run();
    table::print(&runs);
    plot::draw("W2", "articles of healthy feeds committed by when", &runs);
    let most = |run: &Run| run.until(0.95).unwrap_or(f64::INFINITY);
    let times = most(&runs[0]) / most(&w1);
    table::bar(
        times <= W2_TIMES_MAX,
        format_args!(
            "95 % of the healthy articles after {:.2} s, {times:.2} times the {:.2} s of W1 (at most {W2_TIMES_MAX})",
            most(&runs[0]),
            most(&w1)
        ),
    );
    ahead(&runs);
}

pub(crate) fn w4() {
    let scene = Scene::set(W4_FEEDS, W4_SHAPE, all_healthy);
    floor::measure(&scene.farm, W4_FEEDS, W4_SHAPE);
    let runs = scene.run();
    table::print(&runs);
    plot::draw("W4", "articles committed by when", &runs);
    let rate = W4_FEEDS as f64 / runs[0].until(1.0).unwrap_or(f64::INFINITY);
    table::bar(
        rate >= W4_FEEDS_A_SECOND_MIN,
        format_args!("{rate:.0} feeds a second over all cores (at least {W4_FEEDS_A_SECOND_MIN})"),
    );
    ahead(&runs);
}

/// Whether rssd, the first, is ahead of the others in all that counts.
pub(super) fn ahead(runs: &[Run]) {
    for other in &runs[1..] {
        let figures = |run: &Run| [run.until(1.0).unwrap_or(f64::INFINITY), run.cpu.total(), run.peak_mib()];
        let names = ["wall s", "CPU s", "peak MiB"];
        for ((name, ours), theirs) in names.iter().zip(figures(&runs[0])).zip(figures(other)) {
            // What could not be looked at is 0.
            if theirs > 0.0 {
                table::bar(ours < theirs, format_args!("ahead of {}: {ours:.2} to {theirs:.2} {name}", other.who));
            }
        }
    }
}
