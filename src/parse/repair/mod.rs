//! Makes a document that feed-rs refuses, or reads only in part, one that it reads: any dialect in, plain RSS 2.0 out.
//!
//! Runs only after the gate or feed-rs said no; healthy feeds pay nothing. It reads by what the tags are called, not by
//! how they nest: an entry begins where an entry begins, a field ends where the entry does, and so one bad tag costs
//! one field. What was cut off with the end of the document is left out, because half an article would be stored as a
//! whole one, perhaps under another key. What it makes goes through the gate like any document.

use std::collections::HashMap;

use url::Url;

pub(super) use self::entry::safe_author;
use self::entry::{Entry, Feed};
use self::tokens::{Tag, Token, Tokens};
use super::BLANK;
use super::doctype::entities;
use super::names::Ns;
use super::repairs::Repairs;
use super::text;
use super::timing::Timing;
use crate::article::RepairKind;

mod entry;
mod fields;
pub(super) mod tokens;
mod values;

/// A document that was made anew.
pub(crate) struct Repaired {
    pub(crate) text: String,
    pub(crate) articles_dropped: usize,
    /// Atom's `id` of the feed, for which RSS has no place.
    pub(crate) feed_id: Option<String>,
    /// Likewise what the feed says about when it changes.
    pub(crate) timing: Timing,
    pub(crate) repairs: Repairs,
}

/// The document made anew, or nothing where no feed was found in it.
pub(crate) fn xml(text: &str, articles_max: usize, base_url: &Url) -> Option<Repaired> {
    let mut reader = Reader::new(text, articles_max, base_url);
    reader.read();
    if !reader.found {
        return None;
    }
    let mut made = String::with_capacity(text.len());
    reader.feed.write_start(&mut made);
    made.push_str(&reader.made);
    made.push_str("</channel></rss>");
    let Reader { dropped, feed, timing, repairs, .. } = reader;
    Some(Repaired { text: made, articles_dropped: dropped, feed_id: feed.id, timing, repairs })
}

struct Reader<'a> {
    tokens: Tokens<'a>,
    articles_max: usize,
    found: bool,
    atom: bool,
    prefixes: Vec<(&'a str, Ns)>,
    entities: HashMap<&'a str, &'a str>,
    expanded_bytes: usize,
    rewound_bytes: usize,
    feed: Feed,
    timing: Timing,
    entry: Option<Entry>,
    /// What relative links of the feed and of the open entry start from.
    base: Option<Url>,
    entry_base: Option<Url>,
    document_url: &'a Url,
    entries: usize,
    dropped: usize,
    /// The items, as they are written.
    made: String,
    repairs: Repairs,
}

/// What a tag means, whatever its prefix.
struct Name {
    ns: Ns,
    local: String,
}

