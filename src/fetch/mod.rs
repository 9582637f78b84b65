//! To be written.

mod guard;
mod http_date;
mod retry_after;
