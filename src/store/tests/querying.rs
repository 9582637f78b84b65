//! What readers answer: articles by place and by filter, and feeds.

use super::reading::{ask, readers, stop};
use super::*;
use crate::limits::{FEED_LATE_MS, PAGE_BYTES_MAX, PAGE_ROWS_MAX};

#[test]
fn an_article_comes_back_as_it_was_stored() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let readers = readers(&f, 1);
    let stored = Article {
        guid: Some("guid".into()),
        url: Some("https://example.org/1".into()),
        summary: Some("<b>short</b>".into()),
        image_url: Some("https://example.org/1.png".into()),
        categories: vec!["one".into(), "two".into()],
        language: Some("en".into()),
        published_at: Some(-5),
        updated_at: Some(6),
        ..article("1")
    };
    running
        .store(Poll {
            articles: vec![stored.clone(), Article { keys: keyed("2"), ..Article::default() }],
            ..poll(id, &[])
        })
        .unwrap();
    let page = ask(&readers, |queries| queries.articles_after(0, &Filter::default(), 10)).unwrap();
    assert_eq!((page.scanned_to, page.more, page.articles.len()), (2, false, 2));
    let found = &page.articles[0];
    assert_eq!((found.seq, found.op, found.revision, &*found.feed, found.fetched_at), (1, Op::New, 0, "a", 1_007));
    assert_eq!(*found.labels, Labels::from([("category".to_owned(), "world".to_owned())]));
    let StoredArticle { key, guid, url, title, authors, summary, content, .. } = found.clone();
    let StoredArticle { image_url, enclosures, categories, language, published_at, updated_at, comments_url, .. } =
        found.clone();
    let back = Article {
        keys: keyed(&key),
        content_hash: stored.content_hash,
        guid,
        url,
        title,
        authors,
        summary,
        content,
        image_url,
        enclosures,
        categories,
        language,
        published_at,
        updated_at,
        comments_url,
    };
    assert_eq!(back, stored);
    assert_eq!(page.articles[1].title, None);

    let id = found.id;
    assert_eq!(ask(&readers, move |queries| queries.article(id)).unwrap().as_ref(), Some(found));
    assert_eq!(ask(&readers, |queries| queries.article(4_711)).unwrap(), None);
    f.outside().execute("UPDATE article SET revision = 2 WHERE id = ?1", [id]).unwrap();
    let changed = ask(&readers, move |queries| queries.article(id)).unwrap().unwrap();
    assert_eq!((changed.op, changed.revision), (Op::Updated, 2));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn bounds_follow_what_is_kept() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let readers = readers(&f, 1);
    let epoch = f.summary().epoch;
    let bounds = || ask(&readers, |queries| queries.bounds()).unwrap();
    assert_eq!(bounds(), Bounds { epoch: epoch.clone(), seq_oldest: None, seq_pruned: 0, seq_last: 0 });
    running.store(poll(id, &["1", "2", "3"])).unwrap();
    f.outside().execute("DELETE FROM article WHERE seq = 1", []).unwrap();
    assert_eq!(bounds(), Bounds { epoch: epoch.clone(), seq_oldest: Some(2), seq_pruned: 0, seq_last: 3 });
    f.outside().execute("DELETE FROM article", []).unwrap();
    assert_eq!(bounds(), Bounds { epoch, seq_oldest: None, seq_pruned: 0, seq_last: 3 });
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_page_closes_when_it_holds_much_text() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    let readers = readers(&f, 1);
    let large = |key: &str| Article { content: Some("x".repeat(PAGE_BYTES_MAX / 2)), ..article(key) };
    let articles = ["1", "2", "3", "4", "5"].map(large).to_vec();
    running.store(Poll { articles, ..poll(id, &[]) }).unwrap();
    let page = ask(&readers, |queries| queries.articles_after(0, &Filter::default(), 100)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (2, 2, true));
    let page = ask(&readers, |queries| queries.articles_newest(&Filter::default(), None, 100)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (2, 4, true));
    let page = ask(&readers, |queries| queries.articles_newest(&Filter::default(), Some(2), 100)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (1, 0, false));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_part_of_the_feeds_is_chosen_by_how_they_are() {
    const NOW_MS: i64 = 10_000_000;
    let f = Fixture::new();
    let running = f.start();
    let names = ["fine", "new", "late", "failing-b", "failing-a", "gone", "due"];
    let ids: Vec<i64> = running.register(&names).iter().map(|feed| feed.id).collect();
    for (name, id) in names.into_iter().zip(ids).filter(|(name, _)| *name != "new") {
        let mut polled = poll(id, &[]);
        polled.state.last_polled_at = Some(1);
        polled.state.next_poll_at = Some(match name {
            "late" => NOW_MS - FEED_LATE_MS - 1,
            "due" => NOW_MS - FEED_LATE_MS,
            _ => NOW_MS + 1,
        });
        polled.state.failing_since = (name != "fine" && name != "late" && name != "due").then_some(match name {
            "failing-b" => 5,
            _ => 6,
        });
        polled.state.gone_at = (name == "gone").then_some(6);
        running.store(polled).unwrap();
    }
    let readers = readers(&f, 1);
    let listed = |health, by_need, offset, limit| {
        let part = FeedsPart { health, by_need, offset, limit, now_ms: NOW_MS };
        let (rows, total) = ask(&readers, move |queries| queries.feeds_part(&part)).unwrap();
        (rows.into_iter().map(|row| row.feed.name).collect::<Vec<_>>().join(" "), total)
    };
    assert_eq!(listed(None, false, 0, 3), ("due failing-a failing-b".into(), 7));
    assert_eq!(listed(None, false, 5, 3), ("late new".into(), 7));
    assert_eq!(listed(None, true, 0, 4), ("failing-b failing-a gone due".into(), 7));
    assert_eq!(listed(Some("fine"), false, 0, 9), ("due fine".into(), 2));
    assert_eq!(listed(Some("late"), true, 0, 9), ("late".into(), 1));
    assert_eq!(listed(Some("new"), true, 0, 9), ("new".into(), 1));
    assert_eq!(listed(Some("gone"), true, 0, 9), ("gone".into(), 1));
    assert_eq!(listed(Some("failing"), true, 1, 9), ("failing-a".into(), 2));
    assert_eq!(listed(Some("failing"), true, usize::MAX, 9), (String::new(), 2));
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn feeds_come_by_name_with_their_last_polls() {
    let f = Fixture::new();
    let running = f.start();
    let names: Vec<String> = (0..25).map(|n| format!("feed-{n:02}")).collect();
    let ids: Vec<i64> =
        running.register(&names.iter().map(String::as_str).collect::<Vec<_>>()).iter().map(|feed| feed.id).collect();
    for n in 0..60 {
        let (mut record, answer) = record(poll(ids[3], &[&n.to_string()]));
        record.log.status = Some(200 + n % 2);
        running.writer.handle().submit(record).unwrap();
        block_on(answer).unwrap().unwrap();
    }
    let mut failing = poll(ids[5], &[]);
    failing.state.failing_since = Some(50);
    running.store(failing.clone()).unwrap();
    failing.feed_id = ids[4];
    failing.state.failing_since = Some(60);
    running.store(failing).unwrap();
    // The last one leaves.
    running.register(&names[..24].iter().map(String::as_str).collect::<Vec<_>>());

    let readers = readers(&f, 1);
    let mut walked = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let from = after.clone();
        let page = ask(&readers, move |queries| queries.feeds(from.as_deref(), 10)).unwrap();
        walked.extend(page.iter().map(|row| row.feed.name.clone()));
        if page.len() < 10 {
            break;
        }
        after = page.last().map(|row| row.feed.name.clone());
    }
    assert_eq!(walked, names[..24]);
    let names = ask(&readers, |queries| queries.feed_names(None, 1_000)).unwrap();
    assert_eq!(
        names,
        ask(&readers, |queries| Ok(queries
            .feeds(None, 1_000)?
            .into_iter()
            .map(|row| row.feed.name)
            .collect::<Vec<_>>()))
        .unwrap()
    );
    let failing = ask(&readers, |queries| queries.feeds_failing(10)).unwrap();
    assert_eq!(failing.iter().map(|row| row.feed.name.as_str()).collect::<Vec<_>>(), ["feed-05", "feed-04"]);

    let detail = ask(&readers, |queries| queries.feed("feed-03")).unwrap().unwrap();
    assert_eq!((detail.row.feed.article_count, detail.row.left_at), (60, None));
    assert_eq!(detail.row.labels.get("category").map(String::as_str), Some("world"));
    assert_eq!(detail.polls.iter().map(|poll| poll.poll).collect::<Vec<_>>(), (11..=60).rev().collect::<Vec<_>>());
    let newest = &detail.polls[0];
    assert_eq!((newest.log.status, newest.log.outcome.as_str(), newest.new_count), (Some(201), "ok", 1));
    assert_eq!((newest.log.started_at, newest.log.total_ms, newest.log.connect_ms), (1_000, 7, None));
    assert!(ask(&readers, |queries| queries.feed("feed-24")).unwrap().unwrap().row.left_at.is_some());
    assert_eq!(ask(&readers, |queries| queries.feed("nobody")).unwrap(), None);

    let subscriptions = ask(&readers, |queries| queries.subscriptions(Some("feed-22"), 10)).unwrap();
    let [last] = &subscriptions[..] else { panic!("{subscriptions:?}") };
    assert_eq!((last.name.as_str(), last.url.as_str()), ("feed-23", "https://example.org/feed.xml"));
    stop(readers);
    running.stop().unwrap();
}

