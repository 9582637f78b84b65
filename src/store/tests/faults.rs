//! What goes wrong while the writer runs: what waits, what is refused alone, and what ends it.

use std::cell::Cell;
use std::fs;
use std::sync::{Arc, Mutex};

use super::*;
use crate::limits::{WRITER_ANSWER_MS_MAX, WRITER_LOOK_MS};

#[test]
fn a_poll_that_the_database_refuses_leaves_no_trace_and_stops_nobody() {
    let f = Fixture::new();
    let running = f.start();
    let ids: Vec<i64> = running.register(&["good", "bad", "fine"]).iter().map(|feed| feed.id).collect();
    // The state is written after the articles: what refuses it must take the articles back.
    f.outside()
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE UPDATE OF etag ON feed WHEN OLD.name = 'bad'
             BEGIN SELECT RAISE(ABORT, 'injected'); END",
        )
        .unwrap();
    let answers = [0, 1, 2].map(|n| running.submit(poll(ids[n], &["1", "2"])));
    let missing = running.submit(poll(4711, &["1"]));
    let [good, bad, fine] = answers.map(|answer| block_on(answer).unwrap());
    assert_eq!((good, fine), (Ok(new(2)), Ok(new(2))));
    assert!(matches!(&bad, Err(StoreFault::Rejected(cause)) if cause.contains("injected")), "{bad:?}");
    assert!(matches!(block_on(missing).unwrap(), Err(StoreFault::Rejected(_))));
    assert_eq!(running.writer.handle().gauges().rejected(), 2);
    running.stop().unwrap();

    let db = f.outside();
    assert_eq!(column::<i64>(&db, "SELECT seq FROM article ORDER BY seq"), [1, 2, 3, 4]);
    assert_eq!(column::<i64>(&db, "SELECT count(*) FROM article WHERE feed_id = 2"), [0]);
    assert_eq!(column::<i64>(&db, "SELECT poll_count FROM feed ORDER BY id"), [1, 0, 1]);
    assert_eq!(column::<Option<String>>(&db, "SELECT etag FROM feed WHERE id = 2"), [None]);
    assert_eq!(column::<i64>(&db, "SELECT count(*) FROM fetch_log WHERE feed_id = 2"), [0]);
}

/// A writer whose disk is full for articles as long as `gate.full` of a second database says so: its connection has
/// that one attached with a page limit, and a trigger that writes into it.
fn with_small_disk(f: &Fixture) -> (Running, Connection) {
    let disk = f.dir.path().join("disk.db");
    let gate = Connection::open(&disk).unwrap();
    gate.execute_batch("CREATE TABLE gate (full); INSERT INTO gate VALUES (0); CREATE TABLE filler (bytes)").unwrap();
    let store = f.open();
    store.db.execute("ATTACH ?1 AS disk", [disk.to_str().unwrap()]).unwrap();
    store
        .db
        .execute_batch(
            "PRAGMA disk.max_page_count = 8;
             CREATE TEMP TRIGGER full AFTER INSERT ON main.article WHEN (SELECT full FROM disk.gate)
             BEGIN INSERT INTO disk.filler VALUES (zeroblob(100000)); END",
        )
        .unwrap();
    (f.start_store(store), gate)
}

/// Waits for the writer to say so; a hang guard of its own, since nobody tells when it starts to wait.
fn until_degraded(running: &Running, reason: Option<Degraded>) {
    let started = Clock::monotonic();
    while running.writer.handle().gauges().degraded() != reason {
        assert!(Clock::elapsed_ms(started) < HANG.as_millis() as u64);
        std::thread::yield_now();
    }
}

