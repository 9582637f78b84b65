//! Rows 33, 34, 40 and 41: bytes that are not quite text, XML or JSON, or nothing of the kind.

use encoding_rs::WINDOWS_1251;
use rssd::clock::Clock;

use super::{Shape, outcome, poll_each, repaired, rss, titles};
use crate::faults::scene::Scene;

const UTF8: &str = "application/rss+xml; charset=utf-8";
const LATIN1: &str = "application/rss+xml; charset=ISO-8859-1";
const BARE: &str = "application/rss+xml";

fn document(encoding: &str, title: &[u8]) -> Vec<u8> {
    let declaration = match encoding {
        "" => String::new(),
        encoding => format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n"),
    };
    let (start, end) =
        ("<rss version=\"2.0\"><channel><title>t</title><item><title>", "</title></item></channel></rss>");
    [declaration.as_bytes(), start.as_bytes(), title, end.as_bytes()].concat()
}

fn wide(text: &[u8], to_bytes: fn(u16) -> [u8; 2], mark: bool) -> Vec<u8> {
    let text = String::from_utf8(text.to_vec()).expect("it is text");
    let mark = if mark { to_bytes(0xfeff).to_vec() } else { Vec::new() };
    mark.into_iter().chain(text.encode_utf16().flat_map(to_bytes)).collect()
}

#[test]
fn row_33_any_encoding_is_readable_text_by_the_order_of_belief() {
    const CYRILLIC: &[u8] = b"\xcf\xf0\xe8\xe2\xe5\xf2, \xec\xe8\xf0"; // "Привет, мир" in windows-1251
    const RUSSIAN: &str = "Сегодня в городе открылась новая библиотека, и все жители пришли посмотреть";
    let mark = b"\xef\xbb\xbf";
    let mixed = ["é".repeat(40).as_bytes(), b" caf\xe9"].concat();
    let mixed_read: &'static str = Box::leak(("é".repeat(40) + " café").into_boxed_str());
    let cases: Vec<(&'static str, &'static str, Vec<u8>, &str)> = vec![
        ("nul", UTF8, document("utf-8", b"a\0b"), "ab|a b"),
        ("controls", UTF8, document("utf-8", b"a\x01\x02\x1bb\x7fc"), "abc|a bc|a b c"),
        ("control-references", UTF8, document("utf-8", b"a&#0;b&#x1b;c&#xD800;"), "abc|a b c"),
        // A byte order mark goes before all.
        ("mark-against-all", LATIN1, [mark, &*document("windows-1251", "Café".as_bytes())].concat(), "Café"),
        ("mark-utf-16le", LATIN1, wide(&document("utf-8", "Café".as_bytes()), u16::to_le_bytes, true), "Café"),
        ("mark-utf-16be", BARE, wide(&document("utf-16", "Café".as_bytes()), u16::to_be_bytes, true), "Café"),
        ("no-mark-utf-16le", BARE, wide(&document("utf-16", "Café".as_bytes()), u16::to_le_bytes, false), "Café"),
        ("no-mark-utf-16be", UTF8, wide(&document("", "Café".as_bytes()), u16::to_be_bytes, false), "Café"),
        // Bytes that are UTF-8 are, whatever a label says.
        ("utf-8-labelled-latin1", LATIN1, document("iso-8859-1", "Café".as_bytes()), "Café"),
        ("utf-8-unlabelled", BARE, document("", "Café".as_bytes()), "Café"),
        ("utf-8-labelled-nonsense", "text/xml; charset=klingon", document("bogus", "Café".as_bytes()), "Café"),
        // Then what HTTP says, but ISO-8859-1, which servers add to everything.
        ("http", "application/rss+xml; charset=windows-1251", document("utf-8", CYRILLIC), "Привет, мир"),
        ("declaration", BARE, document("windows-1251", CYRILLIC), "Привет, мир"),
        ("declaration-under-latin1", LATIN1, document("windows-1251", CYRILLIC), "Привет, мир"),
        ("declaration-under-utf-8", UTF8, document("windows-1251", CYRILLIC), "Привет, мир"),
        ("latin1", LATIN1, document("", b"Caf\xe9 cr\xe8me"), "Café crème"),
        ("shift-jis", BARE, document("Shift_JIS", b"\x93\xfa\x96\x7b"), "日本"),
        // What nothing declares is guessed, and what is neither is patched byte by byte.
        ("guessed", BARE, document("", &WINDOWS_1251.encode(RUSSIAN).0), RUSSIAN),
        ("mixed", UTF8, document("utf-8", &mixed), mixed_read),
        ("broken", UTF8, document("utf-8", b"a\xff\xfe\xc3(b\xf0\x28\x8c\xbc"), "*"),
        ("overlong", UTF8, document("utf-8", b"a\xc0\xaf\xe0\x80\x80b"), "*"),
        ("odd-utf-16", BARE, [wide(&document("", b"One"), u16::to_le_bytes, true), vec![0x41]].concat(), "One"),
    ]
    .into_iter()
    .map(|(name, content_type, body, want)| (name, content_type, body, &*Box::leak(want.to_owned().into_boxed_str())))
    .collect();
    let mut scene = Scene::new();
    let shapes: Vec<Shape> =
        cases.iter().map(|(name, content_type, body, _)| Shape::new(name, content_type, body.clone())).collect();
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for (name, _, _, want) in &cases {
        let (outcome, error, _) = outcome(&db, name);
        let titles = titles(&db, name);
        println!("{name}: {titles:?}");
        assert_eq!((outcome.as_str(), titles.len()), ("ok", 1), "{name}: {error}");
        let title = &titles[0];
        // Of bytes that are no text in any encoding the rest is kept.
        let is_right = if *want == "*" {
            title.contains('a') && title.contains('b')
        } else {
            want.split('|').any(|want| title == want)
        };
        assert!(is_right, "{name}: {title:?} is not {want:?}");
        assert!(!title.chars().any(char::is_control), "{name}: {title:?}");
    }
    scene.end();
}

