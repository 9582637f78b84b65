//! A disk that fails where a test says so, and knows what would be left of it after a power cut. It stands behind SQLite's
//! own way to its files, see `vfs`.
//!
//! What is written reaches the real file at once, as it reaches the page cache: every connection and every later process
//! sees it. Beside it this keeps what a sync has made durable, and each change since. Of those a power cut leaves any, in
//! sectors. The `-shm` is memory and nothing of it is kept.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rusqlite::ffi;

use super::querying::Random;

const SECTOR_BYTES: usize = 512;

/// What SQLite does to a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Write {
        at: u64,
        bytes: &'a [u8],
    },
    Truncate(u64),
    /// Of the file, and of its directory if it is new.
    Sync {
        directory: bool,
    },
    Delete {
        is_synced: bool,
    },
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Nothing is done, and this is the error.
    Fails(c_int),
    /// So many bytes are written, and this is the error.
    Torn(usize, c_int),
}

/// What goes wrong at a change, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// This change fails once, with nothing done.
    Fails,
    /// If it is a write, half of it is done.
    Tears,
    /// There is no space for this write, nor for the ones after it, as many as said.
    IsFull { writes: u64 },
    /// This change and all that follow: the process is killed, the power is cut.
    Ends,
}

/// What a power cut found.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    files: BTreeMap<PathBuf, OnDisk>,
    /// The file of the instance lock, which is written past this disk.
    lock: Vec<u8>,
    /// The newest `seq` that anybody had seen by then.
    pub(super) seen: i64,
}

pub(super) struct Disk {
    seen: AtomicI64,
    lock: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, OnDisk>,
    /// One letter for each change: what a failure prints.
    changes: String,
    fault: Option<(u64, Fault)>,
    has_ended: bool,
    cut: Option<Cut>,
}

#[derive(Clone, Debug, Default)]
struct OnDisk {
    /// `None`: no such file.
    durable: Option<Vec<u8>>,
    unsynced: Vec<Unsynced>,
}

#[derive(Clone, Debug)]
enum Unsynced {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Delete,
}

