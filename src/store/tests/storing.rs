//! What a poll leaves in the database, and what it does not.

use super::*;
use crate::limits::BATCH_POLLS_MAX;

#[test]
fn a_poll_stores_its_articles_its_state_and_its_log_line() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let mut first = poll(id, &["1", "2"]);
    first.state = FeedState {
        effective_url: Some("https://example.org/moved.xml".into()),
        etag: Some(b"W/\"\xff\xfe\"".to_vec()),
        last_modified: Some(b"123".to_vec()),
        validators_for: Some("https://example.org/moved.xml#ann".into()),
        body_hash: Some([7; 32]),
        next_poll_at: Some(5_000),
        last_polled_at: Some(1_000),
        last_ok_at: Some(900),
        failing_since: Some(800),
        failure_count: 3,
        last_error: Some("reading the body".into()),
        last_error_class: Some("timeout(body)".into()),
        gone_at: Some(700),
        planning: Planning {
            schedule: Some("[]".into()),
            hints: Some("{}".into()),
            cadence: Some("silent".into()),
            cadence_if_new: None,
            gone_count: 2,
            given_up_for: Some("these settings".into()),
        },
        moving: Moving {
            to: Some("https://example.org/new.xml".into()),
            count: 2,
            since: Some(600),
            likeness: Some(vec![1, 2, 3, 4]),
        },
        changes: Changes { changed_at: Some(500), gap_ms: Some(400), doubted_at: Some(300) },
        repaired: vec!["bare ampersand x3".into()],
    };
    let state = first.state.clone();
    assert_eq!(running.store(first), Ok(new(2)));
    assert_eq!(running.events.recv_timeout(HANG), Ok(StoreEvent::Committed { seq_last: 2, article_count: 2 }));
    let gauges = running.writer.handle();
    assert_eq!((gauges.gauges().commits(), gauges.gauges().articles(), gauges.queue_len()), (1, 2, 0));
    assert!(gauges.gauges().last_commit_at().is_some());

    let stored = running.register(&["a"]).remove(0);
    assert_eq!(stored.state, state);
    assert_eq!((stored.poll_count, stored.article_count, stored.title.as_deref()), (1, 2, Some("A feed")));
    running.stop().unwrap();

    let db = f.outside();
    assert_eq!(column::<String>(&db, "SELECT typeof(etag) || typeof(last_modified) FROM feed"), ["blobtext"]);
    assert_eq!(column::<String>(&db, "SELECT labels FROM feed"), [r#"{"category":"world"}"#]);
    assert_eq!(column::<String>(&db, "SELECT key FROM article ORDER BY seq"), ["1", "2"]);
    assert_eq!(column::<i64>(&db, "SELECT fetched_at FROM article"), [1_007, 1_007]);
    assert_eq!(column::<String>(&db, "SELECT authors FROM article LIMIT 1"), [r#"["Ann \"A\" Author"]"#]);
    assert_eq!(
        column::<String>(&db, "SELECT enclosures FROM article LIMIT 1"),
        [r#"[{"url":"https://example.org/a.mp3","type":null,"length":3,"duration_s":61}]"#]
    );
    assert_eq!(column::<i64>(&db, "SELECT new_count FROM fetch_log"), [2]);
}

#[test]
fn an_article_is_stored_once_however_often_it_comes() {
    let f = Fixture::new();
    let running = f.start();
    let ids: Vec<i64> = running.register(&["a", "b"]).iter().map(|feed| feed.id).collect();
    assert_eq!(running.store(poll(ids[0], &["1", "1", "2"])), Ok(new(2)));
    assert_eq!(running.store(poll(ids[0], &["2", "1"])), Ok(new(0)));
    assert_eq!(running.store(poll(ids[1], &["1"])), Ok(new(1)));
    running.stop().unwrap();
    let again = f.start();
    assert_eq!(again.store(poll(ids[0], &["3", "2", "1"])), Ok(new(1)));
    again.stop().unwrap();
    assert_eq!(column::<i64>(&f.outside(), "SELECT seq FROM article ORDER BY id"), [1, 2, 3, 4]);
    assert_eq!(column::<i64>(&f.outside(), "SELECT article_count FROM feed ORDER BY id"), [3, 1]);
}

#[test]
fn what_retention_removed_does_not_come_back() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    f.outside().execute("INSERT INTO tombstone (feed_id, key, removed_at) VALUES (?1, 'old', 0)", [id]).unwrap();
    assert_eq!(running.store(poll(id, &["old", "new"])), Ok(new(1)));
    running.stop().unwrap();
}

#[test]
fn seq_is_not_given_out_again_when_the_newest_rows_are_gone() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.store(poll(id, &["1", "2", "3"])).unwrap();
    running.stop().unwrap();
    f.outside().execute("DELETE FROM article WHERE seq >= 2", []).unwrap();
    let running = f.start();
    running.store(poll(id, &["4"])).unwrap();
    running.stop().unwrap();
    assert_eq!(column::<i64>(&f.outside(), "SELECT seq FROM article ORDER BY seq"), [1, 4]);
    assert_eq!(column::<i64>(&f.outside(), "SELECT id FROM article ORDER BY seq"), [1, 4]);
    assert_eq!(f.summary().seq_last, 4);
}

#[test]
fn seq_follows_the_order_of_commits_and_batches_answer_each_poll() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let answers: Vec<_> = (0..300).map(|n| running.submit(poll(id, &[&format!("{n}-1"), &format!("{n}-2")]))).collect();
    for answer in answers {
        assert_eq!(block_on(answer).unwrap(), Ok(new(2)));
    }
    let events = running.events.clone();
    running.stop().unwrap();
    let mut newest = 0;
    for event in events.try_iter() {
        let StoreEvent::Committed { seq_last, article_count } = event else { panic!("{event:?}") };
        assert_eq!(seq_last, newest + article_count as i64);
        newest = seq_last;
    }
    assert_eq!(newest, 600);
    let keys = column::<String>(&f.outside(), "SELECT key FROM article ORDER BY seq");
    let expected: Vec<String> = (0..300).flat_map(|n| [format!("{n}-1"), format!("{n}-2")]).collect();
    assert_eq!(keys, expected);
}

#[test]
fn a_poll_larger_than_a_batch_is_one_transaction_all_the_same() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let keys: Vec<String> = (0..1_500).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(running.store(poll(id, &keys)), Ok(new(1_500)));
    assert_eq!(running.events.recv_timeout(HANG), Ok(StoreEvent::Committed { seq_last: 1_500, article_count: 1_500 }));
    running.stop().unwrap();
}

