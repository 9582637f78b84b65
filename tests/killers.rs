//! Bodies that are not what they claim to be: each ends its own poll with a reason, and nothing else notices. What kills a
//! parser stands in the fault catalogue.

use crate::support::{Feeds, Home, tarpit};

#[test]
fn parser_killers_end_their_own_polls_and_nothing_else() {
    // Each with the classes of which one must be the outcome.
    let killers = [
        ("gzip-bomb", &["too_large"][..]),
        ("brotli-bomb", &["too_large"]),
        ("gzip-members", &["too_large", "decode", "timeout(body)"]),
        ("not-gzip", &["decode"]),
        ("gzip-cut", &["decode", "body"]),
        ("gzip-wrong-sum", &["decode"]),
        ("html", &["not_feed"]),
        ("empty", &["empty"]),
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

    for (name, classes) in &killers {
        let (class, error, stored) = (db.class_of(name), db.error_of(name), db.articles_of(name));
        println!("{name}: {stored} articles; {class}: {error}");
        assert!(classes.contains(&class.as_str()), "{name}: {class:?}: {error}");
        assert!(error.len() > 10 && !error.ends_with('.'), "{name}: {error:?} says too little");
        assert_eq!(stored, 0, "{name}");
    }
    assert_eq!(daemon.count_lines("panicked at"), 0, "{:?}", daemon.lines());
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let finished = daemon.wait();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    home.db().assert_whole();
}
