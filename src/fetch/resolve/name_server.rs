//! A name server for tests, on a port of its own on loopback: a name's first label says how it is answered.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Over TCP, the label `many` has so many addresses: what fits a message.
pub(super) const MANY: u16 = 4_000;

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;

pub(super) struct NameServer {
    pub(super) addr: SocketAddr,
    state: Arc<State>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stopping: AtomicBool,
    connections: AtomicU64,
    /// Questions by name and type.
    asked: Mutex<HashMap<(String, u16), usize>>,
}

impl NameServer {
    pub(super) fn start() -> NameServer {
        // The port must be free for both: try until it is.
        let (udp, tcp) = std::iter::repeat_with(|| {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            let tcp = TcpListener::bind(udp.local_addr().unwrap());
            (udp, tcp)
        })
        .find_map(|(udp, tcp)| tcp.ok().map(|tcp| (udp, tcp)))
        .unwrap();
        let addr = udp.local_addr().unwrap();
        let state = Arc::new(State::default());
        let threads = vec![
            std::thread::spawn({
                let state = Arc::clone(&state);
                move || serve_udp(&udp, &state)
            }),
            std::thread::spawn({
                let state = Arc::clone(&state);
                move || serve_tcp(&tcp, &state)
            }),
        ];
        NameServer { addr, state, threads }
    }

    /// How often a name was asked for, over all types.
    pub(super) fn asked(&self, name: &str) -> usize {
        let asked = self.state.asked.lock().unwrap();
        asked.iter().filter(|((asked, _), _)| asked == name).map(|(_, count)| count).sum()
    }

    /// How many connections came.
    pub(super) fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many questions came at all.
    pub(super) fn questions(&self) -> usize {
        self.state.asked.lock().unwrap().values().sum()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.state.stopping.store(true, Ordering::Release);
        // Wake both threads.
        let _ = UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], self.addr);
        let _ = TcpStream::connect(self.addr);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve_udp(socket: &UdpSocket, state: &State) {
    let mut datagram = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut datagram) {
        if state.stopping.load(Ordering::Acquire) {
            return;
        }
        for message in answers(&datagram[..length], false, state) {
            let _ = socket.send_to(&message, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(mut stream) = stream else { return };
        state.connections.fetch_add(1, Ordering::Relaxed);
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; u16::from_be_bytes(length).into()];
                if stream.read_exact(&mut question).is_err() {
                    return;
                }
                for message in answers(&question, true, &state) {
                    let length = u16::try_from(message.len()).unwrap();
                    let _ = stream.write_all(&[&length.to_be_bytes()[..], &message].concat());
                }
            }
        });
    }
}

/// What is sent for a question: no message, one, or several.
fn answers(question: &[u8], over_tcp: bool, state: &State) -> Vec<Vec<u8>> {
    let Some(question) = Question::read(question) else { return Vec::new() };
    *state.asked.lock().unwrap().entry((question.name.clone(), question.record_type)).or_default() += 1;
    let label = question.name.split('.').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    match label {
        "hang" => vec![],
        "nx" => vec![question.negative(3)],
        "empty" => vec![question.negative(0)],
        "fail" => vec![question.answer(2, false, &[])],
        "refused" => vec![question.answer(5, false, &[])],
        // Each is the other's alias.
        "loop-a" => vec![question.alias(b"\x06loop-b\x04test\0")],
        "loop-b" => vec![question.alias(b"\x06loop-a\x04test\0")],
        "alias" => vec![question.alias(b"\x04good\x04test\0")],
        "truncated" | "many" | "truncated-hang" if !over_tcp => vec![question.answer(0, true, &[])],
        "truncated-hang" => vec![],
        "many" => vec![question.addresses(MANY)],
        "hang-aaaa" if question.record_type == AAAA => vec![],
        "hang-a" if question.record_type == A => vec![],
        "fail-aaaa" if question.record_type == AAAA => vec![question.answer(2, false, &[])],
        // Answers of strangers and garbage before the right one.
        "forged" => {
            let right = question.addresses(2);
            let mut wrong_id = right.clone();
            wrong_id[0] ^= 0xff;
            let mut wrong_name = right.clone();
            wrong_name[13] ^= 1;
            vec![vec![], vec![right[0]], wrong_id, wrong_name, right]
        }
        "garbage" => vec![[&question.id[..], &[0xff; 40]].concat()],
        // Public for the first question of each type, then loopback.
        "rebind" => {
            let key = (question.name.clone(), question.record_type);
            let first = state.asked.lock().unwrap()[&key] == 1;
            let addr = if first { Ipv4Addr::new(8, 8, 8, 8) } else { Ipv4Addr::LOCALHOST };
            let records = [(A, addr.octets().to_vec())];
            vec![question.answer(0, false, if question.record_type == A { &records } else { &[] })]
        }
        _ => vec![question.addresses(2)],
    }
}

struct Question {
    id: [u8; 2],
    name: String,
    record_type: u16,
    /// Name, type and class as they came.
    raw: Vec<u8>,
}

impl Question {
    fn read(message: &[u8]) -> Option<Question> {
        let id = *message.first_chunk()?;
        let (mut at, mut labels) = (12, Vec::new());
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
            at += length;
        }
        let record_type = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
        Some(Question { id, name: labels.join("."), record_type, raw: message.get(12..at + 4)?.to_vec() })
    }

    fn message(&self, code: u8, truncated: bool, answers: u16, authorities: u16, records: &[u8]) -> Vec<u8> {
        let flags = [0x81 | u8::from(truncated) << 1, 0x80 | code];
        let counts = [1, answers, authorities, 0].map(u16::to_be_bytes).concat();
        [&self.id[..], &flags, &counts, &self.raw, records].concat()
    }

    fn answer(&self, code: u8, truncated: bool, records: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let bytes: Vec<u8> = records.iter().flat_map(|(record_type, content)| record(*record_type, content)).collect();
        self.message(code, truncated, records.len() as u16, 0, &bytes)
    }

    fn alias(&self, target: &[u8]) -> Vec<u8> {
        self.answer(0, false, &[(CNAME, target.to_vec())])
    }

    /// A negative answer that may be kept for a minute.
    fn negative(&self, code: u8) -> Vec<u8> {
        let soa = [&b"\x02ns\0\x04mail\0"[..], &[1, 60, 60, 60, 60].map(u32::to_be_bytes).concat()].concat();
        self.message(code, false, 0, 1, &record(SOA, &soa))
    }

    fn addresses(&self, count: u16) -> Vec<u8> {
        let records: Vec<_> = (0..count)
            .map(|n| match self.record_type {
                AAAA => (AAAA, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n).octets().to_vec()),
                _ => (A, Ipv4Addr::new(192, 0, n.to_be_bytes()[0] + 2, n.to_be_bytes()[1]).octets().to_vec()),
            })
            // Of IPv6 addresses fewer fit.
            .take(if self.record_type == AAAA { 2_000 } else { 4_000 })
            .collect();
        self.answer(0, false, &records)
    }
}

/// A record of the name asked for, valid for a minute.
fn record(record_type: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let head = [record_type, 1].map(u16::to_be_bytes).concat();
    [&b"\xc0\x0c"[..], &head, &60u32.to_be_bytes(), &length.to_be_bytes(), content].concat()
}
