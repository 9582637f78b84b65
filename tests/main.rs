//! What crosses a boundary: the real binary against the tarpit on 127.0.0.0/8, its database read by another program.
//!
//! Expectations come from what users are promised, not from the code. Nothing sleeps to synchronise, every port is
//! chosen by the kernel, and the only deadlines that fail a test are guards against hanging for ever.

mod activation;
mod backup;
mod bad_input;
mod change;
mod clients;
mod commands;
mod demo;
mod doctor;
mod documentation;
mod drain;
mod faults;
mod hosts;
mod house;
mod http;
mod ingest;
mod metrics;
mod politeness;
mod reload;
mod repaired;
mod restart;
mod retention;
mod secrets;
mod status;
mod stream;
mod subscribers;
mod subscribing;
mod support;
mod tail;
