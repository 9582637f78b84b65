//! HTML to plain text, tag by tag: what only looks like a tag stays, and no search is made twice in vain.

use std::borrow::Cow;

use memchr::memchr2;

use super::{decode, find};

/// HTML as plain text: tags out, entities decoded. What only looks like a tag (`a < b`, `Vec<T>`) stays.
pub(crate) fn from_html(html: &str) -> Cow<'_, str> {
    if memchr2(b'<', b'&', html.as_bytes()).is_none() {
        return Cow::Borrowed(html);
    }
    let mut text = String::with_capacity(html.len());
    let mut missing = Missing::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        match tag(rest, &mut missing) {
            Some((length, breaks)) => {
                if breaks {
                    text.push(' ');
                }
                rest = &rest[length..];
            }
            None => {
                text.push('<');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    Cow::Owned(decode(&text).into_owned())
}

/// What the rest of a text was searched for in vain: not again, or the search would be quadratic.
#[derive(Default)]
struct Missing {
    tag_end: bool,
    double_quote: bool,
    single_quote: bool,
    script_end: bool,
    style_end: bool,
}

/// The tag or comment that a text starts with: its length, and whether it separates words.
fn tag(text: &str, missing: &mut Missing) -> Option<(usize, bool)> {
    if text.starts_with("<!--") {
        // Without an end it is the rest, as in a browser (HTML, 13.2.5.45).
        return Some((find(text, "-->").map_or(text.len(), |at| at + 3), false));
    }
    let name = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    if !matches!(name[end..].chars().next(), Some('>' | '/' | ' ' | '\t' | '\n' | '\r')) {
        return None;
    }
    let name = name[..end].to_ascii_lowercase();
    let breaks = BLOCKS.contains(&name.as_str());
    if !breaks && !INLINES.contains(&name.as_str()) {
        return None;
    }
    // A script's text is no text.
    if matches!(name.as_str(), "script" | "style") && !text.starts_with("</") {
        let known_missing = if name == "script" { missing.script_end } else { missing.style_end };
        let end = if known_missing { None } else { raw_text_end(text, &name, missing) };
        *(if name == "script" { &mut missing.script_end } else { &mut missing.style_end }) = end.is_none();
        return Some((end?, true));
    }
    Some((tag_end(text, missing)? + 1, breaks))
}

/// Where the `>` of a tag is: one inside of an attribute's quotes ends nothing.
fn tag_end(text: &str, missing: &mut Missing) -> Option<usize> {
    let mut at = 0;
    while !missing.tag_end {
        let found = text[at..].find(['>', '"', '\'']);
        #[cfg(test)]
        crate::parse::effort::scanned(found.unwrap_or(text.len() - at));
        let Some(found) = found else {
            missing.tag_end = true;
            break;
        };
        at += found;
        let mark = &text[at..=at];
        if mark == ">" {
            return Some(at);
        }
        let opens = text[..at].trim_end().ends_with('=');
        at += 1;
        let known_missing = if mark == "\"" { &mut missing.double_quote } else { &mut missing.single_quote };
        // A quote that nothing closes is none.
        if opens && let Some(close) = find_unless(known_missing, &text[at..], mark) {
            at += close + 1;
        }
    }
    None
}

/// The end of an element whose text is read up to its end tag, in whatever case that is written.
fn raw_text_end(text: &str, name: &str, missing: &mut Missing) -> Option<usize> {
    let is_end = |at: &usize| {
        text.as_bytes().get(at + 2..at + 2 + name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
    };
    let close = text.match_indices("</").map(|(at, _)| at).find(is_end);
    #[cfg(test)]
    crate::parse::effort::scanned(close.unwrap_or(text.len()));
    let close = close?;
    Some(close + find_unless(&mut missing.tag_end, &text[close..], ">")? + 1)
}

/// Where `wanted` is, if it is not known to be missing.
fn find_unless(missing: &mut bool, text: &str, wanted: &str) -> Option<usize> {
    if *missing {
        return None;
    }
    let found = find(text, wanted);
    *missing = found.is_none();
    found
}

const BLOCKS: [&str; 35] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "script",
    "section",
    "style",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "ul",
    "nav",
];

const INLINES: [&str; 49] = [
    "a", "abbr", "acronym", "audio", "b", "bdi", "bdo", "big", "button", "cite", "code", "del", "dfn", "em", "embed",
    "font", "form", "i", "iframe", "img", "input", "ins", "kbd", "label", "link", "map", "mark", "meta", "object",
    "param", "picture", "q", "s", "samp", "small", "source", "span", "strike", "strong", "sub", "sup", "svg", "tt",
    "u", "var", "video", "wbr", "time", "nobr",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::effort;

    #[test]
    fn html_to_plain_text() {
        for (html, want) in [
            ("plain", "plain"),
            ("<b>AT&amp;T</b> &amp; co", "AT&T & co"),
            ("a < b and c > d", "a < b and c > d"),
            ("Vec<T> in <code>Rust</code>", "Vec<T> in Rust"),
            ("one<br/>two", "one two"),
            ("caf&eacute; &#8217;&#x2019;&#146; &bogus; & &;", "café ’’’ &bogus; & &;"),
            ("<script>alert(1)</script>x", " x"),
            ("<sCript>É</div></SCRIPT >x<style>y</STYLE>", " x "),
            ("<script>x <b>y</b>", "<script>x y"),
            ("<img src=x onerror='a'>x", "x"),
            ("x <!-- hidden --> y", "x  y"),
            ("<b unclosed", "<b unclosed"),
            ("x<!-- <b> --", "x"),
            ("<img alt=\"a<br />b>\" src='>'>x", "x"),
            ("<a href=\"x>y</a> isn't", "y isn't"),
            ("<a href = 'x>y'>z", "z"),
            ("&#xD800; &#1114112; &#", "&#xD800; &#1114112; &#"),
        ] {
            assert_eq!(from_html(html), want, "{html}");
        }
    }

    #[test]
    fn what_is_missing_is_searched_for_once() {
        const BYTES: usize = 1 << 16;
        for piece in [
            "<!--",
            "<script ",
            "<SCRIPT x",
            "<style>",
            "<a ",
            "</a ",
            "<br/",
            "<a b=\"",
            "<a b='>",
            "<a b='>' ",
            "<script></script",
            "<script></scripT ",
            "&",
        ] {
            let html = piece.repeat(BYTES / piece.len());
            let (_, scanned) = effort::of(|| from_html(&html));
            assert!(scanned < 8 * BYTES, "{piece}: {scanned} bytes scanned");
        }
    }
}
