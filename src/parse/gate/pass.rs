//! What the gate knows while it goes over a document: what is open, which entry it is in, what it has counted.

use memchr::memchr2;
use quick_xml::events::{BytesRef, BytesStart};

use super::{Extra, Scan, Unfit, Verdict, attribute, fields, too_complex};
use crate::article::RepairKind;
use crate::failure::Failure;
use crate::limits::{ENTRY_ELEMENTS_MAX, MEDIA_PRODUCT_MAX};
use crate::parse::names::Ns;

/// Prefixes that are remembered as declared; a document with more is read by way of the repair.
const PREFIXES_MAX: usize = 64;

/// Which document it is, once its root was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Unknown,
    Rss,
    Atom,
    /// A document that is a single Atom entry.
    AtomEntry,
}

/// An open element.
pub(super) struct Open<'a> {
    pub(super) name: &'a str,
    pub(super) recursive: bool,
    pub(super) base_bytes: usize,
    pub(super) namespaces: usize,
}

pub(super) struct Pass<'a> {
    pub(super) articles_max: usize,
    pub(super) scan: Scan,
    pub(super) unfit: Option<(&'static str, Option<RepairKind>)>,
    pub(super) dialect: Dialect,
    pub(super) stack: Vec<Open<'a>>,
    /// All that were declared so far, wherever.
    pub(super) prefixes: Vec<String>,
    pub(super) elements: usize,
    /// Sums over the open elements.
    pub(super) recursion: usize,
    pub(super) base_bytes: usize,
    pub(super) namespaces: usize,
    /// Bytes of base that feed-rs has copied by now.
    pub(super) base_copied: usize,
    pub(super) entries: usize,
    /// The depth of an entry's own element.
    pub(super) entry_depth: usize,
    pub(super) in_entry: bool,
    pub(super) entry_elements: usize,
    pub(super) media_groups: usize,
    pub(super) media_values: usize,
    /// Whether the field of the entry that is open holds text and nothing else.
    pub(super) in_text_field: bool,
    /// The field of the entry that is open, if its text is noted.
    pub(super) noted_field: Option<fields::Noted>,
    /// Behind the last start tag.
    pub(super) inner_at: usize,
    /// Fields of the open entry of which feed-rs keeps the last, where the first is meant.
    pub(super) single_fields: u8,
    /// Dates of publication in the open entry.
    pub(super) dates: usize,
}

