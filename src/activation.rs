//! A listening socket handed over by a service manager, after sd_listen_fds(3): it goes on holding the socket, so that a
//! restart loses no connection.
//!
//! It reads the environment and takes the descriptor; listening is the HTTP core's. The variables are left as they are:
//! this process starts no other.

use std::env;
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::process;
use std::sync::Arc;

use crate::descriptor;
use crate::http::Listen;

/// SD_LISTEN_FDS_START: where the sockets begin.
const FIRST: RawFd = 3;

/// The socket that was handed over, if one was. Call it once, at the start, before anything listens.
///
/// # Errors
///
/// A sentence: more than one was, or what was is no TCP socket that listens.
pub(crate) fn take() -> Result<Option<Listen>, String> {
    let text = |name| env::var_os(name).map(OsString::into_string).transpose();
    let (Ok(pid), Ok(count)) = (text("LISTEN_PID"), text("LISTEN_FDS")) else {
        return Err("LISTEN_PID and LISTEN_FDS are numbers; unset them, or let systemd set them".to_owned());
    };
    if !is_handed_over(pid.as_deref(), count.as_deref(), process::id())? {
        return Ok(None);
    }
    // Of the unit's name, or of its FileDescriptorName=.
    let name = env::var("LISTEN_FDNAMES").ok().filter(|name| !name.is_empty());
    let shown = name.map_or_else(|| format!("descriptor {FIRST}"), |name| format!("descriptor {FIRST} ({name:?})"));
    let wrong = |error| {
        format!(
            "cannot listen on {shown}, handed over by LISTEN_FDS: {error}; in the socket unit write ListenStream= with an address and a port"
        )
    };
    let socket = descriptor::take_handed_over(FIRST).map_err(wrong)?;
    let address = socket.local_addr().map_err(wrong)?.as_socket();
    let Some(address) = address else { return Err(format!("{shown} has no address")) };
    log::info!("listening on {shown}, handed over by LISTEN_FDS");
    Ok(Some(Listen::Handed { socket: Arc::new(socket), address }))
}

/// Whether the variables speak of one socket for the process `own_pid`.
///
/// # Errors
///
/// A sentence: they are no numbers, or speak of more than one.
fn is_handed_over(pid: Option<&str>, count: Option<&str>, own_pid: u32) -> Result<bool, String> {
    let (Some(pid), Some(count)) = (pid, count) else { return Ok(false) };
    let number = |name: &str, text: &str| {
        let wrong = || format!("{name}={text:?} is no number; unset it, or let systemd set it");
        text.parse::<u32>().map_err(|_| wrong())
    };
    // An ancestor's, inherited by us.
    if number("LISTEN_PID", pid)? != own_pid {
        return Ok(false);
    }
    match number("LISTEN_FDS", count)? {
        0 => Ok(false),
        1 => Ok(true),
        count => Err(format!(
            "LISTEN_FDS hands over {count} sockets and rssd listens on one; leave one ListenStream= in the socket unit"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_socket_for_this_process_counts() {
        for (pid, count, verdict) in [
            (None, None, Ok(false)),
            (Some("7"), None, Ok(false)),
            (None, Some("1"), Ok(false)),
            (Some("7"), Some("1"), Ok(true)),
            (Some("7"), Some("0"), Ok(false)),
            (Some("8"), Some("1"), Ok(false)),
            (Some("8"), Some("junk"), Ok(false)),
            (Some("7"), Some("2"), Err("hands over 2 sockets")),
            (Some("7"), Some("-1"), Err("LISTEN_FDS=\"-1\" is no number")),
            (Some(""), Some("1"), Err("LISTEN_PID=\"\" is no number")),
            (Some("7"), Some("99999999999"), Err("is no number")),
        ] {
            match (is_handed_over(pid, count, 7), verdict) {
                (Ok(is), Ok(should)) => assert_eq!(is, should, "{pid:?} {count:?}"),
                (Err(sentence), Err(words)) => assert!(sentence.contains(words), "{sentence}"),
                (found, _) => panic!("{pid:?} {count:?}: {found:?}"),
            }
        }
    }
}
