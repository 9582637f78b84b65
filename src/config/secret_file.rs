//! The one judgement of a file that holds a secret on one line: for `rssd check`, and for whoever uses it.
//!
//! What is in it is never shown.

use std::path::Path;

use super::named_files::{Unread, read_regular};
use crate::limits::SECRET_FILE_BYTES_MAX;

/// The secret of a file that `key` names.
///
/// # Errors
///
/// A sentence with the remedy: it cannot be read, is empty, or holds more than one line.
pub(crate) fn read_secret(key: &str, path: &Path) -> Result<String, String> {
    secret(path).map_err(|Unread { wrong, remedy }| format!("{key} {} {wrong}; {remedy}", path.display()))
}

/// The line's end is no part of it; blanks are, but not alone.
pub(super) fn secret(path: &Path) -> Result<String, Unread> {
    let because = |wrong: &str, remedy| Err(Unread { wrong: wrong.to_owned(), remedy });
    let Ok(text) = String::from_utf8(read_regular(path, SECRET_FILE_BYTES_MAX)?) else {
        return because("is no text in UTF-8", "write the secret into it, on one line");
    };
    let line = text.trim_end_matches(['\r', '\n']);
    if line.trim_ascii().is_empty() {
        return because("is an empty file", "write the secret into it, on one line");
    }
    if line.contains(['\r', '\n']) {
        return because("is a file of several lines", "leave nothing but the secret in it, on one line");
    }
    if line.chars().any(char::is_control) {
        return because("holds a control character", "leave nothing but the secret in it, on one line");
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_a_secret_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        for (content, expected) in [
            (&b"hush"[..], Ok("hush")),
            (b"hush hush \r\n", Ok("hush hush ")),
            ("d\u{e9}j\u{e0} vu\n".as_bytes(), Ok("d\u{e9}j\u{e0} vu")),
            (b"hush\n\n", Ok("hush")),
            (b"", Err("is an empty file")),
            (b" \n", Err("is an empty file")),
            (b"hush\nhush\n", Err("of several lines")),
            (b"\nhush", Err("of several lines")),
            (b"hu\x1bsh", Err("holds a control character")),
            (b"\xff", Err("is no text in UTF-8")),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = read_secret("password_file", &path);
            match expected {
                Ok(secret) => assert_eq!(read.as_deref(), Ok(secret)),
                Err(words) => {
                    let told = read.unwrap_err();
                    assert!(told.contains(words) && told.starts_with("password_file "), "{told}");
                    assert!(!told.contains("hu"), "{told}");
                }
            }
        }
        assert!(read_secret("token_file", &dir.path().join("none")).unwrap_err().contains("there is no such file"));
    }
}
