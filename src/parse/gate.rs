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

use self::pass::{Dialect, Pass};
use super::doctype;
use super::text;
use super::timing::Timing;
use crate::article::{Enclosure, RepairKind};
use crate::escape;
use crate::failure::Failure;

mod bounds;
mod fields;
mod pass;

pub(crate) use bounds::{too_complex, too_deep};
pub(crate) use fields::is_base64;

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
    /// What the feed says about when it changes.
    pub(crate) timing: Timing,
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
    // The reader's own positions count from here: it is not given all of the text.
    let mut origin = start;
    let position = |reader: &Reader<&[u8]>, origin: usize| {
        origin + usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
    };
    loop {
        let mut before = position(&reader, origin);
        if !pass.stack.is_empty() {
            let length = pass.character_data(&text[before..]);
            let rest = reader.get_mut();
            *rest = &rest[length..];
            origin += length;
            before += length;
        }
        // Looked at where it is: moving it costs as much as reading it.
        match &reader.read_event() {
            Ok(Event::Start(tag)) => {
                pass.open(tag, text, before, false)?;
                pass.inner_at = position(&reader, origin);
            }
            Ok(Event::Empty(tag)) => {
                pass.open(tag, text, before, true)?;
                pass.close();
            }
            Ok(Event::End(_)) => {
                pass.note_text(text, before);
                pass.close();
            }
            Ok(Event::DocType(doctype)) if doctype::judge(doctype)? => pass.unfit("entities of its own"),
            Ok(Event::Decl(_)) => {
                pass.damaged(RepairKind::Declaration, "an XML declaration in the middle of the document")
            }
            Ok(Event::GeneralRef(name)) if name.starts_with('#') && name.resolve_char_ref().is_err() => {
                pass.no_character()
            }
            Ok(Event::Text(text)) if pass.stack.is_empty() && !text.trim().is_empty() => {
                let kind =
                    if pass.dialect == Dialect::Unknown { RepairKind::JunkBefore } else { RepairKind::JunkBehind };
                pass.damaged(kind, "text outside of the document's root")
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Ok(Verdict::Unfit(ill_formed(error))),
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
    // It names the tag that it stopped at.
    let cause = escape::line(&error.to_string(), 300);
    Unfit { why: format!("cannot read the feed: {cause}"), damage: Some(damage) }
}

fn has_attribute(tag: &BytesStart<'_>, name: &str) -> bool {
    tag.attributes().with_checks(false).flatten().any(|a| a.key.0 == name)
}

/// The value of an attribute, references resolved where they are whole.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().with_checks(false).flatten().find(|a| a.key.0 == name)?;
    Some(text::decode(&found.value).into_owned())
}
