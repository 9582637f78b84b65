//! `/feed.json`: JSON Feed 1.1.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::article::{ArticleView, rfc3339};
use super::json;
use super::outlet::{Outlet, changed_at};

#[derive(Serialize)]
struct Feed<'a> {
    version: &'static str,
    title: &'a str,
    home_page_url: &'a str,
    feed_url: &'a str,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// An item has content; one that has none has an empty one.
    content_html: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_published: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_modified: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authors: Vec<Author<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<Attachment<'a>>,
    /// Ours, as the format allows.
    _rssd: Ours<'a>,
}

#[derive(Serialize)]
struct Author<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct Attachment<'a> {
    url: &'a str,
    /// The format asks for one.
    mime_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_in_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_in_seconds: Option<u64>,
}

#[derive(Serialize)]
struct Ours<'a> {
    about: &'a str,
    seq: i64,
    feed: &'a str,
    labels: &'a BTreeMap<String, String>,
}

pub(crate) fn json_feed(outlet: &Outlet<'_>) -> Bytes {
    json::one_line(&Feed {
        version: "https://jsonfeed.org/version/1.1",
        title: outlet.title,
        home_page_url: outlet.home_url,
        feed_url: outlet.self_url,
        items: outlet.articles.iter().map(|article| item(outlet, article)).collect(),
    })
}

fn item<'a>(outlet: &Outlet<'a>, article: &ArticleView<'a>) -> Item<'a> {
    // `summary` is plain text there; what feeds call a summary is mostly HTML. Without content it is the content.
    let content = article.safe_content();
    let is_plain = |summary: &&str| !summary.contains(['<', '&']);
    let summary = article.summary.filter(|summary| content.is_some() && is_plain(summary)).map(Cow::Borrowed);
    Item {
        id: outlet.entry_id(article),
        url: article.url,
        title: article.title,
        content_html: content.or_else(|| article.safe_summary()).unwrap_or_default(),
        summary,
        image: article.image,
        date_published: article.published_at.and_then(rfc3339),
        date_modified: rfc3339(changed_at(article)),
        authors: article.authors.iter().map(|name| Author { name }).collect(),
        tags: article.categories,
        language: article.language,
        attachments: (article.enclosures.iter())
            .map(|enclosure| Attachment {
                url: &enclosure.url,
                mime_type: enclosure.media_type.as_deref().unwrap_or("application/octet-stream"),
                size_in_bytes: enclosure.length_bytes,
                duration_in_seconds: enclosure.duration_s,
            })
            .collect(),
        _rssd: Ours { about: outlet.home_url, seq: article.seq, feed: article.feed, labels: article.labels },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::samples::{Sample, epoch};

    #[test]
    fn items_have_what_the_format_asks_for() {
        let (full, bare) = (Sample::full(), Sample::bare());
        let outlet = Outlet {
            epoch: epoch(),
            title: "rssd",
            home_url: "http://h/",
            self_url: "http://h/feed.json",
            articles: &[full.view(), bare.view()],
        };
        let feed: Value = serde_json::from_slice(&json_feed(&outlet)).unwrap();
        assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
        assert_eq!(
            feed["items"][0],
            json!({
                "id": "urn:uuid:01234567-89ab-8cde-bc00-000000000007",
                "url": "https://example.org/a/1",
                "title": "A <b>title</b>",
                "content_html": "long <img src=\"https://example.org/a/i.png\">",
                "image": "https://example.org/i.png",
                "date_published": "2024-05-06T07:08:09Z",
                "date_modified": "2024-05-06T07:08:09.25Z",
                "authors": [{"name": "Ann"}, {"name": "Ben"}],
                "tags": ["x", "y"],
                "language": "en-GB",
                "attachments": [
                    {"url": "https://example.org/e.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 1234,
                     "duration_in_seconds": 90},
                    {"url": "https://example.org/f", "mime_type": "application/octet-stream"},
                ],
                "_rssd": {
                    "about": "http://h/", "seq": 42, "feed": "bbc-world",
                    "labels": {"category": "world", "country": "GB"},
                },
            })
        );
        assert_eq!(feed["items"][1]["content_html"], "");
        assert_eq!(feed["items"][1].get("url"), None);
    }
}
