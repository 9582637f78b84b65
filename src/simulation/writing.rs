//! The writer, the hub that fills the ring, and retention: what `store::writer_loop` and `http::hub` do on their threads.

use super::publishers::source_of;
use super::violated;
use super::world::{Event, World};
use crate::config::Feed;
use crate::core::Command;
use crate::http::{Range, page_of};
use crate::limits::WRITER_REQUESTS_MAX;
use crate::roster::Change;
use crate::store::tests::simulated::Row;
use crate::store::{Postponed, StoreFault, StoredArticle};
use crate::stream::{Entry, Filter, Page};

/// Articles that the hub reads at once.
const HUB_READS: usize = 20;

/// What is asked of the writer beside storing polls.
pub(super) enum Request {
    Postpone(Vec<Postponed>),
    Register(Vec<Feed>),
}

/// Where the hub is.
#[derive(Default)]
pub(super) struct Hub {
    is_reading: bool,
    /// There was a commit since it looked.
    is_told: bool,
}

impl World {
    /// The writer goes on within so many milliseconds, unless it is about to already.
    pub(super) fn writer_has_work(&mut self, within_ms: usize) {
        let life = self.life.as_mut().expect("it is running");
        if !std::mem::replace(&mut life.is_writing, true) {
            self.soon(within_ms, Event::Write);
        }
    }

    /// Asked by a core, which does not wait.
    pub(super) fn ask_to_postpone(&mut self, postponed: Vec<Postponed>) {
        let life = self.life.as_mut().expect("it is running");
        if !postponed.is_empty() && life.requests.len() < WRITER_REQUESTS_MAX / 2 {
            life.requests.push_back(Request::Postpone(postponed));
            self.writer_has_work(40);
        }
    }

    /// The operator has the configuration read again; one time after the other.
    pub(super) fn ask_for_reload(&mut self) {
        let Some(life) = self.life.as_mut().filter(|life| !life.is_reloading && !life.is_draining) else { return };
        life.is_reloading = true;
        life.requests.push_back(Request::Register(self.config.clone()));
        self.writer_has_work(40);
    }

    pub(super) fn write(&mut self) {
        let life = self.life.as_mut().expect("events die with the daemon");
        life.is_writing = false;
        let asks_first = life.queue.is_empty() || self.dice.below(2) == 0;
        // A full disk, or another program's lock.
        let is_refused = !self.is_quiet && self.dice.below(25) == 0;
        if is_refused {
            self.db.fail();
        }
        let is_done = match life.requests.pop_front().filter(|_| asks_first || life.queue.is_empty()) {
            Some(request) => self.answer(request),
            None => self.store(),
        };
        let Some(life) = &self.life else { return };
        if !life.queue.is_empty() || !life.requests.is_empty() {
            self.writer_has_work(if is_done { 20 } else { 2_000 });
        }
    }

    fn answer(&mut self, request: Request) -> bool {
        let wall_ms = self.moment().wall_ms;
        match request {
            Request::Postpone(postponed) => match self.db.postpone(&postponed) {
                Some(()) => true,
                None => {
                    self.life.as_mut().expect("it is running").requests.push_front(Request::Postpone(postponed));
                    false
                }
            },
            Request::Register(feeds) => match self.db.register(&feeds, wall_ms) {
                Some(records) => {
                    self.judge.registered(&feeds, &records);
                    // The main thread has read what it asked with.
                    let edited = std::mem::replace(&mut self.config, feeds);
                    let entrants = self.subscribe(records);
                    self.config = edited;
                    let life = self.life.as_mut().expect("it is running");
                    let Change { puts, removes, plan } = life.roster.take_over(entrants);
                    life.is_reloading = false;
                    self.note(format_args!("a reload: {plan:?}"));
                    for (core, (put, remove)) in puts.into_iter().zip(removes).enumerate() {
                        let commands = [
                            (!remove.is_empty()).then_some(Command::Remove(remove)),
                            (!put.is_empty()).then_some(Command::Put(put)),
                        ];
                        for command in commands.into_iter().flatten() {
                            self.life.as_mut().expect("it is running").cores[core].mailbox.push_back(command);
                            self.soon(30, Event::Command(core));
                        }
                    }
                    true
                }
                None => {
                    self.life.as_mut().expect("it is running").requests.push_front(Request::Register(feeds));
                    false
                }
            },
        }
    }

