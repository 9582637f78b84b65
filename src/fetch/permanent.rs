//! Whether permanent redirects are believed: a feed's `effective_url` moves when they have led to the same place, with the
//! same articles, for several polls over at least a day. Pure: RFC 9110, sections 15.4.2 and 15.4.9.
//!
//! Slow on purpose: a broken server says 301 for an hour, and what an expired domain redirects to is rarely the feed. Nothing
//! is lost meanwhile, since every poll follows the redirects anyway. A target that was another feed is never moved to, until
//! the redirects lead elsewhere. There is a way back: when the target fails, the configured URL is asked again.

use crate::limits::{MOVED_FAILURES_MAX, MOVED_MS_MIN, MOVED_POLLS_MIN};
use crate::store::Moving;

/// How a poll's way went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// Redirects, all of them permanent, led to `to`, and there was the feed, or a 304.
    Led {
        to: &'a str,
        /// Whether it has the articles of the last document; `None` where that cannot be told or was told before.
        alike: Option<bool>,
    },
    /// The feed came from the URL that was asked, or by a redirect that is not to be kept.
    Stayed,
    /// No feed came: so many polls in a row by now, and perhaps for good (410).
    Failed { failure_count: u32, gone: bool },
    /// It tells nothing of the target: it was we who failed, or a host that answers and wants to be left alone (429).
    Untold,
}

/// The `effective_url` and the evidence after a poll. `configured` is the feed's `url`.
pub(crate) fn next(
    effective_url: Option<&str>,
    moving: &Moving,
    configured: &str,
    way: Way<'_>,
    now_ms: i64,
) -> (Option<String>, Moving) {
    let stay = effective_url.map(str::to_owned);
    let nothing = Moving { likeness: moving.likeness.clone(), ..Moving::default() };
    match way {
        Way::Untold => (stay, moving.clone()),
        Way::Failed { failure_count, gone } if stay.is_some() && (gone || failure_count >= MOVED_FAILURES_MAX) => {
            (None, nothing)
        }
        Way::Failed { .. } => (stay, moving.clone()),
        Way::Stayed => (stay, nothing),
        Way::Led { to, alike } => {
            let mut moving = match moving.to.as_deref() == Some(to) {
                true => moving.clone(),
                false => Moving { to: Some(to.to_owned()), since: Some(now_ms), ..nothing.clone() },
            };
            if alike == Some(false) {
                moving.since = None;
            }
            let Some(since) = moving.since else { return (stay, Moving { count: 0, ..moving }) };
            moving.count = moving.count.saturating_add(1);
            let is_proven = moving.count >= MOVED_POLLS_MIN && now_ms.saturating_sub(since) >= MOVED_MS_MIN;
            if !is_proven {
                return (stay, moving);
            }
            ((to != configured).then(|| to.to_owned()), nothing)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const HOME: &str = "http://a.test/feed";
    const NEW: &str = "https://a.test/feed";

    fn led(to: &str) -> Way<'_> {
        Way::Led { to, alike: None }
    }

    /// Where a feed stands after polls at these hours.
    fn after(start: Option<&str>, polls: &[(i64, Way<'_>)]) -> Option<String> {
        let begin = (start.map(str::to_owned), Moving::default());
        let step = |(effective, moving): (Option<String>, Moving), (hour, way): &(i64, Way<'_>)| {
            next(effective.as_deref(), &moving, HOME, *way, hour * HOUR)
        };
        polls.iter().fold(begin, step).0
    }

    #[test]
    fn a_feed_moves_after_three_polls_and_a_day() {
        let same = Way::Led { to: NEW, alike: Some(true) };
        let other = Way::Led { to: NEW, alike: Some(false) };
        let failed = Way::Failed { failure_count: 1, gone: false };
        let cases: &[(&[(i64, Way<'_>)], bool)] = &[
            (&[(0, led(NEW)), (12, led(NEW)), (24, led(NEW))], true),
            (&[(0, same), (12, same), (24, same)], true),
            // Too few polls, too short a time.
            (&[(0, led(NEW)), (24, led(NEW))], false),
            (&[(0, led(NEW)), (1, led(NEW)), (2, led(NEW)), (23, led(NEW))], false),
            (&[(0, led(NEW)), (1, led(NEW)), (2, led(NEW)), (24, led(NEW))], true),
            // Another target, an answer on the spot or a temporary redirect starts it anew; a failure does not.
            (&[(0, led(NEW)), (12, led("http://b.test/")), (24, led(NEW)), (36, led(NEW))], false),
            (&[(0, led(NEW)), (12, Way::Stayed), (24, led(NEW)), (36, led(NEW))], false),
            (&[(0, led(NEW)), (6, failed), (12, led(NEW)), (24, led(NEW))], true),
            (&[(0, led(NEW)), (6, Way::Untold), (12, led(NEW)), (24, led(NEW))], true),
            // Another feed is not moved to, and its next polls, which look like itself, do not change that.
            (&[(0, other), (12, same), (24, same), (48, same), (480, led(NEW))], false),
            (&[(0, same), (12, other), (24, same), (48, same), (480, led(NEW))], false),
            (&[(0, other), (12, Way::Stayed), (24, same), (36, same), (48, same)], true),
        ];
        for (polls, moves) in cases {
            assert_eq!(after(None, polls), moves.then(|| NEW.to_owned()), "{polls:?}");
        }
    }

    #[test]
    fn it_goes_back_when_the_target_fails() {
        let failed = |failure_count| Way::Failed { failure_count, gone: false };
        let new = Some(NEW.to_owned());
        assert_eq!(after(Some(NEW), &[(0, failed(1)), (1, failed(2))]), new);
        assert_eq!(after(Some(NEW), &[(0, failed(1)), (1, failed(2)), (3, failed(3))]), None);
        assert_eq!(after(Some(NEW), &[(0, Way::Failed { failure_count: 1, gone: true })]), None);
        assert_eq!(after(Some(NEW), &[(0, Way::Untold)]), new);
        assert_eq!(after(Some(NEW), &[(0, Way::Stayed), (100, Way::Stayed)]), new);
        // Or when the target itself has moved: on, or back.
        let third = "https://c.test/";
        assert_eq!(after(Some(NEW), &[(0, led(third)), (9, led(third)), (30, led(third))]), Some(third.to_owned()));
        assert_eq!(after(Some(NEW), &[(0, led(HOME)), (9, led(HOME)), (30, led(HOME))]), None);
    }

    #[test]
    fn likeness_outlives_what_is_learned_of_redirects() {
        let moving = Moving { likeness: Some(vec![1]), ..Moving::default() };
        for way in [led(NEW), Way::Stayed, Way::Untold, Way::Failed { failure_count: 9, gone: false }] {
            assert_eq!(next(Some(NEW), &moving, HOME, way, 0).1.likeness, Some(vec![1]), "{way:?}");
        }
    }
}
