//! Rows 38 and 39: what a publisher writes to be run by whoever shows it: a browser, a terminal, a reader of events.

use std::process::Command;

use nix::sys::signal::Signal::SIGTERM;
use rssd::tarpit::Answer;

use super::{RSS, Shape, column, host, poll_each};
use crate::faults::scene::Scene;
use crate::support::http::{Events, get, get_with};
use crate::support::{Daemon, Finished};
use crate::tail::Tail;

const PAGE: &str = "Accept: text/html\r\n";

#[test]
fn row_38_markup_is_stored_as_text_and_served_harmless() {
    let document = "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>&lt;script&gt;alert(0)&lt;/script&gt;</title>\
        <item><title>marked &lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;script&amp;gt;alert(6)&amp;lt;/script&amp;gt; ]]&gt; &quot;&gt;&lt;img src=x onerror=alert(2)&gt; \
        &#10;&#10;event: evil&#10;data: {}&#10;&#10;end</title><guid>g]]&gt;&#10;&#10;event: evil</guid>\
        <link>javascript:alert(3)</link><enclosure url=\"javascript:alert(7)\" type=\"audio/mpeg\"/>\
        <description>&lt;script&gt;alert(4)&lt;/script&gt;&lt;img src=x onerror=alert(5)&gt;]]&gt; text \
        &lt;a href=\"javascript:alert(8)\"&gt;a&lt;/a&gt;&lt;img src=\"data:image/svg+xml,x\"&gt;\
        &lt;iframe src=\"http://evil.localhost/\"&gt;&lt;/iframe&gt;&lt;svg onload=alert(9)&gt;</description></item>\
        </channel></rss>";
    let mut scene = Scene::new();
    poll_each(&mut scene, &[Shape::xml("hostile", document)], "");
    let (at, db) = (scene.at, scene.db());
    let [(id, seq)] = db
        .list("SELECT article.id, seq FROM article JOIN feed ON feed.id = feed_id WHERE name = 'hostile'", |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })[..]
    else {
        panic!("one article")
    };

    // Stored as text: what was published reached the database, and is given back to who asks for it.
    assert_eq!(column::<Option<String>>(&db, "article.url", "hostile"), [None]);
    assert_eq!(column::<String>(&db, "enclosures", "hostile"), ["[]"]);
    let stored = get(at, &format!("/articles/{id}")).json();
    for harm in ["event: evil", "<script>alert(6)</script>", "]]>"] {
        assert!(stored["title"].as_str().is_some_and(|title| title.contains(harm)), "no {harm} in {stored}");
    }
    let published = get(at, &format!("/articles/{id}?raw=1")).json();
    for harm in ["onerror=alert(5)", "javascript:alert(8)", "data:image/svg"] {
        assert!(published.to_string().contains(harm), "as published: no {harm} in {published}");
    }

    // Served harmless: in pages, ...
    let page = |path: &str| get_with(at, path, PAGE);
    for path in [
        "/",
        "/articles",
        &format!("/articles/{id}"),
        "/feeds",
        "/feeds/hostile",
        "/articles?q=%3Cscript%3Ealert(1)%3C/script%3E",
    ] {
        let page = page(path);
        let text = page.text().to_ascii_lowercase();
        assert_eq!(page.status, 200, "{path}");
        let is_list_of_feeds = path == "/feeds";
        assert!(is_list_of_feeds || path.contains('?') || text.contains("marked"), "{path}: {text}");
        for harm in [
            "<script>alert",
            "<script&",
            "<img src=x",
            "=\"javascript:",
            "=javascript:",
            "\"data:image/svg",
            "<iframe",
            "<svg onload",
        ] {
            assert!(!text.contains(harm), "{harm} in {path}: {text}");
        }
        assert!(
            page.header("content-security-policy").is_some_and(|policy| !policy.contains("unsafe-inline")),
            "{path}"
        );
    }
    // ... in feeds, ...
    let atom = get(at, "/feed.atom?feed=hostile");
    let text = atom.text();
    assert_eq!(text.matches("<entry>").count(), 1, "{text}");
    for harm in ["<script", "<img", "]]>", "href=\"javascript:", "javascript:alert(8)", "data:image/svg"] {
        assert!(!text.contains(harm), "{harm} in {text}");
    }
    let parsed = feed_rs::parser::parse(&*atom.body).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(parsed.entries[0].title.as_ref().is_some_and(|title| title.content.contains("marked")), "{text}");
    let json = get(at, "/feed.json?feed=hostile").json();
    let html = json["items"][0]["content_html"].as_str().unwrap_or_default().to_owned();
    // ... in JSON and in events, of which the article is one and what it would have as one is none.
    let mut events = Events::open(at, &format!("after={}&feed=hostile", seq - 1), "");
    assert!(events.next().expect("an event").retry_ms.is_some());
    let event = events.next().expect("an event");
    assert_eq!((event.name.as_str(), event.json()["title"].clone()), ("article", stored["title"].clone()));
    for html in
        [&html, stored["summary"].as_str().unwrap_or_default(), event.json()["summary"].as_str().unwrap_or_default()]
    {
        for harm in ["script", "onerror", "data:", "iframe", "svg"] {
            assert!(!html.contains(harm), "{harm} in {html}");
        }
    }
    scene.end();
}

