//! Conditional requests: what a server said comes back byte for byte, only to it, and nothing is stored twice.

use rssd::tarpit::{Answer, Recorded, Script};

use super::{RSS, alter};
use crate::support::{Feeds, Home, guids, header, rss, tarpit};

const DAY_MS: i64 = 86_400_000;

/// The second half of a request's validators, as text for a failed test.
fn conditions(request: &Recorded) -> (Option<&[u8]>, Option<&[u8]>) {
    (header(request, "if-none-match"), header(request, "if-modified-since"))
}

#[test]
fn twice_over_unchanged_feeds_nothing_is_double_and_validators_are_the_same_bytes() {
    let odd: [(&str, &[u8], &[u8]); 9] = [
        ("plain", b"\"1\"", b"Wed, 01 Jan 2025 00:00:00 GMT"),
        ("weak", b"W/\"5-abc\"", b"wed, 1 jan 2025 0:0:0 UTC"),
        ("weak-lower", b"w/\"5\"", b"Wednesday, 01-Jan-25 00:00:00 GMT"),
        ("latin-1", b"\"caf\xe9\"", b"Wed, 01 Jan 2025 00:00:00 +0000"),
        ("utf-8", "\"日本\"".as_bytes(), b"1735689600"),
        ("unquoted", b"abc-123", b"2025-01-01T00:00:00Z"),
        ("empty", b"\"\"", b"0"),
        ("spaced", b"\"a  b\"", b"Wed,  01 Jan 2025  00:00:00 GMT"),
        ("list", b"\"a\", \"b\"", b"never"),
    ];
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for (name, etag, date) in odd {
        let host = format!("{name}.localhost");
        tarpit.route(&host, "/feed", Answer::ok(RSS, rss(name, guids(name, 5))).etag(etag).last_modified(date));
        feeds = feeds.feed(name, tarpit.url(&host, "/feed"));
    }
    let home = Home::with(&feeds);
    home.once();
    let first = home.db().stream();
    assert_eq!(first.len(), odd.len() * 5);
    for request in tarpit.requests() {
        assert_eq!(conditions(&request), (None, None), "nothing is known before a first answer");
    }

    for _ in 0..2 {
        tarpit.forget_requests();
        home.once();
        let requests = tarpit.requests();
        assert_eq!(requests.len(), odd.len());
        for (name, etag, date) in odd {
            let request = requests.iter().find(|request| request.head.host == format!("{name}.localhost"));
            let request = request.unwrap_or_else(|| panic!("{name} was not asked"));
            assert_eq!(conditions(request), (Some(etag), Some(date)), "{name}");
        }
        let db = home.db();
        db.assert_whole();
        assert_eq!(db.stream(), first, "seq, feed and key are what they were");
        for (name, ..) in odd {
            assert_eq!(db.last_poll_of(name).0, Some(304), "{name}");
        }
        let fine: i64 = db.one(
            "SELECT count(*) FROM feed WHERE failure_count = 0 AND last_error_class IS NULL AND failing_since IS NULL \
             AND last_ok_at >= last_polled_at",
        );
        assert_eq!(fine, odd.len() as i64, "a 304 is a success");
    }
}

#[test]
fn the_same_body_again_is_unchanged_and_brings_its_new_validators() {
    let tarpit = tarpit();
    let body = rss("same", guids("same", 4));
    let script = Script::from(Answer::ok(RSS, &body).etag("\"1\"")).then(Answer::ok(RSS, &body).etag("\"2\""));
    tarpit.route("same.localhost", "/feed", script);
    let home = Home::with(&Feeds::new().feed("same", tarpit.url("same.localhost", "/feed")));
    home.once();
    let first = home.db().stream();
    home.once();
    let db = home.db();
    assert_eq!(db.last_poll_of("same"), (Some(200), "unchanged".to_owned()));
    assert_eq!(db.stream(), first);
    home.once();
    let asked: Vec<_> =
        tarpit.requests().iter().map(|request| header(request, "if-none-match").map(<[u8]>::to_vec)).collect();
    assert_eq!(asked, [None, Some(b"\"1\"".to_vec()), Some(b"\"2\"".to_vec())]);
}

