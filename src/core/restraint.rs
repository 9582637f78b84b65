//! What keeps a core from polling what is due: a host that asked to be left alone, an outage of our own network, and a crowd
//! that is due all at once.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Core, Feed, Place};
use crate::clock::{Clock, duration_ms};
use crate::config;
use crate::limits::{BREAKER_PROBE_WAIT, ROUND_HOLD_MAX};
use crate::poll::Subscription;
use crate::schedule;
use crate::store::{FeedState, Postponed};

impl Core {
    /// When a feed that was put here is polled first. `places` counts those of each host that are due by now.
    pub(super) fn set_first_deadline(
        &self,
        id: i64,
        crowd: usize,
        places: &mut HashMap<String, u32>,
        now: Instant,
        now_ms: i64,
    ) {
        let mut feeds = self.feeds.borrow_mut();
        let Some(feed) = feeds.get_mut(&id) else { return };
        if feed.is_given_up() {
            feed.place = Place::Done;
            return;
        }
        let state = &feed.memory.state;
        let next_poll_at = state.next_poll_at;
        let mut at = now;
        let name = &feed.subscription.feed.name;
        let hosts = self.hosts.borrow();
        let held_until = hosts.held_until(&feed.host).unwrap_or(now).max(now);
        if self.settings.once {
            at = held_until;
            if at > now + ROUND_HOLD_MAX {
                let (host, seconds) = (&feed.host, (at - now).as_secs());
                log::warn!("feed {name}: left out of this round: {host} asked to be left alone for {seconds} s more");
                feed.place = Place::Done;
                return;
            }
        } else {
            at += schedule::resume(&feed.subscription.pace(), name, state.last_polled_at, next_poll_at, crowd, now_ms);
            if at < held_until || next_poll_at.is_none_or(|next_ms| next_ms <= now_ms) {
                let place = places.entry(feed.host.clone()).or_default();
                at = at.max(held_until + hosts.spacing(&feed.host).saturating_mul(*place));
                *place += 1;
            }
            at = now + feed.unskipped(at - now, now_ms);
        }
        drop(hosts);
        drop(feeds);
        self.wait_until(id, at);
    }

    /// Leaves a host alone for as long as one of its feeds was asked to: the others are put off, here and in the database.
    pub(super) fn hold(&self, host: &str, asked: i64, hold: Duration) {
        let (now, now_ms) = (Clock::monotonic(), self.desk.clock.now_ms());
        let until = now + hold;
        let spacing = {
            let mut hosts = self.hosts.borrow_mut();
            hosts.hold(host, until);
            hosts.spacing(host)
        };
        let until_ms = now_ms.saturating_add_unsigned(duration_ms(hold));
        let mut held = Vec::new();
        let mut postponed = Vec::new();
        for (id, feed) in self.feeds.borrow_mut().iter_mut() {
            let is_waiting = matches!(feed.place, Place::Waiting | Place::Due);
            if *id == asked || feed.host != host || !is_waiting || feed.due_at >= until {
                continue;
            }
            let place = u32::try_from(held.len()).unwrap_or(u32::MAX);
            let wait = feed.unskipped(hold + spacing.saturating_mul(place), now_ms);
            held.push((*id, now + wait));
            let next_poll_at = now_ms.saturating_add_unsigned(duration_ms(wait));
            let planning = &mut feed.memory.state.planning;
            let schedule = schedule::write_held(planning.schedule.as_deref(), hold, until_ms);
            planning.schedule = Some(schedule.clone());
            feed.memory.state.next_poll_at = Some(next_poll_at);
            let url = feed.subscription.record.url.clone();
            postponed.push(Postponed { feed_id: *id, url, next_poll_at, schedule });
        }
        if held.is_empty() {
            return;
        }
        log::info!(
            "host {host}: asks to be left alone for {} s; {} other feeds of it wait too",
            hold.as_secs(),
            held.len()
        );
        self.desk.writer.postpone(postponed);
        for (id, at) in held {
            match self.settings.once && hold > ROUND_HOLD_MAX {
                // A single round is over for them.
                true => self.feeds.borrow_mut().get_mut(&id).into_iter().for_each(|feed| feed.place = Place::Done),
                false => self.wait_until(id, at),
            }
        }
    }

    /// Shows an outage of our own network, and takes the polls up again behind it, spread out.
    pub(super) fn heed_breaker(&self, now: Instant) {
        let Some(breaker) = &self.desk.breaker else { return };
        let is_open = breaker.borrow().is_open();
        let index = self.settings.index;
        match (self.gauges.is_cut_off.swap(is_open, Ordering::Relaxed), is_open) {
            (false, true) => log::warn!(
                "core {index}: hosts that were well are not reached any more, whichever is tried: our own network or its name servers \
                 are out; polls pause, and one is tried every {} s",
                BREAKER_PROBE_WAIT.as_secs()
            ),
            (true, false) => {
                let now_ms = self.desk.clock.now_ms();
                let due = std::mem::take(&mut *self.ready.borrow_mut());
                log::info!(
                    "core {index}: hosts are reached again; {} feeds that are due are polled one after the other",
                    due.len()
                );
                for id in &due {
                    let wait =
                        self.feeds.borrow().get(id).filter(|feed| matches!(feed.place, Place::Due)).map(|feed| {
                            let config::Feed { name, interval, .. } = &feed.subscription.feed;
                            feed.unskipped(schedule::spread(name, due.len(), *interval), now_ms)
                        });
                    wait.into_iter().for_each(|wait| self.wait_until(*id, now + wait));
                }
            }
            _ => {}
        }
    }
}

impl Feed {
    /// A wait that was not decided by its last poll, moved out of the time that its document skips.
    fn unskipped(&self, wait: Duration, now_ms: i64) -> Duration {
        let FeedState { planning, last_polled_at, .. } = &self.memory.state;
        let hints = schedule::read_hints(planning.hints.as_deref());
        let Subscription { feed, .. } = &*self.subscription;
        schedule::unskipped(&self.subscription.pace(), &feed.name, &hints, wait, *last_polled_at, now_ms)
    }
}
