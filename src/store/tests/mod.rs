//! The store through its own front door, on databases in temporary directories.

mod changing;
mod disk;
mod earlier;
mod failing;
mod faults;
mod model;
mod opening;
mod planning;
mod power;
mod querying;
mod reading;
mod retaining;
mod searching;
pub(crate) mod simulated;
mod storing;
mod vfs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use futures_channel::oneshot;
use futures_lite::future::block_on;
use rusqlite::Connection;
use tempfile::TempDir;

use super::open::wal_path;
use super::*;
use crate::article::{Article, Enclosure, FeedMeta, Keys};
use crate::clock::Clock;
use crate::config::Feed;
use crate::parse;

/// Longer than anything here takes: only a hang meets it.
const HANG: Duration = Duration::from_secs(60);

/// Of every feed here, so that a poll can be written without asking for it; the store does not mind.
const URL: &str = "https://example.org/feed.xml";

struct Fixture {
    dir: TempDir,
    clock: Clock,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { dir: tempfile::tempdir().unwrap(), clock: Clock::system() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("rssd.db")
    }

    fn lock_path(&self) -> PathBuf {
        self.dir.path().join("rssd.db.lock")
    }

    fn open(&self) -> Store {
        Store::open(&self.path()).unwrap()
    }

    fn start(&self) -> Running {
        self.start_store(self.open())
    }

    fn start_store(&self, store: Store) -> Running {
        let (event, events) = unbounded();
        let writer = store.start(self.clock.clone(), move |told| event.send(told).unwrap_or(())).unwrap();
        Running { writer, events }
    }

    /// Another program's connection: what the writer does not know of.
    fn outside(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    fn summary(&self) -> Summary {
        summary(&self.path()).unwrap()
    }
}

struct Running {
    writer: Writer,
    events: Receiver<StoreEvent>,
}

impl Running {
    fn stop(self) -> Result<(), StoreError> {
        self.writer.stop(Clock::monotonic() + HANG)
    }

    fn register(&self, names: &[&str]) -> Vec<FeedRecord> {
        let feeds: Vec<Feed> = names.iter().map(|name| feed(name)).collect();
        self.writer.register(&feeds, &|| true).unwrap()
    }

    fn submit(&self, poll: Poll) -> oneshot::Receiver<Result<Stored, StoreFault>> {
        let (record, answer) = record(poll);
        self.writer.handle().submit(record).unwrap();
        answer
    }

    fn store(&self, poll: Poll) -> Result<Stored, StoreFault> {
        block_on(self.submit(poll)).unwrap()
    }
}

#[derive(Clone, Default)]
struct Poll {
    feed_id: i64,
    url: String,
    state: FeedState,
    articles: Vec<Article>,
    /// `updates = false`.
    silent: bool,
    initial_max: Option<usize>,
    /// When it began, 1,000 if it does not say.
    at: Option<i64>,
}

fn record(poll: Poll) -> (PollRecord, oneshot::Receiver<Result<Stored, StoreFault>>) {
    let (done, answer) = oneshot::channel();
    let record = PollRecord {
        feed_id: poll.feed_id,
        url: poll.url,
        state: poll.state,
        feed_meta: Some(FeedMeta { title: Some("A feed".into()), ..FeedMeta::default() }),
        articles: poll.articles,
        is_delta: false,
        updates: !poll.silent,
        articles_initial_max: poll.initial_max,
        log: FetchLog {
            started_at: poll.at.unwrap_or(1_000),
            total_ms: 7,
            outcome: "ok".into(),
            ..FetchLog::default()
        },
        done,
    };
    (record, answer)
}

/// A poll whose validators name its articles, so that one without the other shows.
fn poll(feed_id: i64, keys: &[&str]) -> Poll {
    Poll {
        feed_id,
        url: URL.into(),
        state: FeedState { etag: Some(keys.join(",").into_bytes()), ..FeedState::default() },
        articles: keys.iter().map(|key| article(key)).collect(),
        ..Poll::default()
    }
}

fn article(key: &str) -> Article {
    Article {
        keys: keyed(key),
        title: Some(format!("Title of {key}")),
        content: Some("<p>text</p>".repeat(20)),
        authors: vec!["Ann \"A\" Author".into()],
        enclosures: vec![Enclosure {
            url: "https://example.org/a.mp3".into(),
            media_type: None,
            length_bytes: Some(3),
            duration_s: Some(61),
        }],
        comments_url: Some("https://example.org/talk".into()),
        ..Article::default()
    }
}

/// One key for all purposes.
fn keyed(key: &str) -> Keys {
    Keys { hash: key.into(), ..Keys::default() }
}

fn feed(name: &str) -> Feed {
    Feed {
        name: name.into(),
        url: URL.parse().unwrap(),
        labels: [("category".to_owned(), "world".to_owned())].into(),
        enabled: true,
        interval: Duration::from_secs(900),
        interval_min: Duration::from_secs(300),
        interval_max: Duration::from_secs(86_400),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(10),
        total_timeout: Duration::from_secs(30),
        body_bytes_max: 8 << 20,
        articles_max: 2000,
        articles_initial_max: None,
        allow_private: false,
        allow_downgrade: false,
        username: None,
        password_file: None,
        bearer_file: None,
        headers: Vec::new(),
        ca_file: None,
        proxy: None,
        updates: true,
    }
}

/// The articles of an RSS document of these items, as a poll hands them over: backwards.
fn parsed(items: &[String]) -> Vec<Article> {
    let text = format!(r#"<rss version="2.0"><channel><title>A feed</title>{}</channel></rss>"#, items.concat());
    let base_url = URL.parse().unwrap();
    let (bytes, now_ms) = (text.as_bytes(), 1 << 40);
    let source = parse::Source { bytes, content_type: None, base_url: &base_url, articles_max: 10_000, now_ms };
    let mut articles = parse::parse(&source).unwrap().articles;
    articles.reverse();
    articles
}

/// An item of such a document. What is empty is left out.
fn item(guid: &str, link: &str, title: &str, content: &str) -> String {
    let element = |name: &str, text: &str| match text {
        "" => String::new(),
        text => format!("<{name}>{text}</{name}>"),
    };
    let link = if link.is_empty() { String::new() } else { format!("https://example.org/{link}") };
    let says = [("guid", guid), ("link", &link), ("title", title), ("description", content)];
    format!("<item>{}</item>", says.map(|(name, text)| element(name, text)).concat())
}

/// A poll of such a document.
fn document(feed_id: i64, items: &[String]) -> Poll {
    Poll { articles: parsed(items), ..poll(feed_id, &[]) }
}

/// So many new articles, and nothing else.
fn new(new_count: usize) -> Stored {
    Stored { new_count, ..Stored::default() }
}

fn column<T: rusqlite::types::FromSql>(db: &Connection, sql: &str) -> Vec<T> {
    db.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// The files of a database that a killed daemon leaves: no -shm survives a reboot.
fn copy_database(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    let wal = wal_path(from);
    if wal.exists() {
        std::fs::copy(wal, wal_path(to)).unwrap();
    }
}
