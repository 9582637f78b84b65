//! Everything at once, for minutes: `cargo bench --bench hell [-- --minutes 10]`.
//!
//! A thousand feeds of which half are of every bad temper that the tarpit knows, two thousand idle streams, a hundred
//! clients that never read, two hundred that drip their request, fifty aborted requests a second, and a reload every ten
//! seconds that replaces some of the bad feeds by new ones, so that none of them is forgotten by its backoff. At the end
//! ten thousand aborts, and SIGTERM in the middle of it.
//!
//! It prints a table, draws what the daemon held into `target/hell.svg`, and fails where a promise was broken. What it holds
//! is judged from the end of the warm-up on: a fifth of the time.

mod aborts;
mod clients;
mod measure;
mod plot;
mod probe;
mod stage;
mod verdict;

#[path = "../http/figures.rs"]
mod figures;

#[path = "../../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use rssd::clock::Clock;

use clients::Clients;
use measure::Measure;
use probe::Probe;
use stage::Stage;
use verdict::Verdict;

/// Where nothing else is asked for.
const MINUTES: f64 = 1.0;

fn main() -> ExitCode {
    let minutes = minutes();
    // Every client of ours is a descriptor, too.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let mut stage = Stage::set();
    let mut clients = Clients::start(stage.at);
    let probe = Probe::start(stage.at);
    let mut verdict = Verdict::default();

    let lasts = Duration::from_secs_f64(minutes * 60.0);
    let measured = Measure::take(&mut stage, lasts);
    verdict.judge_held(&measured);
    verdict.judge_lateness(measured.lateness());
    measured.draw();

    verdict.judge_aborts(&aborts::run(&stage, measured.most_of_late()));
    verdict.judge_clients(&clients.counts(), stage.at);
    verdict.judge_answers(&probe.end());
    verdict.judge_feeds(&stage);

    // In the middle of it: every client goes on.
    let asked = Clock::monotonic();
    stage.daemon.signal(Signal::SIGTERM);
    let Stage { daemon, home, .. } = stage;
    let finished = daemon.wait();
    verdict.judge_end(&finished, Clock::monotonic() - asked);
    clients.stop();
    home.db().assert_whole();
    verdict.say()
}

/// `--minutes N`; whatever else cargo passes on is not ours.
fn minutes() -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--minutes").skip(1);
    arguments.next().map_or(MINUTES, |text| text.parse().expect("--minutes is followed by a number"))
}