/// What turns a terminal, a line or the text around it; line ends apart, which are looked at where they mean something.
fn is_raw(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
    c.is_control() && c != '\n' || turns
}

fn assert_escaped(what: &str, text: &str) {
    let at = text.find(is_raw);
    let around =
        at.map(|at| text[text.floor_char_boundary(at.saturating_sub(80))..].chars().take(160).collect::<String>());
    assert_eq!(around, None, "unescaped in {what}");
}

#[test]
fn row_39_escapes_reach_nobody_unescaped() {
    let mut scene = Scene::new();
    let evil = "\u{9b}31mred\u{7f} &#x202e;desrever&#x2066; &#27;[2J&#x2028;&#13;&#10;&#13;&#10;event: evil&#10;data: {}&#10;&#10;id: 9";
    let document = format!(
        "<rss version=\"2.0\"><channel><title>{evil}</title><item><title>{evil}</title><guid isPermaLink=\"false\">{evil}</guid>\
         <link>http://a.localhost/{evil}</link><author>{evil}</author><category>{evil}</category>\
         <description>{evil}</description></item></channel></rss>"
    );
    // What of a source gets into an error, which goes everywhere.
    let location = "ftp://evil.localhost/\u{202e}\u{9b}2J\u{2066}";
    scene.tarpit.route(&host("moved"), "/feed", Answer::redirect(302, location));
    scene.tarpit.route(&host("escaped"), "/feed", Answer::redirect(302, format!("{location}\u{1b}[31m")));
    scene.tarpit.route(
        &host("broken"),
        "/feed",
        Answer::ok(RSS, "<?xml version=\"1.0\"?><evil\u{202e}\u{9b}2J>x</evil\u{202e}\u{9b}2J>"),
    );
    poll_each(&mut scene, &[Shape::xml("escapes", document.clone())], "");
    scene.subscribe(|tarpit, feeds| {
        let feeds = feeds.feed("escapes", tarpit.url(&host("escapes"), "/feed"));
        let feeds = feeds.feed("moved", tarpit.url(&host("moved"), "/feed"));
        let feeds = feeds.feed("escaped", tarpit.url(&host("escaped"), "/feed"));
        feeds.feed("broken", tarpit.url(&host("broken"), "/feed"))
    });
    for feed in ["moved", "escaped", "broken"] {
        scene.wait_for_polls(feed, 1);
    }
    let (at, db) = (scene.at, scene.db());
    assert_eq!(db.class_of("moved"), "policy", "{}", db.error_of("moved"));
    assert_eq!(db.class_of("escaped"), "header", "{}", db.error_of("escaped"));
    assert_eq!(db.class_of("broken"), "not_feed", "{}", db.error_of("broken"));
    let [(id, seq)] = db
        .list("SELECT article.id, seq FROM article JOIN feed ON feed.id = feed_id WHERE name = 'escapes'", |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })[..]
    else {
        panic!("one article")
    };
    let title = column::<String>(&db, "article.title", "escapes").remove(0);
    assert!(title.contains("desrever") && title.contains('\u{202e}'), "what is to be escaped was stored: {title:?}");

    // Pages.
    for path in
        ["/", "/articles", &format!("/articles/{id}"), "/feeds", "/feeds/escapes", "/feeds/moved", "/feeds/broken"]
    {
        let page = get_with(at, path, PAGE);
        assert_eq!(page.status, 200, "{path}");
        // Line ends and separators mean nothing in a page.
        let text = page.text().replace(['\r', '\t', '\u{2028}', '\u{2029}'], " ");
        assert_escaped(path, &text);
    }
    // JSON and Atom: data that a program reads, whole and nothing more.
    for path in [
        &format!("/articles/{id}"),
        "/articles?feed=escapes",
        "/feeds/moved",
        "/feed.json?feed=escapes",
        "/debug/fetches",
    ] {
        let answer = get(at, path);
        assert!(answer.json().is_object(), "{path}");
        let control = answer.text().trim_end().chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{path}");
    }
    assert_eq!(get(at, &format!("/articles/{id}")).json()["title"], title);
    let atom = get(at, "/feed.atom?feed=escapes");
    let parsed = feed_rs::parser::parse(&*atom.body).expect("well-formed");
    assert_eq!(parsed.entries.len(), 1);
    // Events: one article, and then what comes next.
    let mut events = Events::open(at, &format!("after={}&feed=escapes", seq - 1), "");
    assert!(events.next().expect("an event").retry_ms.is_some());
    let event = events.next().expect("an event");
    assert_eq!((event.name.as_str(), event.json()["title"].as_str()), ("article", Some(title.as_str())));
    assert!(event.id.is_some_and(|id| id.ends_with(&format!("-{seq}"))));
    // Metrics: each line is a comment or a sample, and no label is a feed's.
    let metrics = get(at, "/metrics");
    assert_escaped("metrics", metrics.text());
    for line in metrics.text().lines() {
        let is_sample = line
            .strip_prefix("rssd_")
            .and_then(|rest| rest.rsplit_once(' '))
            .is_some_and(|(_, value)| value.parse::<f64>().is_ok());
        assert!(line.starts_with("# ") || is_sample, "{line:?}");
        assert!(!line.contains("desrever") && !line.contains("evil"), "{line:?}");
    }

    // Terminals: every command that shows what a feed says.
    let server = format!("http://{at}");
    let run = |arguments: &[&str]| -> Finished {
        let mut command: Command = scene.home.command();
        command.args(arguments);
        Daemon::spawn(command).wait()
    };
    scene.home.write("evil.xml", &document);
    let (escapes_url, moved_url) =
        (scene.tarpit.url(&host("escapes"), "/feed"), scene.tarpit.url(&host("moved"), "/feed"));
    for (arguments, word) in [
        (&["status", "--server", &server][..], "evil\\u{202e}"),
        (&["status", "--json", "--server", &server], "evil"),
        (&["explain", "broken", "--json", "--server", &server], "evil"),
        (&["explain", "escapes", "--json", "--server", &server], "desrever"),
        (&["explain", "broken", "--server", &server], "evil\\u{202e}"),
        (&["explain", "moved", "--server", &server], "moved"),
        (&["explain", "escapes", "--server", &server], "escapes"),
        (&["fetch", &escapes_url, "--allow-private"], "desrever"),
        (&["fetch", &escapes_url, "--allow-private", "--json"], "desrever"),
        (&["fetch", &moved_url, "--allow-private"], "ftp"),
        (&["parse", "evil.xml"], "desrever"),
        (&["parse", "evil.xml", "--json"], "desrever"),
    ] {
        let Finished { stdout, stderr, .. } = run(arguments);
        let shown = stdout + &stderr;
        assert!(shown.contains(word), "{arguments:?}: {shown:?}");
        assert_escaped(&format!("{arguments:?}"), &shown);
    }
    for (arguments, lines) in
        [(&["--after", "0", "--feed", "escapes"][..], 2), (&["--after", "0", "--feed", "escapes", "--json"], 1)]
    {
        let mut tail = Tail::start(&scene.home, at, arguments);
        let shown = tail.wait_for_lines(lines);
        tail.signal(SIGTERM);
        tail.ended();
        assert!(shown[0].contains("desrever"), "{shown:?}");
        assert_escaped(&format!("tail {arguments:?}"), &shown.join("\n"));
        assert_eq!(shown.len(), lines, "{shown:?}");
    }
    // The log, all of it.
    let finished = scene.end();
    assert!(
        finished.stderr.contains("feed broken: not_feed") && finished.stderr.contains("evil\\u{202e}\\u{9b}2J"),
        "{}",
        finished.stderr
    );
    assert_escaped("the log", &finished.stderr);
}
