//! The HTTP core: one executor that answers whatever sources, clients and disk do.
//!
//! It touches no SQLite and waits for nobody: what it tells comes from gauges, from the ring of recent articles, or from
//! reader threads that answer within a deadline. A client that does not read is dropped, and nobody else waits for it.

mod articles;
mod events;
mod feeds;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gatekeeper;
mod health;
mod history;
mod hub;
mod io;
mod listener;
mod operator;
mod overview;
mod page;
mod query;
mod respond;
mod room;
mod routes;
mod server;
mod similar;
mod site;
mod stream;
mod timer;
mod views;

pub use gatekeeper::Policy;
pub use health::Status;
pub use listener::Listen;
pub(crate) use listener::Listener;
pub(crate) use page::{SafeHtml, words};
pub(crate) use server::{News, serve};
pub(crate) use site::Sources;
#[cfg(test)]
pub(crate) use stream::{Range, page_of};
