//! Full-text search: what is indexed, when, and how a person's words become a query.
//!
//! It does not rank and it does not stem: results come newest first, and a word finds itself, whatever its case and its
//! accents. Text without spaces between words, as in Chinese or Japanese, is found by whole runs only.
//!
//! Invariants: indexing never delays a poll that waits, and a hostile document costs it no more than its size. The
//! index may lag; [`WriterGauges::search_lag`](super::WriterGauges::search_lag) says by how much. While the writer has
//! pauses an article is found within half a second of its commit; while polls keep it busy without any, not before.

mod index;
mod quote;
mod text;

pub(super) use index::{Backlog, index_chunk, refresh};
pub use quote::quote;
