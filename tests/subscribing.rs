//! Commands that turn what people have into feeds.toml and back: a page's address, another reader's subscriptions.

use std::process::Stdio;

use serde_json::Value;

use rssd::tarpit::Answer;

use crate::support::{Daemon, Finished, Home, guids, rss, tarpit};

fn run(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    command.args(arguments);
    Daemon::spawn(command).wait()
}

/// The URLs of a feeds.toml that `rssd check` finds no fault with.
fn checked_urls(home: &Home, toml: &str) -> Vec<String> {
    home.write("checked.toml", toml);
    let finished = run(home, &["check", "--feeds", "checked.toml"]);
    assert_eq!(finished.code, Some(0), "{}\n{toml}", finished.stderr);
    toml.lines().filter_map(|line| line.strip_prefix("url = ")).map(|url| url.trim_matches('"').to_owned()).collect()
}

#[test]
fn fetch_lists_the_feeds_of_a_page_ready_to_paste() {
    let tarpit = tarpit();
    let page = "<!doctype html><html><head><base href=\"/blog/\">\
        <link rel=alternate type=\"application/rss+xml\" title=\"All &amp; more\x1b[2J\" href=\"all.xml?a=1&amp;b=2\">\
        <link rel=\"alternate\" type=\"application/atom+xml\" href=\"http://atom.example/&quot;\">\
        <link rel=alternate type=application/feed+json href=/feed.json></head><body><a href=/rss.xml>RSS</a>";
    tarpit.route("page.localhost", "/", Answer::redirect(302, "/home"));
    tarpit.route("page.localhost", "/home", Answer::ok("text/html", page));
    let guesses = "<html><body><a href=/news/feed/>Feed</a> <a href=/about>About</a>";
    tarpit.route("guess.localhost", "/", Answer::ok("text/html", guesses));
    tarpit.route("bare.localhost", "/", Answer::ok("text/html", "<html><body>nothing"));
    tarpit.route("feed.localhost", "/", Answer::ok("application/rss+xml", rss("A feed", guids("feed", 2))));
    let home = Home::new();
    let fetch = |host: &str, more: &[&str]| {
        let url = tarpit.url(host, "/");
        run(&home, &[&["fetch", "--allow-private", &url], more].concat())
    };

    let finished = fetch("page.localhost", &[]);
    assert_eq!(finished.code, Some(65), "{}", finished.stderr);
    assert!(finished.stderr.contains("not_feed"), "{}", finished.stderr);
    assert!(!finished.stdout.contains('\x1b') && !finished.stderr.contains('\x1b'), "{}", finished.stdout);
    let base = tarpit.url("page.localhost", "");
    let expected =
        [format!("{base}/blog/all.xml?a=1&b=2"), "http://atom.example/%22".into(), format!("{base}/feed.json")];
    assert_eq!(checked_urls(&home, &finished.stdout), expected, "all of what is printed is TOML");
    assert!(finished.stdout.contains("# All & more") && finished.stdout.contains("(RSS)"), "{}", finished.stdout);

    let json: Value = serde_json::from_str(&fetch("page.localhost", &["--json"]).stdout).expect("it is JSON");
    let links = json["fetch"]["links"].as_array().expect("a list");
    assert_eq!(links.len(), 3);
    assert_eq!((&links[1]["type"], &links[1]["sure"]), (&Value::from("Atom"), &Value::from(true)));

    // A guess is a comment as a whole.
    let finished = fetch("guess.localhost", &[]);
    assert_eq!((finished.code, checked_urls(&home, &finished.stdout).len()), (Some(65), 0), "{}", finished.stdout);
    assert!(finished.stdout.contains("# maybe") && finished.stdout.contains("# [[feed]]"), "{}", finished.stdout);
    assert!(finished.stdout.contains("/news/feed") && !finished.stdout.contains("/about"), "{}", finished.stdout);

    let finished = fetch("bare.localhost", &[]);
    assert!(finished.code == Some(65) && !finished.stdout.contains("[[feed]]"), "{}", finished.stdout);
    let finished = fetch("feed.localhost", &[]);
    assert!(finished.code == Some(0) && finished.stdout.contains("2 articles"), "{}", finished.stdout);
}

const OPML: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<opml version="1.0"><head><title>Mine</title></head><body>
<outline text="News">
 <outline text="UI / UX &amp; &quot;more&quot;"><outline type="rss" text="One" XMLURL="http://one.example/feed?a=1&b=2"/></outline>
 <outline text="Two" xmlUrl="feed://two.example/feed"/>
 <outline text="One again" xmlUrl="http://one.example/feed?a=1&amp;b=2#top"/>
