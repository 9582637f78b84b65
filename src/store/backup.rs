//! `rssd backup`: a consistent copy of a database that a daemon may be writing.
//!
//! One read transaction sees one moment of it, so that the copy is whole whatever is committed meanwhile; it holds up
//! checkpoints, and commits only for a moment now and then, while the writer waits for readers behind a -wal that has grown. (SQLite's backup API would begin anew at each commit of another process.) The copy appears
//! under its name when it is whole, checked and synced, and never in the place of something else.
//!
//! It is another database to clients: it has an epoch of its own. What the original commits afterwards has numbers that
//! the copy will give to other articles, and a cursor that means both would lose some without a word.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::summary::{Summary, open_read_only, summary};

/// Copies the database at `path` to `dest`, which must not exist, and gives what the copy holds.
///
/// # Errors
///
/// [`StoreError::Absent`] where there is nothing to copy, [`StoreError::Taken`] where `dest` exists; those of reading the one
/// and of writing the other. Nothing is left of a copy that failed.
pub fn backup(path: &Path, dest: &Path) -> Result<Summary, StoreError> {
    let source = open_read_only(path)?.ok_or_else(|| StoreError::Absent { path: path.to_owned() })?;
    if dest.symlink_metadata().is_ok() {
        return Err(StoreError::Taken { path: dest.to_owned() });
    }
    if dest.to_str().is_none() {
        // SQLite takes names in UTF-8 alone.
        return Err(StoreError::NotAFile { path: dest.to_owned() });
    }
    let part = Part::beside(dest)?;
    copy(&source, path, &part.0)?;
    let held = summary(&part.0)?;
    part.publish(dest).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StoreError::Taken { path: dest.to_owned() },
        _ => StoreError::from_io(dest, &error),
    })?;
    Ok(held)
}

fn copy(source: &Connection, path: &Path, part: &Path) -> Result<(), StoreError> {
    // An error of this one statement may be of either file; which, its words tell.
    source
        .execute("VACUUM INTO ?1", [part.to_string_lossy()])
        .map_err(|error| StoreError::from_sqlite(if is_of_reading(&error) { path } else { part }, &error))?;
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(part, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(part, flags).map_err(failed)?;
    db.execute("UPDATE meta SET epoch = lower(hex(randomblob(8)))", []).map_err(failed)?;
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    match verdict.as_str() {
        "ok" => Ok(()),
        // Its pages were read one by one and written anew: what is wrong with them was wrong before.
        cause => Err(StoreError::Corrupt { path: path.to_owned(), cause: cause.replace('\n', " ") }),
    }
}

fn is_of_reading(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
    let code = error.sqlite_error_code();
    code.is_some_and(|code| matches!(code, DatabaseBusy | DatabaseCorrupt | DatabaseLocked | NotADatabase))
}

/// A copy that is not whole yet. It goes with this, unless it was published.
struct Part(PathBuf);

impl Part {
    /// `DEST.part`, empty. One that somebody else works on, or left behind, is an error.
    fn beside(dest: &Path) -> Result<Part, StoreError> {
        let mut name: OsString = dest.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        match File::create_new(&path) {
            Ok(_) => Ok(Part(path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Taken { path }),
            Err(error) => Err(StoreError::from_io(&path, &error)),
        }
    }

    /// Gives it its name, once it is on the disk. A link fails where a rename would replace.
    fn publish(&self, dest: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        fs::hard_link(&self.0, dest)?;
        let folder = dest.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // With what SQLite may have left beside it.
        for end in ["", "-journal", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(end);
            let _ = fs::remove_file(name);
        }
    }
}
