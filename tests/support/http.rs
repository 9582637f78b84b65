//! A client over plain sockets that sends any bytes, wellformed or not, and reads answers and server-sent events.
//!
//! A socket that says nothing for as long as the hang guard fails the test; how long an answer takes is never judged.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::{Daemon, HANG_GUARD};

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

/// One answer, its body whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// One dispatched event of a stream, or its `retry:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty for a block that names none, such as `retry:`.
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
    pub(crate) retry_ms: Option<u64>,
}

/// Heartbeats in a row, 15 s each, after which a stream counts as hung.
const HEARTBEATS_MAX: usize = 4;

/// A stream of events.
pub(crate) struct Events(BufReader<Chunks>);

/// Where the daemon listens, once it does.
pub(crate) fn listening(daemon: &mut Daemon) -> SocketAddr {
    const WORDS: &str = "listening on http://";
    daemon.wait_for_lines(WORDS, 1);
    let lines = daemon.lines();
    let address = lines.iter().find_map(|line| line.split_once(WORDS)).map(|(_, rest)| rest.trim());
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address in {lines:#?}"))
}

/// Asks once, on a connection of its own.
pub(crate) fn get(at: SocketAddr, path: &str) -> Answer {
    get_with(at, path, "")
}

/// With further header lines, each with its CR and LF.
pub(crate) fn get_with(at: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut client = Client::connect(at);
    client.ask(path, &format!("Connection: close\r\n{headers}"));
    client.answer().unwrap_or_else(|| panic!("no answer to {path}"))
}

impl Client {
    pub(crate) fn connect(at: SocketAddr) -> Client {
        Client::try_connect(at, HANG_GUARD).unwrap_or_else(|error| panic!("connect to {at}: {error}"))
    }

    /// To a daemon that may be gone, by a client that leaves after a silence of `patience`.
    pub(crate) fn try_connect(at: SocketAddr, patience: Duration) -> io::Result<Client> {
        let socket = TcpStream::connect_timeout(&at, HANG_GUARD)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(HANG_GUARD))?;
        socket.set_nodelay(true)?;
        Ok(Client(BufReader::new(socket)))
    }

    /// The other side may have closed already, which the reading shows.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// A GET of this path, with further header lines.
    pub(crate) fn ask(&mut self, path: &str, headers: &str) -> bool {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"))
    }

    /// The sending half, for a thread of its own.
    pub(crate) fn sender(&self) -> TcpStream {
        self.0.get_ref().try_clone().expect("there are descriptors left")
    }

    /// The next answer to a GET; `None` if the connection ends before one is whole.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.head()?;
        let length = answer.header("content-length").map(|length| length.parse().expect("a length is a number"));
        match length {
            Some(length) => {
                answer.body = vec![0; length];
                self.0.read_exact(&mut answer.body).ok()?;
            }
            None if answer.status == 304 => {}
            None => panic!("an answer without a length: {answer:?}"),
        }
        Some(answer)
    }

    /// The head of the next answer: all there is of an answer to HEAD.
    pub(crate) fn head(&mut self) -> Option<Answer> {
        let status = line(&mut self.0)?;
        let status = status.strip_prefix("HTTP/1.1 ").or(status.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).expect("an answer begins with its status");
        let mut headers = Vec::new();
        loop {
            let line = line(&mut self.0)?;
            if line.is_empty() {
                return Some(Answer { status, headers, body: Vec::new() });
            }
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("a header without a colon: {line:?}"));
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }

    /// The stream that the answer to the request sent last is.
    pub(crate) fn events(mut self) -> Option<Events> {
        let head = self.head()?;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        assert_eq!(head.header("transfer-encoding"), Some("chunked"), "{head:?}");
        Some(Events(BufReader::new(Chunks { inner: self.0, left: 0 })))
    }

    /// Reads what is left, until the other side closes. Panics if it does not.
    pub(crate) fn until_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if is_silence(&error) => panic!("it is still open"),
            // A reset closes, too.
            _ => rest,
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("every body is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}

impl Events {
    /// Subscribes; `headers` are lines with CR and LF.
    pub(crate) fn open(at: SocketAddr, query: &str, headers: &str) -> Events {
        let mut client = Client::connect(at);
        client.ask(&format!("/news/stream?{query}"), &format!("Accept: text/event-stream\r\n{headers}"));
        client.events().expect("a stream")
    }

    /// The next event of this name.
    pub(crate) fn next_of(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }

    /// As the living standard has it: blocks of lines, ended by an empty one. `None` when the stream ends, or the client
    /// has lost its patience, be it within a block.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut is_empty = true;
        let mut heartbeats = 0;
        loop {
            let line = line(&mut self.0)?;
            if line.is_empty() {
                if is_empty {
                    continue;
                }
                return Some(event);
            }
            heartbeats += usize::from(line.starts_with(':'));
            if heartbeats > HEARTBEATS_MAX {
                return None;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => continue,
                "event" => value.clone_into(&mut event.name),
                "id" => event.id = Some(value.to_owned()),
                "data" => event.data += value,
                "retry" => event.retry_ms = Some(value.parse().expect("retry is a number")),
                _ => panic!("no field of an event: {line:?}"),
            }
            is_empty = false;
        }
    }
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {:?}", self.data))
    }
}

/// The body behind the chunked coding.
struct Chunks {
    inner: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let size = line(&mut self.inner).ok_or(io::ErrorKind::UnexpectedEof)?;
            self.left = usize::from_str_radix(&size, 16).map_err(|_| io::ErrorKind::InvalidData)?;
            if self.left == 0 {
                return Ok(0);
            }
        }
        let room = into.len().min(self.left);
        let read = self.inner.read(&mut into[..room])?;
        self.left -= read;
        if self.left == 0 && read > 0 {
            line(&mut self.inner).ok_or(io::ErrorKind::UnexpectedEof)?;
        }
        Ok(read)
    }
}

/// A line without its end; `None` if the connection ended, or was silent for too long, before it was whole.
fn line(from: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).ok()?;
    line.pop().filter(|&end| end == b'\n')?;
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Some(String::from_utf8(line).expect("every line is UTF-8"))
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
