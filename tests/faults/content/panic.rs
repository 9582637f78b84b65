//! Row 43: a panic in the parser that nobody knows of yet, made by a hook of the daemon's own.

use super::{EVERY_SECOND, Shape, outcome, poll_each, rss};
use crate::faults::scene::Scene;

#[test]
fn row_43_a_panic_fails_its_poll_and_the_body_is_not_read_again() {
    let mut scene = Scene::started_by(
        |_, feeds| feeds,
        |home| {
            let mut command = home.daemon_command();
            command.env("RSSD_TEST_PARSER_PANIC", "unheard of");
            command
        },
    );
    scene.daemon.wait_for_lines("RSSD_TEST_PARSER_PANIC", 1);
    let document = |title: &str| rss(&format!("<item><title>{title}</title><guid>1</guid></item>"));
    let shapes = [Shape::xml("panics", document("unheard of")), Shape::xml("next", document("plain"))];
    poll_each(&mut scene, &shapes, EVERY_SECOND);
    let db = scene.db();
    let (outcome_first, error, _) = outcome(&db, "panics");
    assert_eq!((outcome_first.as_str(), db.articles_of("panics")), ("panic", 0), "{error}");
    // The hash is of the body that is to be reported.
    let hash = sha256(&shapes[0].body);
    assert!(error.contains(&hash), "{error} has no {hash}");
    // Its second poll fails as the first, and the parser does not see the body.
    scene.wait_for_polls("panics", 2);
    assert_eq!(outcome(&db, "panics").0, "panic");
    assert_eq!(outcome(&db, "panics").1, error);
    let tries = scene.daemon.count_lines("RSSD_TEST_PARSER_PANIC: the parser panics");
    assert_eq!(tries, 1, "the body was read again");
    // Another body of the feed is read, and the core has gone on all the while.
    scene.tarpit.route("panics.localhost", "/feed", rssd::tarpit::Answer::ok(super::RSS, document("sound")));
    scene.daemon.wait_for("the sound document", |_| db.articles_of("panics") == 1);
    assert_eq!((db.class_of("panics"), db.articles_of("next")), (String::new(), 1));
    scene.end();
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
