//! What a poll tells the schedule, and what the schedule gives back to be stored with it.

use sha2::{Digest, Sha256};

use super::{Memory, Subscription};
use crate::article::Document;
use crate::config;
use crate::failure::{Class, Failure};
use crate::fetch::Trip;
use crate::placement;
use crate::schedule::{self, Cadence, Hints, Outcome};
use crate::store::Planning;

/// When to come back, and what is to be found again then.
pub(super) struct Plan {
    pub(super) next: schedule::Next,
    pub(super) planning: Planning,
}

/// Plans the next poll. `document` is the one that this poll read, if it read any; of a delta only the articles count, since it
/// need not say again what the whole one said of the feed.
pub(super) fn plan(
    subscription: &Subscription,
    memory: &Memory,
    trip: &Trip,
    failure: Option<&Failure>,
    document: Option<&Document>,
    is_delta: bool,
    now_ms: i64,
) -> Plan {
    let before = &memory.state.planning;
    let hints = match document.filter(|_| !is_delta) {
        Some(document) => Hints::of(&document.feed),
        None => schedule::read_hints(before.hints.as_deref()),
    };
    let cadence = schedule::read_cadence(before.cadence.as_deref());
    let cadence = cadence.or_else(|| failure.is_none().then(|| Cadence::begin(now_ms)));
    // The one that would be kept if the poll brought something. Not before the first has been stored without it: what the
    // first poll brings was there before.
    let with_arrival = cadence.filter(|_| before.cadence.is_some()).map(|cadence| cadence.with_arrival(now_ms));
    let has_news =
        (document.zip(cadence)).is_some_and(|(document, cadence)| cadence.is_outdated_by(newest(document, now_ms)));

    let retry_after = trip.retry_after(now_ms);
    let answered_by = match retry_after {
        Some((asked, _)) => Some(asked.host.clone()),
        None => trip.hops.last().map(|hop| placement::host_of(&hop.url)),
    };
    let answer = schedule::Answer {
        outcome: match failure {
            None => Outcome::Fine,
            Some(Failure { class: Class::Gone, .. }) => Outcome::Gone,
            Some(_) => Outcome::Failed,
        },
        status: retry_after.map(|(asked, _)| asked.status).or(trip.status()),
        is_own_host: answered_by.as_deref() == Some(&*subscription.host(&memory.state)),
        retry_after: retry_after.map(|(_, wait)| wait),
        freshness: trip.freshness(now_ms),
    };
    let state = schedule::State {
        failure_count: memory.state.failure_count,
        gone_count: before.gone_count,
        seed: schedule::seed(&subscription.feed.name, memory.poll_count),
        hints,
        cadence: if has_news { with_arrival.or(cadence) } else { cadence },
    };
    let next = schedule::next(&subscription.pace(), &state, &answer, now_ms);
    let planning = Planning {
        schedule: Some(schedule::write_rules(&next)),
        hints: schedule::write_hints(&hints),
        cadence: cadence.as_ref().map(schedule::write_cadence),
        cadence_if_new: with_arrival.as_ref().map(schedule::write_cadence),
        gone_count: next.gone_count,
        given_up_for: next.is_given_up.then(|| fingerprint(&subscription.feed)),
    };
    Plan { next, planning }
}

/// Whether `planning` gives up the feed that feeds.toml describes.
pub(crate) fn is_given_up(feed: &config::Feed, planning: &Planning) -> bool {
    planning.given_up_for.as_deref().is_some_and(|given_up_for| given_up_for == fingerprint(feed))
}

/// When the newest article was published. What is announced for later than `now_ms` is none: it would be news at each poll.
fn newest(document: &Document, now_ms: i64) -> Option<i64> {
    document.articles.iter().filter_map(|article| article.published_at).filter(|at_ms| *at_ms <= now_ms).max()
}

/// What feeds.toml says of a feed, in a few letters: the same as long as it says the same. A release that knows more keys
/// gives another one, and asks feeds that were given up once more.
fn fingerprint(feed: &config::Feed) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{feed:?}"));
    // Which do not show themselves.
    for (_, value) in &feed.headers {
        hash.update([0]);
        hash.update(value.as_str());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::Article;

    #[test]
    fn what_is_announced_is_no_news_yet() {
        let article = |at: i64| Article { published_at: Some(at), ..Article::default() };
        let document = Document { articles: [5, 7, 99].map(article).into(), ..Document::default() };
        assert_eq!([4, 6, 7, 99].map(|now_ms| newest(&document, now_ms)), [None, Some(5), Some(7), Some(99)]);
    }

    #[test]
    fn a_fingerprint_changes_with_any_setting_and_with_nothing_else() {
        let url = url::Url::parse("https://example.org/feed").unwrap();
        let mut feed = config::Feed::new("a", url);
        feed.headers = vec![("X-Key".to_owned(), "one".into())];
        let known = fingerprint(&feed);
        assert_eq!(fingerprint(&feed.clone()), known);
        let changed = |change: &dyn Fn(&mut config::Feed)| {
            let mut feed = feed.clone();
            change(&mut feed);
            fingerprint(&feed)
        };
        assert_ne!(changed(&|feed| feed.url.set_path("/other")), known);
        assert_ne!(changed(&|feed| feed.interval *= 2), known);
        assert_ne!(changed(&|feed| drop(feed.labels.insert("a".to_owned(), "b".to_owned()))), known);
        assert_ne!(changed(&|feed| feed.headers[0].1 = "two".into()), known, "a secret is a setting too");
    }
}
