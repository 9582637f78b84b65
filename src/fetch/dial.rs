//! From addresses to a connection: several tried within the connect budget, through a proxy if the feed has one.
//!
//! The addresses have passed the guard. Nothing is resolved here, so what was checked is what is dialled.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::TcpStream;
use url::Url;

use super::flight::Flight;
use crate::executor::sleep;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{CONNECT_STAGGER_MS, PROXY_ANSWER_BYTES_MAX};
use crate::machine;

type Attempt = Pin<Box<dyn Future<Output = (SocketAddr, io::Result<TcpStream>)>>>;

/// Connects to the first of `addresses` that answers, in their order, a new attempt starting when the last one failed
/// or after a stagger (RFC 8305, section 5).
///
/// # Errors
///
/// `connect`: the last attempt's error when all failed, or the deadline of the present phase. Where one of them failed for
/// want of a descriptor, that one's: not all were tried then.
pub(crate) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    flight: &Flight,
) -> Result<(TcpStream, SocketAddr), Failure> {
    let failed = |_, error: io::Error| {
        let tried = addresses.iter().map(|ip| SocketAddr::new(*ip, port).to_string()).collect::<Vec<_>>().join(", ");
        let is_short = machine::is_short(&error);
        let hint = if is_short { "; raise LimitNOFILE, or ask for fewer cores" } else { "" };
        // A refusal is an answer.
        let is_unreached = matches!(
            error.kind(),
            io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::TimedOut
        );
        let message = format!("cannot connect to {tried}: {error}{hint}");
        Failure::new(Class::Connect, Phase::Connect, message).unreached(is_unreached).short(is_short)
    };
    let connected = flight.within(race(addresses, port), failed).await?;
    // Requests are one small write: waiting for more to send with it only adds delay. It fails on a dead socket alone.
    let _ = connected.0.set_nodelay(true);
    Ok(connected)
}

async fn race(addresses: &[IpAddr], port: u16) -> io::Result<(TcpStream, SocketAddr)> {
    let mut running: Vec<Attempt> = Vec::new();
    let mut last_error = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for address in addresses.iter().map(|ip| SocketAddr::new(*ip, port)) {
        running.push(attempt(address));
        let stagger = async {
            sleep(Duration::from_millis(CONNECT_STAGGER_MS)).await;
            None
        };
        match futures_lite::future::or(async { Some(first_done(&mut running).await) }, stagger).await {
            Some((address, Ok(stream))) => return Ok((stream, address)),
            Some((_, Err(error))) => last_error = graver(last_error, error),
            None => {}
        }
    }
    while !running.is_empty() {
        match first_done(&mut running).await {
            (address, Ok(stream)) => return Ok((stream, address)),
            (_, Err(error)) => last_error = graver(last_error, error),
        }
    }
    Err(last_error)
}

/// What is told of two attempts that failed.
fn graver(before: io::Error, error: io::Error) -> io::Error {
    if machine::is_short(&before) { before } else { error }
}

fn attempt(address: SocketAddr) -> Attempt {
    Box::pin(async move { (address, TcpStream::connect(address).await.map_err(io::Error::from)) })
}

/// The first attempt to end, taken out of `running`.
async fn first_done(running: &mut Vec<Attempt>) -> (SocketAddr, io::Result<TcpStream>) {
    poll_fn(|context| {
        for i in 0..running.len() {
            if let Poll::Ready(done) = running[i].as_mut().poll(context) {
                drop(running.swap_remove(i));
                return Poll::Ready(done);
            }
        }
        Poll::Pending
    })
    .await
}

/// Asks the proxy at the other end of `socket` for a tunnel to `host:port` (RFC 9110, section 9.3.6).
///
/// # Errors
///
/// `connect`: the proxy refused, with its status, or did not speak HTTP.
pub(crate) async fn tunnel(
    socket: &mut TcpStream,
    proxy: &Url,
    host: &str,
    port: u16,
    flight: &Flight,
) -> Result<(), Failure> {
    let proxy_host = proxy.host_str().unwrap_or_default();
    let failed = |_, error: io::Error| connect_failure(format!("the proxy {proxy_host} broke the connection: {error}"));
    let ask = async {
        let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // One byte at a time, so that nothing of the tunnelled stream is taken; this happens once a connection.
        let mut byte = [0; 1];
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() == PROXY_ANSWER_BYTES_MAX || socket.read(&mut byte).await? == 0 {
                return Ok(None);
            }
            answer.push(byte[0]);
        }
        Ok(status_of(&answer))
    };
    match flight.within(ask, failed).await? {
        Some(200..=299) => Ok(()),
        Some(status) => Err(connect_failure(format!("the proxy {proxy_host} refused a tunnel with status {status}"))),
        None => Err(connect_failure(format!("the proxy {proxy_host} did not answer CONNECT in HTTP"))),
    }
}

fn status_of(head: &[u8]) -> Option<u16> {
    let line = head.split(|&b| b == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

fn connect_failure(message: String) -> Failure {
    Failure::new(Class::Connect, Phase::Connect, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_proxy_is_read_from_its_first_line() {
        for (head, status) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Some(200)),
            ("HTTP/1.0 407 Proxy Authentication Required\r\nX: y\r\n\r\n", Some(407)),
            ("HTTP/1.1 \r\n\r\n", None),
            ("SSH-2.0-x 200 \r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(status_of(head.as_bytes()), status, "{head:?}");
        }
    }
}
