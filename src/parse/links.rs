//! The feeds that a page links to, for whoever has the page's address and not the feed's.
//!
//! `<link rel="alternate">` with a feed's type is what publishers write for this; only where there is none are links that
//! are named like feeds taken for guesses. A page is any text: nothing here fails, and what is found is fetched by nobody
//! until a person has chosen it.

use std::collections::HashSet;

use url::Url;

use super::repair::tokens::{Tag, Token, Tokens};
use super::text;
use crate::limits::{PAGE_LINKS_BYTES_MAX, PAGE_LINKS_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX};

/// A link to what is a feed, or may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Absolute, http or https, without a fragment.
    pub(crate) url: Url,
    /// What the page calls it, on one line.
    pub(crate) title: Option<String>,
    /// `RSS`, `Atom` or `JSON Feed`, where the page says so.
    pub(crate) kind: Option<&'static str>,
    /// The page says that it is a feed; otherwise only its name does.
    pub(crate) is_sure: bool,
}

/// In the page's order, each URL once: those of which the page says so, or else those that are named so.
pub(crate) fn feeds(page: &str, page_url: &Url) -> Vec<Link> {
    let page = text::cut(page, PAGE_LINKS_BYTES_MAX);
    let mut found = Found { base: page_url.clone(), is_based: false, sure: Vec::new(), guessed: Vec::new() };
    let mut tokens = Tokens::new(page);
    while let Some(token) = tokens.next() {
        let Token::Start(tag) = token else { continue };
        // What a script writes is not on the page.
        if tag.name.eq_ignore_ascii_case("script") && !tag.empty {
            tokens.at += script_end(&page[tokens.at..]);
        }
        found.look(&tag);
    }
    let mut links = if found.sure.is_empty() { found.guessed } else { found.sure };
    let mut seen = HashSet::new();
    links.retain(|link| seen.insert(link.url.clone()));
    links.truncate(PAGE_LINKS_MAX);
    links
}

struct Found {
    /// What links are relative to.
    base: Url,
    is_based: bool,
    sure: Vec<Link>,
    guessed: Vec<Link>,
}

impl Found {
    fn look(&mut self, tag: &Tag<'_>) {
        if tag.name.eq_ignore_ascii_case("base") && !self.is_based {
            // The first one counts (HTML, section 4.2.3).
            if let Some(base) = tag.attribute("href").and_then(|href| self.resolve(href)) {
                (self.base, self.is_based) = (base, true);
            }
        } else if tag.name.eq_ignore_ascii_case("link") {
            self.sure.extend(self.alternate(tag));
        } else if tag.name.eq_ignore_ascii_case("a") && self.guessed.len() < 2 * PAGE_LINKS_MAX {
            self.guessed.extend(self.guess(tag));
        }
    }

    fn alternate(&self, tag: &Tag<'_>) -> Option<Link> {
        let rel = tag.attribute("rel")?;
        let kind = kind(tag.attribute("type")?, tag.attribute("href")?)?;
        if !rel.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("alternate")) {
            return None;
        }
        let title = tag.attribute("title").and_then(|title| text::line(&text::decode(title), TITLE_BYTES_MAX));
        Some(Link { url: self.resolve(tag.attribute("href")?)?, title, kind: Some(kind), is_sure: true })
    }

    fn guess(&self, tag: &Tag<'_>) -> Option<Link> {
        let url = self.resolve(tag.attribute("href")?)?;
        let path = url.path().trim_end_matches('/').to_ascii_lowercase();
        let is_named_so = ["/feed", "/rss", "/atom", ".xml", ".rss", ".atom"].iter().any(|end| path.ends_with(end));
        // `/blog/.xml` is as much a name as `/.xml`, but a host alone is none.
        (is_named_so && path.len() > 1).then_some(Link { url, title: None, kind: None, is_sure: false })
    }

    fn resolve(&self, href: &str) -> Option<Url> {
        let mut url = self.base.join(text::decode(href.trim()).as_ref()).ok()?;
        url.set_fragment(None);
        let is_fit = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= URL_BYTES_MAX;
        (is_fit && url.username().is_empty() && url.password().is_none()).then_some(url)
    }
}

/// What a media type says of a feed, parameters aside. `application/json` was JSON Feed's once, and is all sorts of things:
/// the link has to be named like a feed.
fn kind(media_type: &str, href: &str) -> Option<&'static str> {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/atom+xml" | "text/atom+xml" | "application/atom" => Some("Atom"),
        "application/feed+json" => Some("JSON Feed"),
        "application/json" if href.contains("feed") && !href.contains("wp-json") => Some("JSON Feed"),
        "application/rss+xml" | "text/rss+xml" | "application/rss" | "text/rss" | "application/rdf+xml" => Some("RSS"),
        _ => None,
    }
}

