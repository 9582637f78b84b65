//! Full-text search: what it finds, when, and what it never delays.

use std::sync::{Arc, Mutex};

use super::*;
use crate::limits::SEARCH_CHUNK_ARTICLES_MAX;
use crate::store::search::{Backlog, index_chunk};

pub(super) fn until_indexed(running: &Running) {
    let started = Clock::monotonic();
    while running.writer.handle().gauges().search_lag() > 0 {
        assert!(Clock::elapsed_ms(started) < HANG.as_millis() as u64);
        std::thread::yield_now();
    }
}

fn keys(readers: &Readers, text: &str, filter: &Filter) -> Vec<String> {
    let (text, filter) = (text.to_owned(), filter.clone());
    let page =
        block_on(readers.handle().ask(move |queries| queries.search(&text, &filter, None, 500))).unwrap().unwrap();
    assert!(!page.more);
    page.articles.into_iter().map(|article| article.key).collect()
}

fn titled(key: &str, title: &str) -> Article {
    Article { title: Some(title.into()), content: None, ..article(key) }
}

#[test]
fn words_are_found_newest_first_and_what_is_gone_is_not() {
    let f = Fixture::new();
    let running = f.start();
    let ids: Vec<i64> = running.register(&["a", "b"]).iter().map(|feed| feed.id).collect();
    let articles = vec![
        titled("1", "Élection présidentielle"),
        Article { summary: Some("<p>the <b>elec</b>tion &amp; more</p>".into()), ..titled("2", "two") },
        Article {
            content: Some("<script>var hidden</script><a href='https://hidden'>co-operative election</a>".into()),
            ..titled("3", "C++ OR Vec<T>")
        },
    ];
    running.store(Poll { articles, ..poll(ids[0], &[]) }).unwrap();
    running.store(Poll { articles: vec![titled("4", "election elsewhere")], ..poll(ids[1], &[]) }).unwrap();
    until_indexed(&running);
    let readers = Readers::start(&f.path(), 1).unwrap();
    let all = Filter::default();
    for (text, want) in [
        ("election", vec!["4", "3", "2", "1"]),
        ("ELECTION", vec!["4", "3", "2", "1"]),
        ("election more", vec!["2"]),
        ("more election the", vec!["2"]),
        ("presidentielle", vec!["1"]),
        ("co-operative", vec!["3"]),
        ("operative-co", vec![]),
        ("hidden", vec![]),
        ("href", vec![]),
        ("elec", vec![]),
        ("election OR nothing", vec![]),
        ("OR", vec!["3"]),
        ("Vec<T>", vec!["3"]),
        ("title:election", vec![]),
        ("\"", vec![]),
        ("", vec![]),
        ("NEAR(", vec![]),
    ] {
        assert_eq!(keys(&readers, text, &all), want, "{text:?}");
    }
    let b = Filter { feeds: vec!["b".into()], ..Filter::default() };
    assert_eq!(keys(&readers, "election", &b), ["4"]);

    let db = f.outside();
    db.execute("DELETE FROM article WHERE key = '2'", []).unwrap();
    assert_eq!(keys(&readers, "election", &all), ["4", "3", "1"]);
    assert_eq!(column::<i64>(&db, "SELECT rowid FROM article_text WHERE article_text MATCH 'election'"), [1, 3, 4]);
    // An article that changes is found by its old words no more, and by its new ones at its new place.
    db.execute_batch(
        "BEGIN; UPDATE article SET title = 'changed entirely', seq = 5, revision = 1 WHERE key = '1';
         UPDATE meta SET seq_last = 5; COMMIT",
    )
    .unwrap();
    assert_eq!(keys(&readers, "presidentielle", &all), Vec::<String>::new());
    running.store(Poll { articles: vec![titled("6", "another")], ..poll(ids[1], &[]) }).unwrap();
    until_indexed(&running);
    assert_eq!(keys(&readers, "changed entirely", &all), ["1"]);
    assert!(readers.stop(Clock::monotonic() + HANG));
    running.stop().unwrap();
}