</outline>
<outline text="One, encrypted" xmlUrl="https://one.example/feed?a=1&amp;b=2"/>
<outline text="An idea"/>
<outline text="Wrong" xmlUrl="ftp://three.example/"/>
<outline text="Secret" xmlUrl="https://name:hunter2@four.example/"/>
<outline text="Escape &#27;[2J" xmlUrl="not a url"/>
<outline text="Cut off" xmlUrl="http://five.example/"#;

#[test]
fn import_takes_what_it_can_and_tells_the_rest() {
    let home = Home::new();
    home.write("mine.opml", OPML);
    let finished = run(&home, &["import", "mine.opml"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let urls = ["http://one.example/feed?a=1&b=2", "http://two.example/feed", "https://one.example/feed?a=1&b=2"];
    assert_eq!(checked_urls(&home, &finished.stdout), urls);
    for line in [
        "labels = { \"category\" = \"News/UI / UX & \\\"more\\\"\" }",
        "name = \"one.example-feed-a-1-b-2-2\"",
        "# Two",
    ] {
        assert!(finished.stdout.contains(line), "{line}\n{}", finished.stdout);
    }
    let told: Vec<&str> = finished.stderr.lines().collect();
    let expected = [
        "line 6: One again: left out: the same URL as in line 4",
        "line 9: An idea: left out: it has no xmlUrl",
        "line 10: Wrong: left out: its URL \"ftp://three.example/\" has the scheme",
        "line 11: Secret: left out: its URL \"https://***@four.example/\" holds credentials",
        "line 12: Escape [2J: left out: its URL \"not a url\" is not a URL",
        "3 of 8 outlines imported as feeds, 5 left out",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
    assert!(!finished.stderr.contains("hunter2") && !finished.stderr.contains('\x1b'));
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let home = Home::new();
    home.write(
        "feeds.toml",
        "[defaults]\nlabels = { country = \"GB\" }\n\
         [[feed]]\nname = \"a\"\nurl = \"https://a.example/?x=1&y=<2>\"\nlabels = { category = \"A/B, \\\"C\\\" 100%\" }\n\
         [[feed]]\nurl = \"http://b.example/feed\"\nenabled = false\nlabels = { \"a/b\" = \"c\" }\n",
    );
    let exported = run(&home, &["export", "--feeds", "feeds.toml"]);
    assert_eq!((exported.code, exported.stderr.as_str()), (Some(0), ""));
    assert!(exported.stdout.starts_with("<?xml") && exported.stdout.contains("<opml version=\"2.0\">"));
    let opml = home.write("exported.opml", &exported.stdout);

    let mut command = home.command();
    command.args(["import", "-"]).stdin(Stdio::from(std::fs::File::open(opml).expect("it was written")));
    let imported = Daemon::spawn(command).wait();
    assert_eq!((imported.code, imported.stderr.as_str()), (Some(0), "2 feeds imported"));
    let urls = checked_urls(&home, &imported.stdout);
    assert_eq!(urls, ["https://a.example/?x=1&y=%3C2%3E", "http://b.example/feed"]);
    for labels in [
        "{ \"category\" = \"A/B, \\\"C\\\" 100%\", \"country\" = \"GB\" }",
        "{ \"a/b\" = \"c\", \"country\" = \"GB\" }",
    ] {
        assert!(imported.stdout.contains(labels), "{labels}\n{}", imported.stdout);
    }
    // And once more, from the file that it made.
    let again = run(&home, &["export", "--feeds", "checked.toml"]);
    home.write("again.opml", &again.stdout);
    assert_eq!(checked_urls(&home, &run(&home, &["import", "again.opml"]).stdout), urls);
}

#[test]
fn what_is_no_opml_or_no_configuration_says_so() {
    let home = Home::new();
    for (name, bytes) in [("empty", &b""[..]), ("words", b"outline"), ("feed", b"<rss/>"), ("binary", b"\0\xff\xfe<")] {
        home.write(name, bytes);
        let finished = run(&home, &["import", name]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(65), ""), "{name}: {}", finished.stderr);
        assert!(finished.stderr.contains(name) && finished.stderr.contains("OPML"), "{}", finished.stderr);
    }
    home.write("none.opml", "<opml version='2.0'><body/></opml>");
    let finished = run(&home, &["import", "none.opml"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
    let finished = run(&home, &["import", "nowhere.opml"]);
    assert!(finished.code == Some(64) && finished.stderr.contains("nowhere.opml"), "{}", finished.stderr);

    home.write("broken.toml", "[[feed]]\nurl = 5\n");
    let finished = run(&home, &["export", "--feeds", "broken.toml"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(78), ""));
    assert!(finished.stderr.contains("broken.toml:2:7"), "{}", finished.stderr);
}
