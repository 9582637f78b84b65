//! Subscribers that join, leave and crash at random, while articles arrive, are edited and are pruned, and while the
//! daemon is killed: each ends with exactly what the database has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rssd::tarpit::{Answer, Tarpit};
use rusqlite::Connection;
use serde_json::Value;

use crate::stream::{EVENTS, cursor, seq_of, subscribed};
use crate::support::http::{Client, listening};
use crate::support::{Db, Home, Random, tarpit, until};

/// They are there from the start, and never behind what is pruned.
const FAITHFUL: usize = 5;
/// They come when much is gone already.
const LATE: usize = 2;
const LIVES: usize = 3;
const STEPS: usize = 6;
const FEEDS: [&str; 4] = ["a", "b", "c", "d"];

/// What the subscribers know of the daemon, which comes back on another port, and what it knows of them.
#[derive(Default)]
struct World {
    life: AtomicUsize,
    /// 0 while it is down.
    port: AtomicU16,
    /// The last place of the stream, once nothing more will come; 0 until then.
    goal: AtomicI64,
    /// Where each of the faithful is.
    reached: [AtomicI64; FAITHFUL],
}

impl World {
    /// All of the faithful have had everything up to here.
    fn had_by_all(&self) -> i64 {
        self.reached.iter().map(|seq| seq.load(Ordering::SeqCst)).min().expect("there are some")
    }
}

/// What the feeds hold: by guid, which edition.
#[derive(Default)]
struct Published(BTreeMap<String, usize>);

impl Published {
    fn grow(&mut self, random: &mut Random, at_least: usize) {
        for (number, feed) in FEEDS.iter().enumerate() {
            let more =
                usize::try_from(random.below(8)).expect("it is small").max(if number == 0 { at_least } else { 0 });
            let count = self.0.keys().filter(|guid| guid.starts_with(feed)).count();
            self.0.extend((count..count + more).map(|index| (format!("{feed}-{index}"), 1)));
        }
    }

    fn edit(&mut self, random: &mut Random) {
        for edition in self.0.values_mut() {
            *edition += usize::from(random.below(10) == 0);
        }
    }

    fn serve(&self, tarpit: &Tarpit) {
        for feed in FEEDS {
            let items = self.0.iter().filter(|(guid, _)| guid.starts_with(feed)).map(|(guid, edition)| {
                format!(
                    "<item><title>About {guid}</title><guid isPermaLink=\"false\">{guid}</guid>\
                     <description>edition {edition}</description></item>"
                )
            });
            let items: String = items.collect();
            let document = format!("<rss version=\"2.0\"><channel><title>{feed}</title>{items}</channel></rss>");
            tarpit.route(&format!("{feed}.localhost"), "/feed", Answer::ok("application/rss+xml", document));
        }
    }