#[test]
fn pages_of_a_search_lead_through_all_that_matches() {
    let f = Fixture::new();
    let running = f.start();
    let names: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let ids: Vec<i64> =
        running.register(&names.iter().map(String::as_str).collect::<Vec<_>>()).iter().map(|feed| feed.id).collect();
    let mut random = super::querying::Random::new(11);
    let mut stored = Vec::new();
    for n in 0..600 {
        let feed = random.below(100);
        let title = if random.below(3) == 0 { "rare word" } else { "word" };
        running.store(Poll { articles: vec![titled(&n.to_string(), title)], ..poll(ids[feed], &[]) }).unwrap();
        stored.push((n + 1, feed, title));
    }
    until_indexed(&running);
    let readers = Readers::start(&f.path(), 1).unwrap();
    for seed in 0..40 {
        let mut random = super::querying::Random::new(seed);
        let feeds: Vec<usize> = (0..[0, 3, 90][random.below(3)]).map(|_| random.below(100)).collect();
        let text = ["rare", "word", "rare word"][random.below(3)];
        let limit = 1 + random.below(60);
        let filter = Filter { feeds: feeds.iter().map(usize::to_string).collect(), ..Filter::default() };
        let expected: Vec<i64> = (stored.iter().rev())
            .filter(|(_, feed, title)| {
                (feeds.is_empty() || feeds.contains(feed)) && (text == "word" || *title == "rare word")
            })
            .map(|(seq, ..)| *seq)
            .collect();
        let (mut walked, mut before) = (Vec::new(), None);
        loop {
            let filter = filter.clone();
            let asked = readers.handle().ask(move |queries| queries.search(text, &filter, before, limit));
            let page = block_on(asked).unwrap().unwrap();
            walked.extend(page.articles.iter().map(|article| article.seq));
            before = Some(page.scanned_to);
            if !page.more {
                break;
            }
        }
        assert_eq!(walked, expected, "seed {seed}: {text}, limit {limit}, {filter:?}");
    }
    assert!(readers.stop(Clock::monotonic() + HANG));
    running.stop().unwrap();
}

/// A database with articles that no daemon has indexed, as one from before there was search.
fn unindexed(f: &Fixture, count: i64) {
    drop(f.open());
    let db = f.outside();
    db.execute_batch("INSERT INTO feed (name, url) VALUES ('a', 'https://example.org/a.xml')").unwrap();
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO article (seq, feed_id, key, title, content, fetched_at)
         SELECT i, 1, i, 'number ' || i, 'some text ' || i, 0 FROM n",
        [count],
    )
    .unwrap();
    db.execute("UPDATE meta SET seq_last = ?1", [count]).unwrap();
}

#[test]
fn a_chunk_is_small_and_the_next_one_goes_on_from_there() {
    let f = Fixture::new();
    let count = SEARCH_CHUNK_ARTICLES_MAX * 2 + 50;
    unindexed(&f, count);
    // Nothing remains to be found of the newest ones: the watermark must come to the end all the same.
    f.outside().execute("DELETE FROM article WHERE seq > ?1", [count - 10]).unwrap();
    let mut store = f.open();
    let mut backlog = Backlog::read(&store.db).unwrap();
    assert!(backlog.is_due());
    let mut chunks = 0;
    while backlog.lag() > 0 {
        let before = backlog.lag();
        let seq_indexed = index_chunk(&mut store.db).unwrap();
        backlog.indexed(seq_indexed);
        let done = before - backlog.lag();
        assert!(done > 0 && done <= SEARCH_CHUNK_ARTICLES_MAX as u64 + 10, "{done}");
        chunks += 1;
    }
    assert!(chunks >= 3 && !backlog.is_due());
    let db = f.outside();
    assert_eq!(column::<i64>(&db, "SELECT count(*) FROM article_text WHERE article_text MATCH 'text'"), [count - 10]);
    assert_eq!(column::<i64>(&db, "SELECT rowid FROM article_text WHERE article_text MATCH '217'"), [217]);
}

