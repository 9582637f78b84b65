//! A crash where a test wants one: with `RSSD_TEST_CRASH=POINT:N` in the environment the writer kills the process when it
//! comes to that point for the N-th time, in release builds too.
//!
//! It is read once, when the writer starts, and the log says so. Without it nothing here does anything.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

const VARIABLE: &str = "RSSD_TEST_CRASH";

/// Where a process may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// A transaction is all but committed.
    BeforeCommit,
    /// Polls are committed; nobody has been told.
    AfterCommit,
    /// A checkpoint has begun to write into the database.
    InCheckpoint,
}

/// The point that was asked for, if one was.
#[derive(Clone, Debug, Default)]
pub(super) struct CrashPoint(Option<Arc<Armed>>);

#[derive(Debug)]
struct Armed {
    point: Point,
    /// How often it is still to be passed.
    left: AtomicU64,
}

impl CrashPoint {
    /// # Errors
    ///
    /// A sentence: the variable names no point.
    pub(super) fn from_env() -> Result<CrashPoint, String> {
        match env::var(VARIABLE) {
            Ok(wanted) => CrashPoint::parse(&wanted),
            Err(_) => Ok(CrashPoint::default()),
        }
    }

    fn parse(wanted: &str) -> Result<CrashPoint, String> {
        let (point, count) = wanted.split_once(':').unwrap_or((wanted, "1"));
        let point = match point {
            "before-commit" => Some(Point::BeforeCommit),
            "after-commit" => Some(Point::AfterCommit),
            "in-checkpoint" => Some(Point::InCheckpoint),
            _ => None,
        };
        let (Some(point), Ok(count @ 1..)) = (point, count.parse()) else {
            return Err(format!(
                "{VARIABLE}={wanted:?}: it takes before-commit, after-commit or in-checkpoint, and :N; unset it"
            ));
        };
        log::warn!("{VARIABLE} is set: this process kills itself at {wanted}; unset it unless this is a test");
        Ok(CrashPoint(Some(Arc::new(Armed { point, left: AtomicU64::new(count) }))))
    }

    pub(super) fn is_armed(&self) -> bool {
        self.0.is_some()
    }

    /// The writer is at `point`.
    pub(super) fn reach(&self, point: Point) {
        if self.is_now(point) {
            die();
        }
    }

    /// Does a checkpoint, and if it is its turn dies as soon as that changes the database at `path`, or else after it.
    pub(super) fn checkpoint<T>(&self, path: &Path, checkpoint: impl FnOnce() -> T) -> T {
        if !self.is_now(Point::InCheckpoint) {
            return checkpoint();
        }
        let path = path.to_owned();
        let changed = move || path.metadata().map(|found| (found.mtime(), found.mtime_nsec(), found.len())).ok();
        let before = changed();
        thread::spawn(move || {
            while changed() == before {
                thread::yield_now();
            }
            die();
        });
        let _ = checkpoint();
        die()
    }

    fn is_now(&self, point: Point) -> bool {
        self.0.as_ref().is_some_and(|armed| armed.point == point && armed.left.fetch_sub(1, Ordering::Relaxed) == 1)
    }
}

/// As `kill -9` does it: nothing is run any more.
fn die() -> ! {
    let _ = signal::kill(Pid::this(), Signal::SIGKILL);
    loop {
        thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_named_and_counted() {
        for (wanted, point, count) in [
            ("before-commit:3", Point::BeforeCommit, 3),
            ("after-commit:1", Point::AfterCommit, 1),
            ("in-checkpoint", Point::InCheckpoint, 1),
        ] {
            let armed = CrashPoint::parse(wanted).unwrap().0.unwrap();
            assert_eq!((armed.point, armed.left.load(Ordering::Relaxed)), (point, count), "{wanted}");
        }
        for wanted in ["", "before-commit:", "before-commit:0", "before-commit:-1", "somewhere:1"] {
            assert!(CrashPoint::parse(wanted).is_err_and(|sentence| sentence.contains("unset it")), "{wanted}");
        }
    }

    #[test]
    fn only_the_point_that_was_asked_for_counts() {
        let crash = CrashPoint::parse("before-commit:2").unwrap();
        assert!(!crash.is_now(Point::AfterCommit) && !crash.is_now(Point::BeforeCommit));
        assert!(crash.is_now(Point::BeforeCommit) && !crash.is_now(Point::BeforeCommit));
        assert!(!CrashPoint::default().is_now(Point::BeforeCommit));
    }
}
