//! What a cell or a flight says, read from its words: by this process, or by another that trusts none of it.

use super::cell::{
    AT_DISK, BEAT_MS, CELL_WORDS, KIND, Kind, LATE_MS, NAME, NAME_WORDS, STATE, SUBJECT, SUBJECT_WORDS, TID,
};
use super::doing::{self, Doing};
use super::judge::Observer;
use super::text;
use crate::failure::Phase;
use crate::limits::{DISK_FAILING_MS, HEARTBEAT_FAILING_MS, HEARTBEAT_LATE_MS};

/// A thread, as its cell has it.
#[derive(Clone, Debug)]
pub(crate) struct ThreadSight {
    pub(crate) name: String,
    /// 0: it has not started yet, or ended in order.
    pub(crate) tid: i32,
    kind: Option<Kind>,
    late_ms: u64,
    beat_ms: u64,
    doing: Doing,
    phase: Option<Phase>,
    subject: String,
    /// The disk is to blame for its silence, by the watchdog's last look.
    pub(crate) is_at_disk: bool,
}

/// How bad a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Badness {
    Fine,
    Late,
    Failing,
}

impl ThreadSight {
    pub(super) fn of(words: &[u64; CELL_WORDS]) -> ThreadSight {
        let (doing, phase) = doing::of_word(words[STATE]);
        ThreadSight {
            name: text::unpack(&words[NAME..NAME + NAME_WORDS]),
            tid: i32::try_from(words[TID]).unwrap_or(0),
            kind: match words[KIND] {
                1 => Some(Kind::Executor),
                2 => Some(Kind::Worker),
                _ => None,
            },
            late_ms: words[LATE_MS],
            beat_ms: words[BEAT_MS],
            doing,
            phase,
            subject: text::unpack(&words[SUBJECT..SUBJECT + SUBJECT_WORDS]),
            is_at_disk: words[AT_DISK] == 1,
        }
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.kind == Some(Kind::Worker)
    }

    /// For how long it has been silent, where it should not be: 0 for a worker that waits for work. Only what `observer`
    /// has seen counts.
    pub(crate) fn silent_ms(&self, now_ms: u64, observer: &Observer) -> u64 {
        let may_be = self.tid == 0 || (self.is_worker() && self.doing == Doing::Nothing);
        if may_be { 0 } else { observer.observed_ms(self.beat_ms, now_ms) }
    }

    pub(crate) fn badness(&self, silent_ms: u64) -> Badness {
        let failing_ms = if self.is_at_disk { DISK_FAILING_MS } else { HEARTBEAT_FAILING_MS };
        match silent_ms {
            ms if ms >= failing_ms => Badness::Failing,
            ms if ms >= self.late_ms.max(HEARTBEAT_LATE_MS) => Badness::Late,
            _ => Badness::Fine,
        }
    }

    /// What it is at, for whoever may know: after `busy with`. Nothing of it is escaped.
    pub(crate) fn doing(&self) -> String {
        doing::in_words(self.doing, self.phase, &self.subject, true)
    }

    /// That it does not turn, or does not come to an end, for so long; without names, for anybody.
    pub(crate) fn reason(&self, silent_ms: u64) -> String {
        let doing = doing::in_words(self.doing, self.phase, &self.subject, false);
        let name = self.name.replace("core-", "core ");
        match self.kind {
            Some(Kind::Worker) if self.is_at_disk => {
                format!("the disk has kept {name} waiting for {silent_ms} ms, in {doing}")
            }
            Some(Kind::Worker) => format!("{name} has been busy for {silent_ms} ms with {doing}"),
            _ => format!("{name} has not turned for {silent_ms} ms, busy with {doing}"),
        }
    }
}
