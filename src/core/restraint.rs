//! What keeps a core from polling what is due: a host that asked to be left alone, an outage of our own network, and a crowd
//! that is due all at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::agenda::{Agenda, Moment};
use super::feed::{Feed, Place};
use crate::clock::duration_ms;
use crate::config;
use crate::limits::{BREAKER_PROBE_WAIT, ROUND_HOLD_MAX};
use crate::schedule;
use crate::store::Postponed;

impl Agenda {
    /// When a feed that was put here is polled first. `places` counts those of each host that are due by now.
    pub(super) fn set_first_deadline(
        &mut self,
        id: i64,
        crowd: usize,
        places: &mut HashMap<String, u32>,
        Moment { now, wall_ms }: Moment,
    ) {
        let Some(feed) = self.feeds.get_mut(&id) else { return };
        if feed.is_given_up() {
            feed.place = Place::Done;
            return;
        }
        let state = &feed.memory.state;
        let next_poll_at = state.next_poll_at;
        let mut at = now;
        let name = &feed.subscription.feed.name;
        let held_until = self.hosts.held_until(&feed.host).unwrap_or(now).max(now);
        if self.settings.once {
            at = held_until;
            if at > now + ROUND_HOLD_MAX {
                let (host, seconds) = (&feed.host, (at - now).as_secs());
                log::warn!("feed {name}: left out of this round: {host} asked to be left alone for {seconds} s more");
                feed.place = Place::Done;
                return;
            }
        } else {
            at += schedule::resume(&feed.subscription.pace(), name, state.last_polled_at, next_poll_at, crowd, wall_ms);
            if at < held_until || next_poll_at.is_none_or(|next_ms| next_ms <= wall_ms) {
                let place = places.entry(feed.host.clone()).or_default();
                at = at.max(held_until + self.hosts.spacing(&feed.host).saturating_mul(*place));
                *place += 1;
            }
            at = now + feed.unskipped(at - now, wall_ms);
        }
        self.wait_until(id, at);
    }

    /// Leaves a host alone for as long as one of its feeds was asked to: the others are put off, here and, by what it gives, in
    /// the database.
    pub(crate) fn hold(&mut self, host: &str, asked: i64, hold: Duration, at: Moment) -> Vec<Postponed> {
        let Moment { now, wall_ms } = at;
        let until = now + hold;
        self.hosts.hold(host, until);
        let spacing = self.hosts.spacing(host);
        let mut held = Vec::new();
        let mut postponed = Vec::new();
        let is_early = |(id, feed): &(&i64, &Feed)| {
            let is_waiting = matches!(feed.place, Place::Waiting | Place::Due);
            **id != asked && feed.host == host && is_waiting && feed.due_at < until
        };
        let mut early: Vec<(Instant, i64)> = self
            .feeds
            .iter()
            .map(|(id, feed)| (id, &**feed))
            .filter(is_early)
            .map(|(id, feed)| (feed.due_at, *id))
            .collect();
        // In the order in which they would have come.
        early.sort_unstable();
        for (_, id) in early {
            let Some(feed) = self.feeds.get_mut(&id) else { continue };
            let place = u32::try_from(held.len()).unwrap_or(u32::MAX);
            let (wait, told) = hold_back(feed, id, hold, spacing.saturating_mul(place), wall_ms);
            held.push((id, now + wait));
            postponed.push(told);
        }
        if held.is_empty() {
            return postponed;
        }
        log::info!(
            "host {host}: asks to be left alone for {} s; {} other feeds of it wait too",
            hold.as_secs(),
            held.len()
        );
        for (id, at) in held {
            match self.settings.once && hold > ROUND_HOLD_MAX {
                // A single round is over for them.
                true => self.feeds.get_mut(&id).into_iter().for_each(|feed| feed.place = Place::Done),
                false => self.wait_until(id, at),
            }
        }
        postponed
    }

    /// Puts a feed off whose host has asked to be left alone for longer than `wait`. Gives how long it waits, and what the database
    /// shall know of that.
    pub(super) fn heed_hold(&mut self, id: i64, wait: Duration, at: Moment) -> (Duration, Option<Postponed>) {
        let Some(feed) = self.feeds.get_mut(&id) else { return (wait, None) };
        let held = self.hosts.held_until(&feed.host).map(|until| until.saturating_duration_since(at.now));
        match held.filter(|held| *held > wait) {
            Some(hold) => {
                let (wait, told) = hold_back(feed, id, hold, Duration::ZERO, at.wall_ms);
                (wait, Some(told))
            }
            None => (wait, None),
        }
    }

