//! OPML as it is found: what it subscribes to, and in which folders, as far as the file can be read (OPML 2.0,
//! <http://opml.org/spec2.opml>).
//!
//! The tolerant scanner of the repair reads it, so nothing is an error: `xmlUrl` in any case, a bare ampersand, a
//! missing `type`, a tag that is never closed, a file that ends in the middle. What is worth subscribing to is not judged here.

use super::repair::tokens::{Tag, Token, Tokens, tag};
use super::{charset, text};
use crate::limits::{OUTLINE_DEPTH_MAX, OUTLINES_OPEN_MAX, TITLE_BYTES_MAX};

/// One `<outline>` that is no folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
    /// On one line.
    pub(crate) title: Option<String>,
    /// As written, references decoded; `None`: it is no subscription.
    pub(crate) url: Option<String>,
    /// The names of the outlines around it that are no subscriptions themselves, the outermost first.
    pub(crate) folders: Vec<String>,
    /// Its `category`: comma-separated, paths with slashes.
    pub(crate) category: Option<String>,
    /// It or one around it says `isComment="true"`: somebody has put it out of use.
    pub(crate) is_comment: bool,
}

/// The outlines of a file in its order; `None` if it is no OPML: it has neither such an element nor an outline.
pub(crate) fn outlines(bytes: &[u8]) -> Option<Vec<Outline>> {
    let text = charset::to_utf8(bytes, None, None);
    let mut reader = Reader { lines: Lines { text: &text, at: 0, line: 1 }, ..Reader::default() };
    let mut tokens = Tokens::new(&text);
    let mut is_opml = false;
    while let Some(token) = tokens.next() {
        match token {
            Token::Start(tag) if tag.split_name().1.eq_ignore_ascii_case("opml") => is_opml = true,
            Token::Start(tag) if is_outline(tag.split_name().1) && is_balanced(tag.raw) => {
                is_opml = true;
                reader.open(&tag, tokens.at - tag.raw.len());
            }
            // Markup in an attribute, never escaped: some readers write their feeds' descriptions so.
            Token::Start(Tag { raw: broken, .. }) | Token::Text(broken) => {
                let begin = tokens.at - broken.len();
                let Some(at) = next_outline(&text[begin..tokens.at], &["<outline"]).map(|at| begin + at) else {
                    continue;
                };
                let Some(Token::Start(tag)) = whole(&text[at..]).map(tag) else { continue };
                is_opml = true;
                reader.open(&tag, at);
                tokens.at = at + tag.raw.len();
            }
            Token::End(name) if is_outline(name.rsplit(':').next().unwrap_or(name)) => reader.close(),
            _ => {}
        }
    }
    while !reader.open.is_empty() {
        reader.close();
    }
    reader.found.sort_by_key(|(at, _)| *at);
    is_opml.then(|| reader.found.into_iter().map(|(_, outline)| outline).collect())
}

/// Whether every quoted value has its end. An apostrophe within double quotes is none.
fn is_balanced(tag: &str) -> bool {
    tag.matches('"').count().is_multiple_of(2)
}

/// The tag that a text begins with, however broken, up to the last bracket before the next one of an outline, or the end of
/// all.
fn whole(text: &str) -> Option<&str> {
    let ends = ["<outline", "</outline", "</body", "</opml"];
    let end = next_outline(&text[1..], &ends).map_or(text.len(), |at| at + 1);
    Some(&text[..=text[..end].rfind('>')?])
}

/// Where one of these begins, in any case.
fn next_outline(text: &str, starts: &[&str]) -> Option<usize> {
    let is_one = |rest: &str| {
        let begins = |start: &&str| rest.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
        starts.iter().any(begins)
    };
    text.match_indices('<').map(|(at, _)| at).find(|at| is_one(&text[*at..]))
}

fn is_outline(name: &str) -> bool {
    name.eq_ignore_ascii_case("outline")
}

#[derive(Default)]
struct Reader<'a> {
    /// Those whose end has not come.
    open: Vec<Open>,
    /// With where they begin: a folder turns out to be none when it ends.
    found: Vec<(usize, Outline)>,
    lines: Lines<'a>,
}

struct Open {
    at: usize,
    outline: Outline,
    has_children: bool,
}

impl Reader<'_> {
    fn open(&mut self, tag: &Tag<'_>, at: usize) {
        let folder = |open: &Open| match &open.outline {
            Outline { url: None, title, .. } => title.clone(),
            _ => None,
        };
        let is_comment = tag.attribute("isComment").is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        let outline = Outline {
            line: self.lines.of(at),
            title: value(tag, "text").or_else(|| value(tag, "title")),
            url: url(tag),
            folders: self.open.iter().take(OUTLINE_DEPTH_MAX).filter_map(folder).collect(),
            category: value(tag, "category"),
            is_comment: is_comment || self.open.last().is_some_and(|open| open.outline.is_comment),
        };
        if let Some(parent) = self.open.last_mut() {
            parent.has_children = true;
        }
        self.open.push(Open { at, outline, has_children: false });
        if tag.empty || self.open.len() > OUTLINES_OPEN_MAX {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(Open { at, outline, has_children }) = self.open.pop() else { return };
        if outline.url.is_some() || !has_children {
            self.found.push((at, outline));
        }
    }
}

