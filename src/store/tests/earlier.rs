//! Databases that earlier programs wrote, one for each schema that there was: what stands in them is there after the
//! migration, letter by letter, and polls go on where they were. Whatever interrupts a migration, a file of it is applied
//! whole or not at all, and the next start brings it to its end.
//!
//! `schemas/` holds them as those programs left them after two rounds over the documents beside them, packed by gzip. Who
//! adds a migration puts a database of the schema before it there.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::GzDecoder;
use rusqlite::types::Value;

use super::disk::Fault;
use super::failing::{Failing, seed};
use super::querying::Random;
use super::searching::until_indexed;
use super::*;
use crate::store::migrate::{MIGRATIONS, migrate};

/// By the number of the schema, from 1.
const WRITTEN: [&[u8]; 6] = [
    include_bytes!("schemas/0001.db.gz"),
    include_bytes!("schemas/0002.db.gz"),
    include_bytes!("schemas/0003.db.gz"),
    include_bytes!("schemas/0004.db.gz"),
    include_bytes!("schemas/0005.db.gz"),
    include_bytes!("schemas/0006.db.gz"),
];

/// What the feeds served in the second round, by their names. A fourth, `missing`, was answered with 404.
const SERVED: [(&str, &str); 3] = [
    ("news", include_str!("schemas/news.xml")),
    ("links", include_str!("schemas/links.xml")),
    ("notes", include_str!("schemas/notes.atom")),
];

fn written(packed: &[u8]) -> Fixture {
    let f = Fixture::new();
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    std::fs::write(f.path(), bytes).unwrap();
    f
}

/// Those that have a migration before them, with their numbers.
fn earlier() -> impl Iterator<Item = (usize, Fixture)> {
    (1..MIGRATIONS.len()).map(|version| (version, written(WRITTEN[version - 1])))
}

/// The rows of a table in these columns, each value with its column's name.
fn rows(db: &Connection, table: &str, columns: &[String]) -> Vec<Vec<(String, Value)>> {
    let sql = format!("SELECT {} FROM {table} ORDER BY 1, 2", columns.join(", "));
    let mut query = db.prepare(&sql).unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        let value = |(at, name): (usize, &String)| Ok((name.clone(), row.get::<_, Value>(at)?));
        columns.iter().enumerate().map(value).collect::<rusqlite::Result<Vec<_>>>()
    };
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// What the schema is made of.
fn schema(db: &Connection) -> Vec<String> {
    column(db, "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name")
}

/// As it is made by the first so many files.
fn schema_of(version: usize) -> Vec<String> {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db, Path::new("new.db"), &MIGRATIONS[..version]).unwrap();
    schema(&db)
}

fn version_of(db: &Connection) -> usize {
    usize::try_from(column::<i64>(db, "PRAGMA user_version")[0]).unwrap()
}

