//! The tarpit seen by clients that are as plain as can be: blocking sockets of the standard library.

mod http;
mod life;
mod scenarios;
mod steps;
mod tls;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::*;
use crate::clock::Clock;

/// Longer than anything here takes: it ends a test that hangs, and decides nothing else.
const GUARD: Duration = Duration::from_secs(30);
/// Between the bytes of a drip. Short: the tests look at what comes, not at when.
const DRIP: Duration = Duration::from_millis(1);

fn tarpit() -> Tarpit {
    Tarpit::start(Options::default()).unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    stream
}

/// A connection that has sent a request.
fn ask(tarpit: &Tarpit, path: &str, headers: &str) -> TcpStream {
    let mut stream = connect(tarpit.addr());
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a.localhost\r\n{headers}\r\n").unwrap();
    stream
}

/// Everything until the end of the connection.
fn all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn get(tarpit: &Tarpit, path: &str, headers: &str) -> (String, Vec<u8>) {
    let bytes = all(ask(tarpit, path, &format!("{headers}Connection: close\r\n")));
    let end = request::end_of_head(&bytes, 0).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&bytes)));
    (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
}

fn exactly(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}
