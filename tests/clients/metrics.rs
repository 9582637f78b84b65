//! `/metrics` as metrics servers read it: `promtool` for the older format, which is the one that it knows, and the parser of
//! Prometheus's own Python library, which is strict, for OpenMetrics.

use std::collections::BTreeSet;
use std::fs::File;
use std::process::Stdio;

use rssd::tarpit::{Answer, Step};

use super::newsroom::Newsroom;
use super::{program, python_program, run};
use crate::support::http::get_with;
use crate::support::metrics::{Metrics, OPEN};
use crate::support::{guids, rss};

const OLDER: &str = "Accept: text/plain;version=0.0.4\r\n";

fn plain() -> Newsroom {
    Newsroom::with_hung(&[("plain", rss("Plain", guids("plain", 3)))], 1)
}

/// Names that feeds.toml takes, documents and answers of the kind that find their way into labels elsewhere.
fn hostile() -> Newsroom {
    let document = rss("x\"} 1&#10;rssd_evil{a=\"b", guids("\"}\\n# EOF", 3));
    let names = ["quote'd", "a{b}", "space d", "日本経済新聞", "a=b,c=d", "`id`$(id)", "x}0 1"];
    Newsroom::with(&[("plain", document.clone())], 1, |tarpit, mut feeds| {
        for (number, name) in names.iter().enumerate() {
            let host = format!("h{number}.localhost");
            tarpit.route(&host, "/feed", Answer::ok("application/rss+xml", &document));
            feeds = feeds.feed_with(name, tarpit.url(&host, "/feed"), "labels = { \"k\\\"} 1\" = \"v\\\"}\" }");
        }
        // One of each kind of failure, told in the publisher's own words.
        for status in [204, 300, 404, 410, 418, 429, 500, 599, 777] {
            let host = format!("s{status}.localhost");
            let answer = Answer::status(status).header("X-Reason", "\"} 1").body("\"} 1\nrssd_evil 1");
            tarpit.route(&host, "/feed", answer);
            feeds = feeds.feed(&format!("status {status}"), tarpit.url(&host, "/feed"));
        }
        tarpit.route("cut.localhost", "/feed", Step::send("HTTP/1.1 \"} 1\r\n\r\n").script());
        tarpit.route("html.localhost", "/feed", Answer::ok("text/html", "<title>\"} 1</title>"));
        tarpit.route("reset.localhost", "/feed", Step::Reset);
        ["cut", "html", "reset", "nowhere"]
            .iter()
            .fold(feeds, |feeds, name| feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed")))
    })
}

/// Name and labels of each sample.
fn series(newsroom: &Newsroom) -> BTreeSet<String> {
    Metrics::of(newsroom.at).series().into_iter().map(str::to_owned).collect()
}

#[test]
fn promtool_is_content() {
    let Some(program) = program("promtool") else { return };
    for newsroom in [plain(), hostile()] {
        let text = newsroom.home.write("metrics", get_with(newsroom.at, "/metrics", OLDER).body);
        let mut command = newsroom.command(&program);
        command.args(["check", "metrics"]).stdin(Stdio::from(File::open(text).expect("it was just written")));
        let finished = run(command);
        assert_eq!((&*finished.stdout, &*finished.stderr), ("", ""), "it says nothing about what is fine");
    }
}

#[test]
fn the_parser_of_openmetrics_is_content() {
    let Some(python) = python_program("python") else { return };
    let script = "import sys; from prometheus_client.openmetrics.parser import text_fd_to_metric_families as read\n\
                  print(sum(len(family.samples) for family in read(open(sys.argv[1], encoding='utf-8'))))";
    for newsroom in [plain(), hostile()] {
        let text = newsroom.home.write("metrics", get_with(newsroom.at, "/metrics", OPEN).body);
        let mut command = newsroom.command(&python);
        command.args(["-c", script]).arg(text);
        assert_eq!(run(command).stdout.trim(), series(&newsroom).len().to_string());
    }
}

#[test]
fn what_feeds_contain_makes_no_series() {
    let (plain, hostile) = (series(&plain()), series(&hostile()));
    assert!(plain.len() > 40, "{plain:?}");
    assert_eq!(plain, hostile);
}
