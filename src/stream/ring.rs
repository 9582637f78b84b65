//! The last committed articles, serialised once for all clients at the tip of the stream.
//!
//! It answers exactly as the database would: an article that has changed since leaves its former place, one that was
//! pruned is gone. What it does not hold it does not deny, but says that the client is [`Behind`].
//!
//! Invariants: `seq` grows; between `floor` and `last` nothing that is in the database is missing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::filter::Filter;
use super::subscription::Page;
use crate::limits::{RING_ARTICLES_MAX, RING_BYTES_MAX};

/// The feed an article came from, as far as a filter looks at it. Shared by a feed's articles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) feed: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// One committed article. Made on the thread that read it, so that the HTTP core serialises nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) id: i64,
    pub(crate) origin: Arc<Origin>,
    /// The article as JSON on one line, without its end.
    pub(crate) json: Bytes,
    /// The same as an event; `json` is a part of its bytes and no copy.
    pub(crate) frame: Bytes,
}

/// What the client has had lies before all that the ring holds: the database knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind;

/// How much a ring holds, both together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) articles: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Ring {
    size: Size,
    /// In the order of `seq`. `None` where the article has changed since.
    slots: VecDeque<(i64, Option<Entry>)>,
    /// Where an article's entry is, by its id.
    seq_of: HashMap<i64, i64>,
    bytes: usize,
    /// Everything after it is here.
    floor: i64,
    last: i64,
}

impl Ring {
    /// An empty one. `seq_last` is the database's at that moment: what comes after it will be pushed.
    pub(crate) fn new(seq_last: i64) -> Ring {
        Ring::with_size(seq_last, Size { articles: RING_ARTICLES_MAX, bytes: RING_BYTES_MAX })
    }

    /// One that holds nothing and sends everybody to the database, for what cannot be shared: `raw=1`.
    pub(crate) fn hollow(seq_last: i64) -> Ring {
        Ring::with_size(seq_last, Size { articles: 0, bytes: 0 })
    }

    pub(crate) fn with_size(seq_last: i64, size: Size) -> Ring {
        Ring { size, slots: VecDeque::new(), seq_of: HashMap::new(), bytes: 0, floor: seq_last, last: seq_last }
    }

    /// Takes what was read after its end. Gives whether that moved it, so that whoever waits should look again.
    pub(crate) fn catch_up(&mut self, page: Page) -> bool {
        // What is gone is gone for clients at the tip, too: the same bytes for all.
        self.prune(page.bounds.seq_pruned);
        let has_moved = page.scanned_to > self.last;
        if has_moved {
            page.entries.into_iter().for_each(|entry| self.push(entry));
            self.skip_to(page.scanned_to);
        }
        has_moved
    }

    /// Takes a committed article. Gaps before it are of articles that have changed meanwhile.
    ///
    /// # Panics
    ///
    /// When it does not come after all others: clients have had them, and would never get this one.
    pub(crate) fn push(&mut self, entry: Entry) {
        assert!(entry.seq > self.last, "seq {} was pushed after {}", entry.seq, self.last);
        if let Some(former) = self.seq_of.insert(entry.id, entry.seq) {
            self.vacate(former);
        }
        self.last = entry.seq;
        self.bytes += entry.frame.len();
        self.slots.push_back((entry.seq, Some(entry)));
        while self.slots.len() > self.size.articles || self.bytes > self.size.bytes {
            self.drop_oldest();
        }
    }

    /// Everything up to `seq` was committed, and what was not pushed of it is not here: the publisher lost some, say.
    /// Clients that have not had it ask the database.
    pub(crate) fn skip_to(&mut self, seq: i64) {
        if seq > self.last {
            self.slots.clear();
            self.seq_of.clear();
            self.bytes = 0;
            self.floor = seq;
            self.last = seq;
        }
    }

    /// Retention removed everything up to `seq_pruned`.
    pub(crate) fn prune(&mut self, seq_pruned: i64) {
        while self.slots.front().is_some_and(|(seq, _)| *seq <= seq_pruned) {
            self.drop_oldest();
        }
    }

    /// What comes after `seq`, in order. Nothing when there is nothing.
    ///
    /// # Errors
    ///
    /// The ring does not reach back that far.
    pub(crate) fn after(&self, seq: i64) -> Result<impl DoubleEndedIterator<Item = &Entry>, Behind> {
        if seq < self.floor {
            return Err(Behind);
        }
        let start = self.slots.partition_point(|(at, _)| *at <= seq);
        Ok(self.slots.range(start..).filter_map(|(_, entry)| entry.as_ref()))
    }

    /// The newest `limit` articles that the filter lets through, oldest first; `None` when not as many are here, though
    /// the database may have them.
    pub(crate) fn newest(&self, filter: &Filter, limit: usize) -> Option<Vec<Entry>> {
        let held = self.slots.iter().rev().filter_map(|(_, entry)| entry.as_ref());
        let mut newest: Vec<Entry> =
            held.filter(|entry| filter.lets_through(&entry.origin)).take(limit).cloned().collect();
        newest.reverse();
        (newest.len() == limit).then_some(newest)
    }

    /// The last `seq` pushed or skipped to.
    pub(crate) fn last(&self) -> i64 {
        self.last
    }

