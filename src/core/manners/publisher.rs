//! The publishers of a simulation, each drawn with a temper of his own: how often he publishes, what he says of when to come
//! back, which validators he sends, what is odd about his document, and what troubles him.

use std::fmt;
use std::time::Duration;

use crate::placement;
use crate::schedule::Pace;
use crate::schedule::simulation::Temper;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// What he sends to be sent back, and how he takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    Etag,
    LastModified,
    Both,
    Weak,
    /// Neither is spelled as its RFC has it.
    Odd,
    Without,
    /// Another ETag with each answer, for the same document too.
    Changing,
    /// A 304 brings a new ETag, and only that one is known from then on.
    RenewedBy304,
    /// A 304 brings no header at all.
    Bare304,
    /// Validators are sent, and never looked at.
    Ignored,
    /// Whoever sends an ETag gets only what is new since (RFC 3229).
    Delta,
}

/// What he says of when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Silent,
    /// Seconds.
    MaxAge(u64),
    /// Seconds, and the age that a cache in front of him adds, also in seconds.
    Aged(u64, u64),
    /// Seconds from his own clock, which is wrong by so many.
    Expires(u64, i64),
    /// Minutes.
    Ttl(u64),
    SkipNights,
    SkipWeekends,
    /// Hours of the period, by its frequency.
    UpdatePeriod(&'static str, u64, u64),
    /// Words about caches that are not about when to come back, and dates that make no sense.
    Senseless,
    /// More than `interval_max`.
    Week,
    /// A ttl, a longer max-age and skipped hours.
    Several,
}

/// What is odd about the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    Gzip,
    /// Its articles come in another order each time.
    Shuffled,
    /// Each article has another guid each time.
    GuidChurn,
}

/// What goes wrong from time to time, for hours each time, or from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Calm,
    /// 503 with Retry-After, in seconds or as a date.
    Busy {
        by_date: bool,
    },
    /// 429 with Retry-After.
    Limited {
        by_date: bool,
    },
    /// 500, with an ETag that is none of the feed's.
    Broken,
    /// The connection is reset behind the request.
    Resets,
    /// 404.
    Missing,
    /// A page with status 200 and an ETag.
    Page,
    /// 410, from some moment on.
    Gone,
    /// 410 for a day and a bit.
    GoneForAWhile,
    /// 301, from some moment on.
    Moved,
    /// 302, with Retry-After.
    MovedForAWhile,
}

pub(super) const TAGS: [Tags; 11] = [
    Tags::Etag,
    Tags::LastModified,
    Tags::Both,
    Tags::Weak,
    Tags::Odd,
    Tags::Without,
    Tags::Changing,
    Tags::RenewedBy304,
    Tags::Bare304,
    Tags::Ignored,
    Tags::Delta,
];

const HABITS: [Temper; 7] = [
    Temper::Random(10),
    Temper::Random(60),
    Temper::OfficeHours(30),
    Temper::Random(24 * 60),
    Temper::Random(7 * 24 * 60),
    Temper::Bursts(12 * 60),
    Temper::Dead,
];

const WISHES: [Wish; 16] = [
    Wish::Silent,
    Wish::Silent,
    Wish::Silent,
    Wish::Silent,
    Wish::MaxAge(1_800),
    Wish::MaxAge(4 * 3_600),
    Wish::Aged(8 * 3_600, 3 * 3_600),
    Wish::Expires(6 * 3_600, 0),
    Wish::Expires(5 * 3_600, -5_400),
    Wish::Ttl(300),
    Wish::SkipNights,
    Wish::SkipWeekends,
    Wish::UpdatePeriod("daily", 24, 4),
    Wish::Senseless,
    Wish::Week,
    Wish::Several,
];

const SHAPES: [Shape; 6] = [Shape::Plain, Shape::Plain, Shape::Plain, Shape::Gzip, Shape::Shuffled, Shape::GuidChurn];

const TROUBLES: [Trouble; 22] = [
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Calm,
    Trouble::Busy { by_date: false },
    Trouble::Busy { by_date: true },
    Trouble::Limited { by_date: false },
    Trouble::Limited { by_date: true },
    Trouble::Broken,
    Trouble::Resets,
    Trouble::Missing,
    Trouble::Page,
    Trouble::Gone,
    Trouble::GoneForAWhile,
    Trouble::Moved,
    Trouble::Moved,
    Trouble::MovedForAWhile,
];

/// How large a simulation is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) feeds: usize,
    pub(super) days: i64,
    /// The shortest of the intervals that feeds are subscribed with.
    pub(super) interval: Duration,
    /// Articles in a document, and words in an article: what is shorter is parsed sooner.
    pub(super) window: usize,
    pub(super) words: u64,
    /// For at most so many minutes the subscriber is down before it is started again.
    pub(super) down_minutes: u64,
    /// When the subscriber is started first.
    pub(super) begin_ms: i64,
}

impl Scale {
    pub(super) fn end_ms(&self) -> i64 {
        self.begin_ms + self.days * DAY_MS
    }
}

/// Of each sixteen publishers the last eight share a host, and with them whoever answers for it with 429.
const HOST_EVERY: usize = 16;
const HOST_SHARED_FROM: usize = 8;
const HOST_ALONE: &str = "alone-";

