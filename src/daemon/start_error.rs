//! Why a daemon did not start: what a person is told, and which exit code a script sees.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::cli::exit;
use crate::machine::Lack;
use crate::store::StoreError;

/// Why the daemon did not start.
#[derive(Debug)]
pub enum StartError {
    Store(StoreError),
    /// The machine is unfit; the sentence says what to change.
    Host(String),
    /// Others have what it takes, and may give it back.
    Short(String),
    /// The address cannot be listened on.
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
}

impl StartError {
    /// The code the process leaves with.
    pub fn exit_code(&self) -> u8 {
        match self {
            StartError::Store(error) => error.exit_code(),
            StartError::Host(_) => exit::CONFIG,
            StartError::Short(_) => exit::TEMPORARY,
            StartError::Listen { error, .. } => match error.kind() {
                io::ErrorKind::AddrInUse => exit::UNAVAILABLE,
                io::ErrorKind::PermissionDenied => exit::PERMISSION,
                _ => exit::CONFIG,
            },
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Store(error) => error.fmt(f),
            StartError::Host(sentence) | StartError::Short(sentence) => f.write_str(sentence),
            StartError::Listen { address, error } => {
                let remedy = match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        "; another program listens there: stop it, or choose another address with --listen"
                    }
                    io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
                    io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
                    _ => "",
                };
                write!(f, "cannot listen on {address}: {error}{remedy}")
            }
        }
    }
}

impl std::error::Error for StartError {}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> StartError {
        StartError::Store(error)
    }
}

impl From<Lack> for StartError {
    fn from(lack: Lack) -> StartError {
        match lack.is_passing {
            true => StartError::Short(lack.sentence),
            false => StartError::Host(lack.sentence),
        }
    }
}
