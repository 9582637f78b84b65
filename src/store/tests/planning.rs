//! What the schedule keeps, and how its feeds are put off.

use super::*;

fn kept(running: &Running, feed: &str) -> (Option<i64>, Planning) {
    let state = &running.register(&["a", "b"]).into_iter().find(|record| record.name == feed).unwrap().state;
    (state.next_poll_at, state.planning.clone())
}

#[test]
fn the_cadence_that_is_kept_is_the_one_of_what_was_new() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a", "b"])[0].id;
    for (keys, expected) in [(&["1"][..], "new"), (&["1"], "quiet"), (&[], "quiet"), (&["1", "2"], "new")] {
        let mut poll = poll(id, keys);
        poll.state.planning.cadence = Some("quiet".into());
        poll.state.planning.cadence_if_new = Some("new".into());
        running.store(poll).unwrap();
        assert_eq!(kept(&running, "a").1.cadence.as_deref(), Some(expected), "{keys:?}");
    }
    let mut first = poll(id, &["3"]);
    first.state.planning.cadence = Some("begun".into());
    running.store(first).unwrap();
    assert_eq!(kept(&running, "a").1.cadence.as_deref(), Some("begun"), "where nothing else is to be kept");
}

#[test]
fn a_feed_that_is_put_off_comes_later_never_sooner_and_only_as_what_it_was() {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a", "b"])[0].id;
    let postponed = |next_poll_at: i64, url: &str| Postponed {
        feed_id: id,
        url: url.into(),
        next_poll_at,
        schedule: format!("until {next_poll_at}"),
    };
    let put_off = |feed: Postponed| {
        running.writer.handle().postpone(vec![feed]);
        // Behind it in the same queue.
        let (next_poll_at, planning) = kept(&running, "a");
        (next_poll_at, planning.schedule.unwrap_or_default())
    };
    assert_eq!(put_off(postponed(500, URL)), (Some(500), "until 500".into()), "never polled yet");
    assert_eq!(put_off(postponed(400, URL)), (Some(500), "until 500".into()));
    assert_eq!(put_off(postponed(900, "https://old.example/")), (Some(500), "until 500".into()));
    assert_eq!(put_off(postponed(900, URL)), (Some(900), "until 900".into()));
    let mut gone = poll(id, &[]);
    gone.state.planning.given_up_for = Some("these settings".into());
    running.store(gone).unwrap();
    assert_eq!(put_off(postponed(2_000, URL)), (None, String::new()), "it is given up");
    assert_eq!(kept(&running, "b").0, None, "another feed is another matter");
}
