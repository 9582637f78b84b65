//! The stream: what a client has had, what it gets next, and who waits for it.
//!
//! Pure: no socket, no clock, no SQL, no executor. The HTTP core owns one [`Ring`] and one [`WakeList`], and each of its
//! clients a [`Subscription`] that says what to do next; a simulator can drive the same.
//!
//! Invariants: a client gets each `seq` at most once and in order; it is never silent about articles that a client missed,
//! but answers with a [`Refusal`]; nothing is pushed before its commit; a wake-up says no more than "look again".

mod chunks;
mod cursor;
mod filter;
mod lead;
mod polls;
mod ring;
mod subscribers;
mod subscription;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
pub(crate) mod model;

pub(crate) use chunks::Chunks;
#[cfg(any(test, fuzzing))]
pub(crate) use cursor::Reason;
pub(crate) use cursor::{After, Bounds, Cursor, Epoch, Refusal};
pub(crate) use filter::{Filter, FilterMistake};
pub(crate) use lead::{Follower, Lead};
pub(crate) use polls::PollLog;
#[cfg(test)]
pub(crate) use ring::Size;
pub(crate) use ring::{Entry, Origin, Ring};
pub(crate) use subscribers::{Audience, Lag, Seat, Seats, WakeList};
pub(crate) use subscription::{Next, Page, Start, Subscription};
