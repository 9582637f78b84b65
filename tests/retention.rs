//! What retention removes is gone for everybody, whoever asks is told so, and it does not come back.

use rssd::tarpit::{Answer, Tarpit};
use rusqlite::Connection;

use crate::stream::{cursor, seq_of, seqs, start, stream, subscribed};
use crate::support::http::{Events, get, listening};
use crate::support::{HANG_GUARD, Home, guids, rss, tarpit};

fn serve(tarpit: &Tarpit, count: usize) {
    tarpit.route("a.localhost", "/feed", Answer::ok("application/rss+xml", rss("a", guids("a", count))));
}

/// A daemon's directory with six articles of one feed, of which the first four have become old meanwhile.
fn aged(tarpit: &Tarpit) -> Home {
    serve(tarpit, 6);
    let home = Home::with(&subscribed(tarpit, &[("a", "")]).daemon("retention = \"1h\""));
    home.once();
    let db = Connection::open(home.db_path()).expect("nobody else has it");
    // Documents put the newest first, so the last of them came first.
    db.execute("UPDATE article SET fetched_at = fetched_at - 3600001 WHERE seq <= 4", []).expect("a write");
    home
}

#[test]
fn a_cursor_older_than_what_is_kept_is_told_so_and_the_stream_goes_on_from_the_oldest() {
    let tarpit = tarpit();
    let home = aged(&tarpit);
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let db = home.db_soon();
    daemon.wait_for("what is old to go", |_| db.articles() == 2);
    for after in ["0", "1", "3"] {
        let answer = get(at, &format!("/news/stream?after={after}"));
        assert_eq!(answer.status, 410, "{after}: {}", answer.text());
        let problem = answer.json();
        let oldest = problem["oldest"].as_str().expect("oldest");
        assert!(oldest.ends_with("-4"), "{problem}");
        assert_eq!(seqs(&stream(at, &format!("after={oldest}"))), [5, 6]);

        let mut events = Events::open(at, &format!("after={after}"), "");
        let reset = events.next_of("reset");
        assert_eq!((&reset.json()["status"], &reset.json()["oldest"]), (&410.into(), &problem["oldest"]), "{after}");
        assert_eq!([seq_of(&events.next_of("article")), seq_of(&events.next_of("article"))], [5, 6]);
    }
    // Whoever has had what is gone misses nothing.
    assert_eq!(seqs(&stream(at, "after=4")), [5, 6]);
    assert_eq!(seqs(&stream(at, "limit=10")), [5, 6]);

    // The feed still lists all of it, and what comes next is what is new.
    serve(&tarpit, 7);
    let next = stream(at, "after=6&wait=60");
    assert_eq!((seqs(&next), &next["articles"][0]["guid"]), (vec![7], &"a-6".into()));
    assert_eq!(seqs(&stream(at, &format!("after={}&wait=0", cursor(&next)))), [0; 0]);
    assert_eq!(db.articles(), 3);
    db.assert_whole();
    assert_eq!(get(at, "/feeds/a").json()["article_count"], 3);
    daemon.assert_running("the end");
}

#[test]
fn what_goes_while_clients_are_served_leaves_the_ring_too() {
    let tarpit = tarpit();
    serve(&tarpit, 6);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]).daemon("retention = \"1h\""));
    let (mut daemon, at) = start(&home, 6);
    let mut events = Events::open(at, "after=4", "");
    assert_eq!([seq_of(&events.next_of("article")), seq_of(&events.next_of("article"))], [5, 6]);
    let db = Connection::open(home.db_path()).expect("it may be read and written beside the daemon");
    db.busy_timeout(HANG_GUARD).expect("a time that fits");
    db.execute("UPDATE article SET fetched_at = 0 WHERE seq <= 4", []).expect("a write");
    daemon.wait_for("what is old to go", |_| get(at, "/news/stream?after=3").status == 410);
    assert_eq!(seqs(&stream(at, "after=4")), [5, 6]);
    // Whoever is at the tip notices nothing.
    serve(&tarpit, 7);
    assert_eq!(seq_of(&events.next_of("article")), 7);
}

#[test]
fn without_retention_everything_is_kept() {
    let tarpit = tarpit();
    let home = aged(&tarpit);
    home.subscribe(&subscribed(&tarpit, &[("a", "")]));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    serve(&tarpit, 7);
    assert_eq!(seqs(&stream(at, "after=6&wait=60")), [7]);
    assert_eq!(home.db().articles(), 7);
}
