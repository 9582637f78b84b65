//! What a poll has spent its time on, from its begin to the moment when it was durable.

use std::time::Duration;

use crate::failure::Phase;
use crate::fetch::PhaseTimes;

/// The time of one poll.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) fetch: PhaseTimes,
    /// `None` where there was no document.
    pub(crate) parse: Option<Duration>,
    /// From the end of the fetch on, without the parser: the wait for the writer, and the commit.
    pub(crate) commit: Duration,
    pub(crate) whole: Duration,
}

impl Spent {
    /// The phases that are told apart. Sending the request belongs to `FirstByte`, a head to `Body`, as in `fetch_log`.
    pub(crate) const PHASES: [Phase; 7] =
        [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::FirstByte, Phase::Body, Phase::Parse, Phase::Commit];

    /// In their order; `None` for a phase that was not reached, or not needed.
    pub(crate) fn by_phase(&self) -> [Option<Duration>; Spent::PHASES.len()] {
        let PhaseTimes { resolve_ms, connect_ms, tls_ms, first_byte_ms, body_ms } = self.fetch;
        let [resolve, connect, tls, first_byte, body] =
            [resolve_ms, connect_ms, tls_ms, first_byte_ms, body_ms].map(|ms| ms.map(Duration::from_millis));
        [resolve, connect, tls, first_byte, body, self.parse, Some(self.commit)]
    }
}