    /// Whether each article is stored as it is published, or was removed.
    fn is_stored(&self, db: &Db) -> bool {
        let text = |sql: &str| db.list(sql, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let stored: BTreeMap<_, _> = text("SELECT guid, summary FROM article").into_iter().collect();
        let removed: BTreeMap<_, _> = text("SELECT key, '' FROM tombstone").into_iter().collect();
        self.0.iter().all(|(guid, edition)| match stored.get(guid) {
            Some(summary) => *summary == format!("edition {edition}"),
            None => removed.contains_key(&format!("guid:{guid}")),
        })
    }
}

#[test]
fn subscribers_that_come_and_go_end_with_the_database_through_crashes() {
    let mut random = Random::seeded("subscribers");
    let tarpit = tarpit();
    let mut published = Published::default();
    published.grow(&mut random, 1);
    published.serve(&tarpit);
    let home = Home::with(&subscribed(&tarpit, &FEEDS.map(|feed| (feed, ""))).daemon("retention = \"1h\""));
    let world = Arc::new(World::default());
    let subscribers: Vec<JoinHandle<Subscriber>> = (0..FAITHFUL + LATE)
        .map(|number| {
            let (world, random) = (world.clone(), random.split());
            thread::spawn(move || Subscriber::new(number, random).run(&world))
        })
        .collect();
    let mut seq_pruned = 0;
    for life in 1..=LIVES {
        let mut daemon = home.start();
        world.port.store(listening(&mut daemon).port(), Ordering::SeqCst);
        world.life.store(life, Ordering::SeqCst);
        let db = home.db_soon();
        let seq_last = || db.one::<i64>("SELECT seq_last FROM meta");
        for _ in 0..STEPS {
            let before = seq_last();
            published.grow(&mut random, 1);
            published.edit(&mut random);
            published.serve(&tarpit);
            // Not all of them: the daemon may die with the rest on its way.
            daemon.wait_for("more articles", |_| seq_last() > before);
        }
        daemon
            .wait_for("what is old to go", |_| db.one::<i64>("SELECT count(*) FROM article WHERE fetched_at = 0") == 0);
        let pruned_before = seq_pruned;
        seq_pruned = db.one("SELECT seq_pruned FROM meta");
        assert!(life == 1 || seq_pruned > pruned_before, "nothing was pruned");
        if life < LIVES {
            daemon.wait_for("the faithful", |_| world.had_by_all() > seq_pruned);
            // Its port may be somebody else's next.
            world.port.store(0, Ordering::SeqCst);
            let finished = daemon.kill();
            assert_eq!(finished.code, None, "life {life}: it ended by itself:\n{}", finished.stderr);
            let db = Connection::open(home.db_path()).expect("nobody else has it");
            db.execute("UPDATE article SET fetched_at = 0 WHERE seq <= ?1", [world.had_by_all()]).expect("a write");
            continue;
        }
        daemon.wait_for("all articles", |_| published.is_stored(&db));
        db.assert_whole();
        world.goal.store(seq_last(), Ordering::SeqCst);
        let want = db.list("SELECT seq, guid, summary FROM article ORDER BY seq", |row| {
            Ok(Had { seq: row.get(0)?, guid: row.get(1)?, summary: row.get(2)? })
        });
        assert!(want.iter().any(|article| article.summary != "edition 1"), "nothing was edited");
        for subscriber in subscribers {
            let subscriber = subscriber.join().expect("the subscriber does not panic");
            let Subscriber { number, had, connections, resets, .. } = &subscriber;
            println!("subscriber {number}: {} articles on {connections} connections, {resets} resets", had.len());
            assert_eq!(subscriber.ends_with(seq_pruned), want, "subscriber {number}");
            assert_eq!(subscriber.is_faithful(), *resets == 0, "subscriber {number}: {resets} resets");
        }
        return;
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Had {
    seq: i64,
    guid: String,
    summary: String,
}

/// One that joins with nothing, and remembers what it had and where it was.
struct Subscriber {
    number: usize,
    random: Random,
    had: Vec<Had>,
    cursor: String,
    connections: usize,
    resets: usize,
}

impl Subscriber {
    fn new(number: usize, random: Random) -> Subscriber {
        Subscriber { number, random, had: Vec::new(), cursor: "0".to_owned(), connections: 0, resets: 0 }
    }

    fn is_faithful(&self) -> bool {
        self.number < FAITHFUL
    }

    fn run(mut self, world: &World) -> Subscriber {
        until("a subscriber to have all", || {
            if !self.is_faithful() && world.life.load(Ordering::SeqCst) < LIVES {
                return None;
            }
            let goal = world.goal.load(Ordering::SeqCst);
            if goal > 0 && self.seq() >= goal {
                return Some(());
            }
            let at = SocketAddr::from(([127, 0, 0, 1], world.port.load(Ordering::SeqCst)));
            // The daemon may be down, and the client may leave in the middle of whatever it is sent.
            let patience = Duration::from_millis(50 + self.random.below(1_000));
            let client = Client::try_connect(at, patience).ok()?;
            self.connections += 1;
            if self.number.is_multiple_of(2) {
                self.listen(client)
            } else {
                self.poll(client)
            };
            if let Some(reached) = world.reached.get(self.number) {
                reached.store(self.seq(), Ordering::SeqCst);
            }
            None
        });
        self
    }

    fn seq(&self) -> i64 {
        self.had.last().map_or(0, |had| had.seq)
    }

    fn poll(&mut self, mut client: Client) -> Option<()> {
        let limit = 1 + self.random.below(20);
        client.ask(&format!("/news/stream?after={}&wait=1&limit={limit}", self.after()), "");
        let answer = client.answer()?;
        if answer.status == 410 {
            return self.reset(&answer.json());
        }
        assert_eq!(answer.status, 200, "after {}: {}", self.cursor, answer.text());
        let answer = answer.json();
        for article in answer["articles"].as_array().expect("articles") {
            self.take(article);
        }
        cursor(&answer).clone_into(&mut self.cursor);
        Some(())
    }

    fn listen(&mut self, mut client: Client) -> Option<()> {
        let after = self.after();
        match self.random.below(2) {
            0 => client.ask(&format!("/news/stream?after={after}"), EVENTS),
            _ => client.ask("/news/stream?after=0", &format!("{EVENTS}Last-Event-ID: {after}\r\n")),
        };
        let mut events = client.events()?;
        for _ in 0..self.random.below(30) {
            let event = events.next()?;
            match event.name.as_str() {
                "article" => {
                    seq_of(&event);
                    self.take(&event.json());
                    self.cursor = event.id?;
                }
                "reset" => self.reset(&event.json())?,
                _ => assert!(event.retry_ms.is_some() || event.id.is_some(), "{event:?}"),
            }
        }
        Some(())
    }

    /// Something that it has not had is gone.
    fn reset(&mut self, problem: &Value) -> Option<()> {
        assert_eq!(problem["status"], 410, "{problem}");
        assert!(!self.is_faithful(), "subscriber {} after {}: {problem}", self.number, self.cursor);
        problem["oldest"].as_str().expect("oldest").clone_into(&mut self.cursor);
        self.resets += 1;
        Some(())
    }

    /// The cursor, or the bare number of the last article.
    fn after(&mut self) -> String {
        match self.random.below(3) {
            0 if self.resets == 0 => self.seq().to_string(),
            _ => self.cursor.clone(),
        }
    }

    fn take(&mut self, article: &Value) {
        let text = |field: &str| article[field].as_str().unwrap_or_default().to_owned();
        let seq = article["seq"].as_i64().expect("seq");
        assert!(seq > self.seq(), "{seq} after {}", self.seq());
        let had = Had { seq, guid: text("guid"), summary: text("summary") };
        if self.had.iter().any(|earlier| earlier.guid == had.guid) {
            assert_eq!(article["op"], "updated", "{article}");
        }
        self.had.push(had);
    }

    /// The last that came of each article, without what has been pruned since.
    fn ends_with(&self, seq_pruned: i64) -> Vec<Had> {
        let newest: BTreeMap<&str, &Had> = self.had.iter().map(|had| (had.guid.as_str(), had)).collect();
        let mut left: Vec<Had> = newest.into_values().filter(|had| had.seq > seq_pruned).cloned().collect();
        left.sort_unstable_by_key(|had| had.seq);
        left
    }
}
