//! Round 1: healthy feeds among hung, dripping, endless and refusing ones. Nobody waits for the bad ones, and each of
//! those ends by a deadline of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::feeds::Group;
use super::narrator::{Promise, grouped};
use super::stage::{End, Stage, all_polled, in_flight};
use crate::daemon::Daemon;
use crate::store::LastPoll;

/// From 5 s to 7.4 s, each another, so that the deadlines are seen to be the feeds' own.
const HUNG: Group = Group { read_timeout_ms: (5_000, 100), ..Group::new("hung", 25, &["hung", "hung-body"]) };
const DRIPPING: Group = Group::new("dripping", 25, &["dripping", "dripping-header"]);
const ENDLESS: Group = Group { body_bytes_max: "1MiB", ..Group::new("endless", 10, &ENDLESS_SCENARIOS) };
const ENDLESS_SCENARIOS: [&str; 5] = ["endless", "endless-close", "endless-headers", "endless-header", "endless-100"];
const REFUSING: Group = Group::new("refusing", 10, &["refusing"]);
pub(super) const HEALTHY: Group = Group::new("healthy", 430, &["healthy?articles=30"]);
const HEALTHY_ARTICLES: u64 = HEALTHY.count * 30;

/// The bad ones first, so that they are all in flight before the first healthy one is asked.
const GROUPS: &[Group] = &[HUNG, DRIPPING, ENDLESS, REFUSING, HEALTHY];
const BAD_GROUPS: &[Group] = &[REFUSING, ENDLESS, DRIPPING, HUNG];
/// Those that nothing but a deadline ends.
const SILENT: u64 = HUNG.count + DRIPPING.count;

/// A hung feed ends this close to its deadline.
const DEADLINE_OFF_MS_MAX: u64 = 1_000;
/// The round is given up after so long: then nothing else was kept either.
const ROUND_MAX: Duration = Duration::from_secs(20);

/// Plays the round, and gives what it promised.
pub(super) fn play(stage: &mut Stage) -> Result<Vec<Promise>, End> {
    let feeds: u64 = GROUPS.iter().map(|group| group.count).sum();
    let groups: Vec<String> = GROUPS.iter().map(|group| format!("{} {}", group.count, group.name)).collect();
    stage.narrator.title(&format!("Round 1: {feeds} feeds at once: {}", groups.join(", ")));
    stage.narrator.say(&format!("a hostile feed server listens on http://{}", stage.tarpit.addr()));
    stage.narrator.say(&format!("the daemon starts on an empty database, {}", stage.db().display()));
    let (round, _) = stage.with_daemon(GROUPS, true, watch)?;
    stage.narrator.say(&format!("all {feeds} feeds were polled, and the daemon ended by itself"));
    let polls = stage.last_polls()?;
    let mut promises = vec![round.stored(), deadlines(&polls), phases(&polls)];
    promises.extend([&DRIPPING, &ENDLESS, &REFUSING].map(|group| cut_off(group, &polls)));
    Ok(promises)
}

/// What was seen while the round went on.
#[derive(Default)]
struct Round {
    /// Articles in the database, and fetches in flight, when the last healthy feed had been polled.
    healthy_done: Option<(u64, u64)>,
    /// How many feeds of each group had ended when it was last told of.
    told: BTreeMap<&'static str, u64>,
}

fn watch(stage: &mut Stage, daemon: &Daemon) -> Result<Round, End> {
    let mut round = Round::default();
    stage.look_until(daemon, ROUND_MAX, |stage| {
        // Asked first: what is read afterwards is then all there is.
        let is_done = all_polled(daemon);
        let polls = stage.last_polls()?;
        round.tell_of_healthy(stage, daemon, &polls)?;
        for group in BAD_GROUPS {
            round.tell_of(stage, group, &polls);
        }
        Ok(is_done)
    })?;
    Ok(round)
}

impl Round {
    fn tell_of_healthy(&mut self, stage: &mut Stage, daemon: &Daemon, polls: &[LastPoll]) -> Result<(), End> {
        if self.healthy_done.is_some() || count_of(&HEALTHY, polls) < HEALTHY.count {
            return Ok(());
        }
        let waiting = in_flight(daemon) as u64;
        let articles = stage.summary()?.articles;
        self.healthy_done = Some((articles, waiting));
        let (articles, feeds) = (grouped(articles), HEALTHY.count);
        stage.narrator.say(&format!("{articles} articles of the {feeds} healthy feeds are in SQLite already"));
        stage.process.look();
        let (threads, memory_mib) = (stage.process.threads, stage.process.memory_mib());
        stage.narrator.aside(&format!(
            "{waiting} fetches still hang, each a parked stack and a descriptor: {threads} threads and {memory_mib} MiB \
             in all"
        ));
        Ok(())
    }

    /// Tells of the first of a group that ended, of every fifth, and of the last.
    fn tell_of(&mut self, stage: &Stage, group: &Group, polls: &[LastPoll]) {
        let ended: Vec<&LastPoll> = of(group, polls).map(|(_, poll)| poll).collect();
        let (count, told) = (ended.len() as u64, self.told.entry(group.name).or_default());
        let is_last = count == group.count;
        if count == *told || !(is_last || *told == 0 || count / 5 > *told / 5) {
            return;
        }
        *told = count;
        let Group { name, count: all, .. } = group;
        stage.narrator.say(&format!("{count} of {all} {name} feeds have ended: {}", outcomes(&ended)));
        if let (Some(latest), true) = (ended.iter().max_by_key(|poll| poll.total_ms), is_last) {
            let seconds = seconds(latest.total_ms);
            let error = latest.error.as_deref().unwrap_or("without an error");
            stage.narrator.aside(&format!("{} after {seconds}: {}", latest.feed, crate::escape::lines(error)));
        }
    }

