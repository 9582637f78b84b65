//! Which feeds somebody wants to hear of.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::limits::FILTER_FEEDS_INDEXED_MAX;

/// A feed's labels.
pub type Labels = BTreeMap<String, String>;

/// Which feeds' articles are meant; the empty filter means all.
///
/// Of `feeds`, any; of several values of one label's key, any; of several keys, all; of feeds and labels, both. A name
/// or a label that no feed has matches nothing. Labels are those that a feed has now, for old articles too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Names of feeds.
    pub feeds: Vec<String>,
    /// Keys and values.
    pub labels: Vec<(String, String)>,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty() && self.labels.is_empty()
    }

    /// Whether articles of the feed called `name` are meant. Every other way to filter gives what this gives.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        (self.feeds.is_empty() || self.feeds.iter().any(|wanted| wanted == name)) && self.matches_labels(labels)
    }

    fn matches_labels(&self, labels: &Labels) -> bool {
        let any_of_key = |key: &String| {
            let value = labels.get(key);
            value.is_some_and(|value| self.labels.iter().any(|(k, v)| k == key && v == value))
        };
        self.labels.iter().all(|(key, _)| any_of_key(key))
    }

    /// Looks up which feeds it means now.
    pub(super) fn select(&self, db: &Connection) -> rusqlite::Result<Selection> {
        if self.is_empty() {
            return Ok(Selection::All);
        }
        let ids = if self.feeds.is_empty() { self.ids_by_labels(db)? } else { self.ids_by_name(db)? };
        Ok(if ids.len() <= FILTER_FEEDS_INDEXED_MAX { Selection::Few(ids) } else { Selection::Many(ids) })
    }

    fn ids_by_name(&self, db: &Connection) -> rusqlite::Result<HashSet<i64>> {
        let mut query = db.prepare_cached("SELECT id, labels FROM feed WHERE name = ?1")?;
        let mut ids = HashSet::new();
        for name in &self.feeds {
            ids.extend(query.query_row([name], |row| self.id_if_matching(row)).optional()?.flatten());
        }
        Ok(ids)
    }

    fn ids_by_labels(&self, db: &Connection) -> rusqlite::Result<HashSet<i64>> {
        let mut query = db.prepare_cached("SELECT id, labels FROM feed")?;
        let mut ids = HashSet::new();
        for id in query.query_map([], |row| self.id_if_matching(row))? {
            ids.extend(id?);
        }
        Ok(ids)
    }

    fn id_if_matching(&self, row: &Row<'_>) -> rusqlite::Result<Option<i64>> {
        let labels = parse_labels(row.get_ref(1)?.as_str()?);
        Ok(if self.matches_labels(&labels) { Some(row.get(0)?) } else { None })
    }
}

/// The feeds that a filter means at this moment, by id.
#[derive(Debug)]
pub(super) enum Selection {
    All,
    /// Few enough to ask each feed's own index.
    Few(HashSet<i64>),
    Many(HashSet<i64>),
}

impl Selection {
    pub(super) fn contains(&self, feed_id: i64) -> bool {
        match self {
            Selection::All => true,
            Selection::Few(ids) | Selection::Many(ids) => ids.contains(&feed_id),
        }
    }
}

/// The column `labels`. It is ours; what was written into it by hand and is no such object reads as none.
pub(super) fn parse_labels(json: &str) -> Labels {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_alternatives_and_keys_are_conditions() {
        let labels: Labels = [("country", "GB"), ("category", "world")].map(|(k, v)| (k.into(), v.into())).into();
        for (feeds, wanted, expected) in [
            (vec![], vec![], true),
            (vec!["bbc"], vec![], true),
            (vec!["bbc", "cnn"], vec![], true),
            (vec!["cnn"], vec![], false),
            (vec!["BBC"], vec![], false),
            (vec![], vec![("country", "GB")], true),
            (vec![], vec![("country", "FR")], false),
            (vec![], vec![("country", "FR"), ("country", "GB")], true),
            (vec![], vec![("country", "GB"), ("category", "world")], true),
            (vec![], vec![("country", "GB"), ("category", "sport")], false),
            (vec![], vec![("country", "FR"), ("country", "GB"), ("category", "sport")], false),
            (vec![], vec![("city", "London")], false),
            (vec![], vec![("GB", "country")], false),
            (vec!["bbc"], vec![("country", "FR")], false),
            (vec!["cnn"], vec![("country", "GB")], false),
            (vec!["bbc"], vec![("country", "GB")], true),
        ] {
            let filter = Filter {
                feeds: feeds.iter().map(|name| (*name).to_owned()).collect(),
                labels: wanted.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            };
            assert_eq!(filter.matches("bbc", &labels), expected, "{filter:?}");
        }
    }
}
