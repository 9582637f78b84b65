//! One article, to read.

use super::articles::feed_link;
use super::content;
use super::escape::{link, text};
use super::feeds::labels;
use super::layout::{Layout, Section};
use super::safe::SafeHtml;
use super::words;

/// The page of `/articles/ID`. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArticlePage {
    pub(crate) now_ms: i64,
    pub(crate) seq: i64,
    pub(crate) feed: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) guid: Option<String>,
    pub(crate) authors: Vec<String>,
    pub(crate) summary: Option<SafeHtml>,
    pub(crate) content: Option<SafeHtml>,
    pub(crate) image_url: Option<String>,
    pub(crate) enclosures: Vec<EnclosureLine>,
    pub(crate) categories: Vec<String>,
    pub(crate) language: Option<String>,
    pub(crate) published_at: Option<i64>,
    pub(crate) updated_at: Option<i64>,
    pub(crate) fetched_at: i64,
    /// How often it changed since it was first stored.
    pub(crate) revision: u64,
    /// The page where it is discussed.
    pub(crate) comments_url: Option<String>,
}

/// A file that comes with an article.
#[derive(Clone, Debug)]
pub(crate) struct EnclosureLine {
    pub(crate) url: String,
    pub(crate) media_type: Option<String>,
    pub(crate) length_bytes: Option<u64>,
    /// How long it plays.
    pub(crate) duration_s: Option<u64>,
}

impl ArticlePage {
    pub(crate) fn to_html(&self) -> String {
        let title = self.title.as_deref().unwrap_or("untitled");
        let lang =
            (self.language.as_deref()).map(|language| format!(r#" lang="{}""#, text(language))).unwrap_or_default();
        let main = format!(
            r#"<article class="reading">
<header><p class="meta">{feed} {time}</p>
<h1 dir="auto"{lang}>{title}</h1>
{byline}</header>
<div class="prose" dir="auto"{lang}>{body}</div>
{original}</article>
<section aria-labelledby="facts"><h2 id="facts">As it was published</h2>
<dl class="facts">{facts}</dl></section>"#,
            feed = feed_link(&self.feed),
            time = words::time(self.now_ms, self.published_at.unwrap_or(self.fetched_at)),
            title = text(title),
            byline = self.byline(),
            body = self.body(),
            original = self.original(),
            facts = self.facts(),
        );
        Layout { title, section: Section::Articles, search: "" }.around(&main)
    }

    fn byline(&self) -> String {
        if self.authors.is_empty() {
            return String::new();
        }
        let authors: Vec<String> = self.authors.iter().map(|author| bdi(author)).collect();
        format!(r#"<p class="byline">by {}</p>"#, authors.join(", "))
    }

    /// The content, else the summary: many feeds give the same text as both.
    fn body(&self) -> String {
        match self.content.as_ref().or(self.summary.as_ref()) {
            Some(html) => content::shown(html),
            None => r#"<p class="quiet">The feed gives no text of this article.</p>"#.to_owned(),
        }
    }

    fn original(&self) -> String {
        (self.url.as_deref().and_then(link))
            .map(|link| {
                format!(r#"<p class="original">{}</p>"#, link.around(format_args!("Read it at {}", text(link.host()))))
            })
            .unwrap_or_default()
    }

    fn facts(&self) -> String {
        let address = |url: &str| link(url).map(|link| link.around(text(url)));
        let time = |at: i64| words::time(self.now_ms, at);
        let categories: Vec<String> = self.categories.iter().map(|category| bdi(category)).collect();
        let enclosures: String = self.enclosures.iter().map(EnclosureLine::paragraph).collect();
        let changed = match self.revision {
            0 => None,
            1 => Some("once since it was first stored".to_owned()),
            n => Some(format!("{} times since it was first stored", words::count(n))),
        };
        [
            ("Link", self.url.as_deref().and_then(address)),
            ("Published", self.published_at.map(time)),
            ("Updated", self.updated_at.map(time)),
            ("Fetched", Some(time(self.fetched_at))),
            ("Changed", changed),
            ("Categories", Some(categories.join(", "))),
            ("Files", Some(enclosures)),
            ("Comments", self.comments_url.as_deref().and_then(address)),
            ("Image", self.image_url.as_deref().and_then(address)),
            ("Language", self.language.as_deref().map(bdi)),
            ("Labels", Some(labels(&self.labels))),
            ("Guid", self.guid.as_deref().map(bdi)),
            ("Seq", Some(words::count(self.seq.unsigned_abs()))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(fact(name, &value.filter(|value| !value.is_empty())?)))
        .collect()
    }
}

/// A name and what it is, in markup.
pub(super) fn fact(name: &str, value: &str) -> String {
    format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")
}

/// A text of a feed whose direction is its own.
pub(super) fn bdi(raw: &str) -> String {
    format!("<bdi>{}</bdi>", text(raw))
}

impl EnclosureLine {
    fn paragraph(&self) -> String {
        let file = link(&self.url).map_or_else(|| bdi(&self.url), |link| link.around(text(&self.url)));
        let kind = self.media_type.as_deref().map(|kind| format!(", {}", text(kind))).unwrap_or_default();
        let size = self.length_bytes.map(|n| format!(", {}", words::bytes(n))).unwrap_or_default();
        let plays = self.duration_s.map(|s| format!(", plays {}", words::duration(s.saturating_mul(1000))));
        format!("<p>{file}{kind}{size}{}</p>", plays.unwrap_or_default())
    }
}
