//! What becomes of questions: answered, refused, given up, taken back.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use super::*;
use crate::limits::{READER_QUEUE_MAX, WAL_PAGES_MAX};

/// The deadline where a question is to meet it.
const SOON: Duration = Duration::from_millis(50);
/// The deadline where it must be something else that ends a question.
const NEVER: Duration = Duration::from_secs(86_400);

/// Runs for ever.
const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

pub(super) fn readers(f: &Fixture, count: usize) -> Readers {
    Readers::start_with(&f.path(), count, NEVER).unwrap()
}

pub(super) fn ask<T: Send + 'static>(
    readers: &Readers,
    query: impl FnOnce(&Queries<'_>) -> Result<T, QueryError> + Send + 'static,
) -> Result<T, QueryError> {
    block_on(readers.handle().ask(query)).unwrap()
}

pub(super) fn stop(readers: Readers) {
    assert!(readers.stop(Clock::monotonic() + HANG));
}

/// A question that a reader is busy with until `go` is dropped.
fn occupy(readers: &Readers) -> (mpsc::Sender<()>, oneshot::Receiver<Result<(), QueryError>>) {
    let (go, wait) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let answer = readers.handle().ask(move |_| {
        begun.send(()).unwrap();
        let _ = wait.recv();
        Ok(())
    });
    begins.recv().unwrap();
    (go, answer)
}

#[test]
fn row_62_a_question_is_given_up_at_its_deadline_and_the_reader_lives_on() {
    let f = Fixture::new();
    let running = f.start();
    let readers = Readers::start_with(&f.path(), 1, SOON).unwrap();
    let endless = readers.handle().ask(|queries| queries.number(ENDLESS));
    // It waited behind the first for the whole of its time.
    let late = readers.handle().ask(|queries| queries.number("SELECT 1"));
    assert_eq!(block_on(endless).unwrap(), Err(QueryError::TooSlow));
    assert_eq!(block_on(late).unwrap(), Err(QueryError::TooSlow));
    assert_eq!(ask(&readers, |queries| queries.number("SELECT 7")), Ok(7));
    let handle = readers.handle();
    assert_eq!((handle.gauges().too_slow(), handle.gauges().answered(), handle.queue_len()), (2, 1, 0));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_full_queue_says_so_at_once() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 1);
    let (go, first) = occupy(&readers);
    let waiting: Vec<_> = (0..READER_QUEUE_MAX).map(|_| readers.handle().ask(|queries| queries.bounds())).collect();
    let mut refused = readers.handle().ask(|queries| queries.bounds());
    assert_eq!(refused.try_recv().unwrap(), Some(Err(QueryError::Busy)));
    assert_eq!(readers.handle().gauges().busy(), 1);
    drop(go);
    assert_eq!(block_on(first).unwrap(), Ok(()));
    for answer in waiting {
        assert!(!matches!(block_on(answer).unwrap(), Err(QueryError::Busy)));
    }
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn what_must_not_wait_goes_before_a_crowd() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 1);
    let (go, first) = occupy(&readers);
    let (tell, told) = mpsc::channel();
    let name = |name: &'static str| {
        let tell = tell.clone();
        move |_: &Queries<'_>| {
            tell.send(name).unwrap();
            Ok(())
        }
    };
    // As many as find room.
    let crowd: Vec<_> = (0..READER_QUEUE_MAX).map(|_| readers.handle().ask(name("one of many"))).collect();
    let urgent = readers.handle().ask_first(name("urgent"));
    assert_eq!(readers.handle().queue_len(), READER_QUEUE_MAX + 1);
    drop(go);
    block_on(first).unwrap().unwrap();
    assert_eq!(told.recv_timeout(HANG), Ok("urgent"));
    block_on(urgent).unwrap().unwrap();
    crowd.into_iter().for_each(|answer| block_on(answer).unwrap().unwrap());
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_question_that_nobody_waits_for_is_dropped() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 1);
    let (go, first) = occupy(&readers);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    drop(readers.handle().ask(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }));
    drop(go);
    block_on(first).unwrap().unwrap();

    // One that runs already is interrupted: its deadline is not waited for.
    let (begun, begins) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let running_one = readers.handle().ask(move |queries| {
        begun.send(()).unwrap();
        end.send(queries.number(ENDLESS)).unwrap();
        Ok(())
    });
    begins.recv().unwrap();
    drop(running_one);
    assert_eq!(ended.recv_timeout(HANG).unwrap(), Err(QueryError::TooSlow));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(ask(&readers, |queries| queries.number("SELECT 7")), Ok(7));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_panic_is_an_answer() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 1);
    let answer = ask(&readers, |queries| {
        queries.bounds()?;
        assert_eq!(queries.number("SELECT 1")?, 2, "injected");
        Ok(())
    });
    assert_eq!(answer, Err(QueryError::Panicked));
    assert_eq!(ask(&readers, |queries| queries.number("SELECT 7")), Ok(7));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_stop_waits_for_no_question() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 2);
    let handle = readers.handle();
    let asked: Vec<_> = (0..10).map(|_| handle.ask(|queries| queries.number(ENDLESS))).collect();
    stop(readers);
    for answer in asked {
        assert_eq!(block_on(answer).unwrap(), Err(QueryError::Stopped));
    }
    assert_eq!(block_on(handle.ask(|queries| queries.bounds())).unwrap(), Err(QueryError::Stopped));
    running.stop().unwrap();
    assert!(!wal_path(&f.path()).exists());
}

