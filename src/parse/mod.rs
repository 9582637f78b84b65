//! Bytes to articles: charset, gate, feed-rs, and what the store keeps of it.
//!
//! Pure: no socket, no clock, no SQL; the caller says where the bytes came from and what time it is. Runs on an
//! executor's own stack, never on a fiber's.
//!
//! No document ends the process: what would make feed-rs recurse, copy or compute without bound is refused by
//! [`gate`] before feed-rs sees a byte, and what panics is caught in [`document`].

use url::Url;

use crate::article::Document;
use crate::failure::{Class, Failure, Phase};

mod charset;
mod date;
mod doctype;
mod document;
#[cfg(test)]
mod effort;
mod entities;
mod gate;
mod identity;
mod json;
mod links;
mod names;
mod normalise;
pub(crate) mod opml;
mod panics;
mod repair;
mod sniff;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use links::Link;
pub(crate) use text::{printable, reference};

/// What is to be parsed, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The document, content codings already undone.
    pub bytes: &'a [u8],
    /// The `Content-Type` header, for its charset.
    pub content_type: Option<&'a str>,
    /// Where the document came from, after redirects: relative links are resolved against it.
    pub base_url: &'a Url,
    /// More articles than this are counted in [`Document::articles_dropped`] and left out.
    pub articles_max: usize,
    /// Milliseconds since 1970: dates too far ahead of it are left out.
    pub now_ms: i64,
}

/// Parses a document.
///
/// # Errors
///
/// Always in [`Phase::Parse`]: [`Class::Empty`], [`Class::NotFeed`], [`Class::TooDeep`] and [`Class::TooComplex`] for
/// what the gate refuses, [`Class::Parse`] for a feed that cannot be read, [`Class::Panic`] for one that made the
/// parser panic, with the hash of the bytes in the message so that they can be quarantined.
pub fn parse(source: &Source<'_>) -> Result<Document, Failure> {
    // feed-rs has a net of its own inside of this one: after its panics the repair goes on. This one is for ours.
    panics::quietly(|| read(source)).unwrap_or_else(|panic| Err(document::panicked(&panic, source.bytes)))
}

/// The feeds that a document links to, if it is a page.
pub(crate) fn links(source: &Source<'_>) -> Vec<Link> {
    links::feeds(&charset::to_utf8(source.bytes, source.content_type), source.base_url)
}

fn read(source: &Source<'_>) -> Result<Document, Failure> {
    sniff::refuse_binary(source.bytes)?;
    let text = charset::to_utf8(source.bytes, source.content_type);
    match sniff::kind(&text, source.base_url)? {
        sniff::Kind::Xml => parse_xml(source, &text),
        sniff::Kind::Json => parse_json(source, &text),
    }
}

/// Straight through feed-rs where it reads the document as it is; otherwise by way of [`repair`].
fn parse_xml(source: &Source<'_>, text: &str) -> Result<Document, Failure> {
    let refused = match gate::xml(text, source.articles_max)? {
        gate::Verdict::Fit(scan) => match document::read(scan.pieces(text), source) {
            Ok(feed) => return Ok(normalise::document(feed, scan, source, Vec::new())),
            Err(refused) => refused,
        },
        gate::Verdict::Unfit(why) => Failure::new(Class::Parse, Phase::Parse, why),
    };
    let Some(mut made) = repair::xml(text, source.articles_max, source.base_url) else { return Err(refused) };
    if refused.class == Class::Panic {
        made.repaired.push("a value that the parser panicked on".into());
    }
    match gate::xml(&made.text, source.articles_max)? {
        gate::Verdict::Fit(mut scan) => {
            scan.articles_dropped += made.articles_dropped;
            scan.feed_id = made.feed_id;
            let feed = document::read(scan.pieces(&made.text), source)?;
            Ok(normalise::document(feed, scan, source, made.repaired))
        }
        gate::Verdict::Unfit(_) => Err(refused),
    }
}

fn parse_json(source: &Source<'_>, text: &str) -> Result<Document, Failure> {
    json::judge(text)?;
    let (prepared, scan, repaired) = json::prepare(text, source.articles_max)?;
    let feed = document::read([&prepared, ""], source)?;
    Ok(normalise::document(feed, scan, source, repaired))
}
