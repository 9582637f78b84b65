//! `/feed.atom`: Atom 1.0 (RFC 4287).

use bytes::Bytes;

use super::article::{ArticleView, rfc3339};
use super::outlet::{Outlet, changed_at};
use super::xml::Xml;

/// The time of what has none that a date can say.
const EPOCH_START: &str = "1970-01-01T00:00:00Z";

pub(crate) fn atom(outlet: &Outlet<'_>) -> Bytes {
    let mut xml = Xml::new();
    xml.open("feed", &[("xmlns", Some("http://www.w3.org/2005/Atom"))]);
    xml.text("id", &[], &outlet.id());
    xml.text("title", &[], outlet.title);
    xml.text("updated", &[], &time(outlet.updated_at()));
    xml.text("generator", &[("uri", Some(outlet.home_url)), ("version", Some(env!("CARGO_PKG_VERSION")))], "rssd");
    xml.empty(
        "link",
        &[("rel", Some("self")), ("type", Some("application/atom+xml")), ("href", Some(outlet.self_url))],
    );
    xml.empty("link", &[("rel", Some("alternate")), ("type", Some("text/html")), ("href", Some(outlet.home_url))]);
    for article in outlet.articles {
        entry(&mut xml, outlet, article);
    }
    xml.close("feed");
    xml.finish()
}

fn entry(xml: &mut Xml, outlet: &Outlet<'_>, article: &ArticleView<'_>) {
    xml.open("entry", &[("xml:lang", article.language.filter(|text| is_language(text)))]);
    xml.text("id", &[], &outlet.entry_id(article));
    xml.text("title", &[], article.title.unwrap_or_default());
    xml.text("updated", &[], &time(changed_at(article)));
    if let Some(published) = article.published_at.and_then(rfc3339) {
        xml.text("published", &[], &published);
    }
    // An entry has an author or its feed has one (section 4.1.2); where nobody is named, it is the publisher.
    let feed = [article.feed.to_owned()];
    for author in if article.authors.is_empty() { &feed } else { article.authors } {
        xml.open("author", &[]);
        xml.text("name", &[], author);
        xml.close("author");
    }
    if let Some(url) = article.url {
        xml.empty("link", &[("rel", Some("alternate")), ("href", Some(url))]);
    }
    for enclosure in article.enclosures {
        let length = enclosure.length_bytes.map(|length| length.to_string());
        let media_type = enclosure.media_type.as_deref().filter(|text| is_media_type(text));
        xml.empty(
            "link",
            &[
                ("rel", Some("enclosure")),
                ("href", Some(&enclosure.url)),
                ("type", media_type),
                ("length", length.as_deref()),
            ],
        );
    }
    for category in article.categories {
        xml.empty("category", &[("term", Some(category))]);
    }
    if let Some(summary) = article.safe_summary() {
        xml.text("summary", &[("type", Some("html"))], &summary);
    }
    match article.safe_content() {
        Some(content) => xml.text("content", &[("type", Some("html"))], &content),
        // An entry without a link to it has content (section 4.1.2), if only an empty one.
        None if article.url.is_none() => xml.text("content", &[("type", Some("html"))], ""),
        None => {}
    }
    xml.close("entry");
}

fn time(at_ms: i64) -> String {
    rfc3339(at_ms).unwrap_or_else(|| EPOCH_START.to_owned())
}

/// A language tag by its looks (RFC 5646); a reader that checks would refuse the whole feed for another.
fn is_language(text: &str) -> bool {
    text.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
        && text.split('-').next().is_some_and(|part| part.len() > 1 && part.bytes().all(|b| b.is_ascii_alphabetic()))
}

/// A media type by its looks (section 4.2.7.3).
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+' | b'_'))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::parse::{self, Source};
    use crate::wire::samples::{Sample, epoch};

    fn outlet<'a>(articles: &'a [ArticleView<'a>]) -> Outlet<'a> {
        Outlet {
            epoch: epoch(),
            title: "rssd",
            home_url: "http://127.0.0.1:8080/",
            self_url: "http://127.0.0.1:8080/feed.atom?feed=a&label=b:c",
            articles,
        }
    }

    #[test]
    fn an_entry_has_what_atom_asks_for() {
        let sample = Sample::full();
        let bytes = atom(&outlet(&[sample.view()]));
        let want = r#"<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
<id>urn:uuid:01234567-89ab-8cde-bc00-000000000000</id>
<title>rssd</title>
<updated>2024-05-06T08:00:00Z</updated>
<generator uri="http://127.0.0.1:8080/" version="VERSION">rssd</generator>
<link rel="self" type="application/atom+xml" href="http://127.0.0.1:8080/feed.atom?feed=a&amp;label=b:c"/>
<link rel="alternate" type="text/html" href="http://127.0.0.1:8080/"/>
<entry xml:lang="en-GB">
<id>urn:uuid:01234567-89ab-8cde-bc00-000000000007</id>
<title>A &lt;b&gt;title&lt;/b&gt;</title>
<updated>2024-05-06T07:08:09.25Z</updated>
<published>2024-05-06T07:08:09Z</published>
<author>
<name>Ann</name>
</author>
<author>
<name>Ben</name>
</author>
<link rel="alternate" href="https://example.org/a/1"/>
<link rel="enclosure" href="https://example.org/e.mp3" type="audio/mpeg" length="1234"/>
<link rel="enclosure" href="https://example.org/f"/>
<category term="x"/>
<category term="y"/>
<summary type="html">&lt;p&gt;short&lt;/p&gt;</summary>
<content type="html">long &lt;img src=&quot;https://example.org/a/i.png&quot;&gt;</content>
</entry>
</feed>
"#
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), want);
    }

    /// What we serve, we can read; and a title is the text it was.
    #[test]
    fn our_own_parser_reads_it() {
        let mut hostile = Sample::bare();
        hostile.title = Some("\u{0}]]></title><entry>&\u{1b}\u{202e}".into());
        hostile.language = Some("x\" y=\"".into());
        hostile.id = 2;
        let samples = [Sample::full(), hostile];
        let articles: Vec<ArticleView<'_>> = samples.iter().map(Sample::view).collect();
        let base_url = "http://127.0.0.1/".parse().unwrap();
        let document = parse::parse(&Source {
            bytes: &atom(&outlet(&articles)),
            content_type: None,
            base_url: &base_url,
            articles_max: 10,
            now_ms: Clock::system().now_ms(),
        })
        .unwrap();
        let title = |n: usize| document.articles[n].title.as_deref();
        assert_eq!((document.repaired.len(), document.articles.len()), (0, 2), "{:?}", document.repaired);
        // Its `title` is text, and what looks like markup in it is text too (RFC 4287, section 3.1.1.1).
        assert_eq!(title(0), Some("A <b>title</b>"));
        assert_eq!(title(1), Some("]]></title><entry>&\u{202e}"));
        assert_eq!(document.articles[0].guid.as_deref(), Some("urn:uuid:01234567-89ab-8cde-bc00-000000000007"));
        assert_eq!(document.articles[0].enclosures.len(), 2);
    }

    #[test]
    fn languages_and_media_types() {
        assert!(["en", "en-GB", "zh-Hant-TW", "de-1996"].iter().all(|text| is_language(text)));
        assert!(!["", "e", "1a", "en_GB", "en-", "en\"", "abcdefghi"].iter().any(|text| is_language(text)));
        assert!(["audio/mpeg", "application/x.y+xml"].iter().all(|text| is_media_type(text)));
        assert!(!["", "audio", "audio/", "/mpeg", "a/b/c", "a/b; c=d"].iter().any(|text| is_media_type(text)));
    }
}
