//! What the schedule keeps of a feed in the database, as JSON: why it comes back when it does, what its document said, and
//! how often it brings something.
//!
//! What cannot be read, because somebody edited it or a newer release wrote it, reads as nothing known.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Asked, Cadence, Hints, Next, Rule};
use crate::article::Skip;
use crate::store::Planning;

/// The rules that spoke, as `/feeds/NAME` gives them: `[{"rule","asked_s","won","until"?,"note"?}]`.
pub(crate) fn write_rules(next: &Next) -> String {
    let rules = next.rules.iter().map(|asked| {
        let mut value = to_json(asked);
        if asked.rule == Rule::Gone && next.is_given_up {
            value["note"] = format!(
                "given up after {} answers of 410; asked again once anything of the feed changes in feeds.toml",
                next.gone_count
            )
            .into();
        }
        value
    });
    Value::from_iter(rules).to_string()
}

fn to_json(asked: &Asked) -> Value {
    let seconds = asked.wait.as_secs() + u64::from(asked.wait.subsec_nanos() > 0);
    let mut value = json!({ "rule": asked.rule.name(), "asked_s": seconds, "won": asked.won });
    if let Some(until) = asked.until_ms.and_then(|at_ms| jiff::Timestamp::from_millisecond(at_ms).ok()) {
        value["until"] = until.to_string().into();
    }
    value
}

/// A feed's rules as [`write_rules`] keeps them, once its host asked to be left alone for `wait`, until `until_ms`.
pub(crate) fn write_held(json: Option<&str>, wait: Duration, until_ms: i64) -> String {
    let mut rules = read_rules(json);
    rules.retain(|asked| asked.rule != Rule::HostRetryAfter);
    rules.iter_mut().for_each(|asked| asked.won = false);
    rules.push(Asked { rule: Rule::HostRetryAfter, wait, won: true, until_ms: Some(until_ms) });
    Value::from_iter(rules.iter().map(to_json)).to_string()
}

/// The rules back; those of other releases are left out.
pub(crate) fn read_rules(json: Option<&str>) -> Vec<Asked> {
    #[derive(Deserialize)]
    struct Told {
        rule: String,
        asked_s: u64,
        won: bool,
        until: Option<String>,
    }
    let told: Vec<Told> = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let asked = |told: Told| {
        let until = told.until.and_then(|until| until.parse::<jiff::Timestamp>().ok());
        Some(Asked {
            rule: Rule::of(&told.rule)?,
            wait: Duration::from_secs(told.asked_s),
            won: told.won,
            until_ms: until.map(jiff::Timestamp::as_millisecond),
        })
    };
    told.into_iter().filter_map(asked).collect()
}

/// Until when a feed's kept rules say that its whole host is to be left alone, in milliseconds since 1970.
pub(crate) fn held_until(json: Option<&str>) -> Option<i64> {
    let json = json.filter(|json| json.contains(Rule::HostRetryAfter.name()))?;
    read_rules(Some(json)).iter().filter(|asked| asked.rule == Rule::HostRetryAfter).find_map(|asked| asked.until_ms)
}

/// The most that a publisher is known to wish for, by the name of its rule: what its last document said, and what was said
/// when the last poll was planned.
pub(crate) fn longest_wish(planning: &Planning) -> Option<(&'static str, Duration)> {
    let hints = read_hints(planning.hints.as_deref());
    let of_document = [(Rule::Ttl, hints.ttl), (Rule::UpdatePeriod, hints.update_period)];
    let of_document = of_document.into_iter().filter_map(|(rule, wait)| Some((rule.name(), wait?)));
    let of_poll = read_rules(planning.schedule.as_deref()).into_iter().filter(|asked| asked.rule.is_wish());
    of_document.chain(of_poll.map(|asked| (asked.rule.name(), asked.wait))).max_by_key(|(_, wait)| *wait)
}

/// [`Hints`] as they are kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct KeptHints {
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_period_s: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skip_hours: Vec<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skip_days: Vec<String>,
}

/// A document's hints; `None` where it gives none.
pub(crate) fn write_hints(hints: &Hints) -> Option<String> {
    if *hints == Hints::default() {
        return None;
    }
    let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs());
    let kept = KeptHints {
        ttl_s: seconds(hints.ttl),
        update_period_s: seconds(hints.update_period),
        skip_hours: (0..24).filter(|hour| hints.skip.hours & (1 << hour) != 0).collect(),
        skip_days: hints.skip.day_names().map(str::to_owned).collect(),
    };
    Some(serde_json::to_string(&kept).expect("numbers and strings always have a JSON form"))
}

pub(crate) fn read_hints(json: Option<&str>) -> Hints {
    let kept: KeptHints = json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let mut skip = Skip::default();
    kept.skip_hours.into_iter().for_each(|hour| skip.add_hour(hour));
    kept.skip_days.iter().for_each(|day| skip.add_day(day));
    Hints {
        ttl: kept.ttl_s.map(Duration::from_secs),
        update_period: kept.update_period_s.map(Duration::from_secs),
        skip,
    }
}

/// [`Cadence`] as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptCadence {
    since: i64,
    last_arrival: i64,
    arrivals: u32,
    gap_ms: u64,
}

