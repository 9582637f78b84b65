//! What was committed, in its order, kept apart from the database: what clients and restarts are judged by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::violated;
use crate::store::tests::simulated::Row;

/// A place in the stream, once given out.
pub(super) struct Place {
    pub(super) id: i64,
    pub(super) feed: String,
    /// The place that the article took when it changed.
    pub(super) next: Option<i64>,
}

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) places: BTreeMap<i64, Place>,
    /// By article.
    seqs: HashMap<i64, (i64, i64)>,
    /// Each link of a feed, ever stored, and its article.
    links: HashMap<(i64, String), i64>,
    pub(super) seq_last: i64,
    pub(super) seq_pruned: i64,
}

impl Ledger {
    /// Takes in what a commit has left: `rows` after the last `seq` before it. `name` is a feed's by its id; what `is_vague`
    /// has guids that change, and that was not seen through before.
    pub(super) fn committed(
        &mut self,
        rows: Vec<Row>,
        seq_last: i64,
        name: impl Fn(i64) -> String,
        is_vague: impl Fn(&Row) -> bool,
    ) {
        if seq_last < self.seq_last {
            violated("seq_never_goes_back", format!("from {} to {seq_last}", self.seq_last));
        }
        let mut last = self.seq_last;
        for row in rows {
            if row.seq <= last || row.seq > seq_last || self.places.contains_key(&row.seq) {
                violated("seq_is_given_out_once", format!("{row:?} after {last}, up to {seq_last}"));
            }
            last = row.seq;
            let former = self.seqs.insert(row.id, (row.seq, row.revision));
            if let Some((former, revision)) = former {
                if row.revision != revision + 1 {
                    violated("revisions_count", format!("{row:?} after revision {revision}"));
                }
                self.places.get_mut(&former).expect("it was given out").next = Some(row.seq);
            }
            let known = *self.links.entry((row.feed_id, row.url.clone())).or_insert(row.id);
            if former.is_none() && known != row.id && !is_vague(&row) {
                violated("an_article_is_stored_once", format!("{row:?}, and as article {known}"));
            }
            self.places.insert(row.seq, Place { id: row.id, feed: name(row.feed_id), next: None });
        }
        self.seq_last = seq_last;
    }

    pub(super) fn was_stored(&self, feed_id: i64, link: &str) -> bool {
        self.links.contains_key(&(feed_id, link.to_owned()))
    }

    /// What should be in the database.
    pub(super) fn live(&self) -> impl Iterator<Item = (i64, &Place)> {
        let kept = self.places.range(self.seq_pruned + 1..);
        kept.filter(|(_, place)| place.next.is_none()).map(|(seq, place)| (*seq, place))
    }

    /// Between `after` and `to`, both had by a client: everything that `wants` tells him of is among `got`, unless it has
    /// moved on since.
    pub(super) fn is_missing(
        &self,
        after: i64,
        to: i64,
        got: &BTreeSet<i64>,
        wants: impl Fn(&str) -> bool,
    ) -> Option<i64> {
        if to <= after {
            return None;
        }
        let between = self.places.range(after + 1..=to);
        let missing = |(seq, place): &(&i64, &Place)| place.next.is_none() && wants(&place.feed) && !got.contains(*seq);
        between.filter(missing).map(|(seq, _)| *seq).next()
    }
}
