//! What publishers and the operator may expect of each poll, from what they said themselves. It knows nothing of how the
//! daemon comes to start one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::violated;
use crate::config::Feed;
use crate::core::Ticket;
use crate::limits::{
    BREAKER_PROBE_WAIT, BREAKER_SILENCE_MIN, GONE_POLLS_MAX, POLLS_PER_SECOND_AT_START, RETRY_AFTER_MAX,
};
use crate::store::{FeedRecord, FeedState};

#[derive(Default)]
pub(super) struct Judge {
    feeds: BTreeMap<i64, FeedBook>,
    /// By core: a feed whose host moved since the start stays where it is, and cores tell each other nothing.
    hosts: BTreeMap<(usize, String), HostBook>,
    /// When polls began of late.
    starts: VecDeque<u64>,
    /// Of the wall clock.
    pub(super) steps: u32,
}

/// Times are milliseconds of the simulation, and no step of the wall clock moves them.
#[derive(Default)]
struct FeedBook {
    url: String,
    /// Not to be asked before, by its publisher's own word, and in how many ms that was when he said it.
    closed_until: u64,
    asked_ms: u64,
    failures: u32,
    gone: u32,
    given_up: Option<Feed>,
    steps: u32,
}

#[derive(Default)]
struct HostBook {
    is_busy: bool,
    ended: Option<u64>,
    hold: Option<Hold>,
}

struct Hold {
    until: u64,
    until_wall: i64,
    feed: i64,
    url: String,
    /// In the row of that feed, for a restart to find. It goes with the row's state, when the feed gets another URL.
    is_stored: bool,
}

/// A poll as its publisher saw it, once it is stored.
pub(super) struct Seen<'a> {
    pub(super) feed_id: i64,
    pub(super) feed: &'a Feed,
    pub(super) is_failure: bool,
    pub(super) is_gone: bool,
    /// Waits that were asked for, in ms, each already cut to what the operator lets publishers have.
    pub(super) wishes: Vec<u64>,
    pub(super) answered_at: u64,
    /// Its host asked to be left alone.
    pub(super) is_held: bool,
    /// Of the wall clock, until then.
    pub(super) steps: u32,
}

impl Judge {
    /// A poll begins.
    pub(super) fn started(&mut self, core: usize, ticket: &Ticket, pause: Duration, now: u64) {
        let (feed_id, feed, host) = (ticket.id, &ticket.subscription.feed, ticket.host());
        let book = self.hosts.entry((core, host.to_owned())).or_default();
        if book.is_busy {
            violated("one_connection_a_host", format!("{} at {host}", feed.name));
        }
        if let Some(ended) = book.ended.filter(|ended| now < ended + ms(pause)) {
            violated("the_pause_of_a_host_is_kept", format!("{} at {host}, {} ms", feed.name, now - ended));
        }
        if let Some(hold) = book.hold.as_ref().filter(|hold| now < hold.until) {
            let early = hold.until - now;
            violated("a_host_that_asked_is_left_alone", format!("{} at {host}, {early} ms too early", feed.name));
        }
        book.is_busy = true;
        if let Some(book) = self.feeds.get(&feed_id).filter(|book| book.url == feed.url.as_str()) {
            if book.given_up.as_ref() == Some(feed) {
                violated("who_is_gone_is_not_asked", feed.name.clone());
            }
            if now < book.closed_until && book.given_up.is_none() {
                let early = book.closed_until - now;
                violated("no_poll_before_its_publisher_lets_it", format!("{}, {early} ms too early", feed.name));
            }
        }
        self.starts.push_back(now);
        while self.starts.front().is_some_and(|at| at + 1_000 <= now) {
            self.starts.pop_front();
        }
        // Twice the rate is what an even hash may bring together.
        if self.starts.len() as u64 > 2 * POLLS_PER_SECOND_AT_START {
            violated("a_backlog_is_spread", format!("{} polls within a second", self.starts.len()));
        }
    }

