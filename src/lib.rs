//! rssd turns thousands of RSS, Atom and JSON feeds into one durable, ordered stream of articles, and no
//! source, client or disk can hang it.
//!
//! # The way of an article
//!
//! due → admission → conditional request → address guard → fetch → classify the answer → decode → gate → parse →
//! normalise and key → batch → commit → schedule the next poll. The modules below stand in that order.

pub mod cli;
pub mod config;
pub mod daemon;

mod placement;
mod core;
mod poll;
pub mod fetch;
pub mod parse;
pub mod article;
pub mod store;
mod schedule;

pub mod http;
mod stream;
mod wire;
mod sanitise;

pub mod failure;
pub mod gauges;
pub mod clock;
pub mod limits;
mod host;
mod descriptor;
mod executor;
pub mod logging;

pub mod tarpit;
