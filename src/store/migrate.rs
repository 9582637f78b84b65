//! Brings the schema up to what this program knows, by the numbered files in `migrations/`.
//!
//! The number of the last file that was applied is `PRAGMA user_version`. Each file runs in one transaction with its
//! number, so an interrupted one leaves nothing behind. There is no way back: a newer database is refused.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// "rssd" in ASCII, in the header of every database of ours.
const APPLICATION_ID: i64 = 0x7273_7364;

/// The files of `migrations/`, the first is number 1. Released ones never change.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_feeds_and_articles.sql"),
    include_str!("../../migrations/0002_search.sql"),
    include_str!("../../migrations/0003_request.sql"),
    include_str!("../../migrations/0004_repaired.sql"),
    include_str!("../../migrations/0005_schedule.sql"),
    include_str!("../../migrations/0006_change.sql"),
    include_str!("../../migrations/0007_links.sql"),
];

/// Refuses what is not ours, then applies the files that are missing. `path` is for messages.
pub(super) fn migrate(db: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
    let found = version(db, path, migrations)?;
    let mut version = found;
    for sql in migrations.iter().skip(usize::try_from(version).unwrap_or(0)) {
        version += 1;
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        tx.execute_batch(sql).map_err(failed)?;
        tx.pragma_update(None, "user_version", version).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    match found {
        _ if version == found => {}
        0 => log::info!("database {}: made, with schema {version}", path.display()),
        found => log::info!("database {}: schema {found} brought up to {version}", path.display()),
    }
    Ok(())
}

/// The schema's number, 0 for a new database. An error, without having written anything, if the database is another
/// program's or newer than `migrations`.
pub(super) fn version(db: &Connection, path: &Path, migrations: &[&str]) -> Result<i64, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(path, &error);
    let application_id: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let objects: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let fresh = application_id == 0 && version == 0 && objects == 0;
    if application_id != APPLICATION_ID && !fresh {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::identity::link_of;

    #[test]
    fn a_file_that_fails_leaves_nothing_and_the_next_start_goes_on_from_there() {
        let path = Path::new("test.db");
        let mut db = Connection::open_in_memory().unwrap();
        let broken = [MIGRATIONS[0], "CREATE TABLE half (a); INSERT INTO missing VALUES (1);"];
        migrate(&mut db, path, &broken).unwrap_err();
        assert_eq!(version(&db, path, &broken).unwrap(), 1);
        assert!(!db.table_exists(None, "half").unwrap());

        let repaired = [MIGRATIONS[0], "CREATE TABLE whole (a);"];
        migrate(&mut db, path, &repaired).unwrap();
        assert_eq!(version(&db, path, &repaired).unwrap(), 2);
        assert!(db.table_exists(None, "whole").unwrap());
        migrate(&mut db, path, &repaired).unwrap();

        let error = migrate(&mut db, path, &MIGRATIONS[..1]).unwrap_err();
        assert_eq!(error, StoreError::Newer { path: path.into(), found: 2, known: 1 });
    }

    #[test]
    fn keys_of_links_lose_their_tracking_parameters() {
        let path = Path::new("test.db");
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db, path, &MIGRATIONS[..2]).unwrap();
        db.execute_batch("INSERT INTO feed (id, name, url) VALUES (1, 'a', 'u')").unwrap();
        for (seq, (key, want)) in [
            ("link://a/1?utm_source=rss", "link://a/1"),
            ("link://a/2?utm_source=rss&utm_medium=feed", "link://a/2"),
            ("link://a/3?utm_source=rss&id=3", "link://a/3?id=3"),
            ("link://a/4?id=4&UTM_source=rss&b&gclid&c=&fbclid=", "link://a/4?id=4&b&c="),
            ("link://a/5?utm_source=rss#5", "link://a/5#5"),
            ("link://a/5#5?utm_source=rss", "link://a/5#5?utm_source=rss"),
            ("link://a/5?&utm_source=r%26=#a?b#c", "link://a/5?#a?b#c"),
            ("link://a/5?id=utm_source&utmost=1", "link://a/5?id=utm_source&utmost=1"),
            ("link://a/5?", "link://a/5?"),
            ("guid:http://a/6?utm_source=rss", "guid:http://a/6?utm_source=rss"),
            ("link://a/7", "link://a/7"),
            ("link://a/7?utm_source=x", "link://a/7?utm_source=x"),
        ]
        .into_iter()
        .enumerate()
        {
            let insert = "INSERT INTO article (seq, feed_id, key, guid, fetched_at) VALUES (?1, 1, ?2, ?3, 0)";
            db.execute(insert, rusqlite::params![seq as i64, key, want]).unwrap();
        }
        migrate(&mut db, path, MIGRATIONS).unwrap();
        let mut query = db.prepare("SELECT key, guid, seq FROM article ORDER BY seq").unwrap();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (key, want): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
            assert_eq!(key, want);
            // As the parser makes them now, but for the one whose key another has.
            let is_double = row.get::<_, i64>(2).unwrap() == 11;
            assert!(key.starts_with("guid:") || is_double || link_of(&format!("http:{}", &key[5..])) == key[5..]);
        }
    }

    #[test]
    fn every_file_says_why() {
        for sql in MIGRATIONS {
            assert!(sql.starts_with("-- Why: "), "{}", &sql[..40]);
        }
    }
}
