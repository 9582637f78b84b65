//! A socket that systemd holds: the daemon listens on it, and whoever connects while there is none is answered by the next.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use nix::sys::signal::Signal::SIGTERM;

use crate::support::http::{Client, get, listening};
use crate::support::{BINARY, Daemon, Feeds, Home};

/// Starts the daemon as systemd would, with this open as descriptor 3.
fn start(home: &Home, handed: impl Into<OwnedFd>, variables: &str, arguments: &[&str]) -> Daemon {
    let mut command = home.command_of("sh");
    // The shell's process becomes the daemon's, so `$$` is its number.
    let script = format!("exec 3<&0 </dev/null; {variables}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, BINARY, "--feeds", "feeds.toml", "--db", "rssd.db"]).args(arguments);
    command.stdin(Stdio::from(handed.into()));
    Daemon::spawn(command)
}

const ONE: &str = "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=rssd.socket";

fn socket() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let at = socket.local_addr().expect("it is bound");
    (socket, at)
}

fn again(socket: &TcpListener) -> TcpListener {
    socket.try_clone().expect("there are descriptors left")
}

#[test]
fn a_restart_loses_no_connection() {
    let home = Home::with(&Feeds::new());
    let (socket, at) = socket();
    let mut waiting = Vec::new();
    for round in 0..4 {
        let mut daemon = start(&home, again(&socket), ONE, &["--listen", "127.0.0.1:1"]);
        assert_eq!(listening(&mut daemon), at, "the socket wins over --listen");
        assert_eq!(daemon.count_lines("--listen is not looked at"), 1);
        assert_eq!(daemon.count_lines("rssd.socket"), 1);
        for client in waiting.drain(..) {
            let mut client: Client = client;
            assert_eq!(client.answer().expect("an answer to who waited").text(), "ok\n", "round {round}");
        }
        assert_eq!(get(at, "/health/live").text(), "ok\n");
        // Once it is killed and otherwise asked to stop, and then there is none for a while.
        let code = match round {
            2 => daemon.kill().code,
            _ => {
                daemon.signal(SIGTERM);
                daemon.wait().code
            }
        };
        assert_eq!(code, (round != 2).then_some(0));
        for _ in 0..20 {
            let mut client = Client::connect(at);
            client.ask("/health/live", "");
            waiting.push(client);
        }
    }
}

#[test]
fn a_socket_for_somebody_else_is_left_alone() {
    let home = Home::with(&Feeds::new());
    let (socket, at) = socket();
    for variables in ["export LISTEN_PID=1 LISTEN_FDS=1", "export LISTEN_FDS=1", "export LISTEN_PID=$$ LISTEN_FDS=0"] {
        let mut daemon = start(&home, again(&socket), variables, &[]);
        assert_ne!(listening(&mut daemon), at, "{variables}");
        daemon.signal(SIGTERM);
        assert_eq!(daemon.wait().code, Some(0), "{variables}");
    }
}

#[test]
fn what_is_no_listening_socket_is_told_so() {
    let home = Home::with(&Feeds::new());
    let (socket, at) = socket();
    let unix = UnixListener::bind(home.path("socket")).expect("its place is free");
    let connected = TcpStream::connect(at).expect("it listens");
    let file = File::open(home.path("feeds.toml")).expect("it was written");
    const NONE: &str = "it is no TCP socket that listens";
    let two = "export LISTEN_PID=$$ LISTEN_FDS=2";
    let closed = "exec 3<&-; export LISTEN_PID=$$ LISTEN_FDS=1";
    for (handed, variables, words) in [
        (OwnedFd::from(again(&socket)), two, "hands over 2 sockets"),
        (again(&socket).into(), closed, NONE),
        (again(&socket).into(), "export LISTEN_PID=x LISTEN_FDS=1", "LISTEN_PID=\"x\" is no number"),
        (unix.into(), ONE, NONE),
        (connected.into(), ONE, NONE),
        (file.into(), ONE, NONE),
    ] {
        let finished = start(&home, handed, variables, &[]).wait();
        assert_eq!(finished.code, Some(78), "{words}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "{words}: {}", finished.stderr);
    }
    // Beyond loopback it needs a token as an address of one's own does.
    let open = TcpListener::bind(("0.0.0.0", 0)).expect("there is a free port");
    let finished = start(&home, open, ONE, &[]).wait();
    assert_eq!(finished.code, Some(78), "{}", finished.stderr);
    assert!(finished.stderr.contains("is open to others"), "{}", finished.stderr);
}
