//! Rows 31, 32, 36 and 42: values that are odd, too long or hostile cost themselves and not their article.

use rssd::limits::{GUID_BYTES_MAX, TITLE_BYTES_MAX};

use super::{SCALE, Shape, atom, column, outcome, poll_each, repaired, rss, titles};
use crate::faults::scene::Scene;

const JSON_FEED: &str = "application/feed+json";

#[test]
fn row_31_odd_values_cost_themselves_and_not_the_article() {
    let mut scene = Scene::new();
    let item = |field: &str| {
        rss(&format!(
            "<item><title>Survivor</title><guid>s</guid><enclosure url=\"http://a.localhost/1.mp3\" type=\"audio/mpeg\"/>\
             {field}</item>"
        ))
    };
    let full_width = "山田太郎（yamada@example.com）";
    let digits = "9".repeat(30);
    let shapes = [
        Shape::xml("digits", item(&format!("<itunes:duration>{digits}</itunes:duration>"))),
        Shape::xml("clock", item(&format!("<itunes:duration>{digits}:00:00</itunes:duration>"))),
        Shape::xml("full-width-digits", item("<itunes:duration>１：００：００</itunes:duration>")),
        Shape::xml("full-width-number", item("<itunes:duration>３６００</itunes:duration>")),
        Shape::xml(
            "media-duration",
            item(&format!("<media:content url=\"http://a.localhost/2.mp4\" duration=\"{digits}\"/>")),
        ),
        Shape::xml(
            "thumbnail",
            item(&format!("<media:thumbnail url=\"http://a.localhost/1.png\" time=\"{digits}\"/>")),
        ),
        Shape::xml("author", item(&format!("<author>{full_width}</author>"))),
        Shape::xml("creator", item(&format!("<dc:creator>{full_width}</dc:creator>"))),
        Shape::xml(
            "author-of-the-feed",
            item("").replace("<title>Shape", &format!("<managingEditor>{full_width}</managingEditor><title>Shape")),
        ),
        Shape::xml(
            "author-atom",
            atom(&format!(
                "<entry><id>s</id><title>Survivor</title><author><name>{full_width}</name></author></entry>"
            )),
        ),
        Shape::new("author-json", JSON_FEED, json_by(full_width)),
    ];
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for Shape { name, .. } in &shapes {
        let (outcome, error, _) = outcome(&db, name);
        let (authors, enclosures): (Vec<String>, Vec<String>) =
            (column(&db, "authors", name), column(&db, "enclosures", name));
        println!("{name}: {outcome}, {authors:?}, {enclosures:?}, {}", repaired(&db, name));
        assert_eq!((outcome.as_str(), titles(&db, name)), ("ok", vec!["Survivor".to_owned()]), "{name}: {error}");
        if name.starts_with("author") && *name != "author-of-the-feed" || *name == "creator" {
            assert!(authors[0].contains("山田太郎"), "{name}: {authors:?}");
        }
        assert!(!enclosures[0].contains("999"), "{name}: {enclosures:?}");
    }
    scene.end();
}

fn json_by(author: &str) -> String {
    format!(
        "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"authors\":[{{\"name\":\"{author}\"}}],\
         \"items\":[{{\"id\":\"s\",\"title\":\"Survivor\",\"authors\":[{{\"name\":\"{author}\"}}]}}]}}"
    )
}

const ENTRIES: usize = 200_000 / SCALE;
const TITLE_CHARS: usize = 4_000_000 / SCALE;

#[test]
fn row_32_what_is_too_much_is_cut_and_told_and_the_rest_kept() {
    let mut scene = Scene::new();
    let entries: String = (0..ENTRIES).map(|number| format!("<item><guid>{number}</guid></item>\n")).collect();
    let whole = "<item><title>Whole</title><guid>w</guid></item>";
    let shapes = [
        Shape::rss("entries", &entries),
        Shape::rss("title", &format!("<item><title>{}</title><guid>g</guid></item>{whole}", "é".repeat(TITLE_CHARS))),
        Shape::rss(
            "guid",
            &format!(
                "<item><title>Long</title><guid isPermaLink=\"false\">{}</guid></item>{whole}",
                "g".repeat(1_000_000 / SCALE)
            ),
        ),
    ];
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    let dropped = format!("article beyond the limit of a document, which was left out x{}", ENTRIES - 2_000);
    let cut = "text longer than its limit, which was cut";
    for (name, titles_want, told) in
        [("entries", None, &*dropped), ("title", Some(["Whole", "é"]), cut), ("guid", Some(["Whole", "Long"]), cut)]
    {
        let (outcome, error, parse_ms) = outcome(&db, name);
        println!("{name}: {outcome} in {parse_ms} ms: {error}; {}", repaired(&db, name));
        assert_eq!(outcome, "ok", "{name}: {error}");
        assert_eq!(repaired(&db, name), format!("[{told:?}]"), "{name}");
        match titles_want {
            // `articles_max`, and of the document's first.
            None => {
                assert_eq!(db.articles_of(name), 2_000);
                assert_eq!(column::<String>(&db, "guid", name).last().map(String::as_str), Some("0"));
            }
            Some(want) => {
                let titles = titles(&db, name);
                assert!(
                    titles.len() == 2 && titles.iter().zip(want).all(|(title, want)| title.starts_with(want)),
                    "{name}"
                );
            }
        }
    }
    let bytes = |column: &str, feed: &str| -> i64 {
        db.one(&format!(
            "SELECT max(length(CAST(article.{column} AS BLOB))) FROM article JOIN feed ON feed.id = feed_id WHERE name = '{feed}'"
        ))
    };
    assert_eq!(bytes("title", "title"), TITLE_BYTES_MAX as i64);
    assert_eq!(bytes("guid", "guid"), GUID_BYTES_MAX as i64);
    // Its key is of the whole guid: another one that begins so is another article.
    assert!(column::<String>(&db, "key", "guid")[1].starts_with("guid-sha256:"));
    scene.end();
}