    /// Shows an outage of our own network, and takes the polls up again behind it, spread out. `is_open` is the breaker.
    pub(crate) fn heed_breaker(&mut self, is_open: bool, Moment { now, wall_ms }: Moment) {
        let index = self.settings.index;
        match (std::mem::replace(&mut self.is_cut_off, is_open), is_open) {
            (false, true) => log::warn!(
                "core {index}: hosts that were well are not reached any more, whichever is tried: our own network or its name servers \
                 are out; polls pause, and one is tried every {} s",
                BREAKER_PROBE_WAIT.as_secs()
            ),
            (true, false) => {
                // Those that wait for their hosts as well: after a long outage, in which all were tried, that is everybody.
                let is_due = |feed: &Feed| matches!(feed.place, Place::Due);
                let mut due: Vec<i64> = self.feeds.iter().filter(|(_, feed)| is_due(feed)).map(|(id, _)| *id).collect();
                due.sort_unstable();
                self.ready.clear();
                self.hosts.clear_waiting();
                log::info!(
                    "core {index}: hosts are reached again; {} feeds that are due are polled one after the other",
                    due.len()
                );
                for id in &due {
                    let feed = &self.feeds[id];
                    let config::Feed { name, interval, .. } = &*feed.subscription.feed;
                    let wait = feed.unskipped(schedule::spread(name, due.len(), *interval), wall_ms);
                    self.wait_until(*id, now + wait);
                }
                // The first of them comes at once.
                self.collect_due(now);
            }
            _ => {}
        }
    }
}

/// Puts a feed off to the end of its host's hold, and so far behind it. Gives its wait, and what the database shall know of it.
fn hold_back(feed: &mut Feed, feed_id: i64, hold: Duration, behind: Duration, wall_ms: i64) -> (Duration, Postponed) {
    let wait = feed.unskipped(hold + behind, wall_ms);
    let next_poll_at = wall_ms.saturating_add_unsigned(duration_ms(wait));
    let until_ms = wall_ms.saturating_add_unsigned(duration_ms(hold));
    let state = &mut feed.memory.state;
    let schedule = schedule::write_held(state.planning.schedule.as_deref(), hold, until_ms);
    state.planning.schedule = Some(schedule.clone());
    state.next_poll_at = Some(next_poll_at);
    let url = feed.subscription.feed.url.to_string();
    (wait, Postponed { feed_id, url, next_poll_at, schedule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::core::{Ended, Settings};
    use crate::limits::POLLS_PER_SECOND_AT_START;
    use crate::poll::Entrant;
    use crate::store::FeedRecord;

    #[test]
    fn a_backlog_is_spread_behind_an_outage_in_which_all_were_tried() {
        let host_pause = Duration::from_secs(1);
        let settings = Settings { index: 0, in_flight_max: 999, once: false, due_at_start: 1, host_pause };
        let mut agenda = Agenda::new(settings).with_young_max(500);
        let (now, wall_ms) = (Clock::monotonic(), 1_772_323_200_000);
        let entrant = |id: i64| {
            let feed = config::Feed::new(format!("f{id}"), format!("http://h{id}.test/").parse().unwrap());
            Entrant::made_up(feed, FeedRecord { id, ..FeedRecord::default() })
        };
        agenda.put((0..500).map(entrant).collect(), true, Moment { now, wall_ms });
        agenda.collect_due(now);
        agenda.heed_breaker(true, Moment { now, wall_ms });
        // Each is tried and comes back at once, when its host still rests.
        let tried: Vec<_> = std::iter::from_fn(|| agenda.next_start(None, true, now)).collect();
        assert_eq!(tried.len(), 500);
        for start in tried {
            agenda.finished(&start.ticket, Ended::Undone, Moment { now, wall_ms });
        }
        agenda.collect_due(now);
        assert!(agenda.next_start(None, true, now).is_none());
        let now = now + Duration::from_secs(3_600);
        agenda.heed_breaker(false, Moment { now, wall_ms });
        assert_eq!(agenda.hosts.waiting_count(), 0, "nobody is queued a second time at the next outage");
        let mut started = [0; 11];
        for (second, started) in started.iter_mut().enumerate() {
            let now = now + Duration::from_secs(second as u64);
            agenda.collect_due(now);
            *started = std::iter::from_fn(|| agenda.next_start(None, true, now)).count() as u64;
        }
        assert_eq!(started.iter().sum::<u64>(), 500);
        assert!(started.iter().all(|count| *count < 2 * POLLS_PER_SECOND_AT_START), "{started:?}");
    }
}
