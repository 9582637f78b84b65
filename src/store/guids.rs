//! Whether a feed's guids mean anything, judged by a document and what is stored of the feed; and what the stored
//! articles are known by once they do not.
//!
//! Pure. Two kinds of guids mean nothing: those that are new at each request, under which every article would come again
//! and again, and one that a feed of a single article gives to whatever stands in it, under which every article would be
//! a change of the first. Both show themselves only against the rows. The verdict holds for the whole feed and for good:
//! articles under keys of two kinds, today these and tomorrow those, would be doubled at each change.
//!
//! A wrong verdict costs little: the articles of a feed that goes by links are those that it had by guids, unless one
//! link leads to several.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::article::{Article, KeyBy};
use crate::parse::identity::{link_key, link_of};

/// A stored article, as far as it can be told from others.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) url: Option<String>,
    pub(super) title: Option<String>,
    /// Published, or else updated.
    pub(super) at: Option<i64>,
    /// As in [`Keys`](crate::article::Keys).
    pub(super) hash: String,
}

/// What speaks against the guids of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many articles came under new guids.
    Renamed(usize),
    /// One guid stood for two articles.
    Reused,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Renamed(count) => write!(f, "{count} known articles came under new guids"),
            Verdict::Reused => f.write_str("one guid stood for two articles"),
        }
    }
}

/// What a document's articles that have a guid are to the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Evidence {
    /// Known by their guids.
    kept: usize,
    /// Stored under another guid, with the same link and title.
    renamed: usize,
    /// Of these, with the same date.
    dated: usize,
    /// Removed by retention, under a link that is theirs.
    buried: usize,
    /// Never seen.
    fresh: usize,
}

impl Evidence {
    /// Articles that are new say nothing either way.
    fn judge(&self) -> Option<Verdict> {
        let moved = self.renamed + self.buried;
        let most = moved >= 5 && moved >= 4 * self.kept;
        // A few could be new articles under an old headline, if it were not for their dates.
        // Two of them are enough among any number of new ones: a feed may publish nearly a document between two polls.
        let few = self.kept == 0 && self.dated == moved && (self.dated > self.fresh || self.dated >= 2);
        (most || few).then_some(Verdict::Renamed(moved))
    }
}

/// Whether enough guids of a document are new for a look at the rows; `known` says of each article whether its key is.
pub(super) fn are_suspicious(articles: &[Article], known: &[bool]) -> bool {
    let with_guid = articles.iter().zip(known).filter(|(article, _)| article.keys.guid.is_some());
    let (count, new) = with_guid.fold((0, 0), |(count, new), (_, known)| (count + 1, new + usize::from(!known)));
    new > 0 && 5 * new >= 4 * count
}

/// A single article under the guid of a row that has another link and another title.
pub(super) fn is_reused(article: &Article, row: &Row) -> bool {
    let differ = |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| one != other);
    let link = |url: &Option<String>| url.as_deref().map(|url| link_of(url).into_owned());
    differ(link(&article.url).as_deref(), link(&row.url).as_deref())
        && differ(article.title.as_deref(), row.title.as_deref())
}

/// Judges a document against the feed's newest `rows`, newest first. `known` as above; `is_buried` says whether retention
/// has removed an article with that key.
pub(super) fn judge(
    articles: &[Article],
    known: &[bool],
    rows: &[Row],
    mut is_buried: impl FnMut(&str) -> bool,
) -> Option<Verdict> {
    let mut evidence = Evidence::default();
    let matches = matches(articles, rows);
    for ((article, known), row) in articles.iter().zip(known).zip(matches) {
        if article.keys.guid.is_none() {
            continue;
        }
        match row {
            _ if *known => evidence.kept += 1,
            Some(row) => {
                evidence.renamed += 1;
                let at = article.published_at.or(article.updated_at);
                evidence.dated += usize::from(at.is_some() && at == rows[row].at);
            }
            None if is_buried(article.keys.best(KeyBy::Link)) => evidence.buried += 1,
            None => evidence.fresh += 1,
        }
    }
    evidence.judge()
}

