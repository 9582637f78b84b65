//! What can go wrong with the database: what a person is told, and which exit code a script sees. What the writer does
//! about it is another question, see `remedy`.
//!
//! Nothing here repairs or deletes: a database that is not fit stays as it is, and the message names the file and
//! what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::remedy::sqlite_error;
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
    /// There is no database to copy.
    Absent {
        path: PathBuf,
    },
    /// Where a copy is to go there is something already.
    Taken {
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
    /// The writer thread panicked, or does not answer.
    Writer {
        path: PathBuf,
        cause: String,
    },
    /// No thread could be started for the writer or a reader.
    Thread {
        path: PathBuf,
        cause: String,
    },
}

impl StoreError {
    /// The code the process leaves with, after sysexits.h.
    pub fn exit_code(&self) -> u8 {
        match self {
            // Others have the threads, and may give them back.
            StoreError::Held { .. } | StoreError::Locked { .. } | StoreError::Thread { .. } => exit::TEMPORARY,
            StoreError::NoDirectory { .. } | StoreError::NotAFile { .. } => exit::CONFIG,
            StoreError::Absent { .. } | StoreError::Taken { .. } => exit::USAGE,
            StoreError::Permission { .. } => exit::PERMISSION,
            StoreError::NotADatabase { .. }
            | StoreError::Foreign { .. }
            | StoreError::Newer { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Older { .. } => exit::DATA,
            StoreError::Moved { .. } | StoreError::Full { .. } | StoreError::Io { .. } | StoreError::Writer { .. } => {
                exit::INTERNAL
            }
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
        let cause = match error {
            // Its own words repeat the whole statement.
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            error => error.to_string(),
        };
        let not_ours = |cause: String| StoreError::Corrupt {
            path: path.clone(),
            cause: format!("its content is not what rssd wrote: {cause}"),
        };
        let Some(sqlite) = sqlite_error(error) else {
            // The statements are ours and were tried: a value, or a row, is not as they left it.
            return not_ours(cause);
        };
        match sqlite.code {
            _ if sqlite.extended_code == ffi::SQLITE_READONLY_DBMOVED => StoreError::Moved { path },
            _ if sqlite.extended_code == ffi::SQLITE_IOERR_SHMSIZE => StoreError::Full { path },
            ErrorCode::NotADatabase => StoreError::NotADatabase { path },
            ErrorCode::DatabaseCorrupt => StoreError::Corrupt { path, cause },
            // Unknown is how SQLITE_ERROR is called here: a table or a column is missing.
            ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => not_ours(cause),
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
            StoreError::Absent { path } => {
                write!(f, "database {}: there is none, or nothing in it yet; say by --db where it is", path.display())
            }
            StoreError::Taken { path } => write!(
                f,
                "backup {}: there is such a file already, and it is kept; remove it or choose another name",
                path.display()
            ),
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
            StoreError::Writer { path, cause } | StoreError::Thread { path, cause } => {
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
    /// The feed has another URL since a reload that happened during the poll.
    Superseded,
    /// The writer is stopping and could not store any more.
    Stopped(String),
}

impl fmt::Display for StoreFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreFault::Rejected(cause) => {
                write!(f, "storing the poll: the database refused it ({cause}); report this")
            }
            StoreFault::Superseded => f.write_str(
                "storing the poll: its feed has another URL since a reload; the new one is polled in its place",
            ),
            StoreFault::Stopped(cause) => {
                write!(f, "storing the poll: the writer stopped ({cause}); polled again after a restart")
            }
        }
    }
}

impl std::error::Error for StoreFault {}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
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
    fn what_somebody_else_changed_is_no_matter_of_the_device() {
        let path = Path::new("/some/rssd.db");
        let no_such_column = rusqlite::Error::SqlInputError {
            error: ffi::Error::new(ffi::SQLITE_ERROR),
            msg: "no such column: seq_last".into(),
            sql: "SELECT seq_last\nFROM meta".into(),
            offset: 7,
        };
        for error in [
            no_such_column,
            sqlite(ffi::SQLITE_ERROR),
            sqlite(ffi::SQLITE_CONSTRAINT_TRIGGER),
            sqlite(ffi::SQLITE_MISMATCH),
            rusqlite::Error::QueryReturnedNoRows,
            rusqlite::Error::IntegralValueOutOfRange(17, -1),
            rusqlite::Error::InvalidColumnType(2, "url".into(), rusqlite::types::Type::Null),
        ] {
            let told = StoreError::from_sqlite(path, &error);
            assert_eq!(told.exit_code(), 65, "{told}");
            let told = told.to_string();
            assert!(told.contains("its content is not what rssd wrote: ") && !told.contains('\n'), "{told}");
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
            (StoreError::Absent { path: path.clone() }, 64),
            (StoreError::Taken { path: path.clone() }, 64),
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
            (StoreError::Thread { path: path.clone(), cause: cause() }, 75),
        ] {
            assert_eq!(error.exit_code(), code, "{error}");
            assert!(error.to_string().contains("/some/rssd.db"), "{error}");
        }
    }
}
