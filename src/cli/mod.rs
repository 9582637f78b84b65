//! The commands: what was said on the command line, one file a command.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::machine;

/// Says something on standard error. Nobody may be reading it, and then the exit code says it all the same: `eprintln!`
/// would panic there.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr().lock(), $($text)*);
    }};
}

mod argument;
mod backup;
mod check;
mod demo;
mod doctor;
mod explain;
mod export;
mod feed_table;
mod fetch;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod exit;
mod import;
mod lookout;
mod man;
mod parse;
mod progress;
mod run;
mod server;
mod shell;
mod status;
mod table;
mod tail;
mod tarpit;
mod when;
mod wishes;

/// Turns thousands of RSS, Atom and JSON feeds into one durable, ordered, resumable stream of articles.
#[derive(Parser, Debug)]
#[command(name = "rssd", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(flatten)]
    run: run::RunArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Report every mistake in feeds.toml at once, with line and column, and what a reload would add, change and remove
    Check(check::CheckArgs),
    /// Fetch one URL and explain how it went: phases with times, redirects, validators, repairs, articles
    Fetch(fetch::FetchArgs),
    /// Turn the bytes of a file into articles, without a network
    Parse(parse::ParseArgs),
    /// Follow a daemon's stream of articles, reconnecting for ever
    Tail(tail::TailArgs),
    /// Show how a daemon is: health, cores, failing feeds first
    Status(status::StatusArgs),
    /// Check whether this machine is fit for the daemon, and look into a daemon, even one that answers nothing
    Doctor(doctor::DoctorArgs),
    /// Explain when a feed is polled next, by which rule, and which rules lost
    Explain(explain::ExplainArgs),
    /// Turn an OPML file into feeds.toml on standard output
    Import(import::ImportArgs),
    /// Print the feeds of feeds.toml as OPML, for any other reader
    Export(export::ExportArgs),
    /// Copy the database while the daemon runs
    Backup(backup::BackupArgs),
    /// Show the daemon on built-in feeds, some of them hung, dripping, lying; no network needed
    Demo(demo::DemoArgs),
    /// Print a script that completes rssd's arguments in a shell
    Completions(shell::CompletionsArgs),
    /// Print a page of the manual
    Man(man::ManArgs),
    /// Serve hostile feeds, for trying any reader
    Tarpit(tarpit::TarpitArgs),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE.into() } else { exit::FINE.into() };
        }
    };
    machine::set_up_allocator();
    crate::logging::start();
    let code = match cli.command {
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Fetch(args)) => fetch::run(&args),
        Some(Command::Parse(args)) => parse::run(&args),
        Some(Command::Tail(args)) => tail::run(&args),
        Some(Command::Status(args)) => status::run(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Backup(args)) => backup::run(&args),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Completions(args)) => shell::completions(&args),
        Some(Command::Man(args)) => man::run(&args),
        Some(Command::Tarpit(args)) => tarpit::run(&args),
        None => run::run(&cli.run),
    };
    crate::logging::flush();
    code.into()
}
