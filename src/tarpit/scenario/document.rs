//! Well-formed feeds in four formats: articles in, a document out. The same articles give the same bytes, always.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};

/// The published time of article 0 of every feed: 2025-01-01T00:00:00Z. Article n came n hours later.
const FIRST_ARTICLE_S: i64 = 1_735_689_600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Rss,
    Atom,
    Rdf,
    Json,
}

pub(super) struct Feed {
    pub(super) title: String,
    /// `http://HOST`, without a slash behind it.
    pub(super) site: String,
    /// Newest first.
    pub(super) articles: Vec<Article>,
}

pub(super) struct Article {
    pub(super) guid: String,
    pub(super) title: String,
    pub(super) link: String,
    pub(super) content: String,
    pub(super) published: Timestamp,
}

impl Format {
    /// The formats in turn, by a feed's number, unless one is asked for by name.
    pub(super) fn choose(number: u64, name: Option<&str>) -> Format {
        match (name, number % 4) {
            (Some("rss"), _) => Format::Rss,
            (Some("atom"), _) => Format::Atom,
            (Some("rdf"), _) => Format::Rdf,
            (Some("json"), _) => Format::Json,
            (_, 1) => Format::Rss,
            (_, 2) => Format::Atom,
            (_, 3) => Format::Rdf,
            _ => Format::Json,
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Format::Rss => "application/rss+xml; charset=utf-8",
            Format::Atom => "application/atom+xml; charset=utf-8",
            Format::Rdf => "application/rdf+xml; charset=utf-8",
            Format::Json => "application/feed+json",
        }
    }
}

impl Feed {
    /// Articles `first..end` of a feed, each with about `content_bytes` of content.
    pub(super) fn numbered(title: &str, site: &str, first: u64, end: u64, content_bytes: usize) -> Feed {
        let article = |index: u64| Article {
            guid: format!("{site}/article/{index}"),
            title: format!("{title}, article {index}"),
            link: format!("{site}/article/{index}"),
            content: prose(index, content_bytes),
            published: published(index),
        };
        Feed { title: title.to_string(), site: site.to_string(), articles: (first..end).rev().map(article).collect() }
    }

    /// When the newest article was published.
    pub(super) fn updated(&self) -> Timestamp {
        self.articles.first().map_or_else(|| published(0), |article| article.published)
    }

    pub(super) fn write(&self, format: Format) -> String {
        match format {
            Format::Rss => self.rss(),
            Format::Atom => self.atom(),
            Format::Rdf => self.rdf(),
            Format::Json => self.json(),
        }
    }

    fn rss(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\"><channel><title>{}</title>\
             <link>{}/</link><description>Served by the tarpit</description><language>en</language>\n",
            self.title, self.site
        );
        for article in &self.articles {
            let Article { guid, title, link, content, published } = article;
            let date = rfc2822(*published);
            put(
                &mut out,
                format_args!(
                    "<item><title>{title}</title><link>{link}</link><guid isPermaLink=\"false\">{guid}</guid>\
                     <pubDate>{date}</pubDate><description>{content}</description></item>\n"
                ),
            );
        }
        out + "</channel></rss>\n"
    }

    fn atom(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\
             <title>{}</title><id>{}/</id><link href=\"{}/\"/><updated>{}</updated>\
             <author><name>tarpit</name></author>\n",
            self.title,
            self.site,
            self.site,
            self.updated()
        );
        for article in &self.articles {
            let Article { guid, title, link, content, published } = article;
            put(
                &mut out,
                format_args!(
                    "<entry><title>{title}</title><id>{guid}</id><link href=\"{link}\"/>\
                     <published>{published}</published><updated>{published}</updated>\
                     <content type=\"text\">{content}</content></entry>\n"
                ),
            );
        }
        out + "</feed>\n"
    }

    fn rdf(&self) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
             xmlns=\"http://purl.org/rss/1.0/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
             <channel rdf:about=\"{0}/\"><title>{1}</title><link>{0}/</link>\
             <description>Served by the tarpit</description></channel>\n",
            self.site, self.title
        );
        for article in &self.articles {
            let Article { guid, title, link, content, published } = article;
            put(
                &mut out,
                format_args!(
                    "<item rdf:about=\"{guid}\"><title>{title}</title><link>{link}</link>\
                     <dc:date>{published}</dc:date><description>{content}</description></item>\n"
                ),
            );
        }
        out + "</rdf:RDF>\n"
    }

    fn json(&self) -> String {
        let item = |article: &Article| {
            serde_json::json!({
                "id": article.guid,
                "url": article.link,
                "title": article.title,
                "content_text": article.content,
                "date_published": article.published.to_string(),
            })
        };
        serde_json::json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": self.title,
            "home_page_url": format!("{}/", self.site),
            "items": self.articles.iter().map(item).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// When the article of this number was published.
pub(super) fn published(index: u64) -> Timestamp {
    let hours = i64::try_from(index).unwrap_or(0);
    let first = Timestamp::from_second(FIRST_ARTICLE_S).unwrap_or_default();
    first.checked_add(SignedDuration::from_hours(hours)).unwrap_or(first)
}

/// The date of RSS.
pub(super) fn rfc2822(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&at).unwrap_or_default()
}

/// The date of HTTP (RFC 9110, section 5.6.7).
pub(in crate::tarpit) fn http_date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("a String takes every write");
}

/// Words without markup, other words for each article.
fn prose(seed: u64, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "river", "council", "report", "signal", "harbour", "letter", "winter", "engine", "garden", "border", "market",
        "forest", "bridge", "number", "island", "morning",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = format!("Text of article {seed}.");
    while out.len() < bytes {
        // xorshift64: any sequence will do that is the same everywhere.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.push(' ');
        out.push_str(WORDS[(state % 16) as usize]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_what_it_claims_to_be() {
        for format in [Format::Rss, Format::Atom, Format::Rdf, Format::Json] {
            let text = Feed::numbered("A feed", "http://a.localhost", 0, 7, 100).write(format);
            let feed = feed_rs::parser::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{format:?}: {error}"));
            assert_eq!(feed.entries.len(), 7, "{format:?}");
            let newest = &feed.entries[0];
            assert_eq!(newest.title.as_ref().unwrap().content, "A feed, article 6", "{format:?}");
            assert_eq!(
                newest.published.or(newest.updated).unwrap().timestamp(),
                FIRST_ARTICLE_S + 6 * 3600,
                "{format:?}"
            );
        }
    }

    #[test]
    fn size_follows_the_content() {
        let text = Feed::numbered("A feed", "http://a.localhost", 0, 10, 6000).write(Format::Rss);
        assert!((60_000..70_000).contains(&text.len()), "{}", text.len());
    }

    #[test]
    fn dates_as_each_format_has_them() {
        assert_eq!(http_date(published(0)), "Wed, 01 Jan 2025 00:00:00 GMT");
        assert_eq!(published(25).to_string(), "2025-01-02T01:00:00Z");
        assert!(rfc2822(published(0)).starts_with("Wed, 1 Jan 2025 00:00:00"), "{}", rfc2822(published(0)));
    }
}
