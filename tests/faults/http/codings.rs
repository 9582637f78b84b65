//! Content codings that lie, break, or swell.

use std::fs;

use rssd::tarpit::{Answer, Coding, Step, encode};

use super::{RSS, feed, head, port};
use crate::faults::cases::{self, Case};
use crate::faults::scene::Scene;

const MIB: usize = 1 << 20;

/// A route of this name whose body says that it is coded so.
fn coded(scene: &Scene, name: &str, body: impl AsRef<[u8]>, coding: &str) -> String {
    let host = format!("{name}.localhost");
    scene.tarpit.route(&host, "/feed", Answer::ok(RSS, body).header("Content-Encoding", coding));
    scene.tarpit.url(&host, "/feed")
}

#[test]
fn row_24_bombs_end_while_they_are_small() {
    // Twice what the largest of them may become, and what a debug build does not give back at once.
    const MEMORY_KIB_MAX: u64 = 96 << 10;
    let gzip = |plain: &[u8]| encode(plain, Coding::Gzip);
    // Made before there is a scene that they could hold up. In 256 KiB what is 256 MiB.
    let mib = gzip(&vec![b' '; MIB]);
    let members: Vec<u8> = [gzip(b"<rss version=\"2.0\"><channel><title>")]
        .into_iter()
        .chain((0..256).map(|_| mib.clone()))
        .flatten()
        .collect();
    let nested = gzip(&members);
    let brotli = encode(&vec![b' '; 8 * MIB], Coding::Br);
    let mut scene = Scene::new();
    let large = scene.tarpit.url("large.localhost", "/gzip-bomb/1?mib=256");
    let cases = [
        Case::fails("gzip", scene.tarpit.url("gzip.localhost", "/gzip-bomb/1?mib=256"), "too_large", &["bomb"]),
        Case::fails("brotli", coded(&scene, "brotli", brotli, "br"), "too_large", &["bomb"]),
        Case::fails("members", coded(&scene, "members", &members, "gzip"), "too_large", &["bomb"]),
        // Undone in another place.
        Case::fails("x-members", coded(&scene, "x-members", &members, "x-gzip"), "too_large", &[]),
        Case::fails("nested", coded(&scene, "nested", nested, "gzip, gzip"), "too_large", &[]),
        // Which swells to nothing at all, and takes long to do so.
        Case::fails(
            "x-empty-members",
            coded(&scene, "x-empty-members", gzip(b"").repeat(5_000), "x-gzip"),
            "empty",
            &[],
        ),
        // Within the ratio, and beyond the size.
        Case::fails("large", large, "too_large", &["body_bytes_max = 65536"]).with("body_bytes_max = \"64KiB\""),
    ]
    .map(|case| case.with("read_timeout = \"30s\"\ntotal_timeout = \"60s\""));
    let before_kib = scene.daemon.proc_status("VmRSS").expect("it runs");
    // The peak from now on.
    fs::write(format!("/proc/{}/clear_refs", scene.daemon.pid()), "5").expect("it is ours");
    cases::run(&mut scene, &cases);
    let peak_kib = scene.daemon.proc_status("VmHWM").expect("it runs");
    println!("{before_kib} KiB before, {peak_kib} KiB at most");
    assert!(peak_kib < before_kib + MEMORY_KIB_MAX, "{before_kib} KiB before, {peak_kib} KiB at most");
    scene.end();
}

#[test]
fn row_25_codings_are_undone_under_every_name_or_refused() {
    let mut scene = Scene::new();
    let plain = feed("coded");
    let as_is = |coding| encode(plain.as_bytes(), coding);
    let twice = |inner, outer| encode(&as_is(inner), outer);
    let (gzip, br, zlib, raw) = (Coding::Gzip, Coding::Br, Coding::Deflate, Coding::DeflateRaw);
    let mut cases: Vec<Case> = [
        ("gzip", as_is(gzip), "gzip"),
        ("gzip-upper", as_is(gzip), "GZIP"),
        ("gzip-mixed", as_is(gzip), " GZip "),
        ("x-gzip", as_is(gzip), "x-gzip"),
        ("br", as_is(br), "br"),
        ("br-upper", as_is(br), "BR"),
        ("zlib", as_is(zlib), "deflate"),
        ("raw", as_is(raw), "deflate"),
        ("stacked", twice(gzip, br), "gzip, br"),
        ("stacked-again", twice(zlib, gzip), "deflate,gzip"),
        ("gzip-twice", twice(gzip, gzip), "gzip, gzip"),
        ("identity", plain.clone().into_bytes(), "identity"),
        ("none", plain.clone().into_bytes(), ""),
    ]
    .map(|(name, body, coding)| Case::reads(name, coded(&scene, name, body, coding), 3))
    .into();
    cases.extend(
        [
            ("lying-gzip", plain.clone().into_bytes(), "gzip", "not valid gzip"),
            ("lying-x-gzip", plain.clone().into_bytes(), "x-gzip", "not valid x-gzip"),
            ("lying-br", plain.clone().into_bytes(), "br", "not valid br"),
            ("lying-deflate", plain.clone().into_bytes(), "deflate", "not valid deflate"),
            ("lying-order", twice(gzip, br), "br, gzip", "not valid gzip"),
            ("unknown", plain.clone().into_bytes(), "zstd", "zstd"),
            ("hostile", plain.clone().into_bytes(), "\u{202e}pizg", "unknown content coding"),
            ("tower", as_is(gzip), "gzip, gzip, gzip, gzip, gzip", "5 content codings"),
        ]
        .map(|(name, body, coding, words)| Case::fails(name, coded(&scene, name, body, coding), "decode", &[words])),
    );
    cases::run(&mut scene, &cases);
    scene.end();
}

#[test]
fn row_26_damaged_gzip_is_not_believed() {
    let mut scene = Scene::new();
    let whole = encode(feed("damaged").as_bytes(), Coding::Gzip);
    let cut = |bytes: usize| whole[..whole.len() - bytes].to_vec();
    let flipped = |from_end: usize| {
        let mut body = whole.clone();
        let at = body.len() - from_end;
        body[at] ^= 0x55;
        body
    };
    let mut cases = Vec::new();
    for coding in ["gzip", "x-gzip"] {
        for (name, body) in [
            // The last eight bytes are checksum and length (RFC 1952).
            ("half", cut(whole.len() / 2)),
            ("head", cut(whole.len() - 5)),
            ("no-sum", cut(8)),
            ("half-a-sum", cut(6)),
            ("wrong-sum", flipped(8)),
            ("wrong-length", flipped(4)),
            ("wrong-data", flipped(20)),
            ("second-member", [&whole[..], &whole[..30]].concat()),
        ] {
            let name = format!("{coding}-{name}");
            cases.push(Case::fails(&name, coded(&scene, &name, body, coding), "decode", &["not valid"]));
        }
    }
    // The connection broke, whatever that did to the coding.
    let lines = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", whole.len());
    let broken = [head(&lines).as_bytes(), &whole[..whole.len() / 2]].concat();
    cases.push(Case::fails(
        "broken-off",
        port(&scene, [Step::send(broken), Step::Close]),
        "body",
        &["closed the connection"],
    ));
    cases::run(&mut scene, &cases);
    scene.end();
}
