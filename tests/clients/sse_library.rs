//! `sseclient-py`, the library that Python programs read server-sent events with.

use serde_json::Value;

use super::newsroom::Newsroom;
use super::{python_program, run};
use crate::support::{guids, rss};

/// Reads so many articles, from behind this event on.
fn read(newsroom: &Newsroom, count: usize, last_event_id: Option<&str>) -> Option<Vec<Value>> {
    let mut command = newsroom.command(&python_program("python")?);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/sse_library.py"));
    command.arg(newsroom.url("/news/stream?after=0")).arg(count.to_string()).args(last_event_id);
    let lines = run(command).stdout;
    Some(lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect())
}

#[test]
fn a_python_library_reads_resumes_and_misses_nothing() {
    // It splits lines where Python does, which is in more places than the standard names.
    let text = "a\u{2028}b\u{2029}c\r\n\r\nevent: article\ndata: {}\n\nid: 0\n\n日本";
    let odd = format!("</guid><description>{text}</description></item>");
    let document = rss("Plain", guids("plain", 24)).replace("</guid></item>", &odd);
    let mut newsroom = Newsroom::of(&[("plain", document)]);
    let Some(first) = read(&newsroom, 10, None) else { return };
    let Some(last_event_id) = first.last().and_then(|event| event["id"].as_str()) else { panic!("{first:?}") };
    newsroom.crash_and_restart();
    let Some(rest) = read(&newsroom, 14, Some(last_event_id)) else { return };

    let read: Vec<(i64, String)> = first.iter().chain(&rest).map(|event| of(&event["article"])).collect();
    let stored = newsroom.home.db().list("SELECT seq, title FROM article ORDER BY seq", |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    });
    assert_eq!(read, stored);
    for event in first.iter().chain(&rest) {
        let (id, seq) = (event["id"].as_str().expect("an id"), &event["article"]["seq"]);
        assert!(id.ends_with(&format!("-{seq}")), "{event}");
        let summary = event["article"]["summary"].as_str().expect("a summary");
        for part in ["a\u{2028}b\u{2029}c", "\nevent: article\ndata: {}\n", "日本"] {
            assert!(summary.contains(part), "{event}");
        }
    }
}

fn of(article: &Value) -> (i64, String) {
    (article["seq"].as_i64().expect("seq"), article["title"].as_str().expect("title").to_owned())
}