    /// How many places are held, those of articles that have changed since among them.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The first place that is held.
    #[cfg(test)]
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.slots.front().map(|(seq, _)| *seq)
    }

    /// Bytes of all that is held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn vacate(&mut self, seq: i64) {
        if let Ok(at) = self.slots.binary_search_by_key(&seq, |(seq, _)| *seq)
            && let Some(entry) = self.slots[at].1.take()
        {
            self.bytes -= entry.frame.len();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((seq, entry)) = self.slots.pop_front() else { return };
        self.floor = seq;
        if let Some(entry) = entry {
            self.bytes -= entry.frame.len();
            self.seq_of.remove(&entry.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::model::{Dice, entry};

    fn seqs(ring: &Ring, after: i64) -> Result<Vec<i64>, Behind> {
        Ok(ring.after(after)?.map(|entry| entry.seq).collect())
    }

    #[test]
    fn the_oldest_leave_by_count_and_by_bytes() {
        let mut ring = Ring::with_size(10, Size { articles: 3, bytes: usize::MAX });
        assert_eq!(seqs(&ring, 10), Ok(vec![]));
        assert_eq!(seqs(&ring, 9), Err(Behind));
        for seq in [11, 12, 14, 17] {
            ring.push(entry(seq, seq, "f"));
        }
        assert_eq!(seqs(&ring, 10), Err(Behind));
        assert_eq!(seqs(&ring, 11), Ok(vec![12, 14, 17]));
        assert_eq!(seqs(&ring, 13), Ok(vec![14, 17]));
        assert_eq!(seqs(&ring, 17), Ok(vec![]));

        let one = entry(1, 1, "f").frame.len();
        let mut ring = Ring::with_size(0, Size { articles: 100, bytes: 2 * one });
        for seq in 1..=5 {
            ring.push(entry(seq, seq, "f"));
            assert!(ring.bytes() <= 2 * one);
        }
        assert_eq!(seqs(&ring, 2), Err(Behind));
        assert_eq!(seqs(&ring, 3), Ok(vec![4, 5]));
    }

    #[test]
    fn an_article_larger_than_the_ring_sends_everybody_to_the_database() {
        let mut ring = Ring::with_size(0, Size { articles: 100, bytes: 1 });
        let mut hollow = Ring::hollow(0);
        for ring in [&mut ring, &mut hollow] {
            ring.push(entry(1, 1, "f"));
            assert_eq!((seqs(ring, 0), seqs(ring, 1), ring.bytes()), (Err(Behind), Ok(vec![]), 0));
        }
    }

    #[test]
    fn a_changed_article_leaves_its_former_place() {
        let mut ring = Ring::new(0);
        for (seq, id) in [(1, 7), (2, 8), (3, 7)] {
            ring.push(entry(seq, id, "f"));
        }
        assert_eq!(seqs(&ring, 0), Ok(vec![2, 3]));
    }

    #[test]
    fn the_newest_are_given_only_where_there_are_enough() {
        let mut ring = Ring::new(0);
        for seq in 1..=4 {
            ring.push(entry(seq, seq, if seq % 2 == 0 { "even" } else { "odd" }));
        }
        let even = Filter::new(["even"], []).unwrap();
        let newest = |filter: &Filter, limit| {
            Some(ring.newest(filter, limit)?.iter().map(|entry| entry.seq).collect::<Vec<_>>())
        };
        assert_eq!(newest(&even, 2), Some(vec![2, 4]));
        assert_eq!(newest(&even, 3), None);
        assert_eq!(newest(&Filter::default(), 3), Some(vec![2, 3, 4]));
    }

    #[test]
    #[should_panic(expected = "seq 5 was pushed after 5")]
    fn what_is_out_of_order_is_refused() {
        let mut ring = Ring::new(4);
        ring.push(entry(5, 1, "f"));
        ring.push(entry(5, 2, "f"));
    }

    #[test]
    fn it_answers_as_a_model_does() {
        let seed = Dice::seed();
        println!("seed {seed}");
        let mut dice = Dice::new(seed);
        for _ in 0..300 {
            // The model keeps everything, and what the ring may have forgotten is below `floor`.
            let mut model: BTreeMap<i64, i64> = BTreeMap::new();
            let size = Size { articles: 1 + dice.below(12), bytes: 1 + dice.below(2_000) };
            let mut last = dice.below(3) as i64;
            let mut ring = Ring::with_size(last, size);
            for _ in 0..dice.below(80) {
                match dice.below(20) {
                    0 => {
                        last += dice.below(3) as i64;
                        ring.skip_to(last);
                    }
                    1 => {
                        let pruned = dice.below(last as usize + 1) as i64;
                        model = model.split_off(&(pruned + 1));
                        ring.prune(pruned);
                    }
                    _ => {
                        last += 1 + dice.below(3) as i64;
                        let id = dice.below(20) as i64;
                        model.retain(|_, known| *known != id);
                        model.insert(last, id);
                        ring.push(entry(last, id, "f"));
                    }
                }
                assert!(ring.slots.len() <= size.articles && ring.bytes() <= size.bytes, "seed {seed}");
                let held: usize = ring.after(ring.floor).unwrap().map(|entry| entry.frame.len()).sum();
                assert_eq!(held, ring.bytes(), "seed {seed}");
                for after in 0..=last {
                    if let Ok(got) = seqs(&ring, after) {
                        let want: Vec<i64> = model.range(after + 1..).map(|(seq, _)| *seq).collect();
                        assert_eq!(got, want, "seed {seed}, after {after}");
                    }
                }
                assert_eq!(seqs(&ring, last), Ok(vec![]), "seed {seed}");
            }
        }
    }
}
