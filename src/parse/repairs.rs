//! What was repaired while a document was read, counted by kind.

use crate::article::{Repair, RepairKind};

/// The tally of one document.
#[derive(Debug, Default)]
pub(crate) struct Repairs(Vec<Repair>);

impl Repairs {
    pub(crate) fn count(&mut self, kind: RepairKind) {
        self.counts(kind, 1);
    }

    pub(crate) fn counts(&mut self, kind: RepairKind, times: usize) {
        match self.0.iter_mut().find(|known| known.kind == kind) {
            Some(known) => known.count += times,
            None if times > 0 => self.0.push(Repair { kind, count: times }),
            None => {}
        }
    }

    /// One a kind, in the order in which they were found.
    pub(crate) fn list(self) -> Vec<Repair> {
        self.0
    }
}
