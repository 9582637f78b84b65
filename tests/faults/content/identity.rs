//! Rows 35 and 37: what makes an article the same article, whatever its document does to its guids, order and text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rssd::limits::REVISIONS_MAX;
use rssd::tarpit::{Answer, Step};

use super::{EVERY_SECOND, RSS, column, host, rss, subscribe, titles};
use crate::faults::scene::Scene;
use crate::support::Db;

fn item(guid: &str, number: usize, text: &str) -> String {
    let guid = if guid.is_empty() { String::new() } else { format!("<guid isPermaLink=\"false\">{guid}</guid>") };
    format!(
        "<item>{guid}<link>http://a.localhost/{number}</link><title>Title {number}</title>\
         <description>{text}</description></item>"
    )
}

/// Serves another document at each request.
fn serve(scene: &Scene, name: &str, document: impl Fn(u64) -> String + Send + Sync + 'static) -> Arc<AtomicU64> {
    let requests = Arc::new(AtomicU64::new(0));
    let counted = requests.clone();
    scene.tarpit.route_by(&host(name), "/feed", move |_| {
        vec![Step::Answer(Answer::ok(RSS, document(counted.fetch_add(1, Ordering::SeqCst))))]
    });
    requests
}

/// Place, key and revision of each article of a feed.
fn rows(db: &Db, feed: &str) -> Vec<(i64, String, i64)> {
    let sql = format!(
        "SELECT seq, key, revision FROM article JOIN feed ON feed.id = feed_id WHERE feed.name = '{feed}' ORDER BY seq"
    );
    db.list(&sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

#[test]
fn row_35_guids_of_every_kind_make_one_row_an_article() {
    let mut scene = Scene::new();
    serve(&scene, "double", |_| rss(&[item("1", 1, "x"), item("2", 2, "x"), item("1", 1, "y")].concat()));
    serve(&scene, "missing", |_| {
        rss(&[item("", 1, "x"), item("", 2, "x"), "<item><title>Bare</title></item>".into()].concat())
    });
    serve(&scene, "one", |_| rss(&item("shared", 1, "x")));
    serve(&scene, "other", |_| rss(&item("shared", 1, "x")));
    // New guids at each request; a second feed without links, too, and a third where one article is new each time.
    serve(&scene, "changing", |n| {
        rss(&(1..=6).map(|number| item(&format!("{n}-{number}"), number, "x")).collect::<String>())
    });
    serve(&scene, "changing-bare", |n| {
        rss(&(1..=6)
            .map(|number| {
                format!(
                    "<item><title>Title {number}</title><guid isPermaLink=\"false\">{n}-{number}</guid>\
             <pubDate>Mon, 0{number} May 2024 10:00:00 GMT</pubDate></item>"
                )
            })
            .collect::<String>())
    });
    let names = ["double", "missing", "one", "other", "changing", "changing-bare"];
    subscribe(&mut scene, &names, EVERY_SECOND);
    let db = scene.db();
    let first: Vec<_> = names.iter().map(|name| rows(&db, name)).collect();
    for name in names {
        scene.wait_for_polls(name, 4);
    }
    for ((name, count), first) in names.iter().zip([2, 3, 1, 1, 6, 6]).zip(first) {
        let rows = rows(&db, name);
        println!("{name}: {rows:?}");
        assert_eq!(first.len(), count, "{name} at first: {first:?}");
        let places =
            |rows: &[(i64, String, i64)]| rows.iter().map(|(seq, _, revision)| (*seq, *revision)).collect::<Vec<_>>();
        assert_eq!(places(&rows), places(&first), "{name} after four polls: {rows:?}");
        assert!(rows.iter().all(|(.., revision)| *revision == 0), "{name}: {rows:?}");
    }
    assert_eq!(titles(&db, "double"), ["Title 2", "Title 1"]);
    assert_eq!(column::<String>(&db, "summary", "double"), ["x", "x"], "the first of the two stands");
    scene.daemon.wait_for_lines("feed changing: 6 known articles came under new guids", 1);
    scene.daemon.wait_for_lines("feed changing-bare: 6 known articles came under new guids", 1);
    scene.end();
}

#[test]
fn row_37_shuffled_entries_are_nothing_new_and_revisions_end() {
    let mut scene = Scene::new();
    const ITEMS: usize = 12;
    serve(&scene, "shuffled", |n| {
        // Another order at each request: a step that shares no factor with their number.
        let step = [1, 5, 7, 11][usize::try_from(n % 4).expect("it is small")];
        let order = (0..ITEMS).map(|at| (at * step + usize::try_from(n).unwrap_or(0)) % ITEMS);
        rss(&order.map(|number| item(&format!("g{number}"), number, "x")).collect::<String>())
    });
    let edits = serve(&scene, "edited", |n| rss(&item("g", 1, &format!("edition {n}"))));
    subscribe(&mut scene, &["shuffled", "edited"], EVERY_SECOND);
    let db = scene.db();
    let shuffled = rows(&db, "shuffled");
    assert_eq!(shuffled.len(), ITEMS);
    // A poll a second is the most there is for a feed; one whose address changes is polled at once.
    while edits.load(Ordering::SeqCst) < u64::try_from(REVISIONS_MAX).expect("it is small") + 6 {
        let (edit, polls) = (edits.load(Ordering::SeqCst), scene.daemon.count_lines("reloaded "));
        let edited = format!("/feed?{edit}");
        scene.subscribe(|tarpit, feeds| {
            let feeds = feeds.feed_with("shuffled", tarpit.url(&host("shuffled"), "/feed"), EVERY_SECOND);
            feeds.feed_with("edited", tarpit.url(&host("edited"), &edited), EVERY_SECOND)
        });
        scene.daemon.wait_for("another edition", |_| edits.load(Ordering::SeqCst) > edit);
        assert!(scene.daemon.count_lines("reloaded ") > polls);
    }
    let polls = db.polls_of("edited");
    scene.wait_for_polls("edited", polls + 1);
    scene.wait_for_polls("shuffled", 4);
    println!("edited {} times: {:?}", edits.load(Ordering::SeqCst), rows(&db, "edited"));
    let [(_, key, revision)] = &rows(&db, "edited")[..] else { panic!("{:?}", rows(&db, "edited")) };
    assert_eq!((key.as_str(), *revision), ("guid:g", REVISIONS_MAX));
    assert_eq!(rows(&db, "shuffled"), shuffled);
    scene.end();
}
