//! The place of the database: room, writability, and who holds it. The database itself is not opened.

use std::fs::{self, OpenOptions};
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::{Finding, Verdict};
use crate::limits::{DISK_FREE_BYTES_MIN, DISK_FREE_BYTES_USUAL};
use crate::store;

/// Gives the process that holds the database, if one does.
pub(super) fn look(db: &Path, findings: &mut Vec<Finding>) -> Option<u32> {
    let directory = db.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    findings.push(room(directory));
    findings.push(writable(directory));
    let holder = store::holder(db);
    let shown = db.display();
    let size = fs::metadata(db).map(|metadata| metadata.len());
    let sentence = match (&size, holder) {
        (Ok(bytes), Some(pid)) => format!("{shown}: {} KiB, held by process {pid}", bytes / 1_024),
        (Ok(bytes), None) => format!("{shown}: {} KiB, held by nobody", bytes / 1_024),
        (Err(error), _) => format!("{shown}: {error}; the daemon makes one at its start"),
    };
    findings.push(Finding::new(Verdict::Ok, "database", sentence));
    holder
}

fn room(directory: &Path) -> Finding {
    let (what, shown) = ("disk", directory.display());
    let free = match statvfs(directory) {
        Ok(disk) => disk.blocks_available().saturating_mul(disk.fragment_size()),
        Err(error) => return Finding::new(Verdict::Unfit, what, format!("{shown}: {error}; name another by --db")),
    };
    let sentence = format!("{shown}: {} MiB free", free >> 20);
    match free {
        _ if free < DISK_FREE_BYTES_MIN => {
            Finding::new(Verdict::Unfit, what, format!("{sentence}; make room, or set retention"))
        }
        _ if free < DISK_FREE_BYTES_USUAL => Finding::new(Verdict::Warn, what, format!("{sentence}; set retention")),
        _ => Finding::new(Verdict::Ok, what, sentence),
    }
}

fn writable(directory: &Path) -> Finding {
    let trial = directory.join(format!(".rssd-doctor-{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).open(&trial).and_then(|file| file.sync_all());
    let _ = fs::remove_file(&trial);
    let shown = directory.display();
    Finding::of(
        "writable",
        written
            .map(|()| format!("{shown} takes files"))
            .map_err(|error| format!("{shown}: {error}; give it to this user, or name another by --db")),
    )
}
