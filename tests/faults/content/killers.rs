//! Rows 28 to 30: documents that grow, recurse or multiply in whoever reads them without a bound.

use std::fmt::Write;

use super::{SCALE, Shape, atom, column, outcome, poll_each, rss, titles};
use crate::faults::scene::Scene;

/// What a document whose danger is in its first bytes may take to be refused. A debug build is slower, and so are two
/// processors with six tests on them.
const REFUSED_MS_MAX: i64 = if cfg!(debug_assertions) { 5_000 } else { 100 };

/// What the row's documents, which are 8 MB together, may make the daemon hold at its peak.
const GROWTH_KIB_MAX: u64 = 96 << 10;

#[test]
fn row_28_entities_are_neither_expanded_nor_fetched() {
    let mut scene = Scene::new();
    let trap = scene.tarpit.url("trap.localhost", "/healthy/1");
    let item = "<item><title>One &e;</title><guid>1</guid><description>&e;</description></item>";
    let with = |doctype: &str| rss(item).replace("<rss ", &format!("<!DOCTYPE rss {doctype}>\n<rss "));
    let mut laughs = String::from("<!ENTITY e0 \"lol\">");
    for level in 1..10 {
        write!(laughs, "<!ENTITY e{level} \"{}\">", format!("&e{};", level - 1).repeat(10)).expect("a String");
    }
    laughs.push_str("<!ENTITY e \"&e9;\">");
    let much = "much ".repeat(12_000);
    let references =
        rss(&format!("<item><title>One</title><description>{}</description></item>", "&e;".repeat(10_000)));
    let shapes = [
        Shape::xml("laughs", with(&format!("[{laughs}]"))),
        Shape::xml(
            "laughs-atom",
            format!("<!DOCTYPE feed [{laughs}]>{}", atom("<entry><id>1</id><title>&e;</title></entry>")),
        ),
        Shape::xml("quadratic", format!("<!DOCTYPE rss [<!ENTITY e \"{much}\">]>{references}")),
        Shape::xml("file", with("[<!ENTITY e SYSTEM \"file:///etc/passwd\">]")),
        Shape::xml("url", with(&format!("[<!ENTITY e SYSTEM \"{trap}\">]"))),
        Shape::xml("public", with(&format!("[<!ENTITY e PUBLIC \"x\" \"{trap}\">]"))),
        Shape::xml("parameter", with(&format!("[<!ENTITY % p SYSTEM \"{trap}\"> %p;]"))),
        Shape::xml("doctype", with(&format!("SYSTEM \"{trap}\""))),
    ];
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for Shape { name, .. } in &shapes {
        let (outcome, error, parse_ms) = outcome(&db, name);
        let summaries: Vec<Option<String>> = column(&db, "summary", name);
        println!("{name}: {outcome} in {parse_ms} ms: {error}; {:?}", titles(&db, name));
        match *name {
            "laughs" | "laughs-atom" => {
                assert_eq!((outcome.as_str(), summaries.len()), ("too_complex", 0), "{name}: {error}");
                assert!(error.contains("entities"), "{name}: {error}");
            }
            "quadratic" => {
                let bytes = summaries[0].as_ref().map_or(0, String::len);
                assert_eq!((outcome.as_str(), titles(&db, name)), ("ok", vec!["One".to_owned()]), "{error}");
                assert!(bytes <= 256 << 10, "{bytes} bytes of 600 MB");
            }
            _ => {
                // The reference stays as it is written, and so says that something is missing.
                assert_eq!(
                    (outcome.as_str(), titles(&db, name)),
                    ("ok", vec!["One &e;".to_owned()]),
                    "{name}: {error}"
                );
                assert!(summaries[0].as_ref().is_none_or(|text| text.len() < 20), "{name}: {summaries:?}");
            }
        }
    }
    let is_trapped = scene.tarpit.requests().iter().any(|request| request.head.host.starts_with("trap."));
    assert!(!is_trapped, "an entity was fetched");
    scene.end();
}

