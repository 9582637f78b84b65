//! Hosts: one connection at a time.

use std::collections::HashMap;
use std::time::Duration;

use rssd::tarpit::{Answer, Step};

use crate::support::{Feeds, Home, guids, rss, tarpit};

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