/// How far it is to the end of a script; all the way if it has none.
fn script_end(text: &str) -> usize {
    let end = |at: &usize| text.as_bytes().get(at + 2..at + 8).is_some_and(|n| n.eq_ignore_ascii_case(b"script"));
    text.match_indices("</").map(|(at, _)| at).find(end).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page: &str) -> Vec<String> {
        let shown = |link: &Link| {
            let kind = link.kind.map(|kind| format!(" {kind}")).unwrap_or_default();
            let title = link.title.as_deref().map(|title| format!(" {title:?}")).unwrap_or_default();
            format!("{}{}{kind}{title}", if link.is_sure { "" } else { "? " }, link.url)
        };
        feeds(page, &Url::parse("https://a.test/blog/post.html").unwrap()).iter().map(shown).collect()
    }

    #[test]
    fn what_a_page_says_of_its_feeds() {
        let rss = |href: &str| format!("<link rel=alternate type=application/rss+xml href=\"{href}\">");
        for (page, expected) in [
            (rss("/feed.xml"), &["https://a.test/feed.xml RSS"][..]),
            (rss("feed.xml#top"), &["https://a.test/blog/feed.xml RSS"]),
            (rss("//b.test/?a=1&amp;b=2"), &["https://b.test/?a=1&b=2 RSS"]),
            (rss("/a") + &rss("/b") + &rss("/a"), &["https://a.test/a RSS", "https://a.test/b RSS"]),
            (
                "<LINK TITLE='Caf&eacute;\n &quot;all&quot;' HREF='/a' REL='Alternate home' TYPE='application/atom+xml; charset=utf-8'/>".into(),
                &["https://a.test/a Atom \"Café \\\"all\\\"\""],
            ),
            ("<link rel=alternate type=application/feed+json href=/f.json>".into(), &["https://a.test/f.json JSON Feed"]),
            ("<link rel=alternate type=application/json href=/feed.json>".into(), &["https://a.test/feed.json JSON Feed"]),
            ("<link rel=alternate type=application/json href=/wp-json/feed/1>".into(), &[]),
            // The base counts for what follows it, and the first of them.
            (
                format!("<base target=_top><base href=\"http://c.test/x/\"><base href=/y/>{}", rss("feed")),
                &["http://c.test/x/feed RSS"],
            ),
            // None of these is one.
            ("<link rel=alternate hreflang=de href=/de>".into(), &[]),
            ("<link rel=stylesheet type=application/rss+xml href=/x>".into(), &[]),
            ("<link rel=alternate type=application/json+oembed href=/o>".into(), &[]),
            (rss("javascript:alert(1)") + &rss("ftp://a.test/") + &rss("http://u:p@a.test/") + &rss("http://["), &[]),
            (format!("<!-- {0} --><script>document.write('{0}')</SCRIPT>", rss("/hidden")), &[]),
            (format!("<script>{}", rss("/hidden")), &[]),
            ("<link rel=alternate type=application/rss+xml href=".into(), &[]),
        ] {
            assert_eq!(found(&page), expected, "{page}");
        }
    }

    #[test]
    fn names_are_guessed_from_only_where_the_page_says_nothing() {
        let anchors = "<a href=/feed/>f</a><a href='/index.XML?x'>i</a><A HREF=/rss>r</A><a href=/a.atom><a href=/feeding>\
                       <a href=mailto:a@b.rss><a href=/feed/#2><a>";
        let guessed = [
            "? https://a.test/feed",
            "? https://a.test/index.XML?x",
            "? https://a.test/rss",
            "? https://a.test/a.atom",
        ];
        // An unquoted value at the end of a tag loses its slash.
        let found_here = found(anchors);
        assert_eq!(found_here[..4], guessed, "{found_here:?}");
        assert!(found_here.iter().all(|link| !link.contains("feeding") && !link.contains("mailto")), "{found_here:?}");
        let sure = "<link rel=alternate type=application/rss+xml href=/sure>";
        assert_eq!(found(&format!("{anchors}{sure}")), ["https://a.test/sure RSS"]);
    }

    #[test]
    fn a_page_is_looked_at_within_limits() {
        let many: String = (0..200).map(|n| format!("<link rel=alternate type=text/rss href=/{n}>")).collect();
        assert_eq!(found(&many).len(), PAGE_LINKS_MAX);
        let far = format!("{}<link rel=alternate type=text/rss href=/far>", " ".repeat(PAGE_LINKS_BYTES_MAX));
        assert_eq!(found(&far), [""; 0]);
        for piece in ["<link ", "<link '", "<script", "<script>", "<a href=", "<base href='", "<!--", "</"] {
            found(&piece.repeat(PAGE_LINKS_BYTES_MAX / piece.len()));
        }
    }
}
