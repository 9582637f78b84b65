//! Clients of the stream, as `http::stream` serves them: long polls and events, which come, leave, break off and come back with
//! their cursor, and whose books say what each has had.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use super::violated;
use super::world::{Event, World};
use crate::http::Range;
use crate::stream::model::Dice;
use crate::stream::{After, Cursor, Entry, Filter, Next, Page, Reason, Refusal, Start, Subscription};

/// A database that is not ours.
const OTHER_EPOCH: &str = "fedcba9876543210";

pub(super) struct Client {
    feeds: Vec<String>,
    kind: Option<&'static str>,
    polls_long: bool,
    /// As it was given out.
    cursor: Option<String>,
    connection: Option<Connection>,
    book: Book,
    /// Of its last event; older ones are void.
    turn: u64,
}

/// What a client has had since it began, or had to begin again.
#[derive(Default)]
struct Book {
    /// All up to it was had; `None` before the first answer.
    at: Option<i64>,
    /// Before that it never asked.
    from: i64,
    /// The last place of each article.
    seqs: BTreeMap<i64, i64>,
    /// The greatest of them.
    last: Option<i64>,
}

struct Connection {
    subscription: Subscription,
    state: State,
    /// It gave a cursor that cannot be ours.
    expects: Option<Reason>,
    limit: usize,
}

enum State {
    Looks,
    /// Until a reader has looked, and until what it found is here.
    Asked {
        range: Range,
        limit: usize,
        page: Option<Page>,
    },
    Waits {
        woken: Pin<Box<dyn Future<Output = ()>>>,
        flag: Arc<Flag>,
    },
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Flag>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Client {
    pub(super) fn draw(dice: &mut Dice) -> Client {
        let feeds = match dice.below(3) {
            0 => (0..1 + dice.below(4)).map(|_| format!("f{}", dice.below(8))).collect(),
            _ => Vec::new(),
        };
        let kind = [None, None, Some("even"), Some("odd")][dice.below(4)];
        let polls_long = dice.below(2) == 0;
        Client { feeds, kind, polls_long, cursor: None, connection: None, book: Book::default(), turn: 0 }
    }

    /// Whether an article of this feed is for it: by the names alone, whatever the filter says.
    fn wants(&self, feed: &str) -> bool {
        let number: usize = feed[1..].parse().expect("feeds are numbered");
        let is_of_kind = self.kind.is_none_or(|kind| kind == ["even", "odd"][number % 2]);
        is_of_kind && (self.feeds.is_empty() || self.feeds.iter().any(|name| name == feed))
    }

    fn filter(&self) -> Filter {
        let label = self.kind.map(|kind| format!("kind:{kind}"));
        Filter::new(self.feeds.iter().map(String::as_str), label.as_deref()).expect("they are few")
    }
}

impl World {
    /// A client acts within so many milliseconds, and not at any other time.
    pub(super) fn client_soon(&mut self, index: usize, within_ms: usize) {
        let wait = self.dice.below(within_ms + 1) as u64;
        self.clients[index].turn += 1;
        self.at(self.now + wait, Event::Client(index, self.clients[index].turn));
    }

