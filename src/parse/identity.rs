//! What makes an article the same article: its key.
//!
//! The guid if it means one article, else the link if it means one, else a hash of title and date. Never random and
//! never dependent on the article's position, so that a shuffled document gives the same keys. What a guid or a link
//! means is judged value by value, not feed by feed: one bad guid in a document must not move the keys of the others,
//! which would bring all of them again as new.
//!
//! What names the feed or the site names no article (the feed's link, title or id; the front page of the link's host).
//! Not seen through: another constant guid while the document holds one article only, as in a feed of the latest
//! alone. Its next article then counts as a change of the first, until two stand in one document.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::document::hex;
use super::text::cut;
use crate::article::{Article, FeedMeta};
use crate::limits::{GUID_BYTES_MAX, KEY_BYTES_MAX};

/// Gives each article of a feed its key, and leaves out what is the same article a second time: the first one stays.
/// `feed_id` is what the feed calls itself, as in Atom.
pub(crate) fn assign(articles: Vec<Article>, feed: &FeedMeta, feed_id: Option<&str>) -> Vec<Article> {
    let mut keys: Vec<String> = Vec::with_capacity(articles.len());
    {
        let names: Vec<&str> = [&feed.site_url, &feed.title].into_iter().flatten().map(String::as_str).collect();
        let names: Vec<&str> = names.into_iter().chain(feed_id).map(place).collect();
        let names_article = |value: &&str, link: Option<&str>| {
            let value = place(value);
            !names.contains(&value) && link.is_none_or(|link| host(link) != value)
        };
        // A guid that two links carry, or a link that two titles carry (a site's front page), means neither.
        let mut link_of_guid: HashMap<&str, Option<Option<&str>>> = HashMap::new();
        let mut title_of_link: HashMap<&str, Option<Option<&str>>> = HashMap::new();
        for article in &articles {
            let (guid, link, title) = parts(article);
            if let Some(guid) = guid {
                agree(&mut link_of_guid, guid, link.or(title));
            }
            if let Some(link) = link {
                agree(&mut title_of_link, link, title);
            }
        }
        for article in &articles {
            let (guid, link, _) = parts(article);
            let guid = guid.filter(|guid| names_article(guid, link));
            let guid = guid.filter(|guid| matches!(link_of_guid.get(guid), Some(Some(_))));
            let link = link.filter(|own| names_article(own, link));
            let link = link.filter(|link| matches!(title_of_link.get(link), Some(Some(_))));
            keys.push(match (guid, link) {
                (Some(guid), _) => bounded("guid", guid),
                (None, Some(link)) => bounded("link", link),
                (None, None) => content_key(article),
            });
        }
    }
    let mut seen = std::collections::HashSet::with_capacity(keys.len());
    let mut unique = Vec::with_capacity(articles.len());
    for (mut article, key) in articles.into_iter().zip(keys) {
        if seen.insert(key.clone()) {
            article.key = key;
            article.guid = article.guid.map(|guid| cut(&guid, GUID_BYTES_MAX).to_owned());
            unique.push(article);
        }
    }
    unique
}

/// An address without what two spellings of it differ in: scheme, `www.`, the slash at the end. Other values as they are.
fn place(value: &str) -> &str {
    let bare = value.trim().trim_start_matches("https:").trim_start_matches("http:").trim_start_matches("//");
    bare.trim_start_matches("www.").trim_end_matches('/')
}

/// The host of a link, as [`place`] writes it.
fn host(link: &str) -> &str {
    place(link).split(['/', '?', '#']).next().unwrap_or("")
}

/// What the key is made of: guid, link without its scheme (sites move to https and back), title.
fn parts(article: &Article) -> (Option<&str>, Option<&str>, Option<&str>) {
    let link = article.url.as_deref().map(|url| url.split_once(':').map_or(url, |(_, rest)| rest));
    (article.guid.as_deref(), link, article.title.as_deref())
}

/// Remembers what a value was seen with, or that it was seen with different ones.
fn agree<'a>(seen: &mut HashMap<&'a str, Option<Option<&'a str>>>, value: &'a str, with: Option<&'a str>) {
    seen.entry(value).and_modify(|known| *known = known.filter(|k| *k == with)).or_insert(Some(with));
}

/// A hash of title and date, and of the text where there is neither.
fn content_key(article: &Article) -> String {
    let mut hash = Sha256::new();
    let text = [&article.title, &article.content, &article.summary].into_iter().flatten().next();
    hash.update(text.map_or("", String::as_str));
    hash.update([0]);
    hash.update(article.published_at.or(article.updated_at).map_or(String::new(), |at| at.to_string()));
    hash.update([0]);
    // Two untitled pictures of one date are told apart by where they are.
    hash.update(if article.title.is_none() { article.url.as_deref().unwrap_or("") } else { "" });
    format!("hash:{}", &hex(&hash.finalize())[..32])
}

/// A key of a kind, its value hashed where it is long. Kinds cannot collide: each has a prefix of its own.
fn bounded(kind: &str, value: &str) -> String {
    if value.len() <= KEY_BYTES_MAX {
        format!("{kind}:{value}")
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

    fn keys(articles: &[Article]) -> Vec<String> {
        assign(articles.to_vec(), &FeedMeta::default(), None).into_iter().map(|a| a.key).collect()
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
            let got = assign(vec![article(guid, link, "t")], &feed, Some("urn:feed"));
            assert!(got[0].key.starts_with(want), "{guid} {link}: {}", got[0].key);
        }
    }

    #[test]
    fn the_same_article_twice_is_one_and_the_first_stays() {
        let mut second = article("g", "http://a/1", "t");
        second.summary = Some("second".into());
        let got = assign(vec![article("g", "http://a/1", "t"), second], &FeedMeta::default(), None);
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
    fn long_values_are_hashed_whole() {
        let long = "x".repeat(1 << 20);
        let got = keys(&[article(&long, "", ""), article(&format!("{long}y"), "", "")]);
        assert_eq!(got.len(), 2);
        assert!(got.iter().all(|k| k.starts_with("guid-sha256:") && k.len() < 100));
    }
}
