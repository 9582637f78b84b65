//! An entry and a feed as they are gathered from any dialect, and written as RSS 2.0.

use std::borrow::Cow;
use std::fmt::Write;

use super::super::names::Ns;
use super::super::text::cut;
use super::{escape, escape_attribute};
use crate::limits::{LIST_MAX, TITLE_HTML_BYTES_MAX};

/// The root of what is written.
const ROOT: &str = "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
                    xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel>";

/// A link with what Atom says of it.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) rel: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) length: Option<String>,
}

impl Link {
    fn is(&self, wanted: &str) -> bool {
        self.rel.as_deref().is_some_and(|rel| rel.trim().eq_ignore_ascii_case(wanted))
    }

    /// How well it leads to the page: lower is better.
    fn rank(&self) -> Option<u8> {
        let html = self.kind.as_deref().is_none_or(|kind| kind.contains("html"));
        match (self.rel.is_none() || self.is("alternate") || self.is(""), html) {
            (true, true) => Some(0),
            (true, false) => Some(1),
            (false, _) => None,
        }
    }
}

/// A file that comes with an entry, as written.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) url: String,
    pub(super) kind: Option<String>,
    pub(super) length: Option<String>,
    pub(super) duration_s: Option<u64>,
}

/// The page among links: the best, and the first of those.
fn page(links: &[Link]) -> Option<&Link> {
    links.iter().filter(|l| l.rank().is_some() && !l.href.is_empty()).min_by_key(|l| l.rank())
}

#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) language: Option<String>,
    pub(super) updated: Option<String>,
    pub(super) ttl: Option<String>,
    pub(super) links: Vec<Link>,
}

impl Feed {
    /// Everything up to the first item.
    pub(super) fn write_start(&self, out: &mut String) {
        out.push_str(ROOT);
        element(out, "title", self.title.as_deref());
        element(out, "description", self.description.as_deref());
        element(out, "language", self.language.as_deref());
        element(out, "lastBuildDate", self.updated.as_deref());
        element(out, "ttl", self.ttl.as_deref().map(str::trim));
        element(out, "link", page(&self.links).map(|l| l.href.as_str()));
        if let Some(hub) = self.links.iter().find(|l| l.is("hub")) {
            attributes(out, "atom:link", &[("rel", Some("hub")), ("href", Some(&hub.href))]);
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) guid: Option<String>,
    pub(super) language: Option<String>,
    pub(super) links: Vec<Link>,
    categories: Vec<String>,
    pub(super) enclosures: Vec<File>,
    /// Those of `media:content`.
    pub(super) media: Vec<File>,
    pub(super) image: Option<String>,
    /// Where the content is, if it is elsewhere.
    pub(super) content_src: Option<String>,
    pub(super) duration_s: Option<u64>,
    /// The page where it is discussed.
    pub(super) comments: Option<String>,
    authors: Vec<String>,
    /// These two stand in where there are no authors.
    itunes_author: Option<String>,
    credits: Vec<String>,
    title: Ranked,
    summary: Ranked,
    content: Ranked,
    published: Ranked,
    updated: Ranked,
}

/// A value, and how good its source is: lower is better, and the first of equals stays.
#[derive(Debug, Default)]
struct Ranked(Option<(u8, String)>);

impl Ranked {
    fn offer(&mut self, rank: u8, value: String) {
        if self.0.as_ref().is_none_or(|(known, _)| rank < *known) {
            self.0 = Some((rank, value));
        }
    }

    fn rank(&self) -> Option<u8> {
        self.0.as_ref().map(|(rank, _)| *rank)
    }

    fn get(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, value)| value.as_str())
    }
}

/// Where the text of an element goes.
enum Slot {
    Guid,
    Title,
    Summary,
    Content,
    Published,
    Updated,
}

