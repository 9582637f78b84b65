//! From feed-rs's model to ours: absolute URLs, plain titles, sane dates, capped sizes.
//!
//! Drops values, never articles: what is odd in one field costs that field. Only an entry that says nothing at all
//! is no article.

use std::borrow::Cow;
use std::cell::Cell;

use feed_rs::model::{Category, Content, Entry, Feed, FeedType, Link, LinkTarget, MediaObject, Person, Text};
use memchr::memmem;
use url::Url;

use super::gate::{Extra, Scan};
use super::{Source, fingerprint, identity, text};
use crate::article::{Article, ContentHash, Document, Enclosure, FeedMeta, Keys, Repair, RepairKind};
use crate::limits::{
    CONTENT_BYTES_MAX, DATE_AHEAD_MS_MAX, GUID_BYTES_MAX, LIST_MAX, SUMMARY_BYTES_MAX, TITLE_BYTES_MAX,
    TITLE_HTML_BYTES_MAX, URL_BYTES_MAX,
};

/// How much of a content is searched for an image.
const IMAGE_SEARCH_BYTES_MAX: usize = 32 << 10;

/// The document that a feed and what the gate saw of it make.
pub(crate) fn document(feed: Feed, mut scan: Scan, source: &Source<'_>, mut repaired: Vec<Repair>) -> Document {
    let cuts = Cell::new(0);
    let context =
        Context { base: source.base_url, now_ms: source.now_ms, feed_type: feed.feed_type.clone(), cuts: &cuts };
    let is_rss = matches!(feed.feed_type, FeedType::RSS0 | FeedType::RSS1 | FeedType::RSS2);
    let meta = context.feed(&feed, &scan, is_rss);
    let mut extras = std::mem::take(&mut scan.extras).into_iter();
    let mut articles = Vec::with_capacity(feed.entries.len().min(source.articles_max));
    let mut dropped = scan.articles_dropped;
    for entry in feed.entries {
        let extra = extras.next().unwrap_or_default();
        if articles.len() == source.articles_max {
            dropped += 1;
        } else if let Some(article) = context.article(entry, extra, is_rss) {
            articles.push(article);
        }
    }
    let feed_id = scan.feed_id.as_deref().unwrap_or(&feed.id).trim();
    let (mut articles, articles_repeated) =
        identity::assign(articles, &meta, Some(feed_id).filter(|id| !id.is_empty()));
    for article in &mut articles {
        article.content_hash = fingerprint::of(article);
    }
    // Told like damage, since the operator is to know what of a document is missing.
    for (kind, count) in [(RepairKind::Dropped, dropped), (RepairKind::Cut, cuts.get())] {
        if count > 0 {
            repaired.push(Repair { kind, count });
        }
    }
    Document { feed: meta, articles, articles_repeated, articles_dropped: dropped, repaired }
}

struct Context<'a> {
    base: &'a Url,
    now_ms: i64,
    feed_type: FeedType,
    /// Texts that were cut at their limits.
    cuts: &'a Cell<usize>,
}

