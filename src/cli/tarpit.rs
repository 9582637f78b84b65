//! `rssd tarpit`: the hostile feed server alone, until a signal.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit;
use crate::clock::Clock;
use crate::machine;
use crate::tarpit::{Options, Tarpit};

#[derive(clap::Args, Debug)]
pub(crate) struct TarpitArgs {
    /// Where to listen; port 0 picks one. https has a port of its own, which is printed
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Serve the files of this directory and those below it as feeds, as they are now
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(crate) fn run(args: &TarpitArgs) -> u8 {
    // Before anything is printed: whoever reads the line below may send a signal at once.
    let mut signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            complain!("rssd tarpit: wait for signals: {error}");
            return exit::INTERNAL;
        }
    };
    if let Err(error) = machine::raise_nofile() {
        log::warn!("{error}; the tarpit holds fewer connections");
    }
    if let Err(error) = machine::probe_io_uring() {
        complain!("rssd tarpit: {error}");
        return exit::CONFIG;
    }
    let options = Options { listen: args.listen, tls_port: 0, dir: args.dir.clone(), clock: Clock::system() };
    let tarpit = match Tarpit::start(options) {
        Ok(tarpit) => tarpit,
        Err(error) => return refuse(&error, args.listen),
    };
    // Without a reader of standard output the tarpit is as useful as with one.
    let _ = greet(&tarpit, args.dir.is_some());
    signals.forever().next();
    tarpit.stop();
    exit::FINE
}

fn greet(tarpit: &Tarpit, has_files: bool) -> io::Result<()> {
    let (http, https) = (tarpit.addr(), tarpit.tls_addr());
    let files = if has_files { ", files under /files/" } else { "" };
    let mut out = io::stdout().lock();
    writeln!(out, "tarpit listening on http://{http}")?;
    writeln!(out, "tarpit listening on https://{https}, its authority at http://{http}/ca.pem")?;
    writeln!(out, "every scenario is explained at http://{http}/{files}")?;
    writeln!(
        out,
        "to subscribe to all: curl -o feeds.toml http://{http}/feeds.toml && rssd --feeds feeds.toml --once"
    )?;
    out.flush()
}

fn refuse(error: &io::Error, listen: SocketAddr) -> u8 {
    let memlock = machine::memlock_remedy();
    let (code, remedy) = match error.kind() {
        ErrorKind::AddrInUse => {
            (exit::UNAVAILABLE, "stop the program that listens there, or choose another with --listen")
        }
        ErrorKind::AddrNotAvailable => (exit::CONFIG, "choose an address of this host with --listen"),
        // io_uring was probed, so what is missing is memory that may be locked.
        ErrorKind::Unsupported => (exit::CONFIG, memlock.as_str()),
        ErrorKind::PermissionDenied => (exit::PERMISSION, "choose a port above 1023, and a directory that may be read"),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::FileTooLarge => {
            (exit::CONFIG, "give a directory of feeds with --dir")
        }
        _ => (exit::INTERNAL, "try again, and report this if it stays"),
    };
    complain!("rssd tarpit: start on {listen}: {error}; {remedy}");
    code
}
