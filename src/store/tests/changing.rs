//! What becomes of an article that its document shows again: the same, changed, or under another key.

use super::*;
use crate::limits::REVISIONS_MAX;

const HOUR: i64 = 3_600_000;

fn updated(updated_count: usize) -> Stored {
    Stored { updated_count, ..Stored::default() }
}

/// A fixture with one feed, and its id.
fn start() -> (Fixture, Running, i64) {
    let f = Fixture::new();
    let running = f.start();
    let id = running.register(&["a"])[0].id;
    (f, running, id)
}

/// `seq revision title` of all articles.
fn stream(f: &Fixture) -> Vec<String> {
    column(&f.outside(), "SELECT seq || ' ' || revision || ' ' || coalesce(title, '-') FROM article ORDER BY seq")
}

fn keys(f: &Fixture) -> Vec<String> {
    column(&f.outside(), "SELECT key FROM article ORDER BY seq")
}

#[test]
fn a_changed_article_takes_a_new_place_with_all_that_it_says() {
    let (f, running, id) = start();
    let items = [item("2", "2", "two", "x"), item("1", "1", "one", "x")];
    assert_eq!(running.store(document(id, &items)), Ok(new(2)));
    let ids = column::<i64>(&f.outside(), "SELECT id FROM article ORDER BY seq");
    // Neither white space nor what follows the reader is a change.
    let same =
        [item("2", "2?utm_source=rss", " two ", "x\n"), item("1", "1?fbclid=IwAR0&amp;gclid=1", "one", "&#160;x")];
    assert_eq!(running.store(document(id, &same)), Ok(new(0)));
    let changed = [item("2", "2", "two", "x"), item("1", "1", "one", "y<category>z</category>")];
    let later = Poll { at: Some(9_000), ..document(id, &changed) };
    assert_eq!(running.store(later.clone()), Ok(updated(1)));
    assert_eq!(running.store(later), Ok(new(0)));
    let told: Vec<_> = running.events.try_iter().collect();
    assert!(told.contains(&StoreEvent::Committed { seq_last: 3, article_count: 1 }), "{told:?}");
    assert_eq!(running.writer.handle().gauges().updated(), 1);
    running.stop().unwrap();

    assert_eq!(stream(&f), ["2 0 two", "3 1 one"]);
    let db = f.outside();
    assert_eq!(column::<i64>(&db, "SELECT id FROM article ORDER BY seq"), [ids[1], ids[0]]);
    assert_eq!(column::<i64>(&db, "SELECT fetched_at FROM article ORDER BY seq"), [1_007, 9_007]);
    assert_eq!(column::<i64>(&db, "SELECT article_count FROM feed"), [2]);
    assert_eq!(f.summary().seq_last, 3);
}

#[test]
fn shuffled_shrunk_and_grown_documents_change_nothing_that_is_stored() {
    let (f, running, id) = start();
    let items: Vec<String> = (0..20).map(|n| item(&n.to_string(), &n.to_string(), "t", "x")).collect();
    running.store(document(id, &items)).unwrap();
    let before = stream(&f);
    for n in 1..20 {
        let mut shown = items.clone();
        shown.rotate_left(n);
        shown.truncate(n);
        assert_eq!(running.store(document(id, &shown)), Ok(new(0)), "{n}");
    }
    running.stop().unwrap();
    assert_eq!(stream(&f), before);
}

#[test]
fn without_updates_an_article_changes_in_its_place_and_search_knows() {
    let (f, running, id) = start();
    let silent = |content: &str| Poll { silent: true, ..document(id, &[item("1", "1", "t", content)]) };
    running.store(silent("former")).unwrap();
    let readers = Readers::start(&f.path(), 1).unwrap();
    let found = |word: &'static str| {
        let asked = readers.handle().ask(move |queries| queries.search(word, &Filter::default(), None, 10));
        block_on(asked).unwrap().unwrap().articles.len()
    };
    // Before and after it was indexed.
    assert_eq!(running.store(silent("second")), Ok(new(0)));
    super::searching::until_indexed(&running);
    assert_eq!((found("former"), found("second"), found("third")), (0, 1, 0));
    assert_eq!(running.store(silent("third")), Ok(new(0)));
    super::searching::until_indexed(&running);
    assert_eq!((found("former"), found("second"), found("third")), (0, 0, 1));
    assert!(readers.stop(Clock::monotonic() + HANG));
    running.stop().unwrap();
    assert_eq!(stream(&f), ["1 0 t"]);
    assert_eq!(column::<i64>(&f.outside(), "SELECT fetched_at FROM article"), [1_007]);
    assert_eq!(f.summary().seq_last, 1);
}

#[test]
fn row_37_a_thousand_edits_are_as_many_revisions_as_there_may_be() {
    let (f, running, id) = start();
    for n in 0..1_000 {
        running.store(document(id, &[item("1", "1", &n.to_string(), "x")])).unwrap();
    }
    running.stop().unwrap();
    assert_eq!(stream(&f), [format!("{} {REVISIONS_MAX} {REVISIONS_MAX}", REVISIONS_MAX + 1)]);
}

