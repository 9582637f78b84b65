//! feed-rs, behind a net: one document in, feed-rs's model or a [`Failure`] out.
//!
//! Does not judge the document: [`super::gate`] has done so, and only a text that passed it may come here. Each call
//! makes a parser of its own, because feed-rs panics when one is used again after an error.

use std::io::Read;

use chrono::DateTime;
use feed_rs::model::Feed;
use feed_rs::parser::Builder;
use sha2::{Digest, Sha256};

use super::{Source, date, panics};
use crate::escape;
use crate::failure::{Class, Failure, Phase};

/// Reads the two pieces of text, one after the other, as one document.
pub(crate) fn read(pieces: [&str; 2], source: &Source<'_>) -> Result<Feed, Failure> {
    let parser = Builder::new()
        .base_uri(Some(source.base_url.as_str()))
        .sanitize_content(false)
        .id_generator(|_, _, _| String::new())
        .timestamp_parser(|s| date::parse(s).and_then(DateTime::from_timestamp_millis))
        .build();
    let bytes = pieces[0].as_bytes().chain(pieces[1].as_bytes());
    match panics::quietly(|| parser.parse(bytes)) {
        Ok(Ok(feed)) => Ok(feed),
        Ok(Err(error)) => {
            let cause = escape::line(&error.to_string(), 300);
            Err(Failure::new(Class::Parse, Phase::Parse, format!("cannot read the feed: {cause}")))
        }
        Err(panic) => Err(panicked(&panic, source.bytes)),
    }
}

/// The failure for a panic on a body, with what quarantines it.
pub(crate) fn panicked(panic: &str, bytes: &[u8]) -> Failure {
    let cause = escape::line(panic, 200);
    let hash = hex(&Sha256::digest(bytes));
    let message =
        format!("the parser panicked ({cause}) on the body with SHA-256 {hash}; please report it with that body");
    Failure::new(Class::Panic, Phase::Parse, message)
}

/// Lower-case hexadecimal. Every article's key of title and date is written so: `format!` took a twentieth of a parse.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const FIGURES: &[u8; 16] = b"0123456789abcdef";
    let mut figures = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        figures.push(char::from(FIGURES[usize::from(byte >> 4)]));
        figures.push(char::from(FIGURES[usize::from(byte & 0xf)]));
    }
    figures
}
