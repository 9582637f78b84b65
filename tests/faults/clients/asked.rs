//! Rows 52 to 54: what is asked for makes no sense, or tries to be more than a question.

use rusqlite::Connection;

use super::{EVENTS, PLAIN, publish};
use crate::faults::scene::Scene;
use crate::stream::{cursor, seq_of, seqs, stream};
use crate::support::http::{Events, get, get_with};
use crate::support::{HANG_GUARD, guids, rss, until};

#[test]
fn row_52_cursors_that_mean_nothing_are_told_so() {
    let mut scene = Scene::with(|_, feeds| feeds.daemon("retention = \"1h\""));
    let last = publish(&mut scene, &rss("Plain", guids("plain", 6)), 6);
    let at = scene.at;
    let whole = cursor(&stream(at, &format!("after={last}&feed={PLAIN}&wait=0"))).to_owned();
    let plain = |query: &str| format!("{query}&feed={PLAIN}");
    let all: Vec<i64> = (last - 5..=last).collect();

    // Of the future, or of another database: 409, and in events a reset, after which the stream goes on from the oldest.
    let future = (last + 1_000_000).to_string();
    for after in [future.as_str(), "9223372036854775807", "0000000000000001-1"] {
        let answer = get(at, &plain(&format!("/news/stream?after={after}")));
        assert_eq!(answer.status, 409, "{after}: {}", answer.text());
        assert!(answer.json()["oldest"].is_string(), "{after}: {}", answer.text());
        let mut events = Events::open(at, &plain(&format!("after={after}")), "");
        let reset = events.next_of("reset");
        assert_eq!(reset.json()["status"], 409, "{reset:?}");
        let rest: Vec<i64> = all.iter().map(|_| seq_of(&events.next_of("article"))).collect();
        assert_eq!(rest, all, "{after}");
    }
    // Junk, overflow, negative, SQL: 400, as a parameter and as a header.
    let (epoch, _) = whole.rsplit_once('-').expect("a cursor names its database");
    let longer = format!("{epoch}-{}", "9".repeat(30));
    let negative = format!("{epoch}--1");
    for after in [
        "x",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x10",
        "1;DROP",
        "1'--",
        "1%20OR%201=1",
        "(SELECT%201)",
        "99999999999999999999",
        "",
        "1%00",
        "%00",
        "%FF",
        "-",
        "--",
        "1-1-1",
        &longer,
        &negative,
    ] {
        for headers in ["", EVENTS] {
            let answer = get_with(at, &plain(&format!("/news/stream?after={after}")), headers);
            assert_eq!(answer.status, 400, "{after}: {}", answer.text());
        }
    }
    for id in ["junk", "1;DROP", "99999999999999999999"] {
        let answer = get_with(at, "/news/stream", &format!("{EVENTS}Last-Event-ID: {id}\r\n"));
        assert_eq!(answer.status, 400, "{id}: {}", answer.text());
    }
    let long = "9".repeat(4_000);
    assert_eq!(get(at, &format!("/news/stream?after={long}")).status, 400);

    // Too old: what it has not had is gone. As published, since what is sanitised may still be in the ring, and then nothing
    // is missed.
    let old = "UPDATE article SET fetched_at = 0 WHERE seq <= ?1";
    let db = Connection::open(scene.home.db_path()).expect("it is there");
    db.busy_timeout(HANG_GUARD).expect("a timeout");
    db.execute(old, [last - 2]).expect("nobody writes for long");
    let kept = scene.db();
    scene.daemon.wait_for("what is old to go", |_| kept.articles_of(PLAIN) == 2);
    let answer = get(at, &plain("/news/stream?after=0&raw=1"));
    assert_eq!(answer.status, 410, "{}", answer.text());
    let oldest = answer.json()["oldest"].as_str().expect("oldest").to_owned();
    assert_eq!(seqs(&stream(at, &plain(&format!("after={oldest}")))), [last - 1, last]);
    let mut events = Events::open(at, &plain("after=0&raw=1"), "");
    let reset = events.next_of("reset").json();
    assert_eq!((&reset["status"], reset["oldest"].as_str()), (&410.into(), Some(oldest.as_str())));
    assert_eq!([seq_of(&events.next_of("article")), seq_of(&events.next_of("article"))], [last - 1, last]);
    // Whoever has had all of it missed nothing.
    assert_eq!(seqs(&stream(at, &plain(&format!("after={whole}&wait=0")))), [0; 0]);
    drop((events, db));
    scene.end();
}

