//! One instance a database: an advisory lock on a file beside it, held as long as the store is open.
//!
//! The lock is the kernel's, so a killed holder lets go of it at once; the file itself stays, because removing it
//! would let two instances lock two files of one name. SQLite's own locks would not do: they are held only during a
//! transaction, and closing any descriptor of the database would drop them.
//!
//! The file holds our pid, and in its second line the newest `seq` on disk. What stands there at a start was left by an
//! instance that was killed, or that had to leave committed articles in the `-wal`, and a database that knows less than
//! it has lost that file. An orderly end with all of them in the database empties it; nothing else does: at a start it is
//! overwritten and not truncated, so that a full disk or a kill leaves the `seq` that was found.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
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
        // The pid is only a hint for people: a full disk must not keep the daemon from starting, it has its own way of
        // waiting.
        if let Err(error) = lock.note(lock.seq_left) {
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

    /// Whether the file system takes no writes any more. Asked of this file, which is beside the database: to open and close
    /// that one would drop the locks that SQLite has on it.
    pub(super) fn is_read_only(&self) -> bool {
        self.note(line(&self.file, 1)).is_err_and(|error| error.kind() == io::ErrorKind::ReadOnlyFilesystem)
    }

    /// To be called when the database was closed in order and holds everything: an older copy put in its place is then
    /// somebody's wish.
    pub(super) fn forget_seq(&self) {
        let _ = self.file.set_len(0);
    }

    /// In place and in one write of a fixed width, so that nothing of an older text is left, and no moment has none.
    fn note(&self, seq: Option<i64>) -> io::Result<()> {
        let seq = seq.map(|seq| seq.to_string()).unwrap_or_default();
        self.file.write_all_at(format!("{:>10}\n{seq:>20}\n", std::process::id()).as_bytes(), 0)
    }
}

/// The process that holds the lock of the database `db`, if one does: as the kernel has it. Trying the lock would keep an
/// instance out that starts at this very moment.
pub(crate) fn holder(db: &Path) -> Option<u32> {
    let file = File::open(lock_path(db)).ok()?;
    let metadata = file.metadata().ok()?;
    let locks = fs::read_to_string("/proc/locks").ok()?;
    holder_among(&locks, metadata.dev(), metadata.ino(), line(&file, 0))
}

/// Who has the file locked, by the text of /proc/locks. That names devices as the kernel does: on btrfs and overlayfs a
/// file's own device is another, and there only the process counts that the file itself `names`.
fn holder_among(locks: &str, device: u64, inode: u64, names: Option<u32>) -> Option<u32> {
    let (device, inode) = (format!("{:02x}:{:02x}", libc::major(device), libc::minor(device)), inode.to_string());
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:264331 0 EOF`
    let held = locks.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (lock_device, lock_inode) = words.get(5)?.rsplit_once(':')?;
        let pid: u32 = words.get(4)?.parse().ok()?;
        let is_it = *words.get(1)? == "FLOCK" && lock_inode == inode && (lock_device == device || Some(pid) == names);
        // Of another pid namespace the kernel says 0.
        (is_it && pid > 0).then_some((lock_device != device, pid))
    });
    held.min().map(|(_, pid)| pid)
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
    std::str::from_utf8(&text[..len]).ok()?.lines().nth(number)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};

    use super::*;

    #[test]
    fn a_holder_is_found_whatever_number_its_device_has() {
        let device = libc::makedev(0xfe, 0);
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:42 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:00:43 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 00:2a:42 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 15 fe:00:42 0 EOF\n";
        let held = |more: &str, names| holder_among(&format!("{locks}{more}"), device, 42, names);
        let ours = "4: FLOCK  ADVISORY  WRITE 14 fe:00:42 0 EOF\n";
        assert_eq!(held(ours, None), Some(14));
        assert_eq!(held(ours, Some(13)), Some(14), "its own device counts first");
        assert_eq!(held("", Some(13)), Some(13), "a device of another name, and the process that is named");
        assert_eq!(held("", Some(12)), None, "that one has another file locked");
        assert_eq!(held("", None), None, "it may be another file system's file");
        assert_eq!(held("5: FLOCK ADVISORY WRITE 0 fe:00:42 0 EOF\nodd\n", None), None);
    }

    #[test]
    fn what_is_written_over_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("rssd.db");
        for (found, seq, expected) in [
            ("", None, None),
            ("", Some(7), Some(7)),
            ("4194304\n123456\n", Some(8), Some(8)),
            ("4194304\n123456\n", Some(i64::MAX), Some(i64::MAX)),
            ("       123\n                  45\n", None, Some(45)),
            ("gibberish", None, None),
        ] {
            std::fs::write(lock_path(&db), found).unwrap();
            let lock = InstanceLock::take(&db).unwrap();
            if let Some(seq) = seq {
                lock.note_seq(seq);
            }
            assert_eq!(holder(&db), Some(std::process::id()));
            drop(lock);
            assert_eq!(holder(&db), None);
            let file = File::open(lock_path(&db)).unwrap();
            assert_eq!(line(&file, 0), Some(std::process::id()), "{found:?}");
            assert_eq!(line::<i64>(&file, 1), expected, "{found:?}");
        }
    }

    #[test]
    fn a_disk_that_takes_no_more_leaves_what_a_killed_instance_knew() {
        // A file that can be cut short but not written to, as on a full disk.
        let full = File::from(memfd_create(c"full", MFdFlags::MFD_ALLOW_SEALING).unwrap());
        full.write_all_at(b"4711\n42\n", 0).unwrap();
        fcntl(&full, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("rssd.db");
        symlink(format!("/proc/self/fd/{}", full.as_raw_fd()), lock_path(&db)).unwrap();
        for _ in 0..2 {
            let lock = InstanceLock::take(&db).unwrap();
            assert!(lock.note(lock.seq_left).is_err(), "nothing kept it from being written");
            assert!(matches!(lock.check_seq(&db, 41), Err(StoreError::Older { known: 42, .. })));
        }
    }
}
