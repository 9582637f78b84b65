//! What holds for every document, however damaged, and for every date in it.

use std::collections::HashSet;
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;
use url::Url;

use super::{Source, charset, date, document as reader, gate, read, repair as repairing};
use crate::article::{Article, Document, KeyBy};
use crate::failure::{Class, Phase};
use crate::fuzzing::{Input, within};
use crate::limits::{
    CONTENT_BYTES_MAX, DATE_AHEAD_MS_MAX, GUID_BYTES_MAX, KEY_BYTES_MAX, LIST_MAX, SUMMARY_BYTES_MAX, TITLE_BYTES_MAX,
    URL_BYTES_MAX,
};

/// 2026-11-27.
const NOW_MS: i64 = 1_795_737_600_000;

/// What reading a document of up to a hundred kilobytes may take, even built for fuzzing.
const READ_MAX: Duration = Duration::from_secs(2);

const CONTENT_TYPES: [Option<&str>; 8] = [
    None,
    Some("application/rss+xml"),
    Some("text/xml; charset=utf-8"),
    Some("text/xml; charset=windows-1252"),
    Some("text/html; charset=\"iso-8859-1\""),
    Some("application/xml; charset=utf-16le"),
    Some("application/feed+json"),
    Some("text/xml; charset=iso-2022-jp"),
];

fn base() -> Url {
    Url::parse("https://feeds.example.co.jp/a/feed.xml?b=c").expect("it is a URL")
}

pub(crate) fn document(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let content_type = input.one_of(CONTENT_TYPES);
    let articles_max = input.one_of([2_000, 3]);
    let (bytes, base_url) = (input.rest(), base());
    let source = Source { bytes, content_type, base_url: &base_url, articles_max, now_ms: NOW_MS };
    // Without the outer net: a panic of ours is a finding, one of feed-rs is caught further in.
    match within(READ_MAX, "reading", || read(&source)) {
        Ok(document) => {
            judge(&document, articles_max);
            assert_eq!(read(&source).expect("it was one"), document, "read twice, it is two documents");
        }
        Err(failure) => {
            let known = matches!(
                failure.class,
                Class::Empty | Class::NotFeed | Class::TooDeep | Class::TooComplex | Class::Parse | Class::Panic
            );
            assert!(known && failure.phase == Phase::Parse, "{failure}");
            assert!(!failure.to_string().contains(char::is_control), "{failure:?}");
            assert!(failure.to_string().len() < 4_096, "{failure}");
        }
    }
    // Pages are looked through for feeds by whoever typed the wrong address.
    for link in within(READ_MAX, "looking for links", || super::links(&source)) {
        assert!(matches!(link.url.scheme(), "http" | "https"), "{}", link.url);
    }
}

fn judge(document: &Document, articles_max: usize) {
    assert!(document.articles.len() + document.articles_repeated.len() <= articles_max);
    let feed = &document.feed;
    line(&feed.title);
    url(&feed.site_url);
    url(&feed.hub);
    moment(feed.updated_at);
    let keys: HashSet<_> = document.articles.iter().map(|article| article.keys.best(KeyBy::Guid)).collect();
    assert_eq!(keys.len(), document.articles.len(), "two articles have one key");
    document.articles.iter().for_each(judge_article);
    for repair in &document.repaired {
        assert!(repair.count > 0, "{repair}");
    }
}

