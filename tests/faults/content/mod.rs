//! C. Content: what a document can do to whoever reads it, and to whoever reads what came of it.
//!
//! Each shape of a fault is a document of a feed of its own, so that one daemon meets all of them at once.

mod bytes;
mod hostile;
mod identity;
mod killers;
mod panic;
mod values;

use rssd::tarpit::Answer;

use super::scene::Scene;
use super::table::Row;
use crate::support::Db;

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 28,
        fault: "billion laughs, external entities",
        tests: &["row_28_entities_are_neither_expanded_nor_fetched"],
    },
    Row {
        number: 29,
        fault: "nested elements, media:group, itunes:category, xml:base",
        tests: &["row_29_what_nests_is_too_deep_at_once"],
    },
    Row {
        number: 30,
        fault: "MediaRSS cross product, attributes and namespaces without end on a tag",
        tests: &["row_30_what_multiplies_is_too_complex_in_bounded_memory"],
    },
    Row {
        number: 31,
        fault: "a duration of 30 digits, full-width digits, a full-width e-mail address as author",
        tests: &["row_31_odd_values_cost_themselves_and_not_the_article"],
    },
    Row {
        number: 32,
        fault: "200,000 entries, a title of 8 MB, a guid of 1 MB",
        tests: &[
            "row_32_what_is_too_much_is_cut_and_told_and_the_rest_kept",
            "row_32_too_many_entries_are_capped_and_counted",
            "row_32_long_values_are_cut",
        ],
    },
    Row {
        number: 33,
        fault: "control characters, invalid UTF-8, encodings that disagree, UTF-16, mixed encodings",
        tests: &["row_33_any_encoding_is_readable_text_by_the_order_of_belief"],
    },
    Row {
        number: 34,
        fault: "bare ampersands, HTML entities, unclosed tags, junk around, truncation, no version",
        tests: &["row_34_damage_is_repaired_and_counted_and_what_was_whole_is_kept"],
    },
    Row {
        number: 35,
        fault: "guids: twice in a document, new on every poll, missing, the same in two feeds",
        tests: &["row_35_guids_of_every_kind_make_one_row_an_article"],
    },
    Row {
        number: 36,
        fault: "dates out of reason, without a zone, with a zone's name, with other languages' months",
        tests: &["row_36_dates_are_sane_or_null_and_order_nothing"],
    },
    Row {
        number: 37,
        fault: "the same entries shuffled; an entry edited 1,000 times",
        tests: &[
            "row_37_shuffled_entries_are_nothing_new_and_revisions_end",
            "row_37_a_thousand_edits_are_as_many_revisions_as_there_may_be",
        ],
    },
    Row {
        number: 38,
        fault: "HTML and script in titles, javascript: links, data: images",
        tests: &["row_38_markup_is_stored_as_text_and_served_harmless"],
    },
    Row {
        number: 39,
        fault: "terminal escapes, bidi overrides, CRLF and the start of an event in a title",
        tests: &["row_39_escapes_reach_nobody_unescaped"],
    },
    Row {
        number: 40,
        fault: "a JSON Feed 100,000 deep, 1e999, a byte order mark, integer ids",
        tests: &["row_40_odd_json_is_understood_or_refused"],
    },
    Row {
        number: 41,
        fault: "a PNG, a zip of 50 MB, HTML with feed words",
        tests: &["row_41_what_is_no_feed_is_refused_quickly"],
    },
    Row { number: 42, fault: "hostile xml:base", tests: &["row_42_links_are_http_whatever_their_base"] },
    Row {
        number: 43,
        fault: "a parser panic of unknown kind",
        tests: &["row_43_a_panic_fails_its_poll_and_the_body_is_not_read_again"],
    },
];

/// A debug build takes seconds for a document of several megabytes, in which its core polls nothing else: there such a
/// document is a twentieth of what the row says. Beside the parser all of them are parsed in full.
const SCALE: usize = if cfg!(debug_assertions) { 20 } else { 1 };

const RSS: &str = "application/rss+xml";

/// A feed that is due again after a second, the least there is.
const EVERY_SECOND: &str = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";

/// A document, and the name of the feed that serves it.
struct Shape {
    name: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Shape {
    fn new(name: &'static str, content_type: &'static str, body: impl Into<Vec<u8>>) -> Shape {
        Shape { name, content_type, body: body.into() }
    }

    fn xml(name: &'static str, body: impl Into<Vec<u8>>) -> Shape {
        Shape::new(name, RSS, body)
    }

    /// RSS around these items.
    fn rss(name: &'static str, items: &str) -> Shape {
        Shape::xml(name, rss(items))
    }
}

/// RSS around these items, with the namespaces that feeds use.
fn rss(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <channel><title>Shape</title>{items}</channel></rss>\n"
    )
}

fn atom(entries: &str) -> String {
    format!("<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>Shape</title><id>shape</id>{entries}</feed>")
}

fn host(name: &str) -> String {
    format!("{name}.localhost")
}

/// Serves each under a host of its own, subscribes to all, and waits until each was polled.
fn poll_each(scene: &mut Scene, shapes: &[Shape], lines: &str) {
    for Shape { name, content_type, body } in shapes {
        scene.tarpit.route(&host(name), "/feed", Answer::ok(content_type, body));
    }
    let names: Vec<&str> = shapes.iter().map(|shape| shape.name).collect();
    subscribe(scene, &names, lines);
}

/// Subscribes to feeds that are served already, and waits until each was polled.
fn subscribe(scene: &mut Scene, names: &[&str], lines: &str) {
    scene.subscribe(|tarpit, feeds| {
        names.iter().fold(feeds, |feeds, name| feeds.feed_with(name, tarpit.url(&host(name), "/feed"), lines))
    });
    for name in names {
        scene.wait_for_polls(name, 1);
    }
}

/// The outcome of a feed's last poll, what was wrong, and what it took to read the document.
fn outcome(db: &Db, feed: &str) -> (String, String, i64) {
    let sql = format!(
        "SELECT outcome, coalesce(error, ''), coalesce(parse_ms, 0) FROM fetch_log JOIN feed ON feed.id = feed_id \
         WHERE name = '{feed}' ORDER BY poll DESC LIMIT 1"
    );
    db.list(&sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .pop()
        .unwrap_or_else(|| panic!("{feed} has no poll"))
}

/// One column of a feed's articles, in the order of the stream.
fn column<T: rusqlite::types::FromSql>(db: &Db, column: &str, feed: &str) -> Vec<T> {
    let sql =
        format!("SELECT {column} FROM article JOIN feed ON feed.id = feed_id WHERE feed.name = '{feed}' ORDER BY seq");
    db.list(&sql, |row| row.get(0))
}

fn titles(db: &Db, feed: &str) -> Vec<String> {
    column(db, "coalesce(article.title, '')", feed)
}

/// What was repaired in a feed's last document, as it is told.
fn repaired(db: &Db, feed: &str) -> String {
    db.one(&format!("SELECT repaired FROM feed WHERE name = '{feed}'"))
}
