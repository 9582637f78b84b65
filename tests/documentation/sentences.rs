//! Exit codes, schemas, and the words that an operator looks for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rssd::store::Degraded;

use super::text::{Document, ROOT, documents, spans_in};
use crate::support::{Daemon, Home};

fn source(path: &str) -> String {
    let path = Path::new(ROOT).join(path);
    match path.is_dir() {
        true => fs::read_dir(&path)
            .expect("the house is there")
            .flatten()
            .map(|entry| fs::read_to_string(entry.path()).unwrap_or_default())
            .collect(),
        false => fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    }
}

fn operating() -> Document {
    Document::read("packaging/doc/operating.md")
}

/// The manual makes its own from the codes that the program leaves with.
#[test]
fn every_exit_code_is_told() {
    let mut command = Home::new().command();
    command.arg("man").current_dir(ROOT);
    let page = Daemon::spawn(command).wait().stdout;
    let (_, exits) = page.split_once("EXIT STATUS").expect("a heading of the manual");
    let exits = exits.split("\n.SH ").next().unwrap_or_default();
    let known: BTreeSet<String> =
        (exits.lines()).filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR")).map(str::to_owned).collect();
    assert!(known.len() > 5, "{known:?}");
    let mut tables = 0;
    for document in documents() {
        for rows in document.tables("exit code") {
            let told: BTreeSet<String> = rows.iter().map(|row| row[0].text.clone()).collect();
            assert_eq!(told, known, "{}", document.path.display());
            tables += 1;
        }
    }
    assert_eq!(tables, 2, "README.md and operating.md have one each");
}

#[test]
fn every_schema_has_its_line() {
    let entries = fs::read_dir(Path::new(ROOT).join("migrations")).expect("the house is there");
    let steps: Vec<String> = (1..=entries.count()).map(|number| number.to_string()).collect();
    let changes = Document::read("packaging/doc/changes.md");
    let told: Vec<String> = changes.first_cells("schema").into_iter().map(|cell| cell.text).collect();
    assert_eq!(told, steps);
    let newest = format!("\nSchema {}.", steps.last().expect("there is a first one"));
    assert!(source("packaging/doc/changes.md").contains(&newest), "the newest release names {newest:?}");
}

/// An operator looks for what the program says, so it has to say it so.
#[test]
fn what_is_quoted_is_what_the_program_says() {
    let health = ["src/http/health.rs", "src/store/remedy.rs", "src/watch/sight.rs"].map(source).concat();
    let doctor = ["src/cli/doctor", "src/cli/doctor/mod.rs"].map(source).concat();
    let http = ["src/http", "src/stream"].map(source).concat();
    let rules = source("src/schedule/rules.rs");
    let mut count = 0;
    for (heading, said) in [("reason", &health), ("line", &doctor), ("status", &http), ("rule that won", &rules)] {
        for cell in operating().first_cells(heading) {
            for words in spans_in(&cell.text) {
                assert!(said.contains(words), "{}: nothing says {words:?}", cell.at);
                count += 1;
            }
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn every_reason_and_every_rule_is_there() {
    let cells =
        |heading: &str| -> String { operating().first_cells(heading).into_iter().map(|cell| cell.text).collect() };
    let reasons = cells("reason");
    for degraded in [Degraded::Full, Degraded::Locked, Degraded::ReadOnly] {
        assert!(reasons.contains(degraded.reason()), "{degraded:?}");
    }
    let told = cells("rule that won");
    let rules = source("src/schedule/rules.rs");
    let names: Vec<&str> = (rules.lines())
        .filter_map(|line| line.trim().strip_prefix("Rule::")?.split_once(" => \"")?.1.strip_suffix("\","))
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(told.contains(&format!("`{name}`")), "the rule {name} is not told");
    }
}

#[test]
fn every_limit_that_is_named_is_one() {
    let limits = source("src/limits.rs");
    let is_constant = |name: &str| name.contains('_') && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    // Of the environment, and of the kernel.
    let is_ours = |name: &str| {
        let others = ["RSSD_", "RUST_", "CAP_"].iter().any(|prefix| name.starts_with(prefix));
        !others && !name.ends_with("DIRECTORY")
    };
    for span in documents().iter().flat_map(Document::spans) {
        if is_constant(&span.text) && is_ours(&span.text) {
            assert!(limits.contains(&format!("const {}:", span.text)), "{}: there is no {}", span.at, span.text);
        }
    }
}
