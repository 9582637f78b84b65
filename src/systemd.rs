//! What systemd is told, after sd_notify(3): that we are ready, how we are, that we live. Without `NOTIFY_SOCKET` nothing.
//!
//! It never waits: a manager that takes nothing is told less.

use std::env;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::limits::STATUS_INTERVAL;

/// The line to the service manager.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// Half of what systemd waits for at most.
    feed_interval: Option<Duration>,
    fed_at: Option<Instant>,
    status: String,
    status_at: Option<Instant>,
}

impl Manager {
    /// As the environment says.
    pub(crate) fn of_environment() -> Manager {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()).and_then(|name| {
            open(&name).map_err(|error| log::warn!("NOTIFY_SOCKET {name:?} cannot be used: {error}")).ok()
        });
        let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let feed_interval = number("WATCHDOG_USEC").filter(|usec| is_ours && *usec > 0);
        let feed_interval = feed_interval.map(|usec| Duration::from_micros(usec / 2));
        Manager { socket, feed_interval, fed_at: None, status: String::new(), status_at: None }
    }

    fn send(&self, message: &str) -> bool {
        let Some((socket, address)) = &self.socket else { return false };
        socket.send_to_addr(message.as_bytes(), address).is_ok()
    }

    /// All parts run: feeds are polled and the listener accepts.
    pub(crate) fn ready(&self) {
        self.send("READY=1");
    }

    /// A reload begins; `ready` ends it.
    pub(crate) fn reloading(&self) {
        // With it the manager tells this reload's end from an earlier one's (systemd.service(5), `notify-reload`).
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", Clock::monotonic_ms() * 1_000));
    }

    pub(crate) fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// From time to time: feeds the watchdog, if it `may_live`, and shows `status` where it has changed.
    pub(crate) fn look(&mut self, may_live: bool, status: impl FnOnce() -> String) {
        if self.socket.is_none() {
            return;
        }
        let now = Clock::monotonic();
        let is_due = |at: Option<Instant>, interval| at.is_none_or(|at| now.saturating_duration_since(at) >= interval);
        if self.feed_interval.is_some_and(|interval| may_live && is_due(self.fed_at, interval)) {
            // Where it did not arrive it is sent again at the next look.
            if self.send("WATCHDOG=1") {
                self.fed_at = Some(now);
            }
        }
        if is_due(self.status_at, STATUS_INTERVAL) {
            self.status_at = Some(now);
            let status = status();
            if status != self.status && self.send(&format!("STATUS={status}")) {
                self.status = status;
            }
        }
    }
}

/// A path, or with `@` a name without a file.
fn open(name: &OsString) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
