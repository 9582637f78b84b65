//! What retention removes, what it leaves behind, and what it never delays.

use std::sync::{Arc, Mutex};

use super::*;
use crate::limits::{FREE_PAGES_KEPT, FREE_PAGES_STEP, RETENTION_STEP_ROWS, TOMBSTONE_MS};
use crate::store::retention::{Pruned, Retention};

const DAY: i64 = 24 * 3_600_000;

/// What the tests call now: a round day of 1998.
const NOW: i64 = 10_400 * DAY;

const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// A database without a writer that has articles, each stored so many days ago, in the order of `seq`.
fn aged(f: &Fixture, ages_days: &[i64]) -> (Store, i64) {
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.stop().unwrap();
    let mut store = f.open();
    for (n, age) in ages_days.iter().enumerate() {
        let items = [item(&format!("g{n}"), &n.to_string(), &format!("title {n}"), "words")];
        commit_alone(&mut store, Poll { at: Some(NOW - age * DAY - 7), ..document(id, &items) });
    }
    (store, id)
}

/// Stores a poll in a transaction of its own, without a writer.
fn commit_alone(store: &mut Store, poll: Poll) -> Stored {
    let done = commit::commit(&mut store.db, std::iter::once(&record(poll).0)).unwrap();
    done.results.into_iter().next().unwrap().unwrap()
}

/// Does all there is to do at once.
fn retire(store: &mut Store, keep: Option<Duration>, now_ms: i64) -> Vec<i64> {
    let mut retention = Retention::new(keep);
    let mut removed = Vec::new();
    loop {
        let Pruned { article_count, seq } = retention.step(&mut store.db, now_ms).unwrap();
        if article_count == 0 {
            return removed;
        }
        removed.push(seq);
    }
}

fn seqs(store: &Store) -> Vec<i64> {
    column(&store.db, "SELECT seq FROM article ORDER BY seq")
}

#[test]
fn articles_go_by_age_in_the_order_of_the_stream() {
    for (ages, left, pruned) in [
        (&[100, 95, 91, 89, 0][..], &[4, 5][..], 3),
        (&[90, 89], &[2], 1),
        (&[1, 0], &[1, 2], 0),
        (&[100, 99], &[], 2),
        // One that came while the clock was behind waits for those before it, ...
        (&[10, 5, 9_000, 1], &[1, 2, 3, 4], 0),
        (&[100, 80, 9_000, 1], &[2, 3, 4], 1),
        // ... and one that came while it was ahead goes with those behind it.
        (&[-500, 100, 80, 0], &[3, 4], 2),
        (&[-500, 80, 0], &[1, 2, 3], 0),
    ] {
        let f = Fixture::new();
        let (mut store, _) = aged(&f, ages);
        retire(&mut store, None, NOW);
        assert_eq!(seqs(&store).len(), ages.len(), "for ever");
        retire(&mut store, Some(KEPT), NOW);
        assert_eq!(seqs(&store), left, "{ages:?}");
        assert_eq!(column::<i64>(&store.db, "SELECT seq_pruned FROM meta"), [pruned], "{ages:?}");
        assert_eq!(column::<i64>(&store.db, "SELECT article_count FROM feed"), [left.len() as i64]);
        assert_eq!(column::<i64>(&store.db, "SELECT article_id FROM article_version").len(), left.len());
    }
}

#[test]
fn many_go_in_steps() {
    let f = Fixture::new();
    let (mut store, _) = aged(&f, &[0]);
    let copy = "INSERT INTO article (seq, feed_id, key, fetched_at) SELECT ?1, feed_id, ?1, 0 FROM article LIMIT 1";
    let tx = store.db.transaction().unwrap();
    (2..=1_000).for_each(|seq| assert_eq!(tx.execute(copy, [seq]).unwrap(), 1));
    tx.execute_batch("UPDATE article SET fetched_at = 0; UPDATE feed SET article_count = 1000").unwrap();
    tx.commit().unwrap();
    let steps = retire(&mut store, Some(KEPT), NOW);
    assert!(steps.len() as i64 >= 1_000 / RETENTION_STEP_ROWS && steps.is_sorted(), "{steps:?}");
    assert_eq!((steps.last(), seqs(&store).len()), (Some(&1_000), 0));
    assert_eq!(column::<i64>(&store.db, "SELECT article_count FROM feed"), [0]);
}

