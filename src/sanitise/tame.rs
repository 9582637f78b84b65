//! Makes HTML cheap to build a tree of: one pass, no tree, linear in the text.
//!
//! A browser's way of reading HTML can be made to cost the square of a text: formatting elements that are opened again in
//! each paragraph, text that is moved out of tables past all its siblings, a tag with a hundred thousand attributes, each
//! compared with each. So tags are written out again closed, balanced and counted, elements that are not shown are left
//! out, and formatting ones lose their attributes, without which equal ones count once. And html5ever 0.40, which writes
//! ammonia's answer, looks through the rest of a text for each character that it escapes: so long texts are cut by empty
//! comments, which ammonia takes out again. 140 KB took it 75 seconds and 350 MB without the one, 2 MB of `&` 58 seconds
//! without the other.
//!
//! It decides nothing about safety: attributes and links go through as they are.

use std::borrow::Cow;

use url::Url;

use super::ELEMENTS;
use crate::limits::{
    SANITISE_ATTRIBUTE_BYTES_MAX, SANITISE_ATTRIBUTES_MAX, SANITISE_BYTES_MAX, SANITISE_DEPTH_MAX,
    SANITISE_ELEMENTS_MAX, SANITISE_TEXT_BYTES_MAX, URL_BYTES_MAX,
};

/// Elements whose content is no text of the article either.
#[rustfmt::skip]
const SKIPPED: [&str; 17] = [
    "applet", "audio", "canvas", "iframe", "math", "noembed", "noframes", "script", "select", "style", "svg", "template",
    "textarea", "title", "video", "xml", "xmp",
];

const VOID: [&str; 4] = ["br", "col", "hr", "img"];

/// A browser opens these again in the next block where they were not closed: an element inside its like says nothing.
const FORMATTING: [&str; 9] = ["a", "b", "code", "em", "i", "s", "small", "strong", "u"];

/// Ends of other elements do not reach out of these, nor do elements that close each other.
const CELLS: [&str; 4] = ["caption", "table", "td", "th"];

const TABLE_PARTS: [&str; 8] = ["caption", "table", "tbody", "td", "tfoot", "th", "thead", "tr"];

/// The longest names of characters have 33, with `&` and `;`.
const REFERENCE_BYTES_MAX: usize = 40;

/// The same text, balanced and bounded.
pub(super) fn tame(html: &str, base: Option<&Url>) -> String {
    let out = String::with_capacity(html.len() + 64);
    let mut tamer = Tamer { out, open: Vec::new(), elements: 0, text_bytes: 0, base };
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        tamer.text(&rest[..at]);
        rest = tamer.markup(&rest[at..]);
        if tamer.out.len() > SANITISE_BYTES_MAX {
            rest = "";
        }
    }
    tamer.text(rest);
    tamer.out.truncate(tamer.out.floor_char_boundary(SANITISE_BYTES_MAX));
    tamer.close_down_to(0);
    tamer.out
}

struct Tamer<'a> {
    out: String,
    /// Open elements, at most [`SANITISE_DEPTH_MAX`].
    open: Vec<&'static str>,
    elements: usize,
    /// Of text, since the last tag or cut.
    text_bytes: usize,
    base: Option<&'a Url>,
}

