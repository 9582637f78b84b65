//! Bytes to articles: charset, gate, feed-rs, and what the store keeps of it.
//!
//! Pure: no socket, no clock, no SQL; the caller says where the bytes came from and what time it is. Runs on an
//! executor's own stack, never on a fiber's.
//!
//! No document ends the process: what would make feed-rs recurse, copy or compute without bound is refused by
//! [`gate`] before feed-rs sees a byte, and what panics is caught in [`document`].
//!
//! # What is not read
//!
//! A document that feed-rs refuses or reads in part is made plain RSS 2.0 by [`repair`] first, so feed-rs limits little.
//! What other parsers read and this does not, and why:
//!
//! - `xml:base` inside of an entry's HTML: feed-rs gives the text without it. Links in there start from the article's
//!   page when it is served, as in a browser; those of the entry itself start from their `xml:base`.
//! - `Content-Location` as a base: it is none any more (RFC 7231, appendix B).
//! - A guid as an address: it stays as published, because it is a name. It becomes the link only where it is one whole,
//!   for most that are not are UUIDs and numbers, which would lead nowhere.
//! - A second content of an entry, in another language or type: an article has one.
//! - An author's address beside the name: the name is what is shown.
//! - `slash:comments`, `thr:total` and other counts, licences, places, players: an article has no field for them.
//! - A tag that the end of the document cut, and the article around it: half of one would be stored as a whole one.

use std::borrow::Cow;

use url::Url;

use crate::article::{Document, Repair, RepairKind};
use crate::failure::{Class, Failure, Phase};

mod charset;
mod date;
mod doctype;
mod document;
mod duration;
#[cfg(test)]
mod effort;
mod entities;
mod fingerprint;
mod gate;
pub(crate) mod hot_paths;
pub(crate) mod identity;
mod json;
mod links;
mod names;
mod normalise;
pub(crate) mod opml;
mod panics;
pub(crate) mod rehearsal;
mod repair;
mod repairs;
mod sniff;
mod text;
mod timing;
mod tracking;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;

pub(crate) use links::Link;
pub(crate) use sniff::refuse_magic;
pub(crate) use text::reference;

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
    links::feeds(&text(source), source.base_url)
}

fn text<'a>(source: &Source<'a>) -> Cow<'a, str> {
    charset::to_utf8(source.bytes, source.content_type, source.base_url.host_str())
}

fn read(source: &Source<'_>) -> Result<Document, Failure> {
    sniff::refuse_binary(source.bytes)?;
    let text = text(source);
    rehearsal::panic_if_marked(&text);
    match sniff::kind(&text, source.base_url)? {
        sniff::Kind::Xml => parse_xml(source, &text),
        sniff::Kind::Json => parse_json(source, &text),
    }
}

/// What may stand around a document without being anything.
const BLANK: [char; 6] = ['\u{feff}', '\0', ' ', '\t', '\r', '\n'];

/// Straight through feed-rs where it reads the document as it is; otherwise by way of [`repair`].
fn parse_xml(source: &Source<'_>, text: &str) -> Result<Document, Failure> {
    let text = text.trim_matches(BLANK);
    let (refused, damage) = match gate::xml(text, source.articles_max)? {
        gate::Verdict::Fit(scan) => match document::read(scan.pieces(text), source) {
            Ok(feed) => return Ok(normalise::document(feed, scan, source, Vec::new())),
            Err(refused) if refused.class == Class::Panic => (refused, Some(RepairKind::PanickedValue)),
            Err(refused) => (refused, Some(RepairKind::RefusedValue)),
        },
        gate::Verdict::Unfit(unfit) => (Failure::new(Class::Parse, Phase::Parse, unfit.why), unfit.damage),
    };
    let Some(made) = repair::xml(text, source.articles_max, source.base_url) else { return Err(refused) };
    let mut repaired = made.repairs.list();
    // The repair reads past much of what stopped the others without having to know it.
    if let Some(kind) = damage.filter(|kind| repaired.iter().all(|repair| repair.kind != *kind)) {
        repaired.push(Repair { kind, count: 1 });
    }
    match gate::xml(&made.text, source.articles_max)? {
        gate::Verdict::Fit(mut scan) => {
            scan.articles_dropped += made.articles_dropped;
            scan.feed_id = made.feed_id;
            scan.timing = made.timing;
            let feed = document::read(scan.pieces(&made.text), source)?;
            Ok(normalise::document(feed, scan, source, repaired))
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