    pub(super) fn client(&mut self, index: usize, turn: u64) {
        if self.clients[index].turn != turn {
            return;
        }
        // Without a daemon nobody comes; its start is heard of.
        let Some(life) = &self.life else { return };
        if self.clients[index].connection.is_none() {
            if self.dice.below(3) == 0 {
                return self.client_soon(index, 60_000);
            }
            return self.connect(index);
        }
        let connection = self.clients[index].connection.as_mut().expect("it is connected");
        match &mut connection.state {
            State::Asked { page, .. } => {
                if let Some(page) = page.take() {
                    self.page_came(index, page);
                }
            }
            State::Waits { woken, flag } => {
                let waker = Waker::from(flag.clone());
                if woken.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    connection.state = State::Looks;
                    self.client_soon(index, 5);
                }
            }
            State::Looks => {
                // Before looking, so that what is published meanwhile is not missed.
                let mark = life.wake.mark();
                match connection.subscription.next(&life.ring, self.epoch) {
                    Next::Send { entries, .. } => self.deliver(index, entries),
                    Next::AskDatabase { start, limit } => {
                        let range = match start {
                            Start::Newest => Range::Newest,
                            Start::After(after) => Range::After(after.seq),
                        };
                        connection.state = State::Asked { range, limit, page: None };
                        self.soon(30, Event::ReadsFor(index));
                    }
                    Next::Again => self.client_soon(index, 5),
                    Next::Wait => {
                        let flag = Arc::new(Flag::default());
                        let mut woken = Box::pin(life.wake.wait(mark));
                        let waker = Waker::from(flag.clone());
                        if woken.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                            violated("who_looks_has_not_looked_away", format!("client {index}"));
                        }
                        connection.state = State::Waits { woken, flag };
                        self.heartbeat(index);
                    }
                }
            }
        }
    }

    fn connect(&mut self, index: usize) {
        let limit = 1 + self.dice.below(8);
        let chance = if self.is_quiet { usize::MAX } else { self.dice.below(40) };
        let is_new = self.dice.below(2) == 0;
        let (epoch, seq_last) = (self.epoch, self.ledger.seq_last);
        let client = &mut self.clients[index];
        let text = match (chance, &client.cursor) {
            (0, _) => Some(format!("{OTHER_EPOCH}-1")),
            (1, _) => Some(format!("{epoch}-{}", seq_last + 1)),
            (_, Some(cursor)) => Some(cursor.clone()),
            (_, None) => (!is_new).then(|| "0".to_owned()),
        };
        let start = match &text {
            Some(text) => match text.parse::<After>() {
                Ok(after) => Start::After(after),
                Err(_) => violated("a_cursor_reads_back", text.clone()),
            },
            None => Start::Newest,
        };
        match chance {
            0 => {}
            // What it claims to have had it may be left with, once that has been given out.
            1 => {
                client.book = Book { at: Some(seq_last + 1), from: seq_last + 1, ..Book::default() };
                client.cursor = text.clone();
            }
            _ if client.cursor.is_none() => {
                client.book = Book { at: text.is_some().then_some(0), ..Book::default() };
            }
            _ => {}
        }
        let expects = match start {
            Start::After(After { epoch: Some(named), .. }) if named != epoch => Some(Reason::OtherDatabase),
            Start::After(after) if after.seq > seq_last => Some(Reason::FromTheFuture),
            _ => None,
        };
        let subscription = Subscription::new(start, client.filter(), limit);
        client.connection = Some(Connection { subscription, state: State::Looks, expects, limit });
        self.note(format_args!("client {index} comes with {text:?}"));
        self.client_soon(index, 20);
    }

    /// It leaves, or its connection breaks: what it has is its cursor.
    pub(super) fn hang_up(&mut self, index: usize) {
        if self.clients[index].connection.take().is_some() {
            self.client_soon(index, 4_000);
        }
    }

    /// A reader looks for a client; then the page is on its way.
    pub(super) fn reads_for(&mut self, index: usize) {
        let Some(Connection { subscription, state: State::Asked { range, limit, page: None }, .. }) =
            &self.clients[index].connection
        else {
            return;
        };
        let found = self.page(*range, subscription.filter(), *limit);
        if let Some(Connection { state: State::Asked { page, .. }, .. }) = &mut self.clients[index].connection {
            *page = Some(found);
        }
        self.client_soon(index, 30);
    }

    fn page_came(&mut self, index: usize, page: Page) {
        let connection = self.clients[index].connection.as_mut().expect("it waits for it");
        connection.state = State::Looks;
        let taken = connection.subscription.answered(&page);
        match (taken, connection.expects) {
            (Ok(()), Some(Reason::OtherDatabase)) => violated("a_strange_cursor_is_refused", format!("client {index}")),
            (Ok(()), _) => self.deliver(index, page.entries),
            (Err(refusal), expected) => self.refused(index, refusal, expected),
        }
    }

    fn refused(&mut self, index: usize, refusal: Refusal, expected: Option<Reason>) {
        let Refusal { reason, oldest } = refusal;
        let client = &mut self.clients[index];
        let is_deserved = match reason {
            Reason::TooOld => self.ledger.seq_pruned > client.book.at.unwrap_or(0),
            other => expected == Some(other),
        };
        if !is_deserved {
            violated("nobody_is_refused_without_reason", format!("client {index}: {reason:?}"));
        }
        if let Some((seq, _)) = self.ledger.live().next().filter(|(seq, _)| *seq <= oldest.seq) {
            violated("the_oldest_cursor_misses_nothing", format!("{seq} by {oldest}"));
        }
        client.book = Book { at: Some(oldest.seq), from: oldest.seq, ..Book::default() };
        client.cursor = Some(told(oldest));
        client.connection.as_mut().expect("it was refused").expects = None;
        self.outcome.resets += 1;
        self.note(format_args!("client {index} is refused: {reason:?}, and told {oldest}"));
        if self.clients[index].polls_long {
            self.hang_up(index);
        } else {
            self.client_soon(index, 5);
        }
    }

    /// Hands articles to a client, as events one by one, or as one answer.
    fn deliver(&mut self, index: usize, entries: Vec<Entry>) {
        let client = &self.clients[index];
        let connection = client.connection.as_ref().expect("it is connected");
        let place = connection.subscription.cursor(self.epoch).expect("it was given something");
        let is_first = client.book.at.is_none();
        // Of the newest that there are: with fewer than asked for, it has all.
        let is_all = is_first && entries.len() < connection.limit;
        let breaks_off = !client.polls_long && !self.is_quiet && self.dice.below(15) == 0;
        let count = if breaks_off { self.dice.below(entries.len() + 1) } else { entries.len() };
        if is_first {
            let from = if is_all { self.ledger.seq_pruned } else { entries[0].seq - 1 };
            (self.clients[index].book.from, self.clients[index].book.at) = (from, Some(from));
        }
        let taken = &entries[..count];
        for entry in taken {
            self.took(index, entry);
        }
        self.outcome.delivered += taken.len() as u64;
        let seqs: BTreeSet<i64> = taken.iter().map(|entry| entry.seq).collect();
        let is_whole = self.clients[index].polls_long || entries.is_empty() && !breaks_off;
        let at = match taken.last() {
            _ if is_whole => Some(place),
            Some(last) => Some(Cursor { epoch: self.epoch, seq: last.seq }),
            None => None,
        };
        if let Some(at) = at {
            self.came_to(index, at, &seqs);
        }
        if breaks_off || self.clients[index].polls_long {
            self.hang_up(index);
        } else {
            self.client_soon(index, 20);
        }
    }

    fn took(&mut self, index: usize, entry: &Entry) {
        let client = &mut self.clients[index];
        let told = format!("client {index}: {} of {}", entry.seq, entry.origin.feed);
        match self.ledger.places.get(&entry.seq) {
            Some(place) if place.id == entry.id && place.feed == entry.origin.feed => {}
            _ => violated("nothing_is_seen_before_its_commit", told),
        }
        if !client.wants(&entry.origin.feed) {
            violated("a_filter_lets_nothing_else_through", told);
        }
        if client.book.last.max(client.book.at) >= Some(entry.seq) {
            violated("each_article_comes_once_and_in_order", told);
        }
        client.book.last = Some(entry.seq);
        client.book.seqs.insert(entry.id, entry.seq);
    }

    /// It has had all up to there: `seqs` of late.
    fn came_to(&mut self, index: usize, place: Cursor, seqs: &BTreeSet<i64>) {
        let client = &mut self.clients[index];
        let from = client.book.at.expect("it had an answer");
        if place.seq < from {
            violated("a_client_goes_on", format!("client {index}: from {from} to {place}"));
        }
        if let Some(seq) = self.ledger.is_missing(from, place.seq, seqs, |feed| client.wants(feed)) {
            violated("no_client_has_a_gap", format!("client {index}: {seq} between {from} and {place}"));
        }
        client.book.at = Some(place.seq);
        client.cursor = Some(told(place));
    }

    /// What a client hears where there is nothing: its place.
    fn heartbeat(&mut self, index: usize) {
        if self.dice.below(3) == 0 {
            let connection = self.clients[index].connection.as_ref().expect("it is connected");
            let place = connection.subscription.cursor(self.epoch).expect("it was looked for");
            self.came_to(index, place, &BTreeSet::new());
            if self.clients[index].polls_long {
                self.hang_up(index);
            }
        }
    }

    /// After a publication: whoever was woken looks again, and nobody sleeps over it.
    pub(super) fn wake_clients(&mut self) {
        for index in 0..self.clients.len() {
            let Some(Connection { subscription, state: State::Waits { flag, .. }, .. }) =
                &self.clients[index].connection
            else {
                continue;
            };
            let at = subscription.cursor(self.epoch).map_or(0, |cursor| cursor.seq);
            let last = self.life.as_ref().map_or(0, |life| life.ring.last());
            match flag.0.load(Ordering::Relaxed) {
                true => self.client_soon(index, 20),
                false if at < last => violated("whoever_waits_is_woken", format!("client {index} at {at} of {last}")),
                false => {}
            }
        }
    }

    /// At the end: what a client has is what there is for it.
    pub(super) fn every_client_ends_with_everything(&mut self) {
        let last = |world: &World| world.life.as_ref().expect("it is running").ring.last();
        while last(self) < self.ledger.seq_last {
            let page = self.page(Range::After(last(self)), &Filter::default(), 20);
            self.life.as_mut().expect("it is running").ring.catch_up(page);
        }
        for index in 0..self.clients.len() {
            self.clients[index].connection = None;
            self.connect(index);
            self.catch_up(index);
            let client = &self.clients[index];
            let Book { from, seqs, .. } = &client.book;
            let is_its = |seq: &i64, feed: &str| *seq > *from && client.wants(feed);
            let live = self.ledger.live().filter(|(seq, place)| is_its(seq, &place.feed));
            let expected: BTreeSet<i64> = live.map(|(seq, _)| seq).collect();
            let had: BTreeSet<i64> = seqs.values().copied().filter(|seq| *seq > self.ledger.seq_pruned).collect();
            if had != expected {
                let missing = expected.difference(&had).next();
                violated("each_client_ends_with_everything", format!("client {index}: {missing:?} of {expected:?}"));
            }
        }
        let stored: Vec<i64> = self.db.rows_after(0).iter().map(|row| row.seq).collect();
        let expected: Vec<i64> = self.ledger.live().map(|(seq, _)| seq).collect();
        if stored != expected {
            violated("what_is_stored_stays", format!("{} articles, not {}", stored.len(), expected.len()));
        }
    }

    /// Serves one client until there is nothing more for it, all others standing still.
    fn catch_up(&mut self, index: usize) {
        for _ in 0..10_000 {
            if self.clients[index].connection.is_none() {
                self.connect(index);
            }
            let ring = &self.life.as_ref().expect("it is running").ring;
            let connection = self.clients[index].connection.as_mut().expect("it is connected");
            match connection.subscription.next(ring, self.epoch) {
                Next::Send { entries, .. } => self.deliver(index, entries),
                Next::AskDatabase { start, limit } => {
                    let range = match start {
                        Start::Newest => Range::Newest,
                        Start::After(after) => Range::After(after.seq),
                    };
                    let filter = connection.subscription.filter().clone();
                    let page = self.page(range, &filter, limit);
                    self.page_came(index, page);
                }
                Next::Again => {}
                Next::Wait => return,
            }
        }
        violated("a_client_comes_to_rest", format!("client {index}"))
    }
}

/// A cursor as clients are given it, which has to be the one that is read from it.
fn told(cursor: Cursor) -> String {
    let text = cursor.to_string();
    if text.parse() != Ok(After::from(cursor)) {
        violated("a_cursor_reads_back", text);
    }
    text
}
