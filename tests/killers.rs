//! Documents that kill parsers: each ends its own poll with a reason, or is read as far as it goes; nothing else
//! notices.

use crate::support::{Daemon, Feeds, Home, tarpit};

/// What must come of a killer.
enum End {
    /// One of these classes, nothing stored.
    Refused(&'static [&'static str]),
    /// Read: so many articles, and no failure.
    Stored(i64),
    /// Either, as long as nothing of it was expanded or fetched.
    Harmless,
}

#[test]
fn parser_killers_end_their_own_polls_and_nothing_else() {
    use End::{Harmless, Refused, Stored};
    let killers = [
        ("nested-media", Refused(&["too_deep"])),
        ("nested-elements", Refused(&["too_deep"])),
        ("nested-base", Refused(&["too_deep"])),
        ("nested-json", Refused(&["too_deep", "parse"])),
        ("many-attributes", Refused(&["too_complex"])),
        ("gzip-bomb", Refused(&["too_large"])),
        ("brotli-bomb", Refused(&["too_large"])),
        ("gzip-members", Refused(&["too_large", "decode", "timeout(body)"])),
        ("not-gzip", Refused(&["decode"])),
        ("gzip-cut", Refused(&["decode", "body"])),
        ("gzip-wrong-sum", Refused(&["decode"])),
        ("html", Refused(&["not_feed"])),
        ("empty", Refused(&["empty"])),
        ("long-duration", Stored(1)),
        ("full-width-author", Stored(1)),
        // `articles_max` of them, the rest is counted and left out.
        ("many-entries", Stored(2000)),
        ("billion-laughs", Harmless),
        ("external-entity", Harmless),
    ];
    let tarpit = tarpit();
    let control = "/growing/77?articles=5";
    let mut feeds = Feeds::new().default("read_timeout = \"5s\"\ntotal_timeout = \"20s\"").feed_with(
        "control",
        tarpit.url("control.localhost", control),
        "interval = \"1s\"\ninterval_min = \"1s\"",
    );
    for (name, _) in &killers {
        feeds = feeds.feed(name, tarpit.url(&format!("{name}.localhost"), &format!("/{name}/1")));
    }
    let home = Home::with(&feeds);
    let mut daemon = home.start();
    let db = home.db_soon();
    daemon.wait_for("a poll of every killer", |_| {
        db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count > 0") == killers.len() as i64 + 1
    });
    let before = db.articles_of("control");
    daemon.wait_for("the control feed to go on", |_| db.articles_of("control") >= before + 2);

    for (name, end) in &killers {
        let (class, error, stored) = (db.class_of(name), db.error_of(name), db.articles_of(name));
        println!("{name}: {stored} articles; {class}: {error}");
        match end {
            Refused(classes) => {
                assert!(classes.contains(&class.as_str()), "{name}: {class:?}: {error}");
                assert!(error.len() > 10 && !error.ends_with('.'), "{name}: {error:?} says too little");
                assert_eq!(stored, 0, "{name}");
            }
            Stored(count) => {
                assert_eq!((class.as_str(), stored), ("", *count), "{name}: {error}");
            }
            Harmless => assert!(stored <= 1, "{name}"),
        }
    }
    let expanded: i64 = db.one(
        "SELECT count(*) FROM article WHERE title LIKE '%lollollol%' OR content LIKE '%lollollol%' \
         OR title LIKE '%root:%' OR summary LIKE '%root:%' OR content LIKE '%root:%' OR length(title) > 10000",
    );
    assert_eq!(expanded, 0, "an entity was expanded");
    assert_eq!(daemon.count_lines("panicked at"), 0, "{:?}", daemon.lines());
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    home.db().assert_whole();
}

#[test]
fn what_a_feed_says_reaches_log_and_terminal_escaped() {
    let tarpit = tarpit();
    // A location is what of a source gets into an error most easily.
    let evil = "ftp://evil.localhost/\u{1b}[31m\u{202e}\u{9b}2J";
    tarpit.route("evil.localhost", "/feed", rssd::tarpit::Answer::redirect(302, evil));
    let feeds = Feeds::new()
        .feed("evil", tarpit.url("evil.localhost", "/feed"))
        .feed("escapes", tarpit.url("escapes.localhost", "/escapes/1"));
    let home = Home::with(&feeds);
    let finished = home.once();
    let title = "\u{9b}31mred\u{7f} &#x202e;desrever &#27;[2J";
    home.write("evil.xml", format!("<rss version=\"2.0\"><channel><title>{title}</title></channel></rss>"));
    let mut command = home.command();
    command.args(["parse", "evil.xml"]);
    let parsed = Daemon::spawn(command).wait();
    let shown = [finished.stdout, finished.stderr, parsed.stdout, parsed.stderr].concat();
    assert!(shown.contains("evil") && shown.contains("desrever"), "{shown}");
    let raw = shown.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}'));
    assert_eq!(raw, None, "{shown:?}");
}