pub(super) struct Publisher {
    pub(super) name: String,
    /// Without port.
    pub(super) host: String,
    /// How the subscriber was configured.
    pub(super) pace: Pace,
    pub(super) habit: Temper,
    pub(super) tags: Tags,
    pub(super) wish: Wish,
    pub(super) shape: Shape,
    pub(super) trouble: Trouble,
    /// When which article appeared, milliseconds since 1970, sorted.
    pub(super) articles: Vec<i64>,
    /// In the document, the newest; and the words of each.
    pub(super) window: usize,
    pub(super) words: u64,
    /// Answers given.
    pub(super) answers: u64,
    /// When trouble comes first, how often it returns, how long it stays, and how long he then asks to be left alone.
    trouble_at: i64,
    trouble_every: i64,
    trouble_for: i64,
    pub(super) retry_after_s: i64,
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Publisher { name, habit, tags, wish, shape, trouble, .. } = self;
        write!(f, "{name} ({habit:?}, {tags:?}, {wish:?}, {shape:?}, {trouble:?})")
    }
}

impl Publisher {
    /// Every temper comes as often as any other of its kind, in combinations that the seed decides. Articles appear from
    /// `first_ms` on, troubles not before the subscriber does.
    pub(super) fn draw(random: &mut Random, scale: &Scale, first_ms: i64) -> Vec<Publisher> {
        let Scale { feeds: count, interval, .. } = *scale;
        let mut habits = random.deck(&HABITS, count);
        let mut tags = random.deck(&TAGS, count);
        let mut wishes = random.deck(&WISHES, count);
        let mut shapes = random.deck(&SHAPES, count);
        let mut troubles = random.deck(&TROUBLES, count);
        let mut publisher = |index: usize| {
            let habit = habits.pop().expect("a card for each");
            // Even who is dead has lived.
            let mut articles = vec![first_ms, first_ms + HOUR_MS, first_ms + 2 * HOUR_MS];
            articles
                .extend(habit.articles(random.next(), scale.end_ms()).into_iter().filter(|at_ms| *at_ms > first_ms));
            articles.sort_unstable();
            let trouble = troubles.pop().expect("a card for each");
            let trouble_for = match trouble {
                Trouble::Missing => 2 * DAY_MS,
                // A third 410 would come after two days.
                Trouble::GoneForAWhile => 30 * HOUR_MS,
                Trouble::Gone | Trouble::Moved => i64::MAX / 2,
                _ => random.hours(2, 12),
            };
            let is_shared = index % HOST_EVERY >= HOST_SHARED_FROM || matches!(trouble, Trouble::Limited { .. });
            Publisher {
                name: format!("feed-{index}"),
                host: match is_shared {
                    true => format!("shared-{}.localhost", index / HOST_EVERY),
                    false => format!("{HOST_ALONE}{index}.localhost"),
                },
                pace: Pace {
                    interval: interval * [1, 1, 2, 4][random.below(4) as usize],
                    interval_min: interval / 2,
                    interval_max: Duration::from_secs(86_400),
                },
                habit,
                tags: tags.pop().expect("a card for each"),
                wish: wishes.pop().expect("a card for each"),
                shape: shapes.pop().expect("a card for each"),
                trouble,
                articles,
                window: scale.window,
                words: scale.words,
                answers: 0,
                trouble_at: scale.begin_ms + random.hours(18, 80),
                trouble_every: random.hours(5 * 24, 9 * 24),
                trouble_for,
                retry_after_s: random.hours(1, 40) / 1_000 + 17,
            }
        };
        (0..count).map(&mut publisher).collect()
    }

    /// Whether nobody else's 429 holds him.
    pub(super) fn is_alone(&self) -> bool {
        self.host.starts_with(HOST_ALONE)
    }

    /// What troubles him now.
    pub(super) fn trouble_now(&self, now_ms: i64) -> Trouble {
        let since = now_ms - self.trouble_at;
        let is_troubled = match self.trouble {
            Trouble::Gone | Trouble::Moved => since >= 0,
            _ => since >= 0 && since % self.trouble_every < self.trouble_for,
        };
        if is_troubled { self.trouble } else { Trouble::Calm }
    }

    /// How many articles there are by now, which is the document's version.
    pub(super) fn version(&self, now_ms: i64) -> usize {
        self.articles.partition_point(|at_ms| *at_ms <= now_ms)
    }
}

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        placement::mix(self.0)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Between so many hours and so many, in milliseconds.
    pub(super) fn hours(&mut self, from: u64, to: u64) -> i64 {
        (from * 3_600_000 + self.below((to - from) * 3_600_000)) as i64
    }

    /// So many cards: the whole deck, shuffled, as often as it takes.
    fn deck<T: Copy>(&mut self, cards: &[T], count: usize) -> Vec<T> {
        let mut drawn: Vec<(u64, T)> = cards.iter().cycle().take(count).map(|card| (self.next(), *card)).collect();
        drawn.sort_unstable_by_key(|(random, _)| *random);
        drawn.into_iter().map(|(_, card)| card).collect()
    }
}
