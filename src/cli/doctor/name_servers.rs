//! Whether the name servers answer: each is asked for the root's own servers, which every one of them knows, and any
//! answer will do. By UDP, with a short deadline for all of them together.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::limits::DOCTOR_NAMES_WAIT;

/// A question for the root's name servers (RFC 1035, section 4.1): an id, recursion desired, one question, the empty name,
/// type NS, class IN.
fn question(id: u16) -> Vec<u8> {
    [&id.to_be_bytes()[..], &[1, 0], &[0, 1, 0, 0, 0, 0, 0, 0], &[0, 0, 2, 0, 1]].concat()
}

/// Why each of them gave no answer, in their order; `None` for one that did.
pub(super) fn ask(servers: &[SocketAddr]) -> Vec<Option<String>> {
    // Asked before any is waited for. Told apart by where they are: each has a socket of its own.
    let asked: Vec<io::Result<UdpSocket>> = servers.iter().map(|server| send(*server)).collect();
    let deadline = Clock::monotonic() + DOCTOR_NAMES_WAIT;
    let answer = |socket: io::Result<UdpSocket>| socket.and_then(|socket| receive(&socket, deadline));
    asked.into_iter().map(|socket| answer(socket).err().map(|error| why(&error))).collect()
}

fn send(server: SocketAddr) -> io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any)?;
    // Nobody else's datagrams come in, and a closed port is an error.
    socket.connect(server)?;
    socket.send(&question(id_of(&socket)?))?;
    Ok(socket)
}

/// As good as any: the port is the kernel's choice.
fn id_of(socket: &UdpSocket) -> io::Result<u16> {
    Ok(socket.local_addr()?.port().swap_bytes())
}

fn receive(socket: &UdpSocket, deadline: Instant) -> io::Result<()> {
    let id = id_of(socket)?.to_be_bytes();
    let mut answer = [0; 512];
    loop {
        // Zero would be no deadline at all.
        let left = deadline.saturating_duration_since(Clock::monotonic()).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut answer) {
            // An answer to this question, with whatever code.
            Ok(len) if len >= 12 && answer[..2] == id && answer[2] & 0x80 != 0 => return Ok(()),
            Ok(_) => {}
            // With a timeout the kernel does not begin it again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if Clock::monotonic() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("says nothing within {} ms", DOCTOR_NAMES_WAIT.as_millis())
        }
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
