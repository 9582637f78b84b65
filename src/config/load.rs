//! From files on disk to a configuration, or all that is wrong with them.

use std::path::{Path, PathBuf};

use super::assemble::Assembly;
use super::mistakes::{Mistakes, unreadable};
use super::named_files::{self, Unread, read_regular};
use super::{Config, include, syntax};
use crate::limits::CONFIG_BYTES_MAX;

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

/// As [`load()`], and looks also whether each file that is named (secrets, certificates) can be read and holds such a
/// thing. It runs as whoever calls it, who may see other files than the daemon does.
///
/// # Errors
///
/// As [`load()`], and one mistake for each place that names an unusable file.
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
    syntax::add_text(&mut assembly, Path::new(file_name), text, true);
    for written in std::mem::take(&mut assembly.includes) {
        include::refuse(&mut assembly, &written, "cannot be followed from here".to_owned(), "name the file itself");
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
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let mut assembly = Assembly::with_credentials(credentials);
    syntax::add_text(&mut assembly, path, &text, true);
    include::follow(&mut assembly, path, &mut bytes_left);
    let config = take_config(&mut assembly);
    Ok((assembly, config))
}

fn take_config(assembly: &mut Assembly) -> Config {
    Config { daemon: std::mem::take(&mut assembly.daemon), feeds: std::mem::take(&mut assembly.feeds) }
}

