//! `rssd explain FEED`: when a feed is polled next, by which rule, and which rules lost.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

use super::exit;
use super::server::{Server, ServerArgs, Trouble};
use super::table::table;
use super::when::{ago, at_ms, exactly};
use crate::clock::Clock;
use crate::escape;
use crate::http::words;
use crate::limits::{ASK_SILENCE, EXPLAIN_POLLS_SHOWN};

/// A text of a feed or a server is cut to so many characters.
const CHARS_MAX: usize = 300;

#[derive(clap::Args, Debug)]
pub(super) struct ExplainArgs {
    /// The feed's name
    feed: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print the daemon's answer, one JSON object
    #[arg(long)]
    json: bool,
}

/// Ends with `exit::USAGE` for a feed that there is not, and names those that may be meant.
pub(super) fn run(args: &ExplainArgs) -> u8 {
    let server = Server::new(&args.server, ASK_SILENCE);
    let feed = match server.get_json(&server.route(&["feeds", &args.feed]), &[200]) {
        Ok((_, feed)) => feed,
        Err(Trouble::Refused(refused)) if refused.status == 404 && refused.problem.is_object() => {
            complain!("rssd explain: {}", unknown(&args.feed, &refused.problem));
            return exit::USAGE;
        }
        Err(trouble) => {
            complain!("rssd explain: the daemon at {} {}", server.base(), trouble.sentence());
            return trouble.exit_code();
        }
    };
    let shown = match args.json {
        true => format!("{}\n", escape::json(&feed.to_string())),
        false => for_person(&feed, Clock::system().now_ms()),
    };
    // A reader that left early, as `head` does, is no error.
    let _ = std::io::stdout().lock().write_all(shown.as_bytes());
    exit::FINE
}

