//! `include = ["feeds.d/*.toml"]`: which files it means, and taking them in.
//!
//! Each file is read once, however many patterns match it. Included files include nothing, so there are no circles.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::assemble::Assembly;
use super::entry::Written;
use super::load::{folder_of, read_text};
use super::mistakes::{Mistake, nothing, quoted};
use super::named_files::Unread;
use super::syntax;
use crate::limits::CONFIG_FILES_MAX;

/// Reads the files that the patterns name, each once, those of one pattern in the order of their names.
pub(super) fn follow(assembly: &mut Assembly, first: &Path, bytes_left: &mut u64) {
    let folder = folder_of(first);
    let mut seen: HashSet<PathBuf> = first.canonicalize().into_iter().collect();
    for include in std::mem::take(&mut assembly.includes) {
        let paths = match matching(&folder, &include.value) {
            Ok(paths) => paths,
            Err((wrong, remedy)) => {
                refuse(assembly, &include, wrong, remedy);
                continue;
            }
        };
        for path in paths {
            if !path.canonicalize().is_ok_and(|path| !seen.insert(path)) {
                if seen.len() > CONFIG_FILES_MAX {
                    let wrong = format!("adds up to more than the most of {CONFIG_FILES_MAX} files");
                    return refuse(assembly, &include, wrong, "put several feeds into one file");
                }
                match read_text(&path, bytes_left) {
                    Ok(text) => syntax::add_text(assembly, &path, &text, false),
                    Err(Unread { wrong, remedy }) => {
                        let wrong = format!("names {}, which {wrong}", quoted(&path.to_string_lossy()));
                        refuse(assembly, &include, wrong, remedy);
                    }
                }
            }
        }
    }
}

/// The files of one `include`: a pattern's may be none, a plain path is itself whether it is there or not.
fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, (String, &'static str)> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![folder.join(pattern)]);
    }
    if pattern.contains("**") {
        // It would walk a whole tree, and round in circles through links.
        return Err(("holds **, which means folders of any depth".to_owned(), "name each folder"));
    }
    let Some(folder) = folder.to_str() else {
        return Err(("stands in a folder whose name is not UTF-8".to_owned(), "rename the folder"));
    };
    let whole = match folder {
        _ if Path::new(pattern).is_absolute() => pattern.to_owned(),
        "" => pattern.to_owned(),
        folder => format!("{}/{pattern}", glob::Pattern::escape(folder)),
    };
    // As a shell has it: `*` does not match what begins with a dot, so that an editor's leavings are not read.
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let paths = glob::glob_with(&whole, options)
        .map_err(|error| (format!("is not a pattern ({})", error.msg), "write it like \"feeds.d/*.toml\""))?;
    let mut found = Vec::new();
    for path in paths.take(CONFIG_FILES_MAX + 1) {
        let path = path.map_err(|error| {
            let at = quoted(&error.path().to_string_lossy());
            (
                format!("cannot be followed into {at}: {}", error.error()),
                "give rssd's user the right to read the folder",
            )
        })?;
        if !path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

pub(super) fn refuse(assembly: &mut Assembly, include: &Written<String>, wrong: String, remedy: &str) {
    let (key, value) = ("include".to_owned(), Some(quoted(&include.value)));
    assembly.report.add(include.at, Mistake { key, value, wrong, remedy: remedy.to_owned(), ..nothing() });
}
