//! The stream as clients see it: each article once, in the order of its commit, whoever comes late, leaves or crashes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;

use rssd::tarpit::{Answer, Tarpit};
use serde_json::Value;

use crate::support::http::{Event, Events, get, listening};
use crate::support::{Daemon, Feeds, Home, guids, rss, tarpit, until};

pub(crate) const EVENTS: &str = "Accept: text/event-stream\r\n";

/// From now on the feed is this document.
fn publish(tarpit: &Tarpit, feed: &str, count: usize) {
    let document = rss(feed, guids(feed, count));
    tarpit.route(&format!("{feed}.localhost"), "/feed", Answer::ok("application/rss+xml", document));
}

pub(crate) fn subscribed(tarpit: &Tarpit, feeds: &[(&str, &str)]) -> Feeds {
    let list = Feeds::new().every_second();
    feeds.iter().fold(list, |list, (name, lines)| {
        list.feed_with(name, tarpit.url(&format!("{name}.localhost"), "/feed"), lines)
    })
}

/// A daemon with so many articles committed and published.
pub(crate) fn start(home: &Home, articles: i64) -> (Daemon, SocketAddr) {
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    wait_for_articles(home, &mut daemon, articles);
    let seq = format!("rssd_stream_seq {articles}\n");
    daemon.wait_for("their publication", |_| get(at, "/metrics").text().contains(&seq));
    (daemon, at)
}

fn wait_for_articles(home: &Home, daemon: &mut Daemon, articles: i64) {
    let db = home.db_soon();
    daemon.wait_for(&format!("{articles} articles"), |_| db.articles() >= articles);
}

pub(crate) fn stream(at: SocketAddr, query: &str) -> Value {
    let answer = get(at, &format!("/news/stream?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

pub(crate) fn seqs(answer: &Value) -> Vec<i64> {
    let articles = answer["articles"].as_array().expect("articles");
    articles.iter().map(|article| article["seq"].as_i64().expect("seq")).collect()
}

fn feeds_of(answer: &Value) -> Vec<&str> {
    let articles = answer["articles"].as_array().expect("articles");
    articles.iter().map(|article| article["feed"].as_str().expect("feed")).collect()
}

pub(crate) fn cursor(answer: &Value) -> &str {
    answer["cursor"].as_str().expect("cursor")
}

pub(crate) fn seq_of(event: &Event) -> i64 {
    let seq = event.json()["seq"].as_i64().expect("seq");
    let id = event.id.as_deref().expect("an article has an id");
    assert!(id.ends_with(&format!("-{seq}")), "the id is the article's place: {event:?}");
    seq
}

#[test]
fn a_long_poll_answers_at_once_pages_and_resumes() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 5);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (_daemon, at) = start(&home, 5);

    let all = stream(at, "after=0");
    assert_eq!(seqs(&all), [1, 2, 3, 4, 5]);
    assert_eq!(all["more"], false);

    let first = stream(at, "after=0&limit=2");
    assert_eq!((seqs(&first), &first["more"]), (vec![1, 2], &Value::Bool(true)));
    let second = stream(at, &format!("after={}&limit=2", cursor(&first)));
    assert_eq!((seqs(&second), &second["more"]), (vec![3, 4], &Value::Bool(true)));
    let third = stream(at, &format!("after={}&limit=2", cursor(&second)));
    assert_eq!((seqs(&third), &third["more"]), (vec![5], &Value::Bool(false)));
    // The bare number is a cursor, too.
    assert_eq!(seqs(&stream(at, "after=3")), [4, 5]);
    // Without one: the newest, oldest first.
    let newest = stream(at, "limit=2");
    assert_eq!(seqs(&newest), [4, 5]);
    assert_eq!(cursor(&newest), cursor(&third));

    // Nothing comes: an empty list, and the same place.
    for wait in [0, 1] {
        let nothing = stream(at, &format!("after={}&wait={wait}", cursor(&third)));
        assert_eq!((seqs(&nothing), cursor(&nothing)), (vec![], cursor(&third)));
        assert_eq!(nothing["more"], false);
    }
}

#[test]
fn what_is_there_is_answered_without_a_wait() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 5);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    drop(start(&home, 5));
    // After a restart all of it is in the database alone.
    let (_daemon, at) = start(&home, 5);
    for _ in 0..50 {
        assert_eq!(seqs(&stream(at, "after=0&wait=0")), [1, 2, 3, 4, 5]);
    }
}

/// Polls come faster than pages are read: a client that looked anew at each of them would take back its question for ever.
#[test]
fn polls_keep_no_articles_from_a_client_that_hears_of_them() {
    let tarpit = tarpit();
    let markup = "&lt;p&gt;word &lt;b&gt;word&lt;/b&gt;&lt;/p&gt;".repeat(500);
    let document =
        rss("big", guids("big", 100)).replace("</item>", &format!("<description>{markup}</description></item>"));
    tarpit.route("big.localhost", "/feed", Answer::ok("application/rss+xml", document));
    let names: Vec<String> = (0..60).map(|number| format!("small{number}")).collect();
    names.iter().for_each(|name| publish(&tarpit, name, 1));
    let mut feeds = vec![("big", "")];
    feeds.extend(names.iter().map(|name| (&**name, "")));
    let home = Home::with(&subscribed(&tarpit, &feeds));
    drop(start(&home, 160));
    // After a restart all of it is in the database alone.
    let (_daemon, at) = start(&home, 160);
    let mut events = Events::open(at, "after=0&limit=500&feeds=1", "");
    let (mut polls, mut articles) = (0, 0);
    while articles < 160 {
        match &*events.next().expect("the stream goes on").name {
            "article" => articles += 1,
            "poll" => polls += 1,
            _ => {}
        }
        assert!(articles > 0 || polls < 2_000, "{polls} polls and no article");
    }
}

