//! What an operator types first.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::newsroom::Newsroom;
use super::{program, run};
use crate::support::http::get;
use crate::support::{Daemon, guids, rss, until};

const HUNG: usize = 40;

/// `curl -m 5`, its status and type behind what it prints.
fn curl(newsroom: &Newsroom, arguments: &[&str], path: &str) -> Option<Command> {
    let mut command = newsroom.command(&program("curl")?);
    command.args(["-q", "-sS"]).args(arguments).arg(newsroom.url(path));
    Some(command)
}

#[test]
fn curl_is_answered_while_sources_hang() {
    let newsroom = Newsroom::with_hung(&[("plain", rss("Plain", guids("plain", 3)))], HUNG);
    until("all hung feeds in flight", || {
        let fetches = get(newsroom.at, "/debug/fetches").json();
        (fetches["fetches"].as_array()?.len() >= HUNG).then_some(())
    });
    let asked = ["-m", "5", "-o", "/dev/null", "-w", "%{http_code} %{content_type}"];
    for (path, want) in [("/", "200 text/html; charset=utf-8"), ("/health", "200 application/json")] {
        for _ in 0..10 {
            let Some(command) = curl(&newsroom, &asked, path) else { return };
            assert_eq!(run(command).stdout, want, "{path}");
        }
    }
    let still = get(newsroom.at, "/debug/fetches").json();
    assert!(still["fetches"].as_array().is_some_and(|fetches| fetches.len() >= HUNG / 2), "they hang still: {still}");
    // HEAD: the same head, and curl does not wait for a body.
    for path in ["/", "/health", "/articles", "/feed.atom"] {
        let Some(command) = curl(&newsroom, &["-m", "5", "-I"], path) else { return };
        let head = run(command).stdout;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\ncontent-length: "), "{path}: {head}");
    }
}

#[test]
fn curl_follows_the_stream() {
    let newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 3)))]);
    let into = newsroom.home.path("stream");
    let arguments = ["-N", "-H", "Accept: text/event-stream", "-o", &into.to_string_lossy()];
    let Some(command) = curl(&newsroom, &arguments, "/news/stream?after=0") else { return };
    let mut curl = Daemon::spawn(command);
    let articles = |text: &str| text.matches("event: article\nid: ").count();
    let mut wait_for = |count: usize| {
        curl.wait_for(&format!("{count} events"), |_| {
            fs::read_to_string(&into).is_ok_and(|text| articles(&text) == count && text.ends_with("\n\n"))
        });
    };
    wait_for(3);
    newsroom.publish("plain", &rss("Plain", guids("plain", 5)));
    wait_for(5);
    drop(curl);
    newsroom.wait_for_streams(0);
}

#[test]
fn curl_waits_in_a_long_poll() {
    let newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 3)))]);
    let Some(command) = curl(&newsroom, &["-m", "100"], "/news/stream?after=3&wait=120") else { return };
    let waiting = Daemon::spawn(command);
    newsroom.wait_for_streams(1);
    newsroom.publish("plain", &rss("Plain", guids("plain", 4)));
    let answer: Value = serde_json::from_str(&waiting.wait().stdout).expect("JSON");
    assert_eq!((&answer["articles"][0]["guid"], &answer["more"]), (&"plain-3".into(), &false.into()), "{answer}");
    assert_eq!(answer["articles"].as_array().map(Vec::len), Some(1));
}
