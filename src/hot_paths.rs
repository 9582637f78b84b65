//! The pure paths that every poll and every article takes, each alone, so that the benches can tell what one of them costs.
//! Nothing of the daemon calls them from here.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::article::{Article, Document};

use crate::parse::{self, Source, hot_paths};
use crate::schedule::{self, Answer, Cadence, Freshness, Outcome, Pace, State};
use crate::stream::{Epoch, Origin};
use crate::wire::{ArticleView, Html, Op, entry};

/// A path by its name, asked for so many rounds, with a document of which it takes what it needs. All that it needs is made
/// ready for [`ROUNDS_MAX`] rounds, however many are asked for: what two runs differ by is the rounds.
pub type HotPath = fn(&str, usize);

/// Rounds that may be asked for.
pub const ROUNDS_MAX: usize = 16;

/// What feeds.toml says where it says nothing.
const ARTICLES_MAX: usize = 2_000;

/// 2033-05-18
const NOW_MS: i64 = 2_000_000_000_000;

/// In the order in which a poll takes them.
pub const HOT_PATHS: [(&str, HotPath); 7] = [
    ("charset", charset),
    ("gate", |text, rounds| (0..rounds).for_each(|_| _ = black_box(gate(black_box(text))))),
    ("parse", |text, rounds| (0..rounds).for_each(|_| drop(black_box(read(black_box(text)))))),
    ("normalise", normalise),
    ("schedule", schedule),
    ("article_json", |text, rounds| serialise(text, rounds, |view, _| view.to_json(Html::Sanitised).len())),
    ("event", |text, rounds| {
        serialise(text, rounds, |view, origin| entry(view, Html::AsPublished, epoch(), origin.clone()).frame.len())
    }),
];

/// Whether feed-rs would be given the text as it stands.
pub fn gate(text: &str) -> bool {
    hot_paths::gate(text, ARTICLES_MAX)
}

/// The text in the charset that half of the old ones use, and then as it is.
fn charset(text: &str, rounds: usize) {
    let base_url = base_url();
    let latin: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
    let cases = [(&*latin, Some("text/xml; charset=windows-1252")), (text.as_bytes(), None)];
    for (bytes, content_type) in (0..rounds).flat_map(|_| cases) {
        black_box(hot_paths::charset(&Source { content_type, ..source(bytes, &base_url) }));
    }
}

fn normalise(text: &str, rounds: usize) {
    let base_url = base_url();
    let source = source(text.as_bytes(), &base_url);
    let ahead: Vec<_> = (0..ROUNDS_MAX).filter_map(|_| hot_paths::read_ahead(&source)).collect();
    for ahead in ahead.into_iter().take(rounds) {
        black_box(hot_paths::normalise(ahead, &source));
    }
}

/// After a poll that went well, and after one that failed.
fn schedule(_: &str, rounds: usize) {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let pace = Pace { interval: minutes(15), interval_min: minutes(5), interval_max: minutes(1_440) };
    let fine = Answer {
        outcome: Outcome::Fine,
        status: Some(200),
        is_own_host: true,
        retry_after: None,
        freshness: Some(Freshness::MaxAge(minutes(10))),
    };
    let failed =
        Answer { outcome: Outcome::Failed, status: Some(503), retry_after: Some(minutes(7)), freshness: None, ..fine };
    for round in 0..rounds {
        let seed = schedule::seed("a feed", round as u64);
        let state = State { seed, cadence: Some(Cadence::begin(NOW_MS)), ..State::default() };
        for answer in [&fine, &failed] {
            black_box(schedule::next(black_box(&pace), &state, answer, NOW_MS));
        }
    }
}

/// All articles of a document, one after the other.
fn serialise(text: &str, rounds: usize, shape: impl Fn(&ArticleView<'_>, &Arc<Origin>) -> usize) {
    let document = read(text).unwrap_or_default();
    let (labels, origin) = (BTreeMap::new(), Arc::default());
    let view = |article| view(article, &labels);
    let views: Vec<ArticleView<'_>> = document.articles.iter().map(view).collect();
    for _ in 0..rounds {
        for view in &views {
            black_box(shape(view, &origin));
        }
    }
}

fn view<'a>(article: &'a Article, labels: &'a BTreeMap<String, String>) -> ArticleView<'a> {
    ArticleView {
        seq: 1,
        id: 1,
        op: Op::New,
        feed: "a feed",
        labels,
        guid: article.guid.as_deref(),
        url: article.url.as_deref(),
        title: article.title.as_deref(),
        authors: &article.authors,
        summary: article.summary.as_deref(),
        content: article.content.as_deref(),
        image: article.image_url.as_deref(),
        enclosures: &article.enclosures,
        categories: &article.categories,
        language: article.language.as_deref(),
        published_at: article.published_at,
        updated_at: article.updated_at,
        fetched_at: NOW_MS,
        comments: article.comments_url.as_deref(),
    }
}

fn read(text: &str) -> Option<Document> {
    parse::parse(&source(text.as_bytes(), &base_url())).ok()
}

fn source<'a>(bytes: &'a [u8], base_url: &'a Url) -> Source<'a> {
    Source { bytes, content_type: None, base_url, articles_max: ARTICLES_MAX, now_ms: NOW_MS }
}

fn base_url() -> Url {
    Url::parse("https://example.org/feed").expect("a URL in the source is one")
}

fn epoch() -> Epoch {
    "0123456789abcdef".parse().expect("sixteen figures")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_takes_a_document() {
        let text =
            "<rss version=\"2.0\"><channel><title>t</title><item><guid>a</guid><title>A</title></item></channel></rss>";
        assert!(gate(text));
        assert!(hot_paths::read_ahead(&source(text.as_bytes(), &base_url())).is_some());
        HOT_PATHS.iter().for_each(|(_, path)| path(text, 2));
    }
}