#[test]
fn a_long_poll_waits_for_what_its_filter_lets_through() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 1);
    publish(&tarpit, "b", 1);
    let home = Home::with(&subscribed(&tarpit, &[("a", ""), ("b", "")]));
    let (mut daemon, at) = start(&home, 2);
    let wait_for_streams = |count: u64| {
        until("the streams that wait", || (get(at, "/health").json()["streams"].as_u64()? == count).then_some(()));
    };
    let waiting = |query: &'static str| thread::spawn(move || stream(at, query));
    let all = waiting("after=2&wait=120");
    let of_a = waiting("after=2&wait=120&feed=a");
    wait_for_streams(2);
    publish(&tarpit, "b", 2);
    let answer = all.join().expect("it waits and is answered");
    assert_eq!((seqs(&answer), feeds_of(&answer)), (vec![3], vec!["b"]));
    // The other one was not answered with what it has not asked for.
    wait_for_streams(1);
    publish(&tarpit, "a", 2);
    let answer = of_a.join().expect("it waits and is answered");
    assert_eq!((seqs(&answer), feeds_of(&answer)), (vec![4], vec!["a"]));
    daemon.assert_running("the end");
}

#[test]
fn filters_by_feed_and_label() {
    let tarpit = tarpit();
    for (feed, count) in [("a", 2), ("b", 3), ("c", 1)] {
        publish(&tarpit, feed, count);
    }
    let home = Home::with(&subscribed(
        &tarpit,
        &[
            ("a", "labels = { country = \"GB\", kind = \"news\" }"),
            ("b", "labels = { country = \"IE\", kind = \"news\" }"),
            ("c", "labels = { country = \"GB\", kind = \"sport\" }"),
        ],
    ));
    let (_daemon, at) = start(&home, 6);
    for (query, want) in [
        ("feed=a", vec![("a", 2)]),
        ("feed=a&feed=c", vec![("a", 2), ("c", 1)]),
        ("label=country:GB", vec![("a", 2), ("c", 1)]),
        ("label=country:GB&label=country:IE&label=kind:news", vec![("a", 2), ("b", 3)]),
        ("label=country:GB&feed=b", vec![]),
        ("feed=nobody", vec![]),
        ("label=country:XX", vec![]),
    ] {
        let mut counted = BTreeMap::<String, usize>::new();
        let answer = stream(at, &format!("after=0&wait=0&{query}"));
        for feed in feeds_of(&answer) {
            *counted.entry(feed.to_owned()).or_default() += 1;
        }
        let want: BTreeMap<String, usize> = want.into_iter().map(|(feed, count)| (feed.to_owned(), count)).collect();
        assert_eq!(counted, want, "{query}");
    }
    // The same over events: one that is let through follows one that is not.
    let mut events = Events::open(at, "after=0&feed=c", "");
    let article = events.next_of("article").json();
    assert_eq!(article["feed"], "c");
    publish(&tarpit, "a", 3);
    wait_for_articles_of(&home, "a", 3);
    publish(&tarpit, "c", 2);
    assert_eq!(events.next_of("article").json()["feed"], "c");
}

fn wait_for_articles_of(home: &Home, feed: &str, count: i64) {
    let db = home.db_soon();
    until("articles of the feed", || (db.articles_of(feed) >= count).then_some(()));
}

#[test]
fn events_resume_without_gap_or_double() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 4);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (_daemon, at) = start(&home, 4);

    let mut events = Events::open(at, "after=0", "");
    let first = events.next().expect("an event");
    assert!(first.retry_ms.is_some_and(|wait_ms| wait_ms > 0), "{first:?}");
    let second = [events.next_of("article"), events.next_of("article")].map(|event| (seq_of(&event), event.id));
    assert_eq!([second[0].0, second[1].0], [1, 2]);
    drop(events);

    // Last-Event-ID wins over `after`.
    let last = second[1].1.as_deref().expect("an id");
    let mut events = Events::open(at, "after=0", &format!("Last-Event-ID: {last}\r\n"));
    assert_eq!([seq_of(&events.next_of("article")), seq_of(&events.next_of("article"))], [3, 4]);
    // And then what comes.
    publish(&tarpit, "a", 6);
    assert_eq!([seq_of(&events.next_of("article")), seq_of(&events.next_of("article"))], [5, 6]);

    // An event's data is the very article of the long poll.
    let mut events = Events::open(at, "after=5", "");
    assert_eq!(events.next_of("article").json(), stream(at, "after=5")["articles"][0]);
}

#[test]
fn with_feeds_each_finished_poll_is_an_event() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 2);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (_daemon, at) = start(&home, 2);
    let mut events = Events::open(at, "after=2&feeds=1", "");
    publish(&tarpit, "a", 3);
    let mut names = Vec::new();
    let told = loop {
        let event = events.next().expect("the stream goes on");
        names.push(event.name.clone());
        if event.name == "poll" && event.json()["new_articles"] == 1 {
            break event.json();
        }
    };
    assert_eq!(told["feed"], "a");
    assert!(told["outcome"].is_string() && told["first_round"].is_object(), "{told}");
    // Without being asked for there are none: the article is what comes next.
    let mut events = Events::open(at, "after=3", "");
    assert!(events.next().expect("an event").retry_ms.is_some());
    publish(&tarpit, "a", 4);
    let event = events.next().expect("an event");
    assert_eq!((event.name.as_str(), seq_of(&event)), ("article", 4));
}
