//! rssd turns thousands of RSS, Atom and JSON feeds into one durable, ordered stream of articles, and no
//! source, client or disk can hang it.
//!
//! # The way of an article
//!
//! due → admission → conditional request → address guard → fetch → classify the answer → decode → gate → parse →
//! normalise and key → batch → commit → schedule the next poll. The modules below stand in that order.

// What is asked of us, and the one file that knows all parts.
pub mod cli;
pub mod config;
pub mod daemon;

// The way in: on the cores, then through the writer.
mod placement;
mod roster;
mod core;
mod hosts;
mod breaker;
mod poll;
pub mod fetch;
pub mod parse;
pub mod article;
pub mod store;
mod schedule;

// The way out: `http` serves, `stream` decides what a client gets next, `wire` gives it its shape. The last two are pure.
pub mod http;
mod stream;
mod wire;
mod sanitise;
mod escape;

// What looks into a daemon that does not turn.
mod watch;

// Words, bounds and the machine, used everywhere.
pub mod failure;
pub mod gauges;
pub mod clock;
pub mod limits;
mod machine;
mod systemd;
mod activation;
mod descriptor;
mod executor;
pub mod logging;

// The pure paths, each alone, for the benches.
#[doc(hidden)]
pub mod hot_paths;

// What holds for every input, asked with any: by cargo-fuzz, and by a test with the inputs that are kept.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;

// The hostile feed server: a command, and the fault server of the tests.
pub mod tarpit;

// The parts above that are pure, all of them together, in simulated time.
#[cfg(test)]
mod simulation;
