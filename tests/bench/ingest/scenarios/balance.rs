//! A skewed set: one host with very many feeds, and more cores than there are CPUs.

use crate::farm::{Farm, Temper};
use crate::ours::Ours;
use crate::table;

use super::first_round::W1_SHAPE;

const OF_ONE_HOST: usize = 500;
const OF_OTHERS: usize = 1_500;

/// What the CPUs may leave unused until the last core is done, where nothing else runs on them.
const IDLE_MAX: f64 = 0.1;

pub(crate) fn run() {
    on("ten cores", "cores = 10");
    on("a core for each CPU", "");
}

fn on(what: &str, cores: &str) {
    println!("-- on {what}");
    let farm = Farm::start(OF_OTHERS + 1, W1_SHAPE);
    let urls = (0..OF_ONE_HOST + OF_OTHERS).map(|number| match number {
        0..OF_OTHERS => farm.url(number, Temper::Healthy),
        _ => farm.url_on(OF_OTHERS, number),
    });
    let ours = Ours::of(urls.map(|url| (url, "")), "interval = \"1h\"", cores);
    let run = ours.run(((OF_ONE_HOST + OF_OTHERS) * W1_SHAPE.articles) as u64);
    table::print_busy(&run);
    let (until, all, idle) = (run.cores_until(), run.until(1.0).unwrap_or(f64::INFINITY), run.idle);
    table::print(&[run]);
    let first = until.iter().copied().fold(f64::INFINITY, f64::min);
    let last = until.iter().copied().fold(0.0, f64::max);
    table::bar(
        idle <= IDLE_MAX,
        format_args!(
            "no core waits while another is late: the CPUs had nothing to do for {:.0} % of the time",
            idle * 100.0
        ),
    );
    println!("      the first was done after {first:.2} s, the last after {last:.2} of {all:.2} s");
}