#[test]
fn each_answer_replaces_what_it_carries_and_a_200_forgets_what_it_lacks() {
    let tarpit = tarpit();
    let ok = |etag: Option<&str>, date: Option<&str>, count| {
        let answer = Answer::ok(RSS, rss("moving", guids("moving", count)));
        let answer = etag.into_iter().fold(answer, |answer, etag| answer.header("ETag", etag));
        date.into_iter().fold(answer, |answer, date| answer.header("Last-Modified", date))
    };
    let not_modified = |etag: &str| Answer::status(304).header("ETag", etag);
    let script = Script::from(ok(Some("\"a\""), Some("date-a"), 1))
        .then(not_modified("\"b\""))
        .then(Answer::status(304))
        .then(ok(None, Some("date-c"), 2))
        .then(Answer::status(500).header("ETag", "\"error\""))
        .then(ok(None, None, 3))
        .then(ok(None, None, 3));
    tarpit.route("moving.localhost", "/feed", script);
    let home = Home::with(&Feeds::new().feed("moving", tarpit.url("moving.localhost", "/feed")));
    for _ in 0..7 {
        home.once();
    }
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let asked: Vec<_> = tarpit
        .requests()
        .iter()
        .map(|request| {
            let (etag, date) = conditions(request);
            format!("{} {}", text(etag).unwrap_or("-".into()), text(date).unwrap_or("-".into()))
        })
        .collect();
    assert_eq!(
        asked,
        ["- -", "\"a\" date-a", "\"b\" date-a", "\"b\" date-a", "- date-c", "- date-c", "- -"],
        "a 304's new tag replaces, its missing one keeps, a 200's missing one is forgotten, an error changes nothing"
    );
    assert_eq!(home.db().articles(), 3);
}

#[test]
fn validators_belong_to_a_url_and_to_credentials() {
    let tarpit = tarpit();
    for path in ["/one", "/two"] {
        tarpit.route("moved.localhost", path, Answer::ok(RSS, rss("moved", guids("moved", 3))).etag("\"v\""));
    }
    let home = Home::new();
    home.write("password", "secret");
    let secret = "username = \"u\"\npassword_file = \"password\"";
    let steps = [
        ("/one", "", None),
        ("/one", "", Some(b"\"v\"".as_slice())),
        ("/two", "", None),
        ("/two", "", Some(b"\"v\"".as_slice())),
        ("/two", secret, None),
        ("/two", secret, Some(b"\"v\"".as_slice())),
        ("/two", "", None),
    ];
    for (index, (path, credentials, expected)) in steps.into_iter().enumerate() {
        home.subscribe(&Feeds::new().feed_with("moved", tarpit.url("moved.localhost", path), credentials));
        home.once();
        let requests = tarpit.requests();
        assert_eq!(requests.len(), index + 1);
        assert_eq!(header(&requests[index], "if-none-match"), expected, "request {index}: {path} {credentials}");
        assert_eq!(header(&requests[index], "authorization").is_some(), !credentials.is_empty(), "request {index}");
    }
    let db = home.db();
    assert_eq!(db.articles(), 3, "the same guids of the same feed are the same articles, wherever it lives");
    db.assert_whole();
}

#[test]
fn validators_do_not_follow_a_redirect_to_another_host() {
    let tarpit = tarpit();
    let there = Answer::redirect(302, tarpit.url("there.localhost", "/feed"));
    let here = Answer::ok(RSS, rss("here", guids("here", 2))).etag("\"here\"").last_modified("date-here");
    tarpit.route("here.localhost", "/feed", Script::from(here).then(there));
    let answer = Answer::ok(RSS, rss("here", guids("here", 3))).etag("\"there\"").last_modified("date-there");
    tarpit.route("there.localhost", "/feed", answer);
    let home = Home::with(&Feeds::new().feed("here", tarpit.url("here.localhost", "/feed")));
    for _ in 0..4 {
        home.once();
    }
    assert_eq!(home.db().articles(), 3);
    let mut at_there = 0;
    for request in tarpit.requests() {
        let (own, is_there) = (&b"\"here\""[..], request.head.host == "there.localhost");
        let (own, own_date) = if is_there { (&b"\"there\""[..], &b"date-there"[..]) } else { (own, &b"date-here"[..]) };
        at_there += u32::from(is_there);
        let (etag, date) = conditions(&request);
        assert!(etag.is_none_or(|etag| etag == own), "{}: {:?}", request.head.host, etag.map(String::from_utf8_lossy));
        assert!(date.is_none_or(|date| date == own_date), "{}", request.head.host);
    }
    assert_eq!(at_there, 3);
}

