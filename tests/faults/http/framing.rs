//! Bodies that lie about their length, break off, or do not end.

use std::time::Duration;

use rssd::tarpit::{Answer, Coding, Script, Step, encode};

use super::{RSS, feed, head, port, url_of};
use crate::faults::cases::{self, Case, number_of, polled};
use crate::faults::scene::Scene;
use crate::support::header;

#[test]
fn row_12_slow_bodies_are_cut_by_rate_or_total() {
    let mut scene = Scene::new();
    // 20 bytes a second, though never silent for long.
    let drip = Step::drip(feed("drip"), Duration::from_millis(50));
    let by_rate = port(&scene, [Step::send(head("Content-Length: 5000\r\n\r\n")), drip]);
    // Fast enough by the second, and never done: 100 bytes or so each 50 ms.
    let line = "<item><title>Again</title><guid isPermaLink=\"false\">again, and again, and once more</guid></item>\n";
    let slow: Vec<Step> = (0..10_000).flat_map(|_| [Step::send(line), Step::Wait(Duration::from_millis(50))]).collect();
    let start = Step::send(head("\r\n") + "<rss version=\"2.0\"><channel>");
    let by_total = port(&scene, [vec![start], slow].concat());
    let silent = port(&scene, [Step::send(head("Content-Length: 5000\r\n\r\n<rss")), Step::Stall]);
    let cases = [
        Case::fails("rate", by_rate, "timeout(body)", &["comes too slowly"]).with("read_timeout = \"500ms\""),
        Case::fails("total", by_total, "timeout(body)", &["total_timeout = 1 s"])
            .with("read_timeout = \"500ms\"\ntotal_timeout = \"1s\""),
        Case::fails("silent", silent, "timeout(body)", &["silence for 0.3 s"]).with("read_timeout = \"300ms\""),
    ];
    cases::run(&mut scene, &cases);
    assert!(polled(&scene.db(), "total", "total_ms") >= 1_000, "before its total");
    scene.end();
}

