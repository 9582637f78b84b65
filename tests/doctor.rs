//! `rssd doctor`, before a daemon runs, beside one that is well, and where the host is not.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::http::listening;
use crate::support::{Daemon, Feeds, Finished, Home, tarpit};

fn doctor(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    command.arg("doctor").args(arguments);
    let finished = Daemon::spawn(command).wait();
    assert!(!finished.stdout.contains('\x1b') && !finished.stderr.contains('\x1b'), "{finished:?}");
    finished
}

/// Of a port that nobody listens on.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn a_host_without_a_daemon_is_judged_line_by_line() {
    let home = Home::with(&Feeds::new().feed("one", "http://one.localhost/feed"));
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
    let home = Home::with(&Feeds::new().feed("one", tarpit.url("one.localhost", "/healthy/1")));
    let mut daemon = home.start();
    let server = format!("http://{}", listening(&mut daemon));
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
    let home = Home::with(&Feeds::new().daemon("cores = \"1000\""));
    let seen = doctor(&home, &["--feeds", "feeds.toml", "--db", "missing/rssd.db", "--server", NOBODY]);
    assert_eq!(seen.code, Some(78), "{}", seen.stdout);
    for words in ["bad   disk         missing: ", "bad   writable     missing: ", "name another by --db"] {
        assert!(seen.stdout.contains(words), "no {words:?} in {}", seen.stdout);
    }
    home.write("feeds.toml", "[daemon]\ncoars = 1\n");
    let seen = doctor(&home, &["--feeds", "feeds.toml", "--db", "rssd.db", "--server", NOBODY]);
    assert_eq!(seen.code, Some(78), "{}", seen.stdout);
    assert!(seen.stdout.contains("1 mistakes; `rssd check` lists them"), "{}", seen.stdout);
}