    /// Commits what waits, as far as one transaction goes.
    fn store(&mut self) -> bool {
        let life = self.life.as_mut().expect("it is running");
        if life.queue.is_empty() {
            return true;
        }
        let waiting = life.queue.len();
        let seen_through = self.db.seen_through();
        let Some(batch) = self.db.commit(life.queue.iter()) else {
            self.note(format_args!("a commit of {waiting} polls fails"));
            self.nothing_was_committed();
            return false;
        };
        self.outcome.commits += 1;
        let rows = self.db.rows_after(self.ledger.seq_last);
        let names = &self.names;
        let sources = &self.publishers.sources;
        let is_vague = |row: &Row| !seen_through.contains(&row.feed_id) && source_of(&row.url, sources).has_new_guids();
        self.ledger.committed(rows, batch.seq_last, |id| names[&id].clone(), is_vague);
        let stored = batch.results.len();
        self.note(format_args!(
            "a commit of {stored} polls: {} articles up to {}",
            batch.article_count, batch.seq_last
        ));
        let life = self.life.as_mut().expect("it is running");
        let records: Vec<_> = life.queue.drain(..stored).collect();
        let polls: Vec<_> = life.queued.drain(..stored).collect();
        for (poll, result) in polls.iter().zip(&batch.results) {
            match result {
                Ok(_) => self.was_stored(*poll),
                Err(StoreFault::Superseded) => {}
                Err(fault) => violated("no_poll_is_refused", fault.to_string()),
            }
        }
        // Between the commit and the first who hears of it.
        if !self.is_quiet && self.dice.below(150) == 0 {
            self.end("it is killed behind a commit");
            return true;
        }
        for ((record, poll), result) in records.into_iter().zip(polls).zip(batch.results) {
            // The core may have given the poll up; it is stored all the same.
            let _ = record.done.send(result);
            self.soon(5, Event::Settled(poll));
        }
        self.committed();
        true
    }

    fn nothing_was_committed(&self) {
        let seq_last = self.db.ask(|db| db.bounds()).map_or(0, |bounds| bounds.seq_last);
        if seq_last != self.ledger.seq_last || !self.db.rows_after(seq_last).is_empty() {
            violated("what_was_not_committed_is_nowhere", format!("seq {seq_last}"));
        }
    }

    /// Retention does a bit of its work, whenever the writer has nothing else to do.
    pub(super) fn retire(&mut self) {
        let wall_ms = self.moment().wall_ms;
        if self.life.is_none() || self.db.retire(wall_ms) == 0 {
            return;
        }
        let bounds = self.db.ask(|db| db.bounds()).expect("it can be read");
        self.ledger.seq_pruned = bounds.seq_pruned;
        self.note(format_args!("retention removes up to {}", bounds.seq_pruned));
        self.committed();
        self.soon(100, Event::Retire);
    }

    /// The hub hears that there is something to look at.
    pub(super) fn committed(&mut self) {
        let hub = &mut self.life.as_mut().expect("it is running").hub;
        hub.is_told = true;
        if !std::mem::replace(&mut hub.is_reading, true) {
            self.soon(10, Event::HubReads);
        }
    }

    /// A reader's thread looks for the hub.
    pub(super) fn hub_reads(&mut self) {
        let life = self.life.as_mut().expect("events die with the daemon");
        life.hub.is_told = false;
        let range = Range::After(life.ring.last());
        let page = self.page(range, &Filter::default(), HUB_READS);
        self.soon(20, Event::HubTakes(page));
    }

    pub(super) fn hub_takes(&mut self, page: Page) {
        let life = self.life.as_mut().expect("events die with the daemon");
        let more = page.scanned_to < page.bounds.seq_last;
        let seq_pruned = page.bounds.seq_pruned;
        if life.ring.catch_up(page) {
            life.wake.publish();
        }
        if life.ring.oldest().is_some_and(|oldest| oldest <= seq_pruned) {
            violated("what_retention_removed_leaves_the_ring", format!("{seq_pruned}"));
        }
        if life.ring.len() > life.ring_size.articles || life.ring.bytes() > life.ring_size.bytes {
            violated("the_ring_is_bounded", format!("{} articles", life.ring.len()));
        }
        let goes_on = more || life.hub.is_told;
        life.hub.is_reading = goes_on;
        if goes_on {
            self.soon(10, Event::HubReads);
        }
        self.wake_clients();
    }

    /// What a reader finds, at this moment.
    pub(super) fn page(&self, range: Range, filter: &Filter, limit: usize) -> Page {
        let entry = |article: &StoredArticle, origin| {
            let bytes = format!("{}/{}", article.seq, article.id).into_bytes();
            let bytes = hyper::body::Bytes::from(bytes);
            Entry { seq: article.seq, id: article.id, origin, json: bytes.clone(), frame: bytes }
        };
        self.db.ask(|db| page_of(db, range, filter, limit, self.epoch, entry)).expect("it can be read")
    }

    /// An etag names an edition: all that it listed was stored with it, or before.
    pub(super) fn validators_have_their_articles(&self, feed_id: i64) {
        let Some(etag) = self.db.etag(feed_id) else { return };
        let (source, edition) = etag.split_once('/').expect("only such tags are given out");
        let source = &self.publishers.sources[source.parse::<usize>().expect("a number")];
        let listed = &source.editions[&edition.parse().expect("a number")];
        if let Some((link, _)) = listed.iter().find(|(link, _)| !self.ledger.was_stored(feed_id, link)) {
            violated("validators_come_with_their_articles", format!("{etag} of {}, not {link}", self.names[&feed_id]));
        }
    }
}
