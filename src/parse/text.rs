//! Text out of feeds: to plain text, trimmed, free of control characters, cut to size.

use std::borrow::Cow;
use std::fmt::Write;

use super::entities::named;

/// An entity's name is no longer than this.
const ENTITY_BYTES_MAX: usize = 32;

/// A title as plain text on one line: control characters out, white space folded, cut to `bytes_max`.
pub(crate) fn line(text: &str, bytes_max: usize) -> Option<String> {
    let text = &*western(text);
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for word in text.split(|c: char| c.is_whitespace() || is_control(c)).filter(|w| !w.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        if line.len() + word.len() > bytes_max {
            line.push_str(cut(word, bytes_max.saturating_sub(line.len())));
            break;
        }
        line.push_str(word);
    }
    line.truncate(line.trim_end().len());
    (!line.is_empty()).then_some(line)
}

/// A longer text as published: trimmed, control characters but line ends and tabs out, cut to `bytes_max`.
pub(crate) fn block(text: &str, bytes_max: usize) -> Option<String> {
    let text = &*western(cut(text.trim(), bytes_max));
    let unwanted = |c: char| is_control(c) && !matches!(c, '\n' | '\t' | '\r');
    // Bytes are looked at many at once, characters one by one: C1 controls start with C2, the noncharacters with EF.
    let suspect = |b: u8| (b < 0x20 && !matches!(b, b'\n' | b'\t' | b'\r')) || matches!(b, 0x7f | 0xc2 | 0xef);
    let clean =
        if text.bytes().any(suspect) { text.chars().filter(|c| !unwanted(*c)).collect() } else { text.to_owned() };
    (!clean.trim().is_empty()).then_some(clean)
}

/// C1 controls as what they were meant for: nobody writes these, but in windows-1252 there are quotes and dashes at
/// their places, and browsers read them so.
fn western(text: &str) -> Cow<'_, str> {
    // All of them start with this byte, and so does little else.
    if !text.bytes().any(|b| b == 0xc2) || !text.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| character(u32::from(c)).unwrap_or(c)).collect())
}

/// Undoes UTF-8 that a publisher's software took for windows-1252 and encoded again: `Ã©` for `é`, `â€™` for `’`. Only
/// where the whole text is so, and only for the characters of Western Europe and its punctuation: by more leads than
/// these, `CAFÉ™` would be valid UTF-8 too.
pub(crate) fn undoubled(text: &str) -> Cow<'_, str> {
    if !text.contains(['Â', 'Ã', 'â']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if let Ok(byte) = u8::try_from(u32::from(c)) {
            bytes.push(byte);
        } else {
            let mut utf8 = [0; 4];
            let (encoded, _, unmappable) = encoding_rs::WINDOWS_1252.encode(c.encode_utf8(&mut utf8));
            if unmappable {
                return Cow::Borrowed(text);
            }
            bytes.extend_from_slice(&encoded);
        }
    }
    let Ok(undone) = String::from_utf8(bytes) else { return Cow::Borrowed(text) };
    let usual = |c: char| c.is_ascii() || matches!(c, '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{2122}');
    let mut threes = undone.chars().zip(undone.chars().skip(1)).zip(undone.chars().skip(2));
    // `AMANHÃ®`: a word in capitals that ends in the lead itself.
    let honest =
        |((a, b), c): ((char, char), char)| a.is_uppercase() && b.is_uppercase() && matches!(c, '\u{e0}'..='\u{ff}');
    if undone.chars().all(usual) && !threes.any(honest) { Cow::Owned(undone) } else { Cow::Borrowed(text) }
}

/// A title that its feed says is plain text (RFC 4287, section 3.1.1.1) as plain text: what looks like a tag is none.
/// References may be decoded once more, because many publishers encode such a title twice.
pub(crate) fn from_text(text: &str) -> Cow<'_, str> {
    decode(text)
}

