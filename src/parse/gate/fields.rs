//! The fields that feed-rs passes over or takes for something else: noted where that is enough, or a reason to go by
//! way of the repair.

use quick_xml::events::BytesStart;

use super::{Dialect, Pass, attribute};
use crate::article::Enclosure;
use crate::limits::LIST_MAX;

impl Pass<'_> {
    /// Fields of RSS that feed-rs does not read, or not as they are meant.
    pub(super) fn rss_field(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str) {
        self.in_text_field = is_text_field(prefix, local);
        match (prefix, local) {
            ("dc", "subject" | "identifier" | "language" | "description" | "author" | "title")
            | ("dcterms", _)
            | ("", "Title" | "Link" | "Description" | "body" | "content" | "summary" | "fullitem") => {
                self.unfit("fields that feed-rs does not read");
            }
            ("", "link") if attribute(tag, "href").is_some() => self.unfit("links as in Atom"),
            ("atom" | "a10" | "atom10", "link" | "author" | "summary" | "content" | "published" | "title" | "id") => {
                self.unfit("fields of Atom");
            }
            ("", "item") => self.unfit("an item inside of an item"),
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
        match (prefix, local) {
            ("", "issued" | "modified" | "created" | "description")
            | ("dc", "subject" | "creator" | "date" | "title")
            | ("dcterms", _) => {
                self.unfit("fields that feed-rs does not read");
            }
            ("", "content" | "summary" | "title")
                if attribute(tag, "mode").is_some() || attribute(tag, "src").is_some() =>
            {
                self.unfit("content of another shape");
            }
            _ => {}
        }
    }

    /// Notes what feed-rs leaves out.
    pub(super) fn note(&mut self, tag: &BytesStart<'_>, prefix: &str, local: &str) {
        let Some(extra) = self.scan.extras.last_mut() else { return };
        match (prefix, local) {
            ("", "enclosure") if self.dialect == Dialect::Rss && extra.enclosures.len() < LIST_MAX => {
                if let Some(url) = attribute(tag, "url").or_else(|| attribute(tag, "href")) {
                    let length_bytes = attribute(tag, "length").and_then(|l| l.trim().parse().ok());
                    extra.enclosures.push(Enclosure { url, media_type: attribute(tag, "type"), length_bytes });
                }
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

/// Fields of an RSS item that feed-rs reads up to the first element inside.
fn is_text_field(prefix: &str, local: &str) -> bool {
    match prefix {
        "" => {
            matches!(local, "title" | "link" | "description" | "guid" | "pubDate" | "author" | "category" | "comments")
        }
        "content" => local == "encoded",
        "dc" => true,
        _ => false,
    }
}
