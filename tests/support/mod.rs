//! What the subjects share: a directory with a feeds file and a database, the daemon as a child process, a name server
//! that can keep silent, and a way to wait for a condition.

mod daemon;
mod db;
mod feeds;
mod home;
pub(crate) mod http;
pub(crate) mod metrics;
mod name_server;
mod random;
mod wait;

pub(crate) use daemon::{Daemon, Finished};
pub(crate) use db::Db;
pub(crate) use feeds::{Feeds, guids, rss};
pub(crate) use home::{BINARY, Home};
pub(crate) use name_server::{NameServer, Reply};
pub(crate) use random::Random;
pub(crate) use wait::{HANG_GUARD, pause, until};

use rssd::tarpit::{Options, Recorded, Tarpit};

/// A tarpit on a port of its own.
pub(crate) fn tarpit() -> Tarpit {
    Tarpit::start(Options::default()).expect("loopback has a free port, and io_uring is what rssd needs too")
}

/// A header of a request as bytes.
pub(crate) fn header<'a>(request: &'a Recorded, name: &str) -> Option<&'a [u8]> {
    request.head.header(name)
}