pub(crate) fn write_cadence(cadence: &Cadence) -> String {
    let Cadence { since_ms, arrival_ms, arrivals, gap_ms } = *cadence;
    let kept = KeptCadence { since: since_ms, last_arrival: arrival_ms, arrivals, gap_ms };
    serde_json::to_string(&kept).expect("numbers always have a JSON form")
}

pub(crate) fn read_cadence(json: Option<&str>) -> Option<Cadence> {
    let KeptCadence { since, last_arrival, arrivals, gap_ms } = serde_json::from_str(json?).ok()?;
    Some(Cadence { since_ms: since, arrival_ms: last_arrival, arrivals, gap_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_772_323_200_000;

    fn next(rules: Vec<Asked>, gone_count: u32) -> Next {
        Next {
            wait: Duration::from_secs(1),
            at_ms: NOW_MS + 1_000,
            is_given_up: gone_count > 2,
            failure_count: 0,
            gone_count,
            rules,
        }
    }

    #[test]
    fn every_rule_is_kept_under_its_name() {
        let rules: Vec<Asked> = (Rule::ALL.into_iter().enumerate())
            .map(|(index, rule)| Asked {
                rule,
                wait: Duration::from_secs(900 + index as u64),
                won: index == 0,
                until_ms: (index % 2 == 0).then_some(NOW_MS + index as i64),
            })
            .collect();
        let kept = write_rules(&next(rules.clone(), 0));
        assert!(kept.starts_with(r#"[{"rule":"interval","asked_s":900,"won":true,"until":"2026-03-01T00:00:00Z"},"#));
        assert_eq!(read_rules(Some(&kept)), rules);
        assert!(!kept.contains("note"));
    }

    #[test]
    fn a_feed_that_is_given_up_has_a_note() {
        let asked = Asked { rule: Rule::Gone, wait: Duration::from_secs(86_400), won: true, until_ms: None };
        let kept = write_rules(&next(vec![asked], 3));
        assert!(kept.contains(r#""note":"given up after 3 answers of 410; "#), "{kept}");
        assert_eq!(read_rules(Some(&kept)), [asked]);
    }

    #[test]
    fn a_host_is_held_by_what_one_of_its_feeds_has_kept() {
        let asked = |rule| Asked { rule, wait: Duration::from_secs(60), won: true, until_ms: Some(NOW_MS) };
        for (rule, held) in [(Rule::HostRetryAfter, Some(NOW_MS)), (Rule::RetryAfter, None)] {
            assert_eq!(held_until(Some(&write_rules(&next(vec![asked(rule)], 0)))), held);
        }
        assert_eq!(held_until(None), None);
    }

    #[test]
    fn a_feed_that_is_held_with_its_host_says_so_and_keeps_its_other_rules() {
        let asked = Asked { rule: Rule::Ttl, wait: Duration::from_secs(60), won: true, until_ms: None };
        let kept = write_rules(&next(vec![asked], 0));
        let hold = Asked {
            rule: Rule::HostRetryAfter,
            wait: Duration::from_secs(3_600),
            won: true,
            until_ms: Some(NOW_MS + 3_600_000),
        };
        let held = write_held(Some(&kept), hold.wait, NOW_MS + 3_600_000);
        assert_eq!(read_rules(Some(&held)), [Asked { won: false, ..asked }, hold]);
        assert_eq!(held_until(Some(&held)), Some(NOW_MS + 3_600_000));
        let twice = write_held(Some(&held), hold.wait, NOW_MS + 3_600_000);
        assert_eq!(twice, held);
        assert_eq!(read_rules(Some(&write_held(None, hold.wait, NOW_MS + 3_600_000))), [hold]);
    }

    #[test]
    fn hints_and_cadence_come_back_as_they_were() {
        let mut skip = Skip::default();
        [0, 23].into_iter().for_each(|hour| skip.add_hour(hour));
        ["Sunday", "monday"].into_iter().for_each(|day| skip.add_day(day));
        let hour = Some(Duration::from_secs(3_600));
        for hints in [
            Hints::default(),
            Hints { ttl: hour, ..Hints::default() },
            Hints { update_period: hour, skip, ..Hints::default() },
        ] {
            assert_eq!(read_hints(write_hints(&hints).as_deref()), hints);
        }
        let kept = write_hints(&Hints { ttl: hour, update_period: hour, skip });
        let expected = r#"{"ttl_s":3600,"update_period_s":3600,"skip_hours":[0,23],"skip_days":["Monday","Sunday"]}"#;
        assert_eq!(kept.as_deref(), Some(expected));
        let cadence = Cadence::begin(NOW_MS).with_arrival(NOW_MS + 5);
        assert_eq!(read_cadence(Some(&write_cadence(&cadence))), Some(cadence));
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        for json in ["", "{", "null", "[true]", r#"[{"rule":"moon","asked_s":1,"won":true}]"#, r#"{"ttl_s":-1}"#] {
            assert_eq!(read_rules(Some(json)), []);
            assert_eq!(held_until(Some(json)), None);
            assert_eq!(read_hints(Some(json)), Hints::default());
            assert_eq!(read_cadence(Some(json)), None);
        }
        let known = r#"[{"rule":"moon","asked_s":1,"won":false},{"rule":"ttl","asked_s":60,"won":true}]"#;
        assert_eq!(read_rules(Some(known)).len(), 1);
    }
}
