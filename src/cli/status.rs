//! `rssd status`: how a daemon is, and which of its feeds need somebody.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};

use super::server::{Server, ServerArgs, Trouble};
use super::table::table;
use super::when::{ago, at_ms};
use super::{exit, server};
use crate::clock::Clock;
use crate::escape;
use crate::http::words;
use crate::limits::{ARTICLES_ASKED_MAX, ASK_SILENCE, STATUS_FEEDS_SHOWN};

/// A feed's name in the table, and why it fails, are cut to so many characters.
const NAME_CHARS_MAX: usize = 40;
const WHY_CHARS_MAX: usize = 160;

#[derive(clap::Args, Debug)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Print one JSON object: health, failing
    #[arg(long)]
    json: bool,
}

/// Ends with `exit::UNAVAILABLE` for a daemon that is failing, or does not say how it is.
pub(super) fn run(args: &StatusArgs) -> u8 {
    let server = Server::new(&args.server, ASK_SILENCE);
    // A daemon that is failing says so with 503.
    let health = match server.get_json(&server.route(&["health"]), &[200, 503]) {
        Ok((_, health)) if health["status"].is_string() => health,
        Ok(_) => {
            return complain(&server, "says nothing of its health; is this the address of rssd?", exit::UNAVAILABLE);
        }
        Err(trouble) => return complain(&server, &trouble.sentence(), trouble.exit_code()),
    };
    let limit = if args.json { ARTICLES_ASKED_MAX } else { STATUS_FEEDS_SHOWN };
    let listed = ["failing", "gone"].map(|state| feeds(&server, state, limit));
    let mut code = exit::FINE;
    let mut failing = Listed::default();
    for listed in listed {
        match listed {
            Ok(listed) => {
                failing.feeds.extend(listed.feeds);
                failing.total += listed.total;
            }
            Err(trouble) => {
                code = complain(
                    &server,
                    &format!("does not list its feeds: it {}", trouble.sentence()),
                    trouble.exit_code(),
                )
            }
        }
    }
    let shown = match args.json {
        true => {
            let json = json!({ "health": health, "failing": failing.feeds }).to_string();
            format!("{}\n", escape::json(&json))
        }
        false => for_person(&health, &failing, server.base().as_str(), Clock::system().now_ms()),
    };
    // A reader that left early, as `head` does, is no error.
    let _ = std::io::stdout().lock().write_all(shown.as_bytes());
    if health["status"] == "failing" {
        let remedy = "is failing: its log has the stacks of what hangs; restart it if it stays so";
        return complain(&server, remedy, exit::UNAVAILABLE);
    }
    code
}

fn complain(server: &Server, sentence: &str, code: u8) -> u8 {
    complain!("rssd status: the daemon at {} {sentence}", server.base());
    code
}

/// Feeds of one state.
#[derive(Default)]
struct Listed {
    feeds: Vec<Value>,
    /// Of this state, listed or not.
    total: u64,
}

fn feeds(server: &server::Server, state: &str, limit: usize) -> Result<Listed, Trouble> {
    let mut url = server.route(&["feeds"]);
    url.query_pairs_mut().append_pair("state", state).append_pair("limit", &limit.to_string());
    let (_, mut answer) = server.get_json(&url, &[200])?;
    let feeds = match answer["feeds"].take() {
        Value::Array(feeds) => feeds,
        _ => Vec::new(),
    };
    let total = answer["total"].as_u64().unwrap_or(feeds.len() as u64);
    Ok(Listed { feeds, total })
}