#[test]
fn row_13_endless_bodies_end_by_size_or_total() {
    let mut scene = Scene::new();
    let items = "<item><title>Again</title><guid>again</guid></item>\n".repeat(200);
    let start = "<rss version=\"2.0\"><channel><title>Endless</title>\n";
    let endless =
        |answer: Answer| answer.body_long(start.as_bytes().into(), items.as_bytes().into(), None, b""[..].into());
    let member = encode(b"", Coding::Gzip);
    let gzip = Answer::ok(RSS, "").header("Content-Encoding", "gzip");
    let gzip = gzip.body_long(b""[..].into(), member.repeat(200).into(), None, b""[..].into());
    // Slowly enough that it is the whole poll's time that ends it.
    let slowly: Vec<Step> =
        (0..1_000).flat_map(|_| [Step::send(member.repeat(10)), Step::Wait(Duration::from_millis(20))]).collect();
    let slowly = [vec![Step::send(head("Content-Encoding: gzip\r\n\r\n"))], slowly].concat();
    for (name, answer) in [
        ("chunked", endless(Answer::ok(RSS, "")).chunked()),
        ("close", endless(Answer::ok(RSS, "")).until_close()),
        ("members", gzip.chunked()),
    ] {
        scene.tarpit.route(&format!("{name}.localhost"), "/feed", answer);
    }
    let small = "body_bytes_max = \"1KiB\"\nread_timeout = \"20s\"\ntotal_timeout = \"30s\"";
    let mut cases: Vec<Case> = ["chunked", "close", "members"]
        .map(|name| {
            let url = scene.tarpit.url(&format!("{name}.localhost"), "/feed");
            Case::fails(name, url, "too_large", &["body_bytes_max = 1024"]).with(small)
        })
        .into();
    cases.push(
        Case::fails("members-slowly", port(&scene, slowly), "timeout(body)", &["total_timeout"])
            .with("total_timeout = \"1s\""),
    );
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_14_lengths_that_lie_fail_the_body() {
    let mut scene = Scene::new();
    let body = feed("lie");
    let length = body.len();
    let with =
        |lines: &str| port(&scene, [Step::send(format!("{}{body}", head(&format!("{lines}\r\n\r\n")))), Step::Close]);
    let chunked = |lines: &str| {
        let chunks = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
        port(
            &scene,
            [Step::send(head(&format!("{lines}\r\nTransfer-Encoding: chunked\r\n\r\n")) + &chunks), Step::Close],
        )
    };
    let in_head = "body(header)";
    let cases = [
        Case::fails("long", with("Content-Length: 5000"), "body", &["closed the connection within the body"]),
        Case::fails("short", with("Content-Length: 100"), "body", &["more than its Content-Length"]),
        Case::fails("nothing", with("Content-Length: 0"), "body", &["more than its Content-Length"]),
        Case::fails(
            "short-gzip",
            with("Content-Length: 20\r\nConnection: close"),
            "body",
            &["more than its Content-Length"],
        ),
        Case::fails("negative", with("Content-Length: -1"), in_head, &["no length"]),
        Case::fails("words", with("Content-Length: plenty"), in_head, &["no length"]),
        Case::fails("huge", with("Content-Length: 18446744073709551616"), in_head, &["no length"]),
        Case::fails("largest", with("Content-Length: 18446744073709551615"), "body", &["closed the connection"]),
        Case::fails(
            "twice",
            with(&format!("Content-Length: {length}\r\nContent-Length: 7")),
            in_head,
            &["two Content-Lengths"],
        ),
        Case::fails("list", with(&format!("Content-Length: 7, {length}")), in_head, &["two Content-Lengths"]),
        Case::fails("chunked", chunked(&format!("Content-Length: {length}")), in_head, &["both"]),
        // The same twice is no lie, nor is an empty line behind the end.
        Case::reads("same", with(&format!("Content-Length: {length}\r\nContent-Length: {length}")), 3),
        Case::reads(
            "line",
            port(
                &scene,
                [Step::send(head(&format!("Content-Length: {length}\r\n\r\n")) + &body + "\r\n"), Step::Close],
            ),
            3,
        ),
        Case::reads("good-chunks", chunked("X: y"), 3),
    ];
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_14_a_connection_with_left_over_bytes_is_never_used_again() {
    // So that what comes a moment later has come: it is read at the start.
    let mut scene = Scene::with(|_, feeds| feeds.host_pause("500ms"));
    let second = Answer::ok(RSS, feed("second"));
    // More than the answer, with it or a moment later: the next answer on that connection would begin with it.
    let forged = format!("{}{}", head("Content-Length: 9\r\n\r\n"), "<forged/>");
    let body = feed("first");
    let first = format!("{}{body}", head(&format!("Content-Length: {}\r\n\r\n", body.len())));
    let chunks = format!("{}{:x}\r\n{body}\r\n0\r\n\r\n", head("Transfer-Encoding: chunked\r\n\r\n"), body.len());
    let later = [Step::Wait(Duration::from_millis(50)), Step::send(&forged)];
    let shapes = [
        ("at-once", vec![Step::send(first.clone() + &forged)]),
        ("at-once-chunked", vec![Step::send(chunks.clone() + &forged)]),
        ("line", vec![Step::send(first.clone() + "\r\n")]),
        ("later", [&[Step::send(&first)][..], &later].concat()),
        ("later-chunked", [&[Step::send(&chunks)][..], &later].concat()),
    ];
    let mut ports = Vec::new();
    for (name, steps) in shapes {
        let first = [vec![Step::ReadRequest], steps, vec![Step::ReadRequest, Step::Answer(second.clone())]].concat();
        ports.push((name, url_of(&scene, Script::from(first).then([Step::ReadRequest, Step::Answer(second.clone())]))));
    }
    scene.subscribe(|_, feeds| {
        ports.iter().fold(feeds, |feeds, (name, url)| {
            feeds.feed(&format!("{name}-1"), url).feed(&format!("{name}-2"), format!("{url}?2"))
        })
    });
    for (name, _) in &ports {
        for number in [1, 2] {
            scene.wait_for_polls(&format!("{name}-{number}"), 1);
        }
    }
    let db = scene.db();
    for (name, url) in &ports {
        let polls: Vec<(String, i64, String)> = [1, 2]
            .map(|number| format!("{name}-{number}"))
            .map(|name| (db.class_of(&name), db.articles_of(&name), db.error_of(&name)))
            .into();
        println!("{name}: {polls:?}");
        // Whichever came second, on a connection of its own.
        let fine = polls.iter().filter(|(class, stored, _)| class.is_empty() && *stored == 3).count();
        // What comes a moment later may come in time all the same.
        let expected = if *name == "at-once" {
            1..=1
        } else if *name == "later" {
            1..=2
        } else {
            2..=2
        };
        assert!(expected.contains(&fine), "{name}: {polls:?}");
        assert!(polls.iter().all(|(class, ..)| ["", "body"].contains(&&**class)), "{name}: {polls:?}");
        let authority = url.trim_start_matches("http://").trim_end_matches("/feed").as_bytes();
        let requests = scene.tarpit.requests();
        let connections: std::collections::HashSet<u64> = requests
            .iter()
            .filter(|request| header(request, "host") == Some(authority))
            .map(|request| request.connection)
            .collect();
        assert_eq!(connections.len(), 2, "{name}");
    }
    scene.end();
}

#[test]
fn row_15_broken_chunks_fail_the_body() {
    let mut scene = Scene::new();
    let chunked = |chunks: &str| {
        let head = head("Transfer-Encoding: chunked\r\n\r\n");
        port(&scene, [Step::send(format!("{head}{chunks}")), Step::Close])
    };
    let body = feed("chunks");
    let whole = format!("{:x}\r\n{body}\r\n", body.len());
    let long = "x".repeat(1 << 20);
    let rules = "breaks HTTP's rules";
    let cases = [
        Case::fails("garbage", chunked("zz\r\n<rss>\r\n"), "body", &[rules]),
        Case::fails("garbage-later", chunked(&format!("{whole}what?\r\n")), "body", &[rules]),
        Case::fails("negative", chunked("-5\r\n<rss>\r\n"), "body", &[rules]),
        Case::fails("no-line", chunked("5\r\n<rss>and more\r\n0\r\n\r\n"), "body", &[rules]),
        Case::fails("huge", chunked("10000000000000000\r\n<rss>"), "body", &[rules]),
        Case::fails("largest", chunked("ffffffffffffffff\r\n<rss>"), "body", &["closed the connection"]),
        Case::fails("extension", chunked(&format!("5;x={long}\r\n<rss>\r\n0\r\n\r\n")), "body", &[rules]),
        Case::fails("trailer", chunked(&format!("{whole}0\r\nX: {long}\r\n\r\n")), "body", &[rules]),
        Case::fails("no-end", chunked(&whole), "body", &["closed the connection"]),
        Case::fails("half", chunked(&whole[..100]), "body", &["closed the connection"]),
        Case::reads("good", chunked(&format!("{whole}0\r\n\r\n")), 3),
    ];
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_16_an_answer_that_breaks_off_leaves_everything_as_it_was() {
    let mut scene = Scene::new();
    let known = Answer::ok(RSS, feed("known")).etag("\"good\"").last_modified("Wed, 01 Jan 2025 00:00:00 GMT").close();
    let fresh = crate::support::rss("known", crate::support::guids("known", 9));
    let lines = format!("ETag: \"bad\"\r\nLast-Modified: never\r\nContent-Length: {}\r\n", fresh.len());
    let whole = format!("{}\r\n{fresh}", head(&lines));
    let in_head = Step::send(head("ETag: \"bad\"\r\nContent-"));
    let in_body = Step::send(&whole[..whole.len() - 20]);
    // What is sent just before a reset is thrown away with it.
    let moment = Step::Wait(Duration::from_millis(100));
    let shapes = [
        ("reset-at-once", vec![Step::Reset], "body(first byte)"),
        ("reset-in-head", vec![in_head.clone(), moment.clone(), Step::Reset], "body(header)"),
        ("reset-in-body", vec![in_body.clone(), moment, Step::Reset], "body"),
        ("end-at-once", vec![Step::Close], "body(first byte)"),
        ("end-in-head", vec![in_head, Step::Close], "body(header)"),
        ("end-in-body", vec![in_body, Step::Close], "body"),
    ];
    let mut ports = Vec::new();
    for (name, steps, class) in shapes {
        let breaking = [vec![Step::ReadRequest], steps].concat();
        let script = Script::from([Step::ReadRequest, Step::Answer(known.clone())]).then(breaking);
        ports.push((name, url_of(&scene, script), class));
    }
    scene.subscribe(|_, feeds| {
        ports.iter().fold(feeds, |feeds, (name, url, _)| {
            feeds.feed_with(name, url, "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1h\"")
        })
    });
    for (name, ..) in &ports {
        scene.wait_for_polls(name, 3);
    }
    let db = scene.db();
    for (name, url, class) in &ports {
        let text = |column: &str| db.one::<String>(&format!("SELECT {column} FROM feed WHERE name = '{name}'"));
        println!("{name}: {}: {}", db.class_of(name), db.error_of(name));
        assert_eq!((&*db.class_of(name), &*db.last_poll_of(name).1), (*class, *class), "{name}: {}", db.error_of(name));
        assert!(db.error_of(name).contains("connection"), "{name}: {}", db.error_of(name));
        assert_eq!(db.articles_of(name), 3, "{name}: something was stored of it");
        assert_eq!((text("etag"), text("last_modified")), ("\"good\"".into(), "Wed, 01 Jan 2025 00:00:00 GMT".into()));
        let failures = number_of(&db, name, "failure_count");
        let wait_ms = number_of(&db, name, "next_poll_at - last_polled_at");
        // Twice the interval for each failure, a tenth less by chance.
        assert!(failures >= 2 && wait_ms >= 1_800, "{name}: {failures} failures, and the next poll after {wait_ms} ms");
        let authority = url.trim_start_matches("http://").trim_end_matches("/feed").as_bytes();
        let requests = scene.tarpit.requests();
        let tags: Vec<_> = (requests.iter().filter(|request| header(request, "host") == Some(authority)))
            .map(|request| header(request, "if-none-match").map(<[u8]>::to_vec))
            .collect();
        assert_eq!(tags[0], None, "{name}");
        assert!(tags.len() >= 3 && tags[1..].iter().all(|tag| tag.as_deref() == Some(b"\"good\"")), "{name}: {tags:?}");
    }
    scene.end();
}
