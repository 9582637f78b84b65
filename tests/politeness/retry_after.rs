//! `Retry-After` in every form and on every status that it counts on, from an answer to the polls that do not come.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rssd::clock::Clock;
use rssd::tarpit::Answer;
use serde_json::Value;

use super::{RSS, asked};
use crate::support::{Feeds, Home, guids, rss, tarpit};

const HOUR_S: i64 = 3_600;

#[test]
fn every_form_counts_on_every_status_and_interval_max_cuts_none_short() {
    let tarpit = tarpit();
    let at_s = Clock::system().now_ms() / 1_000 + 3 * HOUR_S;
    let at = Timestamp::from_second(at_s).expect("it is a time").to_zoned(TimeZone::UTC);
    let forms = [
        ("seconds", (3 * HOUR_S).to_string()),
        ("imf", at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("rfc850", at.strftime("%A, %d-%b-%y %H:%M:%S GMT").to_string()),
        ("asctime", at.strftime("%a %b %e %H:%M:%S %Y").to_string()),
    ];
    let statuses = [429, 503, 301, 302, 307];
    let mut feeds = Feeds::new()
        .default("interval_max = \"1h\"")
        .feed_with(
            "control",
            tarpit.url("control.localhost", "/growing/1"),
            "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"2s\"",
        )
        // Where it means nothing.
        .feed("fine", tarpit.url("fine.localhost", "/feed"))
        .feed("failing", tarpit.url("failing.localhost", "/feed"));
    let later = |answer: Answer| answer.header("Retry-After", "10800");
    tarpit.route("fine.localhost", "/feed", later(Answer::ok(RSS, rss("fine", guids("fine", 1)))));
    tarpit.route("failing.localhost", "/feed", later(Answer::status(404)));
    let mut names = Vec::new();
    for (form, value) in &forms {
        for status in statuses {
            let name = format!("{form}-{status}");
            let host = format!("{name}.localhost");
            let answer = match status {
                300..=399 => Answer::redirect(status, "/target"),
                _ => Answer::status(status),
            };
            tarpit.route(&host, "/feed", answer.header("Retry-After", value));
            tarpit.route(&host, "/target", Answer::ok(RSS, rss(&name, guids(&name, 1))));
            feeds = feeds.feed(&name, tarpit.url(&host, "/feed"));
            names.push((name, status));
        }
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let db = home.db_soon();
    let count = names.len() as i64;
    daemon
        .wait_for("the first round", |_| db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 0") == count + 3);
    for (name, status) in &names {
        let told = |column: &str| format!("SELECT {column} FROM feed WHERE name = '{name}'");
        let rules: Vec<Value> = serde_json::from_str(&db.one::<String>(&told("schedule"))).expect("it is JSON");
        let won = rules.iter().find(|rule| rule["won"] == true).expect("one wins");
        assert_eq!(won["rule"], if *status == 429 { "host_retry_after" } else { "retry_after" }, "{name}: {rules:?}");
        let until: Timestamp = won["until"].as_str().and_then(|until| until.parse().ok()).expect("a moment");
        // Seconds count from when the answer was read; a date is a date.
        let is_exact = !name.starts_with("seconds");
        assert!(if is_exact { until.as_second() == at_s } else { until.as_second() >= at_s }, "{name}: {until}");
        assert!(db.one::<i64>(&told("next_poll_at")) >= until.as_millisecond(), "{name}: sooner than {until}");
        // A redirect that says so is followed none the less.
        assert_eq!(db.articles_of(name), i64::from((300..400).contains(status)), "{name}: {}", db.error_of(name));
    }
    for name in ["fine", "failing"] {
        let schedule: String = db.one(&format!("SELECT schedule FROM feed WHERE name = '{name}'"));
        assert!(!schedule.contains("retry_after"), "{name}: {schedule}");
    }
    tarpit.forget_requests();
    daemon.wait_for("some rounds of the control feed", |_| asked(&tarpit, "control.localhost").len() >= 3);
    let others = tarpit.requests().into_iter().filter(|request| request.head.host != "control.localhost");
    assert_eq!(others.map(|request| request.head.host).collect::<Vec<_>>(), [""; 0], "nobody else is asked");
}