/// HTML as plain text: tags out, entities decoded. What only looks like a tag (`a < b`, `Vec<T>`) stays.
pub(crate) fn from_html(html: &str) -> Cow<'_, str> {
    if !html.contains(['<', '&']) {
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

/// Entities and character references decoded, where they are whole.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match reference(rest) {
            Some((length, value)) => {
                decoded.push_str(&value);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The reference that a text starts with: its length and what it stands for.
pub(crate) fn reference(text: &str) -> Option<(usize, Cow<'static, str>)> {
    let bytes = text.as_bytes();
    let end = bytes.iter().take(ENTITY_BYTES_MAX).position(|b| *b == b';')?;
    let name = text.get(1..end)?;
    let value = match name.strip_prefix('#') {
        Some(figures) => {
            let code = match figures.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => figures.parse(),
            };
            Cow::Owned(character(code.ok()?)?.to_string())
        }
        None => Cow::Owned(named(name)?.to_string()),
    };
    Some((end + 1, value))
}

/// A character by its number; 128 to 159 are windows-1252, as browsers take them (HTML, 13.2.5.80).
fn character(code: u32) -> Option<char> {
    match u8::try_from(code) {
        Ok(byte @ 0x80..=0x9f) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next(),
        _ => char::from_u32(code),
    }
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
        super::effort::scanned(found.unwrap_or(text.len() - at));
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
    super::effort::scanned(close.unwrap_or(text.len()));
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

/// Where `wanted` is. A search that a feed could make over and over goes by here, so that a test can count.
pub(crate) fn find(text: &str, wanted: &str) -> Option<usize> {
    let found = text.find(wanted);
    #[cfg(test)]
    super::effort::scanned(found.unwrap_or(text.len()));
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

/// The longest start of a text that is no longer than `bytes_max`, on a character's boundary.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A text of a feed for a terminal or a log: control and direction characters escaped, cut to `chars_max` characters.
pub(crate) fn printable(text: &str, chars_max: usize) -> String {
    let mut printable = String::with_capacity(text.len().min(chars_max));
    for (count, c) in text.chars().enumerate() {
        if count == chars_max {
            printable.push('…');
            break;
        }
        if is_control(c) || is_invisible(c) {
            let _ = write!(printable, "\\u{{{:x}}}", u32::from(c));
        } else {
            printable.push(c);
        }
    }
    printable
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Characters that change what is seen around them: directions (bidi) and line separators.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{61c}')
}

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
    fn twice_encoded_text_is_undone_and_other_text_is_not() {
        for (text, want) in [
            ("Ã©tÃ©", "été"),
            ("OÃ¹ Ã‰tÃ©", "Où Été"),
            ("donâ€™t â‚¬5", "don’t €5"),
            ("in USÂ\u{a0}over Â£30", "in US\u{a0}over £30"),
            // Not wholly so, or not of what double encoding makes.
            ("été", "été"),
            ("Ã©t\u{e9}", "Ã©té"),
            ("日本 Ã©", "日本 Ã©"),
            ("plain", "plain"),
            ("BEYONCÉ’S", "BEYONCÉ’S"),
            ("SANTÉ\u{a0}: le plan", "SANTÉ\u{a0}: le plan"),
            ("NESCAFÉ® now", "NESCAFÉ® now"),
            ("CAFÉ™", "CAFÉ™"),
            ("\"MENÜ»", "\"MENÜ»"),
            ("ÂGE CAFÉ™", "ÂGE CAFÉ™"),
            ("AMANHÃ® e AMANHÃ\u{a0}!", "AMANHÃ® e AMANHÃ\u{a0}!"),
        ] {
            assert_eq!(undoubled(text), want);
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

    #[test]
    fn lines_and_blocks() {
        assert_eq!(line(" a\u{1b}[31m\n b\t\u{0}c ", 100).as_deref(), Some("a [31m b c"));
        assert_eq!(line(" \n", 100), None);
        assert_eq!(line("ééé", 5).as_deref(), Some("éé"));
        assert_eq!(line("ab cd", 3).as_deref(), Some("ab"));
        assert_eq!(block(" a\n\u{7}b\u{81}\t ", 100).as_deref(), Some("a\nb"));
        assert_eq!(block("don\u{92}t \u{81}", 100).as_deref(), Some("don’t "));
        assert_eq!(line("\u{93}a\u{94} \u{96}", 100).as_deref(), Some("“a” –"));
        assert_eq!(block("日本", 4).as_deref(), Some("日"));
        assert_eq!(block("\u{0}", 4), None);
    }

    #[test]
    fn nothing_reaches_a_terminal_unescaped() {
        assert_eq!(printable("a\u{1b}[0m\u{202e}b\r\n", 100), "a\\u{1b}[0m\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(printable("abcdef", 3), "abc…");
    }
}