impl Tamer<'_> {
    /// Takes one tag, comment or lone `<` from the front of a text, and gives what follows.
    fn markup<'t>(&mut self, text: &'t str) -> &'t str {
        let inner = &text[1..];
        match inner.bytes().next() {
            Some(b'!') if inner.starts_with("!--") => after(&inner[3..], "-->"),
            // Some feeds escape nothing inside it.
            Some(b'!') if inner.starts_with("![CDATA[") => &inner[8..],
            Some(b'!' | b'?') => after(inner, ">"),
            Some(b'/') if inner[1..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let name = name(&inner[1..]);
                self.end(&lower(name));
                after(&inner[1 + name.len()..], ">")
            }
            Some(b) if b.is_ascii_alphabetic() => self.start(inner),
            _ => {
                self.text("&lt;");
                inner
            }
        }
    }

    /// A start tag from its name on.
    fn start<'t>(&mut self, text: &'t str) -> &'t str {
        let written = name(text);
        let name = lower(written);
        let text = &text[written.len()..];
        if SKIPPED.binary_search(&&*name).is_ok() {
            return after_element(attributes(text, |_, _| {}), &name);
        }
        let Ok(known) = ELEMENTS.binary_search(&&*name) else { return attributes(text, |_, _| {}) };
        let name = ELEMENTS[known];
        self.close_implied(name);
        let is_again = FORMATTING.contains(&name) && self.open.contains(&name);
        if is_again || self.open.len() >= SANITISE_DEPTH_MAX || self.elements >= SANITISE_ELEMENTS_MAX {
            return attributes(text, |_, _| {});
        }
        self.elements += 1;
        self.text_bytes = 0;
        self.out.push('<');
        self.out.push_str(name);
        let keeps_attributes = name == "a" || !FORMATTING.contains(&name);
        let (out, base) = (&mut self.out, self.base);
        let rest = attributes(text, |attribute, value| {
            if keeps_attributes {
                write_attribute(out, base, attribute, value);
            }
        });
        self.out.push('>');
        if !VOID.contains(&name) {
            self.open.push(name);
        }
        rest
    }

    fn end(&mut self, name: &str) {
        let stops = |open: &str| open != name && CELLS.contains(&open) && !TABLE_PARTS.contains(&name);
        let reachable = self.open.iter().rev().take_while(|open| !stops(open));
        if let Some(up) = reachable.into_iter().position(|open| *open == name) {
            self.close_down_to(self.open.len() - 1 - up);
        }
    }

    /// What a start tag closes without being told to: HTML 4 let authors leave these ends out, and they do.
    fn close_implied(&mut self, name: &str) {
        let (closes, inside): (&[&str], &[&str]) = match name {
            "p" => (&["p"], &["blockquote", "div", "dd", "figure", "li", "section", "article", "details"]),
            "a" => (&["a"], &[]),
            "li" => (&["li"], &["ul", "ol"]),
            "dd" | "dt" => (&["dd", "dt"], &["dl"]),
            "td" | "th" => (&["td", "th"], &["table"]),
            "tr" => (&["tr"], &["table"]),
            "tbody" | "thead" | "tfoot" => (&["tbody", "thead", "tfoot", "tr"], &["table"]),
            _ => return,
        };
        let is_cell = TABLE_PARTS.contains(&name);
        let stops = |open: &str| inside.contains(&open) || (!is_cell && CELLS.contains(&open));
        let reachable = self.open.iter().rev().take_while(|open| !stops(open)).count();
        let from = self.open.len() - reachable;
        if let Some(at) = self.open[from..].iter().position(|open| closes.contains(open)) {
            self.close_down_to(from + at);
        }
    }

    fn text(&mut self, text: &str) {
        let mut rest = text;
        while self.text_bytes + rest.len() > SANITISE_TEXT_BYTES_MAX {
            let mut cut = rest.floor_char_boundary(SANITISE_TEXT_BYTES_MAX.saturating_sub(self.text_bytes));
            // Not through a reference.
            let near = cut.saturating_sub(REFERENCE_BYTES_MAX);
            if let Some(ampersand) = rest.as_bytes()[near..cut].iter().rposition(|b| *b == b'&') {
                cut = near + ampersand;
            }
            self.out.push_str(&rest[..cut]);
            self.out.push_str("<!---->");
            self.text_bytes = 0;
            rest = &rest[cut..];
        }
        self.out.push_str(rest);
        self.text_bytes += rest.len();
    }

    fn close_down_to(&mut self, depth: usize) {
        self.text_bytes = 0;
        for name in self.open.drain(depth..).rev() {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }
}

fn name(text: &str) -> &str {
    &text[..text.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(text.len())]
}

fn lower(name: &str) -> Cow<'_, str> {
    // No element that matters has a longer one, and a name can be as long as the text.
    let name = name.get(..16).unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// What follows the first `end`; nothing where there is none, as for a browser.
