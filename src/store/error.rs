//! What can go wrong with the database: what a person is told, which exit code a script sees, and what the writer
//! does about it.
//!
//! Nothing here repairs or deletes: a database that is not fit stays as it is, and the message names the file and
//! what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::cli::exit;

/// Why the database cannot be opened, or cannot be written any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another instance works on this database. `pid` is what it wrote into its lock file.
    Held {
        path: PathBuf,
        pid: Option<u32>,
    },
    /// The directory that should hold the database does not exist.
    NoDirectory {
        path: PathBuf,
    },
    /// `:memory:` and the like: there would be nothing durable.
    NotAFile {
        path: PathBuf,
    },
    Permission {
        path: PathBuf,
        cause: String,
    },
    NotADatabase {
        path: PathBuf,
    },
    /// A sound SQLite database, but another program's.
    Foreign {
        path: PathBuf,
    },
    /// Its schema is newer than this program.
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    Corrupt {
        path: PathBuf,
        cause: String,
    },
    /// Its newest `seq` is `found`, but a killed instance had stored up to `known`: its `-wal` is missing, or an older
    /// copy was put in its place.
    Older {
        path: PathBuf,
        lock: PathBuf,
        found: i64,
        known: i64,
    },
    /// The file, or its `-wal`, was replaced or deleted while it was open.
    Moved {
        path: PathBuf,
    },
    /// Another program kept it locked for as long as we wait.
    Locked {
        path: PathBuf,
    },
    /// No space is left on the device.
    Full {
        path: PathBuf,
    },
    Io {
        path: PathBuf,
        cause: String,
    },
    /// The writer thread panicked, does not answer, or could not be started.
    Writer {
        path: PathBuf,
        cause: String,
    },
    /// No reader thread could be started.
    Reader {
        path: PathBuf,
        cause: String,
    },
}

