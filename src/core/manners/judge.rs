//! Judges each request as its publisher would, by what he himself has answered before. It knows nothing of how the
//! subscriber comes to ask.

use std::collections::HashMap;
use std::time::Duration;

use super::publisher::{DAY_MS, Publisher};
use super::reply::{Kind, Reply, time};
use crate::clock::duration_ms;
use crate::placement;
use crate::tarpit::{Head, Step};

/// Beyond the first few they are all the same one.
const OFFENCES_MAX: usize = 20;
/// Of one poll: two, its redirect, and one more behind a connection that was reset.
const REQUESTS_A_VISIT_MAX: u32 = 3;
/// How far into skipped time a poll may come.
const GRACE_MS: i64 = 10_000;
/// A 304 may be doubted after so long, and again after so long.
const DOUBT_AFTER_MS: i64 = 14 * DAY_MS;
const DOUBT_AGAIN_MS: i64 = 7 * DAY_MS;

pub(super) struct Judge {
    pause: Duration,
    feeds: Vec<Ledger>,
    hosts: HashMap<String, HostLedger>,
    pub(super) offences: Vec<String>,
}

/// What a publisher remembers of his subscriber.
#[derive(Default)]
struct Ledger {
    /// By path: what was last sent there with the feed, or with a word about it.
    sent: HashMap<String, Sent>,
    /// The path that the subscriber has its document from.
    holds: Option<String>,
    /// Not to be asked before, and what said so.
    closed_until: Option<(i64, &'static str)>,
    /// Requests at the same moment are one poll's.
    visit_at: Option<i64>,
    requests: u32,
    gone_count: u32,
    /// When the document that was sent was another one than before, and its hash.
    changed_at: i64,
    body: u64,
    doubted_at: Option<i64>,
}

#[derive(Clone, Default)]
struct Sent {
    etag: Option<Vec<u8>>,
    last_modified: Option<Vec<u8>>,
}

#[derive(Default)]
struct HostLedger {
    asked_at: Option<i64>,
    closed_until: i64,
}

impl Judge {
    /// `pause` is kept between two polls of a host.
    pub(super) fn new(feed_count: usize, pause: Duration) -> Judge {
        let feeds = (0..feed_count).map(|_| Ledger::default()).collect();
        Judge { pause, feeds, hosts: HashMap::new(), offences: Vec::new() }
    }

    /// Looks at a request that came to publisher number `index`.
    pub(super) fn asked(&mut self, index: usize, publisher: &Publisher, head: &Head, now_ms: i64) {
        let mut wrong = Vec::new();
        let ledger = &mut self.feeds[index];
        let host = self.hosts.entry(publisher.host.clone()).or_default();
        if ledger.visit_at != Some(now_ms) {
            wrong.extend(too_early(ledger, publisher, now_ms));
            if host.closed_until > now_ms {
                let ahead_s = (host.closed_until - now_ms) / 1_000;
                wrong.push(format!("{ahead_s} s before what a 429 of its host asked for"));
            }
            let pause_ms = duration_ms(self.pause) as i64;
            if let Some(apart_ms) = host.asked_at.map(|at_ms| now_ms - at_ms).filter(|apart_ms| *apart_ms < pause_ms) {
                wrong.push(format!("{apart_ms} ms after another feed of its host"));
            }
            (ledger.visit_at, ledger.requests) = (Some(now_ms), 0);
        }
        host.asked_at = Some(now_ms);
        ledger.requests += 1;
        if ledger.requests > REQUESTS_A_VISIT_MAX {
            wrong.push(format!("{} requests at once", ledger.requests));
        }
        wrong.extend(wrong_validators(ledger, head, now_ms));
        if wrong.is_empty() || self.offences.len() >= OFFENCES_MAX {
            return;
        }
        let sent = |name| head.header(name).map(String::from_utf8_lossy).unwrap_or_default();
        self.offences.push(format!(
            "{} of {publisher}: GET {}, If-None-Match: {}, If-Modified-Since: {}: {}",
            time(now_ms),
            head.path,
            sent("if-none-match"),
            sent("if-modified-since"),
            wrong.join("; ")
        ));
    }

