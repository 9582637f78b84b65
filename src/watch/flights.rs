//! What a core has in flight, as another process can see it: as many polls as there is room for, each with its feed, its
//! phase and since when.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::cell::SUBJECT_WORDS;
use super::memory::Memory;
use super::text;
use crate::clock::Clock;
use crate::failure::Phase;

/// Words of a flight.
pub(super) const FLIGHT_WORDS: usize = 24;

// Where in a flight.
/// Odd while it is written.
pub(super) const SEQ: usize = 0;
/// 0: free; else the phase, from 1.
pub(super) const PHASE: usize = 1;
pub(super) const STARTED_MS: usize = 2;
pub(super) const PHASE_STARTED_MS: usize = 3;
pub(super) const CORE: usize = 4;
pub(super) const FEED: usize = 5;

const _: () = assert!(FEED + SUBJECT_WORDS <= FLIGHT_WORDS);

/// Where one core shows its flights. Without room, as by default, it shows none.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlightRoom {
    memory: Option<Arc<Memory>>,
    /// Of its first word.
    first: usize,
    room: usize,
    core: usize,
}

impl FlightRoom {
    pub(super) fn new(memory: Arc<Memory>, first: usize, room: usize, core: usize) -> FlightRoom {
        FlightRoom { memory: Some(memory), first, room, core }
    }
}

/// The same on its core, which alone writes there.
#[derive(Debug)]
pub(crate) struct Flights {
    place: FlightRoom,
    free: RefCell<Vec<usize>>,
}

impl Flights {
    pub(crate) fn new(place: FlightRoom) -> Rc<Flights> {
        let free = (0..place.room).rev().map(|slot| place.first + slot * FLIGHT_WORDS).collect();
        Rc::new(Flights { place, free: RefCell::new(free) })
    }

    /// Shows a poll of `feed` until what is given is dropped; `None` where there is no room.
    pub(crate) fn show(self: &Rc<Self>, feed: &str) -> Option<Shown> {
        let memory = self.place.memory.clone()?;
        let at = self.free.borrow_mut().pop()?;
        let shown = Shown { memory, at, flights: self.clone() };
        shown.write(|| {
            let now = Clock::monotonic_ms();
            for (index, word) in text::pack::<SUBJECT_WORDS>(feed).into_iter().enumerate() {
                shown.word(FEED + index).store(word, Ordering::Relaxed);
            }
            shown.word(CORE).store(self.place.core as u64, Ordering::Relaxed);
            shown.word(STARTED_MS).store(now, Ordering::Relaxed);
            shown.word(PHASE_STARTED_MS).store(now, Ordering::Relaxed);
            shown.word(PHASE).store(Phase::Resolve as u64 + 1, Ordering::Relaxed);
        });
        Some(shown)
    }
}

/// A poll that is shown.
#[derive(Debug)]
pub(crate) struct Shown {
    memory: Arc<Memory>,
    at: usize,
    flights: Rc<Flights>,
}

impl Shown {
    pub(crate) fn enter(&self, phase: Phase) {
        self.write(|| {
            self.word(PHASE).store(phase as u64 + 1, Ordering::Relaxed);
            self.word(PHASE_STARTED_MS).store(Clock::monotonic_ms(), Ordering::Relaxed);
        });
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        &self.memory.words()[self.at + index]
    }

    fn write(&self, stores: impl FnOnce()) {
        let seq = self.word(SEQ).load(Ordering::Relaxed);
        self.word(SEQ).store(seq | 1, Ordering::Relaxed);
        fence(Ordering::Release);
        stores();
        self.word(SEQ).store((seq | 1).wrapping_add(1), Ordering::Release);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.write(|| self.word(PHASE).store(0, Ordering::Relaxed));
        self.flights.free.borrow_mut().push(self.at);
    }
}
