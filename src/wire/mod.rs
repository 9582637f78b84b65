//! What leaves the process: articles as JSON, events, feeds of its own, problems, metrics, and their description.
//!
//! Pure: values in, bytes out. It chooses no status of a connection, sets no header and asks for no article.
//!
//! Invariant: no byte of a feed changes the framing of anything here. Each format has one place that escapes: `json` for
//! JSON and events, `xml` for Atom and OPML, `metrics` for labels.

mod article;
mod atom;
mod etag;
mod json;
mod json_feed;
pub(crate) mod metrics;
mod openapi;
mod opml;
mod outlet;
mod poll_event;
mod problem;
pub(crate) mod sse;
mod xml;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(any(test, fuzzing))]
pub(crate) mod samples;

pub(crate) use article::{ArticleView, Html, Op, entry, list, rfc3339};
pub(crate) use atom::atom;
pub(crate) use etag::{etag, is_unchanged};
pub(crate) use json_feed::json_feed;
pub(crate) use openapi::OPENAPI;
pub(crate) use opml::{SubscriptionView, opml};
pub(crate) use outlet::Outlet;
pub(crate) use poll_event::{FirstRound, PollEvent};
pub(crate) use problem::Problem;