    /// Its host may be asked again, after the pause.
    pub(super) fn ended(&mut self, core: usize, host: &str, now: u64) {
        let book = self.hosts.entry((core, host.to_owned())).or_default();
        book.is_busy = false;
        book.ended = Some(now);
    }

    /// Whether a feed that is due may be kept waiting for its host.
    pub(super) fn is_closed(&self, core: usize, host: &str, pause: Duration, now: u64) -> bool {
        let book = self.hosts.get(&(core, host.to_owned()));
        // Where many wait they begin up to twice as far apart.
        book.is_some_and(|book| book.is_busy || book.ended.is_some_and(|ended| now < ended + 2 * ms(pause)))
    }

    /// When at the latest a host lets the next one in that waits; `None` while one of its polls runs, or it was not asked.
    pub(super) fn opens_at(&self, core: usize, host: &str, pause: Duration) -> Option<u64> {
        let book = self.hosts.get(&(core, host.to_owned())).filter(|book| !book.is_busy)?;
        Some(book.ended? + 2 * ms(pause))
    }

    /// A poll was stored. Gives how often its feed has failed in a row.
    pub(super) fn stored(&mut self, seen: &Seen<'_>) -> u32 {
        let book = self.feeds.entry(seen.feed_id).or_default();
        if book.url != seen.feed.url.as_str() || book.given_up.as_ref().is_some_and(|as_it_was| as_it_was != seen.feed)
        {
            let failures = if book.url == seen.feed.url.as_str() { book.failures } else { 0 };
            *book = FeedBook { url: seen.feed.url.to_string(), failures, ..FeedBook::default() };
        }
        book.failures = if seen.is_failure { book.failures + 1 } else { 0 };
        book.gone = if seen.is_gone { book.gone + 1 } else { 0 };
        book.given_up = (book.gone >= GONE_POLLS_MAX).then(|| seen.feed.clone());
        let floor = seen.feed.interval_min.min(seen.feed.interval);
        book.asked_ms = seen.wishes.iter().copied().chain([ms(floor)]).max().unwrap_or(0);
        book.closed_until = seen.answered_at + book.asked_ms;
        book.steps = seen.steps;
        let failures = book.failures;
        let holds = self.hosts.values_mut().filter_map(|host| host.hold.as_mut());
        for hold in holds.filter(|hold| hold.feed == seen.feed_id && hold.url == seen.feed.url.as_str()) {
            hold.is_stored |= seen.is_held;
        }
        failures
    }

    /// The host is to be left alone for so many ms: a poll was told so.
    pub(super) fn was_asked(
        &mut self,
        core: usize,
        host: String,
        ticket: &Ticket,
        hold_ms: u64,
        now: u64,
        wall_ms: i64,
    ) {
        let until = now + hold_ms;
        let until_wall = wall_ms.saturating_add_unsigned(hold_ms);
        let url = ticket.subscription.feed.url.to_string();
        let hold = Hold { until, until_wall, feed: ticket.id, url, is_stored: false };
        let known = &mut self.hosts.entry((core, host)).or_default().hold;
        if known.as_ref().is_none_or(|known| known.until < until) {
            *known = Some(hold);
        }
    }

    pub(super) fn clock_stepped(&mut self) {
        self.steps += 1;
    }

    /// A feed is taken up by what the database says of it, by a wall clock that may have been stepped.
    pub(super) fn resumed(&mut self, feed: &Feed, id: i64, state: &FeedState, now: u64, wall_ms: i64) {
        let Some(book) = self.feeds.get_mut(&id) else { return };
        // A feed that comes back under another URL begins anew.
        if book.url != feed.url.as_str() {
            book.closed_until = 0;
        } else if book.steps != self.steps {
            // What lies between the last poll and the next by the clock that wrote them is waited for from now.
            let from = state.last_polled_at.unwrap_or(wall_ms).max(wall_ms);
            let ahead = state.next_poll_at.map_or(0, |at| u64::try_from(at - from).unwrap_or(0));
            book.closed_until = now + ahead.min(book.asked_ms);
        }
    }

