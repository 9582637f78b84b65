//! The binary as a child process: its output read as it comes, its signals sent to its own pid, killed when dropped.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::{fs, mem};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::until;

pub(crate) struct Daemon {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    stderr: Option<JoinHandle<()>>,
    output: Arc<Mutex<Vec<u8>>>,
    stdout: Option<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None`: a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Daemon {
    pub(crate) fn spawn(mut command: Command) -> Daemon {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let stderr = {
            let (lines, pipe) = (lines.clone(), child.stderr.take().expect("it is piped"));
            // Read always, so that a full pipe never is what a test waits for.
            thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    lines.lock().expect("nobody panics with it").push(line);
                }
            })
        };
        let output = Arc::new(Mutex::new(Vec::new()));
        let stdout = {
            let (output, mut pipe) = (output.clone(), child.stdout.take().expect("it is piped"));
            thread::spawn(move || {
                let mut bytes = [0; 8192];
                while let Ok(read @ 1..) = pipe.read(&mut bytes) {
                    output.lock().expect("nobody panics with it").extend_from_slice(&bytes[..read]);
                }
            })
        };
        Daemon { child, lines, stderr: Some(stderr), output, stdout: Some(stdout) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits"));
        signal::kill(pid, signal).unwrap_or_else(|error| panic!("send {signal} to our own child: {error}"));
    }

    /// What it wrote to standard error so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("nobody panics with it").clone()
    }

    /// What it wrote to standard output so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().expect("nobody panics with it")).into_owned()
    }

    /// How many lines hold this text.
    pub(crate) fn count_lines(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for so many lines with this text.
    pub(crate) fn wait_for_lines(&mut self, text: &str, count: usize) {
        self.wait_for(&format!("{count} lines with {text:?}"), |daemon| daemon.count_lines(text) >= count);
    }

    /// Waits for a condition that only a running daemon can bring about.
    pub(crate) fn wait_for(&mut self, what: &str, mut condition: impl FnMut(&Daemon) -> bool) {
        until(what, || {
            if condition(self) {
                return Some(());
            }
            self.assert_running(what);
            None
        });
    }

    pub(crate) fn assert_running(&mut self, what: &str) {
        if let Ok(Some(status)) = self.child.try_wait() {
            panic!("the daemon ended ({status}) while waiting for {what}:\n{}", self.lines().join("\n"));
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// A number of /proc/PID/status; `None` when the process is gone.
    pub(crate) fn proc_status(&self, field: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Finished {
        let status = until(&format!("{:?} to end", self.child), || self.child.try_wait().expect("it is our child"));
        self.finished(status.code())
    }

    /// Ends it as a crash would, with SIGKILL.
    pub(crate) fn kill(mut self) -> Finished {
        self.child.kill().expect("it is our child");
        let status = self.child.wait().expect("it is our child");
        self.finished(status.code())
    }

    fn finished(&mut self, code: Option<i32>) -> Finished {
        for reader in [self.stdout.take(), self.stderr.take()].into_iter().flatten() {
            let _ = reader.join();
        }
        let stdout = self.output();
        let stderr = mem::take(&mut *self.lines.lock().expect("nobody panics with it")).join("\n");
        Finished { code, stdout, stderr }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail where it has ended, which is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the daemon wrote:\n{}", self.lines().join("\n"));
        }
    }
}
