//! How a core's feeds fare, counted: kept up with each poll, so that nobody counts a hundred thousand feeds.

use std::collections::BTreeSet;

use super::feed::Feed;
use crate::failure::Class;
use crate::store::FeedState;

/// Invariant: a feed is taken out as it was put in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) failing: usize,
    pub(crate) polled: usize,
    /// Failing ones, by class; those of a class in the order in which they began to fail. Since when is in milliseconds since
    /// 1970, and the last is the feed's id.
    by_class: BTreeSet<(Class, i64, i64)>,
    class_counts: [usize; Class::ALL.len()],
    /// Something has come to or gone from the classes.
    is_news: bool,
}

/// The failing feeds of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    pub(crate) count: usize,
    /// When the first of them began to, in milliseconds since 1970; `None` where there is none.
    pub(crate) since_ms: Option<i64>,
}

impl Tally {
    pub(super) fn put(&mut self, feed: &Feed) {
        self.failing += usize::from(is_failing(feed));
        self.polled += usize::from(feed.polled);
        if let Some(key) = key(feed)
            && self.by_class.insert(key)
        {
            self.class_counts[key.0 as usize] += 1;
            self.is_news = true;
        }
    }

    pub(super) fn take(&mut self, feed: &Feed) {
        self.failing -= usize::from(is_failing(feed));
        self.polled -= usize::from(feed.polled);
        if let Some(key) = key(feed)
            && self.by_class.remove(&key)
        {
            self.class_counts[key.0 as usize] -= 1;
            self.is_news = true;
        }
    }

    /// Every class, where something has changed since this was asked last: most polls change nothing of it.
    pub(super) fn take_news(&mut self) -> Option<[Failing; Class::ALL.len()]> {
        std::mem::take(&mut self.is_news).then(|| Class::ALL.map(|class| self.of_class(class)))
    }

    fn of_class(&self, class: Class) -> Failing {
        let first = self.by_class.range((class, i64::MIN, i64::MIN)..).next();
        let since_ms = first.filter(|(found, ..)| *found == class).map(|(_, since_ms, _)| *since_ms);
        Failing { count: self.class_counts[class as usize], since_ms }
    }
}

fn is_failing(feed: &Feed) -> bool {
    feed.memory.state.failure_count > 0
}

fn key(feed: &Feed) -> Option<(Class, i64, i64)> {
    let FeedState { last_error_class, failing_since, .. } = &feed.memory.state;
    let class = last_error_class.as_deref().filter(|_| is_failing(feed)).and_then(Class::of_name_and_phase)?;
    // A row that does not say it fails since now.
    Some((class, failing_since.unwrap_or(i64::MAX), feed.subscription.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config;
    use crate::poll::Entrant;
    use crate::store::FeedRecord;

    fn feed(id: i64, class: Option<&str>, since_ms: i64) -> Feed {
        let state = FeedState {
            failure_count: u32::from(class.is_some()),
            failing_since: class.map(|_| since_ms),
            last_error_class: class.map(str::to_owned),
            ..FeedState::default()
        };
        let record = FeedRecord { id, state, ..FeedRecord::default() };
        let feed = config::Feed::new("a", "http://a.test/".parse().unwrap());
        Feed::new(Entrant::made_up(feed, record), Clock::monotonic())
    }

    #[test]
    fn the_feed_of_a_class_that_fails_for_the_longest_is_known_whoever_comes_and_goes() {
        let mut tally = Tally::default();
        assert_eq!(tally.take_news(), None);
        let feeds = [
            feed(1, Some("timeout(first byte)"), 50),
            feed(2, Some("timeout(body)"), 30),
            feed(3, Some("dns"), 10),
            feed(4, None, 0),
            feed(5, Some("timeout(body)"), 30),
            feed(6, Some("of tomorrow"), 5),
        ];
        feeds.iter().for_each(|feed| tally.put(feed));
        assert_eq!(tally.failing, 5, "that of another version too");
        let of = |tally: &mut Tally, class: Class| tally.take_news().unwrap()[class as usize];
        assert_eq!(of(&mut tally, Class::Timeout), Failing { count: 3, since_ms: Some(30) });
        assert_eq!(tally.take_news(), None, "once is enough");
        tally.take(&feeds[3]);
        tally.put(&feed(4, None, 0));
        assert_eq!(tally.take_news(), None, "a feed that is well is no news");
        tally.take(&feeds[1]);
        assert_eq!(of(&mut tally, Class::Timeout), Failing { count: 2, since_ms: Some(30) });
        tally.take(&feeds[4]);
        assert_eq!(of(&mut tally, Class::Timeout), Failing { count: 1, since_ms: Some(50) });
        tally.take(&feeds[0]);
        assert_eq!(of(&mut tally, Class::Timeout), Failing { count: 0, since_ms: None });
        assert_eq!(tally.of_class(Class::Dns), Failing { count: 1, since_ms: Some(10) });
    }
}
