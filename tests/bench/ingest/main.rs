//! How fast feeds become articles, and what that costs: `cargo bench --bench ingest [-- W1 W2 ...] [--alone]`.
//!
//! All on loopback: a farm of thousands of publishers in a process of its own, each feed on an address of its own, and the
//! daemon as it is shipped. Side by side in the same run: the program that one would write in an afternoon from the usual
//! parts (`tests/bench/baseline`), and the floor: the same bytes through plain sockets, through feed-rs and through SQLite,
//! each alone.
//!
//! `--alone` leaves the other programs out, for whoever looks for where the time goes.
//!
//! It prints tables, says which bars are kept, and draws into `target/bench/`. Nothing fails by it: wall seconds tell of
//! the machine, and of what else it does; CPU seconds are more to be trusted.

mod crowd;
mod documents;
mod farm;
mod floor;
mod others;
mod ours;
mod plot;
mod process;
mod run;
mod scenarios;
mod table;

#[path = "../http/figures.rs"]
mod figures;

#[path = "../../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
mod support;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Thousands of listeners, or of clients.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    if let Some(("farm", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return farm::run(rest);
    }
    let asked: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, what, run) in scenarios::ALL {
        if asked.is_empty() || asked.iter().any(|asked| asked.eq_ignore_ascii_case(name)) {
            println!("\n== {name}: {what}");
            println!("what else the machine does: {}", load());
            run();
        }
    }
}

/// Whether only rssd shall run.
fn is_alone() -> bool {
    std::env::args().any(|argument| argument == "--alone")
}

/// Figures that were taken beside other programs should say so.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut numbers = text.split(' ');
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("a load of {} on {cpus} CPUs, over the last minute", numbers.next().unwrap_or("?"))
}
