//! What the writer does about an error: leave one poll out, wait, or end.

use rusqlite::ErrorCode;
use rusqlite::ffi;

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
    let Some(sqlite) = sqlite_error(error) else {
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

/// Whether a write failed that nothing was yet relied on: what is synced comes after it.
pub(super) fn is_failed_write(error: &rusqlite::Error) -> bool {
    sqlite_error(error).is_some_and(|sqlite| sqlite.extended_code == ffi::SQLITE_IOERR_WRITE)
}

/// SQLite's own error, wherever rusqlite keeps it; `None` if SQLite had no objection.
pub(super) fn sqlite_error(error: &rusqlite::Error) -> Option<&ffi::Error> {
    match error {
        rusqlite::Error::SqlInputError { error, .. } => Some(error),
        error => error.sqlite_error(),
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
        let no_such_column = rusqlite::Error::SqlInputError {
            error: ffi::Error::new(ffi::SQLITE_ERROR),
            msg: "no such column: etag".into(),
            sql: "UPDATE feed SET etag = 1".into(),
            offset: 16,
        };
        assert_eq!(remedy(&no_such_column), Remedy::Stop);
    }
}
