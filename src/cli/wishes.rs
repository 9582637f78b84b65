//! What `rssd check` warns of: feeds that are polled faster than their publishers wish, and feeds that are polled no more.
//!
//! Neither is a mistake: what publishers wish is known from the database alone, and changes with every poll.

use std::collections::HashMap;

use crate::config::Feed;
use crate::config::units::show_duration;
use crate::limits::{GONE_POLLS_MAX, INTERVAL_BOUNDS};
use crate::poll;
use crate::schedule;
use crate::store::Planned;

/// A line for each feed that has something to be said of it, in the order of the configuration.
pub(super) fn warnings(feeds: &[Feed], planned: &[Planned]) -> Vec<String> {
    let by_name: HashMap<&str, &Planned> = planned.iter().map(|planned| (planned.name.as_str(), planned)).collect();
    let known = |feed: &Feed| by_name.get(feed.name.as_str()).copied().filter(|known| known.url == feed.url.as_str());
    feeds.iter().filter_map(|feed| warning(feed, known(feed)?)).collect()
}

fn warning(feed: &Feed, known: &Planned) -> Option<String> {
    let name = &feed.name;
    if poll::is_given_up(feed, &known.planning) {
        return Some(format!(
            "feed {name}: is not polled any more, since it answered 410 (gone) {GONE_POLLS_MAX} times in a row; remove it, or \
             change anything of it to have it asked again"
        ));
    }
    let (rule, wish) = schedule::longest_wish(&known.planning)?;
    if wish <= feed.interval_max {
        return None;
    }
    let (asked, most) = (show_duration(wish), show_duration(feed.interval_max));
    let remedy = match wish.min(*INTERVAL_BOUNDS.end()) {
        bound if bound < wish => format!("write at most interval_max = {:?}", show_duration(bound)),
        enough => format!("write interval_max = {:?} or more", show_duration(enough)),
    };
    Some(format!(
        "feed {name}: is polled faster than its publisher wishes: {rule} asks for {asked} and interval_max = {most:?} allows less; {remedy}"
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Planning;

    fn feed(interval_max_s: u64) -> Feed {
        let mut feed = Feed::new("a", url::Url::parse("https://example.org/a").unwrap());
        feed.interval_max = Duration::from_secs(interval_max_s);
        feed
    }

    fn planned(schedule: &str, hints: &str) -> Planned {
        let planning = Planning { schedule: Some(schedule.into()), hints: Some(hints.into()), ..Planning::default() };
        Planned { name: "a".into(), url: "https://example.org/a".into(), planning }
    }

    #[test]
    fn a_wish_that_interval_max_cuts_short_is_told_with_its_rule_and_remedy() {
        let day = 86_400;
        let max_age =
            r#"[{"rule":"interval","asked_s":900,"won":false},{"rule":"max_age","asked_s":172800,"won":true}]"#;
        let retry =
            r#"[{"rule":"retry_after","asked_s":2000000,"won":true},{"rule":"interval","asked_s":99999,"won":false}]"#;
        for (interval_max_s, schedule, hints, expected) in [
            (
                day,
                max_age,
                "{}",
                Some("max_age asks for 2d and interval_max = \"1d\" allows less; write interval_max = \"2d\" or more"),
            ),
            (2 * day, max_age, "{}", None),
            // Kept with the feed, while the last poll failed and had no headers to go by.
            (day, "[]", r#"{"ttl_s":604800,"update_period_s":3600}"#, Some("ttl asks for 7d and")),
            (3_600, "[]", r#"{"update_period_s":7200}"#, Some("update_period asks for 2h and")),
            (day, "[]", r#"{"ttl_s":31536000}"#, Some("write at most interval_max = \"31d\"")),
            // Neither ours nor cut by anything.
            (day, retry, "{}", None),
            (day, "", "", None),
        ] {
            let told = warnings(&[feed(interval_max_s)], &[planned(schedule, hints)]);
            match expected {
                Some(expected) => assert!(told.len() == 1 && told[0].contains(expected), "{told:?}"),
                None => assert_eq!(told, [""; 0]),
            }
        }
        let mut elsewhere = planned(max_age, "{}");
        elsewhere.url = "https://old.example/a".into();
        assert_eq!(warnings(&[feed(day)], &[elsewhere]), [""; 0], "another URL is another publisher");
    }
}