#[test]
fn row_57_polls_wait_for_space_and_then_go_on_with_nothing_lost() {
    let f = Fixture::new();
    let (running, gate) = with_small_disk(&f);
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["0"])).unwrap();
    gate.execute("UPDATE gate SET full = 1", []).unwrap();
    let waiting: Vec<_> = (1..=5).map(|n| running.submit(poll(id, &[&n.to_string()]))).collect();
    until_degraded(&running, Some(Degraded::Full));
    let later: Vec<_> = (6..=9).map(|n| running.submit(poll(id, &[&n.to_string()]))).collect();
    // Nothing is half there meanwhile.
    assert_eq!((f.summary().articles, f.summary().seq_last), (1, 1));

    gate.execute("UPDATE gate SET full = 0", []).unwrap();
    for answer in waiting.into_iter().chain(later) {
        assert_eq!(block_on(answer).unwrap(), Ok(new(1)));
    }
    until_degraded(&running, None);
    running.stop().unwrap();
    let keys = column::<String>(&f.outside(), "SELECT key FROM article ORDER BY seq");
    assert_eq!(keys, (0..=9).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_stop_does_not_wait_for_space() {
    let f = Fixture::new();
    let (running, gate) = with_small_disk(&f);
    let id = running.register(&["a"])[0].id;
    gate.execute("UPDATE gate SET full = 1", []).unwrap();
    let answers: Vec<_> = (1..=5).map(|n| running.submit(poll(id, &[&n.to_string()]))).collect();
    until_degraded(&running, Some(Degraded::Full));
    running.stop().unwrap();
    for answer in answers {
        assert!(matches!(block_on(answer).unwrap(), Err(StoreFault::Stopped(_))));
    }
    assert_eq!(f.summary().articles, 0);
    // The lock is free again, and nothing was remembered that was not stored.
    assert_eq!(f.start().register(&["a"])[0].state, FeedState::default());
}

#[test]
fn a_reload_that_was_given_up_on_a_full_disk_is_not_done_later() {
    let f = Fixture::new();
    let (running, gate) = with_small_disk(&f);
    let id = running.register(&["a"])[0].id;
    gate.execute("UPDATE gate SET full = 1", []).unwrap();
    let waiting = running.submit(poll(id, &["1"]));
    until_degraded(&running, Some(Degraded::Full));
    let mut changed = feed("a");
    changed.url = "https://example.net/other.xml".parse().unwrap();
    let looks = Cell::new(0);
    let asked_to_stop = || {
        looks.set(looks.get() + 1);
        false
    };
    let told = running.writer.register(&[changed], &asked_to_stop);
    assert!(matches!(&told, Err(StoreError::Writer { .. })), "{told:?}");
    assert_eq!(looks.get(), 1, "it waited on");

    gate.execute("UPDATE gate SET full = 0", []).unwrap();
    assert_eq!(block_on(waiting).unwrap(), Ok(new(1)));
    // This one waits behind the one that was given up.
    assert_eq!(running.register(&["a"])[0].state.etag, Some(b"1".to_vec()));
    running.stop().unwrap();
}

#[test]
fn what_comes_to_a_writer_that_is_ending_is_not_left_in_its_queues() {
    let f = Fixture::new();
    let (go, gone) = unbounded();
    // It has refused what was waiting when it tells of its end, and its queues are open still.
    let writer = f.open().start(f.clock.clone(), move |event| {
        if let StoreEvent::Failed(_) = event {
            gone.recv_timeout(HANG).unwrap();
        }
    });
    let writer = writer.unwrap();
    let id = writer.register(&[feed("a")], &|| true).unwrap()[0].id;
    f.outside().execute_batch("DROP TABLE fetch_log").unwrap();
    let (waiting, answer) = record(poll(id, &["1"]));
    writer.handle().submit(waiting).unwrap();
    assert!(matches!(block_on(answer).unwrap(), Err(StoreFault::Stopped(_))));

    let (late, answer) = record(poll(id, &["2"]));
    writer.handle().submit(late).unwrap();
    let looks = Cell::new(0);
    let told = writer.register(&[feed("a")], &|| {
        looks.set(looks.get() + 1);
        go.send(()).unwrap_or(());
        true
    });
    assert!(matches!(&told, Err(StoreError::Corrupt { .. })), "{told:?}");
    assert!(looks.get() < WRITER_ANSWER_MS_MAX / WRITER_LOOK_MS / 2, "it waited for as long as it may");
    // The daemon's own handle is still there: nothing else would drop it.
    assert_eq!(block_on(answer), Err(oneshot::Canceled));
    writer.stop(Clock::monotonic() + HANG).unwrap_err();
}

#[test]
fn a_lock_of_another_program_makes_polls_wait() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let outside = f.outside();
    outside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = running.submit(poll(id, &["1"]));
    until_degraded(&running, Some(Degraded::Locked));
    outside.execute_batch("ROLLBACK").unwrap();
    assert_eq!(block_on(answer).unwrap(), Ok(new(1)));
    running.stop().unwrap();
}

/// The writer ends, says why, and answers nobody that something was stored.
fn ends(running: Running, answer: oneshot::Receiver<Result<Stored, StoreFault>>) -> StoreError {
    // An idle writer may have found out by itself, and then nobody answers.
    let answer = block_on(answer);
    assert!(matches!(answer, Ok(Err(StoreFault::Stopped(_))) | Err(oneshot::Canceled)), "{answer:?}");
    let failed = running.events.iter().find_map(|event| match event {
        StoreEvent::Failed(error) => Some(error),
        StoreEvent::Committed { .. } | StoreEvent::Pruned { .. } => None,
    });
    let failed = failed.unwrap();
    assert_ne!(failed.exit_code(), 0);
    assert_eq!(running.stop(), Err(failed.clone()));
    failed
}

#[test]
fn an_error_that_waiting_does_not_mend_ends_the_writer() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    f.outside().execute_batch("DROP TABLE fetch_log").unwrap();
    let answer = running.submit(poll(id, &["1"]));
    let error = ends(running, answer);
    assert_eq!(error.exit_code(), 65, "{error}");
    assert!(error.to_string().contains("fetch_log"), "{error}");
    // Left for the next start to read from the disk.
    assert!(fs::metadata(wal_path(&f.path())).unwrap().len() > 0);
    assert_eq!(f.summary().articles, 0);
}

