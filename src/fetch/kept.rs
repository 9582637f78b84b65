//! Connections that stay open for a moment, for the next feed of the same host.
//!
//! A connection is kept only when its last answer was read to its end and both sides agreed to keep it, and is used only for
//! what the new request would have dialled itself: same scheme, host and port, same trust, same proxy, same guard. Few
//! are kept, and none for long: a server has better uses for them. Pure bookkeeping: nothing here waits.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use url::{Origin, Url};

use super::roots::Roots;
use super::transport::Connection;
use crate::limits::{KEPT_CONNECTIONS_MAX, KEPT_FOR};

/// What a connection may be used for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Purpose {
    pub(crate) origin: Origin,
    pub(crate) roots: Roots,
    pub(crate) proxy: Option<Url>,
    /// Whether its address may be private: a guarded request must not come by one that was not.
    pub(crate) allow_private: bool,
}

/// The kept connections of a core, the oldest first.
#[derive(Default)]
pub(crate) struct Kept(VecDeque<KeptConnection>);

struct KeptConnection {
    purpose: Purpose,
    connection: Connection,
    address: SocketAddr,
    since: Instant,
}

impl Kept {
    /// Keeps a connection; one too many pushes out the oldest.
    pub(crate) fn put(&mut self, purpose: Purpose, connection: Connection, address: SocketAddr, now: Instant) {
        if self.0.len() == KEPT_CONNECTIONS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(KeptConnection { purpose, connection, address, since: now });
    }

    /// One for this purpose, if there is one.
    pub(crate) fn take(&mut self, purpose: &Purpose, now: Instant) -> Option<(Connection, SocketAddr)> {
        self.close_old(now);
        let at = self.0.iter().position(|kept| kept.purpose == *purpose)?;
        self.0.remove(at).map(|kept| (kept.connection, kept.address))
    }

    /// Closes all of them: somebody needs their descriptors. Gives whether there were any.
    pub(crate) fn close_all(&mut self) -> bool {
        let had_some = !self.0.is_empty();
        self.0.clear();
        had_some
    }

    /// Closes what was kept for long enough.
    pub(crate) fn close_old(&mut self, now: Instant) {
        while self.0.front().is_some_and(|kept| now.saturating_duration_since(kept.since) >= KEPT_FOR) {
            self.0.pop_front();
        }
    }
}
