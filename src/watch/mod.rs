//! What looks into a daemon that does not turn: heartbeats, the watchdog, stacks, what is in flight.
//!
//! Every executor, the writer and each reader has a cell in which it says that it lives and what it is at (`here`, from
//! the inside; `cell`). The watchdog on the main thread looks at the cells and at nothing else: late by a second, the
//! stack of a thread is recorded while it is stuck, and logged; after five, `/health` says 503 and names it; after ten,
//! systemd's watchdog is not fed any more. If it is the HTTP core that hangs, `/health` says nothing at all, and
//! systemd's watchdog is the answer.
//!
//! Cells and what is in flight lie on a board, a piece of memory that `rssd doctor` reads when the daemon answers
//! nothing, be it stopped (`board`, `peek`).
//!
//! It only looks. Nothing here waits for a thread that may hang, and no thread waits for anything here, but for a moment
//! while its stack is read.

mod board;
mod cell;
mod doing;
mod flights;
mod hang;
mod here;
mod judge;
mod memory;
mod modules;
mod names;
mod peek;
mod sight;
mod signal;
mod stacks;
mod symbols;
mod text;
pub(crate) mod threads;
mod unwind;
mod watchdog;

pub(crate) use cell::Cell;
pub(crate) use doing::Doing;
pub(crate) use flights::{FlightRoom, Flights, Shown};
pub(crate) use hang::check as check_hangs;
pub(crate) use here::{beat, busy, during, enlist, enter, waiting};
pub(crate) use judge::Observer;
pub(crate) use peek::Peek;
pub(crate) use sight::{Badness, ThreadSight};
pub(crate) use signal::let_through;
pub(crate) use watchdog::Watchdog;

use std::path::Path;
use std::sync::Arc;

use board::Board;
use stacks::Stacks;

use crate::machine::Lack;

/// What a daemon's parts need of all this.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) board: Arc<Board>,
    pub(crate) stacks: Stacks,
}

impl Watch {
    /// For a daemon of so many cores and readers, with an HTTP core, a writer, and this database.
    ///
    /// # Errors
    ///
    /// No thread is to be had.
    pub(crate) fn start(cores: usize, readers: usize, db: &Path) -> Result<Watch, Lack> {
        let board = Arc::new(Board::new(cores, readers));
        let stacks = Stacks::start(board.clone())?;
        if let Err(error) = board.link(db) {
            log::warn!("rssd doctor will not see into this daemon when it is stuck: cannot set a link to it: {error}");
        }
        Ok(Watch { board, stacks })
    }
}
