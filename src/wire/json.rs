//! JSON on one line, whoever splits it.
//!
//! JSON escapes LF and CR itself. But there are readers that take other characters for the end of a line too (Python's
//! `splitlines` does), so these are escaped as well: what is one line to us is one line to everybody.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;

/// Serialises a value of ours. Its maps have strings for keys.
pub(super) fn one_line(value: &impl Serialize) -> Bytes {
    let mut bytes = Vec::new();
    write(&mut bytes, value);
    Bytes::from(bytes)
}

pub(super) fn write(bytes: &mut Vec<u8>, value: &impl Serialize) {
    let mut serializer = serde_json::Serializer::with_formatter(bytes, OneLine);
    value.serialize(&mut serializer).expect("memory takes every byte, and only maps with odd keys are no JSON");
}

struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| ends_a_line(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Those below U+0020 are escaped by JSON.
fn ends_a_line(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_line() {
        for (text, want) in [
            ("plain", r#""plain""#),
            ("a\r\nb", r#""a\r\nb""#),
            ("\u{2028}a\u{85}\u{2029}", r#""\u2028a\u0085\u2029""#),
            ("é\u{84}日\u{2027}", "\"é\u{84}日\u{2027}\""),
            ("\u{b}\u{c}\u{1c}\u{0}\"\\", r#""\u000b\f\u001c\u0000\"\\""#),
        ] {
            let line = one_line(&text);
            assert_eq!(line, want.as_bytes(), "{text:?}");
            assert_eq!(serde_json::from_slice::<String>(&line).unwrap(), text);
        }
    }
}
