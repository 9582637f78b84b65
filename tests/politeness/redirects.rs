//! Redirects are ours, hop by hop: followed where they lead to feeds, and trusted with nothing that belongs to another
//! origin. What is refused of them is in the fault catalogue.

use std::time::Duration;

use rssd::clock::Clock;
use rssd::tarpit::{Answer, Script, Step, Tarpit, Tls};

use super::{RSS, alter};
use crate::support::{Db, Feeds, Home, guids, header, rss, tarpit};

#[test]
fn every_kind_is_followed() {
    let tarpit = tarpit();
    let mut feeds = Feeds::new();
    for status in [301, 302, 303, 307, 308] {
        let name = format!("r{status}");
        let (from, to) = (format!("{name}.localhost"), format!("{name}-target.localhost"));
        tarpit.route(&from, "/old", Answer::redirect(status, tarpit.url(&to, "/new")));
        tarpit.route(&to, "/new", Answer::ok(RSS, rss(&name, guids(&name, 2))));
        feeds = feeds.feed(&name, tarpit.url(&from, "/old"));
    }
    // Five hops are what may be taken, relative ones too.
    for (hop, location) in ["/b", "c", "//five.localhost:PORT/d", "?e", "/f/../target"].into_iter().enumerate() {
        let paths = ["/a", "/b", "/c", "/d", "/d"];
        let location = location.replace("PORT", &tarpit.addr().port().to_string());
        match hop {
            // The query is no part of a route's path: the second request of /d is the one with `?e`.
            3 => tarpit.route(
                "five.localhost",
                "/d",
                Script::from(Answer::redirect(302, location)).then(Answer::redirect(302, "/f/../target")),
            ),
            4 => tarpit.route("five.localhost", "/target", Answer::ok(RSS, rss("five", guids("five", 2)))),
            _ => tarpit.route("five.localhost", paths[hop], Answer::redirect(302, location)),
        }
    }
    feeds = feeds.feed("five", tarpit.url("five.localhost", "/a"));
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    for name in ["r301", "r302", "r303", "r307", "r308", "five"] {
        assert_eq!(db.articles_of(name), 2, "{name}: {}", db.error_of(name));
    }
    let moved: i64 = db.one("SELECT count(*) FROM feed WHERE effective_url IS NOT NULL AND effective_url <> url");
    assert_eq!(moved, 0, "one answer does not move a feed");
}

#[test]
fn private_addresses_are_for_feeds_that_may() {
    let tarpit = tarpit();
    let port = tarpit.addr().port();
    let hosts = [
        ("v4", "127.0.0.1"),
        ("name", "localhost"),
        ("subdomain", "feed.localhost"),
        ("v6", "[::1]"),
        ("mapped", "[::ffff:127.0.0.1]"),
        ("short", "127.1"),
        ("number", "2130706433"),
        ("hex", "0x7f000001"),
        ("any", "0.0.0.0"),
        ("ten", "10.0.0.1"),
        ("metadata", "169.254.169.254"),
        ("cgnat", "100.64.0.1"),
        ("ula", "[fd00::1]"),
        ("nat64", "[64:ff9b::7f00:1]"),
        ("6to4", "[2002:7f00:1::]"),
        ("multicast", "224.0.0.1"),
    ];
    let mut feeds = Feeds::of_strangers().default("connect_timeout = \"2s\"");
    for (name, host) in hosts {
        feeds = feeds.feed(name, format!("http://{host}:{port}/healthy/1?{name}"));
    }
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    for (name, host) in hosts {
        assert_eq!(db.class_of(name), "policy", "{host}: {}", db.error_of(name));
        assert!(db.error_of(name).contains("allow_private"), "{host}: {}", db.error_of(name));
    }
    assert_eq!(tarpit.counts().accepted, 0, "nobody was dialled");
}

#[test]
fn credentials_and_own_headers_stay_with_their_origin() {
    let tarpit = tarpit();
    let home = Home::new();
    home.write("password", "hunter2\n");
    home.write("bearer", "t0ken\n");
    let mut feeds = Feeds::new();
    for (name, own) in [
        ("basic", "username = \"u\"\npassword_file = \"password\""),
        ("bearer", "bearer_file = \"bearer\""),
        ("key", "headers = { X-Key = \"k3y\" }"),
    ] {
        let (host, elsewhere) = (format!("{name}.localhost"), format!("{name}-elsewhere.localhost"));
        tarpit.route(&host, "/start", Answer::redirect(302, "/same"));
        tarpit.route(&host, "/same", Answer::redirect(302, tarpit.url(&elsewhere, "/feed")));
        tarpit.route(&elsewhere, "/feed", Answer::ok(RSS, rss(name, guids(name, 1))));
        feeds = feeds.feed_with(name, tarpit.url(&host, "/start"), own);
    }
    home.subscribe(&feeds);
    let finished = home.once();
    assert_eq!(home.db().articles(), 3);
    let secret_of = |request: &rssd::tarpit::Recorded| {
        let secret = header(request, "authorization").or(header(request, "x-key"));
        secret.map(|secret| String::from_utf8_lossy(secret).into_owned())
    };
    for request in tarpit.requests() {
        let expected = match request.head.host.as_str() {
            // RFC 7617: base64 of "u:hunter2".
            "basic.localhost" => Some("Basic dTpodW50ZXIy".to_owned()),
            "bearer.localhost" => Some("Bearer t0ken".to_owned()),
            "key.localhost" => Some("k3y".to_owned()),
            _ => None,
        };
        assert_eq!(secret_of(&request), expected, "{}{}", request.head.host, request.head.path);
    }
    assert_eq!(tarpit.requests().len(), 9);
    for secret in ["hunter2", "t0ken", "k3y", "dTpodW50ZXIy"] {
        assert!(!finished.stderr.contains(secret) && !finished.stdout.contains(secret), "{secret} was logged");
    }
}

