//! The rules of the house, checked by reading it: invariants that are stated as absences.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A file past this asks which two ideas share it.
const LINES_USUAL_MAX: usize = 400;
const LINES_MAX: usize = 600;

struct Source {
    /// From the top of the house, with slashes.
    path: String,
    text: String,
}

impl Source {
    /// Lines that are code and not comment, numbered from 1, up to the tests beside it.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        self.text[..end]
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_test(&self) -> bool {
        // What fuzzing asks, and the simulation, are in no program either.
        let is_fuzz = self.path.ends_with("/fuzz.rs") || self.path.starts_with("src/fuzzing");
        let is_test = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        let is_simulation = self.path.starts_with("src/simulation/");
        is_test || is_simulation || is_fuzz || self.path.starts_with("tests/")
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&Path::new(ROOT).join(folder), &mut found);
    let source = |path: PathBuf| Source {
        path: path.strip_prefix(ROOT).expect("it was found there").to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).unwrap_or_default(),
    };
    found.into_iter().map(source).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            // What cargo-fuzz builds lies beside what it builds it from.
            if !path.ends_with("target") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Where a text stands in code, but for the files that may hold it.
fn places(text: &str, may: &[&str]) -> Vec<String> {
    let sources = sources("src");
    assert!(sources.len() > 30, "the house was not found");
    let elsewhere =
        sources.iter().filter(|source| !source.is_test() && !may.iter().any(|may| source.path.starts_with(may)));
    elsewhere
        .flat_map(|source| {
            source
                .code()
                .filter(|(_, line)| line.contains(text))
                .map(|(at, line)| format!("{}:{at}: {}", source.path, line.trim()))
        })
        .collect()
}

#[test]
fn nothing_blocks_an_executor() {
    for text in
        ["spawn_blocking", "getaddrinfo", "to_socket_addrs", "thread::sleep", "TcpStream::connect(\"", "lookup_host"]
    {
        assert_eq!(places(text, &[]), [""; 0], "{text}");
    }
}

#[test]
fn time_has_one_source() {
    for text in ["Instant::now", "SystemTime::now", "Timestamp::now", "Utc::now", "Local::now"] {
        assert_eq!(places(text, &["src/clock.rs"]), [""; 0], "{text}");
    }
    assert!(!places("Instant::now", &[]).is_empty(), "what is looked for can be found");
}

#[test]
fn sql_stands_in_the_store() {
    for text in [
        "SELECT ",
        "INSERT INTO",
        "INSERT OR",
        "UPDATE feed",
        "UPDATE article",
        "DELETE FROM",
        "CREATE TABLE",
        "PRAGMA ",
        "rusqlite",
    ] {
        assert_eq!(places(text, &["src/store"]), [""; 0], "{text}");
    }
    assert!(!places("SELECT ", &[]).is_empty(), "what is looked for can be found");
}

#[test]
fn unsafe_code_stands_where_its_invariants_are_written_down() {
    // The fiber, stack capture, shared memory, descriptors handed over; signals of an executor's thread.
    let may = ["src/fetch/fiber.rs", "src/descriptor.rs", "src/machine.rs", "src/watch/"];
    for text in ["unsafe {", "unsafe impl", "unsafe fn", "unsafe extern", "allow(unsafe_code"] {
        assert_eq!(places(text, &may), [""; 0], "{text}");
    }
    for source in sources("src") {
        let blocks =
            source.code().filter(|(_, line)| line.contains("unsafe {") || line.contains("unsafe impl")).count();
        let reasons = source.text.matches("SAFETY:").count();
        assert!(reasons >= blocks, "{}: {blocks} unsafe blocks, {reasons} reasons", source.path);
    }
}

#[test]
fn nothing_runs_a_program() {
    for text in ["process::Command", "Command::new(\"", "libc::system", "execv"] {
        assert_eq!(places(text, &[]), [""; 0], "{text}");
    }
}

#[test]
fn each_place_has_one_function_that_escapes_for_it() {
    // HTML to HTML beside it, and the XML that feed-rs is given.
    let may = ["src/escape.rs", "src/sanitise/", "src/http/page/content.rs", "src/parse/repair/"];
    for text in ["\"&lt;\"", "\"&gt;\"", "\"&quot;\"", "\"&#39;\"", "\"&apos;\""] {
        assert_eq!(places(text, &may), [""; 0], "{text}");
    }
    assert!(!places("\"&lt;\"", &[]).is_empty(), "what is looked for can be found");
    for text in ["escape_unicode", "escape_debug", "escape_default"] {
        assert_eq!(places(text, &["src/escape.rs"]), [""; 0], "{text}");
    }
}

/// Texts reach a terminal by the commands and a log by `log`, which escapes; there is no third way.
#[test]
fn nothing_else_writes_to_the_terminal() {
    // Simulations, which are tests themselves.
    let simulations = ["src/core/manners/", "src/schedule/simulation.rs", "src/stream/model.rs"];
    for text in ["println!", "print!(", "eprint!("] {
        assert_eq!(places(text, &simulations), [""; 0], "{text}");
    }
    for text in ["stdout()", "stderr()"] {
        assert_eq!(places(text, &["src/cli/", "src/logging.rs"]), [""; 0], "{text}");
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let texts = ["Cargo.toml", "README.md", "deny.toml", "clippy.toml"].map(PathBuf::from);
    let documents = fs::read_dir(Path::new(ROOT).join("packaging/doc")).expect("the house is there").flatten();
    let documents = documents.map(|entry| Path::new("packaging/doc").join(entry.file_name()));
    let rest = texts.into_iter().chain(documents).map(|path| Source {
        text: fs::read_to_string(Path::new(ROOT).join(&path)).unwrap_or_default(),
        path: path.to_string_lossy().into_owned(),
    });
    // Written in two parts, so that this file is not its own finding.
    let machine = [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["/tmp/", "briefs"]].map(|parts| parts.concat());
    for source in sources("src").into_iter().chain(sources("tests")).chain(rest) {
        for (at, line) in source.text.lines().enumerate() {
            let named = machine.iter().find(|path| line.contains(path.as_str()));
            assert_eq!(named, None, "{}:{}: {line}", source.path, at + 1);
        }
    }
}

#[test]
fn the_top_level_is_what_it_should_be() {
    let may = ["Cargo.toml", "Cargo.lock", "src", "migrations", "tests", "packaging", "README.md"];
    // Of tools and not of the repository: what cargo builds and how it is told to.
    let tools = ["target", "clippy.toml", "rustfmt.toml", "deny.toml"];
    for entry in fs::read_dir(ROOT).expect("the house is there").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let allowed = name.starts_with('.') || may.contains(&name.as_str()) || tools.contains(&name.as_str());
        assert!(allowed, "{name} stands at the top level");
    }
}

#[test]
fn a_file_is_one_idea() {
    // A table with headings, and the one place where it is asked for: all limits.
    let is_table = |source: &Source| source.path == "src/limits.rs";
    for source in sources("src").into_iter().chain(sources("tests")).filter(|source| !is_table(source)) {
        let lines = source.text.lines().count();
        if lines > LINES_USUAL_MAX {
            println!("{} has {lines} lines: which two ideas share it?", source.path);
        }
        assert!(lines <= LINES_MAX, "{} has {lines} lines", source.path);
    }
}

#[test]
fn a_module_says_what_it_is_for() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let says = source.text.starts_with("//!") || source.text.starts_with("#![doc");
        let is_test = source.is_test() || source.text.trim().is_empty();
        assert!(says || is_test, "{} does not say what it is for", source.path);
    }
}