/// What holds fields, and so ends any that is open.
fn is_container(local: &str) -> bool {
    ["item", "entry", "channel", "rss", "rdf", "feed"].iter().any(|c| local.eq_ignore_ascii_case(c))
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, articles_max: usize, document_url: &'a Url) -> Reader<'a> {
        Reader {
            tokens: Tokens::new(text),
            articles_max,
            found: false,
            atom: false,
            prefixes: Vec::new(),
            entities: HashMap::new(),
            expanded_bytes: 0,
            rewound_bytes: 0,
            feed: Feed::default(),
            timing: Timing::default(),
            entry: None,
            base: None,
            entry_base: None,
            document_url,
            entries: 0,
            dropped: 0,
            made: String::new(),
            repairs: Repairs::default(),
        }
    }

    fn read(&mut self) {
        let (mut open_roots, mut closed) = (0usize, false);
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Doctype(doctype) => {
                    if let Some((_, subset)) = doctype.split_once('[') {
                        self.entities.extend(entities(subset));
                    }
                }
                Token::Start(tag) => {
                    self.declare(&tag);
                    let name = self.name(&tag);
                    if self.is_entry(&name) {
                        self.found = true;
                        self.begin_entry(&tag, &name);
                    } else if is_container(&name.local) && name.ns == Ns::Rss {
                        self.begin_container(&tag, &name);
                        open_roots += usize::from(!tag.empty);
                    } else if self.found {
                        self.field(tag, &name);
                    }
                }
                Token::End(qname) => {
                    let local = local_of(qname);
                    if local.eq_ignore_ascii_case("item") || local.eq_ignore_ascii_case("entry") {
                        self.end_entry();
                    } else if is_container(local) {
                        if self.entry.is_some() {
                            self.repairs.count(RepairKind::Tags);
                        }
                        self.end_entry();
                        closed = open_roots == 1;
                        open_roots = open_roots.saturating_sub(1);
                    }
                }
                Token::Text(text) if !self.found && !text.trim_matches(BLANK).is_empty() => {
                    self.repairs.count(RepairKind::JunkBefore);
                }
                Token::Text(text) if closed && !text.trim_matches(BLANK).is_empty() => {
                    self.repairs.count(RepairKind::JunkBehind);
                }
                Token::Text(_) | Token::Cdata(_) => {}
            }
        }
        if self.entry.take().is_some() {
            self.repairs.count(RepairKind::CutOff);
        } else if open_roots > 0 {
            self.repairs.count(RepairKind::Tags);
        }
    }

    // ---- names ------------------------------------------------------------------------------------------------------

    fn declare(&mut self, tag: &Tag<'a>) {
        for (key, uri) in tag.attributes() {
            if let Some(prefix) = key.strip_prefix("xmlns:") {
                let ns = match Ns::of(uri) {
                    // A prefix bound to something else means that, but for misspelt names of what it usually means.
                    Ns::Other if uri.is_empty() => Ns::of_prefix(prefix),
                    ns => ns,
                };
                self.prefixes.retain(|(known, _)| *known != prefix);
                // Only those that are read are worth remembering.
                if self.prefixes.len() < 64 {
                    self.prefixes.push((prefix, ns));
                }
            }
        }
    }

    /// Core elements are of [`Ns::Rss`], be the document RSS, RDF or Atom.
    fn name(&self, tag: &Tag<'a>) -> Name {
        let (prefix, local) = tag.split_name();
        let local = local.to_ascii_lowercase();
        let ns = if prefix.is_empty() {
            match tag.attribute("xmlns").map(Ns::of) {
                Some(Ns::Other | Ns::Xhtml) if is_container(&local) => Ns::Rss,
                Some(ns) => ns,
                None => Ns::Rss,
            }
        } else {
            let known = self.prefixes.iter().find(|(known, _)| *known == prefix);
            known.map_or_else(|| Ns::of_prefix(prefix), |(_, ns)| *ns)
        };
        let ns = match ns {
            Ns::Atom | Ns::Atom03 if self.atom || matches!(local.as_str(), "feed" | "entry") => Ns::Rss,
            Ns::Rdf if local == "rdf" || local == "item" => Ns::Rss,
            Ns::Atom03 => Ns::Atom,
            ns => ns,
        };
        Name { ns, local }
    }

    fn is_entry(&self, name: &Name) -> bool {
        name.ns == Ns::Rss
            && (name.local == "item" && !self.atom || name.local == "entry" && (self.atom || !self.found))
    }

    // ---- containers -------------------------------------------------------------------------------------------------

    fn begin_container(&mut self, tag: &Tag<'a>, name: &Name) {
        if !self.found {
            self.found = true;
            self.atom = name.local == "feed";
            if name.local == "rss"
                && !matches!(tag.attribute("version"), Some("2.0" | "0.90" | "0.91" | "0.92" | "0.93" | "0.94" | "1.0"))
            {
                self.repairs.count(RepairKind::Version);
            }
        }
        if let Some(language) = tag.attribute("xml:lang") {
            self.feed.language.get_or_insert_with(|| language.to_owned());
        }
        if let Some(base) = tag.attribute("xml:base") {
            self.base = self.base_from(self.base.as_ref(), base);
        }
    }

    fn base_from(&self, outer: Option<&Url>, base: &str) -> Option<Url> {
        let url = outer.unwrap_or(self.document_url).join(text::cut(base, crate::limits::URL_BYTES_MAX)).ok();
        // A base that is no place on the web would make every link one.
        url.filter(|url| matches!(url.scheme(), "http" | "https")).or(outer.cloned())
    }

    fn begin_entry(&mut self, tag: &Tag<'a>, name: &Name) {
        if self.entry.is_some() {
            self.repairs.count(RepairKind::Tags);
            self.end_entry();
        }
        self.atom |= name.local == "entry";
        self.entry_base = match tag.attribute("xml:base") {
            Some(base) => self.base_from(self.base.as_ref(), base),
            None => None,
        };
        let mut entry = Entry::default();
        entry.guid = tag.attribute("rdf:about").map(|about| self.decoded(about));
        entry.language = tag.attribute("xml:lang").map(str::to_owned);
        // As in CDF, the ancestor of them all.
        let href = tag.attribute("href").map(|href| self.decoded(href)).and_then(|href| self.absolute(tag, &href));
        entry.links.extend(href.map(|href| entry::Link { href, ..entry::Link::default() }));
        self.entry = Some(entry);
        if tag.empty {
            self.end_entry();
        }
    }

    fn end_entry(&mut self) {
        let Some(entry) = self.entry.take() else { return };
        self.entries += 1;
        if self.entries > self.articles_max {
            self.dropped += 1;
        } else {
            entry.write(&mut self.made);
        }
    }
}

fn local_of(qname: &str) -> &str {
    qname.rsplit(':').next().unwrap_or(qname)
}

/// Text as HTML, or as XML: both know these three.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => {}
            c => out.push(c),
        }
    }
}

/// An attribute's value.
fn escape_attribute(text: &str, out: &mut String) {
    for piece in text.split_inclusive('"') {
        escape(piece.trim_end_matches('"'), out);
        if piece.ends_with('"') {
            out.push_str("&quot;");
        }
    }
}
