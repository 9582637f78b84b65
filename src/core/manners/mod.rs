//! A month of manners: a core with its real polls, fetches and database, before publishers of every temper, who judge each
//! request by what they have answered before.
//!
//! Time is simulated. While anything is in flight it stands still, and then it goes to the core's next deadline; so a poll
//! begins at the very moment that was decided on, and all that it asks comes at that moment. The daemon is started anew every
//! few days, with what the database holds, and is down for a while before. What is not here: the core's own wait for its next
//! turn, commands, and more than one core.
//!
//! `cargo test --release --lib manners -- --ignored --nocapture` runs the whole month and prints its table.

mod judge;
mod publisher;
mod reply;
mod table;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use glommio::Placement;

use super::{Core, Settings};
use crate::clock::Clock;
use crate::config::Feed;
use crate::executor;
use crate::fetch::{Access, Roots};
use crate::gauges::CoreGauges;
use crate::limits::HOST_PAUSE_DEFAULT;
use crate::poll::{Desk, Entrant, Subscription};
use crate::schedule::simulation::START_MS;
use crate::store::{FeedRecord, Store, WriterHandle};
use crate::tarpit::{ANY, Head, Options, Step, Tarpit};
use judge::Judge;
use publisher::{DAY_MS, MINUTE_MS, Publisher, Random, Scale, Shape};
use reply::Kind;
use table::{Line, Tally};

/// Before the daemon is started first the publishers have published for a week.
const BEGIN_MS: i64 = START_MS + 7 * DAY_MS;

/// Everything on the publishers' side.
struct World {
    clock: Clock,
    publishers: Vec<Publisher>,
    /// By path.
    by_path: HashMap<String, usize>,
    judge: Judge,
    tallies: Vec<Tally>,
}

impl World {
    fn new(publishers: Vec<Publisher>, clock: Clock) -> World {
        let indexed = publishers.iter().enumerate();
        let by_path = indexed.flat_map(|(index, publisher)| publisher.paths().map(|path| (path, index))).collect();
        let tallies = publishers.iter().map(|publisher| Tally::new(publisher.articles.len())).collect();
        let judge = Judge::new(publishers.len(), HOST_PAUSE_DEFAULT);
        World { clock, publishers, by_path, judge, tallies }
    }

    fn serve(&mut self, head: &Head) -> Vec<Step> {
        let now_ms = self.clock.now_ms();
        let Some(&index) = self.by_path.get(&head.path) else {
            self.judge.offences.push(format!("GET {} of {}, which nobody has told of", head.path, head.host));
            return vec![Step::Close];
        };
        let publisher = &mut self.publishers[index];
        publisher.answers += 1;
        self.judge.asked(index, publisher, head, now_ms);
        let reply = publisher.reply(head, now_ms);
        self.judge.answered(index, publisher, head, &reply, now_ms);
        self.tallies[index].count(&reply, now_ms);
        reply.steps
    }

    /// An article that was delivered is stored, once; `stored` says how many are of each feed. Where guids mean nothing
    /// that has to be seen first, and a document of doubles may come of it.
    fn compare(&mut self, stored: &[u64]) {
        // A run that was ended early has delivered what nobody took.
        if !self.judge.offences.is_empty() {
            return;
        }
        for ((publisher, tally), stored) in self.publishers.iter().zip(&self.tallies).zip(stored) {
            let delivered = tally.delivered() as u64;
            let doubles = if publisher.shape == Shape::GuidChurn { publisher.window as u64 } else { 0 };
            if !(delivered..=delivered + doubles).contains(stored) {
                self.judge.offences.push(format!("{publisher}: {delivered} articles delivered, {stored} stored"));
            }
        }
    }
}

