//! What a polite and exact fetcher does, each rule a test against the record of a server that was asked.

mod answers;
mod conditional;
mod hosts;
mod redirects;
mod requests;
mod retry_after;
mod schedule;
mod spread;
mod targets;

use rssd::tarpit::{Recorded, Tarpit};
use rusqlite::Connection;

use crate::support::Home;

const RSS: &str = "application/rss+xml";

/// Lets time pass in the database of a daemon that is not running.
fn alter(home: &Home, sql: &str) {
    let db = Connection::open(home.db_path()).expect("the daemon has made it");
    assert!(db.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}")) > 0, "{sql}: nothing was altered");
}

/// What was asked of a host, in order.
fn asked(tarpit: &Tarpit, host: &str) -> Vec<Recorded> {
    tarpit.requests().into_iter().filter(|request| request.head.host == host).collect()
}
