//! Every mistake of one run, each at its place and with its remedy.
//!
//! Collecting never stops at the first one. Values are quoted as Rust would, so that a control character in the file
//! stays harmless on a terminal; the value of a secret is never taken in at all.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::escape;
use crate::limits::MISTAKES_MAX;

/// A path is cut to this many characters where it is told.
const FILE_NAME_CHARS_MAX: usize = 4_096;

/// Something in feeds.toml that has to be written differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file as it was named, or as it was found by an `include`.
    pub file: String,
    /// `None` where the file as a whole is meant.
    pub place: Option<Place>,
    /// Where the key stands: `feed "bbc"`, `[daemon]`, `[defaults]`; empty at the top.
    pub subject: String,
    /// The key, or empty.
    pub key: String,
    /// As written, quoted; `None` for what is secret, missing, or a whole table.
    pub value: Option<String>,
    /// What is wrong, with the bound where there is one.
    pub wrong: String,
    /// What to do about it.
    pub remedy: String,
}

/// A place in a file, both counted from 1; columns are characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, "= {value} ")?;
        }
        write!(f, "{}; {}", self.wrong, self.remedy)
    }
}

/// All mistakes of one run, in the order of the files; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    list: Vec<Mistake>,
    /// Found beyond `MISTAKES_MAX`.
    unlisted: usize,
}

impl Mistakes {
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.list.iter()
    }

    /// How many there are, those beyond the limit of the list included.
    pub fn count(&self) -> usize {
        self.list.len() + self.unlisted
    }

    /// One line for a log: how many, and the first.
    pub fn summary(&self) -> String {
        match (self.list.first(), self.count()) {
            (Some(first), 1) => first.to_string(),
            (Some(first), count) => format!("{count} mistakes, all of them told by `rssd check`; the first: {first}"),
            (None, _) => String::new(),
        }
    }
}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.list.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{mistake}")?;
        }
        if self.unlisted > 0 {
            write!(f, "\n{} more mistakes are not listed; mend these first", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// A byte of one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) source: usize,
    pub(super) offset: usize,
}

/// One file: its name, where relative paths in it start, and what turns offsets into lines.
#[derive(Debug)]
struct Source {
    name: String,
    folder: PathBuf,
    text: Rc<str>,
    line_starts: Vec<usize>,
    /// Lines with a syntax mistake, from 0: what was recovered of them is a guess, and nothing more is said about it.
    broken_lines: BTreeSet<usize>,
}

/// Collects mistakes while files are read.
#[derive(Debug, Default)]
pub(super) struct Report {
    sources: Vec<Source>,
    found: Vec<(At, Mistake)>,
    unlisted: usize,
}

impl Report {
    /// Takes in a file whose mistakes may be reported from now on.
    pub(super) fn add_source(&mut self, name: &str, folder: PathBuf, text: Rc<str>) -> usize {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        self.sources.push(Source {
            name: escape::line(name, FILE_NAME_CHARS_MAX),
            folder,
            text,
            line_starts,
            broken_lines: BTreeSet::new(),
        });
        self.sources.len() - 1
    }

    pub(super) fn folder(&self, source: usize) -> &Path {
        &self.sources[source].folder
    }

    /// `feeds.toml:12`, for pointing from one mistake to another line.
    pub(super) fn line(&self, at: At) -> String {
        format!("{}:{}", self.sources[at.source].name, self.sources[at.source].line_index(at.offset) + 1)
    }

    pub(super) fn syntax(&mut self, at: At, wrong: String, remedy: &str) {
        let source = &mut self.sources[at.source];
        let line = source.line_index(at.offset);
        let first_of_line = source.broken_lines.insert(line);
        // The parser goes on within the line, and what it then stumbles over follows from the first.
        if first_of_line {
            self.push(at, Mistake { wrong, remedy: remedy.to_owned(), ..nothing() });
        }
    }

    /// Whether anything between the two places could not be read.
    pub(super) fn is_broken_between(&self, from: At, to_offset: usize) -> bool {
        let source = &self.sources[from.source];
        source.broken_lines.range(source.line_index(from.offset)..=source.line_index(to_offset)).next().is_some()
    }

    pub(super) fn add(&mut self, at: At, mistake: Mistake) {
        let source = &self.sources[at.source];
        if !source.broken_lines.contains(&source.line_index(at.offset)) {
            self.push(at, mistake);
        }
    }

    fn push(&mut self, at: At, mut mistake: Mistake) {
        if self.found.len() == MISTAKES_MAX {
            self.unlisted += 1;
            return;
        }
        let source = &self.sources[at.source];
        mistake.file.clone_from(&source.name);
        mistake.place = Some(source.place(at.offset));
        self.found.push((at, mistake));
    }

    /// `Err` if anything was added.
    pub(super) fn finish(mut self) -> Result<(), Mistakes> {
        if self.found.is_empty() {
            return Ok(());
        }
        // Tables are walked in the order of their keys; people read from the top.
        self.found.sort_by_key(|(at, _)| *at);
        Err(Mistakes { list: self.found.into_iter().map(|(_, mistake)| mistake).collect(), unlisted: self.unlisted })
    }
}

impl Source {
    /// The line's number from 0.
    fn line_index(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset) - 1
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.line_index(offset);
        let before = self.text.get(self.line_starts[line]..offset).unwrap_or_default();
        Place { line: line + 1, column: before.chars().count() + 1 }
    }
}

/// A mistake of a file as a whole, which could not even be read.
pub(super) fn unreadable(file: &str, wrong: String, remedy: &str) -> Mistakes {
    let mistake =
        Mistake { file: escape::line(file, FILE_NAME_CHARS_MAX), wrong, remedy: remedy.to_owned(), ..nothing() };
    Mistakes { list: vec![mistake], unlisted: 0 }
}

/// The blank to fill in.
pub(super) fn nothing() -> Mistake {
    Mistake {
        file: String::new(),
        place: None,
        subject: String::new(),
        key: String::new(),
        value: None,
        wrong: String::new(),
        remedy: String::new(),
    }
}

/// In quotes, escaped, and no longer than a line of a terminal.
pub(super) fn quoted(text: &str) -> String {
    const CHARS_MAX: usize = 100;
    match text.char_indices().nth(CHARS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
