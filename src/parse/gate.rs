//! The gate: one streaming pass that refuses what feed-rs must not see, before it sees a byte.
//!
//! feed-rs recurses on nested `media:group` and `itunes:category`, copies `xml:base` to each element and MediaRSS
//! values to each group, and keeps every entry of a document in memory. The gate counts all of these on the same
//! quick-xml that feed-rs reads with, so that where one stops the other stops. It also notes what feed-rs will not
//! read as it stands ([`Verdict::Unfit`]), and, as it is there anyway, what feed-rs leaves out ([`Extra`]).
//!
//! It changes nothing: [`super::repair`] does that, and what it makes comes through here again.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::doctype;
use super::names::Ns;
use super::text;
use crate::article::{Enclosure, RepairKind};
use crate::failure::Failure;
use crate::limits::{ENTRY_ELEMENTS_MAX, MEDIA_PRODUCT_MAX};

mod bounds;
mod fields;

pub(crate) use bounds::{too_complex, too_deep};
pub(crate) use fields::is_base64;

/// Prefixes that are remembered as declared; a document with more is read by way of the repair.
const PREFIXES_MAX: usize = 64;

/// What the gate says of a document that holds no danger.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// feed-rs reads it as it stands.
    Fit(Scan),
    /// feed-rs would refuse it, or leave articles or fields out.
    Unfit(Unfit),
}

/// Why a document goes by way of the repair.
#[derive(Debug)]
pub(crate) struct Unfit {
    /// For a person.
    pub(crate) why: String,
    /// The damage that it is a sign of; none where the document is as it should be, and only feed-rs does not know it.
    pub(crate) damage: Option<RepairKind>,
}

/// What the gate saw on its way.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Where the text begins, after an XML declaration: its encoding no longer holds.
    start: usize,
    /// Where to end the text, and the end tags that are then missing, where there are too many entries.
    cut: Option<(usize, String)>,
    pub(crate) articles_dropped: usize,
    /// One an entry, in order.
    pub(crate) extras: Vec<Extra>,
    pub(crate) hub: Option<String>,
    /// What the feed calls itself, where the repair left that out of its document.
    pub(crate) feed_id: Option<String>,
}

/// What an entry holds that feed-rs does not give.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extra {
    /// `media:thumbnail` or `itunes:image`, as written.
    pub(crate) image: Option<String>,
    /// RSS `enclosure`, as written.
    pub(crate) enclosures: Vec<Enclosure>,
    /// The entry's own, as written.
    pub(crate) language: Option<String>,
    /// What stands in where nothing better does.
    pub(crate) itunes_author: Option<String>,
    pub(crate) itunes_summary: Option<String>,
    pub(crate) itunes_subtitle: Option<String>,
    /// `media:description` and `media:credit`, which feed-rs gives only where there is a file beside them.
    pub(crate) media_description: Option<String>,
    pub(crate) credits: Vec<String>,
    /// `itunes:category`, `itunes:keywords` and `media:category`.
    pub(crate) categories: Vec<String>,
    /// `itunes:duration`, in seconds: of the first file that plays.
    pub(crate) duration_s: Option<u64>,
    /// Durations of files by their addresses as written, where they are not said of the file itself.
    pub(crate) durations: Vec<(String, u64)>,
}

impl Scan {
    /// A scan of a document that is not XML.
    pub(crate) fn of_json(extras: Vec<Extra>, hub: Option<String>, articles_dropped: usize) -> Scan {
        Scan { extras, hub, articles_dropped, ..Scan::default() }
    }

    /// What feed-rs is to read of `text`: the part with the entries that are kept, and the end tags it then lacks.
    pub(crate) fn pieces<'a>(&'a self, text: &'a str) -> [&'a str; 2] {
        match &self.cut {
            Some((end, closing)) => [&text[self.start..*end], closing],
            None => [&text[self.start..], ""],
        }
    }
}