/// The slot of an element of an entry, and how good a source it is.
fn slot(ns: Ns, local: &str) -> Option<(Slot, u8)> {
    Some(match (ns, local) {
        (Ns::Rss, "guid" | "id") => (Slot::Guid, 0),
        (Ns::Dc, "identifier") | (Ns::Atom, "id") => (Slot::Guid, 1),
        (Ns::Rss, "title") => (Slot::Title, 0),
        (Ns::Dc | Ns::Atom, "title") => (Slot::Title, 1),
        (Ns::Media, "title") => (Slot::Title, 2),
        (Ns::Rss, "description" | "summary" | "abstract") => (Slot::Summary, 0),
        (Ns::Dc, "description") | (Ns::DcTerms, "abstract") | (Ns::Atom, "summary") => (Slot::Summary, 1),
        (Ns::Itunes, "summary") => (Slot::Summary, 2),
        (Ns::Media, "description") => (Slot::Summary, 3),
        (Ns::Itunes, "subtitle") => (Slot::Summary, 4),
        (Ns::Content, "encoded") | (Ns::Rss | Ns::Atom, "content") => (Slot::Content, 0),
        (Ns::Xhtml, "body" | "div") | (Ns::Rss, "body" | "fullitem") => (Slot::Content, 1),
        (Ns::Rss, "pubdate" | "published" | "issued") | (Ns::Atom, "published") => (Slot::Published, 0),
        (Ns::Dc, "date") => (Slot::Published, 1),
        (Ns::DcTerms, "issued" | "created") | (Ns::Rss, "created") => (Slot::Published, 2),
        (Ns::Rss, "date") => (Slot::Published, 3),
        (Ns::Rss, "updated" | "modified" | "lastbuilddate") | (Ns::Atom, "updated") | (Ns::DcTerms, "modified") => {
            (Slot::Updated, 0)
        }
        _ => return None,
    })
}

impl Entry {
    /// Whether the text of an element is wanted.
    pub(super) fn holds(ns: Ns, local: &str) -> bool {
        slot(ns, local).is_some()
    }

    pub(super) fn set(&mut self, ns: Ns, local: &str, value: String) {
        let Some((slot, rank)) = slot(ns, local) else { return };
        match slot {
            // Not cut: its key is made of the whole.
            Slot::Guid if rank == 0 || self.guid.is_none() => self.guid = Some(value),
            Slot::Guid => {}
            Slot::Title => self.title.offer(rank, shortened(value)),
            // What says more than the description is written a second time is the content.
            Slot::Summary if rank == 0 && self.summary.rank() == Some(0) => self.content.offer(2, value),
            Slot::Summary => self.summary.offer(rank, value),
            Slot::Content => self.content.offer(rank, value),
            Slot::Published => self.published.offer(rank, value),
            Slot::Updated => self.updated.offer(rank, value),
        }
    }

    pub(super) fn author(&mut self, ns: Ns, name: String) {
        let name = shortened(name);
        match ns {
            Ns::Itunes => {
                self.itunes_author.get_or_insert(name);
            }
            Ns::Media if self.credits.len() < LIST_MAX => self.credits.push(name),
            Ns::Media => {}
            _ if self.authors.len() < LIST_MAX => self.authors.push(safe_author(&name).into_owned()),
            _ => {}
        }
    }

    pub(super) fn category(&mut self, category: String) {
        if self.categories.len() < LIST_MAX {
            self.categories.push(shortened(category));
        }
    }

