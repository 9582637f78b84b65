//! When to come back: what the publisher said, in headers and in documents, and for how long it holds.

use rssd::clock::Clock;
use rssd::tarpit::{Answer, Script, Tarpit};
use serde_json::Value;

use crate::support::http::{get, get_with, listening};
use crate::support::{Daemon, Db, Feeds, Finished, Home, guids, rss, tarpit};

const RSS: &str = "application/rss+xml";
const HOUR_S: i64 = 3_600;

/// A document with these elements in its channel.
fn document(name: &str, elements: &str) -> String {
    let namespace = "<rss xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"";
    rss(name, guids(name, 2)).replacen("<channel>", &format!("<channel>{elements}"), 1).replacen("<rss", namespace, 1)
}

/// A feed with an answer after the other; the last one stays.
fn serve(tarpit: &Tarpit, name: &str, answers: impl IntoIterator<Item = Answer>) -> String {
    let mut answers = answers.into_iter();
    let first = Script::from(answers.next().expect("there is one"));
    let host = format!("{name}.localhost");
    tarpit.route(&host, "/feed", answers.fold(first, Script::then));
    tarpit.url(&host, "/feed")
}

fn asked(tarpit: &Tarpit, name: &str) -> usize {
    let host = format!("{name}.localhost");
    tarpit.requests().iter().filter(|request| request.head.host == host).count()
}

/// Seconds from the last poll to the next.
fn wait_s(db: &Db, name: &str) -> i64 {
    db.one(&format!("SELECT (next_poll_at - last_polled_at) / 1000 FROM feed WHERE name = '{name}'"))
}

/// The rule that decided, and what it asked for.
fn winner(db: &Db, name: &str) -> (String, i64) {
    let kept: String = db.one(&format!("SELECT schedule FROM feed WHERE name = '{name}'"));
    let rules: Vec<Value> = serde_json::from_str(&kept).unwrap_or_else(|error| panic!("{name}: {kept}: {error}"));
    let won: Vec<_> = rules.iter().filter(|rule| rule["won"] == true).collect();
    assert_eq!(won.len(), 1, "{name}: {kept}");
    (won[0]["rule"].as_str().expect("a name").to_owned(), won[0]["asked_s"].as_i64().expect("seconds"))
}

#[test]
fn headers_count_on_200_and_304_alike() {
    let tarpit = tarpit();
    let ok = |name: &str| Answer::ok(RSS, rss(name, guids(name, 1))).etag("\"1\"");
    let not_modified = || Answer::status(304).etag("\"1\"");
    let dates = |answer: Answer| {
        answer.header("Date", "Sun, 01 Mar 2026 00:00:00 GMT").header("Expires", "Sun, 01 Mar 2026 05:00:00 GMT")
    };
    let cache = |answer: Answer, value: &str| answer.header("Cache-Control", value);
    let cases = [
        (
            "max-age",
            [cache(ok("max-age"), "public, max-age=7200"), cache(not_modified(), "max-age=10800")],
            ["max_age", "max_age"],
            [2, 3],
        ),
        (
            "age",
            [
                cache(ok("age"), "max-age=14400").header("Age", "7200"),
                cache(not_modified(), "max-age=14400").header("Age", "3600"),
            ],
            ["max_age", "max_age"],
            [2, 3],
        ),
        ("expires", [dates(ok("expires")), dates(not_modified())], ["expires", "expires"], [5, 5]),
        (
            "shared",
            [cache(ok("shared"), "s-maxage=7200"), cache(not_modified(), "s-maxage=7200")],
            ["interval", "interval"],
            [1, 1],
        ),
        ("no-cache", [cache(ok("no-cache"), "no-cache"), dates(not_modified())], ["interval", "expires"], [1, 5]),
        (
            "past",
            [ok("past").header("Expires", "0"), not_modified().header("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")],
            ["interval", "interval"],
            [1, 1],
        ),
        // A 304 that says nothing is no word about how long it is fresh.
        ("silent", [cache(ok("silent"), "max-age=7200"), not_modified()], ["max_age", "interval"], [2, 1]),
    ];
    let mut feeds = Feeds::new().default("interval = \"1h\"");
    for (name, answers, ..) in &cases {
        feeds = feeds.feed(name, serve(&tarpit, name, answers.clone()));
    }
    let home = Home::with(&feeds);
    for round in 0..2 {
        home.once();
        let db = home.db();
        for (name, _, rules, hours) in &cases {
            assert_eq!(db.last_poll_of(name).0, Some([200, 304][round]), "{name}");
            assert_eq!(winner(&db, name), (rules[round].to_owned(), hours[round] * HOUR_S), "{name} in round {round}");
            let early_s = if rules[round] == "interval" { HOUR_S / 10 } else { 0 };
            assert!(wait_s(&db, name) >= hours[round] * HOUR_S - early_s, "{name}: {} s", wait_s(&db, name));
        }
    }
}