#[test]
fn a_document_that_flips_between_two_versions_is_delivered_once_for_each() {
    let (f, running, id) = start();
    let show = |title: &str, hour: i64| Poll { at: Some(hour * HOUR), ..document(id, &[item("1", "1", title, "x")]) };
    for hour in 0..200 {
        let title = if hour % 2 == 0 { "a" } else { "b" };
        running.store(show(title, hour)).unwrap();
    }
    assert_eq!(stream(&f), ["2 1 b"]);
    // The publisher settles for the first: a day later it is taken, and not before.
    for hour in 200..=224 {
        assert_eq!(running.store(show("a", hour)), Ok(updated(usize::from(hour == 224))), "{hour}");
    }
    running.stop().unwrap();
    assert_eq!(stream(&f), ["3 2 a"]);
}

#[test]
fn an_article_from_before_there_were_hashes_is_no_update() {
    let (f, running, id) = start();
    let show = |title: &str| document(id, &[item("1", "1", title, "x")]);
    running.store(show("a")).unwrap();
    f.outside().execute("DELETE FROM article_version", []).unwrap();
    assert_eq!(running.store(show("a, as another version parses it")), Ok(new(0)));
    assert_eq!(running.store(show("b")), Ok(updated(1)));
    running.stop().unwrap();
    assert_eq!(stream(&f), ["2 1 b"]);
}

#[test]
fn guids_that_change_at_each_poll_bring_nothing_again() {
    let (f, running, id) = start();
    let show = |round: usize, articles: std::ops::Range<usize>| {
        let one = |n: usize| item(&format!("{round}-{n}"), &n.to_string(), &format!("title {n}"), "x");
        document(id, &articles.map(one).collect::<Vec<_>>())
    };
    assert_eq!(running.store(show(0, 0..10)), Ok(new(10)));
    let verdict = Some(Verdict::Renamed(8));
    // Two have left, and three are new.
    assert_eq!(running.store(show(1, 2..13)), Ok(Stored { verdict, ..new(3) }));
    for round in 2..20 {
        assert_eq!(running.store(show(round, 0..13)), Ok(new(0)), "{round}");
    }
    assert_eq!(running.store(show(20, 10..14)), Ok(new(1)));
    running.stop().unwrap();
    let db = f.outside();
    assert_eq!(column::<i64>(&db, "SELECT count(*) FROM article WHERE key LIKE 'link:%'"), [14]);
    assert_eq!(column::<String>(&db, "SELECT key_by FROM feed"), ["link"]);
    assert_eq!(column::<i64>(&db, "SELECT article_count FROM feed"), [14]);
}

#[test]
fn one_guid_for_whatever_stands_in_a_feed_of_one_article_is_seen_through() {
    let (f, running, id) = start();
    let show = |link: &str, title: &str, text: &str| document(id, &[item("constant", link, title, text)]);
    running.store(show("monday", "Monday", "x")).unwrap();
    // A new headline is a change, and so is a new link.
    assert_eq!(running.store(show("monday", "A Monday", "x")), Ok(updated(1)));
    let verdict = Some(Verdict::Reused);
    assert_eq!(running.store(show("tuesday", "Tuesday", "x")), Ok(Stored { verdict, ..new(1) }));
    assert_eq!(running.store(show("tuesday", "Tuesday", "x")), Ok(new(0)));
    assert_eq!(running.store(show("tuesday", "Tuesday", "y")), Ok(updated(1)));
    assert_eq!(running.store(show("wednesday", "Wednesday", "y")), Ok(new(1)));
    running.stop().unwrap();
    assert_eq!(stream(&f), ["2 1 A Monday", "4 1 Tuesday", "5 0 Wednesday"]);
    assert_eq!(keys(&f)[0], "link://example.org/monday");
}

#[test]
fn an_article_is_found_under_what_its_document_said_of_it_before() {
    let (f, running, id) = start();
    let plain = |items: [String; 2]| document(id, &items);
    assert_eq!(running.store(plain([item("", "1", "one", "x"), item("", "", "two", "x")])), Ok(new(2)));
    // Its publisher has learned of guids.
    assert_eq!(running.store(plain([item("g1", "1", "one", "x"), item("g2", "", "two", "x")])), Ok(new(0)));
    // Two that share a link are two, and one of them is the one that was known.
    let shared = [item("g1", "1", "one", "x"), item("g3", "1", "one", "x")];
    assert_eq!(running.store(plain(shared.clone())), Ok(new(1)));
    assert_eq!(running.store(plain(shared)), Ok(new(0)));
    // A guid that was one article's alone, and is now carried by two.
    assert_eq!(running.store(plain([item("g5", "5", "five", "x"), item("g6", "6", "six", "x")])), Ok(new(2)));
    assert_eq!(running.store(plain([item("g5", "5", "five", "x"), item("g5", "7", "seven", "x")])), Ok(new(1)));
    running.stop().unwrap();
    assert_eq!(f.summary().articles, 6);
}

#[test]
fn a_first_poll_may_leave_most_of_its_document_out_for_good() {
    let (f, running, id) = start();
    let show = |articles: std::ops::Range<usize>| {
        let items: Vec<String> =
            articles.rev().map(|n| item(&format!("g{n}"), &n.to_string(), &n.to_string(), "x")).collect();
        Poll { initial_max: Some(3), ..document(id, &items) }
    };
    assert_eq!(running.store(show(0..50)), Ok(new(3)));
    assert_eq!(stream(&f), ["1 0 47", "2 0 48", "3 0 49"]);
    assert_eq!(running.store(show(0..55)), Ok(new(5)));
    assert_eq!(running.store(show(0..55)), Ok(new(0)));
    running.stop().unwrap();
    assert_eq!(f.summary().articles, 8);
}