impl StoreError {
    /// The code the process leaves with, after sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            StoreError::Held { .. } | StoreError::Locked { .. } => exit::TEMPORARY,
            StoreError::NoDirectory { .. } | StoreError::NotAFile { .. } => exit::CONFIG,
            StoreError::Permission { .. } => exit::PERMISSION,
            StoreError::NotADatabase { .. }
            | StoreError::Foreign { .. }
            | StoreError::Newer { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Older { .. } => exit::DATA,
            StoreError::Moved { .. }
            | StoreError::Full { .. }
            | StoreError::Io { .. }
            | StoreError::Writer { .. }
            | StoreError::Reader { .. } => exit::INTERNAL,
        }
    }

    /// What an error of the operating system on `path` means.
    pub(super) fn from_io(path: &Path, error: &io::Error) -> StoreError {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StoreError::NoDirectory { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Permission { path, cause: error.to_string() }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
            _ => StoreError::Io { path, cause: error.to_string() },
        }
    }

    /// What an error of SQLite on the database `path` means.
    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let cause = error.to_string();
        let Some(sqlite) = error.sqlite_error() else {
            return StoreError::Io { path, cause };
        };
        match sqlite.code {
            _ if sqlite.extended_code == ffi::SQLITE_READONLY_DBMOVED => StoreError::Moved { path },
            _ if sqlite.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full { path },
            ErrorCode::NotADatabase => StoreError::NotADatabase { path },
            ErrorCode::DatabaseCorrupt => StoreError::Corrupt { path, cause },
            // The file itself could be opened before SQLite was asked, so this is about the files it keeps beside it.
            ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                StoreError::Permission { path, cause }
            }
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked { path },
            ErrorCode::DiskFull => StoreError::Full { path },
            _ => StoreError::Io { path, cause },
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Held { path, pid: Some(pid) } => {
                write!(
                    f,
                    "database {}: held by another instance, pid {pid}; stop it or use another --db",
                    path.display()
                )
            }
            StoreError::Held { path, pid: None } => {
                write!(f, "database {}: held by another instance; stop it or use another --db", path.display())
            }
            StoreError::NoDirectory { path } => {
                write!(f, "database {}: its directory does not exist; create it or use another --db", path.display())
            }
            StoreError::NotAFile { path } => {
                write!(f, "database {}: not a regular file; give --db the path of a file", path.display())
            }
            StoreError::Permission { path, cause } => write!(
                f,
                "database {}: no permission to write it ({cause}); make the file and its directory writable for this \
                 user",
                path.display()
            ),
            StoreError::NotADatabase { path } => write!(
                f,
                "database {}: not a SQLite database; nothing was changed, move the file away or use another --db",
                path.display()
            ),
            StoreError::Foreign { path } => write!(
                f,
                "database {}: belongs to another program; nothing was changed, use another --db",
                path.display()
            ),
            StoreError::Newer { path, found, known } => write!(
                f,
                "database {}: its schema {found} is newer than this program, which knows up to {known}; nothing was \
                 changed, install the newer rssd",
                path.display()
            ),
            StoreError::Corrupt { path, cause } => write!(
                f,
                "database {}: corrupt ({cause}); nothing was deleted, restore a backup or save what is readable with \
                 `sqlite3 FILE .recover`",
                path.display()
            ),
            StoreError::Older { path, lock, found, known } => write!(
                f,
                "database {}: holds articles up to seq {found}, but up to {known} were stored; nothing was changed, put \
                 its -wal file back, or remove {} to go on without them",
                path.display(),
                lock.display()
            ),
            StoreError::Moved { path } => write!(
                f,
                "database {}: replaced or deleted while it was open; nothing more is written, put the right file there \
                 and start again",
                path.display()
            ),
            StoreError::Locked { path } => write!(
                f,
                "database {}: locked by another program for too long; end its transaction and start again",
                path.display()
            ),
            StoreError::Full { path } => {
                write!(f, "database {}: no space left on its device; free some and start again", path.display())
            }
            StoreError::Io { path, cause } => write!(
                f,
                "database {}: input/output failed ({cause}); check the device and the kernel's log, then start again",
                path.display()
            ),
            StoreError::Writer { path, cause } | StoreError::Reader { path, cause } => {
                write!(f, "database {}: {cause}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Why one poll was not stored. Its feed keeps the state that it had, and the next poll brings its articles again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// The database refused this record alone; others of the same batch were stored.
    Rejected(String),
    /// The writer is stopping and could not store any more.
    Stopped(String),
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreFault::Rejected(cause) => {
                write!(f, "storing the poll: the database refused it ({cause}); report this")
            }
            StoreFault::Stopped(cause) => {
                write!(f, "storing the poll: the writer stopped ({cause}); polled again after a restart")
            }
        }
    }
}

impl std::error::Error for StoreFault {}

/// Why commits wait, while nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degraded {
    Full,
    Locked,
    ReadOnly,
}

impl Degraded {
    /// The reason as `/health` and the log tell it.
    pub fn reason(self) -> &'static str {
        match self {
            Degraded::Full => "database: no space left on its device; polls wait until there is",
            Degraded::Locked => "database: locked by another program; polls wait until it lets go",
            Degraded::ReadOnly => "database: read-only; polls wait until it is writable again",
        }
    }
}

/// What the writer does about an error inside a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// This record is at fault: leave it out and store the others.
    Reject,
    /// Nothing is at fault but the moment: keep everything and try again.
    Retry(Degraded),
    /// Stop for good. After a failed fsync the kernel has dropped the pages and says so only once, so a second try
    /// would seem to succeed.
    Stop,
}