#[test]
fn a_transaction_takes_what_is_waiting_up_to_its_limits() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    running.stop().unwrap();
    let mut store = f.open();
    let mut waiting = |articles: usize, polls: usize| {
        let keys: Vec<String> = (0..articles).map(|n| n.to_string()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut made = 0;
        // A slow machine stores fewer, because of the 50 ms, but never more.
        let records: Vec<PollRecord> = (0..polls)
            .map(|_| record(poll(id, &keys)).0)
            .map(|mut record| {
                record
                    .articles
                    .iter_mut()
                    .for_each(|article| article.keys.hash = format!("{articles}-{made}-{}", article.keys.hash));
                made += 1;
                record
            })
            .collect();
        commit::commit(&mut store.db, records.iter()).unwrap().results.len()
    };
    for (articles, polls, most) in [(0, 3, 3), (0, 600, BATCH_POLLS_MAX), (200, 7, 5), (600, 2, 1)] {
        let stored = waiting(articles, polls);
        assert!((1..=most).contains(&stored), "{stored} of {polls} polls of {articles} articles");
    }
    // One of many tries, for the same reason.
    assert!((0..20).any(|_| waiting(0, 2) == 2), "two polls that wait together share a commit");
}

#[test]
fn the_log_keeps_the_last_polls_of_each_feed() {
    let f = Fixture::new();
    let running = f.start();
    let ids: Vec<i64> = running.register(&["a", "b"]).iter().map(|feed| feed.id).collect();
    let answers: Vec<_> = (0..120).map(|_| running.submit(poll(ids[0], &[]))).collect();
    answers.into_iter().for_each(|answer| assert!(block_on(answer).unwrap().is_ok()));
    running.store(poll(ids[1], &[])).unwrap();
    running.stop().unwrap();
    let polls = column::<i64>(&f.outside(), "SELECT poll FROM fetch_log WHERE feed_id = 1 ORDER BY poll");
    assert_eq!(polls, (71..=120).collect::<Vec<i64>>());
    assert_eq!(column::<i64>(&f.outside(), "SELECT poll FROM fetch_log WHERE feed_id = 2"), [1]);
}