#[test]
fn validators_are_stored_only_with_the_articles_that_came_with_them() {
    let tarpit = tarpit();
    let good = Answer::ok(RSS, rss("cut", guids("cut", 2))).etag("\"good\"");
    let cut = Answer::ok(RSS, "<rss").etag("\"bad\"").length_claimed(100_000).close();
    let page = Answer::ok("text/html", "<!DOCTYPE html><html><body>log in</body></html>").etag("\"page\"");
    let script = Script::from(cut.clone()).then(page).then(good).then(cut).then(Answer::status(304));
    tarpit.route("cut.localhost", "/feed", script);
    let home = Home::with(&Feeds::new().feed("cut", tarpit.url("cut.localhost", "/feed")));
    let classes = ["body", "not_feed", "", "body", ""];
    for class in classes {
        home.once();
        assert_eq!(home.db().class_of("cut"), class, "{}", home.db().error_of("cut"));
    }
    let asked: Vec<_> =
        tarpit.requests().iter().map(|request| header(request, "if-none-match").map(<[u8]>::to_vec)).collect();
    let good = Some(b"\"good\"".to_vec());
    assert_eq!(asked, [None, None, None, good.clone(), good]);
    assert_eq!(home.db().articles(), 2);
}

#[test]
fn validators_are_never_made_up() {
    let tarpit = tarpit();
    let dated = rss("dated", guids("dated", 2)).replace(
        "<item>",
        "<lastBuildDate>Wed, 01 Jan 2025 00:00:00 GMT</lastBuildDate><pubDate>Wed, 01 Jan 2025 00:00:00 GMT</pubDate><item>",
    );
    let answer = Answer::ok(RSS, dated).header("Date", "Thu, 02 Jan 2025 00:00:00 GMT");
    tarpit.route("dated.localhost", "/feed", answer);
    let home = Home::with(&Feeds::new().feed("dated", tarpit.url("dated.localhost", "/feed")));
    for _ in 0..3 {
        home.once();
    }
    assert_eq!(tarpit.requests().len(), 3);
    assert!(tarpit.requests().iter().all(|request| conditions(request) == (None, None)));
}

/// Lets a feed have been as it is for so many days, and have been doubted so long ago.
fn age(home: &Home, changed_days: i64, doubted_days: Option<i64>) {
    let now_ms = rssd::clock::Clock::system().now_ms();
    let doubted = doubted_days.map_or("NULL".to_owned(), |days| (now_ms - days * DAY_MS).to_string());
    alter(home, &format!("UPDATE feed SET changed_at = {}, doubted_at = {doubted}", now_ms - changed_days * DAY_MS));
}