    /// Atom's link to the discussion (RFC 4685), unless that is a feed.
    fn replies(&self) -> Option<&str> {
        let html = |l: &&Link| l.kind.as_deref().is_none_or(|kind| kind.contains("html"));
        self.links.iter().filter(|l| l.is("replies")).find(html).map(|l| l.href.as_str())
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str("<item");
        if let Some(language) = &self.language {
            out.push_str(" xml:lang=\"");
            escape_attribute(language, out);
            out.push('"');
        }
        out.push('>');
        element(out, "title", self.title.get());
        element(out, "link", page(&self.links).map(|l| l.href.as_str()).or(self.content_src.as_deref()));
        element(out, "guid", self.guid.as_deref());
        element(out, "description", self.summary.get());
        element(out, "content:encoded", self.content.get());
        element(out, "pubDate", self.published.get());
        element(out, "updated", self.updated.get());
        for author in &self.authors {
            element(out, "dc:creator", Some(author));
        }
        element(out, "itunes:author", self.itunes_author.as_deref());
        for credit in &self.credits {
            element(out, "media:credit", Some(credit));
        }
        for category in &self.categories {
            element(out, "category", Some(category));
        }
        element(out, "comments", self.comments.as_deref().or(self.replies()));
        element(out, "itunes:duration", self.duration_s.map(|s| s.to_string()).as_deref());
        let links = self.links.iter().filter(|l| l.is("enclosure"));
        let links = links.map(|l| (&l.href, l.kind.as_deref(), l.length.as_deref(), None));
        let [enclosures, media] = [&self.enclosures, &self.media]
            .map(|files| files.iter().map(|f| (&f.url, f.kind.as_deref(), f.length.as_deref(), f.duration_s)));
        // In the order in which they are taken from a healthy document.
        for (url, kind, length, duration_s) in enclosures.chain(links).chain(media) {
            let duration = duration_s.map(|s| s.to_string());
            let values =
                [("url", Some(url.as_str())), ("type", kind), ("length", length), ("duration", duration.as_deref())];
            attributes(out, "enclosure", &values);
        }
        if let Some(image) = &self.image {
            attributes(out, "media:thumbnail", &[("url", Some(image))]);
        }
        out.push_str("</item>");
    }
}

/// As much of a title, an author or a category as is read.
fn shortened(mut value: String) -> String {
    value.truncate(cut(&value, TITLE_HTML_BYTES_MAX).len());
    value
}

/// An author in which feed-rs finds no address that it would cut out in the middle of a character.
pub(in crate::parse) fn safe_author(author: &str) -> Cow<'_, str> {
    if author.is_ascii() || !author.contains('@') {
        return Cow::Borrowed(author);
    }
    let part_of_address = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '@');
    let mut kept = String::with_capacity(author.len());
    let mut rest = author;
    while !rest.is_empty() {
        let word = &rest[..rest.find(|c| !part_of_address(c)).unwrap_or(rest.len())];
        kept.push_str(if word.find('@').is_some_and(|at| at > 0) { " " } else { word });
        rest = &rest[word.len()..];
        let between = rest.find(part_of_address).unwrap_or(rest.len());
        kept.push_str(&rest[..between]);
        rest = &rest[between..];
    }
    let around = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '（' | '）' | '<' | '>' | '＜' | '＞' | ',');
    Cow::Owned(kept.trim_matches(around).to_owned())
}

fn element(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = write!(out, "<{name}>");
        escape(text, out);
        let _ = write!(out, "</{name}>");
    }
}

fn attributes(out: &mut String, name: &str, values: &[(&str, Option<&str>)]) {
    let _ = write!(out, "<{name}");
    for (key, value) in values {
        if let Some(value) = value {
            let _ = write!(out, " {key}=\"");
            escape_attribute(value, out);
            out.push('"');
        }
    }
    out.push_str("/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_lose_addresses_that_feed_rs_would_cut() {
        for (author, want) in [
            ("ann@example.org (Ann)", "ann@example.org (Ann)"),
            ("山田太郎（yamada@example.com）", "山田太郎"),
            ("é a@b é c@d, f", "é   é  , f"),
            ("René", "René"),
            ("あずさ@第５", "あずさ@第５"),
        ] {
            assert_eq!(safe_author(author), want);
        }
    }

    #[test]
    fn long_values_are_cut_before_anything_is_done_with_them() {
        let mut entry = Entry::default();
        let long = || "é a@b ".repeat(1 << 20);
        for ns in [Ns::Rss, Ns::Itunes, Ns::Media] {
            entry.author(ns, long());
        }
        entry.category(long());
        entry.set(Ns::Rss, "title", long());
        let title = entry.title.get().map_or(0, str::len);
        let itunes = entry.itunes_author.as_ref().map_or(0, String::len);
        for length in [entry.authors[0].len(), itunes, entry.credits[0].len(), entry.categories[0].len(), title] {
            assert!(length > 0 && length <= TITLE_HTML_BYTES_MAX, "{length}");
        }
    }
}