#[test]
fn a_feed_that_leaves_and_returns_finds_its_state() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a", "b"])[0].id;
    running.store(poll(id, &["1"])).unwrap();
    running.register(&["b"]);
    assert_eq!(known_feeds(&f.path()).unwrap(), [("b".into(), URL.into())]);
    let back = running.register(&["b", "a"]).remove(1);
    assert_eq!((back.id, back.state.etag, back.article_count), (id, Some(b"1".to_vec()), 1));
    assert_eq!(known_feeds(&f.path()).unwrap().len(), 2);
    running.stop().unwrap();
}

#[test]
fn a_new_url_under_an_old_name_keeps_the_articles_and_nothing_that_the_old_one_said() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let mut first = poll(id, &["1"]);
    first.state.body_hash = Some([1; 32]);
    first.state.next_poll_at = Some(9);
    running.store(first).unwrap();
    let mut changed = feed("a");
    changed.url = "https://example.net/other.xml".parse().unwrap();
    let told = running.writer.register(std::slice::from_ref(&changed), &|| true).unwrap();
    assert_eq!((told[0].id, &told[0].state, told[0].article_count), (id, &FeedState::default(), 1));
    // What was told is what is stored.
    assert_eq!(running.writer.register(&[changed], &|| true).unwrap(), told);
    running.stop().unwrap();
}

#[test]
fn a_poll_of_an_old_url_that_ends_after_the_reload_is_dropped() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a", "b"])[0].id;
    running.store(poll(id, &["1"])).unwrap();
    let mut changed = feed("a");
    changed.url = "https://example.net/other.xml".parse().unwrap();
    let told = running.writer.register(&[changed, feed("b")], &|| true).unwrap();
    let (a, b) = (&told[0], &told[1]);

    let mut late = poll(a.id, &["1", "2"]);
    late.state.next_poll_at = Some(9);
    late.state.failure_count = 3;
    late.state.body_hash = Some([1; 32]);
    let answers = [running.submit(late.clone()), running.submit(poll(b.id, &["1"]))];
    let [dropped, other] = answers.map(|answer| block_on(answer).unwrap());
    assert_eq!(dropped, Err(StoreFault::Superseded));
    assert_eq!(other, Ok(new(1)));
    assert_eq!(running.writer.handle().gauges().rejected(), 0, "nothing was wrong with it");
    assert_eq!(running.writer.register(&[feed_of(a), feed_of(b)], &|| true).unwrap()[0], *a);

    assert_eq!(running.store(Poll { url: a.url.clone(), ..poll(a.id, &["1", "2"]) }), Ok(new(1)));
    running.stop().unwrap();
    let db = f.outside();
    assert_eq!(column::<String>(&db, "SELECT feed_id || ' ' || key FROM article ORDER BY seq"), ["1 1", "2 1", "1 2"]);
    assert_eq!(column::<i64>(&db, "SELECT seq FROM article ORDER BY seq"), [1, 2, 3]);
    assert_eq!(column::<i64>(&db, "SELECT poll FROM fetch_log WHERE feed_id = 1"), [1, 2]);
}

/// The subscription of a row.
fn feed_of(row: &FeedRecord) -> Feed {
    Feed { url: row.url.parse().unwrap(), ..feed(&row.name) }
}

#[test]
fn many_feeds_are_registered_at_once() {
    let f = Fixture::new();
    let running = f.start();
    let names: Vec<String> = (0..10_000).map(|n| format!("feed-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let records = running.register(&names);
    assert!(records.iter().map(|feed| feed.name.as_str()).eq(names));
    running.stop().unwrap();
    assert_eq!(f.summary().feeds, 10_000);
}
