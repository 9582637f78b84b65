//! What the parser makes of a document and the store keeps: the project's own words, free of any library's types.
//!
//! Times are milliseconds since 1970, UTC. Absent is `None`, never an empty string.

/// What a document says of the feed itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedMeta {
    pub title: Option<String>,
    /// The page that the feed belongs to, absolute.
    pub site_url: Option<String>,
    pub language: Option<String>,
    pub description: Option<String>,
    pub updated_at: Option<i64>,
    /// RSS `ttl`, in minutes.
    pub ttl_minutes: Option<u32>,
    /// WebSub hub.
    pub hub: Option<String>,
}

/// One item of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// What makes it the same article: unique within its feed, never random, never dependent on its position.
    pub key: String,
    /// As published, trimmed.
    pub guid: Option<String>,
    /// Absolute, http or https.
    pub url: Option<String>,
    /// Plain text.
    pub title: Option<String>,
    pub authors: Vec<String>,
    /// HTML or text as published; sanitised when it is served.
    pub summary: Option<String>,
    /// HTML or text as published; sanitised when it is served.
    pub content: Option<String>,
    pub image_url: Option<String>,
    pub enclosures: Vec<Enclosure>,
    pub categories: Vec<String>,
    pub language: Option<String>,
    pub published_at: Option<i64>,
    pub updated_at: Option<i64>,
}

/// A file that comes with an article.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Enclosure {
    pub url: String,
    pub media_type: Option<String>,
    pub length_bytes: Option<u64>,
}

/// A parsed feed document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub feed: FeedMeta,
    /// In the document's order, one a key.
    pub articles: Vec<Article>,
    /// How many entries were left out because the document held more than `articles_max`.
    pub articles_dropped: usize,
    /// What had to be repaired before the document could be read, in words for a person.
    pub repaired: Vec<String>,
}
