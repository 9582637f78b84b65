//! Which tests show which row of the catalogue, and that none is without one.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use super::SECTIONS;

/// A fault, and the tests that show what comes of it.
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) fault: &'static str,
    pub(super) tests: &'static [&'static str],
}

/// What belongs together.
pub(super) struct Section {
    pub(super) numbers: RangeInclusive<u32>,
    pub(super) rows: &'static [&'static [Row]],
}

/// The catalogue has so many.
const ROWS: usize = 80;

fn rows() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().flat_map(|section| section.rows.iter().copied().flatten())
}

#[test]
fn every_row_has_its_tests() {
    for Section { numbers, rows } in SECTIONS {
        let mut told: Vec<u32> = rows.iter().copied().flatten().map(|row| row.number).collect();
        told.sort_unstable();
        assert_eq!(told, numbers.clone().collect::<Vec<_>>(), "rows of a section");
    }
    assert_eq!(rows().count(), ROWS);
    for row in rows() {
        assert!(!row.tests.is_empty(), "row {} ({}) has no test", row.number, row.fault);
    }
}

#[test]
fn every_test_of_the_table_is_there_and_every_one_that_is_there_is_in_the_table() {
    let told: BTreeSet<String> = rows().flat_map(|row| row.tests).map(|name| (*name).to_owned()).collect();
    for row in rows() {
        let number = format!("row_{:02}_", row.number);
        let strange = row.tests.iter().find(|test| !test.starts_with(&number));
        assert_eq!(strange, None, "a test of row {} begins with {number}", row.number);
    }
    let mut found = BTreeSet::new();
    for folder in ["tests/faults", "src"] {
        tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert_eq!(told, found, "told by the table, and found");
}

/// Names of functions that are tests of a row.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the house is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("the house can be read");
            let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn row_"));
            found.extend(functions.filter_map(|rest| Some(format!("row_{}", rest.split_once('(')?.0))));
        }
    }
}
