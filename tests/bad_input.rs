//! Bad input gets a clear error and loses nothing: exit codes, messages that name the file and the remedy, and files
//! that are afterwards what they were before.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal::SIGTERM;
use rssd::clock::Clock;
use rusqlite::Connection;

use crate::support::{BINARY, Daemon, Feeds, Finished, HANG_GUARD, Home, pause, tarpit};

/// An ordinary user, for what root may do all the same.
const NOBODY: u32 = 65_534;

fn run(command: Command) -> Finished {
    Daemon::spawn(command).wait()
}

/// It ends with this code, and says these words on standard error.
fn assert_refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!(finished.code, Some(code), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?} in: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

/// A feeds file with one feed that nobody asks: nothing of it is reached.
fn unasked() -> Feeds {
    Feeds::new().feed("one", "http://one.localhost:1/")
}

/// Refused with 65, naming the file and what to do; not a byte of it changed, nothing removed.
fn assert_database_refused(home: &Home, words: &[&str]) {
    let before = fs::read(home.db_path()).expect("it is there");
    let mut command = home.daemon_command();
    command.arg("--once");
    let finished = run(command);
    assert_refused(&finished, 65, &["rssd.db"]);
    assert_refused(&finished, 65, words);
    assert_eq!(fs::read(home.db_path()).expect("it is still there"), before, "the file was changed");
}

/// A database with articles in it, of a daemon that has ended.
fn with_articles() -> Home {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for number in 0..4 {
        let url = tarpit.url(&format!("f{number}.localhost"), &format!("/healthy/{number}?articles=60&kib=60"));
        feeds = feeds.feed(&format!("f{number}"), url);
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 240);
    for rest in ["rssd.db-wal", "rssd.db-shm"] {
        // Of this test's own reader; there is nothing in them.
        let _ = fs::remove_file(home.path(rest));
    }
    home
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

#[test]
fn a_damaged_database_is_left_as_it_is() {
    let home = with_articles();
    let whole = fs::read(home.db_path()).expect("it is there");
    type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("a page of junk", &|bytes| {
            let middle = bytes.len() / 2 / 4096 * 4096;
            bytes[middle..middle + 4096].fill(0xa5);
        }),
        ("cut in half", &|bytes| bytes.truncate(bytes.len() / 2 / 4096 * 4096)),
        ("a header of junk", &|bytes| bytes[..100].fill(0x5a)),
        ("a text", &|bytes| *bytes = b"These are my notes, not a database.\n".repeat(100)),
    ];
    for (what, damage) in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        home.write("rssd.db", &bytes);
        println!("{what}");
        assert_database_refused(&home, &[]);
    }
    // Whole again, it is taken again.
    home.write("rssd.db", &whole);
    home.once();
    assert_eq!(home.db().articles(), 240);
}

#[test]
fn a_database_of_the_future_or_of_somebody_else_is_refused() {
    let home = with_articles();
    let change =
        |sql: &str| Connection::open(home.db_path()).expect("it is there").execute_batch(sql).expect("it is ours");
    change("PRAGMA user_version = 9999; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_database_refused(&home, &["9999"]);

    fs::remove_file(home.db_path()).expect("it is there");
    change("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    assert_database_refused(&home, &[]);
}

#[test]
fn a_second_instance_leaves_and_names_the_first() {
    let home = Home::with(&Feeds::new().every_second().feed("one", tarpit().url("one.localhost", "/healthy/1")));
    let first = home.start();
    let db = home.db_soon();
    let started = Clock::monotonic();
    // By another way to the same file, too.
    std::os::unix::fs::symlink(home.db_path(), home.path("link.db")).expect("its place is free");
    for path in ["rssd.db", "link.db"] {
        let mut command = home.command();
        command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.path(path));
        assert_refused(&run(command), 75, &[&first.pid().to_string(), "rssd.db"]);
    }
    println!("two refusals took {} ms", Clock::elapsed_ms(started));
    first.signal(SIGTERM);
    assert_eq!(first.wait().code, Some(0));
    drop(db);
    // A holder that was killed holds nothing.
    let first = home.start();
    drop(home.db_soon());
    first.kill();
    home.once();
}

#[test]
fn a_database_that_another_program_locks_is_waited_for() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("one", tarpit.url("one.localhost", "/healthy/1")));
    home.once();
    let lock = Connection::open(home.db_path()).expect("it is there");

    // While it starts: it waits, and goes on.
    home.subscribe(&Feeds::new().feed("two", tarpit.url("two.localhost", "/healthy/2")));
    lock.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let mut command = home.daemon_command();
    command.arg("--once");
    let mut daemon = Daemon::spawn(command);
    pause(Duration::from_secs(1));
    daemon.assert_running("the lock");
    lock.execute_batch("ROLLBACK").expect("it is ours");
    assert_eq!(daemon.wait().code, Some(0));
    assert_eq!(home.db().articles(), 60);

    // While it runs: fetches go on and are committed when it may write again.
    let feeds = Feeds::new().feed("three", tarpit.url("three.localhost", "/slow/3?seconds=1"));
    home.subscribe(&feeds.feed("four", tarpit.url("four.localhost", "/slow/4?seconds=1")));
    let requests = tarpit.counts().requests;
    let mut command = home.daemon_command();
    command.arg("--once");
    let daemon = Daemon::spawn(command);
    assert!(tarpit.wait_for_requests(requests + 2, HANG_GUARD));
    lock.busy_timeout(HANG_GUARD).expect("a timeout");
    lock.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    pause(Duration::from_millis(2500));
    lock.execute_batch("ROLLBACK").expect("it is ours");
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let db = home.db();
    assert_eq!((db.articles(), db.class_of("three"), db.class_of("four")), (70, String::new(), String::new()));
}