pub(super) fn remedy(error: &rusqlite::Error) -> Remedy {
    let Some(sqlite) = error.sqlite_error() else {
        // A value that SQLite was never shown: out of its range, say.
        return Remedy::Reject;
    };
    match sqlite.code {
        _ if sqlite.extended_code == ffi::SQLITE_READONLY_DBMOVED => Remedy::Stop,
        // Growing the -shm failed for lack of space; it holds nothing that the -wal does not.
        _ if sqlite.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Remedy::Retry(Degraded::Full),
        ErrorCode::DiskFull => Remedy::Retry(Degraded::Full),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            Remedy::Retry(Degraded::Locked)
        }
        ErrorCode::ReadOnly => Remedy::Retry(Degraded::ReadOnly),
        ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch => Remedy::Reject,
        _ => Remedy::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn an_error_is_retried_only_where_waiting_can_help() {
        for (code, expected) in [
            (ffi::SQLITE_FULL, Remedy::Retry(Degraded::Full)),
            (ffi::SQLITE_IOERR_SHMSIZE, Remedy::Retry(Degraded::Full)),
            (ffi::SQLITE_BUSY, Remedy::Retry(Degraded::Locked)),
            (ffi::SQLITE_BUSY_RECOVERY, Remedy::Retry(Degraded::Locked)),
            (ffi::SQLITE_READONLY, Remedy::Retry(Degraded::ReadOnly)),
            (ffi::SQLITE_READONLY_DBMOVED, Remedy::Stop),
            (ffi::SQLITE_IOERR_FSYNC, Remedy::Stop),
            (ffi::SQLITE_IOERR_WRITE, Remedy::Stop),
            (ffi::SQLITE_CORRUPT, Remedy::Stop),
            (ffi::SQLITE_ERROR, Remedy::Stop),
            (ffi::SQLITE_CONSTRAINT_CHECK, Remedy::Reject),
            (ffi::SQLITE_CONSTRAINT_FOREIGNKEY, Remedy::Reject),
            (ffi::SQLITE_TOOBIG, Remedy::Reject),
        ] {
            assert_eq!(remedy(&sqlite(code)), expected, "code {code}");
        }
    }

    #[test]
    fn what_the_system_refuses_is_told_apart() {
        let path = Path::new("/some/rssd.db");
        for (kind, code) in [
            (io::ErrorKind::PermissionDenied, 77),
            (io::ErrorKind::ReadOnlyFilesystem, 77),
            (io::ErrorKind::NotFound, 78),
            (io::ErrorKind::NotADirectory, 78),
            (io::ErrorKind::StorageFull, 70),
            (io::ErrorKind::Other, 70),
        ] {
            assert_eq!(StoreError::from_io(path, &kind.into()).exit_code(), code, "{kind}");
        }
        for (code, exit_code) in [
            (ffi::SQLITE_CANTOPEN, 77),
            (ffi::SQLITE_READONLY_DIRECTORY, 77),
            (ffi::SQLITE_READONLY_DBMOVED, 70),
            (ffi::SQLITE_CORRUPT_INDEX, 65),
            (ffi::SQLITE_NOTADB, 65),
            (ffi::SQLITE_BUSY, 75),
            (ffi::SQLITE_IOERR_READ, 70),
        ] {
            assert_eq!(StoreError::from_sqlite(path, &sqlite(code)).exit_code(), exit_code, "code {code}");
        }
    }

    #[test]
    fn every_error_has_the_exit_code_of_the_contract_and_names_the_file() {
        let path = PathBuf::from("/some/rssd.db");
        let cause = String::new;
        for (error, code) in [
            (StoreError::Held { path: path.clone(), pid: Some(7) }, 75),
            (StoreError::Locked { path: path.clone() }, 75),
            (StoreError::NoDirectory { path: path.clone() }, 78),
            (StoreError::NotAFile { path: path.clone() }, 78),
            (StoreError::Permission { path: path.clone(), cause: cause() }, 77),
            (StoreError::NotADatabase { path: path.clone() }, 65),
            (StoreError::Foreign { path: path.clone() }, 65),
            (StoreError::Newer { path: path.clone(), found: 9, known: 1 }, 65),
            (StoreError::Corrupt { path: path.clone(), cause: cause() }, 65),
            (StoreError::Older { path: path.clone(), lock: path.clone(), found: 1, known: 2 }, 65),
            (StoreError::Moved { path: path.clone() }, 70),
            (StoreError::Full { path: path.clone() }, 70),
            (StoreError::Io { path: path.clone(), cause: cause() }, 70),
            (StoreError::Writer { path: path.clone(), cause: cause() }, 70),
            (StoreError::Reader { path: path.clone(), cause: cause() }, 70),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains("/some/rssd.db"), "{error}");
        }
    }
}
