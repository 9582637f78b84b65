//! Feed readers of Debian, subscribed to what was ingested.

use std::fs::File;
use std::process::Stdio;

use rusqlite::Connection;

use super::newsroom::Newsroom;
use super::{program, run};
use crate::support::http::get;
use crate::support::{guids, rss};

/// Two feeds of 30 articles, one of them with titles that a reader could trip over.
fn newsroom() -> Newsroom {
    let odd: Vec<String> = [
        "a &lt;b&gt;bold&lt;/b&gt; claim",
        "tea &amp;amp; milk",
        "日本の記事",
        "]]&gt; ends nothing",
        "“quoted” &#39;it&#39;",
    ]
    .iter()
    .map(|&title| title.to_owned())
    .chain(guids("odd", 25))
    .collect();
    Newsroom::of(&[("plain", rss("Plain", guids("plain", 30))), ("odd", rss("Odd", odd))])
}

/// Titles as stored, sorted.
fn titles(newsroom: &Newsroom) -> Vec<String> {
    let mut titles = newsroom.home.db().list("SELECT title FROM article", |row| row.get::<_, String>(0));
    titles.sort_unstable();
    assert_eq!(titles.len(), 60);
    titles
}

/// Answers of 3xx so far.
fn not_modified(newsroom: &Newsroom) -> u64 {
    const SERIES: &str = "rssd_http_answers_total{status=\"3xx\"} ";
    let metrics = get(newsroom.at, "/metrics");
    let line = metrics.text().lines().find_map(|line| line.strip_prefix(SERIES)).expect("a counter of 3xx");
    line.parse().expect("a number")
}

#[test]
fn newsboat_reads_what_is_stored_and_asks_conditionally() {
    let Some(program) = program("newsboat") else { return };
    let newsroom = newsroom();
    let home = &newsroom.home;
    let urls = home.write("urls", format!("{}\n", newsroom.url("/feed.atom?limit=500")));
    let (cache, config) = (home.path("cache.db"), home.write("config", "use-proxy no\nreload-threads 1\n"));
    let reload = || {
        let mut command = newsroom.command(&program);
        command.arg("-q").arg("-u").arg(&urls).arg("-c").arg(&cache).arg("-C").arg(&config);
        command.args(["-x", "reload", "print-unread"]);
        run(command).stdout.trim().to_owned()
    };
    assert_eq!(reload(), "60 unread articles");
    assert_eq!(not_modified(&newsroom), 0);
    let read = || {
        let cache = Connection::open(&cache).expect("newsboat's database");
        let mut statement = cache.prepare("SELECT title FROM rss_item ORDER BY title").expect("its table");
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("its rows");
        rows.collect::<Result<Vec<_>, _>>().expect("titles")
    };
    assert_eq!(read(), titles(&newsroom));
    // Nothing came: it is told so, and has what it had. Before 2.36 newsboat forgets the tag of its first reload
    // (newsboat/newsboat#2734), and asks conditionally from its third on.
    assert_eq!(reload(), "60 unread articles");
    assert_eq!(reload(), "60 unread articles");
    let told = not_modified(&newsroom);
    assert!(told >= 1, "it was never told that nothing came");
    assert_eq!(read(), titles(&newsroom));
    // Something came: it is told that, and has no article twice.
    newsroom.publish("plain", &rss("Plain", guids("plain", 31)));
    newsroom.wait_for_articles(61);
    assert_eq!(reload(), "61 unread articles");
    assert_eq!(not_modified(&newsroom), told);
}

#[test]
fn sfeed_reads_what_is_stored() {
    let Some(program) = program("sfeed") else { return };
    let newsroom = newsroom();
    let document = newsroom.home.write("feed", get(newsroom.at, "/feed.atom?limit=500").body);
    let mut command = newsroom.command(&program);
    command.stdin(Stdio::from(File::open(document).expect("it was just written")));
    // Time, title, link and so on, separated by tabs.
    let table = run(command).stdout;
    let mut read: Vec<String> = table.lines().filter_map(|line| line.split('\t').nth(1)).map(str::to_owned).collect();
    read.sort_unstable();
    assert_eq!(read, titles(&newsroom));
}
