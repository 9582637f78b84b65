//! Scenarios that are feeds as they should be, or nearly.

use super::document::{Feed, Format, http_date};
use super::{Call, Scenario, Via};
use crate::tarpit::answer::{Answer, Coding};
use crate::tarpit::step::Step;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy",
        does: "a good feed, RSS, Atom, RDF or JSON by its number; articles=30, kib= (size of the document), \
               format=rss|atom|rdf|json, coding=gzip|br|deflate",
        via: Via::Path(healthy),
    },
    Scenario {
        name: "growing",
        does: "one more article at each request, or every= seconds; articles=10 at first",
        via: Via::Path(growing),
    },
    Scenario {
        name: "changing-guids",
        does: "the same articles with other guids at each request",
        via: Via::Path(changing_guids),
    },
    Scenario { name: "shuffled", does: "the same articles in another order at each request", via: Via::Path(shuffled) },
];

/// Articles of a growing feed that are still shown.
const GROWING_SHOWN: u64 = 100;

fn healthy(call: &Call) -> Vec<Step> {
    let articles = call.param("articles", 30);
    let kib = call.param("kib", 0);
    let content_bytes = usize::try_from(kib * 1024 / articles.max(1)).unwrap_or(0).saturating_sub(MARKUP_BYTES);
    let feed = Feed::numbered(&title(call, "Healthy"), &site(call, "healthy"), 0, articles, content_bytes);
    vec![Step::Answer(coded(call, answer(call, &feed, &format!("{articles}-{kib}"))))]
}

/// What an article takes beside its content, about.
const MARKUP_BYTES: usize = 240;

fn growing(call: &Call) -> Vec<Step> {
    let grown = match call.param("every", 0) {
        0 => call.requests_before(),
        seconds => call.seconds_since_start() / seconds,
    };
    let end = call.param("articles", 10) + grown;
    let first = end.saturating_sub(GROWING_SHOWN);
    let feed = Feed::numbered(&title(call, "Growing"), &site(call, "growing"), first, end, 200);
    vec![Step::Answer(answer(call, &feed, &end.to_string()))]
}

fn changing_guids(call: &Call) -> Vec<Step> {
    let round = call.requests_before();
    let mut feed =
        Feed::numbered(&title(call, "Changing"), &site(call, "changing-guids"), 0, call.param("articles", 20), 100);
    for article in &mut feed.articles {
        article.guid = format!("{}#{round}", article.guid);
    }
    vec![Step::Answer(answer(call, &feed, &round.to_string()))]
}

fn shuffled(call: &Call) -> Vec<Step> {
    let round = call.requests_before();
    let mut feed =
        Feed::numbered(&title(call, "Shuffled"), &site(call, "shuffled"), 0, call.param("articles", 20), 100);
    let places = feed.articles.len().max(1);
    feed.articles.rotate_left(usize::try_from(round).unwrap_or(0) % places);
    vec![Step::Answer(answer(call, &feed, &round.to_string()))]
}

/// A feed as an answer with validators that change with `version`.
fn answer(call: &Call, feed: &Feed, version: &str) -> Answer {
    let format = Format::choose(call.number, call.head.param("format").as_deref());
    Answer::ok(format.content_type(), feed.write(format))
        .etag(format!("\"{}-{version}\"", call.number))
        .last_modified(http_date(feed.updated()))
}

fn coded(call: &Call, answer: Answer) -> Answer {
    match call.head.param("coding").as_deref() {
        Some("gzip") => answer.coded(Coding::Gzip),
        Some("br") => answer.coded(Coding::Br),
        Some("deflate") => answer.coded(Coding::Deflate),
        _ => answer,
    }
}

pub(super) fn title(call: &Call, temper: &str) -> String {
    format!("{temper} feed {}", call.number)
}

/// Where a feed's articles are said to be: another place for each feed, whatever host it is fetched from.
pub(super) fn site(call: &Call, name: &str) -> String {
    format!("http://{name}-{}.localhost", call.number)
}

/// A small good feed for scenarios that spoil something else than its content.
pub(super) fn small(call: &Call, name: &str) -> String {
    Feed::numbered(&title(call, name), &site(call, name), 0, 5, 100).write(Format::Rss)
}
