//! What makes an article the same article: its keys.
//!
//! The guid if it means one article, else the link if it means one, else a hash of title and date. Never random and
//! never dependent on the article's position, so that a shuffled document gives the same keys. What a guid or a link
//! means is judged value by value, not feed by feed: one bad guid in a document must not move the keys of the others.
//!
//! What names the feed or the site names no article (the feed's link, title or id; the front page of the link's host).
//! What one document cannot show, guids that mean nothing over time, the store sees by its rows: it then goes by links
//! for the whole feed, which is why an article carries all of its keys.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::document::hex;
use super::text::cut;
use super::tracking;
use crate::article::{Article, FeedMeta, KeyBy, Keys};
use crate::limits::{GUID_BYTES_MAX, KEY_BYTES_MAX};

/// Gives each article of a feed its keys, and sets apart what is the same article a second time, each with its place in
/// the document: the first one counts. `feed_id` is what the feed calls itself, as in Atom.
pub(crate) fn assign(
    mut articles: Vec<Article>,
    feed: &FeedMeta,
    feed_id: Option<&str>,
) -> (Vec<Article>, Vec<(usize, Article)>) {
    let keys = keys(&articles, feed, feed_id);
    let mut seen = HashSet::with_capacity(keys.len());
    let firsts: Vec<bool> = keys.iter().map(|keys| seen.insert(keys.best(KeyBy::Guid))).collect();
    for (article, keys) in articles.iter_mut().zip(keys) {
        article.keys = keys;
        // What is over the limit is let go, and not kept behind a shorter length.
        if let Some(guid) = article.guid.as_mut().filter(|guid| guid.len() > GUID_BYTES_MAX) {
            *guid = cut(guid, GUID_BYTES_MAX).to_owned();
        }
    }
    let mut repeated = Vec::new();
    let mut unique = Vec::with_capacity(articles.len());
    for (place, (article, is_first)) in articles.into_iter().zip(firsts).enumerate() {
        match is_first {
            true => unique.push(article),
            false => repeated.push((place, article)),
        }
    }
    (unique, repeated)
}

fn keys(articles: &[Article], feed: &FeedMeta, feed_id: Option<&str>) -> Vec<Keys> {
    let names: Vec<&str> = [&feed.site_url, &feed.title].into_iter().flatten().map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().chain(feed_id).map(place).collect();
    let names_article = |value: &str, link: Option<&str>| {
        let value = place(value);
        !names.contains(&value) && link.is_none_or(|link| host(link) != value)
    };
    let links: Vec<Option<Cow<'_, str>>> = articles.iter().map(|a| a.url.as_deref().map(link_of)).collect();
    // A guid that two links carry, or a link that two titles carry (a site's front page), means neither.
    let mut link_of_guid: HashMap<&str, Option<Option<&str>>> = HashMap::new();
    let mut title_of_link: HashMap<&str, Option<Option<&str>>> = HashMap::new();
    for (article, link) in articles.iter().zip(&links) {
        let (link, title) = (link.as_deref(), article.title.as_deref());
        if let Some(guid) = article.guid.as_deref() {
            agree(&mut link_of_guid, guid, link.or(title));
        }
        if let Some(link) = link {
            agree(&mut title_of_link, link, title);
        }
    }
    let keys = articles.iter().zip(&links).map(|(article, link)| {
        let link = link.as_deref();
        let guid = article.guid.as_deref().filter(|guid| names_article(guid, link));
        let guid = guid.filter(|guid| matches!(link_of_guid.get(guid), Some(Some(_))));
        let own = link.filter(|own| names_article(own, link));
        let own = own.filter(|own| matches!(title_of_link.get(own), Some(Some(_))));
        Keys { guid: guid.map(guid_key), link: own.map(link_key), hash: hash_key(article) }
    });
    keys.collect()
}

pub(crate) fn guid_key(guid: &str) -> String {
    bounded("guid", guid)
}