    fn stored(&self) -> Promise {
        let expected = format!("{} while {SILENT} hang", grouped(HEALTHY_ARTICLES));
        let what = "articles of healthy feeds stored";
        match self.healthy_done {
            Some((articles, waiting)) => {
                let kept = articles == HEALTHY_ARTICLES && waiting >= SILENT;
                Promise::new(what, expected, format!("{} while {waiting} hang", grouped(articles)), kept)
            }
            None => Promise::new(what, expected, "not all were polled", false),
        }
    }
}

/// Each hung feed ends at its own deadline: not late, and not before it either. `read_timeout` is for the phase that hung,
/// whose time is the longer one.
fn deadlines(polls: &[LastPoll]) -> Promise {
    let off = |(number, poll): (u64, &LastPoll)| {
        HUNG.read_timeout_ms_of(number).abs_diff(poll.first_byte_ms.max(poll.body_ms))
    };
    let (count, off_ms) = (count_of(&HUNG, polls), of(&HUNG, polls).map(off).max().unwrap_or(0));
    Promise::new(
        "hung feeds ended at their own deadline",
        format!("{}, within {}", HUNG.count, seconds(DEADLINE_OFF_MS_MAX)),
        format!("{count}, within {}", seconds(off_ms)),
        count == HUNG.count && off_ms <= DEADLINE_OFF_MS_MAX,
    )
}

/// What hung is named by its class of error.
fn phases(polls: &[LastPoll]) -> Promise {
    let ended: Vec<&LastPoll> = of(&HUNG, polls).map(|(_, poll)| poll).collect();
    let kept = ended.len() as u64 == HUNG.count && ended.iter().all(|poll| poll.outcome.starts_with("timeout("));
    Promise::new("their error names the phase", "timeout(PHASE)", outcomes(&ended), kept)
}

fn cut_off(group: &Group, polls: &[LastPoll]) -> Promise {
    let what = match group.name {
        "dripping" => "dripping feeds cut off",
        "endless" => "endless feeds cut off",
        _ => "refusing feeds noted as failed",
    };
    let failed: Vec<&LastPoll> = of(group, polls).map(|(_, poll)| poll).filter(|poll| poll.error.is_some()).collect();
    let kept = failed.len() as u64 == group.count;
    Promise::new(what, group.count.to_string(), outcomes(&failed), kept)
}

/// The polls of a group's feeds, with the feeds' numbers.
fn of<'a>(group: &'a Group, polls: &'a [LastPoll]) -> impl Iterator<Item = (u64, &'a LastPoll)> {
    polls.iter().filter_map(|poll| Some((group.number_of(&poll.feed)?, poll)))
}

fn count_of(group: &Group, polls: &[LastPoll]) -> u64 {
    of(group, polls).count() as u64
}

/// How many ended how: `13 timeout(first byte), 12 timeout(body)`.
fn outcomes(polls: &[&LastPoll]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for poll in polls {
        *counts.entry(&poll.outcome).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
}

/// Milliseconds as a person reads them: `4.01 s`.
fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(feed: String, outcome: &str, total_ms: u64) -> LastPoll {
        let error = (outcome != "ok").then(|| "a reason".to_owned());
        LastPoll {
            feed,
            outcome: outcome.to_owned(),
            status: None,
            first_byte_ms: total_ms,
            body_ms: 0,
            total_ms,
            new_count: 0,
            error,
        }
    }

    fn hung(outcome: &str, off_ms: i64) -> Vec<LastPoll> {
        let at = |number| HUNG.read_timeout_ms_of(number).saturating_add_signed(off_ms);
        (1..=HUNG.count).map(|number| poll(format!("hung-{number}"), outcome, at(number))).collect()
    }

    #[test]
    fn a_deadline_is_kept_on_both_sides() {
        for (off_ms, kept) in [(0, true), (1_000, true), (1_001, false), (-1_000, true), (-1_001, false)] {
            assert_eq!(deadlines(&hung("timeout(body)", off_ms)).kept, kept, "{off_ms}");
        }
        assert!(!deadlines(&hung("timeout(body)", 0)[1..]).kept, "one is missing");
    }

    #[test]
    fn the_phase_must_be_named() {
        assert!(phases(&hung("timeout(first byte)", 0)).kept);
        assert!(!phases(&hung("connect", 0)).kept);
        assert!(!phases(&[]).kept);
    }

    #[test]
    fn healthy_articles_are_stored_only_if_the_others_still_hang() {
        for (healthy_done, kept) in
            [(Some((12_900, 50)), true), (Some((12_900, 49)), false), (Some((12_899, 50)), false), (None, false)]
        {
            assert_eq!(Round { healthy_done, ..Round::default() }.stored().kept, kept, "{healthy_done:?}");
        }
    }

    #[test]
    fn a_feed_that_did_not_fail_was_not_cut_off() {
        let polls = |outcome: &str| (1..=10).map(|n| poll(format!("endless-{n}"), outcome, 5)).collect::<Vec<_>>();
        let promise = cut_off(&ENDLESS, &polls("too_large"));
        assert_eq!((promise.seen.as_str(), promise.kept), ("10 too_large", true));
        assert!(!cut_off(&ENDLESS, &polls("ok")).kept);
    }

    #[test]
    fn seconds_for_a_person() {
        assert_eq!([0, 9, 10, 4_010, 61_999].map(seconds), ["0.00 s", "0.00 s", "0.01 s", "4.01 s", "61.99 s"]);
    }
}
