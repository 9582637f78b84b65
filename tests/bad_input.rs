//! Bad input gets a clear error and loses nothing: exit codes, messages that name the file and the remedy, and files
//! that are afterwards what they were before.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::{BINARY, Daemon, Feeds, Finished, Home};

/// An ordinary user, for what root may do all the same.
const NOBODY: u32 = 65_534;

pub(crate) fn run(command: Command) -> Finished {
    Daemon::spawn(command).wait()
}

/// It ends with this code, and says these words on standard error.
pub(crate) fn assert_refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code, Some(code), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?} in: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

/// A feeds file with one feed that nobody asks: nothing of it is reached.
pub(crate) fn unasked() -> Feeds {
    Feeds::new().feed("one", "http://one.localhost:1/")
}

#[test]
fn usage() {
    let home = Home::with(&unasked());
    for arguments in
        [&["--no-such-flag"][..], &["no-such-command"], &["--cores", "many", "--feeds", "feeds.toml"], &["parse"], &[]]
    {
        let mut command = home.command();
        command.args(arguments);
        let finished = run(command);
        assert_eq!(finished.code, Some(64), "{arguments:?}: {}", finished.stderr);
        assert_ne!(finished.stderr, "", "{arguments:?}");
    }
    for arguments in [["--help"], ["--version"]] {
        let mut command = home.command();
        command.args(arguments);
        let finished = run(command);
        assert_eq!(finished.code, Some(0));
        assert!(finished.stdout.contains("rssd"), "{}", finished.stdout);
    }
    assert!(!home.db_path().exists());
}

#[test]
fn every_mistake_of_feeds_toml_is_told_at_once_and_nothing_is_opened() {
    let home = Home::new();
    home.write(
        "feeds.toml",
        "[daemon]\n\
         retention = \"5 parsecs\"\n\
         [defaults]\n\
         read_timeout = \"1h\"\n\
         [[feed]]\n\
         name = \"a\"\n\
         url = \"ftp://a.localhost/\"\n\
         [[feed]]\n\
         name = \"a\"\n\
         url = \"http://a.localhost/\"\n\
         intervall = \"5m\"\n\
         [[feed]]\n\
         name = \"c\"\n\
         url = \"http://a.localhost/\"\n\
         body_bytes_max = 12\n\
         headers = { X-Key = \"k3y\", Host = \"h\" }\n",
    );
    let finished = run(home.daemon_command());
    assert_refused(&finished, 78, &[]);
    // Line and column of each, and the value or key that is wrong.
    for expected in [
        "feeds.toml:2:13:",
        "5 parsecs",
        "feeds.toml:4:16:",
        "feeds.toml:7:7:",
        "ftp://a.localhost/",
        "feeds.toml:9:8:",
        "feeds.toml:11:1:",
        "intervall",
        "feeds.toml:14:7:",
        "feeds.toml:15:18:",
        "feeds.toml:16:",
    ] {
        assert!(finished.stderr.contains(expected), "no {expected:?} in\n{}", finished.stderr);
    }
    assert!(!finished.stderr.contains("k3y"), "a header's value is a secret: {}", finished.stderr);
    assert!(!home.db_path().exists(), "nothing is opened before the configuration is whole");
}

#[test]
fn a_feeds_file_that_cannot_be_read() {
    let home = Home::new();
    let cases: [(&str, &dyn Fn()); 5] = [
        ("missing", &|| ()),
        ("binary", &|| drop(home.write("feeds.toml", b"\x7fELF\x00\xff\xfe\x00"))),
        ("not UTF-8", &|| drop(home.write("feeds.toml", b"[daemon]\ncontact = \"caf\xe9\"\n"))),
        ("no TOML", &|| drop(home.write("feeds.toml", "<opml version=\"2.0\">"))),
        ("a directory", &|| {
            fs::remove_file(home.path("feeds.toml")).expect("it is there");
            fs::create_dir(home.path("feeds.toml")).expect("its place is free");
        }),
    ];
    for (what, make) in cases {
        make();
        let finished = run(home.daemon_command());
        println!("{what}: {}", finished.stderr);
        assert_refused(&finished, 78, &["feeds.toml"]);
    }
    assert!(!home.db_path().exists());
}

/// Who owns our own entry there is who we are.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A command that runs the daemon as an ordinary user, in a directory that this user may enter. `None`, with a word, if
/// that cannot be had here.
pub(crate) fn as_nobody(home: &Home, mut command: Command) -> Option<Command> {
    if !is_root() {
        return Some(command);
    }
    let may_enter = |path: &Path| {
        path.ancestors().all(|path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o001 != 0))
    };
    fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    if !may_enter(Path::new(BINARY)) || !may_enter(home.dir()) {
        println!("skipped: running as root, and {BINARY} is not for every user");
        return None;
    }
    command.uid(NOBODY).gid(NOBODY);
    Some(command)
}

#[test]
fn an_unreadable_feeds_file_is_told() {
    let home = Home::with(&unasked());
    let Some(command) = as_nobody(&home, home.daemon_command()) else { return };
    fs::set_permissions(home.path("feeds.toml"), fs::Permissions::from_mode(0o000)).expect("it is ours");
    let finished = run(command);
    println!("{}", finished.stderr);
    assert_eq!(finished.code.filter(|code| [77, 78].contains(code)), finished.code, "{}", finished.stderr);
    assert!(finished.stderr.contains("feeds.toml"), "{}", finished.stderr);
}

#[test]
fn an_address_in_use_is_69() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let home = Home::with(&unasked());
    let mut command = home.daemon_command();
    command.args(["--listen", &address]);
    assert_refused(&run(command), 69, &[&address]);
}
