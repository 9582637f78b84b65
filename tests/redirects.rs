//! Redirects are ours, hop by hop: followed where they lead to feeds, refused where they lead elsewhere, and trusted
//! with nothing that belongs to another origin.

use rssd::tarpit::{Answer, Tls};

use crate::support::{Feeds, Home, guids, header, rss, tarpit};

const RSS: &str = "application/rss+xml";

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
    // Five hops are what may be taken, relative ones too; and a chunked body that is cut after its last size line.
    for (hop, location) in ["/b", "c", "//five.localhost:PORT/d", "?e", "/f/../target"].into_iter().enumerate() {
        let paths = ["/a", "/b", "/c", "/d", "/d"];
        let location = location.replace("PORT", &tarpit.addr().port().to_string());
        match hop {
            // The query is no part of a route's path: the second request of /d is the one with `?e`.
            3 => tarpit.route(
                "five.localhost",
                "/d",
                rssd::tarpit::Script::from(Answer::redirect(302, location)).then(Answer::redirect(302, "/f/../target")),
            ),
            4 => tarpit.route("five.localhost", "/target", Answer::ok(RSS, rss("five", guids("five", 2)))),
            _ => tarpit.route("five.localhost", paths[hop], Answer::redirect(302, location)),
        }
    }
    feeds = feeds.feed("five", tarpit.url("five.localhost", "/a"));
    feeds = feeds.feed("cut", tarpit.url("cut.localhost", "/redirect-cut/1"));
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    for name in ["r301", "r302", "r303", "r307", "r308", "five"] {
        assert_eq!(db.articles_of(name), 2, "{name}: {}", db.error_of(name));
    }
    assert_eq!(db.articles_of("cut"), 30, "{}", db.error_of("cut"));
    let moved: i64 = db.one("SELECT count(*) FROM feed WHERE effective_url IS NOT NULL AND effective_url <> url");
    assert_eq!(moved, 0, "one answer does not move a feed");
}

#[test]
fn what_leads_nowhere_is_refused_on_its_hop() {
    let tarpit = tarpit();
    let cases: [(&str, String, &[&str]); 12] = [
        ("loop", "/redirect-loop/1".into(), &["redirect"]),
        ("hops", "/redirect-hops/1?hops=10".into(), &["redirect"]),
        ("six", "/redirect-hops/1?hops=6".into(), &["redirect"]),
        ("file", "/redirect-file/1".into(), &["redirect", "policy"]),
        ("script", "/redirect-script/1".into(), &["redirect", "policy"]),
        ("gopher", "/gopher".into(), &["redirect", "policy"]),
        ("long", "/redirect-long/1".into(), &["redirect", "policy", "header"]),
        ("nothing", "/nothing".into(), &["redirect", "status"]),
        ("junk", "/junk".into(), &["redirect", "policy"]),
        ("latin", "/latin".into(), &["redirect", "policy", "status"]),
        ("userinfo", "/userinfo".into(), &["redirect", "policy"]),
        ("two", "/two".into(), &["redirect"]),
    ];
    tarpit.route("gopher.localhost", "/gopher", Answer::redirect(302, "gopher://gopher.localhost:70/"));
    tarpit.route("nothing.localhost", "/nothing", Answer::status(302));
    tarpit.route("junk.localhost", "/junk", Answer::redirect(302, "http://[::1/"));
    tarpit.route("latin.localhost", "/latin", Answer::redirect(302, b"/caf\xe9"));
    tarpit.route("latin.localhost", "/caf%C3%A9", Answer::status(404));
    tarpit.route("latin.localhost", "/caf%E9", Answer::status(404));
    let with_password = tarpit.url("userinfo.localhost", "/feed").replace("://", "://name:hunter2@");
    tarpit.route("userinfo.localhost", "/userinfo", Answer::redirect(302, with_password));
    tarpit.route("userinfo.localhost", "/feed", Answer::status(404));
    tarpit.route("two.localhost", "/two", Answer::redirect(302, "/back"));
    tarpit.route("two.localhost", "/back", Answer::redirect(302, "/two"));
    let mut feeds = Feeds::new();
    for (name, path, _) in &cases {
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), path));
    }
    let home = Home::with(&feeds);
    let finished = home.once();
    let db = home.db();
    for (name, _, classes) in &cases {
        let class = db.class_of(name);
        assert!(classes.contains(&class.as_str()) || (*name == "userinfo" && class == "status"), "{name}: {class:?}");
        assert_ne!(db.error_of(name), "", "{name}");
        assert!(!db.error_of(name).contains("hunter2"), "a password of a URL is told to nobody");
    }
    assert!(!finished.stderr.contains("hunter2"));
    assert_eq!(db.articles(), 0);
    // At most five redirects are followed: the first request and five more.
    for name in ["loop", "hops", "six", "two"] {
        let host = format!("{name}.localhost");
        let asked = tarpit.requests().iter().filter(|request| request.head.host == host).count();
        assert!((1..=6).contains(&asked), "{name} was asked {asked} times");
    }
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
fn https_is_never_left_for_http() {
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
    assert!(["policy", "redirect"].contains(&db.class_of("down").as_str()), "{}", db.class_of("down"));
    assert!(!tarpit.requests().iter().any(|request| request.head.host == "plain.localhost"));
}

#[test]
fn requests_carry_what_politeness_asks_for_and_nothing_else() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .daemon("contact = \"https://example.org/rssd\"")
        .feed("plain", tarpit.url("plain.localhost", "/healthy/1?a=b"));
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.arg("--once").env("http_proxy", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
    assert_eq!(crate::support::Daemon::spawn(command).wait().code, Some(0));
    let [request] = &tarpit.requests()[..] else { panic!("one request, not by a proxy of the environment") };
    assert_eq!((request.head.method.as_str(), request.head.target.as_str()), ("GET", "/healthy/1?a=b"));
    let text = |name| header(request, name).map(|value| String::from_utf8_lossy(value).into_owned());
    let agent = format!("rssd/{} (+https://example.org/rssd)", env!("CARGO_PKG_VERSION"));
    assert_eq!(text("user-agent"), Some(agent));
    let codings = text("accept-encoding").unwrap_or_default();
    assert!(codings.contains("gzip") && codings.contains("br"), "{codings:?}");
    assert!(text("accept").unwrap_or_default().contains("application/rss+xml"));
    for name in ["cookie", "referer", "authorization"] {
        assert_eq!(text(name), None, "{name}");
    }
}
