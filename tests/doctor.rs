//! `rssd doctor`, before a daemon runs, beside one that is well, and where the host is not.

use std::fs;
use std::os::unix::fs::symlink;

use std::net::{Ipv4Addr, UdpSocket};

use crate::support::http::listening;
use crate::support::{Daemon, Feeds, Finished, Home, NameServer, Reply, tarpit};

fn doctor(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    command.arg("doctor").args(arguments);
    let finished = Daemon::spawn(command).wait();
    assert!(!finished.stdout.contains('\x1b') && !finished.stderr.contains('\x1b'), "{finished:?}");
    finished
}

/// A line of `[daemon]`, so that no name server of the machine is asked.
fn dns(servers: &[std::net::SocketAddr]) -> String {
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    format!("dns = {servers:?}")
}

/// Of a port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn a_host_without_a_daemon_is_judged_line_by_line() {
    let names = NameServer::start(|_| Reply::Code(5));
    let home = Home::with(&Feeds::new().daemon(&dns(&[names.addr])).feed("one", "http://one.localhost/feed"));
    let seen = doctor(&home, &["--feeds", "feeds.toml", "--db", "rssd.db", "--server", NOBODY]);
    assert_eq!(seen.code, Some(0), "{}{}", seen.stdout, seen.stderr);
    for what in ["feeds file", "io_uring", "memlock", "open files", "CPUs", "DNS", "CA roots", "disk", "writable"] {
        let line = seen.stdout.lines().find(|line| line.get(6..).is_some_and(|line| line.starts_with(what)));
        let line = line.unwrap_or_else(|| panic!("nothing of {what} in {}", seen.stdout));
        assert!(line.starts_with("ok ") || line.starts_with("warn "), "{line}");
    }
    assert!(seen.stdout.contains("warn  HTTP         no daemon answers at http://127.0.0.1:9/"), "{}", seen.stdout);
    let left: Vec<_> = fs::read_dir(home.dir()).expect("it is ours").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["feeds.toml"], "it leaves nothing behind");
}

#[test]
fn a_daemon_that_is_well_is_said_to_be() {
    let tarpit = tarpit();
    let names = NameServer::start(|_| Reply::Code(5));
    let one = tarpit.url("one.localhost", "/healthy/1");
    let home = Home::with(&Feeds::new().daemon(&dns(&[names.addr])).feed("one", one));
    let mut daemon = home.start();
    let server = format!("http://{}", listening(&mut daemon));
    let doctor = |home: &Home, arguments: &[&str]| doctor(home, &[&["--feeds", "feeds.toml"], arguments].concat());
    let seen = doctor(&home, &["--db", "rssd.db", "--server", &server]);
    assert_eq!(seen.code, Some(0), "{}", seen.stdout);
    for words in [
        format!("held by process {}", daemon.pid()),
        "says ok".to_owned(),
        format!("process {}, up ", daemon.pid()),
        "all of them turn".to_owned(),
    ] {
        assert!(seen.stdout.contains(&words), "no {words:?} in {}", seen.stdout);
    }
    // Without an address that answers it is seen all the same.
    let seen = doctor(&home, &["--db", "rssd.db", "--server", NOBODY]);
    assert_eq!(seen.code, Some(69), "{}", seen.stdout);
    assert!(seen.stdout.contains("all of them turn"), "{}", seen.stdout);
    // The link leads there too, and one that leads elsewhere leads nowhere.
    let link = home.path("rssd.db.watch");
    assert!(fs::read_link(&link).expect("it is set").starts_with(format!("/proc/{}/fd", daemon.pid())));
    drop(daemon);
    for target in ["/dev/zero", "/proc/self/mem", "/proc/self/fd/0", "feeds.toml", "/nowhere"] {
        fs::remove_file(&link).expect("it is there");
        symlink(target, &link).expect("the directory is ours");
        let seen = doctor(&home, &["--db", "rssd.db", "--server", NOBODY]);
        assert_eq!(seen.code, Some(0), "{target}: {}", seen.stdout);
    }
}

#[test]
fn what_keeps_a_daemon_from_running_is_78() {
    let names = NameServer::start(|_| Reply::Code(5));
    let home = Home::with(&Feeds::new().daemon(&dns(&[names.addr])).daemon("cores = \"1000\""));
    let seen = doctor(&home, &["--feeds", "feeds.toml", "--db", "missing/rssd.db", "--server", NOBODY]);
    assert_eq!(seen.code, Some(78), "{}", seen.stdout);
    for words in ["bad   disk         missing: ", "bad   writable     missing: ", "name another by --db"] {
        assert!(seen.stdout.contains(words), "no {words:?} in {}", seen.stdout);
    }
}

#[test]
fn name_servers_are_asked_and_the_silent_ones_named() {
    let answering = NameServer::start(|_| Reply::Code(5));
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let silent_at = silent.local_addr().expect("it is bound");
    let closed_at = {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        socket.local_addr().expect("it is bound")
    };
    let line = |servers: &[std::net::SocketAddr]| {
        let home = Home::with(&Feeds::new().daemon(&dns(servers)).feed("one", "http://one.localhost/feed"));
        let seen = doctor(&home, &["--feeds", "feeds.toml", "--db", "rssd.db", "--server", NOBODY]);
        assert_eq!(seen.code, Some(0), "a daemon runs without: {}", seen.stdout);
        let line = seen.stdout.lines().find(|line| line.contains("names are asked of")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("nothing of names in {}", seen.stdout))
    };
    let shown = line(&[answering.addr]);
    assert_eq!(shown, format!("ok    DNS          names are asked of {} (answers)", answering.addr));
    let shown = line(&[silent_at, answering.addr, closed_at]);
    for words in [
        "warn  DNS ".to_owned(),
        format!("{silent_at} (says nothing within 1000 ms)"),
        format!("{} (answers)", answering.addr),
        format!("{closed_at} (nobody listens there)"),
        "a lookup that begins with a silent one".to_owned(),
    ] {
        assert!(shown.contains(&words), "no {words:?} in {shown}");
    }
    let shown = line(&[silent_at]);
    assert!(shown.contains("no host is found by its name"), "{shown}");
    drop(silent);
}