fn after<'t>(text: &'t str, end: &str) -> &'t str {
    text.find(end).map_or("", |at| &text[at + end.len()..])
}

/// What follows the end tag of an element that is not looked into.
fn after_element<'t>(text: &'t str, element: &str) -> &'t str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let found = name(rest.get(..element.len() + 1).unwrap_or(rest));
        if found.eq_ignore_ascii_case(element) {
            return after(rest, ">");
        }
    }
    ""
}

/// Tells the attributes of a tag, from behind its name on, as far as they are looked at; gives what follows the tag.
fn attributes<'t>(text: &'t str, mut found: impl FnMut(&'t str, &'t str)) -> &'t str {
    let mut rest = text;
    let mut count = 0;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        match rest.bytes().next() {
            None => return "",
            Some(b'>') => return &rest[1..],
            Some(_) => {}
        }
        // The first character belongs to the name, even if it is a `=`.
        let end = rest.char_indices().skip(1).find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='));
        let (name, behind) = rest.split_at(end.map_or(rest.len(), |(at, _)| at));
        let (value, behind) = match behind.trim_ascii_start().strip_prefix('=') {
            Some(assigned) => value(assigned.trim_ascii_start()),
            None => ("", behind),
        };
        count += 1;
        if count <= SANITISE_ATTRIBUTES_MAX {
            found(name, value);
        }
        rest = behind;
    }
}

/// A value, and what follows it.
fn value(text: &str) -> (&str, &str) {
    let quote = match text.bytes().next() {
        Some(b'"') => '"',
        Some(b'\'') => '\'',
        _ => return text.split_at(text.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(text.len())),
    };
    text[1..].split_once(quote).unwrap_or((&text[1..], ""))
}

fn write_attribute(out: &mut String, base: Option<&Url>, name: &str, value: &str) {
    let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_plain {
        return;
    }
    let is_link = ["href", "src", "cite"].iter().any(|link| name.eq_ignore_ascii_case(link));
    let value = if is_link { absolute(value, base) } else { Some(Cow::Borrowed(value)) };
    let Some(value) = value.filter(|value| is_link || value.len() <= SANITISE_ATTRIBUTE_BYTES_MAX) else { return };
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    // References in it stay as they are.
    out.extend(value.split_inclusive('"').flat_map(|part| match part.strip_suffix('"') {
        Some(part) => [part, "&quot;"],
        None => [part, ""],
    }));
    out.push('"');
}

