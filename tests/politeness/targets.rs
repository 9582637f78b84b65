//! Manners go by the host that is asked: that of an `effective_url` or of a redirect's target, not of what feeds.toml says.

use std::time::Duration;

use rssd::clock::Clock;
use rssd::tarpit::{Answer, Step, Tarpit};
use serde_json::Value;

use super::{RSS, alter, asked};
use crate::support::http::listening;
use crate::support::{Daemon, Db, Feeds, Home, guids, rss, tarpit};

const CONTROL: &str = "control.localhost";

/// Lets the control feed be asked some more times, and gives what `host` was asked meanwhile.
fn asked_meanwhile(daemon: &mut Daemon, tarpit: &Tarpit, host: &str) -> usize {
    tarpit.forget_requests();
    daemon.wait_for("some rounds of the control feed", |_| asked(tarpit, CONTROL).len() >= 4);
    asked(tarpit, host).len()
}

/// The rule that decided on a feed's next poll.
fn winner(db: &Db, name: &str) -> String {
    let kept: String = db.one(&format!("SELECT coalesce(schedule, '[]') FROM feed WHERE name = '{name}'"));
    let rules: Vec<Value> = serde_json::from_str(&kept).unwrap_or_else(|error| panic!("{name}: {kept}: {error}"));
    let won = rules.iter().find(|rule| rule["won"] == true);
    won.and_then(|rule| rule["rule"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_429_of_a_redirects_target_holds_the_host_that_said_so() {
    let tarpit = tarpit();
    let led = |host: &str, path: &str| {
        tarpit.route(host, "/led", Answer::redirect(302, tarpit.url("busy.localhost", path)));
        tarpit.url(host, "/led")
    };
    let feeds = Feeds::new()
        .daemon("cores = 1")
        .every_second()
        .feed("control", tarpit.url(CONTROL, "/growing/1"))
        .feed("led", led("old.localhost", "/too-many/1?after=7200"))
        .feed("neighbour", tarpit.url("old.localhost", "/growing/2"))
        .feed("led-too", led("other.localhost", "/healthy/3"))
        .feed("own", tarpit.url("busy.localhost", "/healthy/4"));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    listening(&mut daemon);
    let db = home.db();
    daemon.wait_for("the host's word, kept for its own feed", |_| winner(&db, "own") == "host_retry_after");
    daemon.wait_for("who is led there to be spared it", |_| winner(&db, "led-too") == "retry_after");
    assert!(db.error_of("led-too").contains("asked to be left alone for"), "{}", db.error_of("led-too"));
    assert_eq!(db.class_of("led-too"), "status");
    assert_eq!(asked_meanwhile(&mut daemon, &tarpit, "busy.localhost"), 0, "whoever leads there");
    // Whose feed led there said nothing of the kind.
    assert!(!asked(&tarpit, "old.localhost").is_empty(), "the neighbour is polled as ever");
    assert_eq!((winner(&db, "led"), winner(&db, "neighbour")), ("retry_after".into(), "interval".into()));
}

#[test]
fn a_429_of_an_effective_url_holds_its_host_and_over_a_restart() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .daemon("cores = 1")
        .every_second()
        .feed("control", tarpit.url(CONTROL, "/growing/1"))
        .feed("moved", tarpit.url("old.localhost", "/healthy/2"))
        .feed("neighbour", tarpit.url("old.localhost", "/growing/3"))
        .feed("own", tarpit.url("busy.localhost", "/healthy/4"));
    let home = Home::with(&feeds);
    home.once();
    let moved_to = tarpit.url("busy.localhost", "/too-many/2?after=7200");
    alter(&home, &format!("UPDATE feed SET effective_url = '{moved_to}', next_poll_at = 0 WHERE name = 'moved'"));
    let mut daemon = home.start();
    let db = home.db();
    for name in ["own", "moved"] {
        daemon.wait_for("the host's word", |_| winner(&db, name) == "host_retry_after");
    }
    assert_eq!(asked_meanwhile(&mut daemon, &tarpit, "busy.localhost"), 0);
    assert!(!asked(&tarpit, "old.localhost").is_empty(), "the neighbour is polled as ever");
    daemon.kill();
    drop(db);

    // The one that heard it tells the others.
    alter(&home, "UPDATE feed SET schedule = NULL, next_poll_at = 0 WHERE name = 'own'");
    let mut daemon = home.start();
    assert_eq!(asked_meanwhile(&mut daemon, &tarpit, "busy.localhost"), 0, "nor after a restart");
}

#[test]
fn a_feed_that_moves_is_held_with_its_new_host() {
    let tarpit = tarpit();
    let moved_to = tarpit.url("new.localhost", "/feed");
    tarpit.route("old.localhost", "/feed", Answer::redirect(301, &moved_to));
    tarpit.route("new.localhost", "/feed", Answer::ok(RSS, rss("moving", guids("moving", 6))));
    tarpit.route("new.localhost", "/own", Answer::ok(RSS, rss("own", guids("own", 1))));
    let feeds = Feeds::new()
        .daemon("cores = 1")
        .every_second()
        .feed("moving", tarpit.url("old.localhost", "/feed"))
        .feed("own", tarpit.url("new.localhost", "/own"));
    let home = Home::with(&feeds);
    home.once();
    // As if it had been led there for days.
    let since = Clock::system().now_ms() - 90_000_000;
    alter(&home, &format!("UPDATE feed SET moved_since = {since}, moved_count = 9 WHERE name = 'moving'"));
    let mut daemon = home.start();
    let db = home.db();
    daemon.wait_for("it to move", |_| {
        db.one::<Option<String>>("SELECT effective_url FROM feed WHERE name = 'moving'").as_ref() == Some(&moved_to)
    });
    tarpit.route("new.localhost", "/own", Answer::status(429).header("Retry-After", "7200"));
    daemon.wait_for("the word of its new host", |_| winner(&db, "moving") == "host_retry_after");
}

#[test]
fn a_redirects_target_has_its_pause() {
    const PAUSE: Duration = Duration::from_millis(300);
    let tarpit = tarpit();
    let mut feeds = Feeds::new().daemon("cores = 1").host_pause("300ms");
    for number in 0..6 {
        let (name, path) = (format!("f{number}"), format!("/{number}"));
        tarpit.route("shared.localhost", &path, Answer::ok(RSS, rss(&name, guids(&name, 1))));
        // Four are led there, two are at home there.
        let host = if number < 4 { format!("{name}.localhost") } else { "shared.localhost".to_owned() };
        if number < 4 {
            tarpit.route(&host, &path, Answer::redirect(302, tarpit.url("shared.localhost", &path)));
        }
        feeds = feeds.feed(&name, tarpit.url(&host, &path));
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 6);
    let times: Vec<_> = asked(&tarpit, "shared.localhost").iter().map(|request| request.at).collect();
    let least = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there are six");
    assert!(times.len() == 6 && least >= PAUSE, "two requests within {least:?}");
}

#[test]
fn feeds_that_moved_to_one_host_stand_on_one_core() {
    const ANSWER_TIME: Duration = Duration::from_millis(100);
    let tarpit = tarpit();
    let mut feeds = Feeds::new().daemon("cores = 2");
    for number in 0..12 {
        let name = format!("f{number}");
        tarpit.route(&format!("{name}.localhost"), "/feed", Answer::ok(RSS, rss(&name, guids(&name, 1))));
        let answer = Answer::ok(RSS, rss(&name, guids(&name, 2)));
        tarpit.route("new.localhost", &format!("/{name}"), [Step::Wait(ANSWER_TIME), Step::Answer(answer)]);
        feeds = feeds.feed(&name, tarpit.url(&format!("{name}.localhost"), "/feed"));
    }
    let home = Home::with(&feeds);
    home.once();
    assert_eq!(home.db().articles(), 12);
    alter(&home, &format!("UPDATE feed SET effective_url = '{}' || name", tarpit.url("new.localhost", "/")));
    home.once();
    assert_eq!(home.db().articles(), 24);
    let times: Vec<_> = asked(&tarpit, "new.localhost").iter().map(|request| request.at).collect();
    // An answer is not before its time: two cores would ask beside each other.
    let least = times.windows(2).map(|pair| pair[1] - pair[0]).min().expect("there are twelve");
    assert!(times.len() == 12 && least >= ANSWER_TIME, "two requests within {least:?}");
}
