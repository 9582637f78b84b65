//! One client of the stream: where it is, and what it does next.
//!
//! Whoever serves the client asks [`Subscription::next`] and does what it says: send, ask the database and hand over its
//! [`Page`], or wait for the next publication. It is the same for a long poll and for server-sent events; a simulator
//! drives it too.
//!
//! Invariants: what is given goes on after all that was given before; a place is taken for granted only after the ring or
//! the database agreed to it.

use super::cursor::{After, Bounds, Cursor, Epoch, Refusal, judge};
use super::filter::Filter;
use super::ring::{Entry, Ring};
use crate::limits::{ARTICLES_ASKED_DEFAULT, RING_SCAN_MAX};

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    place: Place,
    filter: Filter,
    /// Articles at once.
    limit: usize,
    /// From the tip on, as many as there are.
    flows: bool,
}

/// Where a client wants to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With the newest `limit` articles.
    Newest,
    After(After),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Asked(Start),
    /// All up to it was given, or did not pass the filter.
    At(i64),
}

/// What to do for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send these; with `more` there may be others at once.
    Send { entries: Vec<Entry>, more: bool },
    /// Ask the database for up to `limit` articles from `start` on, and hand over the answer.
    AskDatabase { start: Start, limit: usize },
    /// Enough was looked at for one turn and nothing passed the filter: let others run, then ask again.
    Again,
    /// There is nothing: wait for a publication.
    Wait,
}

/// The database's answer, all of it from one moment.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) bounds: Bounds,
    /// Oldest first, through the filter.
    pub(crate) entries: Vec<Entry>,
    /// Everything up to it was looked at: `bounds.seq_last` if the query came to the end.
    pub(crate) scanned_to: i64,
}

impl Subscription {
    /// `limit` is 1 at least.
    pub(crate) fn new(start: Start, filter: Filter, limit: usize) -> Subscription {
        Subscription { place: Place::Asked(start), filter, limit, flows: false }
    }

    /// For events: `limit` says with how many it begins at the tip, and then comes as much at once as there is, up to a page. Many
    /// small events are one write.
    pub(crate) fn flowing(self) -> Subscription {
        Subscription { flows: true, ..self }
    }

    /// Articles at once.
    fn page(&self) -> usize {
        match self.place {
            Place::Asked(Start::Newest) => self.limit,
            _ if self.flows => self.limit.max(ARTICLES_ASKED_DEFAULT),
            _ => self.limit,
        }
    }

    /// What to do next. `epoch` is the database's.
    pub(crate) fn next(&mut self, ring: &Ring, epoch: Epoch) -> Next {
        let seq = match self.place {
            Place::At(seq) => seq,
            Place::Asked(Start::Newest) => {
                return match ring.newest(&self.filter, self.limit) {
                    Some(entries) => {
                        self.place = Place::At(ring.last());
                        Next::Send { entries, more: false }
                    }
                    None => self.ask(Start::Newest),
                };
            }
            // What is ahead of the ring may have been committed a moment ago, so only the database can tell that it is not.
            Place::Asked(start @ Start::After(After { epoch: named, seq })) => {
                if named.is_some_and(|named| named != epoch) || seq > ring.last() || ring.after(seq).is_err() {
                    return self.ask(start);
                }
                seq
            }
        };
        let Ok(mut entries) = ring.after(seq) else {
            return self.ask(Start::After(After { epoch: Some(epoch), seq }));
        };
        let (page, mut passed) = (self.page(), Vec::new());
        for entry in entries.by_ref().take(RING_SCAN_MAX) {
            self.place = Place::At(entry.seq);
            if self.filter.lets_through(&entry.origin) {
                passed.push(entry.clone());
                if passed.len() == page {
                    break;
                }
            }
        }
        let more = entries.next().is_some();
        if !more {
            // The ring's end may be gaps. A client whose page was read after the ring's last publication is ahead of it.
            self.place = Place::At(seq.max(ring.last()));
        }
        match (passed.is_empty(), more) {
            (false, more) => Next::Send { entries: passed, more },
            (true, true) => Next::Again,
            (true, false) => Next::Wait,
        }
    }

