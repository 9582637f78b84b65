//! HTML to the words in it, for the index alone: quick, in one pass, and never more work than the text is long.
//!
//! It does not make text that anybody sees: what looks like a tag is taken for one.

use crate::parse::reference;

/// Tags that stand inside of words. All others separate them.
const INLINE: [&str; 14] =
    ["a", "abbr", "b", "code", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u"];

/// The text of `html` without tags, scripts and comments, references decoded, as long as it is below `bytes_max`.
pub(super) fn words(html: &str, bytes_max: usize) -> String {
    let mut text = String::with_capacity(html.len().min(bytes_max));
    let mut rest = html;
    // Each way on makes `rest` shorter, and what is searched without success is not searched again.
    while text.len() < bytes_max {
        let Some(at) = rest.find(['<', '&']) else {
            text.push_str(rest);
            break;
        };
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('&') {
            match reference(rest) {
                Some((length, value)) => {
                    text.push_str(&value);
                    rest = &rest[length..];
                }
                None => {
                    text.push(' ');
                    rest = after;
                }
            }
        } else {
            rest = skip_tag(rest, &mut text);
        }
    }
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// What comes after the tag, script or comment that `rest` starts with; one without an end takes all that follows, as
/// in a browser. Separates the words before from those after where the tag does.
fn skip_tag<'a>(rest: &'a str, text: &mut String) -> &'a str {
    if rest.starts_with("<!--") {
        return rest.find("-->").map_or("", |end| &rest[end + 3..]);
    }
    let name = rest[1..].strip_prefix('/').unwrap_or(&rest[1..]);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let name = &name[..end];
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.starts_with("<!") && !rest.starts_with("<?") {
        text.push(' ');
        return &rest[1..];
    }
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    if !INLINE.iter().any(is) {
        text.push(' ');
    }
    let after = rest.find('>').map_or("", |end| &rest[end + 1..]);
    match ["script", "style"].iter().find(|known| is(known)) {
        Some(name) if !rest.starts_with("</") => skip_to_close(after, name),
        _ => after,
    }
}

/// From the closing tag of `name` on, without copying what is in between.
fn skip_to_close<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        if rest.as_bytes().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())) {
            return rest.find('>').map_or("", |end| &rest[end + 1..]);
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_are_left() {
        for (html, want) in [
            ("plain", "plain"),
            ("<p>one<br/>two</p><p>three</p>", " one two  three "),
            ("un<b>der</b>line", "underline"),
            ("<a href='x>y'>link</a>", "y'>link"),
            ("caf&eacute; &#233; AT&amp;T & &bogus;", "café é AT&T    bogus;"),
            ("<script>var a = '<p>no</p>';</SCRIPT >yes", " yes"),
            ("<STYLE>p{}</style>x<!-- <p>no --> y", " x y"),
            ("a < b, 1<2 and c > d", "a   b, 1 2 and c > d"),
            ("x<!-- open", "x"),
            ("x<script>open", "x "),
            ("x<b open", "x"),
            ("<?xml?><!DOCTYPE html>x", "  x"),
            ("<", " "),
            ("&", " "),
            ("日本<b>語</b>", "日本語"),
        ] {
            assert_eq!(words(html, 1_000), want, "{html}");
        }
    }

    #[test]
    fn it_is_cut_on_a_character() {
        assert_eq!(words("ééé", 3), "é");
        assert_eq!(words("<p>é&eacute;é", 4), " é");
        assert_eq!(words("", 0), "");
    }

    /// Each would take minutes if every start were searched to the end for its close.
    #[test]
    fn what_never_closes_costs_no_more_than_its_size() {
        for start in ["<b ", "<!--", "<script>", "<style></b>", "</", "<", "&", "&amp", "<script></script"] {
            words(&start.repeat((1 << 20) / start.len()), usize::MAX);
        }
    }
}