fn unknown(name: &str, problem: &Value) -> String {
    let similar: Vec<_> = problem["similar"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let similar = similar.iter().map(|name| escape::line(name, CHARS_MAX)).collect::<Vec<_>>().join(", ");
    let remedy = match similar.is_empty() {
        true => "`rssd status` and /feeds name those that there are".to_owned(),
        false => format!("did you mean {similar}?"),
    };
    format!("there is no feed {:?}; {remedy}", escape::line(name, CHARS_MAX))
}

fn for_person(feed: &Value, now_ms: i64) -> String {
    let text = |key: &str| feed[key].as_str().map(|text| escape::line(text, CHARS_MAX));
    let when = |key: &str| at_ms(&feed[key]).map(|at| exactly(now_ms, at));
    let mut shown = format!("{}: {}\n", text("name").unwrap_or_default(), text("state").unwrap_or_default());
    let next_poll = match at_ms(&feed["gone"]) {
        Some(_) => "never again: the feed says that it is gone".to_owned(),
        None => when("next_poll").unwrap_or_else(|| "as soon as there is room".to_owned()),
    };
    let failing = when("failing_since").map(|since| {
        let times = words::counted(feed["failure_count"].as_u64().unwrap_or(0), "failure");
        format!("{since}, {times} in a row")
    });
    let error = text("last_error").map(|error| match text("last_error_class") {
        Some(class) => format!("{class}: {error}"),
        None => error,
    });
    let moved = text("effective_url").filter(|effective| text("url").as_ref() != Some(effective));
    let facts = [
        ("url", text("url")),
        ("moved to", moved),
        ("next poll", Some(next_poll)),
        ("last polled", when("last_polled").or_else(|| Some("not polled yet".to_owned()))),
        ("last success", when("last_ok")),
        ("gone since", when("gone")),
        ("failing since", failing),
        ("last error", error),
        ("ETag", text("etag")),
        ("Last-Modified", text("last_modified")),
    ];
    // Writing to a string does not fail.
    for (name, fact) in facts {
        if let Some(fact) = fact {
            let _ = writeln!(shown, "  {name:<13}  {fact}");
        }
    }
    shown + &schedule(&feed["schedule"], now_ms) + &polls(&feed["polls"], now_ms)
}

/// The rule that won first, and then those that lost, the nearest to it first.
fn schedule(rules: &Value, now_ms: i64) -> String {
    let Some(rules) = rules.as_array().filter(|rules| !rules.is_empty()) else { return String::new() };
    let mut rules: Vec<&Value> = rules.iter().collect();
    let asked_s = |rule: &Value| rule["asked_s"].as_u64().unwrap_or(0);
    rules.sort_by_key(|rule| (rule["won"] != true, std::cmp::Reverse(asked_s(rule))));
    let row = |rule: &&Value| {
        let text = |key: &str| escape::line(rule[key].as_str().unwrap_or_default(), CHARS_MAX);
        let asked = rule["asked_s"].as_u64().map(|seconds| words::duration(seconds.saturating_mul(1_000)));
        [
            if rule["won"] == true { "won" } else { "lost" }.to_owned(),
            text("rule"),
            asked.unwrap_or_default(),
            at_ms(&rule["until"]).map_or_else(String::new, |until| exactly(now_ms, until)),
            text("note"),
        ]
    };
    let rows: Vec<_> = rules.iter().map(row).collect();
    format!("\n{}", table(["", "rule", "asks for", "until", "note"], &rows))
}

fn polls(polls: &Value, now_ms: i64) -> String {
    let polls = polls.as_array().map_or(&[][..], |polls| polls);
    if polls.is_empty() {
        return String::new();
    }
    let row = |poll: &Value| {
        let number = |key: &str| poll[key].as_u64().map_or_else(|| "-".to_owned(), |n| n.to_string());
        let text = |key: &str| escape::line(poll[key].as_str().unwrap_or_default(), CHARS_MAX);
        let took = poll["total_ms"].as_u64().map_or_else(String::new, words::duration);
        let when = at_ms(&poll["started"]).map_or_else(String::new, |at| ago(now_ms, at));
        [when, number("status"), text("outcome"), number("new_articles"), took, text("error")]
    };
    let rows: Vec<_> = polls.iter().take(EXPLAIN_POLLS_SHOWN).map(row).collect();
    format!("\n{}", table(["polled", "status", "outcome", "new", "took", "error"], &rows))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn the_rule_that_won_stands_above_those_that_lost() {
        let feed = json!({
            "name": "slow", "url": "http://a/", "effective_url": "http://b/", "state": "failing",
            "next_poll": "1970-01-01T05:00:00Z", "last_polled": "1970-01-01T02:59:00Z", "last_ok": null, "gone": null,
            "failing_since": "1970-01-01T00:00:00Z", "failure_count": 3, "last_error": "odd \u{1b}[2J", "last_error_class": "dns",
            "etag": "\"x\"", "last_modified": null,
            "schedule": [{"rule": "interval", "asked_s": 900, "won": false}, {"rule": "max-age", "asked_s": 3600, "won": false},
                {"rule": "backoff", "asked_s": 7200, "won": true, "until": "1970-01-01T05:00:00Z", "note": "3 failures"}],
            "polls": [{"started": "1970-01-01T02:59:00Z", "status": 200, "outcome": "failed", "new_articles": 0, "total_ms": 31,
                "error": "odd"}, {"started": "1970-01-01T01:00:00Z", "status": null, "outcome": "failed", "total_ms": 5000}]
        });
        let want = "\
slow: failing
  url            http://a/
  moved to       http://b/
  next poll      in 2 hours (1970-01-01 05:00:00Z)
  last polled    1 minute ago (1970-01-01 02:59:00Z)
  failing since  3 hours ago (1970-01-01 00:00:00Z), 3 failures in a row
  last error     dns: odd \\u{1b}[2J
  ETag           \"x\"

      rule      asks for  until                              note
won   backoff   2 h       in 2 hours (1970-01-01 05:00:00Z)  3 failures
lost  max-age   1 h
lost  interval  15 m

polled        status  outcome  new  took   error
1 minute ago  200     failed   0    31 ms  odd
2 hours ago   -       failed   -    5.0 s
";
        assert_eq!(for_person(&feed, 3 * HOUR_MS), want);
    }

    #[test]
    fn a_feed_without_a_past_has_a_next_poll_all_the_same() {
        let feed =
            json!({"name": "new", "url": "http://a/", "effective_url": "http://a/", "state": "new", "polls": []});
        let want = "new: new\n  url            http://a/\n  next poll      as soon as there is room\n  last polled    not polled yet\n";
        assert_eq!(for_person(&feed, 0), want);
        let gone = for_person(&json!({"name": "g", "state": "gone", "gone": "1970-01-01T00:00:00Z"}), 0);
        assert!(gone.contains("never again"), "{gone}");
    }

    #[test]
    fn an_unknown_feed_is_not_left_alone() {
        let problem = json!({"status": 404, "similar": ["bbc-world", "bbc\u{1b}"]});
        assert_eq!(
            unknown("bbc-wrold", &problem),
            "there is no feed \"bbc-wrold\"; did you mean bbc-world, bbc\\u{1b}?"
        );
        assert!(unknown("x", &json!({})).contains("/feeds"));
    }
}
