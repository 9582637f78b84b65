//! From a path to a database that may be written: locked for this instance, whole as far as a short check can tell,
//! and with the schema that this program knows.
//!
//! It never repairs and never deletes. Everything that makes a database unfit is found here, before anything else of
//! the daemon starts.

use std::ffi::{CStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::lock::InstanceLock;
use super::migrate::{MIGRATIONS, migrate, version};
use super::remedy::{Remedy, remedy};
use super::{Degraded, StoreError};
use crate::clock::Clock;
use crate::limits::{
    STORE_CACHE_KIB, STORE_CHECK_MS_MAX, STORE_OPEN_WAIT_MS_MAX, STORE_STATEMENTS_KEPT, WAL_BYTES_KEPT_MAX,
};
use crate::watch::Cell;

/// An open database that nobody writes yet.
#[derive(Debug)]
pub struct Store {
    // Fields drop in this order: the next instance is let in when the database is closed.
    pub(super) db: Connection,
    pub(super) path: PathBuf,
    pub(super) lock: InstanceLock,
    /// How long articles are kept; `None` is for ever.
    pub(super) retention: Option<Duration>,
    /// Of its writer.
    pub(super) cell: Cell,
}

impl Store {
    /// Opens the database at `path`, made if there is none, and brings its schema up to date.
    ///
    /// Takes the instance lock first, so that a second instance learns of it at once
    /// ([`StoreError::Held`]). Waits up to 30 s for another program's lock on the database.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open_by(path, c"unix")
    }

    /// The same, its files reached by that VFS of SQLite: tests have one that fails.
    pub(super) fn open_by(path: &Path, vfs: &CStr) -> Result<Store, StoreError> {
        let path = real_path(path)?;
        let lock = InstanceLock::take(&path)?;
        // SQLite would fall back to reading only, or say "unable to open" and not why.
        open_file(&path).map_err(|error| StoreError::from_io(&path, &error))?;
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(&path, &error);
        // NO_MUTEX: one thread at a time owns the connection. No URI flag: a path is a path, whatever it looks like.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags_and_vfs(&path, flags, vfs).map_err(failed)?;
        db.busy_timeout(Duration::from_millis(STORE_OPEN_WAIT_MS_MAX)).map_err(failed)?;
        // As long as it may still be refused, closing must not move a -wal into it that somebody may want to look at.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        let fresh = version(&db, &path, MIGRATIONS)? == 0;
        set_up_connection(&db).map_err(failed)?;
        check(&mut db, &path)?;
        let seq_last = if fresh { Ok(0) } else { db.query_row("SELECT seq_last FROM meta", [], |row| row.get(0)) };
        lock.check_seq(&path, seq_last.map_err(failed)?)?;
        set_up_file(&db, fresh).map_err(failed)?;
        migrate(&mut db, &path, MIGRATIONS)?;
        sync_what_was_left(&db).map_err(failed)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
        Ok(Store { db, path, lock, retention: None, cell: Cell::default() })
    }

    /// The same, keeping articles for so long and no longer. Without it, or with `None`, they are kept for ever.
    pub fn retaining(self, retention: Option<Duration>) -> Store {
        Store { retention, ..self }
    }

    /// The same, whose writer is watched.
    pub(crate) fn watched(self, cell: Cell) -> Store {
        Store { cell, ..self }
    }

    /// The path as it was resolved at the start, links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Where the file really is: two links to one database must meet at one lock.
///
/// A file that is missing is made first, empty. What a path leads to can only be asked once it leads somewhere: a link
/// to a missing file would name itself at the first start, and the file at the second.
fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    let is_name = path.file_name().is_some() && path != Path::new(":memory:");
    if !is_name || path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(StoreError::NotAFile { path: path.to_owned() });
    }
    match path.canonicalize() {
        // Only what was missing is opened here: closing a descriptor of a database drops the locks that SQLite has on it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            open_file(path).and_then(|_| path.canonicalize()).map_err(|error| StoreError::from_io(path, &error))
        }
        resolved => resolved.map_err(|error| StoreError::from_io(path, &error)),
    }
}

/// For reading and writing, made if it is missing, by the kernel's rules and not by SQLite's.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// The `-wal` of a database.
pub(super) fn wal_path(db: &Path) -> PathBuf {
    let mut name: OsString = db.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// What holds for this connection and writes nothing.
pub(super) fn set_up_connection(db: &Connection) -> rusqlite::Result<()> {
    // With NORMAL a power cut takes back commits whose seq clients have already seen, and gives the numbers out again.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // The writer checkpoints itself: SQLite ignores a failed fsync in a checkpoint of its own.
    db.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    // A -wal that grew behind a long reader is cut back once it is reused.
    db.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT_MAX, |_| Ok(()))?;
    // Damage shows at the first look at a page, not when a record has been built from it.
    db.pragma_update(None, "cell_size_check", true)?;
    // Negative is KiB. Feeds come due in no order, so their pages are touched at random.
    db.pragma_update(None, "cache_size", -STORE_CACHE_KIB)?;
    keep_plans(db)?;
    // With fewer than there are, each of the writer's statements would be prepared anew each time it came round.
    db.set_prepared_statement_cache_capacity(STORE_STATEMENTS_KEPT);
    Ok(())
}

/// A statement is planned once and not anew for other values. Otherwise SQLite, built with STAT4 as the bundled one is, plans a
/// statement whose parameter meets an index of such statistics again at each use: that was half of the writer's time.
pub(super) fn keep_plans(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// What is written into the file.
fn set_up_file(db: &Connection, fresh: bool) -> rusqlite::Result<()> {
    if fresh {
        // Retention gives pages back bit by bit. It can only be chosen before the first page is written.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    // Readers never wait for the writer, nor the writer for readers.
    // To its very end: the change is committed after the row with its result, and that can fail.
    let mut statement = db.prepare("PRAGMA journal_mode = WAL")?;
    let modes = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    if modes == ["wal"] {
        return Ok(());
    }
    // It is refused without an error, and SQLite would go on in the other mode.
    let cause = format!("it stays in journal mode {modes:?}, WAL is refused; a network file system cannot do it");
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(cause)))
}

/// Makes durable what a killed instance may have left in memory alone. Between the writes of a commit and its sync it
/// could be killed, and to the next process that commit looks like any other: clients would be shown what a power cut
/// takes back.
fn sync_what_was_left(db: &Connection) -> rusqlite::Result<()> {
    match db.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
        Ok((pages, moved)) if pages == moved => Ok(()),
        // It syncs the -wal before it moves anything.
        Err(error) if remedy(&error) == Remedy::Retry(Degraded::Full) => Ok(()),
        Err(error) if remedy(&error) != Remedy::Retry(Degraded::Locked) => Err(error),
        // A reader can be in the way of a checkpoint, but of no commit, and its sync is one of the whole file.
        Ok(_) | Err(_) => db.execute("UPDATE meta SET seq_last = seq_last", []).map(drop),
    }
}

/// Looks for damage for as long as a start may take.
///
/// A small database is read whole at each start. Of a large one the time decides how much, and every page is checked
/// again when it is used.
fn check(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
    let started = Clock::monotonic();
    db.progress_handler(1000, Some(move || Clock::elapsed_ms(started) > STORE_CHECK_MS_MAX)).map_err(failed)?;
    let verdict = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    db.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(cause) => Err(StoreError::Corrupt { path: path.to_owned(), cause: cause.replace('\n', " ") }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            log::info!(
                "database {}: too large to be checked whole at the start, checked for {STORE_CHECK_MS_MAX} ms",
                path.display()
            );
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}