#[test]
fn row_34_damage_is_repaired_and_counted_and_what_was_whole_is_kept() {
    const ONE: &str = "<item><title>One</title><link>http://a.localhost/?a=1&amp;b=2</link><guid>1</guid></item>";
    const TWO: &str = "<item><title>Two</title><guid>2</guid></item>";
    let whole = rss(&format!("{ONE}{TWO}"));
    let cases: Vec<(&'static str, String, &str)> = vec![
        ("ampersands", rss(&format!("{}{TWO}", ONE.replace("&amp;", "&"))), "bare ampersand"),
        (
            "entities",
            rss(&format!(
                "{ONE}{}",
                TWO.replace("</guid>", "</guid><description>&eacute;&nbsp;&hellip; &</description>")
            )),
            "html entity x3",
        ),
        ("unclosed", rss(&format!("{ONE}{}", TWO.replace("</item>", ""))), "unclosed or crossed tag"),
        (
            "crossed",
            rss(&format!("{ONE}{}", TWO.replace("</guid>", "</guid><description><p>a <b>b</p></b></description>"))),
            "unclosed or crossed tag",
        ),
        ("junk-before", format!("Warning: nothing\n<br />{whole}"), "junk before the feed"),
        ("junk-behind", format!("{whole}<!-- cached --> in 0.2 s"), "junk behind the feed"),
        ("truncated", whole.replace("</channel></rss>", "<item><title>Three</title><gui"), "*"),
        ("truncated-in-text", whole.replace("</channel></rss>", "<item><title>Thr"), "*"),
        ("no-version", whole.replace(" version=\"2.0\"", ""), "odd version"),
        ("no-end", whole.replace("</channel></rss>", ""), "unclosed or crossed tag"),
        (
            "all-of-it",
            format!("junk{}", whole.replace(" version=\"2.0\"", "").replace("&amp;", "&").replace("</channel>", "")),
            "bare ampersand",
        ),
    ];
    let mut scene = Scene::new();
    let shapes: Vec<Shape> = cases.iter().map(|(name, body, _)| Shape::xml(name, body.as_str())).collect();
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for (name, _, want) in &cases {
        let (outcome, error, _) = outcome(&db, name);
        let told = repaired(&db, name);
        println!("{name}: {told}");
        assert_eq!(outcome, "ok", "{name}: {error}");
        // Both that were whole, and nothing of one that was not.
        assert_eq!(titles(&db, name), ["Two", "One"], "{name}");
        assert_eq!(
            super::column::<Option<String>>(&db, "article.url", name)[1].as_deref(),
            Some("http://a.localhost/?a=1&b=2"),
            "{name}"
        );
        assert!(
            told != "[]" && (*want == "*" || told.contains(&format!("\"{want}\""))),
            "{name}: {told}, and not {want}"
        );
    }
    scene.end();
}

