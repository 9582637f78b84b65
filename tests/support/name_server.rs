//! A name server on loopback that does with each name what the test says; silence is the one fault that matters most.
//!
//! It speaks as much of RFC 1035 as one question and a few addresses need.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Addresses(Vec<IpAddr>),
    Silence,
    /// A response code: 2 SERVFAIL, 3 NXDOMAIN.
    Code(u8),
}

pub(crate) struct NameServer {
    pub(crate) addr: SocketAddr,
    asked: Arc<Mutex<HashMap<String, usize>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    pub(crate) fn start(reply: impl Fn(&str) -> Reply + Send + 'static) -> NameServer {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let addr = socket.local_addr().expect("a bound socket has an address");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout that is not zero");
        let (asked, stop) = (Arc::<Mutex<HashMap<String, usize>>>::default(), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (asked, stop) = (asked.clone(), stop.clone());
            thread::spawn(move || {
                let mut query = [0; 1500];
                while !stop.load(Ordering::Relaxed) {
                    let Ok((length, peer)) = socket.recv_from(&mut query) else { continue };
                    let Some((name, kind, question)) = question(&query[..length]) else { continue };
                    *asked.lock().expect("nobody panics with it").entry(name.clone()).or_default() += 1;
                    if let Some(answer) = answer(&query[..2], kind, question, &reply(&name)) {
                        let _ = socket.send_to(&answer, peer);
                    }
                }
            })
        };
        NameServer { addr, asked, stop, thread: Some(thread) }
    }

    /// How often a name was asked for.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.asked.lock().expect("nobody panics with it").get(name).copied().unwrap_or_default()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const A: u16 = 1;
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

fn answer(id: &[u8], kind: u16, question: &[u8], reply: &Reply) -> Option<Vec<u8>> {
    let (code, records): (u8, Vec<Vec<u8>>) = match reply {
        Reply::Silence => return None,
        Reply::Code(code) => (*code, Vec::new()),
        Reply::Addresses(addresses) => {
            let of_kind = addresses.iter().filter_map(|address| match (address, kind) {
                (IpAddr::V4(v4), A) => Some(v4.octets().to_vec()),
                (IpAddr::V6(v6), AAAA) => Some(v6.octets().to_vec()),
                _ => None,
            });
            (0, of_kind.collect())
        }
    };
    // A response with recursion available, to one question.
    let mut out = [id, &[0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).ok()?, 0, 0, 0, 0], question].concat();
    for record in records {
        // The question's name, its type, class IN, a minute to live.
        out.extend([&[0xc0, 12], kind.to_be_bytes().as_slice(), &[0, 1, 0, 0, 0, 60]].concat());
        out.extend(u16::try_from(record.len()).ok()?.to_be_bytes());
        out.extend(record);
    }
    Some(out)
}