#[test]
fn what_was_removed_does_not_come_back_while_it_is_listed_however_long() {
    let f = Fixture::new();
    let (mut store, id) = aged(&f, &[100, 100, 100]);
    retire(&mut store, Some(KEPT), NOW);
    // It is listed for three years; and the document that lists it is read in some months only.
    let items: Vec<String> =
        (0..3).map(|n| item(&format!("g{n}"), &n.to_string(), &format!("title {n}"), "edited")).collect();
    for day in (0..1_000).filter(|day| day % 200 < 100) {
        retire(&mut store, Some(KEPT), NOW + day * DAY);
        let again = Poll { at: Some(NOW + day * DAY), ..document(id, &items) };
        assert_eq!(commit_alone(&mut store, again), new(0), "day {day}");
    }
    // Once it is listed no more its tombstones go, and no sooner than after a month.
    let mut tombstones = |at: i64| {
        let other = [item("other", "other", "other", "x")];
        commit_alone(&mut store, Poll { at: Some(at), ..document(id, &other) });
        retire(&mut store, None, at);
        column::<i64>(&store.db, "SELECT count(*) FROM tombstone")[0]
    };
    let last = NOW + 899 * DAY;
    assert!(tombstones(last + TOMBSTONE_MS - DAY) >= 3);
    assert_eq!(tombstones(last + TOMBSTONE_MS + DAY), 0);
}

#[test]
fn every_key_of_what_is_listed_still_is_remembered() {
    // Of a document with one article, a guid whose other keys are forgotten would be taken for one that was used again; and
    // under new guids there is nothing but links to know the others by.
    for count in [1, 8] {
        let f = Fixture::new();
        let (mut store, id) = aged(&f, &vec![100; count]);
        retire(&mut store, Some(KEPT), NOW);
        let items = |guid: &str, text: i64| -> Vec<String> {
            let show = |n: usize| item(&format!("{guid}{n}"), &n.to_string(), &format!("title {n}"), &text.to_string());
            (0..count).map(show).collect()
        };
        for day in 0..=TOMBSTONE_MS / DAY + 2 {
            let again = Poll { at: Some(NOW + day * DAY), ..document(id, &items("g", day)) };
            assert_eq!(commit_alone(&mut store, again), new(0), "{count} articles, day {day}");
            retire(&mut store, Some(KEPT), NOW + day * DAY);
        }
        let renamed = Poll { at: Some(NOW + TOMBSTONE_MS + 3 * DAY), ..document(id, &items("h", 0)) };
        let Stored { new_count, verdict, .. } = commit_alone(&mut store, renamed);
        // One alone under a new guid may be another one.
        assert!(count == 1 || (new_count, verdict) == (0, Some(Verdict::Renamed(count))), "{new_count} {verdict:?}");
    }
}

#[test]
fn what_was_removed_does_not_come_back_under_new_guids_either() {
    let f = Fixture::new();
    let (mut store, id) = aged(&f, &[100; 8]);
    retire(&mut store, Some(KEPT), NOW);
    drop(store);
    let running = f.start();
    let items: Vec<String> =
        (0..8).map(|n| item(&format!("h{n}"), &n.to_string(), &format!("title {n}"), "words")).collect();
    let verdict = Some(Verdict::Renamed(8));
    assert_eq!(running.store(document(id, &items)), Ok(Stored { verdict, ..new(0) }));
    running.stop().unwrap();
}

