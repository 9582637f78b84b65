//! What a request carries, and what it does not.

use rssd::tarpit::{Answer, Script};

use super::RSS;
use crate::support::{Daemon, Feeds, Home, guids, header, rss, tarpit};

#[test]
fn requests_carry_what_politeness_asks_for_and_nothing_else() {
    let tarpit = tarpit();
    let feeds = Feeds::new()
        .daemon("contact = \"https://example.org/rssd\"")
        .feed("plain", tarpit.url("plain.localhost", "/healthy/1?a=b#part"));
    let home = Home::with(&feeds);
    let mut command = home.daemon_command();
    command.arg("--once").env("http_proxy", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
    assert_eq!(Daemon::spawn(command).wait().code, Some(0));
    let [request] = &tarpit.requests()[..] else { panic!("one request, not by a proxy of the environment") };
    assert_eq!((request.head.method.as_str(), request.head.target.as_str()), ("GET", "/healthy/1?a=b"));
    let text = |name| header(request, name).map(|value| String::from_utf8_lossy(value).into_owned());
    let agent = format!("rssd/{} (+https://example.org/rssd)", env!("CARGO_PKG_VERSION"));
    assert_eq!(text("user-agent"), Some(agent));
    assert_eq!(text("accept-encoding").as_deref(), Some("gzip, br"));
    let accept = text("accept").unwrap_or_default();
    for kind in ["application/atom+xml", "application/rss+xml", "application/feed+json", "*/*;q=0.1"] {
        assert!(accept.contains(kind), "{kind} in {accept:?}");
    }
    let mut names: Vec<_> = request.head.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    let names: Vec<_> = names.iter().map(|name| String::from_utf8_lossy(name)).collect();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"], "no cookie, no referrer, no credentials");
}

#[test]
fn userinfo_and_fragment_of_a_redirect_are_not_sent() {
    let tarpit = tarpit();
    let with_password = tarpit.url("there.localhost", "/feed?x=1#part").replace("://", "://name:hunter2@");
    tarpit.route("here.localhost", "/feed", Answer::redirect(302, with_password));
    tarpit.route("there.localhost", "/feed", Answer::ok(RSS, rss("there", guids("there", 1))));
    let home = Home::with(&Feeds::new().feed("here", tarpit.url("here.localhost", "/feed")));
    home.once();
    let [_, there] = &tarpit.requests()[..] else { panic!("two requests") };
    assert_eq!((there.head.target.as_str(), header(there, "authorization")), ("/feed?x=1", None));
    assert_eq!(home.db().articles(), 1);
    // Nor may they be configured.
    home.subscribe(&Feeds::new().feed("here", tarpit.url("u:p@here.localhost", "/feed")));
    let mut command = home.daemon_command();
    command.arg("--once");
    let refused = Daemon::spawn(command).wait();
    assert_eq!(refused.code, Some(78));
    assert!(refused.stderr.contains("credentials") && !refused.stderr.contains("u:p@"), "{}", refused.stderr);
}

#[test]
fn cookies_live_for_one_chain_of_redirects() {
    let tarpit = tarpit();
    // Sends everybody round until a cookie comes back, as some sites do.
    let round = Answer::redirect(302, "/feed").header("Set-Cookie", "seen=1; Path=/; HttpOnly");
    let feed = Answer::ok(RSS, rss("round", guids("round", 2))).header("Set-Cookie", "reader=42").etag("\"1\"");
    tarpit.route("round.localhost", "/feed", Script::from(round.clone()).then(feed.clone()).then(round).then(feed));
    let away = Answer::redirect(302, tarpit.url("elsewhere.localhost", "/feed")).header("Set-Cookie", "own=1");
    tarpit.route("away.localhost", "/feed", away);
    tarpit.route("elsewhere.localhost", "/feed", Answer::ok(RSS, rss("away", guids("away", 1))));
    let feeds = Feeds::new()
        .feed("round", tarpit.url("round.localhost", "/feed"))
        .feed("away", tarpit.url("away.localhost", "/feed"));
    let home = Home::with(&feeds);
    home.once();
    home.once();
    let sent = |host: &str| -> Vec<Option<String>> {
        let requests = tarpit.requests().into_iter().filter(|request| request.head.host == host);
        requests.map(|r| header(&r, "cookie").map(|value| String::from_utf8_lossy(value).into_owned())).collect()
    };
    let seen = Some("seen=1".to_owned());
    assert_eq!(sent("round.localhost"), [None, seen.clone(), None, seen], "none from one poll to the next");
    assert_eq!(sent("elsewhere.localhost"), [None, None], "none to another host");
    let db = home.db();
    assert_eq!((db.articles_of("round"), db.articles_of("away")), (2, 1), "{}", db.error_of("round"));
}
