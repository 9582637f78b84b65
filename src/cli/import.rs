//! `rssd import`: OPML to feeds.toml. Everything that the file holds is either in what is printed or in a line on standard
//! error that says why it is not; what is printed passes `rssd check`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use url::Url;

use super::check::counted;
use super::exit;
use super::feed_table::FeedTables;
use crate::config;
use crate::escape;
use crate::limits::{FEEDS_IMPORTED_MAX, LABEL_BYTES_MAX, LABELS_MAX, OPML_BYTES_MAX};
use crate::parse::opml::{self, Outline};

/// What is shown of a title or URL.
const SHOWN_CHARS_MAX: usize = 200;

/// The label that folders become.
const CATEGORY: &str = "category";

/// What `--help` says beside the options.
const MORE: &str = "\
Folders become the label `category`: \"News/World\" for a feed in World in News. Categories like /KEY/VALUE, as `rssd \
export` writes them, become the label KEY. Names are made from the URLs.

Odd files are read as far as they go. What is left out (no URL, neither http nor https, the same URL twice) has a line on \
standard error each, and the last line counts. Exit code 65: the file is no OPML.";

#[derive(clap::Args, Debug)]
#[command(after_help = MORE)]
pub(super) struct ImportArgs {
    /// The OPML file; `-` reads standard input
    file: PathBuf,
}

pub(super) fn run(args: &ImportArgs) -> u8 {
    let shown = args.file.display();
    let bytes = match read(&args.file) {
        Ok(bytes) if bytes.len() as u64 > OPML_BYTES_MAX => {
            complain!("rssd: {shown} is larger than {OPML_BYTES_MAX} bytes; split it");
            return exit::DATA;
        }
        Ok(bytes) => bytes,
        Err(error) => {
            complain!("rssd: cannot read {shown}: {error}; give a readable file, or - for standard input");
            let is_forbidden = error.kind() == std::io::ErrorKind::PermissionDenied;
            return if is_forbidden { exit::PERMISSION } else { exit::USAGE };
        }
    };
    let Some(outlines) = opml::outlines(&bytes) else {
        complain!("rssd: {shown} is no OPML: it has no outlines; export the subscriptions of your reader as OPML");
        return exit::DATA;
    };
    let imported = import(&outlines);
    for line in &imported.left_out {
        complain!("{line}");
    }
    let (taken, all) = (imported.taken, outlines.len());
    match all - taken {
        0 => complain!("{} imported", counted(taken, "feed")),
        left_out => complain!("{taken} of {all} outlines imported as feeds, {left_out} left out"),
    }
    // A reader that left early, as `head` does, is no error.
    let _ = std::io::stdout().lock().write_all(imported.toml.as_bytes());
    exit::FINE
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than is taken, to know a larger one.
    let limit = OPML_BYTES_MAX + 1;
    match file.as_os_str() == "-" {
        true => std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?,
        false => File::open(file)?.take(limit).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

#[derive(Debug, Default)]
pub(super) struct Imported {
    pub(super) toml: String,
    pub(super) taken: usize,
    /// A line each.
    pub(super) left_out: Vec<String>,
}

pub(super) fn import(outlines: &[Outline]) -> Imported {
    let mut imported = Imported::default();
    let mut tables = FeedTables::default();
    // Where each URL stands first.
    let mut known: HashMap<Url, usize> = HashMap::new();
    for outline in outlines {
        let judged = judge(outline).and_then(|url| match known.get(&url) {
            Some(line) => Err(format!("the same URL as in line {line}")),
            None if imported.taken == FEEDS_IMPORTED_MAX => Err(format!("more than {FEEDS_IMPORTED_MAX} feeds")),
            None => Ok(url),
        });
        match judged {
            Ok(url) => {
                imported.toml += &tables.table(outline.title.as_deref(), &url, &labels(outline));
                imported.taken += 1;
                known.insert(url, outline.line);
            }
            Err(why) => {
                let title = outline.title.as_deref().unwrap_or("(no title)");
                let title = escape::line(title, SHOWN_CHARS_MAX);
                imported.left_out.push(format!("line {}: {title}: left out: {why}", outline.line));
            }
        }
    }
    imported
}

/// The URL that feeds.toml can hold.
///
/// # Errors
///
/// Why there is none.
fn judge(outline: &Outline) -> Result<Url, String> {
    let Some(written) = &outline.url else { return Err("it has no xmlUrl, so it is no feed".to_owned()) };
    if outline.is_comment {
        return Err("it is put out of use by isComment".to_owned());
    }
    config::feed_url(&over_http(written)).map_err(|(wrong, remedy)| {
        let shown = escape::line(&config::shown_url(written), SHOWN_CHARS_MAX);
        format!("its URL {shown} {wrong}; {remedy}")
    })
}

/// `feed://host/` and its like are http, and `feed:https://host/` says which.
fn over_http(url: &str) -> String {
    let lower = url.get(..7).unwrap_or_default().to_ascii_lowercase();
    let Some(scheme) = ["feed:", "rss:", "pcast:", "itpc:"].into_iter().find(|scheme| lower.starts_with(scheme)) else {
        return url.to_owned();
    };
    let rest = &url[scheme.len()..];
    if rest.starts_with("//") { format!("http:{rest}") } else { rest.to_owned() }
}

/// Folders become the category. Paths of two steps in the outline's own `category` are a key and its value, as `rssd export`
/// writes them; of others the first is the category, if there is no folder.
fn labels(outline: &Outline) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut category = outline.folders.join("/");
    for path in outline.category.iter().flat_map(|paths| paths.split(',')) {
        let steps: Vec<String> =
            path.split('/').map(|step| unescaped(step.trim())).filter(|step| !step.is_empty()).collect();
        match (&steps[..], path.trim().starts_with('/')) {
            ([key, value], true) if !key.contains(':') => {
                labels.insert(fit(key), fit(value));
            }
            (steps, _) if category.is_empty() => category = steps.join("/"),
            _ => {}
        }
    }
    if !category.is_empty() {
        labels.insert(CATEGORY.to_owned(), fit(&category));
    }
    labels.retain(|key, value| !key.is_empty() && !value.is_empty());
    while labels.len() > LABELS_MAX {
        labels.pop_last();
    }
    labels
}

/// What the configuration takes for a key or a value.
fn fit(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !config::is_invisible(*c)).collect();
    visible[..visible.floor_char_boundary(LABEL_BYTES_MAX)].trim().to_owned()
}

