//! `rssd demo` is what a newcomer sees first: it must keep all its promises, leave nothing behind, and end when asked.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// One demo at a time: it is judged by its deadlines, and each fills the CPUs for a while.
static STAGE: Mutex<()> = Mutex::new(());
/// Several times what it takes on a slow and busy machine.
const HANG_GUARD: Duration = Duration::from_secs(120);

/// The promises that are about time.
const TIMED: [&str; 2] = ["articles of healthy feeds stored", "ended at their own deadline"];

fn demo(folder: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rssd"))
        .arg("demo")
        .env("TMPDIR", folder)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it said in all, once it has ended.
fn output(child: Child) -> Output {
    let (sender, ended) = mpsc::channel();
    let pid = Pid::from_raw(child.id().cast_signed());
    thread::spawn(move || sender.send(child.wait_with_output()));
    ended
        .recv_timeout(HANG_GUARD)
        .unwrap_or_else(|_| {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("the demo hangs")
        })
        .unwrap()
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().unwrap().next().is_none()
}

#[test]
fn every_promise_is_kept() {
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let output = output(demo(folder.path()));
    let told = String::from_utf8(output.stdout).unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert_eq!(complained, "", "{told}");

    let table: Vec<&str> = told.lines().skip_while(|line| !line.starts_with("What was promised")).skip(1).collect();
    let kept = table.iter().filter(|line| line.starts_with(" ✓ ")).count();
    let broken: Vec<&&str> = table.iter().filter(|line| line.starts_with(" ✗ ")).collect();
    assert!(kept + broken.len() >= 14, "{told}");
    // How fast a busy machine is decides nothing here.
    let (late, wrong): (Vec<&&str>, Vec<&&str>) =
        broken.into_iter().partition(|line| TIMED.iter().any(|promise| line.contains(promise)));
    assert!(wrong.is_empty(), "{told}");
    match late.is_empty() {
        true => {
            assert_eq!(output.status.code(), Some(0), "{told}");
            assert!(table.last().unwrap().starts_with(&format!("All {kept} promises kept")), "{told}");
        }
        false => {
            println!("late on this machine: {late:?}");
            assert_eq!(output.status.code(), Some(70), "{told}");
        }
    }
    assert!(!told.contains('\u{1b}'), "colours where there is no terminal: {told}");
    assert!(is_empty(folder.path()), "it left something behind");
}

#[test]
fn it_ends_in_order_when_asked_in_the_middle() {
    let _stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(folder.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // By then the hung feeds are in flight, and far from their deadlines.
    let mut told = lines.by_ref().map(Result::unwrap);
    assert!(told.any(|line| line.contains("articles of the 430 healthy feeds")), "it ended by itself");
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let rest: Vec<String> = told.collect();
    let output = output(child);
    assert_eq!(output.status.code(), Some(0), "{rest:?}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(rest.last().unwrap().ends_with("stopped in order, as asked"), "{rest:?}");
    assert!(is_empty(folder.path()), "it left something behind");
}
