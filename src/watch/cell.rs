//! A thread's heartbeat cell: when it last turned or began something, and what it is at. Written by that thread alone,
//! read by anybody, without a lock.
//!
//! Two kinds of threads, and two meanings of late. An executor turns several times a second whatever there is to do, so
//! its silence is what counts. A worker (the writer, a reader) may wait for work as long as it likes; what counts is how
//! long it has been at one piece of it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::doing::{self, Doing};
use super::memory::Memory;
use super::text;
use crate::clock::Clock;
use crate::failure::Phase;

/// Words of a cell.
pub(super) const CELL_WORDS: usize = 32;
pub(super) const NAME_WORDS: usize = 2;
pub(super) const SUBJECT_WORDS: usize = 16;

// Where in a cell.
pub(super) const NAME: usize = 0;
pub(super) const TID: usize = 2;
pub(super) const KIND: usize = 3;
pub(super) const LATE_MS: usize = 4;
pub(super) const BEAT_MS: usize = 5;
pub(super) const STATE: usize = 6;
pub(super) const AT_DISK: usize = 7;
pub(super) const SUBJECT_SEQ: usize = 8;
pub(super) const SUBJECT: usize = 9;

const _: () = assert!(SUBJECT + SUBJECT_WORDS <= CELL_WORDS && NAME + NAME_WORDS <= TID);

/// What its silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Executor = 1,
    Worker = 2,
}

/// One thread's cell.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    memory: Arc<Memory>,
    /// Of its first word.
    at: usize,
}

impl Cell {
    /// One that nobody watches.
    pub(crate) fn detached() -> Cell {
        let words = NonZeroUsize::new(CELL_WORDS).expect("it is no zero");
        Cell::new(Arc::new(Memory::own(words)), 0, "", Kind::Executor, 0)
    }

    pub(super) fn new(memory: Arc<Memory>, at: usize, name: &str, kind: Kind, late_ms: u64) -> Cell {
        let cell = Cell { memory, at };
        for (index, word) in text::pack::<NAME_WORDS>(name).into_iter().enumerate() {
            cell.word(NAME + index).store(word, Ordering::Relaxed);
        }
        cell.word(KIND).store(kind as u64, Ordering::Relaxed);
        cell.word(LATE_MS).store(late_ms, Ordering::Relaxed);
        cell.beat();
        cell
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[self.at + index]
    }

    /// The thread is here: from now on it is watched.
    pub(super) fn enlist(&self, tid: i32) {
        self.beat();
        self.word(TID).store(u64::from(tid.unsigned_abs()), Ordering::Release);
    }

    /// The thread ends, and may.
    pub(super) fn leave(&self) {
        self.word(TID).store(0, Ordering::Release);
    }

    /// It has turned, or come forward with what it is at.
    pub(crate) fn beat(&self) {
        self.word(BEAT_MS).store(Clock::monotonic_ms(), Ordering::Relaxed);
    }

    /// How long ago that was, in milliseconds.
    pub(crate) fn beat_age_ms(&self) -> u64 {
        Clock::monotonic_ms().saturating_sub(self.word(BEAT_MS).load(Ordering::Relaxed))
    }

    fn is_worker(&self) -> bool {
        self.word(KIND).load(Ordering::Relaxed) == Kind::Worker as u64
    }

    /// Says what it is at from now on, and gives what it was at.
    pub(super) fn begin(&self, doing: Doing, phase: Option<Phase>, subject: &str) -> u64 {
        let before = self.word(STATE).load(Ordering::Relaxed);
        // A worker that takes up work begins to be late now; what it does in the course of it comes forward.
        if self.is_worker() {
            self.beat();
        }
        if !subject.is_empty() || doing::of_word(before).0 == Doing::Nothing {
            let seq = self.word(SUBJECT_SEQ).load(Ordering::Relaxed);
            // Odd while it is written: a reader that finds it so, or changed, looks again.
            self.word(SUBJECT_SEQ).store(seq | 1, Ordering::Relaxed);
            fence(Ordering::Release);
            for (index, word) in text::pack::<SUBJECT_WORDS>(subject).into_iter().enumerate() {
                self.word(SUBJECT + index).store(word, Ordering::Relaxed);
            }
            self.word(SUBJECT_SEQ).store((seq | 1).wrapping_add(1), Ordering::Release);
        }
        self.word(STATE).store(doing::to_word(doing, phase), Ordering::Relaxed);
        before
    }

    /// The poll that it is at has come to another phase.
    pub(super) fn enter(&self, phase: Phase) {
        if doing::of_word(self.word(STATE).load(Ordering::Relaxed)).0 == Doing::Poll {
            self.word(STATE).store(doing::to_word(Doing::Poll, Some(phase)), Ordering::Relaxed);
        }
    }

    /// What it is at, by name.
    pub(super) fn subject(&self) -> String {
        text::unpack(&self.words()[SUBJECT..SUBJECT + SUBJECT_WORDS])
    }

    /// It is again at what it was at before.
    pub(super) fn end(&self, before: u64) {
        self.word(STATE).store(before, Ordering::Relaxed);
    }

    /// The watchdog has found that it waits for the disk, or that it does not.
    pub(super) fn set_at_disk(&self, at_disk: bool) {
        self.word(AT_DISK).store(u64::from(at_disk), Ordering::Relaxed);
    }

    /// What it says now. Where it is in the middle of saying it, so often as to seem stuck there, its subject is missing.
    pub(super) fn words(&self) -> [u64; CELL_WORDS] {
        let mut words = [0; CELL_WORDS];
        for _ in 0..3 {
            let seq = self.word(SUBJECT_SEQ).load(Ordering::Acquire);
            words = std::array::from_fn(|index| self.word(index).load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if seq.is_multiple_of(2) && self.word(SUBJECT_SEQ).load(Ordering::Relaxed) == seq {
                return words;
            }
        }
        words[SUBJECT..SUBJECT + SUBJECT_WORDS].fill(0);
        words
    }
}

impl Default for Cell {
    fn default() -> Cell {
        Cell::detached()
    }
}