#[test]
fn a_constant_guid_does_not_bury_what_comes_after_the_first_article() {
    let f = Fixture::new();
    let (mut store, id) = aged(&f, &[100]);
    retire(&mut store, Some(KEPT), NOW);
    let show = |link: &str, title: &str| document(id, &[item("g0", link, title, "x")]);
    assert_eq!(commit_alone(&mut store, show("0", "a new headline")), new(0));
    let verdict = Some(Verdict::Reused);
    assert_eq!(commit_alone(&mut store, show("next", "next")), Stored { verdict, ..new(1) });
    assert_eq!(commit_alone(&mut store, show("0", "title 0")), new(0));
}

#[test]
fn the_writer_removes_by_itself_and_says_so_and_search_forgets() {
    let f = Fixture::new();
    let (store, _) = aged(&f, &[100, 0]);
    f.clock.step(NOW - f.clock.now_ms());
    let running = f.start_store(store.retaining(Some(KEPT)));
    let told = running.events.recv_timeout(HANG);
    assert_eq!(told, Ok(StoreEvent::Pruned { seq_pruned: 1 }));
    assert_eq!(running.writer.handle().gauges().pruned(), 1);
    super::searching::until_indexed(&running);
    running.stop().unwrap();
    let found = column::<i64>(&f.outside(), "SELECT rowid FROM article_text WHERE article_text MATCH 'words'");
    assert_eq!(found, [2]);
}

#[test]
fn polls_that_never_pause_do_not_keep_it_from_its_work() {
    let f = Fixture::new();
    let (store, id) = aged(&f, &[0]);
    let rows = 3 * RETENTION_STEP_ROWS;
    let tx = store.db.unchecked_transaction().unwrap();
    for seq in 2..=rows {
        tx.execute("INSERT INTO article (seq, feed_id, key, fetched_at) VALUES (?1, ?2, ?1, 0)", [seq, id]).unwrap();
    }
    tx.execute_batch(&format!("UPDATE article SET fetched_at = 0; UPDATE meta SET seq_last = {rows}")).unwrap();
    tx.commit().unwrap();

    // Each commit hands the next poll over, so the queue is never empty.
    let handle: Arc<Mutex<Option<WriterHandle>>> = Arc::default();
    let (event, events) = unbounded();
    let next = handle.clone();
    let writer = store
        .retaining(Some(KEPT))
        .start(f.clock.clone(), move |told| {
            if let (StoreEvent::Committed { .. }, Some(handle)) = (&told, &*next.lock().unwrap()) {
                handle.submit(record(poll(id, &[])).0).unwrap();
            }
            event.send(told).unwrap_or(());
        })
        .unwrap();
    *handle.lock().unwrap() = Some(writer.handle());
    writer.handle().submit(record(poll(id, &[])).0).unwrap();
    let started = Clock::monotonic();
    let mut pruned = 0;
    while pruned < rows {
        if let StoreEvent::Pruned { seq_pruned } = events.recv_timeout(HANG).unwrap() {
            pruned = seq_pruned;
        }
        assert!(Clock::elapsed_ms(started) < HANG.as_millis() as u64, "{pruned} of {rows} are gone");
    }
    *handle.lock().unwrap() = None;
    writer.stop(Clock::monotonic() + HANG).unwrap();
}

#[test]
fn pages_that_became_free_are_given_back_step_by_step() {
    let f = Fixture::new();
    let mut store = f.open();
    store.db.execute_batch("CREATE TABLE filler (bytes); INSERT INTO filler VALUES (zeroblob(24000000))").unwrap();
    store.db.execute_batch("DROP TABLE filler").unwrap();
    let free = |db: &Connection| column::<i64>(db, "PRAGMA freelist_count")[0];
    let before = free(&store.db);
    assert!(before > FREE_PAGES_KEPT + FREE_PAGES_STEP, "{before} free pages");
    let mut retention = Retention::new(None);
    retention.step(&mut store.db, 0).unwrap();
    assert_eq!(free(&store.db), before - FREE_PAGES_STEP);
    while free(&store.db) > FREE_PAGES_KEPT {
        retention.step(&mut store.db, 0).unwrap();
    }
}