/// A step of a path without the escapes that `rssd export` writes.
fn unescaped(step: &str) -> String {
    step.replace("%2F", "/").replace("%2C", ",").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(url: &str) -> Outline {
        Outline { line: 1, url: Some(url.to_owned()), ..Outline::default() }
    }

    #[test]
    fn urls_are_taken_or_told() {
        for (url, expected) in [
            ("http://a.test/", Ok("http://a.test/")),
            ("HTTPS://A.test/x?y#z", Ok("https://a.test/x?y")),
            ("feed://a.test/x", Ok("http://a.test/x")),
            ("feed:https://a.test/x", Ok("https://a.test/x")),
            ("itpc://a.test/x", Ok("http://a.test/x")),
            ("ftp://a.test/", Err("has the scheme \"ftp\"")),
            ("a.test/feed", Err("is not a URL")),
            ("/feed.xml", Err("is not a URL")),
            ("http://u:hush@a.test/", Err("its URL \"http://***@a.test/\" holds credentials")),
            ("feed:", Err("has no host")),
        ] {
            match (judge(&outline(url)), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.as_str(), expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
        assert!(judge(&Outline::default()).unwrap_err().contains("no xmlUrl"));
        assert!(judge(&Outline { is_comment: true, ..outline("http://a.test/") }).unwrap_err().contains("isComment"));
    }

    #[test]
    fn folders_and_categories_are_labels() {
        let read = |folders: &[&str], category: &str| {
            let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
            let category = Some(category.to_owned()).filter(|category| !category.is_empty());
            let labels = labels(&Outline { folders, category, ..outline("http://a.test/") });
            labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        for (folders, category, expected) in [
            (&[][..], "", ""),
            (&["News", "World"], "", "category=News/World"),
            (&[], "/category/A%2FB,/odd%2Fkey/a%2Cb%25", "category=A/B odd/key=a,b%"),
            (&["News"], "/country/GB", "category=News country=GB"),
            (&[], "/Philosophy/Baseball/Mets,tech", "category=Philosophy/Baseball/Mets"),
            (&[], " , tech ", "category=tech"),
            (&["News"], "tech", "category=News"),
            (&["a\u{200b}\u{202e}"], "/a:b/c", "category=a"),
        ] {
            assert_eq!(read(folders, category), expected, "{folders:?} {category:?}");
        }
        assert_eq!(read(&[&"é".repeat(400)], "").len(), "category=".len() + LABEL_BYTES_MAX);
        let many: String = (0..100).map(|n| format!("/k{n}/v,")).collect();
        assert_eq!(read(&[], &many).split(' ').count(), LABELS_MAX);
    }

    #[test]
    fn every_outline_is_printed_or_told() {
        let urls = ["http://a.test/f", "https://a.test/f", "http://a.test/f#x", "", "http://a.test/f?"];
        let outlines: Vec<_> = urls.iter().map(|url| outline(url)).collect();
        let imported = import(&outlines);
        assert_eq!((imported.taken, imported.left_out.len()), (3, 2), "{imported:?}");
        assert!(imported.left_out[0].contains("the same URL as in line 1"), "{imported:?}");
        assert_eq!(config::parse(&imported.toml, "feeds.toml").unwrap().feeds.len(), 3);
    }
}
