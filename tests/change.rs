//! What clients see of an article that its publisher changes, and of a feed whose guids mean nothing.

use std::net::SocketAddr;

use rssd::tarpit::{Answer, Tarpit};

use crate::stream::{seqs, start, stream, subscribed};
use crate::support::http::{Events, get, get_with};
use crate::support::{Home, tarpit, until};

const ARTICLES: usize = 6;

/// Serves a document whose guids and texts are made of the article's number.
fn serve(tarpit: &Tarpit, guid: impl Fn(usize) -> String, text: impl Fn(usize) -> String) {
    let item = |n| {
        let (guid, text) = (guid(n), text(n));
        format!(
            "<item><guid isPermaLink=\"false\">{guid}</guid><link>http://a.example/{n}</link><title>Title {n}</title>\
             <description>{text}</description></item>"
        )
    };
    let items: String = (0..ARTICLES).map(item).collect();
    let document = format!("<rss version=\"2.0\"><channel><title>A feed</title>{items}</channel></rss>");
    tarpit.route("a.localhost", "/feed", Answer::ok("application/rss+xml", document));
}

fn found(at: SocketAddr, word: &str) -> Vec<i64> {
    seqs(&get(at, &format!("/articles?q={word}")).json())
}

#[test]
fn a_changed_article_is_delivered_again_and_found_by_its_new_text_alone() {
    let tarpit = tarpit();
    let guid = |n: usize| format!("guid-{n}");
    serve(&tarpit, guid, |n| format!("formerly{n}"));
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (daemon, at) = start(&home, 6);
    let of_four = stream(at, "after=0")["articles"][1].clone();
    until("search to have caught up", || (found(at, "formerly4") == [2]).then_some(()));
    let mut events = Events::open(at, "after=6", "");
    serve(&tarpit, guid, |n| if n == 4 { "nowadays".to_owned() } else { format!(" formerly{n}\n") });
    let article = events.next_of("article").json();
    assert_eq!((&article["seq"], &article["op"], &article["guid"]), (&7.into(), &"updated".into(), &"guid-4".into()));
    assert_eq!((&article["id"], &article["summary"]), (&of_four["id"], &"nowadays".into()));
    assert_ne!(article["fetched"], of_four["fetched"]);
    assert_eq!(stream(at, "after=0")["articles"].as_array().map(Vec::len), Some(ARTICLES));
    until("search to have caught up", || (found(at, "nowadays") == [7]).then_some(()));
    assert_eq!((found(at, "formerly4"), found(at, "formerly3")), (vec![], vec![3]));
    drop(daemon);
    home.db().assert_whole();
}

#[test]
fn a_feed_whose_guids_change_at_each_poll_is_flagged_and_floods_nobody() {
    let tarpit = tarpit();
    serve(&tarpit, |n| format!("first-{n}"), |n| format!("text {n}"));
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (mut daemon, at) = start(&home, 6);
    assert_eq!(get(at, "/feeds/a").json()["keys"], "guid");
    let db = home.db();
    for round in 0..3 {
        let polls = db.polls_of("a");
        serve(&tarpit, |n| format!("{round}-{n}"), |n| format!("text {n}"));
        daemon.wait_for("two polls more", |_| db.polls_of("a") > polls + 1);
    }
    assert_eq!((db.articles(), db.one::<i64>("SELECT seq_last FROM meta")), (6, 6));
    assert_eq!(get(at, "/feeds/a").json()["keys"], "link");
    let page = get_with(at, "/feeds/a", "Accept: text/html\r\n");
    assert!(page.text().contains("their links, since the feed’s guids mean nothing"), "{}", page.text());
    daemon.wait_for_lines("feed a: 6 known articles came under new guids", 1);
    assert_eq!(daemon.count_lines("came under new guids"), 1);
}