/// A link as a browser on the page `base` would follow it; ammonia looks at where it leads.
fn absolute<'v>(link: &'v str, base: Option<&Url>) -> Option<Cow<'v, str>> {
    if link.len() > URL_BYTES_MAX {
        return None;
    }
    let Some(base) = base else { return Some(Cow::Borrowed(link)) };
    // An ampersand is the one reference that links are full of.
    let plain = if link.contains("&amp;") { Cow::Owned(link.replace("&amp;", "&")) } else { Cow::Borrowed(link) };
    match Url::parse(&plain) {
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let joined = base.join(&plain).ok()?;
            Some(Cow::Owned(joined.as_str().replace('&', "&amp;")))
        }
        _ => Some(Cow::Borrowed(link)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(html: &str, of: &str) -> usize {
        html.matches(of).count()
    }

    #[test]
    fn tables_are_sorted_and_searched() {
        assert!(ELEMENTS.is_sorted() && SKIPPED.is_sorted());
        assert!(VOID.iter().chain(&FORMATTING).chain(&CELLS).chain(&TABLE_PARTS).all(|name| ELEMENTS.contains(name)));
    }

    #[test]
    fn tags_are_balanced() {
        for (html, want) in [
            ("<div><p>a", "<div><p>a</p></div>"),
            ("a</p></div>b", "ab"),
            ("<b><i>x</b>y</i>", "<b><i>x</i></b>y"),
            ("<b>x<b>y</b>", "<b>xy</b>"),
            ("<p>a<div>b</div><p>c", "<p>a<div>b</div></p><p>c</p>"),
            ("<li>a<ul><li>b</ul><li>c", "<li>a<ul><li>b</li></ul></li><li>c</li>"),
            ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
            ("<div><table><td></div>x</table>", "<div><table><td>x</td></table></div>"),
            (
                "<table><tr><td><table><tr><td>a<td>b</table><td>c</table>",
                "<table><tr><td><table><tr><td>a</td><td>b</td></tr></table></td><td>c</td></tr></table>",
            ),
            ("<a href=1>x<a href=2>y", "<a href=\"1\">x</a><a href=\"2\">y</a>"),
            ("<br></br><hr/>", "<br><hr>"),
            ("<b class=x>y</b><BR>", "<b>y</b><br>"),
            ("<p =x y = 'a>b' z=\"c\nd\" w=e/f>t", "<p y=\"a>b\" z=\"c\nd\" w=\"e/f\">t</p>"),
            ("<p title='a\"b'>", "<p title=\"a&quot;b\"></p>"),
            ("<p title=\"a", "<p title=\"a\"></p>"),
            ("<p", "<p></p>"),
            ("a<!-- <b> -->b<!doctype html><?php x ?>c", "abc"),
            ("<![CDATA[x <b>y</b>]]>", "x <b>y</b>]]>"),
            ("<script>a</scripty></SCRIPT\n>b<svg><p></svg>c<style>", "bc"),
            ("1 < 2 <3 <> </> </3", "1 &lt; 2 &lt;3 &lt;> &lt;/> &lt;/3"),
            ("<é><日本>x", "&lt;é>&lt;日本>x"),
            ("<p\u{e9}=1 x\u{65e5}>t", "t"),
        ] {
            assert_eq!(tame(html, None), want, "{html}");
        }
    }

    #[test]
    fn long_texts_are_cut_but_no_reference_is() {
        let long = "é&rsquo; &".repeat(2_000);
        let cut = tame(&long, None);
        assert!(cut.split("<!---->").all(|piece| piece.len() <= SANITISE_TEXT_BYTES_MAX), "{cut}");
        assert!(cut.split("<!---->").all(|piece| count(piece, "&rsquo;") * 2 + 1 >= count(piece, "&")), "{cut}");
        assert_eq!(cut.replace("<!---->", ""), long);
        // Tags that are left out do not make many texts of one.
        assert!(tame(&"<x>word".repeat(1_000), None).contains("<!---->"));
        assert_eq!(tame(&format!("<p title={}>", "x".repeat(SANITISE_ATTRIBUTE_BYTES_MAX + 1)), None), "<p></p>");
    }

    #[test]
    fn depth_elements_attributes_and_bytes_are_bounded() {
        let deep = tame(&"<div>".repeat(100_000), None);
        assert_eq!((count(&deep, "<div>"), count(&deep, "</div>")), (SANITISE_DEPTH_MAX, SANITISE_DEPTH_MAX));
        let wide = tame(&"<br>x".repeat(SANITISE_ELEMENTS_MAX + 100), None);
        assert_eq!((count(&wide, "<br>"), count(&wide, "x")), (SANITISE_ELEMENTS_MAX, SANITISE_ELEMENTS_MAX + 100));
        let many = tame(&format!("<p {}>", "a=1 ".repeat(1_000)), None);
        assert_eq!(count(&many, "a="), SANITISE_ATTRIBUTES_MAX);
        let formatting: String = (0..100).map(|n| format!("<b x={n}><p>")).collect();
        assert_eq!(count(&tame(&formatting, None), "<b"), 1);
        let base = Url::parse(&format!("http://x/{}/", "y".repeat(8_000))).unwrap();
        let grown = tame(&"<a href=z>".repeat(SANITISE_ELEMENTS_MAX), Some(&base));
        assert!(grown.len() < SANITISE_BYTES_MAX + SANITISE_DEPTH_MAX * 16 && grown.len() > SANITISE_BYTES_MAX / 2);
        assert_eq!(tame(&format!("<a href={}>", "x".repeat(URL_BYTES_MAX + 1)), None), "<a></a>");
    }
}
