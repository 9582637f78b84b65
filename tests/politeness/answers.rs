//! What becomes of answers that are no feed.

use rssd::tarpit::Answer;

use super::RSS;
use crate::support::{Feeds, Home, guids, rss, tarpit};

const HTML: &str = "text/html; charset=utf-8";

#[test]
fn every_refusal_lengthens_the_wait_and_none_but_410_is_the_end() {
    let tarpit = tarpit();
    let with_feed = |status| Answer::status(status).header("Content-Type", RSS).body(rss("x", guids("x", 1)));
    let cases: [(&str, Answer, &str); 7] = [
        ("not-found", with_feed(404), "status"),
        ("error", with_feed(500), "status"),
        ("bad-gateway", Answer::status(502), "status"),
        ("unavailable", Answer::status(503), "status"),
        ("odd", Answer::status(599), "status"),
        ("teapot", Answer::status(418), "status"),
        ("gone", with_feed(410), "gone"),
    ];
    let mut feeds = Feeds::new();
    for (name, answer, _) in &cases {
        tarpit.route(&format!("{name}.localhost"), "/feed", answer.clone());
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed"));
    }
    let home = Home::with(&feeds);
    home.once();
    let waits = |home: &Home| -> Vec<(String, Option<i64>)> {
        home.db().list("SELECT name, next_poll_at - last_polled_at FROM feed ORDER BY name", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    };
    let first = waits(&home);
    home.once();
    home.once();
    let third = waits(&home);
    let db = home.db();
    for (name, _, class) in &cases {
        assert_eq!(db.class_of(name), *class, "{name}: {}", db.error_of(name));
    }
    assert_eq!(db.articles(), 0);
    // Backoff, never the end: each is still to be polled, later than after its first failure. Only what is gone, and says so
    // a third time, is given up.
    for ((name, first), (_, third)) in first.into_iter().zip(third) {
        assert!(
            if name == "gone" { third.is_none() } else { third > first },
            "{name}: {first:?} ms, then {third:?} ms"
        );
    }
    assert_eq!(db.one::<i64>("SELECT count(*) FROM feed WHERE failure_count = 3"), cases.len() as i64);
    assert_eq!(db.one::<String>("SELECT name FROM feed WHERE gone_at IS NOT NULL"), "gone");
}

#[test]
fn a_page_is_no_feed_and_its_feeds_are_told() {
    let tarpit = tarpit();
    let page = "<!DOCTYPE html><html><head><base href=\"/blog/\"><title>A blog</title>\
                <link rel=\"alternate stylesheet\" href=\"/style.css\">\
                <LINK REL=alternate TYPE='application/rss+xml' HREF='feed.xml?a=1&amp;b=2' TITLE='All'>\
                <link rel=\"alternate\" type=\"application/atom+xml\" href=\"//atom.localhost/a\"></head></html>";
    tarpit.route("page.localhost", "/", Answer::ok(HTML, page));
    let home = Home::with(&Feeds::new().feed("page", tarpit.url("page.localhost", "/")));
    home.once();
    let db = home.db();
    assert_eq!(db.class_of("page"), "not_feed");
    let error = db.error_of("page");
    for url in [&*tarpit.url("page.localhost", "/blog/feed.xml?a=1&b=2"), "http://atom.localhost/a"] {
        assert!(error.contains(url), "{url} in {error}");
    }
    assert!(!error.contains("style.css"), "{error}");
}

#[test]
fn challenges_are_a_class_of_their_own() {
    let tarpit = tarpit();
    let page = |status, body: &str| Answer::status(status).header("Content-Type", HTML).body(body);
    let cases = [
        (
            "managed",
            page(403, "<html>").header("cf-mitigated", "challenge").header("Server", "cloudflare"),
            "Cloudflare",
        ),
        ("waiting", page(503, "<html><script>window._cf_chl_opt={cType:'x'}</script>").chunked(), "Cloudflare"),
        ("slowed", page(429, "<title>Attention Required! | Cloudflare</title>"), "Cloudflare"),
        ("captcha", page(405, "").header("x-amzn-waf-action", "captcha"), "AWS WAF"),
        ("later", page(202, "").header("x-amzn-waf-action", "challenge"), "AWS WAF"),
        ("as-if-fine", page(200, "<!doctype html><script id=\"anubis_challenge\">{}</script>"), "Anubis"),
    ];
    let mut feeds = Feeds::new();
    for (name, answer, _) in &cases {
        tarpit.route(&format!("{name}.localhost"), "/feed", answer.clone());
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed"));
    }
    // Behind the same service, but the server's own no; and a body that never ends.
    tarpit.route("own.localhost", "/feed", page(403, "<h1>Log in</h1>").header("Server", "cloudflare"));
    let endless = page(403, "").body_long(b"<html>"[..].into(), b"<p>"[..].into(), None, b""[..].into()).chunked();
    tarpit.route("endless.localhost", "/feed", endless);
    tarpit.route("cut.localhost", "/feed", page(403, "<html>").length_claimed(1_000).close());
    for name in ["own", "endless", "cut"] {
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed"));
    }
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    for (name, _, who) in &cases {
        assert_eq!(db.class_of(name), "blocked", "{name}: {}", db.error_of(name));
        assert!(db.error_of(name).contains(who), "{name}: {}", db.error_of(name));
    }
    for name in ["own", "endless", "cut"] {
        assert_eq!(db.class_of(name), "credentials", "{name}: {}", db.error_of(name));
    }
    let agents: Vec<_> = tarpit.requests().iter().map(|r| r.head.header("user-agent").map(<[u8]>::to_vec)).collect();
    assert!(agents.iter().all(|agent| agent.as_deref().is_some_and(|agent| agent.starts_with(b"rssd/"))));
    assert_eq!(agents.len(), cases.len() + 3, "and nobody is asked twice");
}