/// What a link's key is made of: without its scheme, since sites move to https and back, and without what only says
/// where the reader comes from.
pub(crate) fn link_of(url: &str) -> Cow<'_, str> {
    tracking::strip(url.split_once(':').map_or(url, |(_, rest)| rest))
}

/// The key of a link as [`link_of`] gives it.
pub(crate) fn link_key(link: &str) -> String {
    bounded("link", link)
}

/// A hash of title and date, and of the text where there is no title.
pub(crate) fn hash_key(article: &Article) -> String {
    let mut hash = Sha256::new();
    let text = [&article.title, &article.content, &article.summary].into_iter().flatten().next();
    hash.update(text.map_or("", String::as_str));
    hash.update([0]);
    hash.update(article.published_at.or(article.updated_at).map_or(String::new(), |at| at.to_string()));
    hash.update([0]);
    // Two untitled pictures of one date are told apart by where they are.
    hash.update(if article.title.is_none() { article.url.as_deref().unwrap_or("") } else { "" });
    ["hash:", &hex(&hash.finalize()[..16])].concat()
}

/// An address without what two spellings of it differ in: scheme, `www.`, the slash at the end. Other values as they are.
fn place(value: &str) -> &str {
    ["https:", "http:", "//", "www."].into_iter().fold(value.trim(), without).trim_end_matches('/')
}

/// A text without a beginning, however often it has it. `trim_start_matches` gets ready for a search each time, which costs
/// more than all the rest of a key.
fn without<'a>(text: &'a str, beginning: &str) -> &'a str {
    let mut text = text;
    while let Some(rest) = text.strip_prefix(beginning) {
        text = rest;
    }
    text
}

/// The host of a link, as [`place`] writes it.
fn host(link: &str) -> &str {
    place(link).split(['/', '?', '#']).next().unwrap_or("")
}

/// Remembers what a value was seen with, or that it was seen with different ones.
fn agree<'a>(seen: &mut HashMap<&'a str, Option<Option<&'a str>>>, value: &'a str, with: Option<&'a str>) {
    seen.entry(value).and_modify(|known| *known = known.filter(|k| *k == with)).or_insert(Some(with));
}