#[test]
fn a_database_that_was_replaced_is_not_written_any_more() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1"])).unwrap();
    let aside = f.dir.path().join("aside.db");
    fs::rename(f.path(), &aside).unwrap();
    let other = Fixture::new();
    drop(other.open());
    fs::copy(other.path(), f.path()).unwrap();

    let answer = running.submit(poll(id, &["2"]));
    assert!(matches!(ends(running, answer), StoreError::Moved { .. }));
    // What was committed went with the file, and nothing of it into the new one.
    assert_eq!(summary(&aside).unwrap().articles, 1);
    assert_eq!(f.summary(), other.summary());
}

#[test]
fn a_database_whose_wal_was_deleted_keeps_what_was_committed() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1"])).unwrap();
    fs::remove_file(wal_path(&f.path())).unwrap();
    let answer = running.submit(poll(id, &["2"]));
    assert!(matches!(ends(running, answer), StoreError::Moved { .. }));
    assert_eq!(f.summary().articles, 1);
    f.start().stop().unwrap();
}

#[test]
fn a_panic_ends_the_writer_in_order() {
    let f = Fixture::new();
    let store = f.open();
    let (event, events) = unbounded();
    let writer = store
        .start(f.clock.clone(), move |told| {
            event.send(told.clone()).unwrap();
            assert!(matches!(told, StoreEvent::Failed(_)), "injected");
        })
        .unwrap();
    let running = Running { writer, events };
    let id = running.register(&["a"])[0].id;
    // Answered before it was told to the one that panics: it is on disk.
    assert_eq!(running.store(poll(id, &["1"])), Ok(new(1)));
    assert!(matches!(running.events.iter().nth(1), Some(StoreEvent::Failed(StoreError::Writer { .. }))));
    assert!(matches!(running.stop(), Err(StoreError::Writer { .. })));
    assert_eq!(f.start().register(&["a"])[0].article_count, 1);
}

#[test]
fn the_wal_does_not_grow_with_what_was_written() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    for n in 0..40 {
        let mut bulky = poll(id, &[]);
        bulky.articles =
            (0..100).map(|k| Article { content: Some("x".repeat(4_000)), ..article(&format!("{n}-{k}")) }).collect();
        running.store(bulky).unwrap();
    }
    let written = fs::metadata(f.path()).unwrap().len();
    let wal = fs::metadata(wal_path(&f.path())).unwrap().len();
    assert!(written > 12 << 20 && wal < 8 << 20, "{written} bytes stored, {wal} in the -wal");
    running.stop().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_a_reader_and_the_next_start_misses_the_wal_that_it_left() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.stop().unwrap();
    let running = f.start();
    let reader = f.outside();
    reader.execute_batch("BEGIN; SELECT count(*) FROM article").unwrap();
    running.store(poll(id, &["1"])).unwrap();
    running.stop().unwrap();
    assert_eq!(column::<i64>(&reader, "SELECT count(*) FROM article"), [0]);

    // Whole in itself, only older: nothing else would tell.
    let without_wal = Fixture::new();
    fs::copy(f.path(), without_wal.path()).unwrap();
    fs::copy(f.lock_path(), without_wal.lock_path()).unwrap();
    let error = Store::open(&without_wal.path()).unwrap_err();
    assert!(matches!(error, StoreError::Older { found: 0, known: 1, .. }), "{error}");

    let again = f.start();
    assert_eq!(again.register(&["a"])[0].article_count, 1);
    drop(reader);
    again.stop().unwrap();
    assert_eq!(fs::read(f.lock_path()).unwrap(), b"");
}

#[test]
fn a_reload_is_heard_while_polls_keep_coming() {
    let f = Fixture::new();
    let next: Arc<Mutex<Option<(WriterHandle, i64)>>> = Arc::default();
    let coming = next.clone();
    // Each commit hands in the next poll before the writer looks at its queue again.
    let more = move |_| {
        if let Some((handle, id)) = &*coming.lock().unwrap() {
            handle.submit(record(poll(*id, &[])).0).unwrap();
        }
    };
    let writer = f.open().start(f.clock.clone(), more).unwrap();
    let id = writer.register(&[feed("a")], &|| true).unwrap()[0].id;
    *next.lock().unwrap() = Some((writer.handle(), id));
    writer.handle().submit(record(poll(id, &[])).0).unwrap();
    while writer.handle().gauges().commits() == 0 {
        std::thread::yield_now();
    }
    let answer = writer.register(&[feed("a"), feed("b")], &|| true);
    *next.lock().unwrap() = None;
    assert_eq!(answer.unwrap().len(), 2);
    writer.stop(Clock::monotonic() + HANG).unwrap();
}