#[test]
fn row_36_dates_are_sane_or_null_and_order_nothing() {
    const DATES: &[(&str, Option<&str>)] = &[
        ("Mon, 06 May 2024 10:00:00 GMT", Some("2024-05-06T10:00:00Z")),
        // Out of reason.
        ("Sat, 01 Jan 0000 00:00:00 GMT", None),
        ("0000-00-00T00:00:00Z", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ("9999-12-31T23:59:59Z", None),
        ("Mon, 06 May 2999 10:00:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("99999999999999999999", None),
        ("soon", None),
        ("", None),
        // Without a zone, or with one that nobody knows: UTC. With a zone's name.
        ("Mon, 06 May 2024 10:00:00", Some("2024-05-06T10:00:00Z")),
        ("Mon, 06 May 2024 10:00:00 EST", Some("2024-05-06T15:00:00Z")),
        ("Mon, 06 May 2024 10:00:00 CEST", Some("2024-05-06T08:00:00Z")),
        ("Mon, 06 May 2024 10:00:00 +9900", Some("2024-05-06T10:00:00Z")),
        // Other languages.
        ("lun., 6 mai 2024 10:00:00 +0200", Some("2024-05-06T08:00:00Z")),
        ("Montag, 6. Mai 2024 10:00:00", Some("2024-05-06T10:00:00Z")),
        ("lunes, 6 de mayo de 2024 10:00:00", Some("2024-05-06T10:00:00Z")),
        ("Пн, 06 мая 2024 12:00:00 +0300", Some("2024-05-06T09:00:00Z")),
        ("2024年5月6日 10:00:00", Some("2024-05-06T10:00:00Z")),
    ];
    let mut scene = Scene::new();
    let items = DATES.iter().enumerate().map(|(number, (date, _))| {
        format!("<item><title>{number}</title><guid>{number}</guid><pubDate>{date}</pubDate></item>")
    });
    let entries = DATES.iter().enumerate().map(|(number, (date, _))| {
        format!("<entry><title>{number}</title><id>{number}</id><published>{date}</published></entry>")
    });
    let shapes =
        [Shape::rss("rss", &items.collect::<String>()), Shape::xml("atom", atom(&entries.collect::<String>()))];
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    // Documents put the newest first and the stream puts it last, whatever the dates say.
    let order: Vec<String> = (0..DATES.len()).rev().map(|number| number.to_string()).collect();
    for Shape { name, .. } in &shapes {
        assert_eq!(titles(&db, name), order, "{name}");
        for (number, (date, want)) in DATES.iter().enumerate() {
            let sql = "SELECT published_at FROM article JOIN feed ON feed.id = feed_id WHERE feed.name";
            let at: Option<i64> = db.one(&format!("{sql} = '{name}' AND article.title = '{number}'"));
            let want = want.map(|want| want.parse::<jiff::Timestamp>().expect("it is a date").as_millisecond());
            assert_eq!(at, want, "{name}: {date:?}");
        }
    }
    scene.end();
}

#[test]
fn row_42_links_are_http_whatever_their_base() {
    const BASES: [&str; 10] = [
        "javascript:alert(1)//",
        "JaVaScRiPt:alert(1)//",
        " javascript:alert(1)//",
        "data:text/html,x",
        "file:///etc/",
        "vbscript:x",
        "http://[",
        "//",
        "http:",
        "gopher://a.localhost/",
    ];
    let mut scene = Scene::new();
    let names: Vec<&'static str> =
        (0..2 * BASES.len()).map(|number| &*Box::leak(format!("base{number}").into_boxed_str())).collect();
    let shapes: Vec<Shape> = (names.iter().zip(BASES.iter().chain(&BASES)).enumerate())
        .map(|(number, (name, base))| {
            let body = if number < BASES.len() {
                atom(
                    "<entry><title>One</title><id>i</id><link href=\"x\"/><link rel=\"enclosure\" href=\"y\"/></entry>",
                )
                .replace("<feed ", &format!("<feed xml:base=\"{base}\" "))
            } else {
                let item = "<title>One</title><guid>i</guid><link>x</link><enclosure url=\"y\"/>";
                rss(&format!("<item xml:base=\"{base}\">{item}</item>"))
            };
            Shape::xml(name, body)
        })
        .collect();
    poll_each(&mut scene, &shapes, "");
    let db = scene.db();
    for (name, base) in names.iter().zip(BASES.iter().chain(&BASES)) {
        let (outcome, error, _) = outcome(&db, name);
        assert_eq!((outcome.as_str(), titles(&db, name)), ("ok", vec!["One".to_owned()]), "{base}: {error}");
        let url = column::<Option<String>>(&db, "article.url", name).remove(0);
        let enclosures = column::<String>(&db, "enclosures", name).remove(0);
        println!("{base:?}: {url:?}, {enclosures}");
        assert!(url.is_none_or(|url| url.starts_with("http://")), "{base}");
        let files: serde_json::Value = serde_json::from_str(&enclosures).expect("it is JSON");
        for file in files.as_array().expect("a list") {
            assert!(file["url"].as_str().is_some_and(|url| url.starts_with("http://")), "{base}: {file}");
        }
    }
    scene.end();
}