#[test]
fn https_is_left_for_http_only_where_that_is_allowed() {
    let tarpit = tarpit();
    tarpit.tls("down.localhost", Tls::Good);
    tarpit.route("down.localhost", "/feed", Answer::redirect(301, tarpit.url("plain.localhost", "/healthy/1")));
    let home = Home::new();
    home.write("ca.pem", tarpit.ca_pem());
    let feeds = Feeds::new()
        .feed_with("down", tarpit.tls_url("down.localhost", "/feed"), "ca_file = \"ca.pem\"")
        .feed_with("fine", tarpit.tls_url("fine.localhost", "/healthy/1"), "ca_file = \"ca.pem\"");
    home.subscribe(&feeds);
    home.once();
    let db = home.db();
    assert_eq!(db.articles_of("fine"), 30, "{}", db.error_of("fine"));
    assert_eq!(db.class_of("down"), "policy", "{}", db.error_of("down"));
    assert!(db.error_of("down").contains("allow_downgrade"), "{}", db.error_of("down"));
    assert!(!tarpit.requests().iter().any(|request| request.head.host == "plain.localhost"));

    // Unless the operator says that it is right.
    let url = tarpit.tls_url("down.localhost", "/feed");
    home.subscribe(&Feeds::new().feed_with("down", url, "ca_file = \"ca.pem\"\nallow_downgrade = true"));
    home.once();
    assert_eq!(home.db().articles_of("down"), 30, "{}", home.db().error_of("down"));
}

#[test]
fn the_hops_share_one_budget() {
    let tarpit = tarpit();
    let slow = |answer: Answer| Script::from([Step::Wait(Duration::from_secs(1)), Step::Answer(answer)]);
    tarpit.route("slow.localhost", "/1", slow(Answer::redirect(301, "/2")));
    tarpit.route("slow.localhost", "/2", slow(Answer::redirect(301, "/3")));
    tarpit.route("slow.localhost", "/3", slow(Answer::ok(RSS, rss("slow", guids("slow", 1)))));
    let feeds = Feeds::new().default("read_timeout = \"2s\"\ntotal_timeout = \"2s\"");
    let home = Home::with(&feeds.feed("slow", tarpit.url("slow.localhost", "/1")));
    home.once();
    let db = home.db();
    assert!(db.class_of("slow").starts_with("timeout"), "{}: {}", db.class_of("slow"), db.error_of("slow"));
    assert!(db.error_of("slow").contains("total_timeout"), "{}", db.error_of("slow"));
}

fn effective_url(db: &Db) -> Option<String> {
    db.one("SELECT effective_url FROM feed")
}

/// Hosts that were asked, in order; what was asked before is forgotten.
fn hosts_asked(tarpit: &Tarpit) -> Vec<String> {
    let hosts = tarpit.requests().into_iter().map(|request| request.head.host.replace(".localhost", "")).collect();
    tarpit.forget_requests();
    hosts
}

/// A feed of `old.localhost` whose articles are known, and which answers with these redirects from then on.
fn moving(tarpit: &Tarpit, redirect: Answer) -> Home {
    let known = Answer::ok(RSS, rss("feed", guids("feed", 6))).etag("\"old\"");
    tarpit.route("old.localhost", "/feed", Script::from(known).then(redirect));
    let home = Home::with(&Feeds::new().feed("feed", tarpit.url("old.localhost", "/feed")));
    home.once();
    tarpit.forget_requests();
    home
}

/// Lets the redirects have led there since yesterday.
fn a_day_passes(home: &Home) {
    alter(
        home,
        &format!("UPDATE feed SET moved_since = {} WHERE moved_since > 0", Clock::system().now_ms() - 90_000_000),
    );
}

/// The same articles as [`moving`], one of them new, at another URL.
fn at_new(tarpit: &Tarpit) {
    tarpit.route("new.localhost", "/feed", Answer::ok(RSS, rss("feed", guids("feed", 7))).etag("\"new\""));
}

