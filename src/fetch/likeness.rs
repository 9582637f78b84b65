//! Whether two documents are of the same feed, by the titles of their articles. Pure.
//!
//! Titles, because a feed that moves keeps them while its links and often its guids change with the host. Only the
//! smallest few of their hashes are kept: of two sets the hashes below a common bound are a fair sample of both, however large
//! they are (a bottom-k sketch). It judges no single article: that is the key's business.

use crate::article::Article;
use crate::limits::LIKENESS_TITLES_MAX;
use crate::placement;

/// What to remember of a document; `None` where it has no article with a title.
pub(crate) fn of(articles: &[Article]) -> Option<Vec<u8>> {
    let mut hashes: Vec<u32> =
        articles.iter().filter_map(|article| article.title.as_deref()).map(|title| hash(title.trim())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes.truncate(LIKENESS_TITLES_MAX);
    (!hashes.is_empty()).then(|| hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect())
}

/// Whether at least half of the shorter one's titles are in both. `None` where there was nothing to compare with; a document
/// that has lost all its titles is another one.
pub(crate) fn alike(before: Option<&[u8]>, now: Option<&[u8]>) -> Option<bool> {
    let (a, b) = (read(before?), read(now.unwrap_or_default()));
    let bound = bound(&a).min(bound(&b));
    let below = |hashes: &[u32]| hashes.iter().filter(|hash| **hash <= bound).count();
    let common = a.iter().filter(|hash| b.binary_search(hash).is_ok()).count();
    let least = below(&a).min(below(&b));
    // Two large documents may show nothing of each other below the bound, and that is no likeness.
    (!a.is_empty()).then_some(common > 0 && common * 2 >= least)
}

/// Up to which hash everything of the document is known.
fn bound(hashes: &[u32]) -> u32 {
    if hashes.len() < LIKENESS_TITLES_MAX { u32::MAX } else { hashes.last().copied().unwrap_or(u32::MAX) }
}

fn hash(title: &str) -> u32 {
    // The upper half: the hash is mixed, so any half is as good.
    (placement::hash(title.as_bytes()) >> 32) as u32
}

fn read(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|chunk| u32::from_be_bytes(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    fn document(titles: Range<u32>) -> Option<Vec<u8>> {
        let article = |n| Article { title: Some(format!(" Title {n}")), ..Article::default() };
        of(&titles.map(article).collect::<Vec<_>>())
    }

    #[test]
    fn half_of_the_shorter_one_in_common_is_the_same_feed() {
        for (a, b, same) in [
            (0..10, 0..10, Some(true)),
            (0..10, 5..15, Some(true)),
            (0..10, 6..16, Some(false)),
            // The new one lists more, or less.
            (0..40, 0..200, Some(true)),
            (0..200, 160..200, Some(true)),
            // Of many only a sample is known, which may hold none of a few: better not moved to.
            (0..1_000, 998..1_000, Some(false)),
            (0..1_000, 0..1_000, Some(true)),
            (0..1_000, 100..1_100, Some(true)),
            (0..1_000, 900..1_900, Some(false)),
            (0..1_000, 5_000..6_000, Some(false)),
            (0..1, 1..2, Some(false)),
            (0..1, 0..1, Some(true)),
        ] {
            let (left, right) = (document(a.clone()), document(b.clone()));
            assert_eq!(alike(left.as_deref(), right.as_deref()), same, "{a:?} {b:?}");
            assert_eq!(alike(right.as_deref(), left.as_deref()), same, "{b:?} {a:?}");
        }
        assert_eq!(alike(document(0..0).as_deref(), document(0..5).as_deref()), None);
        assert_eq!(alike(document(0..5).as_deref(), document(0..0).as_deref()), Some(false));
    }

    #[test]
    fn what_is_kept_is_small_and_any_bytes_can_be_read() {
        assert_eq!(document(0..5_000).map(|kept| kept.len()), Some(4 * LIKENESS_TITLES_MAX));
        assert_eq!(of(&[Article::default()]), None);
        assert_eq!(alike(Some(b"abc"), Some(b"abcde")), None);
    }
}