#[test]
fn row_29_what_nests_is_too_deep_at_once() {
    let mut scene = Scene::new();
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    let item = |inside: String| rss(&format!("<item><title>One</title>{inside}</item>"));
    let shapes = [
        Shape::xml("elements", item(nested("<a>", "</a>", 100_000))),
        Shape::xml("unclosed", item("<a>".repeat(100_000))),
        Shape::xml("roots", "<rss>".repeat(100_000)),
        Shape::xml("group", item(nested("<media:group>", "</media:group>", 5_000))),
        Shape::xml(
            "group-of-another-prefix",
            item(nested("<m:group>", "</m:group>", 5_000)).replace("xmlns:media", "xmlns:m"),
        ),
        Shape::xml(
            "content-in-group",
            item(nested("<media:content><media:group>", "</media:group></media:content>", 5_000)),
        ),
        Shape::xml("category", item(nested("<itunes:category text=\"a\">", "</itunes:category>", 5_000))),
        Shape::xml("category-of-the-feed", rss(&nested("<itunes:category text=\"a\">", "</itunes:category>", 5_000))),
        Shape::xml("base", atom(&nested("<a xml:base=\"http://example.com/some/dir/\">", "</a>", 20_000))),
    ];
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for Shape { name, .. } in &shapes {
        let (outcome, error, parse_ms) = outcome(&db, name);
        println!("{name}: {outcome} in {parse_ms} ms: {error}");
        assert_eq!((outcome.as_str(), db.articles_of(name)), ("too_deep", 0), "{name}: {error}");
        assert!(parse_ms < REFUSED_MS_MAX, "{name}: {parse_ms} ms");
    }
    // The tarpit's own, compressed: 400 bytes on the wire.
    subscribe_to_scenario(&mut scene, "nested-media");
    assert_eq!(scene.db().class_of("nested-media"), "too_deep");
    scene.end();
}

#[test]
fn row_30_what_multiplies_is_too_complex_in_bounded_memory() {
    let mut scene = Scene::new();
    let mut attributes = String::new();
    let mut namespaces = String::new();
    for number in 0..100_000 / SCALE {
        if number < 80_000 / SCALE {
            write!(attributes, " a{number}=\"v\"").expect("a String");
        }
        write!(namespaces, " xmlns:n{number}=\"v\"").expect("a String");
    }
    let product = |times: usize| {
        let thumbnails = "<media:thumbnail url=\"http://a.localhost/1.png\"/>".repeat(times);
        let groups = "<media:group><media:content url=\"http://a.localhost/1.mp4\"/></media:group>".repeat(times);
        rss(&format!("<item><title>One</title>{thumbnails}{groups}</item>"))
    };
    let shapes = [
        Shape::xml("product", product(5_000 / SCALE)),
        Shape::xml("attributes", rss(&format!("<item><title>One</title><enclosure{attributes}/></item>"))),
        Shape::xml("namespaces", format!("<rss version=\"2.0\"{namespaces}><channel/></rss>")),
        Shape::xml(
            "base",
            atom(&"<link href=\"a\"/>".repeat(2_000))
                .replace("<feed ", &format!("<feed xml:base=\"http://a/{}\" ", "x".repeat((1 << 20) / SCALE))),
        ),
    ];
    let before = scene.daemon.proc_status("VmHWM").expect("it runs");
    poll_each(&mut scene, &shapes, "");
    let growth_kib = scene.daemon.proc_status("VmHWM").expect("it runs") - before;
    let db = scene.db();
    for Shape { name, body, .. } in &shapes {
        let (outcome, error, parse_ms) = outcome(&db, name);
        println!("{name}: {} bytes, {outcome} in {parse_ms} ms: {error}", body.len());
        assert_eq!((outcome.as_str(), db.articles_of(name)), ("too_complex", 0), "{name}: {error}");
    }
    println!("resident memory at its peak: {before} KiB before, {growth_kib} KiB more");
    assert!(growth_kib < GROWTH_KIB_MAX, "{growth_kib} KiB more");
    scene.end();
}

/// Polls a feed that the tarpit knows without being told.
fn subscribe_to_scenario(scene: &mut Scene, name: &'static str) {
    scene.subscribe(|tarpit, feeds| feeds.feed(name, tarpit.url(&super::host(name), &format!("/{name}/1"))));
    scene.wait_for_polls(name, 1);
}
