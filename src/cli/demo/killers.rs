//! Parser killers and liars beside feeds that grow, and at the end an orderly stop with hung fetches in flight.

use std::time::Duration;

use super::feeds::Group;
use super::narrator::Promise;
use super::stage::{Drained, End, Stage, in_flight};
use crate::daemon::Daemon;
use crate::escape;
use crate::store::LastPoll;

/// They would hang for most of a minute, if nobody stopped the daemon. Not the names of the first round: the database
/// remembers those, and a restarted daemon asks nobody early.
const HUNG: Group = Group { read_timeout_ms: (50_000, 0), ..Group::new("still-hung", 25, &["hung"]) };
pub(super) const GROWING: Group = Group { interval: "1s", ..Group::new("growing", 10, &["growing"]) };
/// Each aborts, panics, blows up or deceives a reader that trusts it.
const KILLERS: &[Group] = &[
    Group::new("nested-media", 1, &["nested-media?depth=5000"]),
    Group::new("long-duration", 1, &["long-duration"]),
    Group::new("billion-laughs", 1, &["billion-laughs"]),
    Group::new("many-entries", 1, &["many-entries?entries=200000"]),
    Group::new("many-attributes", 1, &["many-attributes?attributes=80000"]),
    Group::new("gzip-bomb", 1, &["gzip-bomb?mib=64"]),
    Group::new("web-page", 1, &["html"]),
    Group::new("not-gzip", 1, &["not-gzip"]),
    Group::new("length-lie", 1, &["length-long"]),
    Group::new("redirect-loop", 1, &["redirect-loop"]),
];

/// Killers are waited for so long, ...
const KILLERS_MAX: Duration = Duration::from_secs(20);
/// ... and then growing feeds for so long.
const GROWTH_MAX: Duration = Duration::from_secs(10);
/// New articles that show that the daemon goes on.
const GROWTH: u64 = 10;
const DRAIN_MS_MAX: u64 = 5_000;
/// A reason is cut here for a person.
const REASON_CHARS_MAX: usize = 90;

/// Plays the act, and gives what it promised.
pub(super) fn play(stage: &mut Stage) -> Result<Vec<Promise>, End> {
    let (killers, hung, growing) = (KILLERS.len(), HUNG.count, GROWING.count);
    stage.narrator.title(&format!(
        "Round 3: {killers} parser killers and liars, beside {hung} hung feeds and {growing} that grow every second"
    ));
    let groups: Vec<Group> = [HUNG, GROWING].into_iter().chain(KILLERS.iter().cloned()).collect();
    let (seen, drained) = stage.with_daemon(&groups, false, watch)?;
    let Drained { orderly, ms } = drained;
    stage.narrator.say(&format!("asked to stop with {} fetches in flight: gone after {ms} ms", seen.in_flight));
    stage.narrator.aside("fetches are cancelled, not waited for; what is parsed is committed first");
    let polls = stage.last_polls()?;
    Ok(vec![
        survived(&polls),
        Promise::new(
            "new articles of growing feeds after them",
            format!("{GROWTH} or more"),
            seen.growth.to_string(),
            seen.growth >= GROWTH,
        ),
        Promise::new(
            "an orderly stop",
            format!("within {} s, {hung} fetches hung", DRAIN_MS_MAX / 1000),
            format!("{ms} ms, {} in flight", seen.in_flight),
            orderly && ms < DRAIN_MS_MAX && seen.in_flight as u64 >= hung,
        ),
    ])
}

struct Seen {
    /// Articles stored since the last killer ended.
    growth: u64,
    /// Fetches in flight just before the stop.
    in_flight: usize,
}

fn watch(stage: &mut Stage, daemon: &Daemon) -> Result<Seen, End> {
    let mut told: Vec<String> = Vec::new();
    stage.look_until(daemon, KILLERS_MAX, |stage| {
        for poll in stage.last_polls()?.iter().filter(|poll| is_killer(&poll.feed)) {
            if !told.contains(&poll.feed) {
                tell_of(stage, poll);
                told.push(poll.feed.clone());
            }
        }
        Ok(told.len() == KILLERS.len())
    })?;
    let before = stage.summary()?.articles;
    let mut growth = 0;
    stage.look_until(daemon, GROWTH_MAX, |stage| {
        growth = stage.summary()?.articles.saturating_sub(before);
        Ok(growth >= GROWTH && in_flight(daemon) as u64 >= HUNG.count)
    })?;
    stage.narrator.say(&format!("the daemon goes on: {growth} new articles of growing feeds since the last of them"));
    Ok(Seen { growth, in_flight: in_flight(daemon) })
}

fn is_killer(feed: &str) -> bool {
    KILLERS.iter().any(|group| group.number_of(feed).is_some())
}

fn tell_of(stage: &Stage, poll: &LastPoll) {
    let name = poll.feed.trim_end_matches("-1");
    let what = match &poll.error {
        Some(error) => {
            let reason: String = escape::lines(error).chars().take(REASON_CHARS_MAX).collect();
            format!("{}: {reason}", poll.outcome)
        }
        None => format!("read, and {} articles kept of it", poll.new_count),
    };
    stage.narrator.say(&format!("{name:16} {what}"));
}

/// Every killer was dealt with: refused with a reason, or read with what it held made harmless.
fn survived(polls: &[LastPoll]) -> Promise {
    let ended: Vec<&LastPoll> = polls.iter().filter(|poll| is_killer(&poll.feed)).collect();
    let refused = ended.iter().filter(|poll| poll.error.as_deref().is_some_and(|error| !error.is_empty())).count();
    let read = ended.iter().filter(|poll| poll.outcome == "ok" && poll.new_count > 0).count();
    Promise::new(
        "parser killers and liars survived",
        format!("{}, each with its reason", KILLERS.len()),
        format!("{refused} refused with a reason, {read} read"),
        refused + read == KILLERS.len(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(group: &Group, error: Option<&str>, new_count: u64) -> LastPoll {
        let outcome = if error.is_some() { "panic" } else { "ok" }.to_owned();
        let error = error.map(str::to_owned);
        LastPoll {
            feed: format!("{}-1", group.name),
            outcome,
            status: None,
            first_byte_ms: 1,
            body_ms: 0,
            total_ms: 1,
            new_count,
            error,
        }
    }

    #[test]
    fn a_killer_without_a_reason_is_not_survived() {
        for (error, new_count, kept) in
            [(Some("it panicked"), 0, true), (None, 3, true), (Some(""), 0, false), (None, 0, false)]
        {
            let polls: Vec<LastPoll> = KILLERS.iter().map(|group| poll(group, error, new_count)).collect();
            assert_eq!(survived(&polls).kept, kept, "{error:?} {new_count}");
        }
        assert!(!survived(&[]).kept);
    }
}
