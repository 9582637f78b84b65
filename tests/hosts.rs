//! Hosts: one connection at a time, and names that cost nobody but their own feeds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rssd::tarpit::{Answer, Step};

use crate::support::{Feeds, Home, NameServer, Reply, guids, rss, tarpit};

const RSS: &str = "application/rss+xml";

#[test]
fn a_host_has_one_connection_at_a_time() {
    const ANSWER_TIME: Duration = Duration::from_millis(150);
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for host in ["one", "two", "three"] {
        for number in 0..6 {
            let (name, path) = (format!("{host}-{number}"), format!("/feed/{number}"));
            let answer = Answer::ok(RSS, rss(&name, guids(&name, 1)));
            let host = format!("{host}.localhost");
            tarpit.route(&host, &path, [Step::Wait(ANSWER_TIME), Step::Answer(answer)]);
            feeds = feeds.feed(&name, tarpit.url(&host, &path));
        }
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 18);
    let mut by_host: HashMap<String, Vec<_>> = HashMap::new();
    for request in tarpit.requests() {
        by_host.entry(request.head.host.clone()).or_default().push(request.at);
    }
    assert_eq!(by_host.len(), 3);
    for (host, times) in by_host {
        assert_eq!(times.len(), 6);
        // An answer is not before its time: a request that comes sooner after another was made beside it.
        let least = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there are six");
        assert!(least >= ANSWER_TIME, "{host}: two requests within {least:?}");
    }
}

#[test]
fn dead_names_fail_alone() {
    let names = NameServer::start(|name| match name.split(['-', '.']).next() {
        Some("good") => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
        Some("silent") => Reply::Silence,
        Some("broken") => Reply::Code(2),
        Some("empty") => Reply::Addresses(Vec::new()),
        // Only the first answers: the others are tried within the budget. 127.0.0.9 refuses.
        Some("several") => Reply::Addresses(vec![IpAddr::from([127, 0, 0, 9]), Ipv4Addr::LOCALHOST.into()]),
        _ => Reply::Code(3),
    });
    let tarpit = tarpit();
    let mut feeds = Feeds::new()
        .daemon(&format!("dns = [\"{}\"]", names.addr))
        .default("connect_timeout = \"4s\"\nread_timeout = \"5s\"\ntotal_timeout = \"20s\"");
    for number in 0..40 {
        feeds = feeds.feed(&format!("silent-{number}"), tarpit.url(&format!("silent-{number}.test"), "/healthy/1"));
    }
    for number in 0..20 {
        feeds = feeds.feed(&format!("good-{number}"), tarpit.url(&format!("good-{number}.test"), "/healthy/1"));
    }
    for name in ["broken", "empty", "missing", "several"] {
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.test"), "/healthy/1"));
    }
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    for number in 0..40 {
        let name = format!("silent-{number}");
        assert_eq!(db.class_of(&name), "dns", "{}", db.error_of(&name));
    }
    for name in ["broken", "empty", "missing"] {
        assert_eq!(db.class_of(name), "dns", "{name}: {}", db.error_of(name));
        assert!(db.error_of(name).contains(name), "the error names the name: {}", db.error_of(name));
    }
    for number in 0..20 {
        assert_eq!(db.articles_of(&format!("good-{number}")), 30, "{}", db.error_of(&format!("good-{number}")));
    }
    assert_eq!(db.articles_of("several"), 30, "{}", db.error_of("several"));
    let ends = |like: &str, what: &str| -> i64 {
        db.one(&format!(
            "SELECT {what}(started_at + total_ms) FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name GLOB '{like}'"
        ))
    };
    assert!(ends("good-*", "max") < ends("silent-*", "min"), "good names waited for dead ones");
    let connect_timeout_ms = db.one::<i64>("SELECT min(total_ms) FROM fetch_log WHERE outcome = 'dns' AND feed_id IN (SELECT id FROM feed WHERE name GLOB 'silent-*')");
    assert!(connect_timeout_ms >= 4_000, "given up after {connect_timeout_ms} ms");
}

#[test]
fn names_of_strangers_do_not_lead_inside() {
    let names = NameServer::start(|name| match name.split('.').next() {
        Some("loopback") => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
        Some("six") => Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]),
        Some("mapped") => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()]),
        Some("private") => Reply::Addresses(vec![[192, 168, 1, 1].into(), [10, 0, 0, 1].into()]),
        _ => Reply::Code(3),
    });
    let tarpit = tarpit();
    let hosts = ["loopback", "six", "mapped", "private"];
    let mut feeds = Feeds::of_strangers().daemon(&format!("dns = [\"{}\"]", names.addr));
    for host in hosts {
        feeds = feeds.feed(host, tarpit.url(&format!("{host}.test"), "/healthy/1"));
    }
    let home = Home::with(&feeds.clone());
    home.once();
    let db = home.db();
    for host in hosts {
        assert_eq!(db.class_of(host), "policy", "{host}: {}", db.error_of(host));
        assert!(names.asked(&format!("{host}.test")) > 0, "{host} was not even asked for");
    }
    assert_eq!(tarpit.counts().accepted, 0);
}
