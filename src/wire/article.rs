//! An article as JSON: the one shape in which the stream, `/articles` and the ring give it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use url::Url;

use super::{json, sse};
use crate::article::Enclosure;
use crate::sanitise::sanitise;
use crate::stream::{Cursor, Entry, Epoch, Origin};

/// A stored article, borrowed from wherever it was read. Times in milliseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct ArticleView<'a> {
    pub(crate) seq: i64,
    pub(crate) id: i64,
    pub(crate) op: Op,
    /// The feed's name.
    pub(crate) feed: &'a str,
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) guid: Option<&'a str>,
    pub(crate) url: Option<&'a str>,
    pub(crate) title: Option<&'a str>,
    pub(crate) authors: &'a [String],
    /// As published.
    pub(crate) summary: Option<&'a str>,
    /// As published.
    pub(crate) content: Option<&'a str>,
    pub(crate) image: Option<&'a str>,
    pub(crate) enclosures: &'a [Enclosure],
    pub(crate) categories: &'a [String],
    pub(crate) language: Option<&'a str>,
    pub(crate) published_at: Option<i64>,
    pub(crate) updated_at: Option<i64>,
    pub(crate) fetched_at: i64,
    /// The page where it is discussed.
    pub(crate) comments: Option<&'a str>,
}

/// What became of it when it got its `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Op {
    New,
    Updated,
}

/// How `summary` and `content` are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Html {
    Sanitised,
    /// `raw=1`.
    AsPublished,
}

/// The contract's article: names and order are fixed.
#[derive(Serialize)]
struct ArticleJson<'a> {
    seq: i64,
    id: i64,
    op: Op,
    feed: &'a str,
    labels: &'a BTreeMap<String, String>,
    guid: Option<&'a str>,
    url: Option<&'a str>,
    title: Option<&'a str>,
    authors: &'a [String],
    summary: Option<Cow<'a, str>>,
    content: Option<Cow<'a, str>>,
    image: Option<&'a str>,
    enclosures: &'a [Enclosure],
    categories: &'a [String],
    language: Option<&'a str>,
    published: Option<String>,
    updated: Option<String>,
    fetched: Option<String>,
    comments: Option<&'a str>,
}

impl<'a> ArticleView<'a> {
    /// One line, without its end.
    pub(crate) fn to_json(&self, html: Html) -> Bytes {
        json::one_line(&self.json(html))
    }

    /// The summary, safe to show.
    pub(crate) fn safe_summary(&self) -> Option<Cow<'a, str>> {
        self.summary.map(|text| sanitise(text, self.base().as_ref()))
    }

    /// The content, safe to show.
    pub(crate) fn safe_content(&self) -> Option<Cow<'a, str>> {
        self.content.map(|text| sanitise(text, self.base().as_ref()))
    }

    fn json(&self, html: Html) -> ArticleJson<'a> {
        let (summary, content) = match html {
            Html::Sanitised => (self.safe_summary(), self.safe_content()),
            Html::AsPublished => (self.summary.map(Cow::Borrowed), self.content.map(Cow::Borrowed)),
        };
        ArticleJson {
            seq: self.seq,
            id: self.id,
            op: self.op,
            feed: self.feed,
            labels: self.labels,
            guid: self.guid,
            url: self.url,
            title: self.title,
            authors: self.authors,
            summary,
            content,
            image: self.image,
            enclosures: self.enclosures,
            categories: self.categories,
            language: self.language,
            published: self.published_at.and_then(rfc3339),
            updated: self.updated_at.and_then(rfc3339),
            fetched: rfc3339(self.fetched_at),
            comments: self.comments,
        }
    }

    fn base(&self) -> Option<Url> {
        self.url.and_then(|url| Url::parse(url).ok())
    }
}

/// Serialises an article for the ring and for pages of the stream, once for everybody.
pub(crate) fn entry(article: &ArticleView<'_>, html: Html, epoch: Epoch, origin: Arc<Origin>) -> Entry {
    let cursor = Cursor { epoch, seq: article.seq };
    let (frame, json) = sse::article(cursor, |bytes| json::write(bytes, &article.json(html)));
    Entry { seq: article.seq, id: article.id, origin, json, frame }
}

