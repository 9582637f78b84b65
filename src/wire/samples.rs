//! Articles for the tests of every format.

use std::collections::BTreeMap;

use super::{ArticleView, Op};
use crate::article::Enclosure;
use crate::stream::Epoch;

pub(crate) fn epoch() -> Epoch {
    "0123456789abcdef".parse().unwrap()
}

/// What an [`ArticleView`] borrows from.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) seq: i64,
    pub(crate) id: i64,
    pub(crate) op: Op,
    pub(crate) feed: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) guid: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) authors: Vec<String>,
    pub(crate) summary: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) enclosures: Vec<Enclosure>,
    pub(crate) categories: Vec<String>,
    pub(crate) language: Option<String>,
    pub(crate) published_at: Option<i64>,
    pub(crate) updated_at: Option<i64>,
    pub(crate) fetched_at: i64,
    pub(crate) comments: Option<String>,
}

impl Sample {
    /// Nothing but what every article has.
    #[cfg(test)]
    pub(crate) fn bare() -> Sample {
        Sample {
            seq: 1,
            id: 1,
            op: Op::New,
            feed: "f".into(),
            labels: BTreeMap::new(),
            guid: None,
            url: None,
            title: None,
            authors: vec![],
            summary: None,
            content: None,
            image: None,
            enclosures: vec![],
            categories: vec![],
            language: None,
            published_at: None,
            updated_at: None,
            fetched_at: 0,
            comments: None,
        }
    }

    pub(crate) fn full() -> Sample {
        let labels = [("country", "GB"), ("category", "world")];
        Sample {
            seq: 42,
            id: 7,
            op: Op::Updated,
            feed: "bbc-world".into(),
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            guid: Some("g-1".into()),
            url: Some("https://example.org/a/1".into()),
            title: Some("A <b>title</b>".into()),
            authors: vec!["Ann".into(), "Ben".into()],
            summary: Some("<p onclick=x>short".into()),
            content: Some("long <img src=i.png><script>x</script>".into()),
            image: Some("https://example.org/i.png".into()),
            enclosures: vec![
                Enclosure {
                    url: "https://example.org/e.mp3".into(),
                    media_type: Some("audio/mpeg".into()),
                    length_bytes: Some(1234),
                    duration_s: Some(90),
                },
                Enclosure { url: "https://example.org/f".into(), ..Enclosure::default() },
            ],
            categories: vec!["x".into(), "y".into()],
            language: Some("en-GB".into()),
            published_at: Some(1_714_979_289_000),
            updated_at: Some(1_714_979_289_250),
            fetched_at: 1_714_982_400_000,
            comments: Some("https://example.org/a/1#talk".into()),
        }
    }

    pub(crate) fn view(&self) -> ArticleView<'_> {
        ArticleView {
            seq: self.seq,
            id: self.id,
            op: self.op,
            feed: &self.feed,
            labels: &self.labels,
            guid: self.guid.as_deref(),
            url: self.url.as_deref(),
            title: self.title.as_deref(),
            authors: &self.authors,
            summary: self.summary.as_deref(),
            content: self.content.as_deref(),
            image: self.image.as_deref(),
            enclosures: &self.enclosures,
            categories: &self.categories,
            language: self.language.as_deref(),
            published_at: self.published_at,
            updated_at: self.updated_at,
            fetched_at: self.fetched_at,
            comments: self.comments.as_deref(),
        }
    }
}
