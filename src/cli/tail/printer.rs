//! What `rssd tail` writes to standard output: an article a line for programs, a readable one for people.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;

use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::Value;

use crate::escape;

/// A name, a title or an address is cut to this many characters.
const CHARS_MAX: usize = 300;

pub(super) struct Printer {
    json: bool,
    out: BufWriter<io::StdoutLock<'static>>,
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(super) enum Unwritable {
    /// Nobody reads it, as after `| head`.
    Unread,
    Failed(io::Error),
}

impl From<io::Error> for Unwritable {
    fn from(error: io::Error) -> Unwritable {
        if error.kind() == ErrorKind::BrokenPipe { Unwritable::Unread } else { Unwritable::Failed(error) }
    }
}

impl Printer {
    pub(super) fn new(json: bool) -> Printer {
        Printer { json, out: BufWriter::new(io::stdout().lock()) }
    }

    /// Writes an article that came as `data`. Gives whether it is one: what is no JSON object is not written.
    pub(super) fn article(&mut self, data: &str) -> Result<bool, Unwritable> {
        let Ok(article @ Value::Object(_)) = serde_json::from_str::<Value>(data) else { return Ok(false) };
        if self.json {
            // Outside its strings JSON may hold ends of lines, and inside them it holds none.
            self.out.write_all(escape::json(&data.replace(['\n', '\r'], " ")).as_bytes())?;
            self.out.write_all(b"\n")?;
        } else {
            self.out.write_all(for_person(&article).as_bytes())?;
        }
        Ok(true)
    }

    /// Lets go what was written so far.
    pub(super) fn flush(&mut self) -> Result<(), Unwritable> {
        self.out.flush()?;
        // A quiet stream writes nothing, and would not learn that nobody reads it any more.
        let out = self.out.get_ref().as_fd();
        let mut looks = [PollFd::new(out, PollFlags::empty())];
        let is_unread = poll(&mut looks, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
            && looks[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
        if is_unread { Err(Unwritable::Unread) } else { Ok(()) }
    }
}

/// Time, feed, title, and in a second line the address; nothing of it unescaped.
fn for_person(article: &Value) -> String {
    let text = |key: &str| article[key].as_str().map(|text| escape::line(text, CHARS_MAX));
    let time = article["published"].as_str().or(article["fetched"].as_str());
    let time = time.and_then(|time| time.parse::<Timestamp>().ok());
    let time = time.map_or_else(|| " ".repeat(17), |time| time.strftime("%Y-%m-%d %H:%MZ").to_string());
    let feed = text("feed").unwrap_or_default();
    let updated = if article["op"] == "updated" { " (updated)" } else { "" };
    let title = text("title").unwrap_or_else(|| "(no title)".to_owned());
    let url = text("url").map_or_else(String::new, |url| format!("{:19}{url}\n", ""));
    format!("{time}  {feed}{updated}  {title}\n{url}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Html;
    use crate::wire::samples::Sample;

    #[test]
    fn an_article_is_two_lines_whatever_it_holds() {
        let shown = |sample: &Sample| {
            for_person(&serde_json::from_slice(&sample.view().to_json(Html::Sanitised)).expect("it is JSON"))
        };
        assert_eq!(
            shown(&Sample::full()),
            "2024-05-06 07:08Z  bbc-world (updated)  A <b>title</b>\n                   https://example.org/a/1\n"
        );
        assert_eq!(shown(&Sample::bare()), "1970-01-01 00:00Z  f  (no title)\n");
        let mut hostile = Sample::full();
        hostile.title = Some("\u{1b}[2J\u{9b}31m\n\u{202e}x".into());
        hostile.feed = "\u{7}f".into();
        let shown = shown(&hostile);
        assert!(shown.contains("\\u{7}f (updated)  \\u{1b}[2J\\u{9b}31m\\u{a}\\u{202e}x\n"), "{shown}");
        assert_eq!(shown.lines().count(), 2);
        // Nor is there anything that no daemon would send.
        assert_eq!(for_person(&serde_json::json!({"published": "soon", "title": 5})).lines().count(), 1);
    }
}