#[test]
fn what_a_document_says_holds_over_answers_without_one_and_over_restarts() {
    let tarpit = tarpit();
    let sy = "<sy:updatePeriod>daily</sy:updatePeriod><sy:updateFrequency>6</sy:updateFrequency>";
    let cases = [
        ("ttl", document("ttl", "<ttl>180</ttl>"), "ttl", 3),
        ("sy", document("sy", sy), "update_period", 4),
        ("both", document("both", &format!("<ttl>60</ttl>{sy}")), "update_period", 4),
        // By way of the repair.
        ("broken", document("broken", &format!("<title>a & b</title>{sy}")), "update_period", 4),
    ];
    let mut feeds = Feeds::new();
    for (name, body, ..) in &cases {
        let ok = Answer::ok(RSS, body).etag("\"1\"");
        let answers =
            [ok, Answer::status(304).etag("\"1\""), Answer::status(500), Answer::ok(RSS, rss(name, guids(name, 3)))];
        feeds = feeds.feed(name, serve(&tarpit, name, answers));
    }
    let home = Home::with(&feeds);
    for (round, status) in [200, 304, 500, 200].into_iter().enumerate() {
        home.once();
        let db = home.db();
        for (name, _, rule, hours) in &cases {
            assert_eq!(db.last_poll_of(name).0, Some(status), "{name}");
            let expected = if round < 3 { ((*rule).to_owned(), hours * HOUR_S) } else { ("interval".to_owned(), 900) };
            assert_eq!(winner(&db, name), expected, "{name} in round {round}");
            assert!(round == 3 || wait_s(&db, name) >= hours * HOUR_S, "{name} in round {round}");
        }
    }
}

#[test]
fn hours_and_days_that_are_skipped_are_slept_through() {
    let tarpit = tarpit();
    let now_s = Clock::system().now_ms() / 1_000;
    // Of all hours, only the one that begins in five to six hours is left; and every day but the one after tomorrow.
    let open_hour = (now_s / HOUR_S + 6) % 24;
    let hours: String = (0..24).filter(|hour| *hour != open_hour).map(|hour| format!("<hour>{hour}</hour>")).collect();
    let names = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
    let day = (now_s / 86_400 + 2).rem_euclid(7);
    let days: String =
        (0..7).filter(|known| *known != day).map(|day| format!("<day>{}</day>", names[day as usize])).collect();
    let all: String = (0..24).map(|hour| format!("<hour>{hour}</hour>")).collect();
    let ok = |name: &str, elements: &str| [Answer::ok(RSS, document(name, elements))];
    let feeds = Feeds::new()
        .default("interval_max = \"7d\"")
        .feed("hours", serve(&tarpit, "hours", ok("hours", &format!("<skipHours>{hours}</skipHours>"))))
        .feed("days", serve(&tarpit, "days", ok("days", &format!("<skipDays>{days}</skipDays>"))))
        .feed("all", serve(&tarpit, "all", ok("all", &format!("<skipHours>{all}</skipHours>"))));
    let home = Home::with(&feeds);
    home.once();
    let db = home.db();
    let next_s = |name: &str| db.one::<i64>(&format!("SELECT next_poll_at / 1000 FROM feed WHERE name = '{name}'"));
    assert_eq!(winner(&db, "hours").0, "skip_hours");
    assert_eq!(next_s("hours") / HOUR_S, now_s / HOUR_S + 6);
    assert_eq!(winner(&db, "days").0, "skip_days");
    assert_eq!(next_s("days") / 86_400, now_s / 86_400 + 2);
    assert_eq!(winner(&db, "all"), ("interval".to_owned(), 900), "who skips every hour cannot mean it");
}