/// A command that runs the daemon as an ordinary user, in a directory that this user may enter. `None`, with a word, if
/// that cannot be had here.
fn as_nobody(home: &Home, mut command: Command) -> Option<Command> {
    // Who owns our own entry there is who we are.
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() != 0) {
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
fn what_may_not_be_written_is_77() {
    let home = with_articles();
    let before = fs::read(home.db_path()).expect("it is there");
    for (directory, file) in [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444)] {
        let Some(mut command) = as_nobody(&home, home.daemon_command()) else { return };
        command.arg("--once");
        let _ = fs::remove_file(home.path("rssd.db.lock"));
        fs::set_permissions(home.db_path(), fs::Permissions::from_mode(file)).expect("it is ours");
        fs::set_permissions(home.dir(), fs::Permissions::from_mode(directory)).expect("it is ours");
        let finished = run(command);
        fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        println!("{directory:o} {file:o}: {}", finished.stderr);
        assert_refused(&finished, 77, &[]);
        assert_eq!(fs::read(home.db_path()).expect("it is still there"), before);
    }
    // A directory that is not there is a matter of configuration, whoever asks.
    let mut command = home.command();
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.path("nowhere/rssd.db")).arg("--once");
    assert_refused(&run(command), 78, &["nowhere"]);
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
fn too_little_memlock_is_78_and_says_how_much() {
    let home = Home::with(&unasked());
    // The limit is the child's own: a shell sets it and becomes the daemon.
    let mut command = home.command_of("sh");
    command.args(["-c", "ulimit -l 16 && exec \"$@\"", "sh", BINARY]);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.path("other.db")).arg("--once");
    let Some(command) = as_nobody(&home, command) else { return };
    fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let finished = run(command);
    println!("{}", finished.stderr);
    assert_refused(&finished, 78, &["RLIMIT_MEMLOCK is 16 KiB", "ulimit -l"]);
    assert!(!home.path("other.db").exists(), "nothing is opened on a host that is unfit");
}

#[test]
fn few_descriptors_mean_fewer_polls_at_once_and_no_failure() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for number in 0..60 {
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), "/healthy/1?articles=2"));
    }
    let home = Home::with(&feeds);
    let mut command = home.command_of("sh");
    command.args(["-c", "ulimit -n 80 && exec \"$@\"", "sh", BINARY]);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.db_path()).arg("--once");
    let finished = run(command);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(home.db().articles(), 120, "{}", finished.stderr);
}

#[test]
fn a_full_disk_is_waited_for_and_loses_nothing() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for number in 0..12 {
        let url = tarpit.url(&format!("f{number}.localhost"), &format!("/healthy/{number}?articles=40&kib=100"));
        feeds = feeds.feed(&format!("f{number}"), url);
    }
    let home = Home::with(&feeds);
    let small = home.path("small");
    fs::create_dir(&small).expect("its place is free");
    // A file system of its own that nobody else sees: it goes with the shell, which waits behind the daemon for a word.
    let mut command = home.command_of("unshare");
    let script = "mount -t tmpfs -o size=6m none \"$1\" && head -c 5500k /dev/zero > \"$1\"/ballast || exit 99\n\
                  echo mounted >&2; shift; \"$@\" & rssd=$!; echo \"rssd $rssd\" >&2\n\
                  wait $rssd; echo \"code $?\" >&2; while [ ! -e done ]; do tail -f /dev/null & wait $!; done";
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(&small).arg(BINARY);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(small.join("rssd.db")).arg("--once");
    let mut shell = Daemon::spawn(command);
    let mut refused = false;
    while shell.count_lines("mounted") == 0 {
        if !shell.is_running() {
            refused = true;
            break;
        }
        pause(Duration::from_millis(10));
    }
    if refused {
        println!("skipped: no file system of our own here: {:?}", shell.lines());
        return;
    }
    // The shell's view of the directory: ours is still the empty one.
    let inside =
        Path::new("/proc").join(shell.pid().to_string()).join("root").join(small.strip_prefix("/").expect("absolute"));
    shell.wait_for("a word about the disk", |shell| {
        shell.lines().iter().any(|line| line.contains("full") || line.contains("space"))
    });
    assert_eq!(shell.count_lines("code "), 0, "it gave up: {:?}", shell.lines());
    fs::remove_file(inside.join("ballast")).expect("it is there");
    shell.wait_for_lines("code 0", 1);
    let copy = home.db_path();
    for rest in ["", "-wal"] {
        let name = format!("rssd.db{rest}");
        if inside.join(&name).exists() {
            fs::copy(inside.join(&name), copy.with_file_name(&name)).expect("it can be read");
        }
    }
    let db = home.db();
    db.assert_whole();
    assert_eq!(db.articles(), 480, "{:?}", shell.lines());
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
