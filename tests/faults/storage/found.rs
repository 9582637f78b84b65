//! Rows 60 and 63, at the start: what may not be written, and what is no database of ours, is told and left as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::mount::Mount;
use crate::bad_input::{as_nobody, assert_refused, run};
use crate::support::{Feeds, Home, tarpit, until};

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
fn row_63_a_damaged_database_is_left_as_it_is() {
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
fn row_63_a_database_of_the_future_or_of_somebody_else_is_refused() {
    let home = with_articles();
    let change =
        |sql: &str| Connection::open(home.db_path()).expect("it is there").execute_batch(sql).expect("it is ours");
    change("PRAGMA user_version = 9999; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_database_refused(&home, &["9999"]);

    fs::remove_file(home.db_path()).expect("it is there");
    change("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    assert_database_refused(&home, &[]);
}

/// What a killed daemon leaves: the newest articles stand in the -wal alone.
fn killed() -> Home {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().every_second().feed("one", tarpit.url("one.localhost", "/growing/1")));
    let daemon = home.start();
    let db = home.db_soon();
    until("some articles", || (db.articles() > 11).then_some(()));
    drop(daemon.kill());
    home
}

#[test]
fn row_63_a_database_that_lost_its_wal_is_refused_until_it_is_back() {
    let home = killed();
    let articles = home.db().articles();
    let (wal, aside) = (home.path("rssd.db-wal"), home.path("aside"));
    fs::rename(&wal, &aside).expect("a killed daemon leaves it");
    for _ in 0..2 {
        assert_database_refused(&home, &["-wal", "rssd.db.lock"]);
    }
    let _ = fs::remove_file(&wal);
    fs::rename(&aside, &wal).expect("its place is free");
    home.once();
    assert!(home.db().articles() >= articles);
}

#[test]
fn row_63_a_shm_that_is_gone_is_made_anew() {
    let home = killed();
    let articles = home.db().articles();
    let _ = fs::remove_file(home.path("rssd.db-shm"));
    home.once();
    home.db().assert_whole();
    assert!(home.db().articles() >= articles);
}

#[test]
fn row_60_what_may_not_be_written_is_77() {
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
#[ignore = "needs root: mounts a file system that is read-only"]
fn row_60_a_file_system_that_is_read_only_at_the_start_is_77_as_root() {
    let home = with_articles();
    let mount = Mount::tmpfs(&home, "8m");
    fs::copy(home.db_path(), mount.path.join("rssd.db")).expect("there is room");
    mount.remount("ro");
    let before = fs::read(mount.path.join("rssd.db")).expect("it is there");
    let mut command = home.command();
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(mount.path.join("rssd.db"));
    let finished = run(command);
    println!("{}", finished.stderr);
    assert_refused(&finished, 77, &["rssd.db", "Read-only file system", "writable for this user"]);
    assert_eq!(fs::read(mount.path.join("rssd.db")).expect("it is still there"), before);
}