#[test]
fn a_database_that_cannot_be_read_yet_is_tried_again_with_the_next_question() {
    let f = Fixture::new();
    let readers = readers(&f, 1);
    assert!(matches!(ask(&readers, |queries| queries.bounds()), Err(QueryError::Failed(_))));
    let running = f.start();
    assert_eq!(ask(&readers, |queries| queries.bounds()).unwrap().seq_last, 0);
    // Held by another program, as a database may be at a start.
    stop(readers);
    running.stop().unwrap();
    let outside = f.outside();
    outside.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE meta SET seq_last = 1").unwrap();
    let readers = self::readers(&f, 1);
    assert!(matches!(ask(&readers, |queries| queries.bounds()), Err(QueryError::Failed(StoreError::Locked { .. }))));
    outside.execute_batch("COMMIT").unwrap();
    drop(outside);
    assert_eq!(ask(&readers, |queries| queries.bounds()).unwrap().seq_last, 1);
    stop(readers);
}

#[test]
fn a_reader_cannot_write() {
    let f = Fixture::new();
    let running = f.start();
    let readers = readers(&f, 1);
    let refused = ask(&readers, |queries| queries.number("UPDATE meta SET seq_last = 99 RETURNING seq_last"));
    assert!(matches!(refused, Err(QueryError::Failed(_))), "{refused:?}");
    assert_eq!(f.summary().seq_last, 0);
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn row_62_no_snapshot_outlives_its_question() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let readers = readers(&f, 1);
    running.store(poll(id, &["1"])).unwrap();
    let (begun, begins) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let slow = readers.handle().ask(move |queries| {
        let before = queries.bounds()?;
        begun.send(()).unwrap();
        let interrupted = queries.number(ENDLESS);
        // Still the same moment, whatever was committed since.
        end.send((interrupted, queries.bounds()? == before)).unwrap();
        Ok(())
    });
    begins.recv().unwrap();
    running.store(poll(id, &["2"])).unwrap();
    let outside = f.outside();
    // (busy, pages in the -wal, pages moved into the database)
    let checkpoint = || -> (i64, i64, i64) {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        outside.query_row("PRAGMA wal_checkpoint (TRUNCATE)", [], row).unwrap()
    };
    outside.busy_timeout(Duration::ZERO).unwrap();
    let held_up = checkpoint();
    assert!(held_up.0 == 1 && fs::metadata(wal_path(&f.path())).unwrap().len() > 0, "{held_up:?}");

    drop(slow);
    assert_eq!(ended.recv_timeout(HANG).unwrap(), (Err(QueryError::TooSlow), true));
    // From here on the reader is idle, its connection open. This waits for that, and for the writer.
    outside.busy_timeout(HANG).unwrap();
    assert_eq!(checkpoint(), (0, 0, 0));
    assert_eq!(fs::metadata(wal_path(&f.path())).unwrap().len(), 0);
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn row_62_readers_that_overlap_without_end_do_not_let_the_wal_grow() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let readers = Readers::start_with(&f.path(), 2, Duration::from_millis(200)).unwrap();
    let handle = readers.handle();
    let stopping = Arc::new(AtomicBool::new(false));
    // Each holds its snapshot until its deadline, and one always begins before the other ends.
    let askers = [0, 100].map(|late_ms| {
        let (handle, stopping) = (handle.clone(), stopping.clone());
        std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(late_ms));
            while !stopping.load(Ordering::Relaxed) {
                let held = handle.ask(|queries| queries.bounds().and_then(|_| queries.number(ENDLESS)));
                assert_eq!(block_on(held).unwrap(), Err(QueryError::TooSlow));
            }
        })
    });
    let mut wal_max = 0;
    for n in 0..120 {
        running.store(bulky(id, n)).unwrap();
        wal_max = wal_max.max(wal_len(&f));
    }
    stopping.store(true, Ordering::Relaxed);
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    println!("{wal_max} bytes of -wal at most, {} questions met their deadline", handle.gauges().too_slow());
    // The first wait, at 16 MiB, may be in vain on a machine that is busy, and the second, at 20.
    assert!(wal_max < 32 << 20, "{wal_max} bytes of -wal");
    stop(readers);
    running.stop().unwrap();
    assert!(fs::metadata(f.path()).unwrap().len() > 45 << 20, "what was written");
}