    /// Takes the database's answer; on success its entries are to be sent.
    ///
    /// # Errors
    ///
    /// The client cannot go on from where it was. It hears of it, and if it stays it goes on from the oldest.
    ///
    /// # Panics
    ///
    /// When the answer does not go on from where the client is.
    pub(crate) fn answered(&mut self, page: &Page) -> Result<(), Refusal> {
        let after = match self.place {
            Place::Asked(Start::Newest) => None,
            Place::Asked(Start::After(after)) => Some(after),
            Place::At(seq) => Some(After { epoch: None, seq }),
        };
        if let Some(after) = after {
            if let Err(refusal) = judge(after, &page.bounds) {
                self.place = Place::At(refusal.oldest.seq);
                return Err(refusal);
            }
            let goes_on = page.entries.first().is_none_or(|first| first.seq > after.seq);
            assert!(goes_on && page.scanned_to >= after.seq, "the database's answer lies before the question");
        }
        assert!(
            page.entries.is_sorted_by(|a, b| a.seq < b.seq)
                && page.entries.last().is_none_or(|last| last.seq <= page.scanned_to),
            "the database's answer is out of order"
        );
        self.place = Place::At(page.scanned_to);
        Ok(())
    }

    /// Where the client is; `None` before its first answer.
    pub(crate) fn cursor(&self, epoch: Epoch) -> Option<Cursor> {
        match self.place {
            Place::At(seq) => Some(Cursor { epoch, seq }),
            Place::Asked(_) => None,
        }
    }

    pub(crate) fn filter(&self) -> &Filter {
        &self.filter
    }

