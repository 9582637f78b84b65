//! Heads that do not end, or are odd.

use std::time::Duration;

use rssd::tarpit::Step;

use super::{feed, head, port};
use crate::faults::cases::{self, Case, polled};
use crate::faults::scene::Scene;

#[test]
fn row_09_heads_end_by_deadline_or_limit() {
    let mut scene = Scene::new();
    let every = Duration::from_millis(50);
    let quick = "read_timeout = \"500ms\"";
    let patient = "read_timeout = \"20s\"\ntotal_timeout = \"30s\"";
    let lines: String = (0..10_000).map(|number| format!("X-{number}: x\r\n")).collect();
    let filler = Step::SendForever(vec![b'x'; 4 << 10].into());
    let late = "did not end within 0.5 s";
    let long = "is longer than";
    let url = |steps: Vec<Step>| port(&scene, steps);
    let cases = [
        // One byte a second, only quicker: each byte comes in time, and the whole never does.
        Case::fails("drip", url(vec![Step::drip(head("Content-Length: 9\r\n\r\n"), every)]), "header", &[late])
            .with(quick),
        Case::fails("half", url(vec![Step::send(head("")), Step::Stall]), "header", &[late]).with(quick),
        Case::fails("endless", url(vec![Step::send(head("X: ")), filler]), "header", &[long]).with(patient),
        Case::fails(
            "endless-lines",
            url(vec![Step::send(head("")), Step::SendForever(lines.as_bytes().into())]),
            "header",
            &[long],
        )
        .with(patient),
        Case::fails(
            "megabyte",
            url(vec![Step::send(head(&format!("X: {}\r\n\r\n", "x".repeat(1 << 20)))), Step::Close]),
            "header",
            &[long],
        )
        .with(patient),
        Case::fails("many", url(vec![Step::send(head(&format!("{lines}\r\n"))), Step::Close]), "header", &[long])
            .with(patient),
    ];
    cases::run(&mut scene, &cases);
    let db = scene.db();
    for name in ["endless", "endless-lines", "megabyte", "many"] {
        let took_ms = polled(&db, name, "total_ms");
        assert!(took_ms < 15_000, "{name}: by deadline and not by limit: {took_ms} ms");
    }
    scene.end();
}

#[test]
fn row_10_odd_heads_are_understood_where_that_is_harmless() {
    let mut scene = Scene::new();
    let body = feed("odd");
    let length = body.len();
    let whole = |head: &str| port(&scene, [Step::send(format!("{head}{body}")), Step::Close]);
    let rules = "breaks HTTP's rules";
    let cases = [
        Case::fails("http-09", whole(""), "header", &[rules]),
        Case::fails("junk", whole("\u{1}\u{2} what\r\n\r\n"), "header", &[rules]),
        Case::fails("http-2", whole("HTTP/2 200 OK\r\n\r\n"), "header", &[rules]),
        Case::fails("letters", whole("HTTP/1.1 two OK\r\n\r\n"), "header", &[rules]),
        Case::fails("nameless", whole("HTTP/1.1 200 OK\r\nfoo\r\n\r\n"), "header", &[rules]),
        Case::reads("icy", whole("ICY 200 OK\r\nicy-name: Radio\r\nicy-br:128\r\n\r\n"), 3),
        Case::reads("folded", whole(&head("X-Folded: one\r\n two\r\n\tthree\r\n\r\n")), 3),
        Case::reads("space", whole(&head(&format!("X-Space : three\r\nContent-Length \t: {length}\r\n\r\n"))), 3),
        Case::reads("line-feeds", whole(&head("\r\n").replace('\r', "")), 3),
        Case::reads("empty-lines", whole(&format!("\r\n\r\n{}", head("\r\n"))), 3),
        Case::reads("no-reason", whole("HTTP/1.1 200\r\n\r\n"), 3),
        // In pieces that end where they should not.
        Case::reads(
            "byte-by-byte",
            port(
                &scene,
                [
                    Step::drip(head("X-Folded: one\r\n two\r\nX-Space : x\r\n\r\n"), Duration::from_millis(1)),
                    Step::send(&body),
                    Step::Close,
                ],
            ),
            3,
        ),
    ];
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_11_twenty_interim_answers_and_no_more() {
    let mut scene = Scene::new();
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let answer = format!("{}{}", head("\r\n"), feed("late"));
    let answers = |before: String| port(&scene, [Step::send(before + &answer), Step::Close]);
    let flood = |one: &str| port(&scene, [Step::SendForever(one.as_bytes().into())]);
    let words = &["more than 20 interim"];
    let cases = [
        Case::reads("one", answers(interim.to_owned()), 3),
        Case::reads("hints", answers(hints.repeat(3)), 3),
        Case::reads("twenty", answers(interim.repeat(20)), 3),
        Case::fails("twenty-one", answers(interim.repeat(21)), "header", words),
        Case::fails("flood", flood(interim), "header", words),
        Case::fails("flood-of-hints", flood(hints), "header", words),
        // Slowly: the head's deadline goes on.
        Case::fails(
            "drip",
            port(&scene, [Step::DripForever { bytes: interim.as_bytes().into(), every: Duration::from_millis(20) }]),
            "header",
            &["did not end within 0.3 s"],
        )
        .with("read_timeout = \"300ms\""),
        // What follows it is no HTTP any more.
        Case::fails(
            "switch",
            answers("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".to_owned()),
            "status",
            &["101"],
        ),
    ];
    cases::run(&mut scene, &cases);
    scene.end();
}