/// The keys that rows get once their feed goes by links: (`id`, key), one a row and no key twice. `rows` are the newest,
/// newest first. Where several have one link it becomes the key of the one in the document, or else of the newest; the
/// others keep their guids.
pub(super) fn keys_by_link(articles: &[Article], rows: &[Row]) -> Vec<(i64, String)> {
    let mut taken: HashSet<String> = rows.iter().filter(|row| !has_guid(row)).map(|row| row.key.clone()).collect();
    let mut keys = Vec::new();
    let mut done = HashSet::new();
    let by_guid: HashMap<&str, usize> = rows.iter().enumerate().map(|(n, row)| (row.key.as_str(), n)).collect();
    let own = |article: &Article| {
        let row = *by_guid.get(article.keys.guid.as_deref()?)?;
        (!(articles.len() == 1 && is_reused(article, &rows[row]))).then_some(row)
    };
    for (article, matched) in articles.iter().zip(matches(articles, rows)) {
        let Some(row) = own(article).or(matched) else { continue };
        let key = article.keys.best(KeyBy::Link);
        if !taken.contains(key) && done.insert(row) {
            taken.insert(key.to_owned());
            keys.push((rows[row].id, key.to_owned()));
        }
    }
    // Links that mean no article, as the document has just shown.
    let nameless = articles.iter().filter(|article| article.keys.link.is_none());
    let nameless: HashSet<_> = nameless.filter_map(|article| Some(link_of(article.url.as_deref()?))).collect();
    for (n, row) in rows.iter().enumerate().filter(|(_, row)| has_guid(row)) {
        let link = row.url.as_deref().map(link_of).filter(|link| !nameless.contains(link));
        let key = link.map_or_else(|| row.hash.clone(), |link| link_key(&link));
        if !done.contains(&n) && !taken.contains(&key) {
            taken.insert(key.clone());
            keys.push((row.id, key));
        }
    }
    keys
}

/// For each article the row that has its link and title under another guid; no row twice.
///
/// Where the link means no article, title and date must agree. Where two articles of the document share it, it shows
/// nothing: a page that says "build finished" again and again has a guid for each.
fn matches(articles: &[Article], rows: &[Row]) -> Vec<Option<usize>> {
    let mut by_link: HashMap<String, Vec<usize>> = HashMap::new();
    let mut by_hash: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, row) in rows.iter().enumerate().filter(|(_, row)| has_guid(row)) {
        if let Some(url) = &row.url {
            by_link.entry(link_key(&link_of(url))).or_default().push(n);
        }
        by_hash.entry(&row.hash).or_default().push(n);
    }
    let mut shares: HashMap<&str, usize> = HashMap::new();
    for article in articles {
        *shares.entry(article.keys.best(KeyBy::Link)).or_default() += 1;
    }
    let mut claimed = HashSet::new();
    let find = |article: &Article| {
        let key = article.keys.best(KeyBy::Link);
        if shares.get(key) != Some(&1) {
            return None;
        }
        let candidates = match &article.keys.link {
            Some(link) => by_link.get(link),
            None => by_hash.get(article.keys.hash.as_str()),
        };
        let is_it = |n: &&usize| {
            let row = &rows[**n];
            row.title == article.title && Some(&row.key) != article.keys.guid.as_ref() && !claimed.contains(*n)
        };
        let found = candidates?.iter().find(is_it).copied()?;
        claimed.insert(found);
        Some(found)
    };
    articles.iter().map(find).collect()
}