/// Runs the daemon before publishers, and gives what they saw, and the number of polls.
fn run(seed: u64, scale: &Scale) -> (World, u64) {
    let mut random = Random(seed);
    let end_ms = scale.end_ms();
    let publishers = Publisher::draw(&mut random, scale, START_MS);
    let clock = Clock::stopped_at(BEGIN_MS);
    let tarpit = Tarpit::start(Options { clock: clock.clone(), ..Options::default() }).unwrap();
    let feeds: Vec<Feed> = publishers.iter().map(|publisher| feed(publisher, &tarpit)).collect();
    let world = Arc::new(Mutex::new(World::new(publishers, clock.clone())));
    let serving = world.clone();
    tarpit.route_by(ANY, ANY, move |head| lock(&serving).serve(head));

    // An fsync a poll would be most of what this takes, and no power is cut here.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let writer = Store::open(&dir.path().join("rssd.db")).unwrap().start(clock.clone(), |_| {}).unwrap();
    let gauges = Arc::new(CoreGauges::default());
    while clock.now_ms() < end_ms && lock(&world).judge.offences.is_empty() {
        let records = writer.register(&feeds, &|| true).unwrap();
        let access = Arc::new(Access::open(&Roots::of_system().0));
        let entrant = |(feed, record): (&Feed, FeedRecord)| {
            let subscription = Subscription { id: record.id, feed: feed.clone().into(), access: Ok(access.clone()) };
            Entrant { subscription, memory: record.into() }
        };
        let entrants = feeds.iter().zip(records).map(entrant).collect();
        let up_ms = random.hours(20, 100).min(end_ms - clock.now_ms());
        let life = Life { clock: clock.clone(), writer: writer.handle(), gauges: gauges.clone(), up: ms(up_ms) };
        executor::start("manners", Placement::Unbound, move || life.live(entrants)).unwrap().join().unwrap();
        clock.step((random.below(scale.down_minutes * MINUTE_MS as u64)) as i64);
    }
    let records = writer.register(&feeds, &|| true).unwrap();
    writer.stop(Clock::monotonic() + Duration::from_secs(60)).unwrap();
    drop(tarpit);
    let mut world = Arc::into_inner(world).expect("its server has ended").into_inner().unwrap();
    let stored: Vec<u64> = records.iter().map(|record| record.article_count).collect();
    world.compare(&stored);
    (world, gauges.polls.load(Ordering::Relaxed))
}

fn feed(publisher: &Publisher, tarpit: &Tarpit) -> Feed {
    let url = tarpit.url(&publisher.host, &publisher.paths()[0]).parse().unwrap();
    Feed {
        interval: publisher.pace.interval,
        interval_min: publisher.pace.interval_min,
        interval_max: publisher.pace.interval_max,
        allow_private: true,
        ..Feed::new(&publisher.name, url)
    }
}

/// One daemon, from its start to its end.
struct Life {
    clock: Clock,
    writer: WriterHandle,
    gauges: Arc<CoreGauges>,
    up: Duration,
}

impl Life {
    async fn live(self, entrants: Vec<Entrant>) {
        // From here on the time stands still on this thread.
        self.clock.advance(Duration::ZERO);
        let desk = Desk::plain(self.clock.clone(), self.writer);
        let settings = Settings {
            index: 0,
            in_flight_max: 64,
            once: false,
            due_at_start: entrants.len(),
            host_pause: HOST_PAUSE_DEFAULT,
        };
        let core = Rc::new(Core::new(Rc::new(desk), settings, self.gauges));
        let end = Clock::monotonic() + self.up;
        core.put(entrants, true).await;
        loop {
            core.desk.fetcher.close_old();
            core.start_due();
            if core.agenda.borrow().in_flight() > 0 {
                core.changed.wait().await;
                continue;
            }
            let next_at = {
                let breaker = core.desk.breaker.as_ref().map(RefCell::borrow);
                core.agenda.borrow().next_at(breaker.as_deref(), core.has_room())
            };
            let Some(next) = next_at.filter(|at| *at < end) else { break };
            self.clock.advance(next.saturating_duration_since(Clock::monotonic()));
        }
        self.clock.advance(end.saturating_duration_since(Clock::monotonic()));
        core.desk.fetcher.close().await;
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// The run of a seed that is printed, and given by `RSSD_SEED` to be replayed. Fails with the first offences, and gives the
/// number of polls and the sum of the table.
fn seeded(scale: &Scale) -> (u64, Line) {
    let given = std::env::var("RSSD_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| Clock::system().now_ms().unsigned_abs());
    println!("RSSD_SEED={seed}");
    let started = Clock::monotonic();
    let (world, polls) = run(seed, scale);
    println!("{polls} polls of {} feeds in {} days, in {} ms", scale.feeds, scale.days, Clock::elapsed_ms(started));
    assert!(world.judge.offences.is_empty(), "{}", world.judge.offences.join("\n"));
    (polls, table::print(&world.publishers, &world.tallies, scale.end_ms()))
}

#[test]
fn ten_days_before_publishers_of_every_temper() {
    let interval = Duration::from_secs(4 * 3_600);
    let scale = Scale { feeds: 30, days: 10, interval, window: 6, words: 6, down_minutes: 180, begin_ms: BEGIN_MS };
    let (polls, _) = seeded(&scale);
    assert!(polls > 500, "{polls} polls show little");
}

#[test]
#[ignore = "the whole month, for its table: two minutes in a release build"]
fn a_month_before_publishers_of_every_temper() {
    let interval = Duration::from_secs(900);
    let scale = Scale { feeds: 200, days: 30, interval, window: 15, words: 100, down_minutes: 10, begin_ms: BEGIN_MS };
    let (_, all) = seeded(&scale);
    assert!(all.requests * 2 < all.naive_requests, "{} requests, naive {}", all.requests, all.naive_requests);
    assert!(all.wire_bytes * 3 < all.naive_bytes, "{} bytes, naive {}", all.wire_bytes, all.naive_bytes);
}