    /// The database knows of a configuration.
    pub(super) fn registered(&mut self, feeds: &[Feed], records: &[FeedRecord]) {
        for hold in self.hosts.values_mut().filter_map(|book| book.hold.as_mut()) {
            let is_other =
                |(feed, record): (&Feed, &FeedRecord)| record.id == hold.feed && feed.url.as_str() != hold.url;
            hold.is_stored &= !feeds.iter().zip(records).any(is_other);
        }
    }

    /// The daemon is started again. `core_of` is where the feeds of a host are now.
    pub(super) fn restarted(
        &mut self,
        feeds: &[(&Feed, &FeedRecord)],
        core_of: impl Fn(&str) -> Option<usize>,
        now: u64,
        wall_ms: i64,
    ) {
        self.starts.clear();
        for (feed, record) in feeds {
            self.resumed(feed, record.id, &record.state, now, wall_ms);
        }
        let is_asked = |hold: &Hold| {
            let is_it = |(feed, record): &(&Feed, &FeedRecord)| {
                record.id == hold.feed && feed.url.as_str() == hold.url && feed.enabled
            };
            hold.is_stored && feeds.iter().any(is_it)
        };
        // All feeds of a host are on one core now.
        for ((_, host), book) in std::mem::take(&mut self.hosts) {
            let (Some(mut hold), Some(core)) = (book.hold.filter(is_asked), core_of(&host)) else { continue };
            let ahead = u64::try_from(hold.until_wall - wall_ms).unwrap_or(0);
            hold.until = hold.until.min(now + ahead);
            let known = &mut self.hosts.entry((core, host)).or_default().hold;
            if known.as_ref().is_none_or(|known| known.until < hold.until) {
                *known = Some(hold);
            }
        }
    }
}

/// What may be expected of one core's breaker.
#[derive(Default)]
pub(super) struct BreakerJudge {
    reached_at: Option<u64>,
    opened_at: Option<u64>,
    probed_at: Option<u64>,
}

impl BreakerJudge {
    /// After an answer was heard of.
    pub(super) fn heard(&mut self, is_reached: bool, is_open: bool, now: u64) {
        if is_reached {
            self.reached_at = Some(now);
            if is_open {
                violated("an_answer_closes_the_breaker", "somebody was reached".to_owned());
            }
        }
        match (self.opened_at, is_open) {
            (None, true) => {
                let silent_ms = self.reached_at.map(|at| now - at);
                if silent_ms.is_some_and(|silent| silent < ms(BREAKER_SILENCE_MIN)) {
                    violated("the_breaker_opens_in_silence_alone", format!("reached {silent_ms:?} ms ago"));
                }
                (self.opened_at, self.probed_at) = (Some(now), Some(now));
            }
            (Some(_), false) => (self.opened_at, self.probed_at) = (None, None),
            _ => {}
        }
    }

    pub(super) fn started(&mut self, is_open: bool, now: u64) {
        let probed_at = self.probed_at.filter(|_| is_open);
        if let Some(at) = probed_at.filter(|at| now < at + ms(BREAKER_PROBE_WAIT)) {
            violated("one_probe_at_a_time", format!("{} ms after the last", now - at));
        }
        if is_open {
            self.probed_at = Some(now);
        }
    }
}

/// What a publisher may be granted of `wish_ms`.
pub(super) fn granted(feed: &Feed, wish_ms: u64) -> u64 {
    let floor = feed.interval_min.min(feed.interval);
    wish_ms.clamp(ms(floor), ms(feed.interval_max.max(feed.interval)))
}

/// What a server gets of its Retry-After.
pub(super) fn retry(retry_s: u64) -> u64 {
    (retry_s * 1_000).min(ms(RETRY_AFTER_MAX))
}

pub(super) fn ms(duration: Duration) -> u64 {
    crate::clock::duration_ms(duration)
}
