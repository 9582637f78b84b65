//! Documents in, articles out.

use super::*;

mod damage;
mod dialects;
mod killers;

/// 2024-05-05.
const NOW_MS: i64 = 1_714_867_200_000;

fn parse_with(bytes: &[u8], articles_max: usize) -> Result<Document, Failure> {
    let base_url = Url::parse("https://example.org/feeds/all.xml").unwrap();
    parse(&Source { bytes, content_type: None, base_url: &base_url, articles_max, now_ms: NOW_MS })
}

fn read(text: &str) -> Document {
    parse_with(text.as_bytes(), 100).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
}

fn refused(text: &str) -> Failure {
    match parse_with(text.as_bytes(), 100) {
        Ok(document) => panic!("{} articles in {}", document.articles.len(), text::cut(text, 300)),
        Err(failure) => failure,
    }
}

/// What the article goes by while its feed's guids are sane.
fn key(article: &crate::article::Article) -> &str {
    article.keys.best(crate::article::KeyBy::Guid)
}

fn ms(rfc3339: &str) -> Option<i64> {
    Some(rfc3339.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn rss(items: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
         <channel><title>t</title>{items}</channel></rss>"
    )
}

fn titles(document: &Document) -> Vec<&str> {
    document.articles.iter().map(|a| a.title.as_deref().unwrap_or("")).collect()
}
