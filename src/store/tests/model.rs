//! Odd feeds against a model: guids that change at each poll or never, documents that shuffle, shrink and grow, articles
//! that are edited without end or flip between two versions, retention in between. Rows and `seq` are what [`Model`] says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::querying::Random;
use super::*;
use crate::limits::REVISIONS_MAX;
use crate::store::migrate::{MIGRATIONS, migrate};
use crate::store::open::set_up_connection;
use crate::store::retention::Retention;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const SEEDS: u64 = 200;

/// What is to be stored of an article: its place, how often it changed, and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    seq: i64,
    revision: i64,
    version: usize,
}

#[derive(Default)]
struct Model {
    seq: i64,
    rows: BTreeMap<usize, Stored>,
    removed: BTreeSet<usize>,
    /// Versions that an article had before, the last one at the end; since when only such are shown; when it got its seq.
    past: HashMap<usize, (Vec<usize>, Option<i64>, i64)>,
}

impl Model {
    fn show(&mut self, article: usize, version: usize, silent: bool, now: i64) {
        if self.removed.contains(&article) {
            return;
        }
        let Some(row) = self.rows.get_mut(&article) else {
            self.seq += 1;
            self.rows.insert(article, Stored { seq: self.seq, revision: 0, version });
            self.past.insert(article, (Vec::new(), None, now));
            return;
        };
        let (past, back_since, at) = self.past.get_mut(&article).unwrap();
        if row.version == version {
            *back_since = None;
        } else if row.revision < REVISIONS_MAX {
            let is_former = past.iter().rev().take(4).any(|former| *former == version);
            if is_former && now - *back_since.get_or_insert(now) < DAY {
                return;
            }
            past.retain(|former| *former != version);
            past.push(row.version);
            *back_since = None;
            row.version = version;
            if !silent {
                self.seq += 1;
                (row.seq, row.revision, *at) = (self.seq, row.revision + 1, now);
            }
        }
    }