/// The text of a file, out of the bytes that may still be read.
pub(super) fn read_text(path: &Path, bytes_left: &mut u64) -> Result<String, Unread> {
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

/// Where relative paths in a file start.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory with the files, the first of them being read.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    /// What is said, without the directory that it is said of.
    fn said(folder: &tempfile::TempDir, result: Result<Config, Mistakes>) -> Vec<String> {
        let prefix = format!("{}/", folder.path().display());
        match result {
            Ok(config) => panic!("no mistake was found: {config:#?}"),
            Err(mistakes) => mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect(),
        }
    }

    fn loaded(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Config, Mistakes>) {
        let folder = folder(files);
        let result = load(&folder.path().join(files[0].0));
        (folder, result)
    }

    #[test]
    fn included_files_come_in_the_order_of_their_names_with_defaults_of_their_own() {
        let main = "include = ['feeds.d/*.toml', 'none.d/*.toml', 'feeds.d/a.toml', '*.toml']\n\
                    [defaults]\ninterval = '1h'\nlabels.from = 'main'\n[[feed]]\nurl = 'http://main.example/'\n";
        let a =
            "[defaults]\nlabels.from = 'a'\npassword_file = 'p'\nusername = 'u'\n[[feed]]\nurl = 'http://a.example/'\n";
        let b = "[[feed]]\nurl = 'http://b.example/'\ninterval = '2h'\n";
        let (folder, config) = loaded(&[
            ("feeds.toml", main),
            ("feeds.d/b.toml", b),
            ("feeds.d/a.toml", a),
            ("feeds.d/.hidden.toml", "junk"),
            ("feeds.d/c.toml.bak", "junk"),
            ("feeds.d/folder.toml/x", "junk"),
        ]);
        let feeds = config.unwrap().feeds;
        let seen: Vec<_> =
            feeds.iter().map(|f| (f.name.as_str(), f.labels["from"].as_str(), f.interval.as_secs())).collect();
        assert_eq!(seen, [("main.example", "main", 3600), ("a.example", "a", 3600), ("b.example", "main", 7200)]);
        assert_eq!(feeds[1].password_file, Some(folder.path().join("feeds.d/p")));
        assert_eq!(feeds[2].password_file, None);
    }

    #[test]
    fn mistakes_of_all_files_come_in_one_run() {
        let main = "include = ['gone.toml', 'd', 'd/*.toml', '**/x', '[']\n[[feed]]\nurl = 'http://a.example/'\ninterval = '1s'\n";
        let included = "include = []\n[daemon]\n[[feed]]\nurl = 'http://a.example/'\n";
        let (folder, result) = loaded(&[("f.toml", main), ("d/x.toml", included)]);
        assert_eq!(
            said(&folder, result),
            [
                "f.toml:1:12: include = \"gone.toml\" names \"gone.toml\", which cannot be read: there is no such file; create it, or correct the path",
                "f.toml:1:25: include = \"d\" names \"d\", which is a directory; name a file in it",
                "f.toml:1:42: include = \"**/x\" holds **, which means folders of any depth; name each folder",
                "f.toml:1:50: include = \"[\" is not a pattern (invalid range pattern); write it like \"feeds.d/*.toml\"",
                "f.toml:4:12: feed 1: interval = \"1s\" is below the least of 1m; write at least \"1m\", or allow_private = true for a feed on your own network",
                "d/x.toml:1:1: include cannot stand in an included file; move it to the file that includes this one",
                "d/x.toml:2:2: daemon cannot stand in an included file; move it to the file that includes this one",
                "d/x.toml:4:7: feed 1: url = \"http://a.example/\" is that of the feed at f.toml:3; keep one of the two",
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_text_is_one_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.toml");
        assert_eq!(
            said(&folder, load(&path)),
            ["f.toml: cannot be read: there is no such file; create it, or correct the path"]
        );
        fs::write(&path, b"\x7fELF\0\0").unwrap();
        assert_eq!(said(&folder, load(&path)), ["f.toml: is binary: it holds a zero byte; write it as text in UTF-8"]);
        fs::write(&path, b"a = 1\n# caf\xe9\n").unwrap();
        assert_eq!(said(&folder, load(&path)), ["f.toml: is not UTF-8 in line 2; write it as text in UTF-8"]);
        fs::File::create(&path).unwrap().set_len(CONFIG_BYTES_MAX + 1).unwrap();
        assert_eq!(said(&folder, load(&path)), ["f.toml: is larger than the most of 64MiB; name a smaller one"]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(said(&folder, load(&path)), ["f.toml: is a directory; name a file in it"]);
        let socket = folder.path().join("s.toml");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let expected = "s.toml: is not a regular file; write what it would give into a file, and name that";
        assert_eq!(said(&folder, load(&socket)), [expected]);
    }

    #[test]
    fn named_files_are_looked_at_by_check_alone() {
        let text = "[daemon]\ntoken_file = 'token'\n[defaults]\nca_file = 'ca.pem'\n\
                    [[feed]]\nurl = 'http://a.example/'\nusername = 'u'\npassword_file = 'gone'\n\
                    [[feed]]\nurl = 'http://b.example/'\nbearer_file = 'lines'\n\
                    [[feed]]\nurl = 'http://c.example/'\nbearer_file = 'empty'\n\
                    [[feed]]\nurl = 'http://d.example/'\nbearer_file = 'gone'\n";
        let folder = folder(&[
            ("f.toml", text),
            ("token", "hush\n"),
            ("ca.pem", "hush"),
            ("lines", "hush\nhush\n"),
            ("empty", "\n"),
        ]);
        let path = folder.path().join("f.toml");
        assert_eq!(load(&path).unwrap().feeds.len(), 4);
        let missing = "cannot be read: there is no such file; create it, or correct the path";
        assert_eq!(
            said(&folder, check(&path)),
            [
                "f.toml:4:11: [defaults]: ca_file = \"ca.pem\" is a file without a certificate in PEM; name one with -----BEGIN CERTIFICATE----- in it".to_owned(),
                format!("f.toml:8:17: feed 1: password_file = \"gone\" {missing}"),
                "f.toml:11:15: feed 2: bearer_file = \"lines\" is a file of several lines; leave nothing but the secret in it, on one line".to_owned(),
                "f.toml:14:15: feed 3: bearer_file = \"empty\" is an empty file; write the secret into it, on one line".to_owned(),
                format!("f.toml:17:15: feed 4: bearer_file = \"gone\" {missing}"),
            ]
        );
        fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        for name in ["gone", "lines", "empty"] {
            fs::write(folder.path().join(name), "hush").unwrap();
        }
        assert_eq!(check(&path).unwrap().feeds.len(), 4);
    }

    #[test]
    fn a_path_may_begin_with_the_directory_of_credentials() {
        let mut assembly = Assembly::with_credentials(Some(PathBuf::from("/run/credentials/rssd.service")));
        let text = "[daemon]\ntoken_file = '$CREDENTIALS_DIRECTORY/token'";
        syntax::add_text(&mut assembly, Path::new("f.toml"), text, true);
        let expected = PathBuf::from("/run/credentials/rssd.service/token");
        assert_eq!(take_config(&mut assembly).daemon.token_file, Some(expected));
        assert_eq!(assembly.report.finish(), Ok(()));
    }
}
