//! The commands that need no daemon, as scripts use them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use nix::sys::signal::Signal::SIGTERM;
use serde_json::Value;

use crate::support::{Daemon, Feeds, Finished, Home, guids, rss, tarpit};

fn run(home: &Home, arguments: &[&str]) -> Finished {
    let mut command = home.command();
    command.args(arguments);
    Daemon::spawn(command).wait()
}

const ATOM: &str = r#"<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
 <title>Notes</title><subtitle>of a test</subtitle><id>urn:notes</id><updated>2025-01-03T00:00:00Z</updated>
 <link href="/"/><link rel="hub" href="https://hub.example/"/>
 <entry><title type="html">Second &lt;b&gt;&amp;amp;&lt;/b&gt; last</title><id>urn:2</id><link href="two"/><updated>2025-01-02T01:02:03+01:00</updated>
  <published>2025-01-02T00:00:00Z</published><author><name>Ann</name></author><category term="tests"/>
  <link rel="enclosure" href="/two.mp3" type="audio/mpeg" length="123"/>
  <summary>short</summary><content type="html">&lt;p&gt;long&lt;/p&gt;</content></entry>
 <entry><title>First</title><id>urn:1</id><updated>2025-01-01T00:00:00Z</updated></entry>
</feed>"#;

#[test]
fn parse_prints_the_shape_of_the_contract() {
    let home = Home::new();
    home.write("notes.xml", ATOM);
    let finished = run(&home, &["parse", "notes.xml", "--url", "https://example.org/notes/feed.xml", "--json"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout.lines().count(), 1, "one object on one line");
    let printed: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    for key in ["feed", "articles", "repaired"] {
        assert!(keys(&printed).contains(&key.to_owned()), "{key} in {:?}", keys(&printed));
    }
    assert_eq!(
        keys(&printed["feed"]),
        ["title", "site_url", "language", "description", "updated", "ttl_minutes", "hub"]
    );
    assert_eq!(
        printed["feed"],
        serde_json::json!({"title": "Notes", "site_url": "https://example.org/", "language": "en",
            "description": "of a test", "updated": "2025-01-03T00:00:00Z", "ttl_minutes": null,
            "hub": "https://hub.example/"})
    );
    let article = &printed["articles"][0];
    let expected = [
        "guid",
        "url",
        "title",
        "authors",
        "summary",
        "content",
        "image",
        "enclosures",
        "categories",
        "language",
        "published",
        "updated",
        "comments",
    ];
    assert_eq!(keys(article), expected);
    assert_eq!(
        (&article["guid"], &article["url"], &article["title"], &article["published"], &article["updated"]),
        (
            &Value::from("urn:2"),
            &Value::from("https://example.org/notes/two"),
            &Value::from("Second & last"),
            &Value::from("2025-01-02T00:00:00Z"),
            &Value::from("2025-01-02T00:02:03Z")
        )
    );
    assert_eq!(
        (&article["authors"], &article["categories"]),
        (&serde_json::json!(["Ann"]), &serde_json::json!(["tests"]))
    );
    assert_eq!(
        article["enclosures"],
        serde_json::json!([{"url": "https://example.org/two.mp3", "type": "audio/mpeg", "length": 123, "duration_s": null}])
    );
    let second = &printed["articles"][1];
    assert_eq!(
        (&second["guid"], &second["url"], &second["summary"]),
        (&Value::from("urn:1"), &Value::Null, &Value::Null)
    );
    assert_eq!(printed["articles"].as_array().map(Vec::len), Some(2), "in the document's order");
    assert_eq!(printed["repaired"], serde_json::json!([]));
}

#[test]
fn parse_reads_standard_input_and_says_what_is_no_feed() {
    let home = Home::new();
    home.write("feed.xml", rss("Piped", guids("piped", 3)));
    let mut command = home.command();
    let input = std::fs::File::open(home.path("feed.xml")).expect("it was written");
    command.args(["parse", "-", "--json"]).stdin(Stdio::from(input));
    let finished = Daemon::spawn(command).wait();
    let printed: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!((finished.code, printed["articles"].as_array().map(Vec::len)), (Some(0), Some(3)));

    for (what, bytes) in [
        ("empty", &b""[..]),
        ("png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
        ("page", b"<!DOCTYPE html><html><head><title>rss feed</title></head></html>"),
        ("words", b"rss feed atom"),
    ] {
        home.write(what, bytes);
        let finished = run(&home, &["parse", what, "--json"]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(65), ""), "{what}");
        assert!(finished.stderr.starts_with("rssd: ") && finished.stderr.len() > 20, "{what}: {}", finished.stderr);
    }
    let finished = run(&home, &["parse", "not-there.xml"]);
    assert!(finished.code.is_some_and(|code| code != 0) && finished.stderr.contains("not-there.xml"));
}

#[test]
fn parse_takes_the_charset_of_the_content_type() {
    let home = Home::new();
    home.write("latin.xml", b"<rss version=\"2.0\"><channel><title>Caf\xe9</title></channel></rss>");
    let finished =
        run(&home, &["parse", "latin.xml", "--json", "--content-type", "application/rss+xml; charset=iso-8859-1"]);
    let printed: Value = serde_json::from_str(&finished.stdout).expect("it is JSON");
    assert_eq!(printed["feed"]["title"], "Café");
}

#[test]
fn check_reports_every_mistake_and_what_a_reload_would_do() {
    let tarpit = tarpit();
    let fine = Feeds::new()
        .feed("a", tarpit.url("a.localhost", "/healthy/1"))
        .feed("b", tarpit.url("b.localhost", "/healthy/1"));
    let home = Home::with(&fine);
    let finished = run(&home, &["check", "--feeds", "feeds.toml"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(!home.db_path().exists(), "looking makes nothing");
    assert_eq!(tarpit.counts().accepted, 0, "nor does it ask anybody");

    home.write("broken.toml", "[[feed]]\nurl = 5\ninterval = \"never\"\n");
    let finished = run(&home, &["check", "--feeds", "broken.toml"]);
    assert_eq!(finished.code, Some(78));
    let shown = format!("{}{}", finished.stdout, finished.stderr);
    for place in ["broken.toml:2:7", "broken.toml:3:12"] {
        assert!(shown.contains(place), "{shown}");
    }

    // A file that a feed names is looked at too.
    home.subscribe(&Feeds::new().feed_with("a", "http://a.localhost/", "ca_file = \"nowhere.pem\""));
    let finished = run(&home, &["check", "--feeds", "feeds.toml"]);
    assert_eq!(finished.code, Some(78), "{}", finished.stdout);

    home.subscribe(&fine);
    home.once();
    home.subscribe(&Feeds::new().feed("b", tarpit.url("b2.localhost", "/healthy/1")).feed("c", "http://c.localhost/"));
    let finished = run(&home, &["check", "--feeds", "feeds.toml", "--db", "rssd.db"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let shown = format!("{}{}", finished.stdout, finished.stderr);
    for (word, name) in [("remove", "a"), ("change", "b"), ("add", "c")] {
        let told = shown
            .lines()
            .any(|line| line.contains(word) && line.split(|c: char| !c.is_alphanumeric()).any(|w| w == name));
        assert!(told, "no {word} of {name} in\n{shown}");
    }
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens there");
    stream.set_read_timeout(Some(crate::support::HANG_GUARD)).expect("a timeout that is not zero");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: tarpit.localhost\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn tarpit_serves_scenarios_and_the_files_of_a_directory() {
    let home = Home::new();
    std::fs::create_dir(home.path("served")).expect("its place is free");
    home.write("served/mine.xml", rss("Mine", guids("mine", 2)));
    let mut command = home.command();
    command.args(["tarpit", "--listen", "127.0.0.1:0", "--dir", "served"]).stdout(Stdio::piped());
    // Its greeting is on standard output, which here is a file that can be read while it runs.
    let out = std::fs::File::create(home.path("out")).expect("the directory is ours");
    let child = command.stdout(out).stderr(Stdio::null()).spawn().expect("it starts");
    let tarpit = Guard(child);
    let address = crate::support::until("its greeting", || {
        let out = std::fs::read_to_string(home.path("out")).ok()?;
        let line = out.lines().find_map(|line| line.split("listening on http://").nth(1))?.to_owned();
        out.contains("https://").then_some(line)
    });
    assert!(get(&address, "/files/mine.xml").contains("About mine-1"));
    assert!(get(&address, "/healthy/1?articles=2").contains("200 OK"));
    assert!(get(&address, "/not-found/1").contains("404"));
    let feeds = get(&address, "/feeds.toml");
    assert!(feeds.contains("[[feed]]") && feeds.contains("mine.xml"), "{feeds}");
    tarpit.end();
}

/// A child that does not outlive its test.
struct Guard(std::process::Child);

impl Guard {
    fn end(mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).expect("a pid fits"));
        nix::sys::signal::kill(pid, SIGTERM).expect("it is our own child");
        let status = crate::support::until("the tarpit to end", || self.0.try_wait().expect("it is our child"));
        assert_eq!(status.code(), Some(0));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn completions_and_the_man_page_know_the_commands() {
    let home = Home::with(&Feeds::new());
    for arguments in [&["completions", "bash"][..], &["completions", "zsh"], &["completions", "fish"], &["man"]] {
        let finished = run(&home, arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?} {}", finished.stderr);
        for word in ["tarpit", "feeds", "once", "tail", "status", "explain"] {
            assert!(finished.stdout.contains(word), "{arguments:?} does not know {word}");
        }
    }
}
