//! To be written.

mod guard;
