//! kill -9 at any moment: nothing that was committed is missing, nothing is double, and no feed has validators whose
//! articles are not there.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::{Db, Feeds, Home, Random, pause, tarpit, until};

const FEEDS: u64 = 24;
const FIRST_ARTICLES: i64 = 10;

/// What a reader saw: feed and key by place in the stream.
type Seen = HashMap<i64, (String, String)>;

#[test]
fn killed_at_any_moment_nothing_is_lost_and_nothing_is_double() {
    let rounds: u64 = std::env::var("RSSD_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20);
    let mut random = Random::seeded("crash");
    let tarpit = tarpit();
    let mut feeds = Feeds::new().every_second();
    for number in 1..=FEEDS {
        // One more article at each request, and a tag that says how many there are. Half of them in one document of
        // a hundred, so that batches have more to write than a page.
        let articles = if number % 2 == 0 { FIRST_ARTICLES } else { 90 };
        let path = format!("/growing/{number}?articles={articles}");
        feeds = feeds.feed(&format!("growing-{number}"), tarpit.url(&format!("g{number}.localhost"), &path));
    }
    let home = Home::with(&feeds);
    let mut seen = Seen::new();
    let (mut seq_max, mut while_ingesting) = (0, 0);
    for round in 0..rounds {
        let mut daemon = home.start();
        let on_start = random.below(4) == 0;
        if on_start {
            pause(Duration::from_millis(random.below(150)));
        } else {
            let more = i64::try_from(random.below(40)).expect("it is small");
            let db = home.db_soon();
            until("more articles", || {
                daemon.assert_running("more articles");
                (db.one::<i64>("SELECT coalesce(max(seq), 0) FROM article") > seq_max + more).then_some(())
            });
            pause(Duration::from_micros(random.below(20_000)));
            while_ingesting += 1;
        }
        // The last thing that a reader can have seen; what came after it may be there or not.
        if let Some(db) = Db::try_open(&home.db_path()) {
            read(&db, &mut seen);
        }
        let finished = daemon.kill();
        assert_eq!(finished.code, None, "round {round}: it ended by itself:\n{}", finished.stderr);
        let Some(db) = Db::try_open(&home.db_path()) else {
            assert!(seen.is_empty(), "round {round}: the database is gone");
            continue;
        };
        seq_max = check(&db, &mut seen, round);
    }
    println!("{rounds} kills, {while_ingesting} of them while ingesting, {} articles", seen.len());
    assert!(while_ingesting > 0 && !seen.is_empty());

    // And it goes on as if nothing had been.
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("the next article", |_| db.one::<i64>("SELECT max(seq) FROM article") > seq_max);
    drop(daemon);
    check(&home.db(), &mut seen, rounds);
}

fn read(db: &Db, seen: &mut Seen) -> i64 {
    let mut last = 0;
    for (seq, feed, key) in db.stream() {
        assert!(seq > last, "{seq} after {last}");
        last = seq;
        let before = seen.insert(seq, (feed.clone(), key.clone()));
        assert!(before.as_ref().is_none_or(|before| *before == (feed.clone(), key)), "{seq} was {before:?}");
    }
    last
}

/// Gives the last place of the stream.
fn check(db: &Db, seen: &mut Seen, round: u64) -> i64 {
    db.assert_whole();
    let before = seen.len();
    let mut now = Seen::new();
    let last = read(db, &mut now);
    for (seq, article) in seen.iter() {
        assert_eq!(now.get(seq), Some(article), "round {round}: {seq} was seen and is gone");
    }
    assert!(now.len() >= before);
    *seen = now;
    // The tag is `"NUMBER-COUNT"`, and each document shows its last hundred articles: a feed with this tag has had
    // exactly so many, since its first document had all of them.
    let tags = db.list("SELECT name, CAST(etag AS TEXT), article_count, poll_count FROM feed", |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
    });
    for (name, tag, stored, polls) in tags {
        let Some(tag) = tag else {
            assert_eq!((stored, polls), (0, 0), "round {round}: {name} has articles and no tag");
            continue;
        };
        let count = tag.trim_matches('"').rsplit('-').next().and_then(|count| count.parse::<i64>().ok());
        assert_eq!(Some(stored), count, "round {round}: {name} has the tag {tag}");
    }
    last
}
