//! What the work itself costs, without any program around it: the scenario's bytes through plain sockets, through feed-rs,
//! and through SQLite with the same durability, each alone, in CPU seconds of one thread.

use std::hint::black_box;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use feed_rs::model::{Entry, Feed};
use feed_rs::parser::Builder;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use rusqlite::{Connection, params};
use socket2::{Domain, Socket, Type};
use url::Url;

use crate::documents::{self, Document, Shape};
use crate::farm::{Farm, Temper};
use crate::process::Cpu;
use crate::support::Home;
use crate::table;

/// Connections at once.
const AT_ONCE: usize = 500;

/// Articles of one transaction, as the writer has it.
const BATCH: usize = rssd::limits::BATCH_ARTICLES_MAX;

/// The first schema: the rest of it is ours and not the work's.
const SCHEMA: &str = include_str!("../../../migrations/0001_feeds_and_articles.sql");

/// Prints each of the three, and gives their sum.
pub(crate) fn measure(farm: &Farm, feeds: usize, shape: Shape) -> Cpu {
    let documents = documents::documents(shape);
    let parts = [
        ("the floor: sockets", through_sockets(farm, feeds)),
        ("the floor: feed-rs", through_feed_rs(&documents, feeds)),
        ("the floor: SQLite", through_sqlite(&documents, feeds)),
    ];
    for (name, cpu) in parts {
        table::print_cpu(name, cpu);
    }
    let sum = parts.into_iter().fold(Cpu::default(), |sum, (_, cpu)| sum.plus(cpu));
    table::print_cpu("the floor", sum);
    sum
}

struct Download {
    socket: Socket,
    received: usize,
    /// Of head and body, once the head is here.
    length: Option<usize>,
}

fn through_sockets(farm: &Farm, feeds: usize) -> Cpu {
    let urls: Vec<Url> =
        (0..feeds).map(|number| farm.url(number, Temper::Healthy).parse().expect("it is one")).collect();
    let before = Cpu::of_thread();
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("an epoll descriptor");
    let mut downloads: Vec<Option<Download>> = Vec::with_capacity(feeds);
    let mut events = vec![EpollEvent::empty(); 512];
    let mut buffer = vec![0; 64 << 10];
    let mut done = 0;
    while done < feeds {
        while downloads.len() < feeds && downloads.len() - done < AT_ONCE {
            let index = downloads.len();
            let socket = ask(&urls[index]);
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64)).expect("one more descriptor");
            downloads.push(Some(Download { socket, received: 0, length: None }));
        }
        let ready = epoll.wait(&mut events, EpollTimeout::from(200u8)).unwrap_or(0);
        for event in &events[..ready] {
            let download = &mut downloads[event.data() as usize];
            if download.as_mut().is_some_and(|download| download.read(&mut buffer)) {
                *download = None;
                done += 1;
            }
        }
    }
    Cpu::of_thread().since(before)
}

/// A connection on which the request was sent.
fn ask(url: &Url) -> Socket {
    let host = url.host_str().unwrap_or_default();
    let address = SocketAddr::new(host.parse().expect("hosts of the farm are addresses"), url.port().unwrap_or(80));
    let mut socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("one more descriptor");
    socket.connect(&address.into()).expect("the farm listens");
    let request = format!("GET {} HTTP/1.1\r\nHost: {host}\r\n\r\n", url.path());
    socket.write_all(request.as_bytes()).expect("a request fits the socket's buffer");
    socket.set_nonblocking(true).expect("it is open");
    socket
}

impl Download {
    /// Whether all of it is here.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => panic!("the farm closed in the middle of an answer"),
                Ok(read) => {
                    self.length = self.length.or_else(|| length(&buffer[..read]));
                    self.received += read;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(error) => panic!("an answer of the farm broke: {error}"),
            }
            if self.length.is_some_and(|length| self.received >= length) {
                return true;
            }
        }
    }
}

/// Of a whole answer. The farm sends a head in one piece.
fn length(begin: &[u8]) -> Option<usize> {
    let head = begin.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&begin[..head]).ok()?;
    let body: usize = text.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().ok()?;
    Some(head + body)
}

fn parse(document: &Document) -> Feed {
    let parser = Builder::new().sanitize_content(false).id_generator(|_, _, _| String::new()).build();
    parser.parse(&document.whole[..]).expect("the farm's documents are well-formed")
}

fn through_feed_rs(documents: &[Document], feeds: usize) -> Cpu {
    let before = Cpu::of_thread();
    for number in 0..feeds {
        black_box(parse(black_box(documents::of(documents, number))).entries.len());
    }
    Cpu::of_thread().since(before)
}

fn through_sqlite(documents: &[Document], feeds: usize) -> Cpu {
    let home = Home::new();
    let mut db = Connection::open(home.db_path()).expect("the directory is ours");
    db.execute_batch(SCHEMA).expect("the first migration is SQL");
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").expect("SQLite has both");
    let parsed: Vec<Feed> = documents.iter().map(parse).collect();
    register(&mut db, feeds).expect("the feeds are new");
    let before = Cpu::of_thread();
    let mut waiting = Vec::with_capacity(BATCH);
    for number in 0..feeds {
        waiting.extend(parsed[number % parsed.len()].entries.iter().map(|entry| (number, entry)));
        while waiting.len() >= BATCH || number + 1 == feeds && !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(BATCH));
            store(&mut db, &waiting).expect("the articles are new");
            waiting = rest;
        }
    }
    drop(db);
    Cpu::of_thread().since(before)
}

fn register(db: &mut Connection, feeds: usize) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for number in 0..feeds {
        tx.prepare_cached("INSERT INTO feed (id, name, url) VALUES (?1, ?1, '')")?.execute([number as i64])?;
    }
    tx.commit()
}

fn store(db: &mut Connection, batch: &[(usize, &Entry)]) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    let mut seq: i64 = tx.query_row("SELECT seq_last FROM meta", [], |row| row.get(0))?;
    for (feed, entry) in batch {
        seq += 1;
        tx.prepare_cached(
            "INSERT INTO article (seq, feed_id, key, guid, url, title, summary, content, published_at, fetched_at)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
        )?
        .execute(params![
            seq,
            *feed as i64,
            entry.id,
            entry.links.first().map(|link| &link.href),
            entry.title.as_ref().map(|title| &title.content),
            entry.summary.as_ref().map(|summary| &summary.content),
            entry.content.as_ref().and_then(|content| content.body.as_ref()),
            entry.published.map(|at| at.timestamp_millis()),
        ])?;
    }
    tx.execute("UPDATE meta SET seq_last = ?1", [seq])?;
    tx.commit()
}