#[test]
fn row_40_odd_json_is_understood_or_refused() {
    const JSON: &str = "application/feed+json";
    let feed = |items: &str| {
        format!("{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"items\":[{items}]}}")
    };
    let plain = feed("{\"id\":\"a\",\"title\":\"One\"}");
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let open = "{\"a\":".repeat(100_000);
    let cases: Vec<(&'static str, Vec<u8>, &[&str], usize)> = vec![
        (
            "deep",
            plain.replace("\"title\":\"t\"", &format!("\"title\":\"t\",\"_x\":{deep}")).into_bytes(),
            &["too_deep"],
            0,
        ),
        ("deep-objects", open.into_bytes(), &["too_deep"], 0),
        ("number", feed("{\"id\":1e999,\"title\":\"One\"}").into_bytes(), &["parse", "ok"], 1),
        ("mark", ["\u{feff}".as_bytes(), plain.as_bytes()].concat(), &["ok"], 1),
        ("integers", feed("{\"id\":7,\"title\":\"One\"},{\"id\":8,\"title\":\"Two\"}").into_bytes(), &["ok"], 2),
        ("wide", wide(plain.as_bytes(), u16::to_le_bytes, true), &["ok"], 1),
        (
            "types",
            feed("{\"id\":true,\"title\":[\"One\"],\"url\":{},\"tags\":\"x\",\"authors\":\"Ann\"}").into_bytes(),
            &["ok"],
            1,
        ),
        ("cut", plain.as_bytes()[..plain.len() - 5].to_vec(), &["parse"], 0),
        ("surrogate", feed("{\"id\":\"a\",\"title\":\"\\ud800\"}").into_bytes(), &["parse", "ok"], 1),
        ("other", b"{\"hello\":\"world\"}".to_vec(), &["not_feed"], 0),
    ];
    let mut scene = Scene::new();
    let shapes: Vec<Shape> = cases.iter().map(|(name, body, ..)| Shape::new(name, JSON, body.clone())).collect();
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for (name, _, outcomes, articles) in &cases {
        let (outcome, error, parse_ms) = outcome(&db, name);
        println!("{name}: {outcome} in {parse_ms} ms: {error}; {:?}", titles(&db, name));
        assert!(outcomes.contains(&outcome.as_str()), "{name}: {outcome}: {error}");
        let want = if outcome == "ok" { *articles as i64 } else { 0 };
        assert_eq!(db.articles_of(name), want, "{name}");
    }
    scene.end();
}

#[test]
fn row_41_what_is_no_feed_is_refused_quickly() {
    let mut scene = Scene::new();
    let zip = [b"PK\x03\x04".as_slice(), &vec![0xa5; 50_000_000]].concat();
    let page = "<!DOCTYPE html><html><head><title>Our rss feed</title>\
        <link rel=\"alternate\" type=\"application/rss+xml\" href=\"/news.xml\"></head>\
        <body>Subscribe to &lt;rss version=\"2.0\"&gt; &lt;channel&gt; &lt;item&gt; feeds here</body></html>";
    let shapes = [
        Shape::xml("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR<rss version=\"2.0\"><channel>".as_slice()),
        Shape::xml("zip", zip),
        Shape::xml("page", page),
        Shape::xml("words", "feed rss channel item\n".repeat(1_000)),
    ];
    let began = Clock::monotonic();
    poll_each(&mut scene, &shapes, "");
    println!("all refused in {} ms", Clock::elapsed_ms(began));
    let db = scene.db();
    for (Shape { name, .. }, word) in shapes.iter().zip(["a PNG image", "a zip archive", "news.xml", "plain text"]) {
        let (outcome, error, _) = outcome(&db, name);
        println!("{name}: {outcome}: {error}");
        assert_eq!((outcome.as_str(), db.articles_of(name)), ("not_feed", 0), "{name}: {error}");
        assert!(error.contains(word), "{name}: {error}");
    }
    // Known by its first bytes: the other fifty million are not waited for.
    let received: i64 =
        db.one("SELECT coalesce(body_bytes, 0) FROM fetch_log JOIN feed ON feed.id = feed_id WHERE name = 'zip'");
    assert!(received < 1 << 20, "{received} bytes of the zip were received");
    scene.end();
}
