//! The fields that feed-rs passes over or takes for something else: noted where that is enough, or a reason to go by
//! way of the repair.

use quick_xml::events::BytesStart;

use super::pass::{Dialect, Pass};
use super::{attribute, has_attribute};
use crate::article::{Enclosure, RepairKind};
use crate::limits::{LIST_MAX, SUMMARY_BYTES_MAX, TITLE_BYTES_MAX, TITLE_HTML_BYTES_MAX};
use crate::parse::{duration, text, timing};

/// A field whose text is noted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Noted {
    Author,
    Summary,
    Subtitle,
    Description,
    Credit,
    Duration,
    Keywords,
    Category,
}

impl Pass<'_> {
    /// Fields of RSS that feed-rs does not read, or not as they are meant.
    pub(super) fn rss_field(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str) {
        self.in_text_field = is_text_field(prefix, local);
        match (prefix, local) {
            ("dc", "subject" | "identifier" | "language" | "description" | "author" | "title")
            | ("dcterms", _)
            | ("", "Title" | "Link" | "Description" | "body" | "content" | "summary" | "fullitem" | "div")
            | ("xhtml", "body" | "div") => {
                self.unfit("fields that feed-rs does not read");
            }
            ("", "link") if has_attribute(tag, "href") || has_attribute(tag, "rel") => self.unfit("links as in Atom"),
            ("atom" | "a10" | "atom10", "link" | "author" | "summary" | "content" | "published" | "title" | "id") => {
                self.unfit("fields of Atom");
            }
            ("", "item") => self.damaged(RepairKind::Nesting, "an item inside of an item"),
            // feed-rs takes the last, and it is the copy that is often in another zone.
            ("", "pubDate") | ("dc", "date") => {
                self.dates += 1;
                if self.dates > 1 {
                    self.unfit("two dates");
                }
            }
            _ => {}
        }
    }

    /// Fields of Atom that feed-rs does not read, or refuses the whole feed for.
    pub(super) fn atom_field(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str) {
        let text = prefix.is_empty()
            && matches!(local, "content" | "summary" | "title")
            && attribute(tag, "type").is_none_or(|kind| {
                // `xhtml`, `application/xml`, `image/svg+xml`: elements are what it is made of (RFC 4287, 3.1.1.3, 4.1.3.3).
                let kind = kind.trim().to_ascii_lowercase();
                !kind.ends_with("xml") && !kind.contains("xhtml")
            });
        self.in_text_field = text || matches!(prefix, "itunes" | "media") && is_text_field(prefix, local);
        match (prefix, local) {
            ("", "issued" | "modified" | "created" | "description")
            | ("dc", "subject" | "creator" | "date" | "title")
            | ("dcterms", _) => {
                self.unfit("fields that feed-rs does not read");
            }
            ("", "content" | "summary" | "title") if has_attribute(tag, "mode") || has_attribute(tag, "src") => {
                self.unfit("content of another shape");
            }
            ("", "summary" | "title") if attribute(tag, "type").as_deref().is_some_and(is_base64) => {
                self.unfit("text in base64");
            }
            ("", "link") if !has_attribute(tag, "href") => self.unfit("links as in RSS"),
            _ => {}
        }
    }

    /// What is the same in RSS and Atom: which text is noted, and which fields an entry has once.
    pub(super) fn begin_field(&mut self, prefix: &str, local: &str) {
        self.noted_field = match (prefix, local) {
            ("itunes", "author") => Some(Noted::Author),
            ("itunes", "summary") => Some(Noted::Summary),
            ("itunes", "subtitle") => Some(Noted::Subtitle),
            ("itunes", "duration") => Some(Noted::Duration),
            ("itunes", "keywords") => Some(Noted::Keywords),
            ("media", "category") => Some(Noted::Category),
            ("media", "description") => Some(Noted::Description),
            ("media", "credit") => Some(Noted::Credit),
            _ => None,
        };
        let bit = match (prefix, local) {
            ("", "title") => 1,
            ("", "description" | "summary") => 2,
            ("content", "encoded") | ("", "content") => 4,
            ("", "guid" | "id") => 8,
            _ => return,
        };
        if self.single_fields & bit != 0 {
            self.unfit("the same field twice");
        }
        self.single_fields |= bit;
    }

    /// At the end of an element: notes the text of the field that it is, if that is wanted. `end` is where its end tag
    /// begins in `document`.
    pub(super) fn note_text(&mut self, document: &str, end: usize) {
        if !self.in_entry {
            return self.note_timing(document, end);
        }
        if self.stack.len() != self.entry_depth.saturating_add(1) {
            return;
        }
        let (Some(field), Some(extra)) = (self.noted_field.take(), self.scan.extras.last_mut()) else { return };
        if self.entries > self.articles_max {
            return;
        }
        let data = character_data(&document[self.inner_at..end]);
        let noted = match field {
            Noted::Credit => {
                extra
                    .credits
                    .extend(text::line(&data, TITLE_HTML_BYTES_MAX).filter(|_| extra.credits.len() < LIST_MAX));
                return;
            }
            Noted::Keywords | Noted::Category => {
                let apart = if matches!(field, Noted::Keywords) { ',' } else { '\n' };
                let found = data.split(apart).filter_map(|c| text::line(c, TITLE_BYTES_MAX));
                extra.categories.extend(found.take(LIST_MAX - extra.categories.len().min(LIST_MAX)));
                return;
            }
            Noted::Duration => {
                extra.duration_s = extra.duration_s.or_else(|| duration::parse(&data));
                return;
            }
            Noted::Author => &mut extra.itunes_author,
            Noted::Summary => &mut extra.itunes_summary,
            Noted::Subtitle => &mut extra.itunes_subtitle,
            Noted::Description => &mut extra.media_description,
        };
        if noted.is_none() {
            *noted = text::block(&data, SUMMARY_BYTES_MAX);
        }
    }

    /// The same for the feed's own elements, of which only those are wanted that say when it changes.
    fn note_timing(&mut self, document: &str, end: usize) {
        let above = match self.stack.len().checked_sub(self.entry_depth) {
            Some(0) => None,
            Some(1) => self.stack.get(self.stack.len() - 2).map(|open| open.name),
            _ => return,
        };
        let Some(open) = self.stack.last() else { return };
        let local = open.name.rsplit(':').next().unwrap_or(open.name);
        let field = timing::Field::of(local).filter(|field| match field {
            timing::Field::Hour => above == Some("skipHours"),
            timing::Field::Day => above == Some("skipDays"),
            timing::Field::UpdatePeriod | timing::Field::UpdateFrequency => above.is_none(),
        });
        if let Some(field) = field {
            self.scan.timing.note(field, &character_data(&document[self.inner_at..end]));
        }
    }

    /// Notes what feed-rs leaves out.
    pub(super) fn note(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str) {
        let Some(extra) = self.scan.extras.last_mut() else { return };
        match (prefix, local) {
            ("", "enclosure") if self.dialect == Dialect::Rss && extra.enclosures.len() < LIST_MAX => {
                if let Some(url) = attribute(tag, "url").or_else(|| attribute(tag, "href")) {
                    let length_bytes = attribute(tag, "length").and_then(|l| l.trim().parse().ok());
                    // No attribute of RSS: it is how the repair hands on what it read elsewhere.
                    let duration_s = attribute(tag, "duration").as_deref().and_then(duration::parse);
                    let media_type = attribute(tag, "type");
                    extra.enclosures.push(Enclosure { url, media_type, length_bytes, duration_s });
                }
            }
            ("itunes", "category") if extra.categories.len() < LIST_MAX => {
                extra.categories.extend(attribute(tag, "text").and_then(|c| text::line(&c, TITLE_BYTES_MAX)));
            }
            ("media", "thumbnail") if extra.image.is_none() => extra.image = attribute(tag, "url"),
            ("itunes", "image") if extra.image.is_none() => extra.image = attribute(tag, "href"),
            _ => {}
        }
    }

    pub(super) fn feed_link(&mut self, tag: &BytesStart<'_>) {
        if attribute(tag, "rel").is_some_and(|rel| rel.eq_ignore_ascii_case("hub")) {
            self.scan.hub = attribute(tag, "href");
        }
    }
}

