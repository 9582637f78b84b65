//! What holds whatever comes: a function a boundary that takes any bytes and panics where a promise is broken.
//!
//! cargo-fuzz asks them with what it makes up (`tests/fuzz`), and a test here with the inputs that are kept, so that no
//! target rots unseen. They stand beside what they ask (`fuzz.rs` of each folder), since most of that is private. None of it
//! is in the program.

use std::time::Duration;

use crate::clock::Clock;

mod input;

pub(crate) use input::Input;

/// What any bytes can be given to.
pub type Target = fn(&[u8]);

/// By the names of `tests/fuzz/fuzz_targets` and of the folders in `tests/fuzz/seeds`.
pub const TARGETS: [(&str, Target); 13] = [
    ("address", address),
    ("config", config),
    ("cursor", cursor),
    ("dates", dates),
    ("decode", decode),
    ("document", document),
    ("escape", escape),
    ("event_stream", event_stream),
    ("html", html),
    ("opml", opml),
    ("repair", repair),
    ("request", request),
    ("search", search),
];

/// The address guard: addresses, hosts of URLs, redirects.
pub fn address(bytes: &[u8]) {
    crate::fetch::fuzz::address(bytes);
}

/// feeds.toml.
pub fn config(bytes: &[u8]) {
    crate::config::fuzz::config(bytes);
}

/// What a client resumes from.
pub fn cursor(bytes: &[u8]) {
    crate::stream::fuzz::cursor(bytes);
}

/// Dates of documents and of headers.
pub fn dates(bytes: &[u8]) {
    crate::parse::fuzz::dates(bytes);
    crate::fetch::fuzz::dates(bytes);
}

/// Content codings.
pub fn decode(bytes: &[u8]) {
    crate::fetch::fuzz::decode(bytes);
}

/// Bytes and a content type to articles: charset, gate, feed-rs, repair, and what is kept.
pub fn document(bytes: &[u8]) {
    crate::parse::fuzz::document(bytes);
}

/// Texts of feeds on terminals, in logs, metrics, pages, XML, JSON and TOML.
pub fn escape(bytes: &[u8]) {
    crate::wire::fuzz::escape(bytes);
    crate::http::fuzz::escape(bytes);
    crate::cli::fuzz::escape(bytes);
}

/// Frames of the stream, read back by the client.
pub fn event_stream(bytes: &[u8]) {
    crate::cli::fuzz::event_stream(bytes);
}

/// HTML of articles, made safe.
pub fn html(bytes: &[u8]) {
    crate::wire::fuzz::html(bytes);
}

/// Subscriptions of other readers.
pub fn opml(bytes: &[u8]) {
    crate::cli::fuzz::opml(bytes);
}

/// The repair on its own: any text to a document that its reader takes.
pub fn repair(bytes: &[u8]) {
    crate::parse::fuzz::repair(bytes);
}

/// A client's bytes, through hyper's parser, to the gatekeeper and the parameters.
pub fn request(bytes: &[u8]) {
    crate::http::fuzz::request(bytes);
}

/// What a person typed, as a full-text query.
pub fn search(bytes: &[u8]) {
    crate::store::fuzz::search(bytes);
}

/// Runs `task`, which must not take longer than that: a machine that is busy is given two more tries.
pub(crate) fn within<R>(limit: Duration, what: &str, task: impl Fn() -> R) -> R {
    let mut least = Duration::MAX;
    for _ in 0..3 {
        let begun = Clock::monotonic();
        let outcome = task();
        least = least.min(Clock::monotonic().duration_since(begun));
        if least <= limit {
            return outcome;
        }
    }
    panic!("{what} took {least:?}, three times over {limit:?}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::panic;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap())).collect()
    }

    /// Also the inputs that once broke a promise: they are kept like any other.
    #[test]
    fn every_input_that_is_kept_keeps_every_promise() {
        let mut broken = Vec::new();
        for (name, target) in TARGETS {
            let mut inputs: Vec<_> = fs::read_dir(folder("seeds").join(name)).unwrap().flatten().collect();
            inputs.sort_by_key(fs::DirEntry::path);
            assert!(inputs.len() >= 3, "{name} has {} inputs", inputs.len());
            target(b"");
            for input in inputs {
                let bytes = fs::read(input.path()).unwrap();
                if panic::catch_unwind(|| target(&bytes)).is_err() {
                    broken.push(format!("{name}/{}", input.file_name().to_string_lossy()));
                }
            }
        }
        assert_eq!(broken, [""; 0]);
    }

    #[test]
    fn every_target_is_fuzzed() {
        let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, names(&folder("fuzz_targets")));
        assert_eq!(known, names(&folder("seeds")));
        let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
        for name in known {
            assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
        }
    }

    #[test]
    #[should_panic(expected = "three times")]
    fn what_takes_too_long_is_told() {
        within(Duration::ZERO, "counting", || (0..1_000).map(std::hint::black_box).sum::<u64>());
    }
}