    fn ask(&self, start: Start) -> Next {
        Next::AskDatabase { start, limit: self.page() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::cursor::Reason;
    use crate::stream::model::entry;

    const EPOCH: &str = "0123456789abcdef";

    fn epoch() -> Epoch {
        EPOCH.parse().unwrap()
    }

    fn at(after: &str, limit: usize) -> Subscription {
        Subscription::new(Start::After(after.parse().unwrap()), Filter::default(), limit)
    }

    fn ring(floor: i64, seqs: impl IntoIterator<Item = i64>) -> Ring {
        let mut ring = Ring::new(floor);
        seqs.into_iter().for_each(|seq| ring.push(entry(seq, seq, "f")));
        ring
    }

    fn sent(next: Next) -> (Vec<i64>, bool) {
        match next {
            Next::Send { entries, more } => (entries.iter().map(|entry| entry.seq).collect(), more),
            other => panic!("{other:?}"),
        }
    }

    fn page(seqs: &[i64], scanned_to: i64) -> Page {
        let bounds = Bounds { epoch: epoch(), seq_oldest: Some(5), seq_pruned: 4, seq_last: 20 };
        Page { bounds, entries: seqs.iter().map(|&seq| entry(seq, seq, "f")).collect(), scanned_to }
    }

    #[test]
    fn a_client_at_the_tip_is_served_by_the_ring_alone() {
        let mut ring = ring(10, [11, 12, 13]);
        let mut client = at("10", 2);
        assert_eq!(sent(client.next(&ring, epoch())), (vec![11, 12], true));
        assert_eq!(sent(client.next(&ring, epoch())), (vec![13], false));
        assert_eq!(client.next(&ring, epoch()), Next::Wait);
        ring.push(entry(17, 17, "f"));
        assert_eq!(sent(client.next(&ring, epoch())), (vec![17], false));
        assert_eq!(client.cursor(epoch()).unwrap().to_string(), format!("{EPOCH}-17"));
    }

    #[test]
    fn what_the_ring_cannot_know_is_asked_of_the_database() {
        let ring = ring(10, [11]);
        for after in ["9", "0", "12", "9223372036854775807", "fedcba9876543210-11"] {
            let asked = Next::AskDatabase { start: Start::After(after.parse().unwrap()), limit: 3 };
            assert_eq!(at(after, 3).next(&ring, epoch()), asked, "{after}");
        }
        let mut newest = Subscription::new(Start::Newest, Filter::default(), 2);
        assert_eq!(newest.next(&ring, epoch()), Next::AskDatabase { start: Start::Newest, limit: 2 });
        newest.answered(&page(&[7, 11], 11)).unwrap();
        assert_eq!(newest.next(&ring, epoch()), Next::Wait);
    }

    #[test]
    fn the_newest_come_from_the_ring_where_it_has_them() {
        let ring = ring(10, [11, 12, 13]);
        let mut client = Subscription::new(Start::Newest, Filter::default(), 2);
        assert_eq!(sent(client.next(&ring, epoch())), (vec![12, 13], false));
        assert_eq!(client.next(&ring, epoch()), Next::Wait);
    }

    #[test]
    fn a_client_that_flows_begins_with_its_limit_and_then_takes_what_there_is() {
        let mut ring = ring(10, [11, 12]);
        let mut client = Subscription::new(Start::Newest, Filter::default(), 1).flowing();
        assert_eq!(sent(client.next(&ring, epoch())), (vec![12], false));
        (13..16).for_each(|seq| ring.push(entry(seq, seq, "f")));
        assert_eq!(sent(client.next(&ring, epoch())), (vec![13, 14, 15], false));
    }

    #[test]
    fn a_refused_client_goes_on_from_the_oldest() {
        let ring = ring(20, []);
        for (after, reason) in
            [("0", Reason::TooOld), ("21", Reason::FromTheFuture), ("fedcba9876543210-20", Reason::OtherDatabase)]
        {
            let mut client = at(after, 3);
            assert!(matches!(client.next(&ring, epoch()), Next::AskDatabase { .. }));
            let refusal = client.answered(&page(&[], 20)).unwrap_err();
            assert_eq!((refusal.reason, refusal.oldest.seq), (reason, 4), "{after}");
            let ours = After { epoch: Some(epoch()), seq: 4 };
            assert_eq!(client.next(&ring, epoch()), Next::AskDatabase { start: Start::After(ours), limit: 3 });
            client.answered(&page(&[5, 6, 7], 7)).unwrap();
        }
    }

    /// Its page may be newer than the ring's last publication; asking again at once would go round for ever.
    #[test]
    fn a_client_ahead_of_the_ring_waits() {
        let mut ring = ring(10, [11]);
        let mut client = at("8", 5);
        client.next(&ring, epoch());
        client.answered(&page(&[9, 11, 12, 13], 13)).unwrap();
        assert_eq!(client.next(&ring, epoch()), Next::Wait);
        for seq in [12, 13, 14] {
            ring.push(entry(seq, seq, "f"));
        }
        assert_eq!(sent(client.next(&ring, epoch())), (vec![14], false));
    }

    #[test]
    fn a_filter_that_lets_nothing_through_yields_and_moves_on() {
        let many = RING_SCAN_MAX as i64 + 5;
        let ring = ring(0, 1..=many);
        let filter = Filter::new(["other"], []).unwrap();
        let mut client = Subscription::new(Start::After("0".parse().unwrap()), filter, 1);
        assert_eq!(client.next(&ring, epoch()), Next::Again);
        assert_eq!(client.next(&ring, epoch()), Next::Wait);
        assert_eq!(client.cursor(epoch()).unwrap().seq, many);
    }

    #[test]
    #[should_panic(expected = "lies before the question")]
    fn an_answer_to_another_question_is_refused() {
        let mut client = at("12", 3);
        client.next(&ring(20, []), epoch());
        let _ = client.answered(&page(&[12, 13], 13));
    }
}
