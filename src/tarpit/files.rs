//! The files of a directory as feeds. All are read at the start and held in memory, so that a request opens nothing: a path
//! that was not found then cannot be reached later, whatever it is made of. Changed files are seen after a restart.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::scenario::http_date;
use super::step::Bytes;
use crate::limits::TARPIT_FILES_BYTES_MAX;

/// Files by their path relative to the directory, as bytes.
#[derive(Default)]
pub(crate) struct Files {
    by_path: BTreeMap<Vec<u8>, File>,
}

struct File {
    content_type: &'static str,
    body: Bytes,
    etag: String,
    last_modified: String,
}

impl Files {
    /// Reads a directory and those below it. Links are not followed.
    ///
    /// # Errors
    ///
    /// What cannot be read, by name; and more than [`TARPIT_FILES_BYTES_MAX`] bytes.
    pub(crate) fn read(dir: &Path) -> io::Result<Files> {
        let mut files = Files::default();
        let mut bytes_left = TARPIT_FILES_BYTES_MAX;
        let mut dirs = vec![dir.to_path_buf()];
        while let Some(current) = dirs.pop() {
            for entry in fs::read_dir(&current).map_err(|error| named("read directory", &current, &error))? {
                let entry = entry?;
                let path = entry.path();
                let kind = entry.file_type()?;
                if kind.is_dir() {
                    dirs.push(path);
                } else if kind.is_file() {
                    let file = File::read(&path, &mut bytes_left)?;
                    let relative = path.strip_prefix(dir).unwrap_or(&path);
                    files.by_path.insert(relative.as_os_str().as_bytes().to_vec(), file);
                }
            }
        }
        Ok(files)
    }

    /// What `/files/PATH` gets, the path still percent-encoded.
    pub(crate) fn answer(&self, path: &str) -> Answer {
        match self.by_path.get(&percent_decoded(path)) {
            Some(file) => Answer::ok(file.content_type, "")
                .body_shared(Bytes::clone(&file.body))
                .etag(&file.etag)
                .last_modified(&file.last_modified),
            None => Answer::status(404).header("Content-Type", "text/plain").body("no such file in the directory\n"),
        }
    }

    /// The path of each file in a URL, behind `/files/`.
    pub(crate) fn paths(&self) -> impl Iterator<Item = String> {
        self.by_path.keys().map(|path| percent_encoded(path))
    }
}

impl File {
    fn read(path: &Path, bytes_left: &mut u64) -> io::Result<File> {
        let metadata = fs::metadata(path).map_err(|error| named("read file", path, &error))?;
        *bytes_left = bytes_left.checked_sub(metadata.len()).ok_or_else(|| {
            let limit = TARPIT_FILES_BYTES_MAX >> 20;
            let cause =
                io::Error::new(io::ErrorKind::FileTooLarge, format!("all files exceed {limit} MiB, serve fewer"));
            named("read file", path, &cause)
        })?;
        let body = fs::read(path).map_err(|error| named("read file", path, &error))?;
        let modified = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
        let mut etag = String::from("\"");
        for byte in &Sha256::digest(&body)[..8] {
            write!(etag, "{byte:02x}").expect("a String takes every write");
        }
        etag.push('"');
        let content_type = guess_type(path, &body);
        Ok(File { content_type, body: body.into(), etag, last_modified: http_date(modified) })
    }
}

fn named(operation: &str, path: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("{operation} {}: {cause}", path.display()))
}

/// By the extension, and for XML by the first element. Without a charset, so that the document speaks for itself.
fn guess_type(path: &Path, body: &[u8]) -> &'static str {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let start = &body[..body.len().min(1024)];
    let has = |tag: &str| start.windows(tag.len()).any(|window| window.eq_ignore_ascii_case(tag.as_bytes()));
    match extension.as_str() {
        "json" | "jsonfeed" => "application/feed+json",
        "html" | "htm" => "text/html",
        _ if has("<feed") => "application/atom+xml",
        _ if has("<rdf:RDF") => "application/rdf+xml",
        _ if has("<rss") => "application/rss+xml",
        "atom" => "application/atom+xml",
        "rss" => "application/rss+xml",
        "rdf" => "application/rdf+xml",
        "txt" => "text/plain",
        _ => "application/xml",
    }
}

fn percent_decoded(path: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = if byte == b'%' { hex_pair(after) } else { None };
        out.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    out
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn percent_encoded(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for &byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("a String takes every write"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_and_decoding_agree() {
        for path in [&b"a/b c.xml"[..], b"100%.rss", "\u{e9}/\u{1F600}".as_bytes(), b"\xff?#&", b"%41"] {
            assert_eq!(percent_decoded(&percent_encoded(path)), path);
        }
        for (path, decoded) in [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%+1", "%+1"), ("%2e%2E", "..")] {
            assert_eq!(percent_decoded(path), decoded.as_bytes(), "{path}");
        }
    }

    #[test]
    fn type_by_content_then_by_name() {
        for (name, body, expected) in [
            ("a.xml", "<?xml?><feed>", "application/atom+xml"),
            ("a.rss", "<rss>", "application/rss+xml"),
            ("a", "<rdf:RDF>", "application/rdf+xml"),
            ("a.rss", "", "application/rss+xml"),
            ("a.json", "<rss", "application/feed+json"),
            ("a.xml", "", "application/xml"),
        ] {
            assert_eq!(guess_type(Path::new(name), body.as_bytes()), expected, "{name}");
        }
    }
}