impl Disk {
    /// Of the database at `path`.
    pub(super) fn new(path: &Path) -> Arc<Disk> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        Arc::new(Disk { seen: AtomicI64::new(0), lock: lock.into(), state: Mutex::default() })
    }

    /// Everything up to this was seen by somebody.
    pub(super) fn saw(&self, seq: i64) {
        self.seen.fetch_max(seq, Ordering::SeqCst);
    }

    pub(super) fn fail(&self, at: u64, fault: Fault) {
        self.state().fault = Some((at, fault));
    }

    /// The next process finds what the page cache holds.
    pub(super) fn revive(&self) {
        let mut state = self.state();
        (state.has_ended, state.fault) = (false, None);
    }

    /// Ends everything at once, if it has not ended by its fault. Gives what was left at that moment.
    pub(super) fn cut(&self) -> Cut {
        let mut state = self.state();
        self.end(&mut state);
        state.cut.take().expect("it has ended")
    }

    /// One letter a change: `w`rite, `t`runcate, `s`ync, `d`elete, in capitals those of the database itself.
    pub(super) fn changes(&self) -> String {
        self.state().changes.clone()
    }

    /// A file is about to be opened. Gives whether it can be.
    pub(super) fn opens(&self, path: &Path) -> bool {
        let mut state = self.state();
        if !state.has_ended && !state.files.contains_key(path) {
            let found = OnDisk { durable: fs::read(path).ok(), unsynced: Vec::new() };
            state.files.insert(path.to_owned(), found);
        }
        !state.has_ended
    }

    /// A change is about to be made.
    pub(super) fn changes_by(&self, path: &Path, change: Change<'_>) -> Verdict {
        let mut state = self.state();
        state.changes.push(change.letter(path));
        let number = state.changes.len() as u64;
        let verdict = match state.fault {
            _ if state.has_ended => Verdict::Fails(change.error()),
            Some((at, fault)) => self.verdict(&mut state, number, at, fault, change),
            None => Verdict::Done,
        };
        let done = match (verdict, change) {
            (Verdict::Done, change) => change,
            (Verdict::Torn(len, _), Change::Write { at, bytes }) => Change::Write { at, bytes: &bytes[..len] },
            _ => return verdict,
        };
        state.files.entry(path.to_owned()).or_default().take(done);
        if let Change::Sync { directory: true } = done {
            // One directory holds them all.
            state.files.values_mut().for_each(OnDisk::sync_name);
        }
        verdict
    }

    fn verdict(&self, state: &mut State, number: u64, at: u64, fault: Fault, change: Change<'_>) -> Verdict {
        match (fault, change) {
            (Fault::Fails, _) if number == at => Verdict::Fails(change.error()),
            (Fault::Tears, Change::Write { bytes, .. }) if number == at => {
                Verdict::Torn(bytes.len() / 2, change.error())
            }
            (Fault::IsFull { writes }, Change::Write { .. }) if number >= at && writes > 0 => {
                state.fault = Some((at, Fault::IsFull { writes: writes - 1 }));
                Verdict::Fails(ffi::SQLITE_FULL)
            }
            (Fault::Ends, _) if number == at => {
                self.end(state);
                Verdict::Fails(change.error())
            }
            _ => Verdict::Done,
        }
    }

    fn end(&self, state: &mut State) {
        if !state.has_ended {
            state.has_ended = true;
            let lock = fs::read(&self.lock).unwrap_or_default();
            state.cut = Some(Cut { files: state.files.clone(), lock, seen: self.seen.load(Ordering::SeqCst) });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Change<'_> {
    fn letter(self, path: &Path) -> char {
        let letter = match self {
            Change::Write { .. } => 'w',
            Change::Truncate(_) => 't',
            Change::Sync { .. } => 's',
            Change::Delete { .. } => 'd',
        };
        let is_database = path.extension().is_some_and(|end| end == "db");
        if is_database { letter.to_ascii_uppercase() } else { letter }
    }

    fn error(self) -> c_int {
        match self {
            Change::Write { .. } => ffi::SQLITE_IOERR_WRITE,
            Change::Truncate(_) => ffi::SQLITE_IOERR_TRUNCATE,
            Change::Sync { .. } => ffi::SQLITE_IOERR_FSYNC,
            Change::Delete { .. } => ffi::SQLITE_IOERR_DELETE,
        }
    }
}

impl OnDisk {
    fn take(&mut self, change: Change<'_>) {
        match change {
            Change::Write { at, bytes } => self.unsynced.push(Unsynced::Write(at, bytes.to_owned())),
            Change::Truncate(len) => self.unsynced.push(Unsynced::Truncate(len)),
            Change::Delete { is_synced: false } => self.unsynced.push(Unsynced::Delete),
            Change::Delete { is_synced: true } => *self = OnDisk::default(),
            Change::Sync { .. } => {
                let durable = Some(self.left(&mut || true).unwrap_or_default());
                *self = OnDisk { durable, unsynced: Vec::new() };
            }
        }
    }

    /// If it was deleted it is gone now.
    fn sync_name(&mut self) {
        if let Some(last) = self.unsynced.iter().rposition(|change| matches!(change, Unsynced::Delete)) {
            self.unsynced.drain(..=last);
            self.durable = None;
        }
    }

    /// Its bytes with those changes that survive; `None` if there is no such file.
    fn left(&self, survives: &mut dyn FnMut() -> bool) -> Option<Vec<u8>> {
        let mut left = self.durable.clone();
        for change in &self.unsynced {
            match change {
                Unsynced::Write(at, bytes) => {
                    for (n, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if survives() {
                            let start = usize::try_from(*at).unwrap() + n * SECTOR_BYTES;
                            let left = left.get_or_insert_default();
                            left.resize(left.len().max(start + sector.len()), 0);
                            left[start..start + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
                Unsynced::Truncate(len) if survives() => {
                    left.get_or_insert_default().resize(usize::try_from(*len).unwrap(), 0);
                }
                Unsynced::Delete if survives() => left = None,
                Unsynced::Truncate(_) | Unsynced::Delete => {}
            }
        }
        left
    }
}

impl Cut {
    /// Writes beside `to` what a power cut leaves: of ten sectors that were not synced so many, by chance.
    pub(super) fn restore(&self, to: &Path, of_ten: usize, random: &mut Random) {
        for (path, file) in &self.files {
            if let Some(bytes) = file.left(&mut || random.below(10) < of_ten) {
                fs::write(to.with_file_name(path.file_name().unwrap()), bytes).unwrap();
            }
        }
        let mut lock = to.as_os_str().to_owned();
        lock.push(".lock");
        fs::write(lock, &self.lock).unwrap();
    }
}
