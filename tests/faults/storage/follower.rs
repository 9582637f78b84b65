//! A client of the stream that comes back as often as the daemon does, and keeps what it was given.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::support::http::Client;

/// A daemon that was killed says nothing any more; one that lives speaks or closes sooner.
const PATIENCE: Duration = Duration::from_secs(20);

/// An article as it was given: place, feed and guid.
pub(super) type Given = (i64, String, String);

#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    LongPoll,
    Events,
}

/// Where the daemon is, if it is.
pub(super) type Address = Arc<Mutex<Option<SocketAddr>>>;

pub(super) struct Follower {
    given: Arc<Mutex<Vec<Given>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    pub(super) fn start(way: Way, address: Address) -> Follower {
        let (given, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (given, stop) = (given.clone(), stop.clone());
            move || {
                let mut cursor = "0".to_owned();
                while !stop.load(Ordering::Relaxed) {
                    let at = *address.lock().expect("nobody panics with it");
                    match (at, way) {
                        (Some(at), Way::LongPoll) => poll(at, &mut cursor, &given),
                        (Some(at), Way::Events) => listen(at, &mut cursor, &given, &stop),
                        (None, _) => {}
                    }
                    thread::park_timeout(Duration::from_millis(5));
                }
            }
        });
        Follower { given, stop, thread: Some(thread) }
    }

    pub(super) fn last(&self) -> i64 {
        self.given.lock().expect("nobody panics with it").last().map_or(0, |given| given.0)
    }

    /// Everything, in the order in which it came. To be called when the daemon has ended, or it is not heard at once.
    pub(super) fn end(mut self) -> Vec<Given> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("a follower is never refused");
        std::mem::take(&mut self.given.lock().expect("nobody panics with it"))
    }
}

/// One answer, if there is one.
fn poll(at: SocketAddr, cursor: &mut String, given: &Mutex<Vec<Given>>) {
    let Ok(mut client) = Client::try_connect(at, PATIENCE) else { return };
    client.ask(&format!("/news/stream?after={cursor}&wait=1&limit=200"), "Connection: close\r\n");
    let Some(answer) = client.answer() else { return };
    assert_eq!(answer.status, 200, "after {cursor}: {answer:?}");
    let answer = answer.json();
    take(answer["articles"].as_array().expect("a list"), given);
    *cursor = answer["cursor"].as_str().expect("a cursor").to_owned();
}

/// Until the stream ends.
fn listen(at: SocketAddr, cursor: &mut String, given: &Mutex<Vec<Given>>, stop: &AtomicBool) {
    let Ok(mut client) = Client::try_connect(at, PATIENCE) else { return };
    client.ask("/news/stream", &format!("Accept: text/event-stream\r\nLast-Event-ID: {cursor}\r\n"));
    let Some(mut events) = client.events() else { return };
    while let Some(event) = events.next() {
        assert_ne!(event.name, "reset", "after {cursor}: {event:?}");
        if event.name == "article" {
            take(&[event.json()], given);
            *cursor = event.id.expect("an article has an id");
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Each place once, and in order, however often the connection broke.
fn take(articles: &[Value], given: &Mutex<Vec<Given>>) {
    let mut given = given.lock().expect("nobody panics with it");
    for article in articles {
        let text = |name: &str| article[name].as_str().unwrap_or_default().to_owned();
        let seq = article["seq"].as_i64().expect("a place");
        let last = given.last().map_or(0, |given| given.0);
        assert!(seq > last, "{seq} after {last}");
        given.push((seq, text("feed"), text("guid")));
    }
}
