//! What the parser makes of a document and the store keeps: the project's own words, free of any library's types.
//!
//! Times are milliseconds since 1970, UTC. Absent is `None`, never an empty string.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// How often it changes: `sy:updatePeriod` by `sy:updateFrequency`.
    pub update_period: Option<Duration>,
    /// When it does not.
    pub skip: Skip,
    /// WebSub hub.
    pub hub: Option<String>,
}

/// Hours of the day and days of the week, in GMT, in which a feed says that it does not change (RSS 2.0, `skipHours` and
/// `skipDays`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// A bit an hour, the lowest is that from midnight to one.
    pub hours: u32,
    /// A bit a day, the lowest is Monday.
    pub days: u8,
}

impl Skip {
    pub(crate) const ALL_HOURS: u32 = (1 << 24) - 1;
    pub(crate) const ALL_DAYS: u8 = (1 << 7) - 1;

    const DAY_NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    /// 0 to 23; 24 is how RSS 0.91 writes midnight. Any other is none.
    pub(crate) fn add_hour(&mut self, hour: u32) {
        match hour {
            0..24 => self.hours |= 1 << hour,
            24 => self.hours |= 1,
            _ => {}
        }
    }

    /// By its English name; any other is none.
    pub(crate) fn add_day(&mut self, name: &str) {
        if let Some(day) = Skip::DAY_NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) {
            self.days |= 1 << day;
        }
    }

    pub(crate) fn day_names(self) -> impl Iterator<Item = &'static str> {
        (0..7).filter(move |day| self.days & (1 << day) != 0).map(|day| Skip::DAY_NAMES[day])
    }
}

/// A short hash with the number of its making in the first byte, so that one of another making is not compared.
pub type ContentHash = [u8; 16];

/// What can make an article the same article: never random, never dependent on its position. Each kind has a prefix of
/// its own, so one is never taken for another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// `None`: the document gives it no guid, or one that does not mean this article alone.
    pub guid: Option<String>,
    /// `None`: likewise.
    pub link: Option<String>,
    /// Of title and date, for want of something better.
    pub hash: String,
}

/// What the articles of a feed are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyBy {
    #[default]
    Guid,
    /// The feed's guids were seen to mean nothing.
    Link,
}

impl KeyBy {
    pub fn name(self) -> &'static str {
        match self {
            KeyBy::Guid => "guid",
            KeyBy::Link => "link",
        }
    }
}

impl Keys {
    /// The one that counts: unique within its feed.
    pub fn best(&self, by: KeyBy) -> &str {
        let guid = self.guid.as_deref().filter(|_| by == KeyBy::Guid);
        guid.or(self.link.as_deref()).unwrap_or(&self.hash)
    }

    /// Every one that the article may come by, now or once its feed goes by links.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [self.guid.as_deref(), self.link.as_deref(), Some(self.hash.as_str())].into_iter().flatten()
    }

    /// What the article may be known under from a time when its document said less of it, the better first.
    pub fn others(&self, by: KeyBy) -> impl Iterator<Item = &str> {
        let best = self.best(by);
        let lesser = [self.link.as_deref(), Some(self.hash.as_str())].into_iter().flatten();
        lesser.filter(move |key| *key != best)
    }
}

/// One item of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// What makes it the same article.
    pub keys: Keys,
    /// What a reader would notice of it, in a few bytes: another hash is another version of the article.
    pub content_hash: ContentHash,
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
    /// The page where it is discussed, absolute, http or https.
    pub comments_url: Option<String>,
}

/// A file that comes with an article. It has one shape in JSON, `{"url","type","length","duration_s"}`: in the database, over
/// HTTP and from the commands.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Enclosure {
    pub url: String,
    #[serde(rename = "type")]
    pub media_type: Option<String>,
    #[serde(rename = "length")]
    pub length_bytes: Option<u64>,
    /// How long it plays, in whole seconds.
    pub duration_s: Option<u64>,
}

/// A parsed feed document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub feed: FeedMeta,
    /// In the document's order, one a key.
    pub articles: Vec<Article>,
    /// Those that the document lists a second time, each with its place among all that it lists. They are shown and never
    /// stored.
    pub articles_repeated: Vec<(usize, Article)>,
    /// How many entries were left out because the document held more than `articles_max`.
    pub articles_dropped: usize,
    /// What had to be repaired before the document could be read, one a kind.
    pub repaired: Vec<Repair>,
}

/// One kind of damage in a document, and how often it was found. Shown as in `bare ampersand x3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repair {
    pub kind: RepairKind,
    pub count: usize,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str(self.kind.words()),
            count => write!(f, "{} x{count}", self.kind.words()),
        }
    }
}

/// The kinds of damage that are repaired: each has a name for metrics and words for people.
macro_rules! repair_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $words:literal;)*) => {
        /// What may be wrong with a document that can be read all the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RepairKind {
            $($(#[$doc])* $kind,)*
        }

        impl RepairKind {
            /// In the order of their discriminants.
            pub const ALL: [RepairKind; [$(RepairKind::$kind),*].len()] = [$(RepairKind::$kind),*];

            /// A label of metrics: it never changes.
            pub fn name(self) -> &'static str {
                match self {
                    $(RepairKind::$kind => $name,)*
                }
            }

            /// For a person.
            pub fn words(self) -> &'static str {
                match self {
                    $(RepairKind::$kind => $words,)*
                }
            }
        }
    };
}

repair_kinds! {
    BareAmpersand = "bare_ampersand", "bare ampersand";
    /// One that HTML knows and XML does not.
    HtmlEntity = "html_entity", "html entity";
    ControlCharacter = "control_character", "control character";
    /// Which of the two it was cannot be told by one tag.
    Tags = "tags", "unclosed or crossed tag";
    /// What is ill-formed in another way.
    Markup = "markup", "broken markup";
    JunkBefore = "junk_before", "junk before the feed";
    JunkBehind = "junk_behind", "junk behind the feed";
    /// Absent, of no known version, or in the middle of the document.
    Version = "version", "odd version";
    Declaration = "declaration", "odd xml declaration";
    Prefix = "prefix", "prefix that is not declared";
    Nesting = "nesting", "article in an odd place";
    CutOff = "cut_off", "cut off in the middle of an article, which was left out";
    /// The parser refused the feed for the value.
    /// Beyond `articles_max`.
    Dropped = "dropped", "article beyond the limit of a document, which was left out";
    Cut = "cut", "text longer than its limit, which was cut";
    RefusedValue = "refused_value", "value that the parser refuses";
    PanickedValue = "panicked_value", "value that the parser panicked on";
    JsonItems = "json_items", "missing items";
    JsonItem = "json_item", "item that is no object";
    JsonType = "json_type", "value of another type";
    JsonAuthor = "json_author", "author that is no object";
    JsonAttachment = "json_attachment", "attachment without a type";
}