#[test]
fn what_an_earlier_daemon_left_is_indexed_but_not_while_polls_wait() {
    let f = Fixture::new();
    unindexed(&f, 3_000);
    let next: Arc<Mutex<Option<(WriterHandle, i64)>>> = Arc::default();
    let coming = next.clone();
    let (lag, lags) = unbounded();
    // Each commit hands in the next poll before the writer looks at its queue again.
    let more = move |event| {
        if let (StoreEvent::Committed { .. }, Some((handle, id))) = (event, &*coming.lock().unwrap()) {
            lag.send(handle.gauges().search_lag()).unwrap();
            handle.submit(record(poll(*id, &[])).0).unwrap();
        }
    };
    let writer = f.open().start(f.clock.clone(), more).unwrap();
    let id = writer.register(&[feed("a")], &|| true).unwrap()[0].id;
    *next.lock().unwrap() = Some((writer.handle(), id));
    writer.handle().submit(record(poll(id, &["new"])).0).unwrap();
    let seen: Vec<u64> = (0..100).map(|_| lags.recv_timeout(HANG).unwrap()).collect();
    assert!(seen[0] > 0 && seen.iter().all(|lag| *lag == seen[0]), "{seen:?}");

    *next.lock().unwrap() = None;
    let running = Running { writer, events: unbounded().1 };
    until_indexed(&running);
    let db = f.outside();
    assert_eq!(column::<i64>(&db, "SELECT seq_indexed FROM search"), [3_001]);
    assert_eq!(column::<i64>(&db, "SELECT count(*) FROM article_text WHERE article_text MATCH 'number'"), [3_000]);
    assert_eq!(column::<i64>(&db, "SELECT rowid FROM article_text WHERE article_text MATCH 'title'"), [3_001]);
    running.stop().unwrap();
}

#[test]
fn every_commit_is_synced_again_after_a_chunk() {
    let f = Fixture::new();
    let store = f.open();
    // Evaluated on the writer's own connection, inside of its own transactions.
    store
        .db
        .execute_batch(
            "CREATE TEMP TABLE level (at, synchronous);
             CREATE TEMP TRIGGER poll AFTER INSERT ON main.article
             BEGIN INSERT INTO level SELECT 'poll', synchronous FROM pragma_synchronous; END;
             CREATE TEMP TRIGGER chunk AFTER UPDATE ON main.search
             BEGIN INSERT INTO level SELECT 'chunk', synchronous FROM pragma_synchronous; END;
             CREATE TEMP TRIGGER bad AFTER INSERT ON level WHEN (NEW.at = 'poll') <> (NEW.synchronous = 2)
             BEGIN SELECT RAISE(ABORT, 'wrong level'); END",
        )
        .unwrap();
    let running = f.start_store(store);
    let id = running.register(&["a"])[0].id;
    for n in 0..3 {
        assert_eq!(running.store(poll(id, &[&n.to_string()])), Ok(new(1)));
        until_indexed(&running);
    }
    running.stop().unwrap();
}

#[test]
fn a_full_disk_puts_search_off_and_nothing_else() {
    let f = Fixture::new();
    // Due at once, and tried between two of the polls below.
    unindexed(&f, 10);
    let store = f.open();
    let gate = f.dir.path().join("disk.db");
    let outside = Connection::open(&gate).unwrap();
    outside
        .execute_batch("CREATE TABLE gate (full); INSERT INTO gate VALUES (1); CREATE TABLE filler (bytes)")
        .unwrap();
    store.db.execute("ATTACH ?1 AS disk", [gate.to_str().unwrap()]).unwrap();
    store
        .db
        .execute_batch(
            "PRAGMA disk.max_page_count = 8;
             CREATE TEMP TRIGGER full BEFORE UPDATE ON main.search WHEN (SELECT full FROM disk.gate)
             BEGIN INSERT INTO disk.filler VALUES (zeroblob(100000)); END",
        )
        .unwrap();
    let running = f.start_store(store);
    let id = running.register(&["a"])[0].id;
    for n in 0..5 {
        assert_eq!(running.store(poll(id, &[&format!("new-{n}")])), Ok(new(1)));
    }
    assert_eq!(running.writer.handle().gauges().degraded(), None);
    assert_eq!(running.writer.handle().gauges().search_lag(), 15);
    assert_eq!(column::<i64>(&f.outside(), "SELECT seq_indexed FROM search"), [0]);
    outside.execute("UPDATE gate SET full = 0", []).unwrap();
    until_indexed(&running);
    assert_eq!(column::<i64>(&f.outside(), "SELECT seq_indexed FROM search"), [15]);
    running.stop().unwrap();
}
