//! Texts of strangers, made harmless for where they go: one function a place, and nothing is written there without it.
//!
//! | place | function |
//! |---|---|
//! | a terminal, one line | [`line()`] |
//! | a log, and a message of several lines | [`lines`] |
//! | a text of many lines on its own | [`listing`] |
//! | a terminal, as JSON | [`json`] |
//! | a page: content of elements and quoted attributes | [`html`] |
//! | a label of a metric | [`metric`] |
//! | JSON, and with it events of the stream | `wire::json` |
//! | Atom and OPML | `wire::xml` |
//! | feeds.toml | `cli::feed_table` |
//!
//! Invariant: what comes out of a function can be put where it is meant for, whatever went in; and whoever undoes it there
//! gets what went in, but for what is left out on purpose.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

/// For a terminal, on one line: control characters and those that turn the direction of text as escapes, cut to `chars_max`
/// characters.
pub(crate) fn line(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(chars_max));
    for (count, c) in text.chars().enumerate() {
        if count == chars_max {
            line.push('…');
            break;
        }
        push(&mut line, c);
    }
    line
}

/// The same for a log and for messages that may have several lines: line breaks stay, with what follows indented, so that no
/// line looks like a message of its own.
pub(crate) fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => lines.push_str("\n    "),
            '\t' => lines.push(' '),
            c => push(&mut lines, c),
        }
    }
    lines
}

/// JSON for a terminal: the same values, with no character in it that [`line()`] would escape. Such stand in strings alone, where
/// JSON knows another spelling for each (RFC 8259, section 7); its own ends of lines apart.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let is_raw = |c: char| disturbs(c) && c != '\n';
    if !json.contains(is_raw) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match is_raw(c) {
            true => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// The same for a text of many lines that stands for itself, such as a list of stacks.
pub(crate) fn listing(text: &str) -> String {
    text.lines().map(|line| lines(line) + "\n").collect()
}

fn push(out: &mut String, c: char) {
    if disturbs(c) {
        out.extend(c.escape_unicode());
    } else {
        out.push(c);
    }
}

/// Characters that do something to a terminal, or change how others beside them are shown: controls, directions (UAX #9),
/// ends of lines, annotations, and what is no character. Joiners stay: emoji and Indic scripts are written with them.
pub(crate) fn disturbs(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// A text that shows on a page as it is and means nothing to a browser.
pub(crate) fn html(text: &str) -> Html<'_> {
    Html(text)
}

/// Escapes while it is written.
#[derive(Clone, Copy)]
pub(crate) struct Html<'a>(&'a str);

impl Display for Html<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => f.write_char(' ')?,
                c if turns_text(c) => {}
                c if c.is_control() || is_noncharacter(c) => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Embeddings, overrides and isolates (UAX #9): one left open would turn what follows it. Marks stay, as Arabic and Hebrew
/// are written with them and they reach no further than their neighbours.
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// A label's value, or a help text, of OpenMetrics (1.0, "Escaping").
pub(crate) fn metric(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_reaches_a_terminal_or_a_log_raw() {
        for (text, shown) in [
            ("plain Grüße 日本 👩\u{200d}🚀", "plain Grüße 日本 👩\u{200d}🚀"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{202e}evil\u{feff}", "\\u{202e}evil\\u{feff}"),
            ("bell\u{7}", "bell\\u{7}"),
            ("c1\u{9b}31m", "c1\\u{9b}31m"),
            ("\u{2028}x", "\\u{2028}x"),
        ] {
            assert_eq!(lines(text), shown);
            assert_eq!(line(text, 100), shown);
        }
        assert_eq!(lines("a\r\nb\tc\n"), "a\\u{d}\n    b c");
        assert_eq!(line("a\r\nb\tc\n", 100), "a\\u{d}\\u{a}b\\u{9}c\\u{a}");
        assert_eq!(line("abcdef", 3), "abc…");
    }

    #[test]
    fn json_for_a_terminal_means_the_same() {
        let text = "é\u{9b}2J\u{202e}\u{7f}\u{feff}\u{1b}\n";
        let raw = serde_json::to_string(text).unwrap();
        assert_eq!(json(&raw), r#""é\u009b2J\u202e\u007f\ufeff\u001b\n""#);
        assert_eq!(serde_json::from_str::<String>(&json(&raw)).unwrap(), text);
        assert!(matches!(json("{\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        for (raw, escaped) in [
            ("plain Grüße 日本 👩‍🚀", "plain Grüße 日本 👩‍🚀"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            (r#"" onmouseover="alert(1)"#, "&quot; onmouseover=&quot;alert(1)"),
            ("' autofocus='", "&#39; autofocus=&#39;"),
            ("&lt;already&gt;", "&amp;lt;already&amp;gt;"),
            ("a\r\nb\tc\u{2028}d", "a  b c d"),
            ("\u{1b}[31mred\u{9b}0m", "\u{fffd}[31mred\u{fffd}0m"),
            ("nul\0del\u{7f}", "nul\u{fffd}del\u{fffd}"),
            ("\u{fffe}\u{fdd0}\u{1ffff}", "\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{202e}cod.exe\u{202c}", "cod.exe"),
            ("\u{2066}open", "open"),
            ("שלום\u{200f}!", "שלום\u{200f}!"),
        ] {
            assert_eq!(html(raw).to_string(), escaped, "{raw:?}");
        }
    }
}
