//! Damage that was repaired is told: in the database, to programs, on the feed's page, in metrics.

use rssd::tarpit::Answer;

use crate::support::http::{get, get_with, listening};
use crate::support::{Feeds, Home, guids, rss, tarpit};

const RSS: &str = "application/rss+xml";

/// Two bare ampersands and no version.
fn damaged() -> String {
    rss("Fish & chips & peas", guids("fish", 2)).replace(" version=\"2.0\"", "")
}

const TOLD: &str = r#"["odd version","bare ampersand x2"]"#;

#[test]
fn a_feed_keeps_what_was_wrong_with_its_last_document() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("f", tarpit.url("f.localhost", "/feed")));
    let told = |answer: Answer| {
        tarpit.route("f.localhost", "/feed", answer);
        home.once();
        home.db().one::<String>("SELECT repaired FROM feed")
    };
    assert_eq!(told(Answer::ok(RSS, damaged())), TOLD);
    assert_eq!(told(Answer::ok(RSS, damaged())), TOLD, "the same bytes are not read again");
    assert_eq!(told(Answer::ok(RSS, "no feed at all")), TOLD, "a failure says nothing of the last document");
    assert_eq!(told(Answer::ok(RSS, rss("Fish", guids("fish", 3)))), "[]");
    assert_eq!(home.db().articles(), 3);
}

#[test]
fn programs_and_people_hear_of_it() {
    let tarpit = tarpit();
    tarpit.route("bad.localhost", "/feed", Answer::ok(RSS, damaged()));
    tarpit.route("good.localhost", "/feed", Answer::ok(RSS, rss("Good", guids("good", 1))));
    let feeds = Feeds::new()
        .feed("bad", tarpit.url("bad.localhost", "/feed"))
        .feed("good", tarpit.url("good.localhost", "/feed"));
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("the first round", |_| db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count = 0") == 0);

    let repaired = |feed: &str| get(at, &format!("/feeds/{feed}")).json()["repaired"].to_string();
    assert_eq!((repaired("bad").as_str(), repaired("good").as_str()), (TOLD, "[]"));
    let page = |feed: &str| get_with(at, &format!("/feeds/{feed}"), "Accept: text/html\r\n").text().to_owned();
    assert!(page("bad").contains("odd version, bare ampersand x2"), "{}", page("bad"));
    assert!(!page("good").contains("Repaired"), "{}", page("good"));
    // Counted by the core a moment after the commit that the wait saw.
    daemon.wait_for("the counters", |_| {
        get(at, "/metrics").text().contains("rssd_repairs_total{kind=\"bare_ampersand\"} 1\n")
    });
    let metrics = get(at, "/metrics").text().to_owned();
    for line in ["rssd_repairs_total{kind=\"version\"} 1\n", "rssd_repairs_total{kind=\"tags\"} 0\n"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn an_article_says_where_it_is_discussed_and_how_long_its_file_plays() {
    let document = rss("Talk", guids("talk", 1)).replace(
        "</item>",
        "<comments>/talk/1</comments><enclosure url='/1.mp3' type='audio/mpeg' length='9' duration='62'/></item>",
    );
    let tarpit = tarpit();
    tarpit.route("f.localhost", "/feed", Answer::ok(RSS, document));
    let home = Home::with(&Feeds::new().feed("f", tarpit.url("f.localhost", "/feed")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("the first round", |_| db.articles() == 1);
    let article = get(at, "/articles/1").json();
    let (talk, file) = (tarpit.url("f.localhost", "/talk/1"), tarpit.url("f.localhost", "/1.mp3"));
    assert_eq!(article["comments"], talk);
    assert_eq!(
        article["enclosures"].to_string(),
        format!(r#"[{{"url":"{file}","type":"audio/mpeg","length":9,"duration_s":62}}]"#)
    );
    assert_eq!(get(at, "/feed.json").json()["items"][0]["attachments"][0]["duration_in_seconds"], 62);
    let page = get_with(at, "/articles/1", "Accept: text/html\r\n").text().to_owned();
    assert!(page.contains("plays 1 m 2 s") && page.contains(&talk), "{page}");
}
