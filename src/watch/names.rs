//! The thread `names`: from the addresses of stacks to words, in the log and for who asked.
//!
//! It reads the program's debugging information, which takes its time and its memory: what it has read is given back when
//! no stack has come for a while.

use std::fmt::Write as _;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use futures_channel::oneshot;

use super::board::Board;
use super::signal::{Held, Silent};
use super::symbols;
use super::threads::{self, Thread};
use super::unwind::Addresses;
use crate::limits::STACKS_IDLE;

/// A stack as it was read.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) tid: i32,
    /// A line above it.
    pub(super) head: String,
    /// `None`: of the thread that reads them.
    pub(super) held: Option<Result<Held<Addresses>, Silent>>,
}

/// To whom they are told.
#[derive(Debug)]
pub(super) enum Told {
    /// To the log, and to who cannot read it: of this thread that hangs.
    Record(String),
    Log,
    Answer(oneshot::Sender<String>),
}

pub(super) fn run(taken: &Receiver<(Told, Vec<Taken>)>, board: &Board) {
    let mut patience = Duration::MAX;
    loop {
        let (told, taken) = match taken.recv_timeout(patience) {
            Ok(taken) => taken,
            Err(RecvTimeoutError::Timeout) => {
                symbols::forget();
                patience = Duration::MAX;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        patience = STACKS_IDLE;
        match told {
            Told::Record(thread) => {
                let text = format!("{thread}:{}", in_text(&taken).trim_end());
                log::warn!("stack of {text}");
                board.keep_stack(&text);
            }
            Told::Log => log::info!("stacks of all threads:\n{}", in_text(&taken)),
            // Whoever asked may have gone.
            Told::Answer(answer) => drop(answer.send(in_text(&taken))),
        }
    }
}

fn in_text(taken: &[Taken]) -> String {
    let mut text = String::new();
    for Taken { tid, head, held } in taken {
        let stack = held.as_ref().map_or_else(|| "\n     reads these".to_owned(), |held| in_words(held, *tid));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{head}{stack}\n");
    }
    text
}

pub(super) fn in_words(held: &Result<Held<Addresses>, Silent>, tid: i32) -> String {
    match held {
        Ok(Held { walked, stood_still }) => {
            let doubt = if *stood_still { "" } else { "\n     it went on while it was looked at: frames may be wrong" };
            symbols::lines(walked) + doubt
        }
        Err(Silent::Gone) => "\n     it is gone".to_owned(),
        // The kernel holds it where no signal comes through.
        Err(Silent::Deaf) => {
            let line = threads::one(tid).as_ref().map(Thread::line).unwrap_or_default();
            format!("\n     it takes no signal: {}", line.trim())
        }
    }
}