/// Judges an XML document of which at most `articles_max` entries are wanted.
///
/// # Errors
///
/// [`Class::TooDeep`] and [`Class::TooComplex`], with the limit that was passed.
///
/// [`Class::TooDeep`]: crate::failure::Class::TooDeep
/// [`Class::TooComplex`]: crate::failure::Class::TooComplex
pub(crate) fn xml(text: &str, articles_max: usize) -> Result<Verdict, Failure> {
    let start = declaration_end(text);
    let mut reader = Reader::from_str(&text[start..]);
    let mut pass = Pass::new(articles_max, start);
    loop {
        let before = start + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Ok(Verdict::Unfit(ill_formed(&error))),
        };
        match event {
            Event::Start(tag) => {
                pass.open(&tag, text, before, false)?;
                pass.inner_at = start + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            }
            Event::Empty(tag) => {
                pass.open(&tag, text, before, true)?;
                pass.close();
            }
            Event::End(_) => {
                pass.note_text(text, before);
                pass.close();
            }
            Event::DocType(doctype) if doctype::judge(&doctype)? => pass.unfit("entities of its own"),
            Event::Decl(_) => pass.damaged(RepairKind::Declaration, "an XML declaration in the middle of the document"),
            Event::GeneralRef(name) if name.starts_with('#') && name.resolve_char_ref().is_err() => {
                pass.damaged(RepairKind::ControlCharacter, "a reference to no character")
            }
            Event::Text(text) if pass.stack.is_empty() && !text.trim().is_empty() => {
                let kind =
                    if pass.dialect == Dialect::Unknown { RepairKind::JunkBefore } else { RepairKind::JunkBehind };
                pass.damaged(kind, "text outside of the document's root")
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !pass.stack.is_empty() {
        pass.damaged(RepairKind::Tags, "the document ends in the middle");
    }
    Ok(pass.verdict())
}

/// Where the text goes on after an XML declaration at its start, else 0.
fn declaration_end(text: &str) -> usize {
    let blank = text.len() - text.trim_start().len();
    let Some(declaration) = text[blank..].strip_prefix("<?xml ") else { return 0 };
    // One without an end would otherwise take in all up to the next instruction.
    let end = declaration
        .find(['<', '>'])
        .filter(|at| declaration[..*at].ends_with('?') && declaration[*at..].starts_with('>'));
    end.map_or(0, |at| blank + "<?xml ".len() + at + 1)
}

/// What quick-xml stopped at.
fn ill_formed(error: &Error) -> Unfit {
    let damage = match error {
        Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. }
            | IllFormedError::UnmatchedEndTag(_)
            | IllFormedError::MissingEndTag(_),
        ) => RepairKind::Tags,
        Error::IllFormed(IllFormedError::UnclosedReference) => RepairKind::BareAmpersand,
        _ => RepairKind::Markup,
    };
    Unfit { why: format!("cannot read the feed: {error}"), damage: Some(damage) }
}

/// Which document it is, once its root was seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Unknown,
    Rss,
    Atom,
    /// A document that is a single Atom entry.
    AtomEntry,
}

/// An open element.
struct Open<'a> {
    name: &'a str,
    recursive: bool,
    base_bytes: usize,
    namespaces: usize,
}

struct Pass<'a> {
    articles_max: usize,
    scan: Scan,
    unfit: Option<(&'static str, Option<RepairKind>)>,
    dialect: Dialect,
    stack: Vec<Open<'a>>,
    /// All that were declared so far, wherever.
    prefixes: Vec<String>,
    elements: usize,
    /// Sums over the open elements.
    recursion: usize,
    base_bytes: usize,
    namespaces: usize,
    /// Bytes of base that feed-rs has copied by now.
    base_copied: usize,
    entries: usize,
    /// The depth of an entry's own element.
    entry_depth: usize,
    in_entry: bool,
    entry_elements: usize,
    media_groups: usize,
    media_values: usize,
    /// Whether the field of the entry that is open holds text and nothing else.
    in_text_field: bool,
    /// The field of the entry that is open, if its text is noted.
    noted_field: Option<fields::Noted>,
    /// Behind the last start tag.
    inner_at: usize,
    /// Fields of the open entry of which feed-rs keeps the last, where the first is meant.
    single_fields: u8,
    /// Dates of publication in the open entry.
    dates: usize,
}

impl<'a> Pass<'a> {
    fn new(articles_max: usize, start: usize) -> Pass<'a> {
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
    fn unfit(&mut self, why: &'static str) {
        self.unfit.get_or_insert((why, None));
    }

    /// What no publisher means to write.
    fn damaged(&mut self, kind: RepairKind, why: &'static str) {
        self.unfit.get_or_insert((why, Some(kind)));
    }

    fn open(&mut self, tag: &BytesStart<'_>, text: &'a str, at: usize, empty: bool) -> Result<(), Failure> {
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

    fn declare(&mut self, prefix: &str, uri: &str, local: &str) {
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

    fn close(&mut self) {
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

    fn verdict(self) -> Verdict {
        match self.unfit {
            Some((why, damage)) => Verdict::Unfit(Unfit { why: format!("cannot read the feed: {why}"), damage }),
            None => Verdict::Fit(self.scan),
        }
    }
}

/// The value of an attribute, references resolved where they are whole.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.0 == name)?;
    Some(text::decode(&found.value).into_owned())
}
