//! Programs that other people wrote, as they come from Debian and PyPI, against the daemon.
//!
//! Where one is missing its tests say so and pass; with `RSSD_REQUIRE_CLIENTS=1`, as `.ci/run` sets it, they fail. None
//! of them sees a proxy, a configuration or a directory but the test's own, and none outlives the hang guard.

mod accessibility;
mod browser;
mod curl;
mod devtools;
mod event_source;
mod examples;
mod feed_reader;
mod hostile;
mod metrics;
mod monitoring;
mod newsroom;
mod openapi;
mod pictures;
mod sse_library;

use std::env;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Daemon, Finished, Home};

/// Where `.ci/run` puts what it does not install: a Python environment, and promtool.
const FETCHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/clients/bin");

/// A program of the search path, `None` where it is missing and may be.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from(FETCHED)]);
    let file = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    installed(name, file)
}

/// A program of that Python environment, likewise.
fn python_program(name: &str) -> Option<PathBuf> {
    let file = Some(Path::new(FETCHED).join(name)).filter(|file| file.is_file());
    installed(name, file)
}

fn installed(name: &str, file: Option<PathBuf>) -> Option<PathBuf> {
    let required = env::var_os("RSSD_REQUIRE_CLIENTS");
    let found = judged(name, file, required.as_deref()).unwrap_or_else(|sentence| panic!("{sentence}"));
    if found.is_none() {
        // Past the test runner, which keeps what a passing test prints to itself.
        let _ = writeln!(io::stderr(), "SKIPPED: {name} is not installed");
    }
    found
}

/// Something that this machine does not allow: told where it may be so, and a failure where all clients are required.
pub(crate) fn forgive(what: &str) {
    assert_ne!(env::var_os("RSSD_REQUIRE_CLIENTS").as_deref(), Some(OsStr::new("1")), "{what}");
    let _ = writeln!(io::stderr(), "SKIPPED: {what}");
}

/// What is missing is an error where all are required.
fn judged(name: &str, file: Option<PathBuf>, required: Option<&OsStr>) -> Result<Option<PathBuf>, String> {
    match file {
        None if required == Some(OsStr::new("1")) => Err(format!("{name} is not installed; `.ci/run` installs it")),
        file => Ok(file),
    }
}

/// This program in the test's own directory, which is its home too.
fn command(home: &Home, program: &Path) -> Command {
    let mut command = home.command_of(&program.to_string_lossy());
    command.env("HOME", home.dir()).env("TMPDIR", home.dir()).env("LC_ALL", "C.UTF-8").env("NO_PROXY", "*");
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end, which has to be a good one. What hangs is killed by the guard.
fn run(command: Command) -> Finished {
    let what = format!("{command:?}");
    let finished = Daemon::spawn(command).wait();
    assert_eq!(finished.code, Some(0), "{what}\n{}\n{}", finished.stdout, finished.stderr);
    finished
}

#[test]
fn a_missing_program_is_a_failure_where_all_are_required() {
    let (file, required) = (Some(PathBuf::from("file")), Some(OsStr::new("1")));
    assert_eq!(judged("x", file.clone(), required), Ok(file.clone()));
    assert_eq!(judged("x", file.clone(), None), Ok(file));
    assert_eq!(judged("x", None, None), Ok(None));
    assert_eq!(judged("x", None, Some(OsStr::new("0"))), Ok(None));
    assert!(judged("x", None, required).is_err_and(|sentence| sentence.contains("x is not installed")));
}
