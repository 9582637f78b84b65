//! What may be found at the path of a database.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::store::migrate::MIGRATIONS;

/// Opening fails with this exit code, names the file, and changes no byte of it.
fn refused(path: &Path, exit_code: u8) -> StoreError {
    let before = fs::read(path).ok();
    let error = Store::open(path).unwrap_err();
    assert_eq!(error.exit_code(), exit_code, "{error}");
    assert!(error.to_string().contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    assert!(fs::read(path).ok() == before, "changed: {error}");
    error
}

/// A stopped database with enough in it to span many pages.
fn filled() -> Fixture {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let keys: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    running.store(poll(id, &keys.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    running.stop().unwrap();
    f
}

#[test]
fn a_new_database_is_made_as_every_part_relies_on() {
    let f = Fixture::new();
    let store = f.open();
    let pragma =
        |name: &str| store.db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    let version = MIGRATIONS.len() as i64;
    for (name, value) in [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("auto_vacuum", 2),
        ("wal_autocheckpoint", 0),
        ("user_version", version),
    ] {
        assert_eq!(pragma(name), value.into(), "{name}");
    }
    drop(store);
    let summary = f.summary();
    assert_eq!((summary.epoch.len(), summary.seq_last, summary.feeds), (16, 0, 0));
    drop(f.open());
    assert_eq!(f.summary().epoch, summary.epoch);
    assert_ne!(filled().summary().epoch, summary.epoch);
}

#[test]
fn a_second_instance_learns_at_once_who_holds_it() {
    let f = Fixture::new();
    let store = f.open();
    let held = StoreError::Held { path: f.path().canonicalize().unwrap(), pid: Some(std::process::id()) };
    let link = f.dir.path().join("link.db");
    symlink(f.path(), &link).unwrap();
    assert_eq!(Store::open(&f.path()).map(drop), Err(held.clone()));
    assert_eq!(Store::open(&link).map(drop), Err(held.clone()));
    assert_eq!(held.exit_code(), 75);
    let running = f.start_store(store);
    assert_eq!(refused(&f.path(), 75).exit_code(), 75);
    running.stop().unwrap();
    drop(f.open());
}

#[test]
fn a_second_instance_meets_the_first_behind_a_link_to_a_file_that_was_missing() {
    let f = Fixture::new();
    let path = |name: &str| f.dir.path().join(name);
    fs::create_dir(path("real")).unwrap();
    fs::create_dir(path("links")).unwrap();
    // A link to a link, and relative: what is stored in one is no path from anywhere else.
    symlink("../real/rssd.db", path("links/inner.db")).unwrap();
    symlink("links/inner.db", path("outer.db")).unwrap();
    let store = Store::open(&path("outer.db")).unwrap();
    let real = path("real/rssd.db").canonicalize().unwrap();
    assert_eq!(store.path(), real);
    let held = StoreError::Held { path: real, pid: Some(std::process::id()) };
    for name in ["outer.db", "links/inner.db", "real/rssd.db"] {
        assert_eq!(Store::open(&path(name)).map(drop), Err(held.clone()), "{name}");
    }
    symlink("../missing/rssd.db", path("links/nowhere.db")).unwrap();
    symlink("loop.db", path("loop.db")).unwrap();
    refused(&path("links/nowhere.db"), 78);
    refused(&path("loop.db"), 70);
}

#[test]
fn a_directory_that_is_missing_is_named() {
    let f = Fixture::new();
    refused(&f.dir.path().join("missing/rssd.db"), 78);
    refused(Path::new(":memory:"), 78);
    assert!(matches!(Store::open(Path::new("")), Err(StoreError::NotAFile { .. })));
    assert_eq!(Store::open(f.dir.path()).unwrap_err().exit_code(), 78);
    assert_eq!(summary(&f.dir.path().join("missing/rssd.db")).unwrap(), Summary::default());
    assert_eq!(known_feeds(&f.path()).unwrap(), []);
}

#[test]
fn an_empty_file_becomes_a_database() {
    let f = Fixture::new();
    fs::write(f.path(), b"").unwrap();
    assert_eq!(known_feeds(&f.path()).unwrap(), []);
    f.start().stop().unwrap();
    assert_eq!(f.summary().epoch.len(), 16);
}

#[test]
fn what_is_no_database_is_refused() {
    let f = Fixture::new();
    for content in [&b"not a database, but long enough to have a header of one hundred bytes, if only there were one in it............"[..], b"SQLite format 3\0", &[0; 4096]] {
        fs::write(f.path(), content).unwrap();
        refused(&f.path(), 65);
    }
}

#[test]
fn a_truncated_database_is_refused() {
    let f = filled();
    let size = fs::metadata(f.path()).unwrap().len();
    fs::OpenOptions::new().write(true).open(f.path()).unwrap().set_len(size / 2).unwrap();
    assert!(matches!(refused(&f.path(), 65), StoreError::Corrupt { .. }));
}

#[test]
fn a_damaged_page_is_found_at_the_start() {
    let f = filled();
    let db = f.outside();
    let page = column::<i64>(&db, "SELECT pageno FROM dbstat WHERE name = 'article' AND pagetype = 'leaf' LIMIT 1")[0];
    drop(db);
    let mut bytes = fs::read(f.path()).unwrap();
    let start = (page as usize - 1) * 4096;
    bytes[start..start + 64].fill(0xff);
    fs::write(f.path(), bytes).unwrap();
    assert!(matches!(refused(&f.path(), 65), StoreError::Corrupt { .. }));
}

#[test]
fn a_database_of_tomorrow_or_of_another_program_is_refused() {
    let f = filled();
    f.outside().pragma_update(None, "user_version", 999).unwrap();
    let error = refused(&f.path(), 65);
    let known = MIGRATIONS.len() as i64;
    assert_eq!(error, StoreError::Newer { path: f.path().canonicalize().unwrap(), found: 999, known });
    assert_eq!(summary(&f.path()).unwrap_err().exit_code(), 65);

    // Not even what a killed daemon left beside it is touched.
    let killed = Fixture::new();
    let running = killed.start();
    killed.outside().pragma_update(None, "user_version", 999).unwrap();
    let copy = Fixture::new();
    copy_database(&killed.path(), &copy.path());
    running.stop().unwrap();
    refused(&copy.path(), 65);
    assert!(fs::metadata(wal_path(&copy.path())).unwrap().len() > 0);

    let other = Fixture::new();
    other.outside().execute_batch("CREATE TABLE bookmark (url)").unwrap();
    assert!(matches!(refused(&other.path(), 65), StoreError::Foreign { .. }));
}

#[test]
fn a_database_that_somebody_edited_is_told_as_such() {
    for edit in [
        "DELETE FROM meta",
        "DROP TABLE meta",
        "ALTER TABLE meta RENAME COLUMN seq_last TO seq_newest",
        "DROP TABLE fetch_log; DROP TABLE tombstone; DROP TABLE article; DROP TABLE feed",
        "ALTER TABLE feed DROP COLUMN gone_at",
        "UPDATE feed SET failure_count = -1",
        "CREATE TRIGGER mine BEFORE INSERT ON feed BEGIN SELECT RAISE(ABORT, 'mine'); END",
    ] {
        let f = filled();
        f.outside().execute_batch(edit).unwrap();
        let told = Store::open(&f.path()).and_then(|store| {
            let running = f.start_store(store);
            running.writer.register(&[feed("a"), feed("b")], &|| true).map(drop)
        });
        let error = told.unwrap_err();
        assert_eq!(error.exit_code(), 65, "{edit}: {error}");
        assert!(error.to_string().contains("its content is not what rssd wrote"), "{edit}: {error}");
    }
}

#[test]
fn a_directory_that_takes_no_files_is_a_matter_of_permission() {
    // sysfs takes new files from nobody, root included. Where it is not mounted nothing is left to ask.
    let sysfs = Path::new("/sys/kernel");
    if !sysfs.is_dir() {
        println!("skipped: there is no {}", sysfs.display());
        return;
    }
    refused(&sysfs.join("rssd.db"), 77);
}

#[test]
fn the_wal_of_a_killed_daemon_is_read() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1", "2"])).unwrap();
    // What a kill leaves at this moment: nothing was checkpointed yet.
    let killed = Fixture::new();
    copy_database(&f.path(), &killed.path());
    assert!(fs::metadata(wal_path(&killed.path())).unwrap().len() > 0);
    running.stop().unwrap();

    let running = killed.start();
    let feed = running.register(&["a"]).remove(0);
    assert_eq!((feed.state.etag, feed.article_count), (Some(b"1,2".to_vec()), 2));
    assert_eq!(running.store(poll(id, &["1", "2", "3"])), Ok(new(1)));
    running.stop().unwrap();
    assert_eq!(killed.summary().seq_last, 3);
}

#[test]
fn a_stop_leaves_one_file_that_holds_everything() {
    let f = filled();
    assert!(!wal_path(&f.path()).exists());
    assert_eq!(f.summary().articles, 500);
    // The next instance is not told of a process that is gone.
    assert_eq!(fs::read(f.lock_path()).unwrap(), b"");
}

#[test]
fn a_database_that_lost_its_wal_is_refused_until_somebody_says_so() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1", "2"])).unwrap();
    let killed = Fixture::new();
    copy_database(&f.path(), &killed.path());
    fs::copy(f.lock_path(), killed.lock_path()).unwrap();
    running.stop().unwrap();

    let wal = wal_path(&killed.path());
    let aside = killed.dir.path().join("aside");
    fs::rename(&wal, &aside).unwrap();
    // Twice: a refusal must not be the thing that lets the next start pass.
    for _ in 0..2 {
        let error = refused(&killed.path(), 65);
        let path = killed.path().canonicalize().unwrap();
        assert_eq!(error, StoreError::Older { lock: killed.lock_path(), path, found: 0, known: 2 });
    }
    fs::rename(&aside, &wal).unwrap();
    drop(killed.open());
    assert_eq!(killed.summary().articles, 2);
}

#[test]
fn a_killed_daemon_without_its_lock_file_or_shm_starts_all_the_same() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1"])).unwrap();
    let killed = Fixture::new();
    copy_database(&f.path(), &killed.path());
    running.stop().unwrap();
    drop(killed.open());
    assert_eq!(killed.summary().articles, 1);
}

