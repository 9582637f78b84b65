//! Rows 57, 60 and 61, at run time: while the disk is full, read-only or locked polls wait, everything else goes on, and
//! then they go on by themselves with nothing lost.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use rusqlite::Connection;

use super::mount::Mount;
use crate::faults::scene::{CONTROL, Scene};
use crate::faults::strace::Injection;
use crate::support::http::get;
use crate::support::{BINARY, Daemon, Db, Feeds, HANG_GUARD, Home, pause, tarpit, until};

/// Waits until `/health` is degraded for this reason, and asserts what goes on meanwhile.
fn waits_for(scene: &mut Scene, reason: &str) {
    let at = scene.at;
    scene.daemon.wait_for(reason, |_| {
        let health = get(at, "/health").json();
        let reasons = health["reasons"].as_array().cloned().unwrap_or_default();
        health["status"] == "degraded"
            && reasons.iter().any(|told| told.as_str().is_some_and(|told| told.contains(reason)))
    });
    for path in [
        "/",
        "/articles?limit=3",
        "/articles?q=growing",
        "/feeds",
        "/feed.atom",
        "/news/stream?after=0",
        "/health/live",
    ] {
        assert_eq!(get(at, path).status, 200, "{path}");
    }
    assert_eq!(scene.daemon.count_lines(reason), 1, "told once: {:#?}", scene.daemon.lines());
}

/// The control feed goes on, and has every article that it was ever shown: its tag says how many they are.
fn goes_on_with_all(scene: &mut Scene) {
    scene.control_goes_on(2);
    let at = scene.at;
    scene.daemon.wait_for("health", |_| get(at, "/health").json()["status"] == "ok");
    assert_all_stored(&scene.db());
}

fn assert_all_stored(db: &Db) {
    let of_control = |what: &str| format!("SELECT {what} FROM feed WHERE name = '{CONTROL}'");
    let tag: String = db.one(&of_control("CAST(etag AS TEXT) || '/' || article_count"));
    let (tag, count) = tag.split_once("\"/").expect("a tag ends with a quote");
    assert_eq!(tag.rsplit('-').next(), Some(count), "shown, and stored");
    let seqs = db.list("SELECT seq FROM article ORDER BY seq", |row| row.get::<_, i64>(0));
    assert!(seqs.iter().copied().eq(1..=seqs.len() as i64), "{seqs:?}");
}

/// The writer's system calls on the database's files fail like this for a while.
fn while_calls_fail(scene: &mut Scene, what: &str, reason: &str) {
    scene.lets_polls_wait();
    let paths = ["rssd.db", "rssd.db-wal", "rssd.db.lock"].map(|name| scene.home.path(name));
    let files = paths.each_ref().map(|path| path.as_path());
    let Some(failing) = Injection::on(&scene.home, &scene.daemon, "writer", &files, what) else { return };
    waits_for(scene, reason);
    failing.end();
    goes_on_with_all(scene);
}

#[test]
fn row_57_a_full_disk_holds_up_polls_and_nothing_else() {
    let mut scene = Scene::new();
    while_calls_fail(&mut scene, "pwrite64,write,ftruncate,fallocate:error=ENOSPC", "no space left");
    scene.end();
}

#[test]
fn row_60_a_file_system_that_turns_read_only_holds_up_polls_and_nothing_else() {
    let mut scene = Scene::new();
    while_calls_fail(&mut scene, "pwrite64,write,ftruncate,fallocate:error=EROFS", "read-only");
    scene.end();
}

#[test]
fn row_57_a_full_disk_is_waited_for_and_loses_nothing() {
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

/// The database stands on the mount, behind a link from where it is always.
fn scene_on(mount: impl FnOnce(&Home) -> Mount) -> (Scene, Mount) {
    let mut mounted = None;
    let scene = Scene::started_by(
        |_, feeds| feeds,
        |home| {
            let mount = mounted.insert(mount(home));
            std::os::unix::fs::symlink(mount.path.join("rssd.db"), home.db_path()).expect("its place is free");
            home.daemon_command()
        },
    );
    (scene, mounted.expect("it was started"))
}

/// Takes the last byte.
fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).expect("its place is free");
    for len in [64 << 10, 4096, 1] {
        while file.write_all(&vec![0; len]).is_ok() {}
    }
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn row_57_a_full_file_system_is_waited_for_as_root() {
    let (mut scene, mount) = scene_on(|home| Mount::tmpfs(home, "4m"));
    scene.lets_polls_wait();
    let ballast = mount.path.join("ballast");
    fill(&ballast);
    waits_for(&mut scene, "no space left");
    fs::remove_file(&ballast).expect("it is there");
    goes_on_with_all(&mut scene);
    scene.end();
}