    fn retire(&mut self, cutoff: i64) {
        let mut old: Vec<(i64, usize)> = self.rows.iter().map(|(article, row)| (row.seq, *article)).collect();
        old.sort_unstable();
        for (_, article) in old.into_iter().take_while(|(_, article)| self.past[article].2 <= cutoff) {
            self.rows.remove(&article);
            self.removed.insert(article);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guids {
    Sane,
    New,
    None,
    Constant,
}

/// A publisher and what is wrong with him.
struct Feed {
    random: Random,
    guids: Guids,
    articles: usize,
    versions: HashMap<usize, usize>,
    /// These show the version before at every other poll.
    flips: BTreeSet<usize>,
    restless: usize,
    polls: usize,
}

impl Feed {
    fn new(seed: u64) -> Feed {
        let mut random = Random::new(seed);
        let guids = [Guids::Sane, Guids::New, Guids::None, Guids::Constant][random.below(4)];
        let articles = if guids == Guids::Constant { 1 } else { 8 };
        let (versions, flips, restless) = (HashMap::new(), BTreeSet::new(), random.below(8));
        Feed { random, guids, articles, versions, flips, restless, polls: 0 }
    }

    /// What the document shows, newest first: articles and their versions.
    fn publish(&mut self) -> Vec<(usize, usize)> {
        self.polls += 1;
        let grown = if self.guids == Guids::Constant { self.random.below(5) / 4 } else { self.random.below(3) };
        self.articles += grown;
        let size = if self.guids == Guids::Constant { 1 } else { 8 + self.random.below(5) };
        let shown = self.articles.saturating_sub(size)..self.articles;
        for _ in 0..self.random.below(4) {
            let article = shown.start + self.random.below(shown.len());
            match self.random.below(3) {
                0 => drop(self.flips.insert(article)),
                _ => *self.versions.entry(article).or_default() += 1,
            }
        }
        *self.versions.entry(self.restless).or_default() += 1;
        let version = |article: usize| {
            let newest = self.versions.get(&article).copied().unwrap_or_default();
            let is_behind = self.flips.contains(&article) && self.polls.is_multiple_of(2);
            (article, newest.saturating_sub(usize::from(is_behind)))
        };
        let mut document: Vec<(usize, usize)> = shown.rev().map(version).collect();
        if self.random.below(2) == 0 {
            for n in (1..document.len()).rev() {
                document.swap(n, self.random.below(n + 1));
            }
        }
        document
    }

    fn write(&mut self, (article, version): (usize, usize)) -> String {
        let guid = match self.guids {
            Guids::Sane => format!("g{article}"),
            Guids::New => format!("g{article}-{}", self.polls),
            Guids::None => String::new(),
            Guids::Constant => "constant".to_owned(),
        };
        // What is no change.
        let space = [" ", "\n\t", "&#160;"][self.random.below(3)];
        let query = ["", "?utm_source=rss", "?fbclid=x&amp;utm_term=y"][self.random.below(3)];
        // A new guid is known by link and title together.
        let title =
            if self.guids == Guids::Sane { format!("Title {article}, {version}") } else { format!("Title {article}") };
        item(&guid, &format!("{article}{query}"), &title, &format!("version{space}{version}"))
    }
}

fn run(seed: u64) -> (usize, usize) {
    let mut feed = Feed::new(seed);
    let mut db = database();
    let mut model = Model::default();
    let mut now = 10_000 * DAY;
    let silent = feed.random.below(5) == 0;
    let (apart, polls) = ([MINUTE, 60 * MINUTE, DAY / 3][feed.random.below(3)], 8 + feed.random.below(24));
    for poll in 0..polls {
        now += apart;
        let shown = feed.publish();
        let items: Vec<String> = shown.iter().map(|shown| feed.write(*shown)).collect();
        let poll_of_it = Poll { at: Some(now - 7), silent, ..document(1, &items) };
        let done = commit::commit(&mut db, std::iter::once(&record(poll_of_it).0)).unwrap();
        shown.iter().rev().for_each(|(article, version)| model.show(*article, *version, silent, now));
        assert_eq!(done.seq_last, model.seq, "seed {seed}, poll {poll}: {shown:?}");
        if feed.random.below(6) == 0 {
            let kept = Duration::from_secs(86_400 * (1 + feed.random.below(4)) as u64);
            while Retention::new(Some(kept)).step(&mut db, now).unwrap().article_count > 0 {}
            model.retire(now - i64::try_from(kept.as_millis()).unwrap());
        }
        let rows: BTreeMap<usize, Stored> = rows(&db);
        assert_eq!(rows, model.rows, "seed {seed}, poll {poll}, guids {:?}: {shown:?}", feed.guids);
    }
    let counted = column::<i64>(&db, "SELECT article_count FROM feed")[0];
    assert_eq!(counted, model.rows.len() as i64, "seed {seed}");
    let changed = model.rows.values().filter(|row| row.revision > 0).count();
    (changed, model.removed.len())
}

/// In memory, with feed 1.
fn database() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    set_up_connection(&db).unwrap();
    migrate(&mut db, Path::new("memory"), MIGRATIONS).unwrap();
    db.execute("INSERT INTO feed (id, name, url) VALUES (1, 'a', ?1)", [URL]).unwrap();
    db
}

/// By the link, which none of the feeds changes.
fn rows(db: &Connection) -> BTreeMap<usize, Stored> {
    let mut query = db.prepare("SELECT url, seq, revision, summary FROM article").unwrap();
    let rows = query.query_map([], |row| {
        let (url, summary): (String, String) = (row.get(0)?, row.get(3)?);
        let figures = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap();
        let version = figures(&summary.replace("&#160;", ""));
        let article = figures(url.rsplit('/').next().unwrap().split('?').next().unwrap());
        Ok((article, Stored { seq: row.get(1)?, revision: row.get(2)?, version }))
    });
    let rows: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    let count = rows.len();
    let rows: BTreeMap<usize, Stored> = rows.into_iter().collect();
    assert_eq!(rows.len(), count, "an article is there twice");
    rows
}

#[test]
fn rows_and_places_are_what_a_model_says() {
    let seeds = match std::env::var("RSSD_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => {
            let first = Clock::system().now_ms().unsigned_abs();
            first..first + SEEDS
        }
    };
    println!("seeds {seeds:?}; RSSD_SEED=n replays one");
    let is_whole = seeds.clone().count() > 1;
    let (mut changed, mut removed) = (0, 0);
    for seed in seeds {
        let (changed_here, removed_here) = run(seed);
        changed += changed_here;
        removed += removed_here;
    }
    println!("{changed} rows changed, {removed} removed");
    // Worth nothing if nothing happens.
    assert!(!is_whole || (changed > 300 && removed > 300), "{changed} {removed}");
}

#[test]
fn an_article_edited_a_thousand_times_is_one_row() {
    let mut db = database();
    let mut model = Model::default();
    for version in 0..1_000 {
        let now = version as i64 * MINUTE;
        let shown = Poll { at: Some(now), ..document(1, &[item("g", "1", "t", &format!("version {version}"))]) };
        commit::commit(&mut db, std::iter::once(&record(shown).0)).unwrap();
        model.show(1, version, false, now);
    }
    assert_eq!(rows(&db), model.rows);
    assert_eq!(model.rows[&1], Stored { seq: 1 + REVISIONS_MAX, revision: REVISIONS_MAX, version: 24 });
}