fn has_guid(row: &Row) -> bool {
    row.key.starts_with("guid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::FeedMeta;
    use crate::parse::identity;

    /// `guid link title date`, `-` for none.
    fn article(line: &str) -> Article {
        let mut words = line.split(' ');
        let mut next = || words.next().filter(|word| *word != "-").map(str::to_owned);
        let (guid, link, title, at) = (next(), next(), next(), next());
        Article {
            guid,
            url: link.map(|link| format!("http://a/{link}")),
            title,
            published_at: at.map(|at| at.parse().unwrap()),
            ..Article::default()
        }
    }

    fn document(lines: &[&str]) -> Vec<Article> {
        identity::assign(lines.iter().map(|line| article(line)).collect(), &FeedMeta::default(), None).0
    }

    fn rows(lines: &[&str]) -> Vec<Row> {
        let row = |(n, article): (usize, Article)| Row {
            id: n as i64,
            key: article.keys.best(KeyBy::Guid).to_owned(),
            hash: identity::hash_key(&article),
            url: article.url,
            title: article.title,
            at: article.published_at,
        };
        // One by one, as they came.
        lines.iter().flat_map(|line| document(&[line])).enumerate().map(row).collect()
    }

    fn verdict(stored: &[&str], shown: &[&str]) -> Option<Verdict> {
        let (articles, rows) = (document(shown), rows(stored));
        let is_known = |article: &Article| rows.iter().any(|row| row.key == article.keys.best(KeyBy::Guid));
        let known: Vec<bool> = articles.iter().map(is_known).collect();
        let judged = judge(&articles, &known, &rows, |_| false);
        assert!(judged.is_none() || are_suspicious(&articles, &known), "it would not have been looked at");
        judged
    }

    #[test]
    fn guids_that_are_new_each_time_are_seen_through() {
        let stored = ["g1 1 A", "g2 2 B", "g3 3 C", "g4 4 D", "g5 5 E", "g6 6 F"];
        let dated = ["g1 1 A 1", "g2 2 B 2", "g3 3 C 3"];
        for (stored, shown, want) in [
            (&stored[..], &["h1 1 A", "h2 2 B", "h3 3 C", "h4 4 D", "h5 5 E", "h6 6 F"][..], Some(6)),
            // In another order, with new articles, and some gone.
            (&stored, &["h6 6 F", "n7 7 G", "h5 5 E", "n8 8 H", "h4 4 D", "h3 3 C", "h2 2 B"], Some(5)),
            // One in five kept its guid.
            (&stored, &["h1 1 A", "h2 2 B", "h3 3 C", "h4 4 D", "h5 5 E", "g6 6 F"], Some(5)),
            (&stored, &["h1 1 A", "h2 2 B", "h3 3 C", "h4 4 D", "g5 5 E", "g6 6 F"], None),
            // Nothing of it is known.
            (&stored, &["h1 11 A", "h2 12 B", "h3 13 C", "h4 14 D", "h5 15 E", "h6 16 F"], None),
            (&stored, &["h1 1 AA", "h2 2 BB", "h3 3 CC", "h4 4 DD", "h5 5 EE", "h6 6 FF"], None),
            // A few show it only with their dates.
            (&stored, &["h1 1 A", "h2 2 B", "h3 3 C"], None),
            (&dated, &["h1 1 A 1", "h2 2 B 2", "h3 3 C 3"], Some(3)),
            (&dated, &["h1 1 A 1"], Some(1)),
            (&dated, &["h1 1 A 2"], None),
            (&dated, &["h1 1 A 1", "n9 9 N 9"], None),
            (&dated, &["n7 7 M 7", "h3 3 C 3", "n8 8 L 8", "h2 2 B 2", "n9 9 N 9"], Some(2)),
            (&dated, &["n7 7 M 7", "h3 3 C 3", "n8 8 L 8", "h2 2 B 4", "n9 9 N 9"], None),
            (&dated, &["h1 1 A 1", "g2 2 B 2"], None),
            // By title and date where there is no link, or is none any more.
            (&dated, &["h1 - A 1", "h2 - B 2"], Some(2)),
            (&["g1 - A 1", "g2 - B 2"], &["h1 - A 1", "h2 - B 2"], Some(2)),
            // One page, one headline, a guid for each: these are news.
            (
                &["g1 x Built", "g2 x Built", "g3 x Built", "g4 x Built", "g5 x Built"],
                &["h1 x Built", "h2 x Built", "h3 x Built", "h4 x Built", "h5 x Built"],
                None,
            ),
            // Without guids there is nothing to see through.
            (&stored, &["- 1 A", "- 2 B", "- 3 C", "- 4 D", "- 5 E"], None),
            (&[], &["h1 1 A", "h2 2 B", "h3 3 C", "h4 4 D", "h5 5 E"], None),
        ] {
            assert_eq!(verdict(stored, shown), want.map(Verdict::Renamed), "{shown:?}");
        }
    }

    #[test]
    fn what_retention_removed_speaks_too() {
        let articles = document(&["h1 1 A", "h2 2 B", "h3 3 C", "h4 4 D", "h5 5 E"]);
        let judged = judge(&articles, &[false; 5], &[], |key| key.starts_with("link:"));
        assert_eq!(judged, Some(Verdict::Renamed(5)));
        assert_eq!(judge(&articles[..4], &[false; 4], &[], |_| true), None);
    }

    #[test]
    fn a_guid_for_two_articles_is_one_for_none() {
        for (stored, shown, want) in [
            ("g 1 A", "g 2 B", true),
            ("g 1 A", "g 1 B", false),
            ("g 1 A", "g 2 A", false),
            ("g - A", "g - B", false),
            ("g 1 -", "g 2 -", false),
        ] {
            assert_eq!(is_reused(&document(&[shown])[0], &rows(&[stored])[0]), want, "{stored}, {shown}");
        }
    }

    #[test]
    fn rows_get_the_keys_that_the_document_has_for_them() {
        for (stored, shown, want) in [
            (&["g1 1 A", "g2 2 B"][..], &["h1 1 A", "h2 2 B"][..], &[Some("link://a/1"), Some("link://a/2")][..]),
            // What has left the document, too; and where a link is there twice, the newest.
            (&["g1 1 A", "g2 2 B", "g3 2 C"], &["h1 1 A"], &[Some("link://a/1"), Some("link://a/2"), None]),
            // The one that the document shows comes before the newest.
            (&["g3 2 C", "g2 2 B"], &["h1 2 B"], &[None, Some("link://a/2")]),
            // What went by its link already keeps it.
            (&["- 1 A", "g2 1 A"], &["h1 1 A"], &[None, None]),
            // A constant guid.
            (&["g 1 A"], &["g 2 B"], &[Some("link://a/1")]),
            // The front page is nobody's link.
            (&["g1 1 A 1", "g2 - B 2"], &["h2 - B 2"], &[Some("link://a/1"), Some("hash:")]),
        ] {
            let keys: HashMap<i64, String> = keys_by_link(&document(shown), &rows(stored)).into_iter().collect();
            for (id, want) in want.iter().enumerate() {
                let got = keys.get(&(id as i64)).map(String::as_str);
                assert!(
                    got.map_or(want.is_none(), |got| want.is_some_and(|want| got.starts_with(want))),
                    "{shown:?} {keys:?}"
                );
            }
        }
    }
}
