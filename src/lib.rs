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

pub mod article;
mod core;
pub mod fetch;
pub mod parse;
mod placement;
mod poll;
mod schedule;
pub mod store;

pub mod clock;
pub mod failure;
pub mod gauges;
mod host;
pub mod limits;
pub mod logging;

pub mod tarpit;
