//! Files as a whole: very many feeds, very many mistakes, junk, and the sample.

use super::*;

#[test]
fn a_flood_of_mistakes_is_counted_and_not_kept() {
    let text = "[[feed]]\n".repeat(crate::limits::MISTAKES_MAX + 5);
    let mistakes = parse(&text, "f.toml").unwrap_err();
    assert_eq!(mistakes.count(), crate::limits::MISTAKES_MAX + 5);
    assert_eq!(mistakes.iter().count(), crate::limits::MISTAKES_MAX);
    assert!(mistakes.to_string().ends_with("\n5 more mistakes are not listed; mend these first"));
    assert!(
        mistakes.summary().starts_with("10005 mistakes, all of them told by `rssd check`; the first: f.toml:1:1: ")
    );
    // Not TOML at all, and larger than is recovered from: one mistake, and not millions in memory.
    let text = "a\n".repeat(crate::limits::CONFIG_RECOVER_BYTES_MAX);
    assert_eq!(parse(&text, "f.toml").unwrap_err().count(), 1);
}

/// As many feeds as somebody may have, in the spelling of the contract.
fn many(feeds: usize) -> String {
    let feed = |i: usize| {
        format!(
            "[[feed]]\nname = \"feed-{i}\"\nurl = \"https://host-{}.example/{i}/rss.xml\"\nlabels = {{ category = \"world\" }}\n",
            i % 997
        )
    };
    (0..feeds).map(feed).collect()
}

#[test]
fn a_hundred_thousand_feeds_are_fine() {
    for feeds in [10_000, 100_000] {
        let text = many(feeds);
        let since = crate::clock::Clock::monotonic();
        let config = good(&text);
        println!("{feeds} feeds, {} KiB: {} ms", text.len() >> 10, crate::clock::Clock::elapsed_ms(since));
        assert_eq!(config.feeds.len(), feeds);
        assert_eq!(config.feeds[feeds - 1].name, format!("feed-{}", feeds - 1));
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    let sample = include_str!("../../../packaging/feeds.toml").replace("\n#", "\n");
    let seed = std::env::var("RSSD_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x5eed_u64);
    println!("RSSD_SEED={seed}");
    // Numerical Recipes' generator: enough to pick bytes with, and the same everywhere.
    let mut state = seed;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    const SIGNS: [&str; 16] =
        ["[", "]", "[[", "]]", "{", "}", "=", "'", "\"", ".", ",", "\n", "feed", "\u{0}", "é", "[[feed.x]]\n"];
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut text: Vec<char> = sample.chars().skip(next(sample.chars().count() - 400)).take(400).collect();
        for _ in 0..=next(6) {
            let at = next(text.len());
            match next(3) {
                0 => drop(text.remove(at)),
                1 => drop(text.splice(at..at, SIGNS[next(SIGNS.len())].chars())),
                _ => text.swap(at, next(400) % 300),
            }
        }
        let text: String = text.into_iter().collect();
        refused += usize::from(parse(&text, "f.toml").is_err());
    }
    assert!(refused > 1_000, "only {refused} of the mutated texts were refused");
}

#[test]
fn the_sample_is_right_and_shows_every_key() {
    let sample = include_str!("../../../packaging/feeds.toml");
    let config = good(sample);
    assert_eq!(config.feeds.len(), 26);
    let hosts: std::collections::HashSet<_> = config.feeds.iter().map(|feed| feed.url.host_str()).collect();
    assert!(hosts.len() >= 24, "{hosts:?}");
    // It has to start anywhere, whatever directory it is run in.
    assert_eq!((&config.daemon.db, &config.daemon.token_file), (&None, &None));

    let is_shown =
        |key: &str| sample.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{key} = ")));
    let keys = [suggest::Section::Daemon, suggest::Section::Feed].into_iter().flat_map(|section| section.keys());
    for key in keys.chain(["include"]) {
        assert!(is_shown(key), "the sample does not show {key}");
    }

    // What stands behind a `#` without a space is a key, and right as well.
    let whole = sample.replace("\n#include", "\n# include").replace("\n#", "\n").replace("\n ", "\n# ");
    let config = good(&whole);
    assert_eq!(config.feeds.len(), 28);
    assert!(config.feeds.iter().any(|feed| feed.bearer_file.is_some()));

    // What is not commented out is what is built in.
    let built_in = Feed::new("bbc-world", config.feeds[0].url.clone());
    let written = Feed { labels: BTreeMap::new(), ..config.feeds[0].clone() };
    assert_eq!(written, built_in);
}