/// The long poll's answer, and with a cursor of the other direction that of `/articles`:
/// `{"articles":[...],"cursor":"...","more":false}`.
pub(crate) fn list<'a>(articles: impl IntoIterator<Item = &'a Bytes>, cursor: Option<Cursor>, more: bool) -> Bytes {
    let mut bytes = b"{\"articles\":[".to_vec();
    for (index, article) in articles.into_iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(article);
    }
    bytes.extend_from_slice(b"],\"cursor\":");
    json::write(&mut bytes, &cursor.map(|cursor| cursor.to_string()));
    bytes.extend_from_slice(if more { b",\"more\":true}\n" } else { b",\"more\":false}\n" });
    Bytes::from(bytes)
}

/// Milliseconds only where there are any; `None` for a year that has not four figures.
pub(crate) fn rfc3339(at_ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at_ms).ok()?.to_string();
    at.starts_with(|c: char| c.is_ascii_digit()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::samples::{Sample, epoch};

    #[test]
    fn the_shape_is_the_contracts() {
        let sample = Sample::full();
        let json = sample.view().to_json(Html::Sanitised);
        let want = concat!(
            r#"{"seq":42,"id":7,"op":"updated","feed":"bbc-world","labels":{"category":"world","country":"GB"},"#,
            r#""guid":"g-1","url":"https://example.org/a/1","title":"A <b>title</b>","authors":["Ann","Ben"],"#,
            r#""summary":"<p>short</p>","content":"long <img src=\"https://example.org/a/i.png\">","#,
            r#""image":"https://example.org/i.png","#,
            r#""enclosures":[{"url":"https://example.org/e.mp3","type":"audio/mpeg","length":1234,"duration_s":90},"#,
            r#"{"url":"https://example.org/f","type":null,"length":null,"duration_s":null}],"categories":["x","y"],"language":"en-GB","#,
            r#""published":"2024-05-06T07:08:09Z","updated":"2024-05-06T07:08:09.25Z","fetched":"2024-05-06T08:00:00Z","#,
            r#""comments":"https://example.org/a/1#talk"}"#,
        );
        assert_eq!(std::str::from_utf8(&json).unwrap(), want);
    }

    #[test]
    fn what_is_absent_is_null_and_lists_are_empty() {
        let sample = Sample::bare();
        let json = sample.view().to_json(Html::Sanitised);
        let want = concat!(
            r#"{"seq":1,"id":1,"op":"new","feed":"f","labels":{},"guid":null,"url":null,"title":null,"authors":[],"#,
            r#""summary":null,"content":null,"image":null,"enclosures":[],"categories":[],"language":null,"#,
            r#""published":null,"updated":null,"fetched":"1970-01-01T00:00:00Z","comments":null}"#,
        );
        assert_eq!(std::str::from_utf8(&json).unwrap(), want);
    }

    #[test]
    fn raw_is_as_published() {
        let mut sample = Sample::bare();
        sample.content = Some("<script>x</script>y".into());
        let content = |html| {
            let json: serde_json::Value = serde_json::from_slice(&sample.view().to_json(html)).unwrap();
            json["content"].clone()
        };
        assert_eq!(content(Html::Sanitised), "y");
        assert_eq!(content(Html::AsPublished), "<script>x</script>y");
    }

    #[test]
    fn times() {
        for (at_ms, want) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (1, Some("1970-01-01T00:00:00.001Z")),
            (-1, Some("1969-12-31T23:59:59.999Z")),
            (1_500, Some("1970-01-01T00:00:01.5Z")),
            (i64::MAX, None),
            (i64::MIN, None),
            (-377_705_000_000_000, None),
        ] {
            assert_eq!(rfc3339(at_ms).as_deref(), want);
        }
    }

    #[test]
    fn a_list_is_json() {
        let json = Sample::bare().view().to_json(Html::Sanitised);
        let cursor = Cursor { epoch: epoch(), seq: 1 };
        for (count, cursor, more) in [(0, None, false), (1, Some(cursor), false), (2, Some(cursor), true)] {
            let answer = list(vec![&json; count], cursor, more);
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["articles"].as_array().unwrap().len(), count);
            assert_eq!(answer["cursor"].as_str(), cursor.map(|cursor| cursor.to_string()).as_deref());
            assert_eq!(answer["more"], more);
        }
    }

    #[test]
    fn an_entry_holds_its_json_once() {
        let entry = entry(&Sample::full().view(), Html::Sanitised, epoch(), Arc::default());
        assert_eq!(entry.json, Sample::full().view().to_json(Html::Sanitised));
        let (frame, json) = (entry.frame.as_ptr_range(), entry.json.as_ptr_range());
        assert!(frame.start <= json.start && json.end <= frame.end);
    }
}