/// Whether text of such a type is in base64 (RFC 4287, section 4.1.3.3).
pub(crate) fn is_base64(kind: &str) -> bool {
    let kind = kind.trim().to_ascii_lowercase();
    kind.contains('/') && !kind.starts_with("text/") && !kind.ends_with("xml") && !kind.contains("html")
}

/// Fields of an RSS item that feed-rs reads up to the first element inside.
fn is_text_field(prefix: &str, local: &str) -> bool {
    match prefix {
        "" => {
            matches!(local, "title" | "link" | "description" | "guid" | "pubDate" | "author" | "category" | "comments")
        }
        "content" => local == "encoded",
        "dc" => true,
        "itunes" => matches!(local, "author" | "summary" | "subtitle"),
        "media" => matches!(local, "description" | "credit"),
        _ => false,
    }
}

/// What stands between two tags as text: CDATA as it is, references resolved, comments and instructions out.
fn character_data(raw: &str) -> String {
    let mut data = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('<') {
        data.push_str(&text::decode(&rest[..at]));
        rest = &rest[at..];
        let (start, end) = match rest {
            cdata if cdata.starts_with("<![CDATA[") => ("<![CDATA[", "]]>"),
            comment if comment.starts_with("<!--") => ("<!--", "-->"),
            _ => ("<", ">"),
        };
        let inner = &rest[start.len()..];
        let length = inner.find(end).unwrap_or(inner.len());
        if end == "]]>" {
            data.push_str(&inner[..length]);
        }
        rest = inner.get(length + end.len()..).unwrap_or("");
    }
    data.push_str(&text::decode(rest));
    data
}

#[cfg(test)]
mod tests {
    use super::character_data;

    #[test]
    fn text_between_two_tags() {
        for (raw, want) in [
            (" a &amp; b ", " a & b "),
            ("a<![CDATA[<b>&amp;</b>]]>&lt;", "a<b>&amp;</b><"),
            ("a<!-- <b> -->b<?x y?>c", "abc"),
            ("<![CDATA[", ""),
            ("", ""),
        ] {
            assert_eq!(character_data(raw), want);
        }
    }
}