#[test]
fn row_53_absurd_parameters_are_refused() {
    let mut scene = Scene::new();
    publish(&mut scene, &rss("Plain", guids("plain", 1)), 1);
    let at = scene.at;
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1000000000",
        "limit=99999999999999999999",
        "limit=501",
        "limit=NaN",
        "limit=1.5",
        "limit=1e2",
        "limit=",
        "limit=1&limit=2",
        "label=nocolon",
        "raw=2",
    ] {
        for route in ["/articles", "/news/stream"] {
            let answer = get(at, &format!("{route}?{query}"));
            assert_eq!(answer.status, 400, "{route}?{query}");
            assert!(answer.json()["title"].is_string() && answer.json()["status"] == 400, "{}", answer.text());
        }
    }
    for query in ["wait=-1", "wait=1000000000", "wait=NaN", "wait=inf", "wait=0.5", "wait=121", "wait=", "feeds=x"] {
        for headers in ["", EVENTS] {
            assert_eq!(get_with(at, &format!("/news/stream?{query}"), headers).status, 400, "{query}");
        }
    }
    let long = "a".repeat(2 << 10);
    for query in ["before=0", "before=-1", "before=x", "before=99999999999999999999", &format!("q={long}")] {
        assert_eq!(get(at, &format!("/articles?{query}")).status, 400, "{query}");
    }
    let many = "feed=a&".repeat(65);
    assert_eq!(get(at, &format!("/articles?{many}")).status, 400);
    assert_eq!(get(at, "/articles?limit=500&before=9223372036854775807&unknown=1").status, 200);
    assert_eq!(get(at, "/news/stream?limit=1&wait=120&after=0").status, 200);
    scene.end();
}

#[test]
fn row_54_what_is_searched_for_is_words() {
    let mut scene = Scene::new();
    publish(&mut scene, &rss("Plain", ["tea", "coffee", "tea-and-biscuits"]), 3);
    let at = scene.at;
    let found = |query: &str| {
        let answer = get(at, &format!("/articles?feed={PLAIN}&q={query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let articles = answer.json()["articles"].as_array().expect("articles").clone();
        let mut found: Vec<String> =
            articles.iter().map(|article| article["guid"].as_str().expect("guid").to_owned()).collect();
        found.sort_unstable();
        found
    };
    // The index follows the commits.
    until("the index", || (found("about").len() == 3).then_some(()));
    assert_eq!(found("coffee"), ["coffee"]);
    assert_eq!(found("tea"), ["tea", "tea-and-biscuits"]);
    assert_eq!(found("tea+biscuits"), ["tea-and-biscuits"]);
    assert_eq!(found("nothing"), [""; 0]);
    // Operators are words, which no article has.
    for query in ["tea+OR+coffee", "tea+NOT+coffee", "tea+AND+NOT+coffee", "NEAR(tea+coffee,+5)"] {
        assert_eq!(found(query), [""; 0], "{query}");
    }
    // Signs around a word are nothing; those alone find nothing, or are as if nothing was asked for.
    for query in
        ["%22tea%22", "%22tea", "tea*", "^tea", "-tea", "(tea", "tea)", "%7Btea%7D", "tea%00", "%27tea%27%3B--"]
    {
        assert_eq!(found(query), ["tea", "tea-and-biscuits"], "{query}");
    }
    assert_eq!(found("coff*"), [""; 0], "a star is no prefix");
    assert_eq!(found("title:coffee"), [""; 0], "a colon is no column");
    for query in ["%22", "*", "%22%22%22", "**", "(((", ")", "%00", "%27%3B--", "%F0%9F%8D%B5", ":", "^", "-", "%FF%FE"]
    {
        found(query);
    }
    let megabyte = "tea+".repeat(1 << 18);
    for (bytes, statuses) in [(2_000, &[400][..]), (megabyte.len(), &[414, 431])] {
        let mut client = crate::support::http::Client::connect(at);
        let is_sent = client.ask(&format!("/articles?q={}", &megabyte[..bytes]), "Connection: close\r\n");
        match client.answer() {
            Some(answer) => assert!(statuses.contains(&answer.status), "{bytes}: {}", answer.status),
            None => assert!(!is_sent || bytes > 100_000, "closed without an answer"),
        }
    }
    scene.end();
}