#[test]
fn an_older_copy_put_in_place_after_an_orderly_end_is_somebodys_wish() {
    let f = filled();
    let older = Fixture::new();
    copy_database(&f.path(), &older.path());
    let running = f.start();
    running.store(poll(1, &["newer"])).unwrap();
    running.stop().unwrap();
    assert_eq!(f.summary().articles, 501);
    fs::copy(older.path(), f.path()).unwrap();
    f.start().stop().unwrap();
    assert_eq!(f.summary().articles, 500);
}

#[test]
fn a_lock_of_another_program_is_waited_for() {
    let f = filled();
    let outside = f.outside();
    outside.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE meta SET seq_last = 1000").unwrap();
    let path = f.path();
    let (opening, opened) = unbounded();
    std::thread::spawn(move || opening.send(Store::open(&path).map(drop)).unwrap());
    // It has its instance lock and wrote its pid: the next thing it meets is the lock that is held here. Only looked
    // at, never tried: the one who tries it would be in its way.
    while fs::read(f.lock_path()).unwrap().is_empty() {
        assert_eq!(opened.try_recv(), Err(crossbeam_channel::TryRecvError::Empty));
        std::thread::yield_now();
    }
    for n in 0..2_000 {
        outside.execute("UPDATE meta SET seq_last = ?1", [1_000 + n]).unwrap();
    }
    outside.execute_batch("COMMIT").unwrap();
    drop(outside);
    assert_eq!(opened.recv_timeout(HANG).unwrap(), Ok(()));
    assert_eq!(f.summary().seq_last, 2_999);
}