/// Whether all that stood in it then does now. The keys of links that had tracking parameters are others.
fn assert_kept(before: &Connection, after: &Connection, what: &str) {
    for table in ["meta", "feed", "article", "fetch_log", "tombstone"] {
        let columns = column::<String>(before, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let columns: Vec<String> = columns.into_iter().filter(|name| table != "article" || name != "key").collect();
        assert_eq!(rows(after, table, &columns), rows(before, table, &columns), "{what}: {table}");
    }
}

#[test]
fn there_is_a_database_of_every_earlier_schema() {
    assert!(WRITTEN.len() >= MIGRATIONS.len() - 1, "schemas/ has none of version {}", WRITTEN.len() + 1);
    for (packed, version) in WRITTEN.iter().zip(1..) {
        assert_eq!(version_of(&written(packed).outside()), version);
    }
}

#[test]
fn a_database_of_every_earlier_schema_is_brought_up_to_date_and_keeps_everything() {
    for (version, f) in earlier() {
        let before = written(WRITTEN[version - 1]);
        let what = format!("of schema {version}");
        assert_eq!(schema(&before.outside()), schema_of(version), "{what}: a file that was released has changed");
        let store = f.open();
        assert_eq!(version_of(&store.db), MIGRATIONS.len(), "{what}");
        assert_eq!(schema(&store.db), schema_of(MIGRATIONS.len()), "{what}");
        assert_eq!(column::<String>(&store.db, "PRAGMA integrity_check"), ["ok"], "{what}");
        assert_eq!(column::<String>(&store.db, "PRAGMA foreign_key_check"), [""; 0], "{what}");
        assert_kept(&before.outside(), &store.db, &what);
        drop(store);
        let summary = f.summary();
        assert_eq!((summary.articles, summary.feeds), (9, 4), "{what}");
    }
}

/// The feed as it was configured.
fn as_configured(db: &Connection, name: &str) -> Feed {
    let url = column::<String>(db, &format!("SELECT url FROM feed WHERE name = '{name}'"));
    Feed { url: url[0].parse().unwrap(), ..feed(name) }
}

fn poll_of(record: &FeedRecord, feed: &Feed, document: &str) -> Poll {
    let bytes = document.as_bytes();
    let source =
        parse::Source { bytes, content_type: None, base_url: &feed.url, articles_max: 10_000, now_ms: 1 << 41 };
    let mut articles = parse::parse(&source).unwrap().articles;
    articles.reverse();
    Poll { feed_id: record.id, url: feed.url.to_string(), state: record.state.clone(), articles, ..Poll::default() }
}

#[test]
fn polls_of_an_earlier_database_go_on_where_they_were() {
    for (version, f) in earlier() {
        let what = format!("of schema {version}");
        let names = ["news", "links", "notes", "missing"];
        let feeds = names.map(|name| as_configured(&f.outside(), name));
        let tags = column::<Option<String>>(&f.outside(), "SELECT etag FROM feed ORDER BY id");
        let running = f.start();
        let records = running.writer.register(&feeds, &|| true).unwrap();
        for (record, tag) in records.iter().zip(&tags) {
            // What it is asked with next, and when.
            assert_eq!(record.state.etag.as_deref(), tag.as_deref().map(str::as_bytes), "{what}");
            assert!(record.state.next_poll_at.is_some() && record.state.last_polled_at.is_some(), "{what}");
        }
        assert_eq!(records[3].state.last_error_class.as_deref(), Some("status"), "{what}");
        let mut known = 0;
        for ((name, document), (record, feed)) in SERVED.iter().zip(records.iter().zip(&feeds)) {
            // The same document is nothing new, whatever its articles were told apart by then.
            let stored = running.store(poll_of(record, feed, document)).unwrap();
            assert_eq!(stored.new_count, 0, "{what}: {name}");
            known += 1;
        }
        assert_eq!(known, 3);
        // And one more article is one.
        let more = SERVED[0].1.replacen("<item>", "<item><title>Snow</title><guid>news-5</guid></item><item>", 1);
        let stored = running.store(poll_of(&records[0], &feeds[0], &more)).unwrap();
        assert_eq!(stored.new_count, 1, "{what}");
        until_indexed(&running);
        running.stop().unwrap();
        let db = f.outside();
        let seq_of = |title: &str| column::<i64>(&db, &format!("SELECT seq FROM article WHERE title = '{title}'"));
        assert!(seq_of("Snow")[0] > 9, "{what}: {:?}", seq_of("Snow"));
        // Search finds what was stored before there was any.
        let found = "SELECT rowid FROM article_text WHERE article_text MATCH 'ropes'";
        assert_eq!(column::<i64>(&db, found), seq_of("On ropes"), "{what}");
    }
}

/// A migration of that database that meets this fault. Gives whether it failed; what is left then is whole, and so is
/// what the next start makes of it.
fn is_interrupted(version: usize, at: u64, fault: Fault, random: &mut Random) -> bool {
    let failing = Failing::of(written(WRITTEN[version - 1]));
    failing.disk.fail(at, fault);
    let opened = failing.open();
    let what = format!("of schema {version}, {fault:?} at change {at}: {:?}", opened.as_ref().err());
    let is_interrupted = opened.is_err();
    drop(opened);
    // As the next process finds it, and as a power cut leaves it.
    let killed = Fixture::new();
    copy_database(&failing.f.path(), &killed.path());
    let cut = Fixture::new();
    failing.disk.cut().restore(&cut.path(), random.below(11), random);
    for left in [killed, cut] {
        let db = left.outside();
        let reached = version_of(&db);
        assert!((version..=MIGRATIONS.len()).contains(&reached), "{what}: {reached}");
        assert_eq!(schema(&db), schema_of(reached), "{what}: schema {reached} is not whole");
        drop(db);
        let store = Failing::of(left).open().unwrap_or_else(|error| panic!("{what}: the next start fails: {error}"));
        assert_eq!(schema(&store.db), schema_of(MIGRATIONS.len()), "{what}");
        assert_eq!(column::<String>(&store.db, "PRAGMA integrity_check"), ["ok"], "{what}");
        assert_kept(&written(WRITTEN[version - 1]).outside(), &store.db, &what);
    }
    is_interrupted
}

#[test]
fn whatever_interrupts_a_migration_the_next_start_brings_it_to_its_end() {
    let faults = [Fault::Fails, Fault::Tears, Fault::IsFull { writes: 1 }, Fault::Ends];
    let (seed, rounds_wanted) = (seed(), std::env::var_os("RSSD_TEST_ROUNDS").is_some());
    let mut rounds = Vec::new();
    for (version, f) in earlier() {
        let whole = Failing::of(f);
        drop(whole.open().unwrap());
        let changes = whole.disk.changes();
        println!("of schema {version} {} changes: {changes}; RSSD_SEED={seed}", changes.len());
        let ways = |at: u64| (version, at, faults[((seed + at) % faults.len() as u64) as usize]);
        // The first goes through all files; of the others a few, and with RSSD_TEST_ROUNDS all.
        let is_tried = |at: &u64| version == 1 || rounds_wanted || (seed + at).is_multiple_of(5);
        rounds.extend((1..=changes.len() as u64).filter(is_tried).map(ways));
    }
    let (next, interrupted) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((version, at, fault)) = rounds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut random = Random::new(seed + at);
                    let failed = is_interrupted(*version, *at, *fault, &mut random);
                    interrupted.fetch_add(usize::from(failed), Ordering::Relaxed);
                }
            });
        }
    });
    let interrupted = interrupted.into_inner();
    println!("{} rounds, {interrupted} of them interrupted", rounds.len());
    assert!(interrupted > rounds.len() / 2, "only {interrupted} of {} were interrupted", rounds.len());
}
