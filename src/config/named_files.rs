//! The files that feeds.toml names: looked at by `rssd check`, opened later by whoever needs them.
//!
//! What is in them is never shown, nor kept.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::mistakes::{At, Mistake, Report, nothing, quoted};
use super::secret_file::secret;
use super::units::show_size;
use crate::limits::CA_FILE_BYTES_MAX;

/// What a file is for, and so what has to be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// A token or a password on one line.
    Secret,
    /// Certificates in PEM.
    Certificates,
}

/// A file, and where it is named.
#[derive(Debug)]
pub(super) struct NamedFile {
    pub(super) subject: String,
    pub(super) key: String,
    pub(super) at: At,
    pub(super) path: PathBuf,
    pub(super) content: Content,
}

/// Reports each that cannot be used as what it is named for. A file that many feeds name is read once.
pub(super) fn check(report: &mut Report, files: &[NamedFile]) {
    let mut seen: HashMap<(&Path, Content), Option<(String, &'static str)>> = HashMap::new();
    for file in files {
        let refused = seen.entry((&file.path, file.content)).or_insert_with(|| refusal(&file.path, file.content));
        let Some((wrong, remedy)) = refused else { continue };
        let (subject, key) = (file.subject.clone(), file.key.clone());
        let value = Some(quoted(&file.path.to_string_lossy()));
        report.add(
            file.at,
            Mistake { subject, key, value, wrong: wrong.clone(), remedy: (*remedy).to_owned(), ..nothing() },
        );
    }
}

fn refusal(path: &Path, content: Content) -> Option<(String, &'static str)> {
    let judged = match content {
        Content::Secret => secret(path).map(drop),
        Content::Certificates => certificates(path),
    };
    judged.err().map(|Unread { wrong, remedy }| (wrong, remedy))
}

fn certificates(path: &Path) -> Result<(), Unread> {
    let bytes = read_regular(path, CA_FILE_BYTES_MAX)?;
    match bytes.windows(PEM.len()).any(|window| window == PEM) {
        true => Ok(()),
        false => Err(Unread {
            wrong: "is a file without a certificate in PEM".to_owned(),
            remedy: "name one with -----BEGIN CERTIFICATE----- in it",
        }),
    }
}

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Why a file was not read, as the two ends of a message.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) wrong: String,
    pub(super) remedy: &'static str,
}

/// All bytes of a regular file of at most so many. Anything else, a pipe above all, could make the reader wait for ever.
pub(super) fn read_regular(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Unread> {
    let because = |wrong: &str, remedy| Err(Unread { wrong: wrong.to_owned(), remedy });
    let failed = |error: io::Error| Unread {
        wrong: format!("cannot be read: {}", cause(&error)),
        remedy: match error.kind() {
            io::ErrorKind::NotFound => "create it, or correct the path",
            io::ErrorKind::PermissionDenied => "give rssd's user the right to read it",
            _ => "look at the file and its disk",
        },
    };
    let kind = std::fs::metadata(path).map_err(failed)?.file_type();
    if kind.is_dir() {
        return because("is a directory", "name a file in it");
    }
    if !kind.is_file() {
        return because("is not a regular file", "write what it would give into a file, and name that");
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        let wrong = format!("is larger than the most of {}", show_size(bytes_max));
        return because(&wrong, "name a smaller one");
    }
    Ok(bytes)
}

/// The system's words in lower case, without its number.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string().to_lowercase(),
    }
}
