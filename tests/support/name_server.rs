//! A name server on loopback that does with each name what the test says; silence is the one fault that matters most.
//!
//! It speaks as much of RFC 1035 as one question and its addresses need, over UDP and, for what does not fit a datagram, over TCP.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::until;

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Addresses(Vec<IpAddr>),
    /// Addresses that are not to be kept.
    Fleeting(Vec<IpAddr>),
    Silence,
    /// A response code: 2 SERVFAIL, 3 NXDOMAIN.
    Code(u8),
    /// Truncated over UDP, silence over TCP.
    Truncated,
    /// A datagram cut in the middle of its question.
    Cut,
    /// Another name, and nothing about that one.
    Alias(&'static str),
}

pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    server: Arc<Server>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    pub(crate) fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> NameServer {
        // One port for both: tried until it is free.
        let (udp, tcp) = until("a port that is free for UDP and TCP", || {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        });
        let addr = udp.local_addr().expect("a bound socket has an address");
        let server = Arc::new(Server { reply: Box::new(reply), asked: Mutex::default(), stop: AtomicBool::new(false) });
        let threads = vec![
            thread::spawn({
                let server = server.clone();
                move || server.serve_datagrams(&udp)
            }),
            thread::spawn({
                let server = server.clone();
                move || server.serve_connections(&tcp)
            }),
        ];
        NameServer { addr, server, threads }
    }

    /// One that says nothing while this is true, and afterwards that everything is on this machine.
    pub(crate) fn silent_while(is_out: &Arc<AtomicBool>) -> NameServer {
        let is_out = is_out.clone();
        NameServer::start(move |_| match is_out.load(Ordering::Relaxed) {
            true => Reply::Silence,
            false => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
        })
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.server.asked.lock().expect("nobody panics with it").get(name).copied().unwrap_or_default()
    }
}

struct Server {
    reply: Box<dyn Fn(&str) -> Reply + Send + Sync>,
    asked: Mutex<HashMap<String, usize>>,
    stop: AtomicBool,
}

impl Server {
    fn serve_datagrams(&self, socket: &UdpSocket) {
        let mut query = [0; 1500];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            if let Some(answer) = self.answer(&query[..length], DATAGRAM_BYTES_MAX) {
                let _ = socket.send_to(&answer, peer);
            }
        }
    }

    /// Each connection has a thread, which ends with it.
    fn serve_connections(self: &Arc<Server>, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let server = self.clone();
            thread::spawn(move || server.serve_connection(stream));
        }
    }

    fn serve_connection(&self, mut stream: TcpStream) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            if stream.read_exact(&mut query).is_err() {
                return;
            }
            if let Some(answer) = self.answer(&query, usize::from(u16::MAX)) {
                let length = u16::try_from(answer.len()).expect("it was made to fit").to_be_bytes();
                let _ = stream.write_all(&[&length[..], &answer].concat());
            }
        }
    }

    fn answer(&self, query: &[u8], bytes_max: usize) -> Option<Vec<u8>> {
        let (name, kind, question) = question(query)?;
        *self.asked.lock().expect("nobody panics with it").entry(name.clone()).or_default() += 1;
        answer(&query[..2], kind, question, &(self.reply)(&name), bytes_max)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.server.stop.store(true, Ordering::Relaxed);
        // Each waits for somebody.
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(|socket| socket.send_to(&[], self.addr));
        let _ = TcpStream::connect(self.addr);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// What every resolver takes (RFC 1035, section 2.3.4).
const DATAGRAM_BYTES_MAX: usize = 512;

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// Name in lower case, type, and the question's bytes.
fn question(query: &[u8]) -> Option<(String, u16, &[u8])> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, query.get(12..at + 4)?))
}

fn answer(id: &[u8], kind: u16, question: &[u8], reply: &Reply, bytes_max: usize) -> Option<Vec<u8>> {
    let (code, records): (u8, Vec<(u16, Vec<u8>)>) = match reply {
        Reply::Silence => return None,
        Reply::Truncated if bytes_max > DATAGRAM_BYTES_MAX => return None,
        Reply::Truncated => return Some(message(id, 0x83, 0x80, question, &[], 0)),
        Reply::Cut => return Some(message(id, 0x81, 0x80, &question[..question.len() / 2], &[], 0)),
        Reply::Code(code) => (*code, Vec::new()),
        Reply::Alias(name) => {
            let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
            (0, vec![(CNAME, labels.chain([0]).collect())])
        }
        Reply::Addresses(addresses) | Reply::Fleeting(addresses) => {
            let of_kind = addresses.iter().filter_map(|address| match (address, kind) {
                (IpAddr::V4(v4), A) => Some((A, v4.octets().to_vec())),
                (IpAddr::V6(v6), AAAA) => Some((AAAA, v6.octets().to_vec())),
                _ => None,
            });
            (0, of_kind.collect())
        }
    };
    // A response with recursion available, to one question.
    let ttl_s = if matches!(reply, Reply::Fleeting(_)) { 0 } else { 60 };
    let whole = message(id, 0x81, 0x80 | code, question, &records, ttl_s);
    Some(if whole.len() > bytes_max { message(id, 0x83, 0x80 | code, question, &[], 0) } else { whole })
}

fn message(id: &[u8], high: u8, low: u8, question: &[u8], records: &[(u16, Vec<u8>)], ttl_s: u8) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("fewer than fit").to_be_bytes();
    let mut out = [id, &[high, low, 0, 1], &count, &[0, 0, 0, 0], question].concat();
    for (kind, content) in records {
        // The question's name, its type, class IN, its time to live.
        out.extend([&[0xc0, 12], kind.to_be_bytes().as_slice(), &[0, 1, 0, 0, 0, ttl_s]].concat());
        out.extend(u16::try_from(content.len()).expect("an address or a name").to_be_bytes());
        out.extend(content);
    }
    out
}