fn judge_article(article: &Article) {
    for key in article.keys.all() {
        assert!(!key.is_empty() && key.len() <= KEY_BYTES_MAX, "{key}");
    }
    line(&article.title);
    article.authors.iter().chain(&article.categories).for_each(|text| line(&Some(text.clone())));
    block(&article.guid, GUID_BYTES_MAX);
    block(&article.summary, SUMMARY_BYTES_MAX);
    block(&article.content, CONTENT_BYTES_MAX);
    for address in [&article.url, &article.image_url, &article.comments_url] {
        url(address);
    }
    let lists = [article.authors.len(), article.categories.len(), article.enclosures.len()];
    assert!(lists.into_iter().all(|length| length <= LIST_MAX), "{lists:?}");
    for enclosure in &article.enclosures {
        url(&Some(enclosure.url.clone()));
        line(&enclosure.media_type);
    }
    let language = article.language.as_deref().unwrap_or("en");
    assert!(language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{language}");
    moment(article.published_at);
    moment(article.updated_at);
}

fn line(text: &Option<String>) {
    let Some(text) = text else { return };
    assert!(!text.is_empty() && text.trim() == text && text.len() <= TITLE_BYTES_MAX, "{text:?}");
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn block(text: &Option<String>, bytes_max: usize) {
    let Some(text) = text else { return };
    assert!(!text.trim().is_empty() && text.len() <= bytes_max, "{text:?}");
    assert!(!text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r')), "{text:?}");
}

fn url(text: &Option<String>) {
    let Some(text) = text else { return };
    let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(matches!(url.scheme(), "http" | "https") && url.has_host() && text.len() <= URL_BYTES_MAX, "{text}");
    assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{text}");
}

fn moment(at_ms: Option<i64>) {
    assert!(at_ms.is_none_or(|at_ms| at_ms > 0 && at_ms <= NOW_MS + DATE_AHEAD_MS_MAX), "{at_ms:?}");
}

/// What the repair makes is a document that quick-xml and the gate take, whatever it was made of.
pub(crate) fn repair(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let articles_max = input.one_of([2_000, 2]);
    let text = charset::to_utf8(input.rest(), None, None);
    let base_url = base();
    let Some(made) = within(READ_MAX, "repairing", || repairing::xml(&text, articles_max, &base_url)) else { return };
    assert!(made.text.starts_with("<rss") && made.text.ends_with("</channel></rss>"), "{}", made.text);
    let (items, depth) = strict(&made.text);
    assert!(items <= articles_max && depth <= 8, "{items} items, {depth} deep: {}", made.text);
    match within(READ_MAX, "judging", || gate::xml(&made.text, articles_max)) {
        Ok(gate::Verdict::Fit(scan)) => {
            let source = Source { bytes: &[], content_type: None, base_url: &base_url, articles_max, now_ms: NOW_MS };
            if let Err(failure) = reader::read(scan.pieces(&made.text), &source) {
                panic!("made of {text:?}: {failure}: {}", made.text);
            }
        }
        Ok(gate::Verdict::Unfit(unfit)) => panic!("made of {text:?}: {}: {}", unfit.why, made.text),
        Err(failure) => assert!(matches!(failure.class, Class::TooComplex | Class::TooDeep), "{failure}"),
    }
}

/// Reads it as strictly as quick-xml can: how many items there are, and how deep elements stand.
fn strict(text: &str) -> (usize, usize) {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let (mut items, mut depth, mut deepest) = (0, 0usize, 0);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Start(tag) => {
                items += usize::from(tag.name().as_ref() == "item");
                depth += 1;
                deepest = deepest.max(depth);
                for attribute in tag.attributes() {
                    attribute.unwrap_or_else(|error| panic!("{error}: {text}"));
                }
            }
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            Event::Empty(_) | Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) => {}
            other => panic!("{other:?}: {text}"),
        }
    }
    assert_eq!(depth, 0, "{text}");
    (items, deepest)
}

pub(crate) fn dates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(at_ms) = date::parse(&text) else { return };
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_else(|error| panic!("{text}: {at_ms}: {error}"));
    assert_eq!(date::parse(&format!(" {text}\n")), Some(at_ms), "{text}");
    // The same moment, written as it should be. A sign before the year is nothing that a feed writes.
    let written = at.to_string();
    if !written.starts_with('-') {
        assert_eq!(date::parse(&written), Some(at_ms), "{text} is {written}");
    }
}
