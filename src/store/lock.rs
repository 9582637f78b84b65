//! One instance a database: an advisory lock on a file beside it, held as long as the store is open.
//!
//! The lock is the kernel's, so a killed holder lets go of it at once; the file itself stays, because removing it
//! would let two instances lock two files of one name. SQLite's own locks would not do: they are held only during a
//! transaction, and closing any descriptor of the database would drop them.
//!
//! The file holds our pid, and in its second line the newest `seq` on disk. An orderly end empties it. So what stands
//! there at a start is a killed instance's, and a database that knows less than it has lost its `-wal`.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::StoreError;

/// The lock of one database. Dropping it lets the next instance in.
#[derive(Debug)]
pub(super) struct InstanceLock {
    file: File,
    /// The newest `seq` of an instance that did not end in order.
    seq_left: Option<i64>,
}

impl InstanceLock {
    /// Takes the lock of the database `db` and writes our pid into it, or says at once who holds it.
    pub(super) fn take(db: &Path) -> Result<InstanceLock, StoreError> {
        let path = lock_path(db);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::from_io(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: db.to_owned(), pid: line(&file, 0) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::from_io(&path, &error)),
        }
        let lock = InstanceLock { seq_left: line(&file, 1), file };
        // Only a hint for people: a full disk must not keep the daemon from starting, it has its own way of waiting.
        if let Err(error) = lock.file.set_len(0).and_then(|()| lock.note(lock.seq_left)) {
            log::warn!("lock {}: cannot write the pid into it ({error}); others cannot name this one", path.display());
        }
        Ok(lock)
    }

    /// Refuses a database whose newest `seq` is `seq_last` if a killed instance had come further.
    pub(super) fn check_seq(&self, db: &Path, seq_last: i64) -> Result<(), StoreError> {
        match self.seq_left {
            Some(seq_left) if seq_left > seq_last => {
                Err(StoreError::Older { path: db.to_owned(), lock: lock_path(db), found: seq_last, known: seq_left })
            }
            _ => Ok(()),
        }
    }

    /// Notes the newest `seq` after its commit. Not synced: after a power cut it may be behind, but never ahead.
    pub(super) fn note_seq(&self, seq_last: i64) {
        // A start can do without.
        let _ = self.note(Some(seq_last));
    }

    /// To be called when the database was closed in order: an older copy put in its place is then somebody's wish.
    pub(super) fn forget_seq(&self) {
        let _ = self.file.set_len(0);
    }

    fn note(&self, seq: Option<i64>) -> io::Result<()> {
        let seq = seq.map(|seq| format!("{seq}\n")).unwrap_or_default();
        // In place: the pid stays the same and `seq` never gets shorter.
        self.file.write_all_at(format!("{}\n{seq}", std::process::id()).as_bytes(), 0)
    }
}

/// `PATH.lock`.
fn lock_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// The number in a line of the file; `None` if there is none.
fn line<T: FromStr>(file: &File, number: usize) -> Option<T> {
    let mut text = [0; 64];
    let len = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..len]).ok()?.lines().nth(number)?.parse().ok()
}
