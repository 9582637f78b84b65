//! A directory of one test: its feeds file, its database, and how to run the binary on them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use super::{Daemon, Db, Feeds, Finished, until};

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rssd");

pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Home {
        Home(tempfile::tempdir().expect("a directory for the test"))
    }

    pub(crate) fn with(feeds: &Feeds) -> Home {
        let home = Home::new();
        home.subscribe(feeds);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("the test's own directory can be written");
        path
    }

    /// Writes feeds.toml. Whole or not at all, as an editor saves it.
    pub(crate) fn subscribe(&self, feeds: &Feeds) {
        let new = self.write("feeds.toml.new", feeds.toml());
        fs::rename(new, self.path("feeds.toml")).expect("a rename within the test's own directory");
    }

    pub(crate) fn db_path(&self) -> PathBuf {
        self.path("rssd.db")
    }

    pub(crate) fn db(&self) -> Db {
        Db::open(&self.db_path())
    }

    /// The database of a daemon that may still be starting, once it has its last table and column.
    pub(crate) fn db_soon(&self) -> Db {
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let schema = fs::read_dir(migrations).expect("they are part of the source").count() as i64;
        until("a database with all its tables", || {
            Db::try_open(&self.db_path()).filter(|db| db.one::<i64>("PRAGMA user_version") >= schema)
        })
    }

    /// `rssd --feeds feeds.toml --db rssd.db` in this directory.
    pub(crate) fn daemon_command(&self) -> Command {
        let mut command = self.command();
        command.arg("--feeds").arg(self.path("feeds.toml")).arg("--db").arg(self.db_path());
        command
    }

    /// The binary in this directory, with nothing of the environment that it would listen to.
    pub(crate) fn command(&self) -> Command {
        self.command_of(BINARY)
    }

    /// Another program that starts the binary, likewise.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir()).stdin(Stdio::null());
        for (key, _) in env::vars_os() {
            let name = key.to_string_lossy();
            let is_ours = ["RUST_", "RSSD_", "LISTEN_"].iter().any(|prefix| name.starts_with(prefix));
            if is_ours || name.contains("DIRECTORY") || name.contains("STREAM") {
                command.env_remove(&key);
            }
        }
        command
    }

    pub(crate) fn start(&self) -> Daemon {
        Daemon::spawn(self.daemon_command())
    }

    /// Polls every feed once, and returns when all is committed.
    pub(crate) fn once(&self) -> Finished {
        let mut command = self.daemon_command();
        command.arg("--once");
        let finished = Daemon::spawn(command).wait();
        assert_eq!(finished.code, Some(0), "--once\n{}", finished.stderr);
        finished
    }
}
