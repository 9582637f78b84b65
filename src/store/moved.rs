//! Notices that somebody replaced, moved or deleted the database or its `-wal` while we have them open.
//!
//! SQLite would go on writing to files that no name leads to any more, and all of it would be lost at the end.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, FileControl};

use super::StoreError;
use super::open::wal_path;

/// Which files are ours.
#[derive(Debug)]
pub(super) struct Identity {
    wal: PathBuf,
    /// Device and inode; `None` if there was no -wal to look at.
    wal_inode: Option<(u64, u64)>,
}

impl Identity {
    /// To be taken once SQLite has opened its files, which it does with the first look at the schema.
    pub(super) fn of(path: &Path) -> Identity {
        let wal = wal_path(path);
        Identity { wal_inode: inode(&wal), wal }
    }

    /// Two `stat`s: cheap enough before every transaction.
    pub(super) fn check(&self, db: &Connection, path: &Path) -> Result<(), StoreError> {
        let mut moved = 0;
        let asked = db.file_control(None::<&str>, FileControl::HasMoved(&mut moved));
        if asked.is_err() || moved != 0 {
            return Err(StoreError::Moved { path: path.to_owned() });
        }
        if self.wal_inode.is_some() && inode(&self.wal) != self.wal_inode {
            return Err(StoreError::Moved { path: self.wal.clone() });
        }
        Ok(())
    }

    /// Leaves things after `error` so that closing the database touches no name: by itself it would checkpoint, and
    /// remove whatever is called `-wal` by now.
    pub(super) fn before_close(&self, db: &Connection, error: &StoreError) {
        if matches!(error, StoreError::Moved { .. }) {
            // Through the descriptors that are still open: what was committed reaches the database that was ours, and
            // our -wal is left empty, so that it is not replayed into the one that took its place.
            let _ = db.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE);
        }
        // After a failed write or fsync the next start reads what is on the disk, not what memory seems to hold.
        let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|found| (found.dev(), found.ino()))
}
