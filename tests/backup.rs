//! `rssd backup`: copies of a database that a daemon is writing, and what becomes of them.

use std::fs;
use std::path::Path;

use crate::support::http::{get, listening};
use crate::support::{BINARY, Daemon, Db, Feeds, Finished, Home, tarpit};

fn backup(home: &Home, dest: &str) -> Finished {
    let mut command = home.command();
    command.args(["backup", dest, "--db", "rssd.db"]);
    Daemon::spawn(command).wait()
}

/// Names beside the database that a backup could have left.
fn left_overs(home: &Home) -> Vec<String> {
    let names = fs::read_dir(home.dir()).expect("the test's own directory").flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| name.contains(".part")).collect()
}

#[test]
fn copies_of_a_busy_database_are_whole_and_can_be_started_from() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new().every_second();
    for number in 0..20 {
        let url = tarpit.url(&format!("g{number}.localhost"), &format!("/growing/{number}?articles=20"));
        feeds = feeds.feed(&format!("g{number}"), url);
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("articles", |_| db.articles() >= 400);
    for round in 0..3 {
        let before = db.articles();
        let name = format!("copy-{round}.db");
        let finished = backup(&home, &name);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let copy = Db::open(&home.path(&name));
        copy.assert_whole();
        assert!(copy.articles() >= before, "{} of {before}", copy.articles());
        assert!(finished.stdout.contains(&format!("{} articles of 20 feeds", copy.articles())), "{}", finished.stdout);
        assert_ne!(copy.one::<String>("SELECT epoch FROM meta"), db.one::<String>("SELECT epoch FROM meta"));
        daemon.wait_for("the daemon to go on", |_| db.articles() > before);
    }
    assert_eq!(left_overs(&home), [""; 0]);
    let page = get(at, "/news/stream?limit=1").json();
    let cursor = page["cursor"].as_str().expect("a cursor").to_owned();
    drop(daemon.kill());

    // A restore is a copy: another database, which goes on from its own moment.
    let restored = Home::with(&feeds);
    fs::copy(home.path("copy-0.db"), restored.db_path()).expect("both are the test's own");
    let (articles, seq_last) = {
        let copy = restored.db();
        (copy.articles(), copy.one::<i64>("SELECT seq_last FROM meta"))
    };
    let mut daemon = restored.start();
    let at = listening(&mut daemon);
    assert_eq!(get(at, &format!("/news/stream?after={cursor}&wait=0")).status, 409);
    let db = restored.db_soon();
    daemon.wait_for("articles after the copy's", |_| db.articles() >= articles + 20);
    assert_eq!(db.one::<i64>("SELECT count(*) FROM article"), db.one::<i64>("SELECT count(DISTINCT key) FROM article"));
    let fresh: i64 = db.one(&format!("SELECT count(*) FROM article WHERE seq > {seq_last}"));
    assert!(fresh >= 20, "{fresh} articles have places after the copy's last, {seq_last}");
    drop(daemon);
    restored.db().assert_whole();
}

#[test]
fn a_copy_takes_no_other_files_place() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("a", tarpit.url("a.localhost", "/healthy/1?articles=3")));
    let absent = backup(&home, "copy.db");
    assert_eq!(absent.code, Some(64), "{}", absent.stderr);
    assert!(absent.stderr.contains("rssd.db: there is none"), "{}", absent.stderr);
    home.once();
    home.write("copy.db", "mine");
    let taken = backup(&home, "copy.db");
    assert_eq!(taken.code, Some(64), "{}", taken.stderr);
    assert!(taken.stderr.contains("copy.db: there is such a file already"), "{}", taken.stderr);
    assert_eq!(fs::read(home.path("copy.db")).expect("it is there"), b"mine");
    let nowhere = backup(&home, "no/such/copy.db");
    assert_eq!(nowhere.code, Some(78), "{}", nowhere.stderr);
    assert_eq!(left_overs(&home), [""; 0]);
}

#[test]
fn a_copy_that_cannot_be_finished_leaves_nothing() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("a", tarpit.url("a.localhost", "/healthy/1?articles=200&kib=400")));
    home.once();
    // In blocks of 512 bytes or of 1 KiB, as the shell likes: far less than the copy needs.
    let mut command = home.command_of("sh");
    command.args(["-c", "ulimit -f 100 && trap '' XFSZ && exec \"$@\"", "sh", BINARY]);
    command.args(["backup", "copy.db", "--db", "rssd.db"]);
    let full = Daemon::spawn(command).wait();
    assert_eq!(full.code, Some(70), "{}", full.stderr);
    assert!(full.stderr.contains("copy.db"), "{}", full.stderr);
    assert!(!home.path("copy.db").exists());
    assert_eq!(left_overs(&home), [""; 0]);

    // What is damaged is not copied as if it were whole.
    let bytes = fs::read(home.db_path()).expect("it is there");
    let mut damaged = bytes.clone();
    let middle = bytes.len() / 2;
    damaged[middle..middle + 8192].fill(0xa5);
    fs::write(home.db_path(), damaged).expect("it is ours");
    let corrupt = backup(&home, "copy.db");
    assert_eq!(corrupt.code, Some(65), "{}", corrupt.stderr);
    assert!(corrupt.stderr.contains("rssd.db: corrupt"), "{}", corrupt.stderr);
    assert!(!Path::new(&home.path("copy.db")).exists());
    assert_eq!(left_overs(&home), [""; 0]);
}
