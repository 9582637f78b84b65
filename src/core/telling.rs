//! What a core tells of itself: counters, the log, and what is in flight. It decides nothing.

use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Core;
use super::agenda::{Ended, Ticket};
use super::feed::Place;
use super::tally::{Failing, Tally};
use crate::clock::{Clock, duration_ms};
use crate::failure::Phase;
use crate::fetch::{self, Flight};
use crate::gauges::{PollNews, add, latency_slot};
use crate::limits::{FLIGHTS_TOLD_MAX, GONE_POLLS_MAX, IN_FLIGHT_LOGGED_MAX, POLL_PANIC_WAIT};
use crate::poll::{Outcome, Polled, Subscription};

/// A poll in flight, as it is told.
#[derive(Clone, Debug)]
pub(crate) struct FlightReport {
    pub(crate) core: usize,
    pub(crate) feed: String,
    pub(crate) phase: Phase,
    pub(crate) age_ms: u64,
    /// Until its phase's deadline.
    pub(crate) left_ms: u64,
    pub(crate) wire_bytes: u64,
}

impl Core {
    pub(super) fn report(&self, subscription: &Subscription, ended: &Ended) {
        match ended {
            Ended::Polled(polled) => self.report_polled(subscription, polled),
            Ended::Short(failure) => self.tell_shortage(failure),
            Ended::Undone => {}
            Ended::Panicked => {
                add(&self.gauges.polls, 1);
                add(&self.gauges.polls_failed, 1);
                add(&self.gauges.outcomes[Outcome::Failed as usize], 1);
                let seconds = POLL_PANIC_WAIT.as_secs();
                log::error!("feed {}: the poll panicked; the next one is in {seconds} s", subscription.feed.name);
            }
        }
    }

    fn report_polled(&self, subscription: &Subscription, polled: &Polled) {
        add(&self.gauges.polls, 1);
        add(&self.gauges.articles_new, polled.new_count as u64);
        add(&self.gauges.wire_bytes, polled.wire_bytes);
        add(&self.gauges.body_bytes, polled.body_bytes);
        add(&self.gauges.latencies[latency_slot(polled.took_ms)], 1);
        add(&self.gauges.outcomes[polled.result as usize], 1);
        self.gauges.polls_whole.count(polled.spent.whole);
        for (histogram, spent) in self.gauges.phases.iter().zip(polled.spent.by_phase()) {
            spent.into_iter().for_each(|spent| histogram.count(spent));
        }
        for repair in &polled.repaired {
            add(&self.gauges.repairs[repair.kind as usize], 1);
        }
        if let Some(news) = &self.desk.news {
            let outcome = polled.outcome.clone();
            let news_of_it = PollNews { feed: subscription.feed.name.clone(), outcome, new_count: polled.new_count };
            // A stream that shows polls misses one, if nobody has taken a thousand.
            let _ = news.borrow_mut().try_send(news_of_it);
        }
        let name = &subscription.feed.name;
        let wait = polled.wait.as_secs();
        if polled.is_given_up {
            log::warn!(
                "feed {name}: given up after {GONE_POLLS_MAX} answers of 410 in a row; remove it from feeds.toml, or change \
                 anything of it there to have it asked again"
            );
        }
        match &polled.failure {
            None => log::debug!("feed {name}: {} new articles; next poll in {wait} s", polled.new_count),
            Some(failure) => {
                add(&self.gauges.polls_failed, 1);
                add(&self.gauges.failures[failure.class as usize], 1);
                // The first of a row is news, the others are known.
                let level = if polled.memory.state.failure_count <= 1 { log::Level::Warn } else { log::Level::Debug };
                match self.is_once {
                    true => log::log!(level, "feed {name}: {failure}"),
                    false => log::log!(level, "feed {name}: {failure}; next poll in {wait} s"),
                }
            }
        }
    }

    /// How late a poll begins.
    pub(super) fn show_delay(&self, ticket: &Ticket) {
        if let Some(feed) = self.agenda.borrow().feeds().get(&ticket.id) {
            self.gauges.delays.count(Clock::elapsed(feed.due_at));
        }
    }

    /// Who is due and waits, be it for others of its host.
    pub(super) fn show_backlog(&self, now: Instant) {
        let mut agenda = self.agenda.borrow_mut();
        self.gauges.feeds_overdue.store(agenda.overdue(), Ordering::Relaxed);
        // As a moment and not as an age: that of a core which hangs goes on growing.
        let since_ms = agenda.due_since().map_or(0, |since| {
            Clock::monotonic_ms().saturating_sub(duration_ms(now.saturating_duration_since(since))).max(1)
        });
        self.gauges.due_since_ms.store(since_ms, Ordering::Relaxed);
    }

    /// Fetches that have a stack, and how deep those go.
    pub(super) fn show_fibers(&self) {
        let (fibers, stack_bytes) = fetch::fibers();
        self.gauges.fibers.store(fibers, Ordering::Relaxed);
        self.gauges.stack_bytes_most.store(stack_bytes, Ordering::Relaxed);
    }

    pub(super) fn show_tally(&self) {
        let mut agenda = self.agenda.borrow_mut();
        for (shown, Failing { count, since_ms }) in
            self.gauges.failing.iter().zip(agenda.tally.take_news().into_iter().flatten())
        {
            shown.count.store(count, Ordering::Relaxed);
            shown.since_ms.store(since_ms.unwrap_or(i64::MAX), Ordering::Relaxed);
        }
        let Tally { failing, polled, .. } = agenda.tally;
        if let Some(breaker) = &self.desk.breaker {
            breaker.borrow_mut().set_hosts(agenda.host_count());
        }
        self.gauges.in_flight.store(agenda.in_flight(), Ordering::Relaxed);
        self.gauges.feeds.store(agenda.feeds().len(), Ordering::Relaxed);
        self.gauges.feeds_failing.store(failing, Ordering::Relaxed);
        self.gauges.feeds_polled.store(polled, Ordering::Relaxed);
    }

    /// The oldest first, since it is the most likely to be asked about.
    pub(super) fn flights(&self) -> Vec<FlightReport> {
        let agenda = self.agenda.borrow();
        // Ages are taken once: while they are sorted the clock goes on.
        let mut flights: Vec<(u64, &str, &Flight)> = (agenda.feeds().values())
            .filter_map(|feed| match &feed.place {
                Place::InFlight { flight, .. } => Some((flight.age_ms(), &*feed.subscription.feed.name, &**flight)),
                _ => None,
            })
            .collect();
        flights.sort_unstable_by_key(|(age_ms, ..)| Reverse(*age_ms));
        let report = |(age_ms, feed, flight): &(u64, &str, &Flight)| FlightReport {
            core: self.index,
            feed: (*feed).to_owned(),
            phase: flight.phase(),
            age_ms: *age_ms,
            left_ms: duration_ms(flight.phase_left()),
            wire_bytes: flight.wire_bytes(),
        };
        flights.iter().take(FLIGHTS_TOLD_MAX).map(report).collect()
    }

    pub(super) fn log_in_flight(&self) {
        {
            let agenda = self.agenda.borrow();
            log::info!("{} polls in flight of {} feeds", agenda.in_flight(), agenda.feeds().len());
        }
        for flight in self.flights().iter().take(IN_FLIGHT_LOGGED_MAX) {
            let FlightReport { feed, phase, age_ms, wire_bytes, .. } = flight;
            log::info!("in flight: feed {feed}, {}, {age_ms} ms old, {wire_bytes} bytes received", phase.name());
        }
    }
}
