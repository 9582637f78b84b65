//! strace as the fault: it makes system calls of one thread of a running daemon fail, or last, as long as it is there.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::clients::{forgive, program};
use crate::support::{Daemon, Home, until};

pub(super) struct Injection {
    strace: Daemon,
    traced: String,
}

impl Injection {
    /// What strace calls `inject=`, on the thread of this name, of calls on these files. `None`, with a word, where there
    /// is no strace, or it may not look at other processes, and all clients are not required.
    pub(super) fn on(home: &Home, daemon: &Daemon, thread: &str, files: &[&Path], what: &str) -> Option<Injection> {
        let mut command = home.command_of(&program("strace")?.to_string_lossy());
        let thread = thread_of(daemon, thread);
        let calls = what.split_once(':').map_or(what, |(calls, _)| calls);
        command.args(["-o", "/dev/null", "-p", &thread]);
        command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={what}")]);
        for file in files {
            command.arg("-P").arg(file.canonicalize().unwrap_or_else(|_| file.to_path_buf()));
        }
        let traced = format!("/proc/{thread}/status");
        let mut injection = Injection { strace: Daemon::spawn(command), traced };
        let attached = until("strace to attach", || {
            (injection.strace.count_lines("attached") > 0 || !injection.strace.is_running())
                .then(|| injection.is_traced())
        });
        if !attached {
            forgive(&format!("strace may not attach here: {:?}", injection.strace.lines()));
            return None;
        }
        Some(injection)
    }

    /// From here on calls are what they are. Whoever was traced may have ended meanwhile.
    pub(super) fn end(self) {
        if self.is_traced() {
            self.strace.signal(Signal::SIGINT);
        }
        until("strace to let go", || (!self.is_traced()).then_some(()));
    }

    fn is_traced(&self) -> bool {
        let status = fs::read_to_string(&self.traced).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|pid| pid.trim() != "0"))
    }
}

/// The id of a thread of the daemon.
fn thread_of(daemon: &Daemon, name: &str) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("it runs").flatten();
    let named = |path: &Path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
    let mut found = tasks.filter(|task| named(&task.path()));
    let task = found.next().unwrap_or_else(|| panic!("no thread {name}"));
    task.file_name().to_string_lossy().into_owned()
}
