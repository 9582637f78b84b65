//! From files on disk to a configuration: the first file, those that it includes, and their syntax.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use toml::de::DeTable;

use super::Config;
use super::assemble::Assembly;
use super::entry::Written;
use super::mistakes::{At, Mistake, Mistakes, nothing, quoted, unreadable};
use super::named_files::{self, Unread, read_regular};
use crate::limits::{CONFIG_BYTES_MAX, CONFIG_FILES_MAX, CONFIG_RECOVER_BYTES_MAX};

/// Reads feeds.toml and all that it includes.
///
/// Relative paths in it come out joined to the folder of the file that they stand in, and a leading
/// `$CREDENTIALS_DIRECTORY/` replaced by that variable of the environment. The files that it names are not opened.
///
/// # Errors
///
/// Every mistake in any of the files, in their order. A file that cannot be read at all, is larger than
/// [`CONFIG_BYTES_MAX`], or is no text, is one mistake.
pub fn load(path: &Path) -> Result<Config, Mistakes> {
    let (assembly, config) = read_all(path)?;
    assembly.report.finish()?;
    Ok(config)
}

/// As [`load`], and looks also whether each file that is named (secrets, certificates) can be read and holds such a
/// thing. It runs as whoever calls it, who may see other files than the daemon does.
///
/// # Errors
///
/// As [`load`], and one mistake for each place that names an unusable file.
pub fn check(path: &Path) -> Result<Config, Mistakes> {
    let (mut assembly, config) = read_all(path)?;
    named_files::check(&mut assembly.report, &assembly.named_files);
    assembly.report.finish()?;
    Ok(config)
}

/// Reads one text, touching neither disk nor environment; `file_name` is for messages and gives relative paths their
/// folder. An `include` in it is a mistake.
///
/// # Errors
///
/// Every mistake in the text.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Mistakes> {
    let mut assembly = Assembly::default();
    add_text(&mut assembly, Path::new(file_name), text, true);
    for include in std::mem::take(&mut assembly.includes) {
        refuse_include(&mut assembly, &include, "cannot be followed from here".to_owned(), "name the file itself");
    }
    let config = take_config(&mut assembly);
    assembly.report.finish()?;
    Ok(config)
}

fn read_all(path: &Path) -> Result<(Assembly, Config), Mistakes> {
    let mut bytes_left = CONFIG_BYTES_MAX;
    let text = match read_text(path, &mut bytes_left) {
        Ok(text) => text,
        Err(Unread { wrong, remedy }) => return Err(unreadable(&path.to_string_lossy(), wrong, remedy)),
    };
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let mut assembly = Assembly::with_credentials(credentials);
    add_text(&mut assembly, path, &text, true);
    follow_includes(&mut assembly, path, &mut bytes_left);
    let config = take_config(&mut assembly);
    Ok((assembly, config))
}

fn take_config(assembly: &mut Assembly) -> Config {
    Config { daemon: std::mem::take(&mut assembly.daemon), feeds: std::mem::take(&mut assembly.feeds) }
}

/// Reads the files that the patterns name, each once, those of one pattern in the order of their names.
fn follow_includes(assembly: &mut Assembly, first: &Path, bytes_left: &mut u64) {
    let folder = folder_of(first);
    let mut seen: HashSet<PathBuf> = first.canonicalize().into_iter().collect();
    for include in std::mem::take(&mut assembly.includes) {
        let paths = match matching(&folder, &include.value) {
            Ok(paths) => paths,
            Err((wrong, remedy)) => {
                refuse_include(assembly, &include, wrong, remedy);
                continue;
            }
        };
        for path in paths {
            if !path.canonicalize().is_ok_and(|path| !seen.insert(path)) {
                if seen.len() > CONFIG_FILES_MAX {
                    let wrong = format!("adds up to more than the most of {CONFIG_FILES_MAX} files");
                    return refuse_include(assembly, &include, wrong, "put several feeds into one file");
                }
                match read_text(&path, bytes_left) {
                    Ok(text) => add_text(assembly, &path, &text, false),
                    Err(Unread { wrong, remedy }) => {
                        let wrong = format!("names {}, which {wrong}", quoted(&path.to_string_lossy()));
                        refuse_include(assembly, &include, wrong, remedy);
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
        .map_err(|error| (format!("is not a pattern ({error})"), "write it like \"feeds.d/*.toml\""))?;
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

fn refuse_include(assembly: &mut Assembly, include: &Written<String>, wrong: String, remedy: &str) {
    let (key, value) = ("include".to_owned(), Some(quoted(&include.value)));
    assembly.report.add(include.at, Mistake { key, value, wrong, remedy: remedy.to_owned(), ..nothing() });
}

/// The text of a file, out of the bytes that may still be read.
fn read_text(path: &Path, bytes_left: &mut u64) -> Result<String, Unread> {
    let bytes = read_regular(path, *bytes_left)?;
    *bytes_left -= bytes.len() as u64;
    let remedy = "write it as text in UTF-8";
    if bytes.contains(&0) {
        return Err(Unread { wrong: "is binary: it holds a zero byte".to_owned(), remedy });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        Unread { wrong: format!("is not UTF-8 in line {line}"), remedy }
    })
}

/// Parses one text and adds what it says; goes on after a syntax mistake.
fn add_text(assembly: &mut Assembly, path: &Path, text: &str, is_first: bool) {
    let text: Rc<str> = Rc::from(text);
    let source = assembly.report.add_source(&path.to_string_lossy(), folder_of(path), text.clone());
    let (root, errors) = if text.len() <= CONFIG_RECOVER_BYTES_MAX {
        DeTable::parse_recoverable(&text)
    } else {
        match DeTable::parse(&text) {
            Ok(root) => (root, Vec::new()),
            Err(error) => (toml::Spanned::new(0..0, DeTable::new()), vec![error]),
        }
    };
    for error in &errors {
        let span = error.span().unwrap_or_default();
        let (wrong, remedy) = syntax(error.message(), text.get(span.clone()).unwrap_or_default());
        assembly.report.syntax(At { source, offset: span.start.min(text.len()) }, wrong, remedy);
    }
    assembly.add_file(source, is_first, text.len(), root.get_ref());
}

/// The parser's words for a person who knows no TOML. What stands in the file may be a secret, and only a key is shown.
fn syntax(message: &str, found: &str) -> (String, &'static str) {
    match message {
        "duplicate key" => (format!("key {} is written twice", quoted(found)), "keep one of them"),
        message => {
            (format!("this is not TOML: {message}"), "write key = value, with text, durations and sizes in quotes")
        }
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}
