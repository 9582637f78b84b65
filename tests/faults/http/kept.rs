//! Connections that are kept, and dead when they are wanted.

use rssd::tarpit::{Answer, Script, Step};

use super::{RSS, asked, feed, url_of};
use crate::faults::scene::Scene;

#[test]
fn row_17_a_kept_connection_that_is_dead_is_replaced_once_if_nothing_came() {
    let mut scene = Scene::new();
    let first = [Step::ReadRequest, Step::Answer(Answer::ok(RSS, feed("first"))), Step::ReadRequest];
    let again = [Step::ReadRequest, Step::Answer(Answer::ok(RSS, feed("second")))];
    // Promises to keep the connection, and ends it with the next request unanswered.
    let port =
        |end: &[Step], then: &[Step]| url_of(&scene, Script::from([&first[..], end].concat()).then(then.to_vec()));
    let dead = [Step::ReadRequest, Step::Close];
    let ports = [
        // What it does to the second request, on which connection that goes on, how many fail, how many are asked.
        ("closed", port(&[Step::Close], &again), 0, 3),
        ("reset", port(&[Step::Reset], &again), 0, 3),
        // Something came: it may have been the answer.
        ("cut", port(&[Step::send("HTTP/1.1 200"), Step::Close], &again), 1, 2),
        // A new connection is not tried twice.
        ("dead", port(&[Step::Close], &dead), 1, 3),
    ];
    scene.subscribe(|_, feeds| {
        ports.iter().fold(feeds, |feeds, (name, url, ..)| {
            feeds.feed(&format!("{name}-1"), url).feed(&format!("{name}-2"), format!("{url}?2"))
        })
    });
    for (name, ..) in &ports {
        for number in [1, 2] {
            scene.wait_for_polls(&format!("{name}-{number}"), 1);
        }
    }
    let db = scene.db();
    for (name, url, failing, requests) in &ports {
        let classes = [1, 2].map(|number| db.class_of(&format!("{name}-{number}")));
        println!("{name}: {classes:?}, {} requests", asked(&scene, url));
        assert_eq!(classes.iter().filter(|class| !class.is_empty()).count(), *failing, "{name}: {classes:?}");
        assert!(classes.iter().all(|class| class.is_empty() || class.starts_with("body(")), "{name}: {classes:?}");
        assert_eq!(asked(&scene, url), *requests, "{name}");
        let stored: i64 = [1, 2].iter().map(|number| db.articles_of(&format!("{name}-{number}"))).sum();
        assert_eq!(stored, 6 - 3 * *failing as i64, "{name}");
    }
    scene.end();
}
