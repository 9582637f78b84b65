//! The fault catalogue: 80 faults, each a test or more, named by its number, and what must happen.
//!
//! A section of the catalogue is a module, and begins with its part of the table. Tests that need root, a file system of
//! their own or a network namespace are ignored by `cargo test` and run by `tests/as_root`, which `.ci/run` calls.

mod cases;
mod clients;
mod content;
mod dial;
mod host;
mod http;
mod scene;
mod storage;
mod strace;
mod table;
mod watch;

use table::{Row, Section};

const SECTIONS: &[Section] = &[
    Section { numbers: 1..=8, rows: &[dial::ROWS] },
    Section { numbers: 9..=27, rows: &[http::ROWS] },
    Section { numbers: 28..=43, rows: &[content::ROWS] },
    Section { numbers: 44..=56, rows: &[clients::ROWS] },
    Section { numbers: 57..=67, rows: &[storage::ROWS] },
    Section { numbers: 68..=80, rows: &[host::ROWS, watch::ROWS] },
];
