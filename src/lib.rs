//! rssd turns thousands of RSS, Atom and JSON feeds into one durable, ordered stream of articles, and no
//! source, client or disk can hang it.
//!
//! # The way of an article
//!
//! due → admission → conditional request → address guard → fetch → classify the answer → decode → gate → parse →
//! normalise and key → batch → commit → schedule the next poll. The modules below stand in that order.

pub mod config;

pub mod article;
pub mod clock;
pub mod failure;
pub mod limits;

mod placement;
pub mod schedule;
pub mod fetch;
pub mod parse;
pub mod store;

pub mod tarpit;

pub mod cli;