#[test]
fn a_304_that_looks_frozen_is_doubted_once_a_week() {
    let tarpit = tarpit();
    let ok = |count: usize| Answer::ok(RSS, rss("frozen", guids("frozen", count))).etag("\"frozen\"");
    let frozen = || Answer::status(304);
    let script = Script::from(Answer::ok(RSS, rss("frozen", guids("frozen", 1))).etag("\"first\""))
        .then(ok(2))
        .then(frozen())
        .then(ok(2))
        .then(frozen())
        .then(ok(5));
    tarpit.route("frozen.localhost", "/feed", script);
    let home = Home::with(&Feeds::new().feed("frozen", tarpit.url("frozen.localhost", "/feed")));
    home.once();
    home.once();
    // Changed once, yesterday: believed.
    age(&home, 1, None);
    home.once();
    // Still the same for two months: doubted, in vain.
    age(&home, 60, None);
    home.once();
    let doubted_at: Option<i64> = home.db().one("SELECT doubted_at FROM feed");
    assert!(doubted_at.is_some(), "it is remembered over restarts");
    // Doubted three days ago: believed. A fortnight ago: doubted, and rightly.
    age(&home, 60, Some(3));
    home.once();
    age(&home, 60, Some(14));
    home.once();
    let asked: Vec<bool> = tarpit.requests().iter().map(|request| conditions(request) != (None, None)).collect();
    assert_eq!(asked, [false, true, true, false, true, false]);
    assert_eq!(home.db().articles(), 5);
}

#[test]
fn a_feed_that_never_changed_is_believed_for_ever() {
    let tarpit = tarpit();
    tarpit.route("still.localhost", "/feed", Answer::ok(RSS, rss("still", guids("still", 3))).etag("\"still\""));
    let home = Home::with(&Feeds::new().feed("still", tarpit.url("still.localhost", "/feed")));
    home.once();
    age(&home, 3_000, None);
    home.once();
    assert_eq!(header(&tarpit.requests()[1], "if-none-match"), Some(&b"\"still\""[..]));
}

#[test]
fn a_delta_is_asked_for_with_an_entity_tag_and_merged() {
    let tarpit = tarpit();
    let described = rss("delta", guids("delta", 4)).replacen("<channel>", "<channel><ttl>180</ttl>", 1);
    let whole = Answer::ok(RSS, described).etag("\"1\"");
    let delta = Answer::status(226)
        .header("Content-Type", RSS)
        .header("IM", "feed")
        .header("ETag", "\"2\"")
        .body(rss("only what is new", ["delta-4", "delta-5"]));
    tarpit.route("delta.localhost", "/feed", Script::from(whole.clone()).then(delta.clone()).then(Answer::status(304)));
    tarpit.route("unasked.localhost", "/feed", delta.clone());
    let other = delta.clone().header("IM", "vcdiff");
    tarpit.route("other.localhost", "/feed", Script::from(whole).then(other));
    let dated = Answer::ok(RSS, rss("dated", guids("dated", 1))).last_modified("Wed, 01 Jan 2025 00:00:00 GMT");
    tarpit.route("dated.localhost", "/feed", dated);
    let mut feeds = Feeds::new();
    for name in ["delta", "unasked", "other", "dated"] {
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed"));
    }
    let home = Home::with(&feeds);
    for _ in 0..3 {
        home.once();
    }
    let asked = |host: &str| -> Vec<_> {
        let requests = tarpit.requests().into_iter().filter(|request| request.head.host == host);
        let text = |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
        requests.map(|r| (text(header(&r, "if-none-match")), text(header(&r, "a-im")))).collect()
    };
    let with = |tag: &str| (Some(tag.to_owned()), Some("feed".to_owned()));
    assert_eq!(asked("delta.localhost"), [(None, None), with("\"1\""), with("\"2\"")]);
    assert_eq!(asked("dated.localhost"), vec![(None, None); 3], "the server could not tell since when");
    let db = home.db();
    assert_eq!(db.articles_of("delta"), 6, "what the delta does not list stays");
    assert_eq!(db.class_of("delta"), "");
    let kept: (String, String) = (
        db.one("SELECT title FROM feed WHERE name = 'delta'"),
        db.one("SELECT ifnull(hints, '') FROM feed WHERE name = 'delta'"),
    );
    assert_eq!(kept, ("delta".to_owned(), "{\"ttl_s\":10800}".to_owned()), "what the whole document said of the feed");
    assert_eq!((db.class_of("unasked").as_str(), db.articles_of("unasked")), ("status", 0));
    assert_eq!((db.class_of("other").as_str(), db.articles_of("other")), ("status", 4));
    assert_eq!(asked("other.localhost")[2], with("\"1\""), "validators of what cannot be read are not taken over");
}