#[test]
#[ignore = "needs root: mounts a file system that breaks"]
fn row_60_a_file_system_that_the_kernel_turns_read_only_degrades_as_root() {
    let (mut scene, mount) = scene_on(|home| Mount::ext4(home, 32));
    scene.lets_polls_wait();
    // As after an error of the device: it stays so.
    mount.remount("abort");
    waits_for(&mut scene, "read-only");
    let seen = get(scene.at, "/articles?limit=500").json();
    let (_home, daemon) = scene.leave();
    daemon.signal(Signal::SIGTERM);
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    // What it served is in the files, as any other program finds them.
    let copy = Home::new();
    for name in ["rssd.db", "rssd.db-wal"] {
        if mount.path.join(name).exists() {
            fs::copy(mount.path.join(name), copy.path(name)).expect("it can be read");
        }
    }
    let db = copy.db();
    db.assert_whole();
    assert!(db.articles() >= seen["articles"].as_array().expect("a list").len() as i64);
}

#[test]
fn row_61_a_database_that_another_program_locks_is_waited_for() {
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

#[test]
fn row_61_another_programs_lock_holds_up_polls_and_nothing_else() {
    let mut scene = Scene::new();
    scene.lets_polls_wait();
    let lock = Connection::open(scene.home.db_path()).expect("it is there");
    lock.busy_timeout(HANG_GUARD).expect("a timeout");
    lock.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    waits_for(&mut scene, "locked by another program");
    // Cores notice nothing but that their polls are not stored.
    let health = get(scene.at, "/health").json();
    for core in health["cores"].as_array().expect("a list") {
        assert!(core["heartbeat_age_ms"].as_u64().is_some_and(|age| age < 5_000), "{health}");
    }
    pause(Duration::from_secs(1));
    lock.execute_batch("ROLLBACK").expect("it is ours");
    goes_on_with_all(&mut scene);
    scene.end();
}

#[test]
fn row_62_another_programs_snapshot_holds_nobody_up() {
    let mut scene = Scene::new();
    let reader = Connection::open(scene.home.db_path()).expect("it is there");
    let count = |reader: &Connection| -> i64 {
        reader.query_row("SELECT count(*) FROM article", [], |row| row.get(0)).expect("it can be read")
    };
    reader.execute_batch("BEGIN").expect("a transaction");
    let before = count(&reader);
    scene.control_goes_on(2);
    assert_eq!(count(&reader), before, "one moment");
    reader.execute_batch("ROLLBACK").expect("it is ours");
    assert!(count(&reader) > before);
    scene.end();
}

#[test]
fn row_66_a_slow_sync_holds_up_polls_and_nothing_else() {
    const POLLED: usize = 12;
    let mut scene = Scene::with(|tarpit, mut feeds| {
        for number in 0..POLLED {
            let url = tarpit.url(&format!("p{number}.localhost"), &format!("/growing/{}", 10 + number));
            feeds = feeds.feed_with(
                &format!("p{number}"),
                url,
                "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"",
            );
        }
        feeds
    });
    scene.lets_polls_wait();
    let wal = scene.home.path("rssd.db-wal");
    let what = "fsync,fdatasync:delay_enter=3000000";
    if let Some(slow) = Injection::on(&scene.home, &scene.daemon, "writer", &[&wal], what) {
        // Each feed is asked once more at most, and then waits for its commit.
        let (at, tarpit) = (scene.at, &scene.tarpit);
        let waiting = || {
            let fetches = get(at, "/debug/fetches").json();
            let phases = fetches["fetches"].as_array().expect("a list").iter();
            phases.filter(|fetch| fetch["phase"] == "commit").count()
        };
        until("all polls to wait for the writer", || (waiting() > POLLED).then_some(()));
        let requests = tarpit.counts().requests;
        pause(Duration::from_secs(1));
        assert_eq!(tarpit.counts().requests, requests, "nobody is asked for what could not be stored");
        assert_eq!(get(at, "/articles?limit=3").status, 200);
        slow.end();
    }
    goes_on_with_all(&mut scene);
    scene.end();
}
