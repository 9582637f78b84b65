//! Descriptors handed to glommio, or borrowed from it: the few calls for which neither glommio nor socket2 has a safe form.
//!
//! Invariant: a descriptor has exactly one owner. What is handed over is forgotten by the giver in the same
//! expression; what is borrowed is borrowed only while the owner is borrowed too.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::time::Duration;

use glommio::net::{TcpListener, TcpStream};
use socket2::{SockRef, Socket};

/// A listening socket as a listener of the executor that runs on this thread.
///
/// `TcpListener::bind` would set SO_REUSEPORT, and two programs would share a port without a word.
///
/// # Panics
///
/// Where no executor runs.
pub(crate) fn listener(socket: Socket) -> TcpListener {
    // SAFETY: `into_raw_fd` gives up the only ownership of an open, listening socket, and the listener takes it.
    unsafe { TcpListener::from_raw_fd(socket.into_raw_fd()) }
}

/// Makes the close of this stream a reset (RST): what was not sent yet is thrown away.
pub(crate) fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    // SAFETY: the descriptor stays open while `stream` is borrowed, which outlasts the borrow made here.
    let descriptor = unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) };
    SockRef::from(&descriptor).set_linger(Some(Duration::ZERO))
}

/// Whether the peer has closed its side, though bytes of it may still wait unread.
pub(crate) fn peer_gone(stream: &TcpStream) -> bool {
    let mut poll = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLRDHUP, revents: 0 };
    // SAFETY: one valid pollfd, a timeout of zero: it returns at once.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 0) };
    ready > 0 && poll.revents & (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0
}