/// A key of a kind, its value hashed where it is long. Kinds cannot collide: each has a prefix of its own.
fn bounded(kind: &str, value: &str) -> String {
    if value.len() <= KEY_BYTES_MAX {
        [kind, ":", value].concat()
    } else {
        format!("{kind}-sha256:{}", hex(&Sha256::digest(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article(guid: &str, url: &str, title: &str) -> Article {
        let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
        Article { guid: some(guid), url: some(url), title: some(title), ..Article::default() }
    }

    fn best(article: &Article) -> String {
        article.keys.best(KeyBy::Guid).to_owned()
    }

    fn keys(articles: &[Article]) -> Vec<String> {
        assign(articles.to_vec(), &FeedMeta::default(), None).0.iter().map(best).collect()
    }

    #[test]
    fn guid_then_link_then_hash() {
        let got = keys(&[
            article("g", "http://a/1", "t"),
            article("", "http://a/2", "t"),
            article("", "", "t"),
            article("link://a/2", "http://a/3", "t"),
        ]);
        assert_eq!(got[0], "guid:g");
        assert_eq!(got[1], "link://a/2");
        assert!(got[2].starts_with("hash:") && got[2].len() == 37, "{}", got[2]);
        assert_eq!(got[3], "guid:link://a/2");
    }

    #[test]
    fn a_value_that_several_articles_carry_is_no_key() {
        let got = keys(&[
            article("same", "http://a/1", "1"),
            article("same", "http://a/2", "2"),
            article("own", "http://a/3", "3"),
        ]);
        assert_eq!(got, ["link://a/1", "link://a/2", "guid:own"]);
        let got = keys(&[article("", "http://a/", "1"), article("", "http://a/", "2")]);
        assert!(got.len() == 2 && got.iter().all(|k| k.starts_with("hash:")), "{got:?}");
    }

    #[test]
    fn what_names_the_feed_or_the_site_names_no_article() {
        let feed = FeedMeta {
            site_url: Some("https://www.a.example/blog/".into()),
            title: Some("A blog".into()),
            ..FeedMeta::default()
        };
        for (guid, link, want) in [
            ("http://a.example/blog", "http://a.example/blog/1", "link://a.example/blog/1"),
            ("A blog", "http://a.example/blog/1", "link://a.example/blog/1"),
            ("urn:feed", "http://a.example/blog/1", "link://a.example/blog/1"),
            ("https://b.example/", "http://www.b.example/1?x", "link://www.b.example/1?x"),
            ("https://b.example/", "http://b.example/", "hash:"),
            ("", "http://a.example/blog/", "hash:"),
            ("https://b.example/", "http://c.example/1", "guid:https://b.example/"),
            ("https://a.example/blog/1", "http://a.example/blog/1", "guid:https://a.example/blog/1"),
            ("a blog", "http://a.example/blog/1", "guid:a blog"),
        ] {
            let got = assign(vec![article(guid, link, "t")], &feed, Some("urn:feed")).0;
            assert!(best(&got[0]).starts_with(want), "{guid} {link}: {}", best(&got[0]));
        }
    }

    #[test]
    fn the_same_article_twice_is_one_and_the_first_stays() {
        let mut second = article("g", "http://a/1", "t");
        second.summary = Some("second".into());
        let got = assign(vec![article("g", "http://a/1", "t"), second], &FeedMeta::default(), None).0;
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].summary, None);
    }

    #[test]
    fn keys_do_not_depend_on_order_scheme_or_other_articles() {
        let articles = [
            article("g", "http://a/1", "1"),
            article("", "http://a/2", "2"),
            article("", "", "3"),
            article("g", "http://a/4", "4"),
        ];
        let mut forwards = keys(&articles);
        let mut backwards: Vec<Article> = articles.to_vec();
        backwards.reverse();
        let mut backwards = keys(&backwards);
        forwards.sort();
        backwards.sort();
        assert_eq!(forwards, backwards);
        assert_eq!(keys(&[article("", "http://a/2", "2")]), keys(&[article("", "https://a/2", "2")]));
    }

    #[test]
    fn a_tracking_parameter_makes_no_other_link() {
        let got =
            keys(&[article("", "http://a/2?utm_source=1&id=7", "t"), article("", "https://a/2?id=7&fbclid=2", "t")]);
        assert_eq!(got, ["link://a/2?id=7"]);
    }

    #[test]
    fn an_article_carries_all_of_its_keys() {
        let got = assign(
            vec![article("g", "http://a/1", "1"), article("h", "http://a/", "2"), article("", "http://a/3", "3")],
            &FeedMeta::default(),
            None,
        )
        .0;
        let by_link = got.iter().map(|a| a.keys.best(KeyBy::Link).to_owned()).collect::<Vec<_>>();
        assert_eq!((by_link[0].as_str(), by_link[2].as_str()), ("link://a/1", "link://a/3"));
        // The front page is no article's.
        assert_eq!((&by_link[1], got[1].keys.link.as_deref()), (&got[1].keys.hash, None));
        let others = |article: &Article| article.keys.others(KeyBy::Guid).count();
        assert_eq!((others(&got[0]), others(&got[1]), others(&got[2])), (2, 1, 1));
    }

    #[test]
    fn long_values_are_hashed_whole() {
        let long = "x".repeat(1 << 20);
        let got = keys(&[article(&long, "", ""), article(&format!("{long}y"), "", "")]);
        assert_eq!(got.len(), 2);
        assert!(got.iter().all(|k| k.starts_with("guid-sha256:") && k.len() < 100));
    }
}
