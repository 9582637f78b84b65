//! Finished polls, for clients that asked for them with `feeds=1`.
//!
//! Not durable, and lossy on purpose: each frame tells the whole progress, so a client that falls behind skips to the
//! oldest that is kept. Each frame is made once for all clients.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::POLL_FRAMES_MAX;

#[derive(Debug, Default)]
pub(crate) struct PollLog {
    frames: VecDeque<Bytes>,
    /// The number of the next frame.
    next: u64,
}

impl PollLog {
    pub(crate) fn push(&mut self, frame: Bytes) {
        if self.frames.len() == POLL_FRAMES_MAX {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
        self.next += 1;
    }

    /// Where a client stands that wants to hear of what comes from now on.
    pub(crate) fn now(&self) -> u64 {
        self.next
    }

    /// What was pushed since a client stood at `at`, as far as it is kept; with [`PollLog::now`] it stands behind that.
    pub(crate) fn since(&self, at: u64) -> impl Iterator<Item = &Bytes> {
        let missing = self.next.saturating_sub(at);
        let kept = self.frames.len();
        let skipped = kept - usize::try_from(missing).unwrap_or(kept).min(kept);
        self.frames.range(skipped..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_missed_as_far_as_it_is_kept() {
        let mut log = PollLog::default();
        let since = |log: &PollLog, at: u64| log.since(at).map(|frame| frame[0]).collect::<Vec<_>>();
        assert_eq!((log.now(), since(&log, 0)), (0, vec![]));
        for n in 0..3 {
            log.push(Bytes::copy_from_slice(&[n]));
        }
        assert_eq!(since(&log, 0), [0, 1, 2]);
        assert_eq!(since(&log, 2), [2]);
        assert_eq!(since(&log, log.now()), [0_u8; 0]);
        for _ in 0..POLL_FRAMES_MAX {
            log.push(Bytes::from_static(&[9]));
        }
        assert_eq!(since(&log, 0), [9; POLL_FRAMES_MAX]);
        assert_eq!(since(&log, u64::MAX), [0_u8; 0]);
    }
}