impl<'a> Pass<'a> {
    pub(super) fn new(articles_max: usize, start: usize) -> Pass<'a> {
        Pass {
            articles_max,
            scan: Scan { start, ..Scan::default() },
            unfit: None,
            dialect: Dialect::Unknown,
            stack: Vec::with_capacity(16),
            prefixes: Vec::new(),
            elements: 0,
            recursion: 0,
            base_bytes: 0,
            namespaces: 0,
            base_copied: 0,
            entries: 0,
            entry_depth: usize::MAX,
            in_entry: false,
            entry_elements: 0,
            media_groups: 0,
            media_values: 0,
            in_text_field: false,
            noted_field: None,
            inner_at: 0,
            single_fields: 0,
            dates: 0,
        }
    }

    /// A shape that feed-rs does not read.
    pub(super) fn unfit(&mut self, why: &'static str) {
        self.unfit.get_or_insert((why, None));
    }

    /// What no publisher means to write.
    pub(super) fn damaged(&mut self, kind: RepairKind, why: &'static str) {
        self.unfit.get_or_insert((why, Some(kind)));
    }

    /// How many bytes of character data a text starts with, so that the reader need not split them at each reference: in
    /// escaped HTML that is half of its work. Up to a reference without an end, for the reader to find. All that is looked
    /// at is taken: what ends in the middle, in a row of references, would otherwise be gone over once a reference.
    pub(super) fn character_data(&mut self, text: &str) -> usize {
        let mut length = 0;
        loop {
            let plain = memchr2(b'<', b'&', &text.as_bytes()[length..]).unwrap_or(text.len() - length);
            #[cfg(test)]
            crate::parse::effort::scanned(plain + 1);
            length += plain;
            let Some(rest) = text[length..].strip_prefix('&') else { return length };
            let end = rest.bytes().position(|b| matches!(b, b';' | b'&' | b'<'));
            #[cfg(test)]
            crate::parse::effort::scanned(end.unwrap_or(rest.len()));
            let Some(end) = end.filter(|end| rest.as_bytes()[*end] == b';') else { return length };
            let name = BytesRef::new(&rest[..end]);
            if name.starts_with('#') && name.resolve_char_ref().is_err() {
                self.no_character();
            }
            length += "&".len() + end + ";".len();
        }
    }

    pub(super) fn no_character(&mut self) {
        self.damaged(RepairKind::ControlCharacter, "a reference to no character");
    }

    pub(super) fn open(&mut self, tag: &BytesStart<'_>, text: &'a str, at: usize, empty: bool) -> Result<(), Failure> {
        // The event's own borrow ends with the event; the document's does not.
        let qname = &text[at + 1..at + 1 + tag.name().0.len()];
        let (prefix, local) = qname.split_once(':').unwrap_or(("", qname));
        let (base_bytes, namespaces) = self.judge_attributes(tag, local)?;
        self.judge_size(base_bytes, namespaces)?;
        self.judge_nesting(local, Open { name: qname, recursive: false, base_bytes, namespaces })?;
        if !prefix.is_empty() && !self.prefixes.iter().any(|p| p == prefix) {
            self.damaged(RepairKind::Prefix, "a prefix that is not declared");
        }
        match self.stack.len() {
            1 => self.root(tag, qname, local),
            depth if depth == self.entry_depth && !self.in_entry => self.entry(tag, prefix, local, at, empty),
            2 if self.dialect == Dialect::Rss && local == "item" => {
                self.damaged(RepairKind::Nesting, "an item outside of the channel")
            }
            depth if self.in_entry => self.within_entry(tag, prefix, local, depth)?,
            depth if depth + 1 >= self.entry_depth && local == "link" && self.scan.hub.is_none() => self.feed_link(tag),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn declare(&mut self, prefix: &str, uri: &str, local: &str) {
        let ns = Ns::of(uri);
        let known = match ns {
            Ns::Rss => prefix.is_empty() && (uri.is_empty() || Some(uri) == ns.known_as()),
            Ns::Atom03 => false,
            ns => ns.known_as().is_none_or(|known| known == uri),
        };
        // The fields are told by their prefixes.
        let usual = prefix.is_empty() || Ns::of_prefix(prefix) == ns;
        if !known || !usual {
            self.unfit("a namespace under another name");
        }
        if prefix.is_empty() {
            let expected = match self.dialect {
                Dialect::Unknown => return,
                Dialect::Rss => Ns::Rss,
                Dialect::Atom | Dialect::AtomEntry => Ns::Atom,
            };
            // Elsewhere it may change at will: such an element is read by its namespace, or not at all.
            if ns != expected && matches!(local, "channel" | "item" | "entry") {
                self.unfit("a default namespace that changes");
            }
        } else if self.prefixes.len() < PREFIXES_MAX && !self.prefixes.iter().any(|p| p == prefix) {
            self.prefixes.push(prefix.to_owned());
        }
    }

    fn root(&mut self, tag: &BytesStart<'_>, qname: &str, local: &str) {
        if self.dialect != Dialect::Unknown {
            return self.damaged(RepairKind::JunkBehind, "a second root");
        }
        let version = attribute(tag, "version");
        let default = attribute(tag, "xmlns").map_or(Ns::Rss, |uri| Ns::of(&uri));
        self.dialect = match local {
            "rss" if qname == local => {
                if !matches!(version.as_deref(), Some("2.0" | "" | "0.91" | "0.92")) {
                    self.unfit("an rss element without a version that feed-rs knows");
                }
                if default != Ns::Rss {
                    self.unfit("an rss element in another namespace");
                }
                self.entry_depth = 3;
                Dialect::Rss
            }
            "feed" if qname == local && (default == Ns::Atom || attribute(tag, "xmlns").is_none()) => {
                self.entry_depth = 2;
                Dialect::Atom
            }
            "entry" if qname == local && (default == Ns::Atom || attribute(tag, "xmlns").is_none()) => {
                self.entry_depth = 1;
                self.in_entry = true;
                self.entries = 1;
                self.scan.extras.push(Extra::default());
                Dialect::AtomEntry
            }
            _ => {
                self.unfit("a root that feed-rs does not read");
                Dialect::Unknown
            }
        };
    }

    fn entry(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str, at: usize, empty: bool) {
        let wanted = if self.dialect == Dialect::Rss { "item" } else { "entry" };
        if local != wanted {
            if local == "link" && self.scan.hub.is_none() {
                self.feed_link(tag);
            } else if prefix == "dc" && local == "title" {
                self.unfit("fields that feed-rs does not read");
            }
            return;
        }
        if !prefix.is_empty() {
            return self.unfit("entries with a prefix");
        }
        self.in_entry = !empty;
        self.entry_elements = 0;
        self.media_groups = 0;
        self.media_values = 0;
        self.in_text_field = false;
        self.noted_field = None;
        self.single_fields = 0;
        self.dates = 0;
        self.entries += 1;
        if self.entries <= self.articles_max {
            let language = attribute(tag, "xml:lang");
            self.scan.extras.push(Extra { language, ..Extra::default() });
            return;
        }
        self.scan.articles_dropped += 1;
        if self.scan.cut.is_none() {
            let ancestors = &self.stack[..self.stack.len() - 1];
            let closing = ancestors.iter().rev().map(|open| format!("</{}>", open.name)).collect();
            self.scan.cut = Some((at, closing));
        }
    }

    fn within_entry(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str, depth: usize) -> Result<(), Failure> {
        self.entry_elements += 1;
        if self.entry_elements > ENTRY_ELEMENTS_MAX {
            return Err(too_complex("more elements in one entry", ENTRY_ELEMENTS_MAX));
        }
        let below = depth - self.entry_depth;
        match local {
            "group" => self.media_groups += 1,
            "thumbnail" | "credit" | "text" => self.media_values += 1,
            _ => {}
        }
        if self.media_groups * self.media_values > MEDIA_PRODUCT_MAX {
            return Err(too_complex("more groups of media times values they inherit", MEDIA_PRODUCT_MAX));
        }
        if below == 1 {
            self.begin_field(prefix, local);
            if self.dialect == Dialect::Rss {
                self.rss_field(tag, prefix, local);
            } else {
                self.atom_field(tag, prefix, local);
            }
        } else if below == 2 && self.in_text_field {
            self.unfit("markup inside of a field of text");
        }
        if self.entries <= self.articles_max {
            self.note(tag, prefix, local);
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        let depth = self.stack.len();
        if let Some(open) = self.stack.pop() {
            self.recursion -= usize::from(open.recursive);
            self.base_bytes -= open.base_bytes;
            self.namespaces -= open.namespaces;
        }
        if depth == self.entry_depth {
            self.in_entry = false;
        }
    }

    pub(super) fn verdict(self) -> Verdict {
        match self.unfit {
            Some((why, damage)) => Verdict::Unfit(Unfit { why: format!("cannot read the feed: {why}"), damage }),
            None => Verdict::Fit(self.scan),
        }
    }
}
