//! rssd as a feed itself: what `/feed.atom` and `/feed.json` have in common.

use super::article::ArticleView;
use crate::stream::Epoch;

/// What is offered, and from where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlet<'a> {
    /// Of the database: it makes ids of entries unique among all instances, for ever.
    pub(crate) epoch: Epoch,
    pub(crate) title: &'a str,
    /// The status page.
    pub(crate) home_url: &'a str,
    /// The address that was asked, filter and all: another filter is another feed.
    pub(crate) self_url: &'a str,
    /// Newest first.
    pub(crate) articles: &'a [ArticleView<'a>],
}

impl Outlet<'_> {
    /// An article's id, the same however often it changes and whatever the daemon is called: a version 8 UUID
    /// (RFC 9562, section 5.8) of the epoch's 64 bits and the article's number.
    pub(super) fn entry_id(&self, article: &ArticleView<'_>) -> String {
        uuid(self.epoch, article.id.cast_unsigned())
    }

    /// The feed's own id: that of the article that does not exist. Filters tell feeds apart by their address alone.
    pub(super) fn id(&self) -> String {
        uuid(self.epoch, 0)
    }

    /// When anything in it changed last; 1970 where there is nothing.
    pub(super) fn updated_at(&self) -> i64 {
        self.articles.iter().map(|article| article.fetched_at).max().unwrap_or(0)
    }
}

/// 48 + 12 + 4 bits of the epoch, then 58 of the number: more articles than SQLite has rows for.
fn uuid(epoch: Epoch, number: u64) -> String {
    let epoch = epoch.to_bits();
    let low = (epoch & 0xf) << 58 | (number & ((1 << 58) - 1));
    format!(
        "urn:uuid:{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        epoch >> 32,
        epoch >> 16 & 0xffff,
        epoch >> 4 & 0xfff,
        0x8000 | low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// When an article is said to have changed last: what a feed says of itself, else when it came.
pub(super) fn changed_at(article: &ArticleView<'_>) -> i64 {
    article.updated_at.or(article.published_at).unwrap_or(article.fetched_at)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_uuids_and_nobody_elses() {
        let epoch = |text: &str| text.parse::<Epoch>().unwrap();
        assert_eq!(uuid(epoch("0123456789abcdef"), 0), "urn:uuid:01234567-89ab-8cde-bc00-000000000000");
        assert_eq!(uuid(epoch("0123456789abcdef"), 0x1234), "urn:uuid:01234567-89ab-8cde-bc00-000000001234");
        assert_eq!(uuid(epoch("ffffffffffffffff"), (1 << 58) - 1), "urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff");
        let epochs = ["0000000000000000", "0000000000000001", "8000000000000000", "0000000000010000"];
        let all: HashSet<String> =
            epochs.iter().flat_map(|text| [0, 1, 1 << 57].map(|number| uuid(epoch(text), number))).collect();
        assert_eq!(all.len(), 12);
    }
}
