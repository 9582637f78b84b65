//! What each core counts, under its number.

use std::sync::atomic::Ordering;

use super::exposition::Exposition;
use super::seconds;
use crate::gauges::CoreGauges;

/// One core's counters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreSnapshot {
    pub(crate) heartbeat_age_ms: u64,
    pub(crate) feeds: usize,
    pub(crate) feeds_failing: usize,
    pub(crate) feeds_overdue: usize,
    pub(crate) feeds_polled: usize,
    pub(crate) in_flight: usize,
    pub(crate) due_age_ms: u64,
    pub(crate) fibers: usize,
    pub(crate) polls: u64,
    pub(crate) polls_failed: u64,
    pub(crate) articles_new: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) body_bytes: u64,
    pub(crate) is_cut_off: bool,
    pub(crate) polls_put_off: u64,
    pub(crate) stream_waits: u64,
}

/// One of a core's numbers.
type OfCore<T> = fn(&CoreSnapshot) -> T;

impl CoreSnapshot {
    pub(crate) fn of(gauges: &CoreGauges) -> CoreSnapshot {
        CoreSnapshot {
            heartbeat_age_ms: gauges.heartbeat_age_ms(),
            feeds: gauges.feeds.load(Ordering::Relaxed),
            feeds_failing: gauges.feeds_failing.load(Ordering::Relaxed),
            feeds_overdue: gauges.feeds_overdue.load(Ordering::Relaxed),
            feeds_polled: gauges.feeds_polled.load(Ordering::Relaxed),
            due_age_ms: gauges.due_age_ms(),
            fibers: gauges.fibers.load(Ordering::Relaxed),
            in_flight: gauges.in_flight.load(Ordering::Relaxed),
            polls: gauges.polls.load(Ordering::Relaxed),
            polls_failed: gauges.polls_failed.load(Ordering::Relaxed),
            articles_new: gauges.articles_new.load(Ordering::Relaxed),
            wire_bytes: gauges.wire_bytes.load(Ordering::Relaxed),
            body_bytes: gauges.body_bytes.load(Ordering::Relaxed),
            is_cut_off: gauges.is_cut_off.load(Ordering::Relaxed),
            polls_put_off: gauges.polls_put_off.load(Ordering::Relaxed),
            stream_waits: gauges.stream_waits.load(Ordering::Relaxed),
        }
    }
}

/// All of them, in the order of their numbers.
pub(super) fn write(cores: &[CoreSnapshot], text: &mut Exposition) {
    let numbered = || cores.iter().enumerate().map(|(core, snapshot)| (core.to_string(), snapshot));
    let help = "1 while polls pause because no host is reached.";
    let mut cut_off = text.gauge("rssd_core_cut_off", "", help);
    for (core, snapshot) in numbered() {
        cut_off.sample(&[("core", &core)], snapshot.is_cut_off);
    }
    let gauges: [(&str, &str, OfCore<usize>); 6] = [
        ("rssd_core_feeds", "Feeds that belong to the core.", |core| core.feeds),
        ("rssd_core_feeds_failing", "Feeds whose last poll failed.", |core| core.feeds_failing),
        ("rssd_core_feeds_overdue", "Feeds that are due and not admitted yet.", |core| core.feeds_overdue),
        ("rssd_core_feeds_polled", "Feeds polled at least once since the start.", |core| core.feeds_polled),
        ("rssd_core_polls_in_flight", "Polls that run.", |core| core.in_flight),
        ("rssd_core_fibers", "Fetches that have a stack of their own, parked or not.", |core| core.fibers),
    ];
    for (name, help, value) in gauges {
        let mut family = text.gauge(name, "", help);
        for (core, snapshot) in numbered() {
            family.sample(&[("core", &core)], value(snapshot));
        }
    }
    let help = "How long ago the core last turned.";
    let mut ages = text.gauge("rssd_core_heartbeat_age_seconds", "seconds", help);
    for (core, snapshot) in numbered() {
        ages.sample(&[("core", &core)], seconds(snapshot.heartbeat_age_ms));
    }
    let help = "For how long the feed has been due that waits for the longest; 0 where none waits.";
    let mut overdue = text.gauge("rssd_core_overdue_seconds", "seconds", help);
    for (core, snapshot) in numbered() {
        overdue.sample(&[("core", &core)], seconds(snapshot.due_age_ms));
    }
    let counters: [(&str, &str, &str, OfCore<u64>); 7] = [
        ("rssd_polls", "", "Polls that ended.", |core| core.polls),
        ("rssd_polls_failed", "", "Polls that failed.", |core| core.polls_failed),
        ("rssd_polls_put_off", "", "Polls tried again later for want of descriptors or memory.", |core| {
            core.polls_put_off
        }),
        ("rssd_core_stream_waits", "", "Times that polls which were due began to wait for the stream.", |core| {
            core.stream_waits
        }),
        ("rssd_articles_new", "", "Articles that were new.", |core| core.articles_new),
        ("rssd_fetched_bytes", "bytes", "Received from feeds, before decoding.", |core| core.wire_bytes),
        ("rssd_decoded_bytes", "bytes", "Documents from feeds, after decoding.", |core| core.body_bytes),
    ];
    for (name, unit, help, value) in counters {
        let mut family = text.counter(name, unit, help);
        for (core, snapshot) in numbered() {
            family.sample(&[("core", &core)], value(snapshot));
        }
    }
}