impl Context<'_> {
    fn feed(&self, feed: &Feed, scan: &Scan, is_rss: bool) -> FeedMeta {
        let hub = feed.links.iter().find(|l| l.rel.as_deref().is_some_and(|rel| rel.eq_ignore_ascii_case("hub")));
        let hub = hub.map(|l| l.href.as_str()).or(scan.hub.as_deref());
        let site = page_link(&feed.links, is_rss);
        FeedMeta {
            title: feed.title.as_ref().and_then(|t| self.title(t)),
            site_url: site.and_then(|l| self.url(&l.href)),
            language: feed.language.as_deref().and_then(language),
            description: feed.description.as_ref().and_then(|t| self.block(&t.content, SUMMARY_BYTES_MAX)),
            updated_at: feed.updated.or(feed.published).and_then(|t| self.date(t.timestamp_millis())),
            ttl_minutes: feed.ttl,
            update_period: scan.timing.update_period(),
            skip: scan.timing.skip,
            hub: hub.and_then(|hub| self.url(hub)),
        }
    }

    /// An article, unless the entry says nothing.
    fn article(&self, entry: Entry, extra: Extra, is_rss: bool) -> Option<Article> {
        // Not cut here: its key is made of the whole.
        let guid = text::block(&entry.id, usize::MAX);
        self.note_cut(guid.as_ref().is_some_and(|guid| guid.len() > GUID_BYTES_MAX));
        let link = page_link(&entry.links, is_rss).and_then(|l| self.address(&l.href));
        let link = link.or_else(|| guid.as_deref().filter(|g| g.starts_with("http")).and_then(|g| self.address(g)));
        let published_at = entry.published.and_then(|t| self.date(t.timestamp_millis()));
        let updated_at = entry.updated.and_then(|t| self.date(t.timestamp_millis()));
        let content = entry.content.as_ref().and_then(readable).and_then(|c| self.block(c, CONTENT_BYTES_MAX));
        let summary = entry.summary.as_ref().and_then(|s| self.block(&s.content, SUMMARY_BYTES_MAX));
        let enclosures = self.enclosures(&entry, &extra);
        let in_media = || {
            let description = entry.media.iter().find_map(|m| m.description.as_ref());
            description.and_then(|d| self.block(&d.content, SUMMARY_BYTES_MAX))
        };
        let summary =
            summary.or(extra.itunes_summary).or(extra.media_description).or_else(in_media).or(extra.itunes_subtitle);
        let comments_url = comments_link(&entry.links).and_then(|l| self.url(&l.href));
        let mut authors = list(entry.authors.iter().filter_map(author));
        if authors.is_empty() {
            authors.extend(extra.itunes_author.as_deref().and_then(author_name));
        }
        if authors.is_empty() {
            let credits = extra.credits.iter().chain(entry.media.iter().flat_map(|m| &m.credits).map(|c| &c.entity));
            authors = list(credits.filter_map(|c| author_name(c)));
        }
        let title = entry.title.as_ref().and_then(|t| self.title(t));
        let categories = list(entry.categories.iter().filter_map(category).chain(extra.categories));
        let dated = published_at.or(updated_at).is_some();
        let says_something = dated || !authors.is_empty() || !categories.is_empty();
        if !says_something
            && guid.is_none()
            && link.is_none()
            && title.is_none()
            && content.is_none()
            && summary.is_none()
            && enclosures.is_empty()
        {
            return None;
        }
        let image_url = extra
            .image
            .as_deref()
            .and_then(|image| self.url(image))
            .or_else(|| self.media_image(&entry.media, &enclosures))
            .or_else(|| self.first_image(content.as_deref().or(summary.as_deref())?, link.as_ref()));
        Some(Article {
            keys: Keys::default(),
            content_hash: ContentHash::default(),
            guid,
            url: link.map(String::from),
            title,
            authors,
            summary,
            content,
            image_url,
            enclosures,
            categories,
            language: extra.language.as_deref().or(entry.language.as_deref()).and_then(language),
            published_at,
            // feed-rs copies an RSS item's publication date into the other field.
            updated_at: updated_at.filter(|at| !(is_rss && Some(*at) == published_at)),
            comments_url,
        })
    }

    /// A title as plain text on one line.
    fn title(&self, title: &Text) -> Option<String> {
        let start = text::cut(title.content.as_str(), TITLE_HTML_BYTES_MAX);
        let start = &*text::undoubled(start);
        let plain = match self.feed_type {
            // JSON Feed's titles are plain text as they stand (JSON Feed 1.1).
            FeedType::JSON => Cow::Borrowed(start),
            FeedType::Atom if title.content_type.as_str() == "text/plain" => text::from_text(start),
            // RSS's are HTML in practice.
            _ => text::from_html(start),
        };
        let line = text::line(&plain, TITLE_BYTES_MAX);
        let is_whole = !reaches(&title.content, TITLE_HTML_BYTES_MAX)
            && line.as_deref().is_none_or(|line| !reaches(line, TITLE_BYTES_MAX));
        self.note_cut(!is_whole);
        line
    }

    /// A text of several lines.
    fn block(&self, text: &str, bytes_max: usize) -> Option<String> {
        let block = text::block(text, bytes_max)?;
        self.note_cut(reaches(&block, bytes_max));
        Some(block)
    }

    fn note_cut(&self, is_cut: bool) {
        self.cuts.set(self.cuts.get() + usize::from(is_cut));
    }

    fn url(&self, href: &str) -> Option<String> {
        self.address(href).map(String::from)
    }

    /// An absolute http or https URL, or nothing.
    fn address(&self, href: &str) -> Option<Url> {
        let href = href.trim();
        if href.is_empty() || href.len() > URL_BYTES_MAX {
            return None;
        }
        let url = self.base.join(href).ok()?;
        let is_fit = matches!(url.scheme(), "http" | "https") && url.has_host() && url.as_str().len() <= URL_BYTES_MAX;
        is_fit.then_some(url)
    }

    /// A date between 1970 and a year from now. The first day of 1970 is how software writes "no date".
    fn date(&self, at_ms: i64) -> Option<i64> {
        const DAY_MS: i64 = 24 * 3600 * 1000;
        (at_ms >= DAY_MS && at_ms <= self.now_ms.saturating_add(DATE_AHEAD_MS_MAX)).then_some(at_ms)
    }

    /// RSS enclosures, links that enclose, and media: one a URL, with what any of them says of it.
    fn enclosures(&self, entry: &Entry, extra: &Extra) -> Vec<Enclosure> {
        let links = entry.links.iter().filter(|l| encloses(l)).map(|l| Enclosure {
            url: l.href.clone(),
            media_type: l.media_type.clone(),
            length_bytes: l.length,
            duration_s: extra.durations.iter().find(|(url, _)| *url == l.href).map(|(_, duration_s)| *duration_s),
        });
        let media = entry.media.iter().flat_map(|m| &m.content).filter_map(|c| {
            Some(Enclosure {
                url: c.url.as_ref()?.to_string(),
                media_type: c.content_type.as_ref().map(ToString::to_string),
                length_bytes: c.size,
                duration_s: c.duration.map(|duration| duration.as_secs()),
            })
        });
        let mut enclosures: Vec<Enclosure> = Vec::new();
        for found in extra.enclosures.iter().cloned().chain(links).chain(media) {
            let Some(url) = self.url(&found.url) else { continue };
            let found = Enclosure {
                url,
                media_type: found.media_type.as_deref().and_then(|t| text::line(t, TITLE_BYTES_MAX)),
                // Many publishers write 0 where they do not know.
                length_bytes: found.length_bytes.filter(|l| *l > 0),
                duration_s: found.duration_s.filter(|s| *s > 0),
            };
            if let Some(known) = enclosures.iter_mut().find(|known| known.url == found.url) {
                known.media_type = known.media_type.take().or(found.media_type);
                known.length_bytes = known.length_bytes.or(found.length_bytes);
                known.duration_s = known.duration_s.or(found.duration_s);
            } else if enclosures.len() < LIST_MAX {
                enclosures.push(found);
            }
        }
        // What is said of the entry is meant of the file that plays.
        if extra.duration_s.is_some()
            && enclosures.iter().all(|e| e.duration_s.is_none())
            && let Some(playing) = enclosures.iter_mut().find(|e| plays(e.media_type.as_deref()))
        {
            playing.duration_s = extra.duration_s;
        }
        enclosures
    }

    fn media_image(&self, media: &[MediaObject], enclosures: &[Enclosure]) -> Option<String> {
        let thumbnail = media.iter().flat_map(|m| &m.thumbnails).find_map(|t| self.url(&t.image.uri));
        thumbnail.or_else(|| {
            enclosures
                .iter()
                .find(|e| e.media_type.as_deref().is_some_and(|t| t.starts_with("image/")))
                .map(|e| e.url.clone())
        })
    }

    /// The first image in a content that is an address, which starts from the article's page as in a browser.
    fn first_image(&self, html: &str, page: Option<&Url>) -> Option<String> {
        let html = text::cut(html, IMAGE_SEARCH_BYTES_MAX);
        let tag = &html[memmem::find(html.as_bytes(), b"<img")?..];
        let tag = &tag[..tag.find('>')?];
        let at = tag.find(" src=")? + " src=".len();
        let quote = tag[at..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let here = Context { base: page.unwrap_or(self.base), feed_type: self.feed_type.clone(), ..*self };
        here.url(&text::decode(tag[at + 1..].split(quote).next()?))
    }
}

