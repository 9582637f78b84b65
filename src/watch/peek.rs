//! Looks into another process's board, from the outside: for `rssd doctor`, when the daemon answers nothing.
//!
//! Nothing in it is trusted: numbers are bounds-checked, texts are whatever they are and escaped by who shows them, and
//! what was being written when it was read is left out. The daemon takes no notice; it may be stopped.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::board::{
    CELLS, FLIGHTS, HEAD_WORDS, LAYOUT, LOOKED_MS, MAGIC, PID, STACK_SEQ, STACK_WORDS, STARTED_MS, link_path,
};
use super::cell::{CELL_WORDS, SUBJECT, SUBJECT_SEQ, SUBJECT_WORDS};
use super::flights::STARTED_MS as FLIGHT_STARTED_MS;
use super::flights::{CORE, FEED, FLIGHT_WORDS, PHASE, PHASE_STARTED_MS, SEQ};
use super::sight::ThreadSight;
use super::text;
use crate::failure::Phase;
use crate::limits::BOARD_BYTES_MAX;

/// What a board says.
#[derive(Debug)]
pub(crate) struct Peek {
    pub(crate) pid: u32,
    /// On the monotonic clock, as every time here.
    pub(crate) started_ms: u64,
    /// When the watchdog last looked.
    pub(crate) looked_ms: u64,
    pub(crate) threads: Vec<ThreadSight>,
    /// The oldest first.
    pub(crate) flights: Vec<FlightSight>,
    /// The one that was recorded last; empty if there is none. Not escaped.
    pub(crate) stack: String,
}

/// A poll in flight.
#[derive(Debug)]
pub(crate) struct FlightSight {
    pub(crate) core: u64,
    /// Not escaped.
    pub(crate) feed: String,
    pub(crate) phase: Phase,
    pub(crate) started_ms: u64,
    pub(crate) phase_started_ms: u64,
}

impl Peek {
    /// Looks at the board of the daemon with this database, by its link.
    ///
    /// # Errors
    ///
    /// A sentence: there is none, or none of this version.
    pub(crate) fn by_link(db: &Path) -> Result<Peek, String> {
        let link = link_path(db);
        let peek = Peek::at(&link)?;
        // The number of a process that is gone is given out again, and so may be the descriptor's.
        let target = fs::read_link(&link).unwrap_or_default();
        match target.components().nth(2).and_then(|part| part.as_os_str().to_str()?.parse::<u32>().ok()) {
            Some(pid) if pid == peek.pid => Ok(peek),
            _ => Err("it is the memory of another process than it says".to_owned()),
        }
    }

    /// Looks at the board of a process, whatever leads to it.
    ///
    /// # Errors
    ///
    /// As [`Peek::by_link`].
    pub(crate) fn of_process(pid: u32) -> Result<Peek, String> {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_err(wrong)?;
        let is_board = |path: &PathBuf| {
            fs::read_link(path).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:rssd-watch"))
        };
        let found = open.flatten().map(|entry| entry.path()).find(is_board);
        let peek = Peek::at(&found.ok_or("it shows no memory")?)?;
        if peek.pid == pid { Ok(peek) } else { Err("it is the memory of another process than it says".to_owned()) }
    }

    fn at(path: &Path) -> Result<Peek, String> {
        // Whatever it leads to: a pipe must not be waited for, nor a terminal become ours.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path);
        let file = file.map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        if !metadata.is_file() || metadata.len() > BOARD_BYTES_MAX {
            return Err("it is no memory of a daemon".to_owned());
        }
        let len = usize::try_from(metadata.len()).unwrap_or(0);
        // Three times: what was the same before and after the second reading was whole while it was read.
        let copies =
            [read(&file, len).map_err(wrong)?, read(&file, len).map_err(wrong)?, read(&file, len).map_err(wrong)?];
        Peek::of_copies(&copies)
    }

    #[cfg(test)]
    pub(super) fn of_words(words: &[u64]) -> Result<Peek, String> {
        Peek::of_copies(&[words.to_vec(), words.to_vec(), words.to_vec()])
    }

