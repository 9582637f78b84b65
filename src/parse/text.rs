//! Text out of feeds: to plain text, trimmed, free of control characters, cut to size.

use std::borrow::Cow;

use super::entities::named;

mod html;

pub(crate) use html::from_html;

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
    let text = cut(text.trim(), bytes_max);
    let unwanted = |c: char| is_control(c) && !matches!(c, '\n' | '\t' | '\r');
    if !may_hold_controls(text) || !text.contains(unwanted) {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let clean: String = western(text).chars().filter(|c| !unwanted(*c)).collect();
    (!clean.trim().is_empty()).then_some(clean)
}

/// Whether a character of a text may be one that a block must not hold, by its bytes: C1 controls start with C2, the
/// noncharacters with EF. No chunk is left early, so the compiler has many of its bytes looked at at once: two instructions
/// a byte, where one after the other took fifteen.
fn may_hold_controls(text: &str) -> bool {
    let suspect = |b: u8| (b < 0x20 && !matches!(b, b'\n' | b'\t' | b'\r')) || matches!(b, 0x7f | 0xc2 | 0xef);
    let any = |chunk: &[u8]| chunk.iter().fold(false, |found, b| found | suspect(*b));
    let (chunks, rest) = text.as_bytes().as_chunks::<64>();
    chunks.iter().any(|chunk| any(chunk)) || any(rest)
}

/// C1 controls as what they were meant for: nobody writes these, but in windows-1252 there are quotes and dashes at
/// their places, and browsers read them so.
fn western(text: &str) -> Cow<'_, str> {
    // All of them start with this byte, and so does little else.
    if !text.as_bytes().contains(&0xc2) || !text.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| character(u32::from(c)).unwrap_or(c)).collect())
}

/// Undoes UTF-8 that a publisher's software took for windows-1252 and encoded again: `Ã©` for `é`, `â€™` for `’`. Only
/// where the whole text is so, and only for the characters of Western Europe and its punctuation: by more leads than
/// these, `CAFÉ™` would be valid UTF-8 too.
pub(crate) fn undoubled(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(['Â', 'Ã', 'â']) {
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

/// Where `wanted` is. A search that a feed could make over and over goes by here, so that a test can count.
pub(crate) fn find(text: &str, wanted: &str) -> Option<usize> {
    let found = text.find(wanted);
    #[cfg(test)]
    super::effort::scanned(found.unwrap_or(text.len()));
    found
}

/// The longest start of a text that is no longer than `bytes_max`, on a character's boundary.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for at in 0..200 {
            let plain = "x".repeat(at);
            assert_eq!(block(&format!("{plain}\u{7}\u{fffe}y"), 300), Some(format!("{plain}y")));
        }
    }
}
