//! A document as far as it is checked: its blocks of code, spans of code, tables, headings and links.
//!
//! Only what our own documents use of Markdown is understood: fences of three backticks, spans of one, tables without
//! an escaped bar.

use std::fs;
use std::path::{Path, PathBuf};

pub(super) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub(super) struct Document {
    /// From the top of the house.
    pub(super) path: PathBuf,
    text: String,
}

/// A piece of a document, and where it stands, for a person.
pub(super) struct Piece {
    pub(super) at: String,
    pub(super) text: String,
}

/// README.md and what lies in packaging/doc.
pub(super) fn documents() -> Vec<Document> {
    let folder = Path::new(ROOT).join("packaging/doc");
    let entries = fs::read_dir(folder).expect("the house is there").flatten();
    let paths = entries.map(|entry| Path::new("packaging/doc").join(entry.file_name()));
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.push("README.md".into());
    paths.sort();
    paths.into_iter().map(Document::read).collect()
}

impl Document {
    pub(super) fn read(path: impl Into<PathBuf>) -> Document {
        let path = path.into();
        let text = fs::read_to_string(Path::new(ROOT).join(&path)).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Document { path, text }
    }

    /// The comment that a file of the source begins with.
    pub(super) fn of_module(path: impl Into<PathBuf>) -> Document {
        let Document { path, text } = Document::read(path);
        let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
        let text = lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect();
        Document { path, text }
    }

    fn piece(&self, line: usize, text: impl Into<String>) -> Piece {
        Piece { at: format!("{}:{}", self.path.display(), line + 1), text: text.into() }
    }

    /// Every line, with the language of the block that it stands in, if it does. Fences are left out.
    fn lines(&self) -> impl Iterator<Item = (usize, Option<&str>, &str)> {
        let mut language = None;
        self.text.lines().enumerate().filter_map(move |(at, line)| match line.strip_prefix("```") {
            Some(opened) => {
                language = match language {
                    None => Some(opened),
                    Some(_) => None,
                };
                None
            }
            None => Some((at, language, line)),
        })
    }

    /// The blocks of a language, whole.
    pub(super) fn blocks(&self, language: &str) -> Vec<Piece> {
        let mut blocks: Vec<Piece> = Vec::new();
        let mut last = None;
        for (at, _, line) in self.lines().filter(|(_, of, _)| *of == Some(language)) {
            match blocks.last_mut().filter(|_| last.is_some_and(|last| last + 1 == at)) {
                Some(block) => block.text += &format!("{line}\n"),
                None => blocks.push(self.piece(at, format!("{line}\n"))),
            }
            last = Some(at);
        }
        blocks
    }

    /// What stands between two backticks outside of blocks, be it over the end of a line.
    pub(super) fn spans(&self) -> Vec<Piece> {
        let prose: Vec<_> = self.lines().filter(|(_, language, _)| language.is_none()).collect();
        let (mut spans, mut open) = (Vec::new(), None::<(usize, String)>);
        for (at, _, line) in prose {
            for (nth, part) in line.split('`').enumerate() {
                open = match (open, nth) {
                    // The line before left it open.
                    (Some((from, text)), 0) => Some((from, format!("{text} {part}").trim_start().to_owned())),
                    (Some((from, text)), _) => {
                        spans.push(self.piece(from, text));
                        None
                    }
                    (None, 0) => None,
                    (None, _) => Some((at, part.to_owned())),
                };
            }
        }
        assert!(open.is_none(), "{}: a span of code has no end", self.path.display());
        spans
    }

    /// The rows of every table whose first column is headed so.
    pub(super) fn tables(&self, heading: &str) -> Vec<Vec<Vec<Piece>>> {
        let mut tables = Vec::new();
        let mut rows: Option<Vec<Vec<Piece>>> = None;
        for (at, language, line) in self.lines() {
            let cells = line.strip_prefix("| ").and_then(|rest| rest.strip_suffix(" |")).filter(|_| language.is_none());
            let Some(cells) = cells else {
                if !line.starts_with("|---") {
                    tables.extend(rows.take());
                }
                continue;
            };
            let cells: Vec<&str> = cells.split(" | ").collect();
            match &mut rows {
                None if cells[0] == heading => rows = Some(Vec::new()),
                None => {}
                Some(rows) => rows.push(cells.into_iter().map(|cell| self.piece(at, cell)).collect()),
            }
        }
        tables.extend(rows);
        tables
    }

    /// The first cells of these tables.
    pub(super) fn first_cells(&self, heading: &str) -> Vec<Piece> {
        self.tables(heading).into_iter().flatten().filter_map(|row| row.into_iter().next()).collect()
    }

    /// What links lead to.
    pub(super) fn links(&self) -> Vec<Piece> {
        let prose = self.lines().filter(|(_, language, _)| language.is_none());
        prose
            .flat_map(|(at, _, line)| {
                let targets = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
                targets.map(move |target| self.piece(at, target))
            })
            .collect()
    }

    /// Headings as a link names them.
    pub(super) fn anchors(&self) -> Vec<String> {
        let headings = self.lines().filter(|(_, language, line)| language.is_none() && line.starts_with('#'));
        headings
            .map(|(_, _, line)| {
                let heading = line.trim_start_matches('#').trim().to_lowercase();
                let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                kept.map(|c| if c == ' ' { '-' } else { c }).collect()
            })
            .collect()
    }
}

/// The spans of a cell.
pub(super) fn spans_in(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}