    /// Remembers what the publisher answered to it.
    pub(super) fn answered(&mut self, index: usize, publisher: &Publisher, head: &Head, reply: &Reply, now_ms: i64) {
        let ledger = &mut self.feeds[index];
        let latest = duration_ms(publisher.pace.interval_max) as i64;
        // `interval_max` is the most that a wish gets, and 31 days the most that Retry-After does.
        let mut close = |wait_s: Option<u64>, why| {
            let until_ms = wait_s.map(|wait_s| now_ms + (wait_s as i64 * 1_000).min(latest));
            ledger.closed_until = ledger.closed_until.max(until_ms.map(|until_ms| (until_ms, why)));
        };
        match reply.kind {
            Kind::Feed | Kind::NotModified => {
                close(reply.fresh_s, "its headers");
                close(publisher.wish.document_s(), "its document");
            }
            Kind::Other | Kind::Limited | Kind::Redirect => {
                let until_ms = reply.retry_until_ms.map(|until_ms| (until_ms, "Retry-After"));
                ledger.closed_until = ledger.closed_until.max(until_ms);
            }
            Kind::Gone => {}
        }
        ledger.gone_count = if reply.kind == Kind::Gone { ledger.gone_count + 1 } else { 0 };
        let Reply { etag, last_modified, .. } = reply;
        match reply.kind {
            Kind::Feed => {
                let sent = Sent { etag: etag.clone(), last_modified: last_modified.clone() };
                ledger.sent.insert(head.path.clone(), sent);
                ledger.holds = Some(head.path.clone());
                let body = reply.steps.iter().fold(0, |hash, step| match step {
                    Step::Send(bytes) => placement::mix(hash ^ placement::hash(bytes)),
                    _ => hash,
                });
                if body != ledger.body {
                    (ledger.body, ledger.changed_at) = (body, now_ms);
                }
            }
            Kind::NotModified => {
                let sent = ledger.sent.entry(head.path.clone()).or_default();
                sent.etag = etag.clone().or(sent.etag.take());
                sent.last_modified = last_modified.clone().or(sent.last_modified.take());
            }
            Kind::Limited => {
                let host = self.hosts.entry(publisher.host.clone()).or_default();
                host.closed_until = host.closed_until.max(reply.retry_until_ms.unwrap_or(0));
            }
            Kind::Redirect | Kind::Gone | Kind::Other => {}
        }
    }
}

/// What is wrong with a poll that comes now.
fn too_early(ledger: &Ledger, publisher: &Publisher, now_ms: i64) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(before_ms) = ledger.visit_at.map(|at_ms| now_ms - at_ms) else { return wrong };
    if let Some((until_ms, why)) = ledger.closed_until.filter(|(until_ms, _)| *until_ms > now_ms) {
        wrong.push(format!("{} s before what {why} asked for", (until_ms - now_ms) / 1_000));
    }
    let pace = &publisher.pace;
    if before_ms < duration_ms(pace.interval_min.min(pace.interval)) as i64 {
        wrong.push(format!("{before_ms} ms after the last poll"));
    }
    // Who was due before and waited for another feed of the host is not told from one who came in time.
    let skips = publisher.wish.skips(now_ms) && publisher.wish.skips(now_ms - GRACE_MS);
    let is_told = ledger.holds.is_some() && skips;
    if is_told && before_ms < duration_ms(pace.interval_max) as i64 {
        wrong.push("in an hour or on a day that its document skips".to_owned());
    }
    if ledger.gone_count >= 3 {
        wrong.push(format!("after {} answers of 410", ledger.gone_count));
    }
    wrong
}

fn wrong_validators(ledger: &mut Ledger, head: &Head, now_ms: i64) -> Vec<String> {
    let mut wrong = Vec::new();
    let sent = ledger.sent.get(&head.path).cloned().unwrap_or_default();
    let is_holder = ledger.holds.as_ref() == Some(&head.path);
    let shown =
        |value: &Option<Vec<u8>>| value.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    let asked = [("if-none-match", &sent.etag), ("if-modified-since", &sent.last_modified)];
    let is_bare = asked.iter().all(|(name, _)| head.header(name).is_none());
    let has_some = asked.iter().any(|(_, value)| value.is_some());
    // Once in a while a 304 may be doubted.
    let may_doubt = now_ms - ledger.changed_at >= DOUBT_AFTER_MS
        && ledger.doubted_at.is_none_or(|at_ms| now_ms - at_ms >= DOUBT_AGAIN_MS);
    let doubts = is_holder && is_bare && has_some && may_doubt;
    if doubts {
        ledger.doubted_at = Some(now_ms);
    }
    for (name, known) in asked {
        match head.header(name) {
            Some(value) if known.as_deref() != Some(value) => {
                wrong.push(format!("{name} is not what was last sent here, {:?}", shown(known)));
            }
            None if known.is_some() && is_holder && !doubts => {
                wrong.push(format!("no {name} though {:?} was sent", shown(known)));
            }
            _ => {}
        }
    }
    if head.header("a-im").is_some() && head.header("if-none-match").is_none() {
        wrong.push("a delta is asked for, and not since when".to_owned());
    }
    wrong
}
