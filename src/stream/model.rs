//! The stream against a model: a database that inserts, updates and prunes, restarts and publishes late, and clients that
//! join, leave and resume at random. Each ends with exactly what the database has.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;

use super::cursor::{Bounds, Cursor, Epoch};
use super::filter::Filter;
use super::ring::{Entry, Origin, Ring, Size};
use super::subscription::{Next, Page, Start, Subscription};

/// Numbers that a seed repeats (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    /// `RSSD_SEED`, or another one each time.
    pub(crate) fn seed() -> u64 {
        let given = env::var("RSSD_SEED").ok().map(|seed| seed.parse().expect("RSSD_SEED is a number"));
        given.unwrap_or_else(|| RandomState::new().hash_one(0) >> 1)
    }

    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// 0 to `n` - 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize % n
    }
}

/// An article whose bytes name its place and its id.
pub(crate) fn entry(seq: i64, id: i64, feed: &str) -> Entry {
    let frame = Bytes::from(format!("{seq}/{id}"));
    let origin = Arc::new(Origin { feed: feed.to_owned(), labels: BTreeMap::new() });
    Entry { seq, id, origin, json: frame.clone(), frame }
}

const FEEDS: [&str; 3] = ["a", "b", "c"];

/// The database and the HTTP core's ring, with what was committed and not yet published between them.
struct World {
    epoch: Epoch,
    articles: BTreeMap<i64, Entry>,
    seq_last: i64,
    seq_pruned: i64,
    ids: i64,
    unpublished: VecDeque<Entry>,
    ring: Ring,
    ring_size: Size,
}

impl World {
    fn new(dice: &mut Dice) -> World {
        let ring_size = Size { articles: 1 + dice.below(20), bytes: 20 + dice.below(100) };
        World {
            epoch: "0123456789abcdef".parse().unwrap(),
            articles: BTreeMap::new(),
            seq_last: 0,
            seq_pruned: 0,
            ids: 0,
            unpublished: VecDeque::new(),
            ring: Ring::with_size(0, ring_size),
            ring_size,
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(12) {
            0..5 => self.commit(dice),
            5..9 => self.publish(dice.below(4)),
            9 if self.seq_last > 0 && dice.below(4) == 0 => {
                self.seq_pruned = self.seq_pruned.max(self.articles.keys().nth(dice.below(5)).copied().unwrap_or(0));
                self.articles = self.articles.split_off(&(self.seq_pruned + 1));
                self.ring.prune(self.seq_pruned);
            }
            10 if dice.below(10) == 0 => {
                self.unpublished.clear();
                self.ring = Ring::with_size(self.seq_last, self.ring_size);
            }
            // The publisher lost everything that was on its way.
            11 if dice.below(10) == 0 => {
                self.unpublished.clear();
                self.ring.skip_to(self.seq_last);
            }
            _ => {}
        }
    }

    /// New articles and changed ones, as one transaction.
    fn commit(&mut self, dice: &mut Dice) {
        for _ in 0..dice.below(4) {
            self.seq_last += 1;
            let changed = (dice.below(3) == 0).then(|| dice.below(self.articles.len().max(1)));
            let former = changed.and_then(|n| self.articles.keys().nth(n).copied());
            let former = former.and_then(|seq| self.articles.remove(&seq));
            let (id, feed) = match former {
                Some(former) => (former.id, former.origin.feed.clone()),
                None => {
                    self.ids += 1;
                    (self.ids, FEEDS[dice.below(3)].to_owned())
                }
            };
            let entry = entry(self.seq_last, id, &feed);
            self.articles.insert(self.seq_last, entry.clone());
            self.unpublished.push_back(entry);
        }
    }

    fn publish(&mut self, count: usize) {
        for entry in self.unpublished.drain(..count.min(self.unpublished.len())) {
            // Pruned on its way.
            if entry.seq > self.seq_pruned {
                self.ring.push(entry);
            }
        }
    }

    /// What a reader answers. It may give up on scanning before the limit is reached.
    fn page(&self, start: Start, filter: &Filter, limit: usize, dice: &mut Dice) -> Page {
        let seq_oldest = self.articles.keys().next().copied();
        let bounds = Bounds { epoch: self.epoch, seq_oldest, seq_pruned: self.seq_pruned, seq_last: self.seq_last };
        let passes = |entry: &&Entry| filter.lets_through(&entry.origin);
        match start {
            Start::Newest => {
                let mut entries: Vec<Entry> =
                    self.articles.values().rev().filter(passes).take(limit).cloned().collect();
                entries.reverse();
                Page { bounds, entries, scanned_to: self.seq_last }
            }
            Start::After(after) if after.seq >= self.seq_last => {
                Page { bounds, entries: Vec::new(), scanned_to: after.seq }
            }
            Start::After(after) => {
                let (mut entries, mut scanned_to) = (Vec::new(), self.seq_last);
                for (looked_at, entry) in self.articles.range(after.seq + 1..).map(|(_, entry)| entry).enumerate() {
                    if entries.len() == limit || (looked_at > 0 && dice.below(20) == 0) {
                        break;
                    }
                    scanned_to = entry.seq;
                    if passes(&entry) {
                        entries.push(entry.clone());
                    }
                }
                Page { bounds, entries, scanned_to }
            }
        }
    }
}

/// What a client has, and what it can resume from.
struct Client {
    filter: Filter,
    subscription: Option<Subscription>,
    /// A page that was read and has not arrived: the world goes on meanwhile.
    asked: Option<Page>,
    cursor: Option<Cursor>,
    had: BTreeMap<i64, Entry>,
    resets: usize,
}

impl Client {
    fn new(dice: &mut Dice) -> Client {
        let feeds = FEEDS.iter().copied().filter(|_| dice.below(3) == 0);
        let filter = Filter::new(feeds.collect::<Vec<_>>(), []).unwrap();
        Client { filter, subscription: None, asked: None, cursor: None, had: BTreeMap::new(), resets: 0 }
    }

