//! Where all cells and what is in flight lie: one piece of memory, of which another process sees as much as this one.
//!
//! `rssd doctor` reads it when the daemon answers nothing, be it stopped. It finds it by the link `rssd.watch` in
//! `$RUNTIME_DIRECTORY`, else `DATABASE.watch` beside the database, which leads to the daemon's memory
//! (`/proc/PID/fd/N`). A daemon that is gone leaves a link to nothing.

use std::env;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::cell::{CELL_WORDS, Cell, Kind};
use super::flights::{FLIGHT_WORDS, FlightRoom};
use super::memory::Memory;
use super::sight::ThreadSight;
use crate::clock::Clock;
use crate::limits::{FLIGHTS_SHOWN_MAX, HEARTBEAT_LATE_MS, READER_LATE_MS, STACK_SHOWN_BYTES_MAX};

/// "rssdwtch".
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"rssdwtch");
/// Of everything below; a reader of another one reads nothing.
pub(super) const LAYOUT: u64 = 1;

// The head.
pub(super) const HEAD_WORDS: usize = 16;
pub(super) const PID: usize = 2;
pub(super) const STARTED_MS: usize = 3;
pub(super) const CELLS: usize = 4;
pub(super) const FLIGHTS: usize = 5;
pub(super) const STACK_WORDS: usize = 6;
/// When the watchdog last looked.
pub(super) const LOOKED_MS: usize = 7;
pub(super) const STACK_SEQ: usize = 8;

/// Words for the stack that was recorded last.
const STACK_TEXT_WORDS: usize = STACK_SHOWN_BYTES_MAX / size_of::<u64>();

/// The board of a daemon.
#[derive(Debug)]
pub(crate) struct Board {
    memory: Arc<Memory>,
    cells: Vec<Cell>,
    cores: usize,
    /// Flights that each core can show.
    room: usize,
}

impl Board {
    /// For a daemon of so many cores and readers, with an HTTP core and a writer.
    pub(crate) fn new(cores: usize, readers: usize) -> Board {
        let room = FLIGHTS_SHOWN_MAX / cores.max(1);
        let cell_count = cores + 2 + readers;
        let words = HEAD_WORDS + cell_count * CELL_WORDS + cores * room * FLIGHT_WORDS + STACK_TEXT_WORDS;
        let words = NonZeroUsize::new(words).expect("the head alone is more");
        let memory = Memory::shared(words).unwrap_or_else(|error| {
            log::warn!("rssd doctor will not see into this daemon when it is stuck: no shared memory: {error}");
            Memory::own(words)
        });
        let memory = Arc::new(memory);
        let (executor, worker) = (Kind::Executor, Kind::Worker);
        let names = (0..cores)
            .map(|core| (format!("core-{core}"), executor, HEARTBEAT_LATE_MS))
            .chain([("http".to_owned(), executor, HEARTBEAT_LATE_MS), ("writer".to_owned(), worker, HEARTBEAT_LATE_MS)])
            .chain((0..readers).map(|reader| (format!("reader-{reader}"), worker, READER_LATE_MS)));
        let cell = |(index, (name, kind, late_ms)): (usize, (String, Kind, u64))| {
            Cell::new(memory.clone(), HEAD_WORDS + index * CELL_WORDS, &name, kind, late_ms)
        };
        let cells = names.enumerate().map(cell).collect();
        let board = Board { memory, cells, cores, room };
        let head = [
            (PID, u64::from(std::process::id())),
            (STARTED_MS, Clock::monotonic_ms()),
            (CELLS, cell_count as u64),
            (FLIGHTS, (cores * room) as u64),
            (STACK_WORDS, STACK_TEXT_WORDS as u64),
            (LOOKED_MS, Clock::monotonic_ms()),
            (1, LAYOUT),
        ];
        head.into_iter().for_each(|(at, value)| board.word(at).store(value, Ordering::Relaxed));
        // Last: whoever sees it sees a whole head.
        board.word(0).store(MAGIC, Ordering::Release);
        board
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.memory.words()[at]
    }

    pub(crate) fn core(&self, core: usize) -> Cell {
        self.cells[core].clone()
    }

    pub(crate) fn http(&self) -> Cell {
        self.cells[self.cores].clone()
    }

    pub(crate) fn writer(&self) -> Cell {
        self.cells[self.cores + 1].clone()
    }

    pub(crate) fn readers(&self) -> Vec<Cell> {
        self.cells[self.cores + 2..].to_vec()
    }

    /// Whether every thread is there; the HTTP core and the readers, if they are to be.
    pub(crate) fn is_up(&self, with_http: bool) -> bool {
        let is_wanted = |name: &str| with_http || name.starts_with("core-") || name == "writer";
        self.threads().iter().all(|thread| thread.tid != 0 || !is_wanted(&thread.name))
    }

    pub(super) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Every thread, as it says now.
    pub(crate) fn threads(&self) -> Vec<ThreadSight> {
        self.cells.iter().map(|cell| ThreadSight::of(&cell.words())).collect()
    }

    /// Where a core shows what it has in flight.
    pub(crate) fn flights(&self, core: usize) -> FlightRoom {
        let first = HEAD_WORDS + self.cells.len() * CELL_WORDS + core * self.room * FLIGHT_WORDS;
        FlightRoom::new(self.memory.clone(), first, self.room, core)
    }

    #[cfg(test)]
    pub(super) fn copy(&self) -> Vec<u64> {
        self.memory.words().iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    /// The watchdog looks.
    pub(super) fn looked(&self, now_ms: u64) {
        self.word(LOOKED_MS).store(now_ms, Ordering::Relaxed);
    }

    /// Keeps the stack that was recorded last, for who cannot read the log. Called by one thread alone.
    pub(super) fn keep_stack(&self, text: &str) {
        let first = HEAD_WORDS + self.cells.len() * CELL_WORDS + self.cores * self.room * FLIGHT_WORDS;
        let seq = self.word(STACK_SEQ).load(Ordering::Relaxed);
        self.word(STACK_SEQ).store(seq | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        let packed = super::text::pack::<STACK_TEXT_WORDS>(text);
        for (index, word) in packed.into_iter().enumerate() {
            self.word(first + index).store(word, Ordering::Relaxed);
        }
        self.word(STACK_SEQ).store((seq | 1).wrapping_add(1), Ordering::Release);
    }

    /// Sets the link by which it is found, in the place of one that an earlier daemon left.
    ///
    /// # Errors
    ///
    /// It cannot be set; the daemon runs all the same.
    pub(crate) fn link(&self, db: &Path) -> io::Result<()> {
        let Some(descriptor) = self.memory.descriptor() else { return Ok(()) };
        let link = link_path(db);
        let mut new = link.clone().into_os_string();
        new.push(".new");
        // It is there if an earlier one was killed at this very place.
        let _ = fs::remove_file(&new);
        symlink(format!("/proc/{}/fd/{descriptor}", std::process::id()), &new)?;
        fs::rename(&new, &link)
    }
}

/// The link by which the board of the daemon with this database is found.
pub(crate) fn link_path(db: &Path) -> PathBuf {
    if let Some(directory) = env::var_os("RUNTIME_DIRECTORY").filter(|directory| !directory.is_empty()) {
        // systemd puts a colon between several.
        let first = directory.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        return PathBuf::from(first).join("rssd.watch");
    }
    let mut name = db.as_os_str().to_owned();
    name.push(".watch");
    name.into()
}
