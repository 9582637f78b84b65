//! How many instructions the pure hot paths take, beside the figures that were last committed: `cargo bench --bench
//! instructions`, and with `-- --write` these become the figures.
//!
//! Counted by valgrind's callgrind, on four documents of thirty articles and 60 KB: the same on a busy machine as on an idle one,
//! and on another one of the kind. Another compiler, or other versions of dependencies, give other figures. Prints, and judges
//! nothing: whoever changes a path sees what it costs.

#[allow(dead_code, reason = "the other bench asks how many articles they have")]
mod feeds;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, ExitCode};

use rssd::hot_paths::{HOT_PATHS, ROUNDS_MAX};

/// What is worth a word.
const CHANGE_PERCENT: f64 = 5.0;

const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/instructions.txt");

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["alone", name, rounds] => {
            let path = HOT_PATHS.iter().find(|(known, _)| *known == name).expect("it was named by us").1;
            let rounds = rounds.parse().expect("it was counted by us");
            feeds::all().iter().for_each(|(_, text)| path(text, rounds));
            ExitCode::SUCCESS
        }
        ["--write"] => count_all(true),
        [] => count_all(false),
        _ => {
            eprintln!("usage: cargo bench --bench instructions [-- --write]");
            ExitCode::from(64)
        }
    }
}

fn count_all(is_written: bool) -> ExitCode {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("NOT COUNTED: valgrind is not installed");
        return ExitCode::SUCCESS;
    }
    let known = fs::read_to_string(FIGURES).unwrap_or_default();
    let mut written = String::from(
        "# Instructions of a round with all four documents, by `cargo bench --bench instructions -- --write`.\n",
    );
    println!("{:<14}{:>14}{:>14}{:>9}", "path", "committed", "now", "change");
    for (name, _) in HOT_PATHS {
        let count = (count(name, ROUNDS_MAX) - count(name, 1)) / (ROUNDS_MAX as u64 - 1);
        _ = writeln!(written, "{name} {count}");
        let before = known.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let Some(before) = before else {
            println!("{name:<14}{:>14}{count:>14}", "-");
            continue;
        };
        let percent = 100.0 * (count as f64 / before as f64 - 1.0);
        let word = match percent {
            more if more > CHANGE_PERCENT => "  MORE than before: mend it, or commit the figure and say why",
            less if less < -CHANGE_PERCENT => "  less: commit the figure",
            _ => "",
        };
        println!("{name:<14}{before:>14}{count:>14}{percent:>+8.1}%{word}");
    }
    if is_written {
        fs::write(FIGURES, written).expect("the figures stand beside this file");
    }
    ExitCode::SUCCESS
}

/// Instructions of a process that takes a path so many times.
fn count(name: &str, rounds: usize) -> u64 {
    let this = env::current_exe().expect("this program has a path");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(this);
    let output = command.args(["alone", name, &rounds.to_string()]).output().expect("valgrind was there");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = told.lines().find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok());
    collected.filter(|_| output.status.success()).unwrap_or_else(|| panic!("valgrind counted nothing: {told}"))
}