#[test]
fn a_feed_moves_where_permanent_redirects_led_for_three_polls_and_a_day() {
    for status in [301, 308] {
        let tarpit = tarpit();
        at_new(&tarpit);
        let target = tarpit.url("new.localhost", "/feed");
        let home = moving(&tarpit, Answer::redirect(status, &target));
        // Three polls, but within a moment.
        for _ in 0..3 {
            home.once();
            assert_eq!(effective_url(&home.db()), None);
        }
        a_day_passes(&home);
        home.once();
        assert_eq!(effective_url(&home.db()), Some(target.clone()));
        assert_eq!(hosts_asked(&tarpit), ["old", "new"].repeat(4));
        // From now on it alone is asked, on the condition of what it sent.
        for _ in 0..2 {
            home.once();
            let requests = tarpit.requests();
            assert_eq!(header(&requests[0], "if-none-match"), Some(&b"\"new\""[..]));
            assert_eq!(hosts_asked(&tarpit), ["new"]);
        }
        let db = home.db();
        assert_eq!((db.articles(), effective_url(&db)), (7, Some(target)));
        db.assert_whole();
    }
}

#[test]
fn what_is_not_permanent_is_never_kept() {
    let tarpit = tarpit();
    at_new(&tarpit);
    let target = tarpit.url("new.localhost", "/feed");
    // The last one is permanent, then temporary.
    tarpit.route("between.localhost", "/feed", Answer::redirect(302, &target));
    let between = tarpit.url("between.localhost", "/feed");
    for redirect in [(302, &target), (303, &target), (307, &target), (301, &between)] {
        let home = moving(&tarpit, Answer::redirect(redirect.0, redirect.1));
        for _ in 0..4 {
            home.once();
        }
        let evidence: i64 = home.db().one("SELECT count(*) FROM feed WHERE moved_to IS NOT NULL");
        assert_eq!((evidence, effective_url(&home.db())), (0, None), "{redirect:?}");
        assert_eq!(home.db().articles(), 7, "{redirect:?}: it was followed");
    }
}

#[test]
fn another_feed_at_the_target_is_not_moved_to() {
    let tarpit = tarpit();
    let parked = Answer::ok(RSS, rss("parked", guids("casino", 6))).etag("\"parked\"");
    tarpit.route("parked.localhost", "/feed", parked);
    let home = moving(&tarpit, Answer::redirect(301, tarpit.url("parked.localhost", "/feed")));
    for _ in 0..3 {
        home.once();
    }
    let counted: i64 = home.db().one("SELECT count(*) FROM feed WHERE moved_since IS NOT NULL OR moved_count > 0");
    assert_eq!(counted, 0, "nor do its later polls, which look like itself, count");
    assert_eq!(effective_url(&home.db()), None);
}

#[test]
fn a_target_that_fails_three_times_gives_way_to_the_configured_url() {
    let tarpit = tarpit();
    let target = tarpit.url("new.localhost", "/feed");
    at_new(&tarpit);
    let home = moving(&tarpit, Answer::redirect(301, &target));
    home.once();
    home.once();
    a_day_passes(&home);
    home.once();
    assert_eq!(effective_url(&home.db()), Some(target.clone()));
    hosts_asked(&tarpit);

    tarpit.route("new.localhost", "/feed", Answer::status(500));
    home.once();
    home.once();
    assert_eq!(effective_url(&home.db()), Some(target.clone()), "a bad hour is none of its business");
    home.once();
    assert_eq!(effective_url(&home.db()), None);
    tarpit.route("old.localhost", "/feed", Answer::ok(RSS, rss("feed", guids("feed", 8))));
    home.once();
    assert_eq!(hosts_asked(&tarpit), ["new", "new", "new", "old"]);
    assert_eq!((home.db().articles(), home.db().class_of("feed")), (8, String::new()));

    // Who asks for fewer requests is there.
    alter(&home, &format!("UPDATE feed SET effective_url = '{target}', failure_count = 9"));
    tarpit.route("new.localhost", "/feed", Answer::status(429));
    home.once();
    assert_eq!(effective_url(&home.db()), Some(target.clone()));
    assert_eq!(hosts_asked(&tarpit), ["new"]);

    // Gone for good is gone at once.
    alter(&home, &format!("UPDATE feed SET effective_url = '{target}', schedule = NULL"));
    tarpit.route("new.localhost", "/feed", Answer::status(410));
    home.once();
    home.once();
    assert_eq!(hosts_asked(&tarpit), ["new", "old"]);
}

#[test]
fn credentials_do_not_move_along() {
    let tarpit = tarpit();
    let target = tarpit.url("new.localhost", "/feed");
    at_new(&tarpit);
    tarpit.route("old.localhost", "/feed", Answer::redirect(301, &target));
    let home = Home::new();
    home.write("bearer", "t0ken\n");
    home.subscribe(&Feeds::new().feed_with("feed", tarpit.url("old.localhost", "/feed"), "bearer_file = \"bearer\""));
    home.once();
    alter(&home, &format!("UPDATE feed SET effective_url = '{target}'"));
    home.once();
    let requests = tarpit.requests();
    let told: Vec<_> = requests.iter().map(|r| (&*r.head.host, header(r, "authorization").is_some())).collect();
    assert_eq!(told, [("old.localhost", true), ("new.localhost", false), ("new.localhost", false)]);
}
