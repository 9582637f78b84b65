//! Is it a feed at all? Decides by the first bytes and tags whether XML or JSON is worth parsing, and says what it is
//! if not: a page (with the feeds it links to), an image, an archive, nothing.
//!
//! Does not look at `Content-Type`: feeds come as `text/html` and pages as `text/xml`.

use url::Url;

use super::{links, text};
use crate::escape;
use crate::failure::{Class, Failure, Phase};
use crate::limits::ALTERNATES_MAX;

/// How far into a document its root is looked for, behind the warnings and scripts that servers put in front.
const ROOT_BYTES_MAX: usize = 64 << 10;

/// A longer tag is looked at no further than this, so that tags without an end do not make the search quadratic.
const TAG_BYTES_MAX: usize = 2 << 10;

/// What to parse a document as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Xml,
    Json,
}

/// Refuses by their first bytes what is no text, before anything is decoded.
///
/// # Errors
///
/// [`Class::Empty`] and [`Class::NotFeed`].
pub(crate) fn refuse_binary(bytes: &[u8]) -> Result<(), Failure> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::new(Class::Empty, Phase::Parse, "the document is empty"));
    }
    refuse_magic(bytes)
}

/// The same of a body of which only the start is there yet: nobody has to wait for the rest of an archive.
///
/// # Errors
///
/// [`Class::NotFeed`].
pub(crate) fn refuse_magic(bytes: &[u8]) -> Result<(), Failure> {
    const MAGIC: [(&[u8], &str); 10] = [
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"RIFF", "a media file"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "gzip data inside of another coding"),
        (b"ID3", "an audio file"),
        (b"\x7fELF", "a program"),
        (b"\0asm", "a program"),
    ];
    match MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, what)) => Err(not_feed(what, "check the feed's url")),
        None => Ok(()),
    }
}

/// What the text is; `base_url` resolves the links of a page.
///
/// # Errors
///
/// [`Class::Empty`] and [`Class::NotFeed`], for a page with the URLs of the feeds that it links to.
pub(crate) fn kind(text: &str, base_url: &Url) -> Result<Kind, Failure> {
    let head = text::cut(text, ROOT_BYTES_MAX);
    let start = head.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
    if start.is_empty() {
        return Err(Failure::new(Class::Empty, Phase::Parse, "the document is empty"));
    }
    if start.starts_with('{') {
        return Ok(Kind::Json);
    }
    // Some feeds say so too: the root decides.
    let mut typed_as_page = false;
    let mut first = None;
    for (name, rest) in tags(head) {
        let local = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
        let tag = whole_tag(rest);
        match local.as_str() {
            "rss" | "rdf" => return Ok(Kind::Xml),
            "feed" | "entry" | "channel" if first.is_none() || tag.contains("xmlns") => return Ok(Kind::Xml),
            "html" | "head" | "body" | "frameset" => return Err(page(text, base_url)),
            "!doctype" => {
                typed_as_page |= tag.to_ascii_lowercase().split_ascii_whitespace().nth(1) == Some("html");
            }
            _ if typed_as_page => return Err(page(text, base_url)),
            _ => first = first.or((!name.starts_with('!')).then_some(name)),
        }
    }
    Err(match first {
        Some(
            "meta" | "link" | "title" | "script" | "div" | "p" | "META" | "LINK" | "TITLE" | "SCRIPT" | "DIV" | "P",
        ) => page(text, base_url),
        Some(name) => {
            not_feed(&format!("an XML document of the kind `{}`", escape::line(name, 40)), "check the feed's url")
        }
        None if start.starts_with(['[', '"']) => not_feed("JSON of another kind", "check the feed's url"),
        None => not_feed("plain text", "check the feed's url"),
    })
}

/// Names of the tags of a text, each with the text from its `<` on.
fn tags(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')?..];
            let tag = rest;
            if let Some(comment) = tag.strip_prefix("<!--") {
                rest = comment.find("-->").map_or("", |at| &comment[at..]);
                continue;
            }
            rest = &rest[1..];
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '<')).unwrap_or(rest.len());
            if rest[..end].starts_with(|c: char| c.is_alphabetic() || matches!(c, '!' | '_')) {
                return Some((&rest[..end], tag));
            }
        }
    })
}

/// A text up to the end of the tag that it starts with.
fn whole_tag(text: &str) -> &str {
    let text = text::cut(text, TAG_BYTES_MAX);
    &text[..text.find('>').unwrap_or(text.len())]
}

fn not_feed(what: &str, remedy: &str) -> Failure {
    Failure::new(Class::NotFeed, Phase::Parse, format!("the document is not a feed but {what}; {remedy}"))
}

fn page(text: &str, base_url: &Url) -> Failure {
    let links = links::feeds(text, base_url);
    let urls: Vec<String> = (links.iter().filter(|link| link.is_sure).take(ALTERNATES_MAX))
        .map(|link| escape::line(link.url.as_str(), 300))
        .collect();
    match urls.as_slice() {
        [] => not_feed("an HTML page", "check the feed's url"),
        urls => not_feed("an HTML page", &format!("the feeds that it links to: {}", urls.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Result<Kind, (Class, String)> {
        let base = Url::parse("https://example.org/blog/").unwrap();
        refuse_binary(text.as_bytes()).and_then(|()| kind(text, &base)).map_err(|f| (f.class, f.message))
    }

    #[test]
    fn feeds_are_known_by_their_root() {
        for text in [
            "<rss/>",
            "\u{feff}\n<?xml version='1.0'?><!-- <html> --><rss version='2.0'>",
            "<rdf:RDF xmlns:rdf='x'>",
            "<atom:feed xmlns:atom='x'>",
            "<br /><b>Warning</b>: x in <b>y</b><?xml version='1.0'?><feed xmlns='x'>",
            "<!DOCTYPE rss PUBLIC 'x' 'y'><RSS>",
            "<!DOCTYPE html PUBLIC 'x' 'y'><!-- z --><rss>",
        ] {
            assert_eq!(look(text), Ok(Kind::Xml), "{text}");
        }
        assert_eq!(look(" {\"version\":1}"), Ok(Kind::Json));
    }

    #[test]
    fn what_is_no_feed_is_named() {
        for (text, class, words) in [
            ("", Class::Empty, "empty"),
            (" \r\n\t", Class::Empty, "empty"),
            ("\u{feff}", Class::Empty, "empty"),
            ("PK\u{3}\u{4}rest", Class::NotFeed, "zip"),
            ("%PDF-1.4", Class::NotFeed, "PDF"),
            ("hello, rss and feed", Class::NotFeed, "plain text"),
            ("<opml version='1'><body/></opml>", Class::NotFeed, "HTML"),
            ("<opml version='1'><outline/></opml>", Class::NotFeed, "`opml`"),
            ("<a\u{1b}b>", Class::NotFeed, "`a\\u{1b}b`"),
            ("[1,2]", Class::NotFeed, "JSON"),
            ("<!doctype html><p>about rss <rss></p>", Class::NotFeed, "HTML page; check"),
            (
                "<html><head><LINK href=\"../feed.xml?a=1&amp;b\" rel='alternate' type=application/rss+xml><link rel=alternate hreflang=de href=/de><link rel='alternate' type='application/atom+xml' href='javascript:x'>",
                Class::NotFeed,
                "the feeds that it links to: https://example.org/feed.xml?a=1&b",
            ),
        ] {
            let (got, message) = look(text).unwrap_err();
            assert_eq!(got, class, "{text}");
            assert!(message.contains(words), "{message}");
        }
    }
}
