//! The usual parts put together in an afternoon: tokio, reqwest, feed-rs, rusqlite. Five hundred feeds at once, a
//! transaction a feed, as durable as rssd: `baseline URLS DB`, where URLS is a file with one on each line.
//!
//! It is written as one would write it, and no worse: feeds are polled on all threads, requests are conditional, and the
//! database waits on a thread that may. What it leaves out is what an afternoon leaves out.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use feed_rs::model::Feed;
use futures::StreamExt;
use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Client, StatusCode};
use rusqlite::{Connection, OptionalExtension, params};

type Failure = Box<dyn Error + Send + Sync>;

const AT_ONCE: usize = 500;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Store(Arc<Mutex<Connection>>);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(urls), Some(db)) = (arguments.next(), arguments.next()) else {
        return Err("usage: baseline URLS DB".into());
    };
    let urls = std::fs::read_to_string(urls)?;
    let store = Store::open(&db)?;
    let client = Client::builder().timeout(TIMEOUT).no_proxy().build()?;
    let polls = urls.lines().map(|url| {
        let (client, store, url) = (client.clone(), store.clone(), url.to_owned());
        tokio::spawn(async move {
            let polled = poll(&client, &store, &url).await;
            polled.inspect_err(|error| eprintln!("{url}: {error}")).is_ok()
        })
    });
    // Spawned when they are taken up, so that no more than these are ever open.
    let done = futures::stream::iter(polls).buffer_unordered(AT_ONCE);
    let failed = done.filter(|is_ok| std::future::ready(!matches!(is_ok, Ok(true)))).count().await;
    println!("{failed} failed");
    Ok(())
}

async fn poll(client: &Client, store: &Store, url: &str) -> Result<(), Failure> {
    let mut request = client.get(url);
    if let Some(etag) = store.clone().etag(url.to_owned()).await? {
        request = request.header(IF_NONE_MATCH, etag);
    }
    let answer = request.send().await?.error_for_status()?;
    if answer.status() == StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let body = answer.bytes().await?;
    let feed = feed_rs::parser::parse(&body[..])?;
    store.clone().keep(url.to_owned(), etag, feed).await
}

impl Store {
    fn open(path: &str) -> Result<Store, Failure> {
        let db = Connection::open(path)?;
        db.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS feed (url TEXT PRIMARY KEY, etag TEXT);
             CREATE TABLE IF NOT EXISTS article (
                 id INTEGER PRIMARY KEY AUTOINCREMENT, feed TEXT NOT NULL, guid TEXT NOT NULL, url TEXT, title TEXT,
                 summary TEXT, content TEXT, published_at INTEGER, UNIQUE (feed, guid));",
        )?;
        Ok(Store(Arc::new(Mutex::new(db))))
    }

    async fn etag(self, url: String) -> Result<Option<String>, Failure> {
        let look = move || {
            let db = self.0.lock().expect("nobody panics with it");
            let mut statement = db.prepare_cached("SELECT etag FROM feed WHERE url = ?1")?;
            statement.query_row([url], |row| row.get(0)).optional().map(Option::flatten)
        };
        Ok(tokio::task::spawn_blocking(look).await??)
    }

    async fn keep(self, url: String, etag: Option<String>, feed: Feed) -> Result<(), Failure> {
        let keep = move || {
            let mut db = self.0.lock().expect("nobody panics with it");
            let tx = db.transaction()?;
            for entry in feed.entries {
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO article (feed, guid, url, title, summary, content, published_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    url,
                    entry.id,
                    entry.links.first().map(|link| &link.href),
                    entry.title.map(|title| title.content),
                    entry.summary.map(|summary| summary.content),
                    entry.content.and_then(|content| content.body),
                    entry.published.or(entry.updated).map(|at| at.timestamp_millis()),
                ])?;
            }
            tx.execute("INSERT OR REPLACE INTO feed (url, etag) VALUES (?1, ?2)", params![url, etag])?;
            tx.commit()
        };
        Ok(tokio::task::spawn_blocking(keep).await??)
    }
}