fn for_person(health: &Value, failing: &Listed, address: &str, now_ms: i64) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let text = |value: &Value| escape::line(value.as_str().unwrap_or("?"), WHY_CHARS_MAX);
    let mut shown = format!(
        "{}: rssd {} at {address}, up {}\n",
        text(&health["status"]),
        text(&health["version"]),
        words::duration(number(&health["uptime_s"]).saturating_mul(1_000))
    );
    // Writing to a string does not fail.
    for reason in health["reasons"].as_array().into_iter().flatten() {
        let _ = writeln!(shown, "  {}", text(reason));
    }
    let (feeds, writer) = (&health["feeds"], &health["writer"]);
    let last_commit = match writer["last_commit_age_ms"].as_u64() {
        Some(age_ms) => format!("last commit {} ago", words::duration(age_ms)),
        None => "no commit yet".to_owned(),
    };
    let _ = writeln!(
        shown,
        "{}: {} fine, {} failing, {} overdue; {}; {} waiting for the writer, {last_commit}",
        words::counted(number(&feeds["total"]), "feed"),
        number(&feeds["ok"]),
        number(&feeds["failing"]),
        number(&feeds["overdue"]),
        words::counted(number(&health["streams"]), "stream"),
        words::counted(number(&writer["queue"]), "poll"),
    );
    let core = |core: &Value| {
        let turned = format!("{} ago", words::duration(number(&core["heartbeat_age_ms"])));
        [&core["core"], &core["feeds"], &core["in_flight"]]
            .map(|value| number(value).to_string())
            .into_iter()
            .chain([turned])
            .collect::<Vec<_>>()
    };
    let cores: Vec<_> =
        health["cores"].as_array().into_iter().flatten().filter_map(|value| core(value).try_into().ok()).collect();
    shown += &format!("\n{}", table(["core", "feeds", "in flight", "turned"], &cores));
    if failing.feeds.is_empty() {
        return shown;
    }
    let rows: Vec<_> = failing.feeds.iter().map(|feed| row(feed, now_ms)).collect();
    shown += &format!("\n{}", table(["feed", "state", "since", "next poll", "why"], &rows));
    let rest = failing.total.saturating_sub(failing.feeds.len() as u64);
    if rest > 0 {
        let _ = writeln!(shown, "and {} more: {address}feeds?state=failing lists them", words::counted(rest, "feed"));
    }
    shown
}

fn row(feed: &Value, now_ms: i64) -> [String; 5] {
    let text = |key: &str, chars_max| escape::line(feed[key].as_str().unwrap_or_default(), chars_max);
    let since = at_ms(&feed["failing_since"]).or_else(|| at_ms(&feed["gone"]));
    let why = match (text("last_error_class", WHY_CHARS_MAX), text("last_error", WHY_CHARS_MAX)) {
        (class, why) if class.is_empty() => why,
        (class, why) => format!("{class}: {why}"),
    };
    let when = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), |at| ago(now_ms, at));
    [text("name", NAME_CHARS_MAX), text("state", NAME_CHARS_MAX), when(since), when(at_ms(&feed["next_poll"])), why]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_stands_under_how_it_is() {
        let health = json!({
            "status": "degraded", "reasons": ["core 1 has not turned for 1500 ms"], "version": "0.1.0", "uptime_s": 7260,
            "cores": [{"core": 0, "heartbeat_age_ms": 12, "feeds": 2, "in_flight": 0},
                {"core": 1, "heartbeat_age_ms": 1500, "feeds": 1, "in_flight": 1}],
            "writer": {"queue": 0, "last_commit_age_ms": 340}, "feeds": {"total": 3, "ok": 1, "failing": 2, "overdue": 1},
            "streams": 1
        });
        let feeds = vec![
            json!({"name": "slow", "state": "failing", "failing_since": "1970-01-01T00:00:00Z", "last_error_class": "timeout(body)",
                "last_error": "it dripped \u{1b}[31m", "next_poll": "1970-01-01T05:00:00Z"}),
            json!({"name": "old\u{9b}", "state": "gone", "gone": "1970-01-01T01:00:00Z", "last_error_class": null}),
        ];
        let shown = for_person(&health, &Listed { feeds, total: 7 }, "http://a/", 3 * 3_600_000);
        let want = "\
degraded: rssd 0.1.0 at http://a/, up 2 h 1 m
  core 1 has not turned for 1500 ms
3 feeds: 1 fine, 2 failing, 1 overdue; 1 stream; 0 polls waiting for the writer, last commit 340 ms ago

core  feeds  in flight  turned
0     2      0          12 ms ago
1     1      1          1.5 s ago

feed       state    since        next poll   why
slow       failing  3 hours ago  in 2 hours  timeout(body): it dripped \\u{1b}[31m
old\\u{9b}  gone     2 hours ago  -
and 5 feeds more: http://a/feeds?state=failing lists them
";
        assert_eq!(shown, want);
    }

    #[test]
    fn junk_of_another_server_is_shown_as_little() {
        let shown = for_person(&json!({"status": 5, "cores": "x", "reasons": 7}), &Listed::default(), "http://a/", 0);
        assert!(shown.starts_with("?: rssd ? at http://a/"), "{shown}");
    }
}
