//! Descriptors handed to glommio, or borrowed from it: the few calls for which neither glommio nor socket2 has a safe form.
//!
//! Invariant: a descriptor has exactly one owner. What is handed over is forgotten by the giver in the same
//! expression; what is borrowed is borrowed only while the owner is borrowed too. What was handed over to the process is
//! taken once, before anything in it listens.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use glommio::net::{TcpListener, TcpStream};
use socket2::{SockRef, Socket, Type};

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

/// The TCP socket that listens under this number, because whoever started the process left it open there for it
/// (sd_listen_fds(3)). It is closed on exec from now on.
///
/// # Errors
///
/// `InvalidInput` in words where it is no such socket, or was taken already; as the kernel says otherwise.
pub(crate) fn take_handed_over(number: RawFd) -> io::Result<Socket> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    let refuse = |wrong: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
    // SAFETY: it reads a flag of whatever is open there, and says EBADF where nothing is.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    {
        // SAFETY: it is open, as was just seen, and nobody closes what nobody has taken over yet.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&descriptor);
        // ENOTSOCK is the answer to the first question where it is none.
        let is_stream = socket.r#type().is_ok_and(|kind| kind == Type::STREAM);
        let is_tcp = is_stream && socket.local_addr().is_ok_and(|address| address.as_socket().is_some());
        if !is_tcp || !socket.is_listener()? {
            return refuse("it is no TCP socket that listens");
        }
        socket.set_cloexec(true)?;
    }
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return refuse("it was taken already");
    }
    // SAFETY: it is open, nobody in this process listens before this is called, so this one is nobody's, and it is taken
    // once: here is its one owner.
    Ok(unsafe { Socket::from_raw_fd(number) })
}

/// Makes the close of this stream a reset (RST): what was not sent yet is thrown away.
pub(crate) fn reset_on_close(stream: &TcpStream) -> io::Result<()> {
    options(stream, |socket| socket.set_linger(Some(Duration::ZERO)))
}

/// Lets the kernel end this stream once its peer has acknowledged nothing, or opened no window, for so long
/// (TCP_USER_TIMEOUT, RFC 5482).
pub(crate) fn end_after_silence(stream: &TcpStream, silence: Duration) -> io::Result<()> {
    options(stream, |socket| socket.set_tcp_user_timeout(Some(silence)))
}

fn options(stream: &TcpStream, set: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the descriptor stays open while `stream` is borrowed, which outlasts the borrow made here.
    let descriptor = unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) };
    set(&SockRef::from(&descriptor))
}

/// Whether the peer has closed its side, though bytes of it may still wait unread.
pub(crate) fn peer_gone(stream: &TcpStream) -> bool {
    ready(stream, libc::POLLRDHUP) & (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) != 0
}

/// Whether a read would wait: no byte has come, no end and no error.
pub(crate) fn is_quiet(stream: &TcpStream) -> bool {
    ready(stream, libc::POLLIN | libc::POLLRDHUP) == 0
}

/// What of `events` has happened, or else went wrong.
fn ready(stream: &TcpStream, events: libc::c_short) -> libc::c_short {
    let mut poll = libc::pollfd { fd: stream.as_raw_fd(), events, revents: 0 };
    // SAFETY: one valid pollfd, a timeout of zero: it returns at once.
    unsafe { libc::poll(&raw mut poll, 1, 0) };
    poll.revents
}
