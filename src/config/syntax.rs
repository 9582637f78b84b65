//! The TOML of one file: what the parser finds wrong with it, and its tables for the rest to read.
//!
//! A syntax mistake hides no other: the parser recovers within the line or goes on behind it.

use std::path::Path;
use std::rc::Rc;

use toml::de::DeTable;

use super::assemble::Assembly;
use super::load::folder_of;
use super::mistakes::{At, quoted};
use crate::limits::CONFIG_RECOVER_BYTES_MAX;

/// Parses one text and adds what it says; goes on after a syntax mistake.
pub(super) fn add_text(assembly: &mut Assembly, path: &Path, text: &str, is_first: bool) {
    let source = assembly.report.add_source(&path.to_string_lossy(), folder_of(path), Rc::from(text));
    if text.len() > CONFIG_RECOVER_BYTES_MAX {
        match DeTable::parse(text) {
            Ok(root) => assembly.add_file(source, is_first, text.len(), root.get_ref()),
            Err(error) => report_syntax(assembly, source, text, &[error]),
        }
        return;
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    report_syntax(assembly, source, text, &errors);
    let endings: Vec<usize> = errors.iter().filter(|e| e.message().starts_with(NO_VALUE)).map(start).collect();
    if endings.is_empty() {
        assembly.add_file(source, is_first, text.len(), root.get_ref());
        return;
    }
    // The parser stops for good at a key without a value, so the rest is read once more without those lines.
    let text = without_lines(text, &endings);
    let (root, errors) = DeTable::parse_recoverable(&text);
    report_syntax(assembly, source, &text, &errors);
    assembly.add_file(source, is_first, text.len(), root.get_ref());
}

/// How the parser begins its message at which it stops.
const NO_VALUE: &str = "key with no value";

fn start(error: &toml::de::Error) -> usize {
    error.span().unwrap_or_default().start
}

/// The text with spaces for the lines in which the offsets lie, so that every other offset stays what it was.
fn without_lines(text: &str, offsets: &[usize]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for offset in offsets {
        let first = text[..*offset].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[*offset..].find('\n').map_or(text.len(), |length| offset + length);
        bytes[first..end].fill(b' ');
    }
    // Whole lines were replaced, so no character was cut.
    String::from_utf8(bytes).unwrap_or_default()
}

fn report_syntax(assembly: &mut Assembly, source: usize, text: &str, errors: &[toml::de::Error]) {
    for error in errors {
        let found = error.span().and_then(|span| text.get(span)).unwrap_or_default();
        let (wrong, remedy) = syntax(error.message(), found);
        assembly.report.syntax(At { source, offset: start(error).min(text.len()) }, wrong, remedy);
    }
}

/// The parser's words for a person who knows no TOML. What stands in the file may be a secret, and only a key is shown.
fn syntax(message: &str, found: &str) -> (String, &'static str) {
    if message == "duplicate key" {
        return (format!("key {} is written twice in one table", quoted(found)), "keep one of them");
    }
    // What it expected is of use where that is a sign, and misleading where it is one of several things.
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let expected = if expected.starts_with('`') { format!(", expected {expected}") } else { String::new() };
    let remedy = match what {
        "string values must be quoted" | "invalid float" | "invalid integer" => {
            "write text, durations and sizes in quotes, like \"15m\""
        }
        "invalid boolean" => "write true or false, without quotes",
        NO_VALUE => "write key = value",
        _ => "close every quote and bracket on this line and above",
    };
    (format!("this is not TOML: {what}{expected}"), remedy)
}
