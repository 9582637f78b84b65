//! Answers that bring no feed, or more than a feed.

use std::fs;

use rssd::clock::Clock;
use rssd::tarpit::{Answer, Script, Step};

use super::{RSS, feed};
use crate::faults::cases::{self, Case, number_of};
use crate::faults::scene::Scene;
use crate::support::header;

/// A case whose host, of its own, answers so.
fn answering(scene: &Scene, name: &str, script: impl Into<Script>) -> String {
    let host = format!("{name}.localhost");
    scene.tarpit.route(&host, "/feed", script);
    scene.tarpit.url(&host, "/feed")
}

#[test]
fn row_20_a_304_that_nobody_asked_for_leads_to_one_unconditional_request() {
    let mut scene = Scene::new();
    let unasked = || Answer::status(304).header("ETag", "\"unasked\"");
    let once = answering(&scene, "once", Script::from(unasked()).then(Answer::ok(RSS, feed("once")).etag("\"real\"")));
    let always = answering(&scene, "always", unasked());
    let cases = [Case::reads("once", once, 3), Case::fails("always", always, "status", &["not modified"])];
    cases::run(&mut scene, &cases);
    for host in ["once.localhost", "always.localhost"] {
        let requests = scene.tarpit.requests();
        let requests: Vec<_> = requests.iter().filter(|request| request.head.host == host).collect();
        assert_eq!(requests.len(), 2, "{host}");
        let asks = |name| requests.iter().any(|request| header(request, name).is_some());
        assert!(!asks("if-none-match") && !asks("if-modified-since"), "{host}");
    }
    assert_eq!(scene.db().one::<String>("SELECT etag FROM feed WHERE name = 'once'"), "\"real\"");
    scene.end();
}