    fn join(&mut self, dice: &mut Dice) {
        // Without a cursor it asks for everything there is.
        let start = match self.cursor {
            Some(cursor) => Start::After(cursor.into()),
            None => Start::After("0".parse().unwrap()),
        };
        self.subscription = Some(Subscription::new(start, self.filter.clone(), 1 + dice.below(5)));
        self.asked = None;
    }

    /// Gives whether it waits.
    fn step(&mut self, world: &World, dice: &mut Dice) -> bool {
        let Some(subscription) = &mut self.subscription else { return false };
        if let Some(page) = self.asked.take() {
            match subscription.answered(&page) {
                Ok(()) => self.take(page.entries),
                Err(refusal) => {
                    self.had.clear();
                    self.cursor = Some(refusal.oldest);
                    self.resets += 1;
                }
            }
            return false;
        }
        match subscription.next(&world.ring, world.epoch) {
            Next::Send { entries, .. } => self.take(entries),
            Next::AskDatabase { start, limit } => self.asked = Some(world.page(start, &self.filter, limit, dice)),
            Next::Again => {}
            Next::Wait => return true,
        }
        false
    }

    /// As its event's `id:` says; or, of a long poll, the answer's `cursor`.
    fn take(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            assert!(self.filter.lets_through(&entry.origin), "an article of another feed");
            assert!(self.cursor.is_none_or(|cursor| entry.seq > cursor.seq), "out of order, or twice");
            let epoch = "0123456789abcdef".parse().unwrap();
            self.cursor = Some(Cursor { epoch, seq: entry.seq });
            self.had.insert(entry.seq, entry);
        }
    }

    /// The last that came of each article, without what was pruned since.
    fn ends_with(&self, seq_pruned: i64) -> Vec<Entry> {
        let mut newest: BTreeMap<i64, &Entry> = BTreeMap::new();
        for entry in self.had.values() {
            newest.insert(entry.id, entry);
        }
        let mut left: Vec<Entry> = newest.into_values().filter(|entry| entry.seq > seq_pruned).cloned().collect();
        left.sort_unstable_by_key(|entry| entry.seq);
        left
    }
}

#[test]
fn every_client_ends_with_exactly_what_the_database_has() {
    let seed = Dice::seed();
    println!("seed {seed}; RSSD_SEED={seed} replays it");
    let mut dice = Dice::new(seed);
    let (mut resets, mut had) = (0, 0);
    for _ in 0..150 {
        let mut world = World::new(&mut dice);
        let mut clients: Vec<Client> = (0..5).map(|_| Client::new(&mut dice)).collect();
        for _ in 0..400 {
            world.step(&mut dice);
            let client = &mut clients[dice.below(5)];
            match dice.below(12) {
                0 => client.subscription = None,
                1 | 2 if client.subscription.is_none() => client.join(&mut dice),
                _ => {
                    client.step(&world, &mut dice);
                }
            }
        }
        world.publish(usize::MAX);
        for client in &mut clients {
            client.join(&mut dice);
            let waits = (0..10_000).any(|_| client.step(&world, &mut dice));
            assert!(waits, "seed {seed}: a client never came to rest");
            let passes = |entry: &&Entry| client.filter.lets_through(&entry.origin);
            let want: Vec<Entry> = world.articles.values().filter(passes).cloned().collect();
            assert_eq!(client.ends_with(world.seq_pruned), want, "seed {seed}");
            resets += client.resets;
            had += client.had.len();
        }
    }
    // The test is worth nothing if its clients only ever start again, or never have to.
    assert!(resets > 50 && had > 5_000, "seed {seed}: {resets} resets, {had} articles");
}