/// `xmlUrl`, or the `url` of an outline that says it is a feed: that of others is a page or another list.
fn url(tag: &Tag<'_>) -> Option<String> {
    let is_feed =
        || value(tag, "type").is_some_and(|kind| ["rss", "atom", "feed"].iter().any(|f| kind.eq_ignore_ascii_case(f)));
    let of = |name: &str| Some(text::decode(tag.attribute(name)?).trim().to_owned()).filter(|url| !url.is_empty());
    of("xmlUrl").or_else(|| is_feed().then(|| of("url"))?)
}

fn value(tag: &Tag<'_>, name: &str) -> Option<String> {
    text::line(&text::decode(tag.attribute(name)?), TITLE_BYTES_MAX)
}

/// Counts lines as it goes along, so that a file is gone over once.
#[derive(Default)]
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of a place, no earlier than the one asked for before.
    fn of(&mut self, at: usize) -> usize {
        self.line += self.text.as_bytes()[self.at..at].iter().filter(|byte| **byte == b'\n').count();
        self.at = at;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `LINE FOLDERS | TITLE | URL`, and an exclamation mark for what is put out of use.
    fn check(opml: impl AsRef<[u8]>, expected: &[&str]) {
        let shown = |o: &Outline| {
            let (title, url) = (o.title.as_deref().unwrap_or("-"), o.url.as_deref().unwrap_or("-"));
            let (folders, mark) = (o.folders.join("/"), if o.is_comment { "!" } else { "" });
            format!("{} {folders} | {title} | {url}{mark}", o.line)
        };
        let found: Vec<_> = outlines(opml.as_ref()).unwrap_or_default().iter().map(shown).collect();
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(opml.as_ref()));
    }

    #[test]
    fn folders_and_feeds() {
        check(
            "<?xml version='1.0'?><opml version='2.0'><head><title>x</title></head><body>\n\
             <outline text='News'>\n<outline title='World' text=' The  World '>\n\
             <outline type='rss' text='BBC' xmlUrl='https://a.test/?a=1&amp;b=2'/>\n</outline>\n\
             <outline text='CNN' xmlUrl='https://b.test/'></outline></outline>\n\
             <outline xmlUrl='https://c.test/'/></body></opml>",
            &[
                "4 News/The World | BBC | https://a.test/?a=1&b=2",
                "6 News | CNN | https://b.test/",
                "7  | - | https://c.test/",
            ],
        );
    }

    #[test]
    fn odd_files_are_read_as_far_as_they_go() {
        for (opml, expected) in [
            ("<opml><OUTLINE TEXT=a XMLURL=http://a.test/ >", &["1  | a | http://a.test/"][..]),
            (
                "<outline title=c text=a&b xmlurl='http://a.test/?x&y=1&copy=2'>",
                &["1  | a&b | http://a.test/?x&y=1&copy=2"],
            ),
            (
                "<opml><outline text='cut off' xmlUrl='http://a.test/'><outline text='b",
                &["1  | cut off | http://a.test/"],
            ),
            // Markup that was not escaped.
            (
                "<opml><outline text='f'><outline text=\"1\" d=\"<p>BBC's <a href=\"x\">x</a></p>\" xmlUrl=\"a\" />\n\
                 <outline text=\"2\" d=\"a > b <b>\" xmlUrl=\"b\"/></outline>\n<outline text='it is' d=\"it's\" xmlUrl=\"c\"/>",
                &["1 f | 1 | a", "2 f | 2 | b", "3  | it is | c"],
            ),
            // Never closed: a feed is no folder.
            ("<opml><outline xmlUrl='a'><outline xmlUrl='b'>", &["1  | - | a", "1  | - | b"]),
            ("<opml><outline type=rss url='a'/><outline type=link url='b'/>", &["1  | - | a", "1  | - | -"]),
            (
                "<opml><outline text=empty></outline><outline text='only words'/>",
                &["1  | empty | -", "1  | only words | -"],
            ),
            ("<opml><outline isComment='true' text=f><outline xmlUrl=a /></outline>", &["1 f | - | a!"]),
            ("<opml><!-- <outline xmlUrl='a'/> --><outline xmlUrl='&#98;'/></outline></outline>", &["1  | - | b"]),
            ("<opml><body/></opml>", &[]),
        ] {
            check(opml, expected);
        }
        check(
            b"<?xml version='1.0' encoding='iso-8859-1'?><opml><outline text='caf\xe9' xmlUrl='a'/>",
            &["1  | café | a"],
        );
        check(b"<?xml version='1.0' encoding='utf-8'?><opml><outline text='caf\xe9' xmlUrl='a'/>", &["1  | café | a"]);
        for (bytes, is_opml) in [(&b""[..], false), (b"<rss/>", false), (b"outline", false), (b"<x:opml/>", true)] {
            assert_eq!(outlines(bytes).is_some(), is_opml);
        }
    }

    #[test]
    fn a_thousand_open_folders_are_not_a_path() {
        let deep = "<outline text=f>".repeat(1_000) + "<outline xmlUrl=a>";
        assert_eq!(outlines(deep.as_bytes()).unwrap()[0].folders.len(), OUTLINE_DEPTH_MAX);
    }
}