/// SQLite waits for the place that a reader has: the next one took it and shared it with the one after that, and the wait for the
/// place came to nothing, though what they read was in nobody's way.
#[test]
fn row_62_a_reader_in_the_place_of_another_does_not_let_the_wal_grow() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let begin = |db: &Connection| {
        db.execute_batch("BEGIN").unwrap();
        db.query_row("SELECT count(*) FROM feed", [], |row| row.get::<_, i64>(0)).unwrap();
    };
    let (first, second) = (f.outside(), f.outside());
    begin(&first);
    let full = u64::try_from(WAL_PAGES_MAX).unwrap() * 4_096;
    let mut n = 0;
    let mut store = || {
        n += 1;
        running.store(bulky(id, n)).unwrap();
        wal_len(&f)
    };
    while store() < full - (2 << 20) {}
    begin(&second);
    let stopping = Arc::new(AtomicBool::new(false));
    let (go, waiting) = mpsc::channel::<()>();
    let renewing = {
        let stopping = stopping.clone();
        std::thread::spawn(move || {
            let _ = waiting.recv();
            while !stopping.load(Ordering::Relaxed) {
                for db in [&first, &second] {
                    std::thread::park_timeout(Duration::from_millis(20));
                    db.execute_batch("COMMIT").unwrap();
                    begin(db);
                }
            }
        })
    };
    while store() < full {}
    // Now the writer waits. There is a reader at every moment.
    drop(go);
    let wal_max = (0..20).map(|_| store()).max().unwrap();
    stopping.store(true, Ordering::Relaxed);
    renewing.join().unwrap();
    // The next wait would be at 20 MiB.
    assert!(wal_max < full + (3 << 20), "{wal_max} bytes of -wal");
    running.stop().unwrap();
}

/// The poll of a feed with one article of 400 KB.
fn bulky(feed_id: i64, n: i32) -> Poll {
    let mut bulky = poll(feed_id, &[]);
    bulky.articles = vec![Article { content: Some("x".repeat(400_000)), ..article(&n.to_string()) }];
    bulky
}

fn wal_len(f: &Fixture) -> u64 {
    fs::metadata(wal_path(&f.path())).unwrap().len()
}
