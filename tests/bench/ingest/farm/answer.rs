//! What a publisher answers: pure, a request's head in, what to do out.

use std::collections::HashMap;

use rssd::clock::Clock;

use crate::documents::{self, Document, Shape};

pub(super) enum Answer {
    Send {
        head: Vec<u8>,
        body: Vec<u8>,
    },
    /// The head now, and the body a byte at a time.
    Drip {
        head: Vec<u8>,
        body: Vec<u8>,
    },
    Silence,
}

pub(super) struct Publishers {
    documents: Vec<Document>,
    /// How often each growing feed was asked.
    asked: HashMap<usize, usize>,
}

impl Publishers {
    pub(super) fn new(shape: Shape) -> Publishers {
        Publishers { documents: documents::documents(shape), asked: HashMap::new() }
    }

    /// `None` to what is no request of ours.
    pub(super) fn answer(&mut self, request: &str) -> Option<Answer> {
        let path = request.strip_prefix("GET /")?.split(' ').next()?;
        let (temper, number) = path.split_once('/')?;
        let number: usize = number.parse().ok()?;
        let document = documents::of(&self.documents, number);
        let version = match temper {
            "hang" => return Some(Answer::Silence),
            "grow" | "stamp" => {
                let asked = self.asked.entry(number).or_default();
                *asked += 1;
                *asked
            }
            _ => 0,
        };
        let etag = format!("\"{number}-{version}\"");
        if asks_for_change_since(request, &etag) {
            let head = format!("HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n");
            return Some(Answer::Send { head: head.into_bytes(), body: Vec::new() });
        }
        let body = match temper {
            "grow" => document.grown(number, version),
            // The last byte of it is there a moment later: it is written at once.
            "stamp" => document.stamped(number, Clock::monotonic_ms()),
            _ => document.of_feed(number),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nETag: {etag}\r\n\r\n",
            document.content_type,
            body.len()
        );
        let head = head.into_bytes();
        Some(if temper == "drip" { Answer::Drip { head, body } } else { Answer::Send { head, body } })
    }
}

fn asks_for_change_since(request: &str, etag: &str) -> bool {
    request.lines().any(|line| {
        let Some((name, value)) = line.split_once(':') else { return false };
        name.eq_ignore_ascii_case("if-none-match") && value.trim() == etag
    })
}