    fn of_copies([before, words, after]: &[Vec<u64>; 3]) -> Result<Peek, String> {
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        if word(0) != MAGIC {
            return Err("it is no memory of a daemon".to_owned());
        }
        if word(1) != LAYOUT {
            return Err(format!(
                "it is laid out by another version of rssd ({}, and this one reads {LAYOUT})",
                word(1)
            ));
        }
        let is_whole = |seq: usize| {
            word(seq).is_multiple_of(2) && [before, after].iter().all(|copy| copy.get(seq) == words.get(seq))
        };
        let count = |at: usize| usize::try_from(word(at)).unwrap_or(usize::MAX).min(words.len());
        let cells_end = HEAD_WORDS + count(CELLS).saturating_mul(CELL_WORDS);
        let flights_end = cells_end.saturating_add(count(FLIGHTS).saturating_mul(FLIGHT_WORDS));
        let stack_end = flights_end.saturating_add(count(STACK_WORDS));
        if stack_end > words.len() {
            return Err("it is shorter than it says".to_owned());
        }
        let thread = |at: usize| {
            let mut cell: [u64; CELL_WORDS] = words[at..at + CELL_WORDS].try_into().expect("it is as long");
            if !is_whole(at + SUBJECT_SEQ) {
                cell[SUBJECT..SUBJECT + SUBJECT_WORDS].fill(0);
            }
            ThreadSight::of(&cell)
        };
        let flight = |at: usize| {
            let flight = &words[at..at + FLIGHT_WORDS];
            let phase = usize::try_from(flight[PHASE]).ok()?.checked_sub(1)?;
            is_whole(at + SEQ).then_some(FlightSight {
                core: flight[CORE],
                feed: text::unpack(&flight[FEED..FEED + SUBJECT_WORDS]),
                phase: *Phase::ALL.get(phase)?,
                started_ms: flight[FLIGHT_STARTED_MS],
                phase_started_ms: flight[PHASE_STARTED_MS],
            })
        };
        let mut flights: Vec<_> = (cells_end..flights_end).step_by(FLIGHT_WORDS).filter_map(flight).collect();
        flights.sort_by_key(|flight| flight.started_ms);
        Ok(Peek {
            pid: u32::try_from(word(PID)).unwrap_or_default(),
            started_ms: word(STARTED_MS),
            looked_ms: word(LOOKED_MS),
            threads: (HEAD_WORDS..cells_end).step_by(CELL_WORDS).map(thread).collect(),
            flights,
            stack: if is_whole(STACK_SEQ) { text::unpack(&words[flights_end..stack_end]) } else { String::new() },
        })
    }
}

fn wrong(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no daemon with this database runs on this machine".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{error}; look as the user that the daemon runs as, or as root"),
        _ => error.to_string(),
    }
}

fn read(file: &File, len: usize) -> io::Result<Vec<u64>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().expect("it is as long"));
    Ok(bytes.chunks_exact(size_of::<u64>()).map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::super::board::Board;
    use super::super::doing::Doing;
    use super::super::flights::Flights;
    use super::*;

    #[test]
    fn what_a_daemon_shows_is_what_another_process_sees() {
        let board = Board::new(2, 1);
        let core = board.core(1);
        core.enlist(77);
        core.begin(Doing::Poll, Some(Phase::Parse), "news");
        let flights = Flights::new(board.flights(1));
        let (first, second) = (flights.show("news").unwrap(), flights.show("gone").unwrap());
        first.enter(Phase::Body);
        drop(second);
        let directory = tempfile::tempdir().unwrap();
        let db = directory.path().join("rssd.db");
        board.link(&db).unwrap();
        // In the place of the one before.
        board.link(&db).unwrap();
        let peek = Peek::by_link(&db).unwrap();
        assert_eq!((peek.pid, peek.threads.len(), peek.stack.as_str()), (std::process::id(), 5, ""));
        assert_eq!((peek.threads[1].tid, peek.threads[1].doing().as_str()), (77, "feed news, phase parse"));
        let shown: Vec<_> = peek.flights.iter().map(|flight| (flight.core, &*flight.feed, flight.phase)).collect();
        assert_eq!(shown, [(1, "news", Phase::Body)]);
        assert_eq!(Peek::at(&super::super::board::link_path(&db)).unwrap().pid, std::process::id());
        drop(board);
        assert!(Peek::by_link(&db).is_ok(), "its cells are still in use");
        drop((core, first, flights));
        assert!(Peek::by_link(&db).is_err(), "the memory is gone");
    }

    #[test]
    fn whatever_lies_there_is_read_or_refused() {
        let board = Board::new(1, 1);
        let whole = board.copy();
        assert!(Peek::of_words(&whole).is_ok());
        for at in [0, 1, CELLS, FLIGHTS, STACK_WORDS] {
            let mut words = whole.clone();
            words[at] = u64::MAX;
            assert!(Peek::of_words(&words).is_err(), "word {at}");
        }
        assert!(Peek::of_words(&whole[..whole.len() - 1]).is_err());
        assert!(Peek::of_words(&[]).is_err());
        // Behind a head that is right anything may stand.
        let mut words = whole.clone();
        words[HEAD_WORDS..].fill(u64::MAX);
        assert!(Peek::of_words(&words).unwrap().flights.is_empty());
        words[HEAD_WORDS..].fill(2);
        assert_eq!(Peek::of_words(&words).unwrap().flights.len(), crate::limits::FLIGHTS_SHOWN_MAX);
    }

    #[test]
    fn what_is_being_written_is_left_out() {
        let board = Board::new(1, 1);
        let flights = Flights::new(board.flights(0));
        let _shown = flights.show("half").unwrap();
        let whole = board.copy();
        assert_eq!(Peek::of_words(&whole).unwrap().flights.len(), 1);
        let at = HEAD_WORDS + 4 * CELL_WORDS;
        let mut changed = whole.clone();
        changed[at + SEQ] += 2;
        for copies in [[whole.clone(), whole.clone(), changed.clone()], [changed, whole.clone(), whole.clone()]] {
            assert_eq!(Peek::of_copies(&copies).unwrap().flights.len(), 0);
        }
        let mut odd = whole;
        odd[at + SEQ] += 1;
        assert_eq!(Peek::of_words(&odd).unwrap().flights.len(), 0);
    }
}