/// Whether a text was cut at `bytes_max`, which leaves less than a character's room.
fn reaches(text: &str, bytes_max: usize) -> bool {
    const CHAR_BYTES_MAX: usize = 4;
    text.len() + CHAR_BYTES_MAX > bytes_max
}

/// The link to the page: in Atom the alternate, HTML first; in RSS the first that is none of the others.
fn page_link(links: &[Link], is_rss: bool) -> Option<&Link> {
    let pages = || {
        links.iter().filter(|l| l.target.is_none() && !encloses(l)).filter(|l| match l.rel.as_deref() {
            None => true,
            Some(rel) => rel.eq_ignore_ascii_case("alternate") || rel.ends_with("/alternate"),
        })
    };
    let html = |l: &&Link| l.media_type.as_deref().is_none_or(|t| t.contains("html"));
    let own = || pages().find(|l| is_rss && l.rel.is_none() && !l.href.is_empty());
    own().or_else(|| pages().find(html)).or_else(|| pages().next())
}

/// An Atom enclosure, or a JSON Feed attachment, which feed-rs gives as a link with a type alone.
fn encloses(link: &Link) -> bool {
    match link.rel.as_deref() {
        Some(rel) => rel.eq_ignore_ascii_case("enclosure") || rel.ends_with("/enclosure"),
        None => link.media_type.is_some(),
    }
}