/// A generator of numbers from a seed, so that a failure can be replayed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Walks pages in both directions and compares them with what a filter that looks at each article would give.
#[test]
fn a_walk_over_pages_finds_everything_once_and_in_order() {
    let f = Fixture::new();
    let running = f.start();
    let names: Vec<String> = (0..130).map(|n| n.to_string()).collect();
    let ids: Vec<i64> =
        running.register(&names.iter().map(String::as_str).collect::<Vec<_>>()).iter().map(|feed| feed.id).collect();
    let db = f.outside();
    let mut random = Random::new(7);
    for (n, id) in ids.iter().enumerate() {
        // Half of the feeds are GB, two in three sport: more than have an index each asked, and fewer.
        let country = if n % 2 == 0 { "GB" } else { "FR" };
        let category = if n % 3 == 0 { "rare" } else { "sport" };
        let labels = format!(r#"{{"country":"{country}","category":"{category}"}}"#);
        db.execute("UPDATE feed SET labels = ?2 WHERE id = ?1", (id, labels)).unwrap();
    }
    for n in 0..400 {
        let id = ids[random.below(ids.len())];
        running.store(poll(id, &[&format!("{n}-a"), &format!("{n}-b")])).unwrap();
    }
    // Retention and updates leave gaps.
    db.execute_batch("DELETE FROM article WHERE seq % 7 = 0").unwrap();
    let all: Vec<(i64, String, String)> = db
        .prepare("SELECT seq, name, labels FROM article JOIN feed ON feed.id = feed_id ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let readers = readers(&f, 2);
    let mut seen = [0, 0];
    for seed in 0..120 {
        let mut random = Random::new(seed);
        let mut filter = Filter::default();
        for _ in 0..[0, 0, 1, 3, 100][random.below(5)] {
            filter.feeds.push(random.below(140).to_string());
        }
        for _ in 0..random.below(4) {
            let (key, value) =
                [("country", "GB"), ("country", "FR"), ("category", "rare"), ("category", "sport"), ("x", "y")]
                    [random.below(5)];
            filter.labels.push((key.into(), value.into()));
        }
        let expected: Vec<i64> = (all.iter())
            .filter(|(_, name, labels)| filter.matches(name, &serde_json::from_str(labels).unwrap()))
            .map(|(seq, ..)| *seq)
            .collect();
        seen[usize::from(expected.is_empty())] += 1;
        let limit = 1 + random.below(40);
        for forward in [true, false] {
            let mut walked = Vec::new();
            let mut at = if forward { 0 } else { i64::MAX };
            loop {
                let filter = filter.clone();
                let page = ask(&readers, move |queries| {
                    if forward {
                        queries.articles_after(at, &filter, limit)
                    } else {
                        queries.articles_newest(&filter, Some(at), limit)
                    }
                })
                .unwrap();
                assert!(page.articles.len() <= limit, "seed {seed}");
                walked.extend(page.articles.iter().map(|article| article.seq));
                let ahead = if forward { page.scanned_to > at } else { page.scanned_to < at };
                at = page.scanned_to;
                if !page.more {
                    assert_eq!(at, if forward { 800 } else { 0 }, "seed {seed}");
                    break;
                }
                assert!(ahead, "seed {seed}: a page that does not lead on");
            }
            if !forward {
                walked.reverse();
            }
            assert_eq!(walked, expected, "seed {seed}, forward {forward}, limit {limit}: {filter:?}");
        }
    }
    let [some, none] = seen;
    assert!(some > 40 && none > 5, "{some} filters matched, {none} did not");
    stop(readers);
    running.stop().unwrap();
}

#[test]
fn a_sparse_filter_looks_at_a_bounded_number_of_rows() {
    let f = Fixture::new();
    let running = f.start();
    let names: Vec<String> = (0..100).map(|n| format!("quiet-{n:02}")).chain(["loud".to_owned()]).collect();
    let ids: Vec<i64> =
        running.register(&names.iter().map(String::as_str).collect::<Vec<_>>()).iter().map(|feed| feed.id).collect();
    let rows = PAGE_ROWS_MAX as i64 + 10;
    let db = f.outside();
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO article (seq, feed_id, key, fetched_at) SELECT i, ?1, i, 0 FROM n",
        [ids[100], rows],
    )
    .unwrap();
    db.execute("INSERT INTO article (seq, feed_id, key, fetched_at) VALUES (?2, ?1, 'x', 0)", [ids[99], rows + 1])
        .unwrap();
    db.execute("UPDATE meta SET seq_last = ?1", [rows + 1]).unwrap();

    let readers = readers(&f, 1);
    let quiet = Filter { feeds: names[..100].to_vec(), ..Filter::default() };
    let filter = quiet.clone();
    let page = ask(&readers, move |queries| queries.articles_after(0, &filter, 10)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (0, PAGE_ROWS_MAX as i64, true));
    let page = ask(&readers, move |queries| queries.articles_after(page.scanned_to, &quiet, 10)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (1, rows + 1, false));
    // A few feeds are found by their own index, however far they are.
    let one = Filter { feeds: vec!["quiet-99".into()], ..Filter::default() };
    let page = ask(&readers, move |queries| queries.articles_after(0, &one, 10)).unwrap();
    assert_eq!((page.articles.len(), page.scanned_to, page.more), (1, rows + 1, false));
    stop(readers);
    running.stop().unwrap();
}
