//! What reading a healthy feed costs, and the gate's part of it: `cargo bench --bench parse`.
//!
//! The feeds are made here, thirty articles and about 60 KB each. A figure is the best of many rounds, because the
//! other programs of a machine only ever add to one. Prints, and judges nothing: how fast a machine is is no test.
//! `-- gate` runs the gate alone for a while, for a profiler to look at.

mod feeds;

use std::hint::black_box;
use std::time::Duration;

use feed_rs::parser::Builder;
use rssd::clock::Clock;
use rssd::hot_paths;
use rssd::parse::{self, Source};
use url::Url;

use feeds::ARTICLES;

/// How long each figure is sought.
const SOUGHT: Duration = Duration::from_millis(1500);

fn main() {
    let base_url = Url::parse("https://example.org/feed").expect("a URL in the source is one");
    if std::env::args().any(|argument| argument == "gate") {
        for (_, text) in feeds::all() {
            best(|| black_box(hot_paths::gate(black_box(&text))));
        }
        return;
    }
    println!(
        "{:<10}{:>8}{:>14}{:>14}{:>14}{:>9}",
        "feed", "bytes", "gate MB/s", "feed-rs MB/s", "whole MB/s", "gate's"
    );
    for (name, text) in feeds::all() {
        let gate = best(|| black_box(hot_paths::gate(black_box(&text))));
        let feed_rs = best(|| {
            let parser = Builder::new().sanitize_content(false).id_generator(|_, _, _| String::new()).build();
            black_box(
                parser.parse(black_box(text.as_bytes())).expect("the feeds of this file are well-formed").entries.len(),
            )
        });
        let whole = best(|| {
            let source = Source {
                bytes: black_box(text.as_bytes()),
                content_type: None,
                base_url: &base_url,
                articles_max: 2000,
                now_ms: 2_000_000_000_000,
            };
            let document = parse::parse(&source).expect("the feeds of this file are well-formed");
            assert_eq!((document.articles.len(), document.repaired.len()), (ARTICLES, 0), "{name} is not healthy");
            black_box(document.articles.len())
        });
        let rate = |time: Duration| text.len() as f64 / time.as_secs_f64() / 1e6;
        let share = 100.0 * gate.as_secs_f64() / whole.as_secs_f64();
        println!(
            "{name:<10}{:>8}{:>14.0}{:>14.0}{:>14.0}{share:>8.1}%",
            text.len(),
            rate(gate),
            rate(feed_rs),
            rate(whole)
        );
    }
}

/// The shortest time that `work` took.
fn best<T>(mut work: impl FnMut() -> T) -> Duration {
    let started = Clock::monotonic();
    let mut best = Duration::MAX;
    while started.elapsed() < SOUGHT {
        let round = Clock::monotonic();
        work();
        best = best.min(round.elapsed());
    }
    best
}
