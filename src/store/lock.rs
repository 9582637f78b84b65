//! One instance a database: an advisory lock on a file beside it, held as long as the store is open.
//!
//! The lock is the kernel's, so a killed holder lets go of it at once; the file itself stays, because removing it
//! would let two instances lock two files of one name. SQLite's own locks would not do: they are held only during a
//! transaction, and closing any descriptor of the database would drop them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// The lock of one database. Dropping it lets the next instance in.
#[derive(Debug)]
pub(super) struct InstanceLock {
    file: File,
}

impl InstanceLock {
    /// Takes the lock of the database `db` and writes our pid into it, or says at once who holds it.
    pub(super) fn take(db: &Path) -> Result<InstanceLock, StoreError> {
        let path = lock_path(db);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::from_io(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Held { path: db.to_owned(), pid: pid_in(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::from_io(&path, &error)),
        }
        let mut lock = InstanceLock { file };
        // Only a hint for people: a full disk must not keep the daemon from starting, it has its own way of waiting.
        if let Err(error) = lock.write_pid() {
            log::warn!(
                "lock {}: cannot write the pid into it ({error}); another instance cannot name this one",
                path.display()
            );
        }
        Ok(lock)
    }

    fn write_pid(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }
}

impl Drop for InstanceLock {
    fn drop(&mut self) {
        // A pid that is no longer true would send people after the wrong process.
        let _ = self.file.set_len(0);
    }
}

/// `PATH.lock`.
fn lock_path(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// What the holder wrote; `None` if it has not come to that yet.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