#[test]
fn a_feed_that_is_gone_three_times_is_not_asked_again_until_it_changes_in_feeds_toml() {
    let tarpit = tarpit();
    let gone = serve(&tarpit, "gone", [Answer::status(410)]);
    let feeds = |label: &str| {
        Feeds::new().every_second().feed("control", tarpit.url("control.localhost", "/growing/1")).feed_with(
            "gone",
            &gone,
            &format!("labels = {{ round = {label:?} }}"),
        )
    };
    let home = Home::with(&feeds("0"));
    for polls in [1, 2, 3, 3, 3] {
        home.once();
        assert_eq!(asked(&tarpit, "gone"), polls);
    }
    let db = home.db();
    assert_eq!(db.polls_of("gone"), 3);
    assert_eq!(
        db.one::<i64>("SELECT count(*) FROM feed WHERE name = 'gone' AND next_poll_at IS NULL AND gone_at > 0"),
        1
    );

    let mut daemon = home.start();
    let at = listening(&mut daemon);
    daemon.wait_for_lines("1 feeds answered 410 too often", 1);
    daemon.wait_for("some rounds of the control feed", |_| asked(&tarpit, "control") >= 9);
    assert_eq!(asked(&tarpit, "gone"), 3, "nor after a restart");
    let told: Value = serde_json::from_slice(&get(at, "/feeds/gone").body).expect("it is JSON");
    assert_eq!((&told["state"], &told["next_poll"]), (&"gone".into(), &Value::Null), "{told}");
    let note = told["schedule"].as_array().and_then(|rules| rules.iter().find_map(|rule| rule["note"].as_str()));
    assert!(note.is_some_and(|note| note.starts_with("given up after 3 answers of 410")), "{told}");
    let page = String::from_utf8_lossy(&get_with(at, "/feeds/gone", "Accept: text/html\r\n").body).into_owned();
    assert!(page.contains("given up"), "{page}");
    let Finished { code, stdout, .. } = check(&home);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("warning: feed gone: is not polled any more"), "{stdout}");

    // Anything of it will do.
    home.subscribe(&feeds("1"));
    daemon.signal(nix::sys::signal::Signal::SIGHUP);
    daemon.wait_for("it to be asked again", |_| asked(&tarpit, "gone") == 4);
    assert!(!check(&home).stdout.contains("feed gone"));
}

fn check(home: &Home) -> Finished {
    let mut command = home.command();
    command.arg("check").arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.db_path());
    Daemon::spawn(command).wait()
}

#[test]
fn a_feed_that_fails_otherwise_is_never_given_up() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("failing", serve(&tarpit, "failing", [Answer::status(404)])));
    for polls in 1..=6 {
        home.once();
        assert_eq!(asked(&tarpit, "failing"), polls);
    }
    let db = home.db();
    assert_eq!(winner(&db, "failing"), ("backoff".to_owned(), 900 << 5));
    assert_eq!(db.one::<i64>("SELECT failure_count FROM feed"), 6);
}

#[test]
fn check_warns_of_feeds_that_are_polled_faster_than_their_publishers_wish() {
    let tarpit = tarpit();
    let slow = serve(&tarpit, "slow", [Answer::ok(RSS, document("slow", "<ttl>1440</ttl>"))]);
    let fine = serve(&tarpit, "fine", [Answer::ok(RSS, document("fine", "<ttl>60</ttl>"))]);
    let home = Home::with(&Feeds::new().default("interval_max = \"6h\"").feed("slow", slow).feed("fine", fine));
    assert!(!check(&home).stdout.contains("warning"), "nothing is known yet");
    home.once();
    let Finished { code, stdout, stderr } = check(&home);
    assert_eq!(code, Some(0), "it is no mistake: {stderr}");
    let warnings: Vec<_> = stdout.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert!(
        warnings.len() == 1 && warnings[0].contains("feed slow") && warnings[0].contains("ttl asks for 1d"),
        "{stdout}"
    );
    assert!(wait_s(&home.db(), "slow") <= 6 * HOUR_S);
}

#[test]
fn the_rules_that_spoke_are_told_to_programs_and_people() {
    let tarpit = tarpit();
    let told = Answer::ok(RSS, document("told", "<ttl>60</ttl>")).header("Cache-Control", "max-age=7200");
    let home = Home::with(&Feeds::new().feed("told", serve(&tarpit, "told", [told])));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("its poll", |_| db.polls_of("told") == 1);
    let feed: Value = serde_json::from_slice(&get(at, "/feeds/told").body).expect("it is JSON");
    let expected = serde_json::json!([
        { "rule": "interval", "asked_s": 900, "won": false },
        { "rule": "max_age", "asked_s": 7200, "won": true },
        { "rule": "ttl", "asked_s": 3600, "won": false },
    ]);
    assert_eq!(feed["schedule"], expected);
    let page = String::from_utf8_lossy(&get_with(at, "/feeds/told", "Accept: text/html\r\n").body).into_owned();
    for words in ["own interval", "max-age", "(ttl)"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}
