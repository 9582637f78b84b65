//! A browser's own `EventSource`, and nothing else, over a crash of the daemon.

use serde_json::json;

use super::devtools::Tab;
use super::newsroom::Newsroom;
use crate::support::{guids, rss};

/// From the start of the stream on; every article that comes is kept, with the id of its event.
const LISTEN: &str = "window.got = []; window.source = new EventSource('/news/stream?after=0'); \
    source.addEventListener('article', (event) => got.push([JSON.parse(event.data).seq, event.lastEventId])); \
    source.addEventListener('reset', (event) => got.push([0, 'reset ' + event.data])); 0";

#[test]
fn an_event_source_resumes_after_a_crash_with_none_lost_or_doubled() {
    let mut newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 5)))]);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    // A page without a script of ours: of this origin, and still.
    tab.load(&newsroom.url("/articles"));
    tab.eval(LISTEN);
    tab.until("what was there", "got.length === 5");
    for (round, count) in [10, 15, 20].into_iter().enumerate() {
        if round == 2 {
            newsroom.wait_for_streams(1);
        }
        newsroom.crash_and_restart();
        newsroom.publish("plain", &rss("Plain", guids("plain", count)));
        newsroom.wait_for_articles(count as i64);
        if round != 0 {
            tab.until("what came after the crash", &format!("got.length >= {count}"));
        }
    }
    let seqs: Vec<i64> = newsroom.home.db().stream().into_iter().map(|(seq, ..)| seq).collect();
    assert_eq!(tab.eval("got.map(([seq]) => seq)"), json!(seqs));
    assert_eq!(tab.eval("got.every(([seq, id]) => id.endsWith(`-${seq}`))"), true, "{}", tab.eval("got"));
    assert_eq!(tab.eval("source.readyState"), 1, "the first one, still");
}