#[test]
fn row_21_answers_without_a_feed_say_what_they_are() {
    let mut scene = Scene::new();
    let html = "text/html; charset=utf-8";
    let page =
        "<!DOCTYPE html><html><head><title>Log in</title></head><body><form>to read our rss feed</form></body></html>";
    let part = Answer::status(206).header("Content-Type", RSS).header("Content-Range", "bytes 0-99/5000");
    let shapes = [
        ("empty", Answer::ok(RSS, ""), "empty", "empty"),
        ("blank", Answer::ok(RSS, " \r\n\t\n"), "empty", ""),
        ("empty-chunked", Answer::ok(RSS, "").chunked(), "empty", ""),
        ("login", Answer::ok(html, page), "not_feed", ""),
        // Whatever it is called.
        ("login-as-feed", Answer::ok(RSS, page), "not_feed", ""),
        ("no-content", Answer::status(204).etag("\"204\""), "status", "204"),
        ("reset-content", Answer::status(205), "status", "205"),
        ("part", part.body(&feed("part")[..100]).etag("\"206\""), "status", "206"),
        ("part-of-all", Answer::status(206).header("Content-Type", RSS).body(feed("all")), "status", "206"),
    ];
    let cases =
        shapes.map(|(name, answer, class, words)| Case::fails(name, answering(&scene, name, answer), class, &[words]));
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_22_retry_after_is_kept_where_it_makes_sense() {
    const HOUR_MS: i64 = 3_600_000;
    const MONTH_MS: i64 = 31 * 24 * HOUR_MS;
    let mut scene = Scene::new();
    let now_s = Clock::system().now_ms() / 1_000;
    let date = |format: &str| {
        let at = jiff::Timestamp::from_second(now_s + 2 * 3_600).expect("a time of this century");
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime(format).to_string()
    };
    // What is asked for, and the wait that it makes. Without it: an interval of 15 minutes, and a tenth more or less.
    let backoff = (600_000, HOUR_MS);
    let two_hours = (2 * HOUR_MS - 60_000, 3 * HOUR_MS);
    let waits = [
        ("seconds", "7200".to_owned(), two_hours),
        ("imf-date", date("%a, %d %b %Y %H:%M:%S GMT"), two_hours),
        ("old-date", date("%A, %d-%b-%y %H:%M:%S GMT"), two_hours),
        ("c-date", date("%a %b %e %H:%M:%S %Y"), two_hours),
        ("past-date", "Wed, 01 Jan 2025 00:00:00 GMT".to_owned(), backoff),
        ("junk", "soon, perhaps".to_owned(), backoff),
        ("negative", "-1".to_owned(), backoff),
        ("fraction", "1.5e9".to_owned(), backoff),
        ("empty", String::new(), backoff),
        // Beyond interval_max, and not beyond a month.
        ("two-days", "172800".to_owned(), (48 * HOUR_MS - 60_000, 60 * HOUR_MS)),
        ("trillion", "1000000000000".to_owned(), (MONTH_MS - 60_000, MONTH_MS + 24 * HOUR_MS)),
        ("more", "99999999999999999999999999".to_owned(), (MONTH_MS - 60_000, MONTH_MS + 24 * HOUR_MS)),
    ];
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for status in [429, 503] {
        for (name, value, wait) in &waits {
            let name = format!("{name}-{status}");
            let url = answering(&scene, &name, Answer::status(status).header("Retry-After", value));
            cases.push(Case::fails(&name, url, "status", &[&status.to_string()]));
            expected.push((name, *wait));
        }
    }
    // Another feed of a host that answers 429, and one of a host that answers 503.
    for status in [429, 503] {
        let host = format!("seconds-{status}.localhost");
        scene.tarpit.route(&host, "/other", Answer::ok(RSS, feed("other")));
    }
    cases::run(&mut scene, &cases);
    let db = scene.db();
    for (name, (least, most)) in expected {
        let wait_ms = number_of(&db, &name, "next_poll_at - last_polled_at");
        assert!((least..=most).contains(&wait_ms), "{name}: {wait_ms} ms, not {least} to {most}");
    }
    // On 429 it holds for the whole host, on 503 for this feed.
    let case = |status: u16| {
        let url = scene.tarpit.url(&format!("seconds-{status}.localhost"), "/other");
        Case::reads(&format!("other-{status}"), url, 3)
    };
    let others = [case(429), case(503)];
    scene.subscribe(|_, feeds| {
        let feeds = cases.iter().fold(feeds, |feeds, case| case.subscribe(feeds));
        others.iter().fold(feeds, |feeds, case| case.subscribe(feeds))
    });
    scene.wait_for_polls("other-503", 1);
    scene.control_goes_on(2);
    assert_eq!(number_of(&scene.db(), "other-429", "poll_count"), 0, "the host asked to be left alone");
    scene.end();
}

#[test]
fn row_23_refusals_have_their_class_and_no_secret_is_told() {
    const SECRETS: [&str; 6] = ["hunter2", "dTpodW50ZXIy", "b3ar3r", "k3yk3y", "qu3ry", "c00kie"];
    let mut scene = Scene::started_by(
        |_, feeds| feeds,
        |home| {
            let mut command = home.daemon_command();
            // Whatever is logged at all, but for what is of no feed.
            command.env("RUST_LOG", "trace,glommio=info,hyper=info,mio=info");
            command
        },
    );
    scene.home.write("password", "hunter2\n");
    scene.home.write("bearer", "b3ar3r\n");
    let statuses = [
        (401, "credentials"),
        (403, "credentials"),
        (407, "credentials"),
        (429, "status"),
        (503, "status"),
        (410, "gone"),
        // Where secrets would leak most easily: into where a redirect leads, and what is wrong with it.
        (302, "policy"),
    ];
    let secrets = [
        ("basic", "username = \"u\"\npassword_file = \"password\""),
        ("bearer", "bearer_file = \"bearer\""),
        ("key", "headers = { X-Key = \"k3yk3y\", Cookie = \"id=c00kie\" }"),
    ];
    let mut cases = Vec::new();
    for (status, class) in statuses {
        for (kind, lines) in secrets {
            let name = format!("{kind}-{status}");
            let answer = Answer::status(status)
                .header("WWW-Authenticate", "Basic realm=\"hunter2 is wrong\"")
                .header("Location", "gopher://u:hunter2@gopher.localhost/?key=qu3ry")
                .body("your password hunter2 and your key k3yk3y are wrong");
            let url = answering(&scene, &name, answer) + "?key=qu3ry";
            cases.push(Case::fails(&name, url, class, &[]).with(lines));
        }
    }
    // One that cannot be spoken to at all, and one whose answer nobody understands.
    let reset = answering(&scene, "reset", Step::Reset) + "?key=qu3ry";
    cases.push(Case::fails("reset", reset, "body(first byte)", &[]).with(secrets[0].1));
    let odd = answering(&scene, "odd", [Step::send("HTTP/1.1 what hunter2\r\n\r\n"), Step::Close]) + "?key=qu3ry";
    cases.push(Case::fails("odd", odd, "header", &[]).with(secrets[0].1));
    cases::run(&mut scene, &cases);
    // They were sent, or nothing could have been told.
    let sent = |name: &str| scene.tarpit.requests().iter().filter(|request| header(request, name).is_some()).count();
    assert_eq!((sent("authorization"), sent("x-key")), (2 * statuses.len() + 2, statuses.len()));
    for status in ["/feeds", "/health", "/metrics", "/debug/fetches", "/feeds/basic-401", "/feeds.opml"] {
        let body = crate::support::http::get(scene.at, status).body;
        let body = String::from_utf8_lossy(&body);
        for secret in &SECRETS[..4] {
            assert!(!body.contains(secret), "{secret} in {status}");
        }
    }
    let errors: String = scene.db().one("SELECT group_concat(last_error, ' ') FROM feed");
    let logged: String = scene.db().one("SELECT group_concat(error, ' ') FROM fetch_log");
    scene.daemon.signal(nix::sys::signal::Signal::SIGUSR1);
    let finished = scene.end();
    for (what, text) in [("the log", &finished.stderr), ("last_error", &errors), ("fetch_log", &logged)] {
        for secret in SECRETS {
            let line = text.lines().find(|line| line.contains(secret)).unwrap_or_default();
            assert_eq!(line, "", "{secret} is told by {what}");
        }
    }
}

#[test]
fn row_27_cookies_and_tags_are_ignored_or_bounded() {
    let mut scene = Scene::new();
    let cookies = |answer: Answer, count: usize| {
        (0..count).fold(answer, |answer, n| answer.header("Set-Cookie", format!("c{n}={n}; Path=/; Max-Age=99999")))
    };
    let ok = || Answer::ok(RSS, feed("feed"));
    let tag = |bytes: usize| format!("\"{}\"", "t".repeat(bytes));
    let to = |answer: Answer| Script::from(cookies(answer, 100)).then(ok());
    let again = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";
    let cases = [
        Case::reads("hundred", answering(&scene, "hundred", cookies(ok(), 100)), 3).with(again),
        Case::fails("flood", answering(&scene, "flood", cookies(ok(), 10_000)), "header", &["longer than"]),
        Case::fails(
            "flood-on-the-way",
            answering(&scene, "flood-on-the-way", cookies(Answer::redirect(302, "/feed"), 10_000)),
            "header",
            &["longer than"],
        ),
        // Those of a redirect go with the next request: a few of them.
        Case::reads("on-the-way", answering(&scene, "on-the-way", to(Answer::redirect(302, "/feed"))), 3),
        Case::reads(
            "large-cookie",
            answering(
                &scene,
                "large-cookie",
                Script::from(Answer::redirect(302, "/to").header("Set-Cookie", "c=".to_owned() + &"x".repeat(8 << 10))),
            ),
            3,
        ),
        Case::reads("tag", answering(&scene, "tag", ok().etag(tag(4_000)).last_modified("x".repeat(4_000))), 3)
            .with(again),
        Case::fails("huge-tag", answering(&scene, "huge-tag", ok().etag(tag(1 << 20))), "header", &["longer than"]),
    ];
    scene.tarpit.route("large-cookie.localhost", "/to", ok());
    cases::run(&mut scene, &cases);
    for name in ["hundred", "tag"] {
        scene.wait_for_polls(name, 2);
    }
    let requests = scene.tarpit.requests();
    let of = |name: &str| {
        let host = format!("{name}.localhost");
        requests.iter().filter(move |request| request.head.host == host)
    };
    assert!(of("hundred").count() >= 2 && of("hundred").all(|request| header(request, "cookie").is_none()));
    assert!(of("tag").count() >= 2 && of("tag").all(|request| header(request, "if-none-match").is_none()));
    assert!(of("tag").all(|request| header(request, "if-modified-since").is_none()));
    assert!(of("large-cookie").all(|request| header(request, "cookie").is_none()));
    let sent: Vec<_> = of("on-the-way").filter_map(|request| header(request, "cookie")).collect();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].split(|byte| *byte == b';').count(), 16, "{}", String::from_utf8_lossy(sent[0]));
    let kept: i64 = scene.db().one("SELECT max(ifnull(length(etag), 0) + ifnull(length(last_modified), 0)) FROM feed");
    assert!(kept <= 2 << 10, "{kept} bytes of validators are kept");
    let size = fs::metadata(scene.home.db_path()).expect("it is there").len();
    assert!(size < 4 << 20, "{size} bytes");
    scene.end();
}
