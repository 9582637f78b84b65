//! The pages: what an operator wants to see at a glance, and every article, feed and search under an address to share.
//!
//! Pure functions from what is shown to HTML. They read no gauge, ask no database and know no request; who serves
//! them fills the structures, decides by `Accept`, and sends [`HEADERS`] along. They work without a script; with one, `live.js`
//! keeps `/` up to date.
//!
//! Invariants: a text of a feed gets onto a page by [`crate::escape::html`], its HTML as [`SafeHtml`], its addresses by `escape::link`;
//! no page holds a script, style or event handler of its own, or asks anybody else for anything.

pub(crate) mod escape;
pub(crate) mod words;
mod safe;
mod content;
mod plot;
mod layout;

mod overview;
mod feeds;
mod feed;
mod articles;
mod article;
mod problem;
mod assets;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub(crate) use article::{ArticlePage, EnclosureLine};
pub(crate) use articles::{ArticleLine, ArticlesPage, Asked};
pub(crate) use assets::{HEADERS, asset};
pub(crate) use feed::{FeedPage, PollLine};
pub(crate) use feeds::{FeedHealth, FeedLine, FeedsPage};
pub(crate) use overview::{CoreLine, FailingLine, FeedCounts, FirstRound, FlightLine, Hour, Minute, Overview};
pub(crate) use problem::ProblemPage;
pub(crate) use safe::SafeHtml;
