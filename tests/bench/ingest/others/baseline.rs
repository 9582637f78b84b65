//! The program of an afternoon, in `tests/bench/baseline`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ours::count;
use crate::run::Run;
use crate::support::{Db, Home};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/baseline/Cargo.toml");

/// Built.
pub(crate) struct Baseline(PathBuf);

impl Baseline {
    /// `None` where it is not wanted, and, with a line that says so, where it cannot be built.
    pub(crate) fn build() -> Option<Baseline> {
        if crate::is_alone() {
            return None;
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a folder of cargo's");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--locked", "--quiet", "--manifest-path", MANIFEST]);
        cargo.arg("--target-dir").arg(target);
        let is_built = cargo.status().is_ok_and(|status| status.success());
        if !is_built {
            println!("SKIPPED: the baseline could not be built; `cargo fetch --manifest-path {MANIFEST}` says why");
        }
        is_built.then(|| Baseline(target.join("release/baseline")))
    }

    /// Polls all of these once, into a database of its own in `home`, until so many articles are there.
    pub(crate) fn first_round(&self, home: &Home, urls: &[String], wanted: u64) -> Run {
        self.round(home, urls, wanted, false)
    }

    /// Polls them again, of which only its end tells.
    pub(crate) fn again(&self, home: &Home, urls: &[String]) -> Run {
        self.round(home, urls, urls.len() as u64, true)
    }

    fn round(&self, home: &Home, urls: &[String], wanted: u64, wanted_at_end: bool) -> Run {
        let list = home.write("urls", urls.join("\n"));
        let db_path = home.path("baseline.db");
        let mut db = None;
        let committed = || {
            if wanted_at_end {
                return 0;
            }
            db = db.take().or_else(|| Db::try_open(&db_path));
            db.as_ref().map_or(0, |db| count(db, "SELECT coalesce(max(id), 0) FROM article"))
        };
        super::run("baseline", Command::new(&self.0).arg(list).arg(&db_path), wanted, committed, wanted_at_end)
    }
}
