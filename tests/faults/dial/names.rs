//! Name servers that say nothing, or nothing good.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rusqlite::Connection;

use crate::faults::cases::{self, Case, number_of, polled};
use crate::faults::scene::Scene;
use crate::support::http::get;
use crate::support::{Feeds, Home, NameServer, Reply};

#[test]
fn row_01_two_thousand_names_that_nobody_answers_for_cost_the_others_nothing() {
    const HUNG: usize = 2_000;
    const GIVEN_UP: usize = 2;
    const GOOD: usize = 20;
    let names = NameServer::start(|name| match name.starts_with("good") {
        true => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
        false => Reply::Silence,
    });
    let good: Vec<String> = (0..GOOD).map(|number| format!("good-{number}")).collect();
    let with_good = |tarpit: &rssd::tarpit::Tarpit, feeds: Feeds| {
        good.iter().fold(feeds.daemon(&format!("dns = [\"{}\"]", names.addr)), |feeds, name| {
            let url = tarpit.url(&format!("{name}.test"), "/growing/1?articles=1");
            feeds.feed_with(name, url, "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"")
        })
    };
    // Known and failing for long: hosts that were never polled would look like an outage of our own network, and others would
    // soon be asked again.
    let known = |home: &Home| {
        home.once();
        let seed = "WITH RECURSIVE hung (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM hung WHERE n < 1999) \
                    INSERT INTO feed (name, url, last_polled_at, next_poll_at, failing_since, failure_count, poll_count, left_at) \
                    SELECT 'hung-' || n, 'http://hung-' || n || '.test:1/feed', 1, 2, 1, 9, 9, 3 FROM hung";
        let db = Connection::open(home.db_path()).expect("it was made");
        assert_eq!(db.execute(seed, []).expect("the columns are the contract's"), HUNG);
        home.daemon_command()
    };
    let mut scene = Scene::started_by(with_good, known);
    for name in &good {
        // The first one was before.
        scene.wait_for_polls(name, 2);
    }
    scene.measure_again();
    // Asking for all of them takes a core of a debug build three seconds, of which other tests leave it a third or less.
    if cfg!(debug_assertions) {
        scene.may_delay_control(Duration::from_secs(30));
    }
    // In a debug build a poll that hangs takes 75 KiB.
    scene.may_keep_memory(256 << 10);

    // Most of them do not give up while the test lasts. They begin over six seconds.
    scene.subscribe(|_, feeds| {
        (0..HUNG).fold(feeds, |feeds, number| {
            let timeout = if number < GIVEN_UP { "1s" } else { "60s" };
            let lines = format!(
                "interval = \"6s\"\ninterval_min = \"1s\"\nconnect_timeout = \"{timeout}\"\ntotal_timeout = \"90s\""
            );
            feeds.feed_with(&format!("hung-{number}"), format!("http://hung-{number}.test:1/feed"), &lines)
        })
    });
    let at = scene.at;
    let in_flight = || -> u64 {
        let health: serde_json::Value = serde_json::from_slice(&get(at, "/health").body).expect("it is JSON");
        let cores = health["cores"].as_array().expect("a list").iter();
        cores.filter_map(|core| core["in_flight"].as_u64()).sum()
    };
    let db = scene.db();
    let still = (HUNG - GIVEN_UP) as u64;
    scene.daemon.wait_for("nearly all of them to hang at once", |_| in_flight() >= still);
    let rounds = || db.one::<i64>("SELECT min(poll_count) FROM feed WHERE name GLOB 'good-*'");
    let before = rounds();
    scene.daemon.wait_for("a round of the good ones", |_| rounds() > before);
    for number in 0..GIVEN_UP {
        scene.wait_for_polls(&format!("hung-{number}"), 10);
    }
    for name in (0..GIVEN_UP).map(|number| format!("hung-{number}")) {
        let name = &*name;
        assert_eq!((&*db.class_of(name), &*db.last_poll_of(name).1), ("dns", "dns"), "{}", db.error_of(name));
        assert!(db.error_of(name).contains(&format!("no answer from {}", names.addr)), "{}", db.error_of(name));
        let (resolve_ms, patience_ms) = (polled(&db, name, "resolve_ms"), 15_000);
        assert!((1_000..patience_ms).contains(&resolve_ms), "{name}: {resolve_ms} ms, not its connect_timeout");
        assert!(number_of(&db, name, "failure_count") == 10);
        assert!(number_of(&db, name, "next_poll_at - last_polled_at") > 300_000, "{name} is not put off");
    }
    for name in &good {
        assert_eq!(db.class_of(name), "", "{name}: {}", db.error_of(name));
    }
    scene.end();
}

#[test]
fn row_02_bad_answers_of_name_servers_say_what_they_are() {
    // What fits a message, all of them closed.
    const CROWD: usize = 4_090;
    let crowd: Vec<IpAddr> = (0..CROWD).map(|n| IpAddr::from([127, 9, (n / 250) as u8, (n % 250) as u8 + 1])).collect();
    let names = NameServer::start(move |name| match name.split('.').next() {
        Some("broken") => Reply::Code(2),
        Some("refused") => Reply::Code(5),
        Some("empty") => Reply::Addresses(Vec::new()),
        Some("truncated") => Reply::Truncated,
        Some("cut") => Reply::Cut,
        Some("loop-a") => Reply::Alias("loop-b.test"),
        Some("loop-b") => Reply::Alias("loop-a.test"),
        Some("loop-self") => Reply::Alias("loop-self.test"),
        Some("crowd") => Reply::Addresses(crowd.clone()),
        // The sixteenth is good.
        Some("last") => Reply::Addresses(crowd[..15].iter().copied().chain([Ipv4Addr::LOCALHOST.into()]).collect()),
        _ => Reply::Code(3),
    });
    let mut scene = Scene::with(|_, feeds| feeds.daemon(&format!("dns = [\"{}\"]", names.addr)));
    let server = names.addr.to_string();
    let case = |scene: &Scene, name: &str, class, words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain([&*server]).collect();
        let url = scene.tarpit.url(&format!("{name}.test"), "/healthy/1");
        Case::fails(name, url, class, &words).with("connect_timeout = \"4s\"")
    };
    let mut cases: Vec<Case> = [
        ("missing", "NXDOMAIN"),
        ("broken", "SERVFAIL"),
        ("refused", "REFUSED"),
        ("empty", "has no address"),
        ("truncated", "no answer"),
        ("cut", "resolve cut.test"),
        ("loop-a", "resolve loop-a.test"),
        ("loop-self", "resolve loop-self.test"),
    ]
    .map(|(name, words)| case(&scene, name, "dns", &[words]))
    .into();
    let url = scene.tarpit.url("crowd.test", "/healthy/1");
    cases.push(Case::fails("crowd", url, "connect", &["refused"]).with("connect_timeout = \"20s\""));
    let url = scene.tarpit.url("last.test", "/healthy/1");
    cases.push(Case::reads("last", url, 30).with("connect_timeout = \"20s\""));
    cases::run(&mut scene, &cases);
    let db = scene.db();
    let tried = db.error_of("crowd").matches("127.9.").count();
    assert_eq!(tried, 16, "{}", db.error_of("crowd"));
    let questions: usize = ["loop-a.test", "loop-b.test"].iter().map(|name| names.asked(name)).sum();
    assert!(questions < 100, "the loop was gone round: {questions} questions");
    scene.end();
}