/// Whether a file of such a type may play: one that says nothing better may.
fn plays(media_type: Option<&str>) -> bool {
    media_type.is_none_or(|t| ["audio/", "video/", "application/"].iter().any(|plays| t.starts_with(plays)))
}

/// The page where an entry is discussed: RSS `comments`, Atom's `replies` (RFC 4685) unless that is a feed.
fn comments_link(links: &[Link]) -> Option<&Link> {
    let replies = |l: &&Link| {
        let html = l.media_type.as_deref().is_none_or(|t| t.contains("html"));
        html && l.rel.as_deref().is_some_and(|rel| rel.eq_ignore_ascii_case("replies"))
    };
    links.iter().find(|l| l.target == Some(LinkTarget::Comments)).or_else(|| links.iter().find(replies))
}

/// A content that is text; not a picture in base64.
fn readable(content: &Content) -> Option<&str> {
    let kind = content.content_type.as_str();
    let is_text = kind.starts_with("text/") || kind.contains("html") || kind.contains("xml");
    content.body.as_deref().filter(|_| is_text)
}

fn author(person: &Person) -> Option<String> {
    let name = person.name.as_deref().and_then(author_name);
    name.or_else(|| person.email.as_deref().and_then(|e| text::line(e, TITLE_BYTES_MAX)))
}

fn author_name(name: &str) -> Option<String> {
    let name = text::decode(text::cut(name, TITLE_HTML_BYTES_MAX));
    text::line(name.trim().trim_matches(['(', ')', '<', '>', ',']), TITLE_BYTES_MAX)
}

fn category(category: &Category) -> Option<String> {
    let term = Some(category.term.as_str()).filter(|t| !t.is_empty()).or(category.label.as_deref())?;
    text::line(&text::decode(text::cut(term, TITLE_HTML_BYTES_MAX)), TITLE_BYTES_MAX)
}

fn list(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for value in values.take(4 * LIST_MAX) {
        if list.len() < LIST_MAX && !list.contains(&value) {
            list.push(value);
        }
    }
    list
}

/// A language tag, if it can be one, in its usual case (RFC 5646, section 2.1.1): `en`, `en-GB`, `zh-Hant-TW`.
fn language(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let fits =
        (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if !fits || tag.split(['-', '_']).any(str::is_empty) {
        return None;
    }
    let mut usual = String::with_capacity(tag.len());
    let mut after_single = false;
    for (place, part) in tag.split(['-', '_']).enumerate() {
        if place > 0 {
            usual.push('-');
        }
        let mut part = part.to_ascii_lowercase();
        match part.len() {
            2 if place > 0 && !after_single => part.make_ascii_uppercase(),
            4 if place > 0 && !after_single => part[..1].make_ascii_uppercase(),
            _ => {}
        }
        // Behind `x-` and the like stands what has rules of its own.
        after_single |= part.len() == 1;
        usual.push_str(&part);
    }
    Some(usual)
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn languages_have_their_usual_case() {
        for (tag, want) in [
            ("en", Some("en")),
            (" EN-gb ", Some("en-GB")),
            ("en_us", Some("en-US")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("es-419", Some("es-419")),
            ("sl-rozaj-biske", Some("sl-rozaj-biske")),
            ("de-x-AB", Some("de-x-ab")),
            ("-", None),
            ("en--", None),
            ("e", None),
            ("en us", None),
            ("fran\u{e7}ais", None),
        ] {
            assert_eq!(language(tag).as_deref(), want, "{tag}");
        }
    }
}
