//! Bytes to UTF-8, borrowed where they already are.
//!
//! The order of belief: byte order mark, HTTP's `charset`, the XML declaration, detection (RFC 7303 section 3; JSON
//! is UTF-8 by RFC 8259). A label that the bytes contradict is not believed: bytes that are valid UTF-8 beyond ASCII
//! are UTF-8 whatever a label says, since text in another charset is so by accident only in a few characters, even if
//! some bytes among many are not; and a label whose decoder finds errors gives way to the next. ISO-8859-1 in HTTP
//! gives way to the declaration: it is what servers add on their own, and its decoder never finds an error. Nothing
//! here fails: what cannot be decoded becomes U+FFFD.
//!
//! What other orders read right of the same 548 documents beyond ASCII, as captured and with headers that servers add:
//!
//! | documents | HTTP says | as RFC 7303 | declaration first | detection alone | here |
//! |---|---|---|---|---|---|
//! | 464 in UTF-8, which say so or nothing | nothing | 464 | 464 | 464 | 464 |
//! | | ISO-8859-1 | 9 | 380 | 464 | 464 |
//! | 11 in UTF-8, which say something else | nothing | 0 | 0 | 11 | 11 |
//! | 2 in UTF-8, with some bytes that are not | nothing | 0 | 0 | 2 | 2 |
//! | 58 in another, which they name | nothing | 57 | 57 | 51 | 58 |
//! | | ISO-8859-1 | 40 | 57 | 51 | 58 |
//! | | UTF-8 | 1 | 57 | 51 | 58 |
//! | 13 in another, which say nothing | nothing | 0 | 0 | 11 | 11 |

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// How far into a document an XML declaration is looked for.
const DECLARATION_BYTES_MAX: usize = 1024;

/// The document's text, without a byte order mark. `host` is where it came from: its country is a hint to detection.
pub(crate) fn to_utf8<'a>(bytes: &'a [u8], content_type: Option<&str>, host: Option<&str>) -> Cow<'a, str> {
    if let Some((wide, rest)) = wide_by_mark_or_pattern(bytes) {
        return wide.decode_without_bom_handling(rest).0;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let labelled = labels(content_type.and_then(http_charset), declared(bytes)).into_iter().flatten();

    if let Ok(text) = std::str::from_utf8(bytes) {
        // Its bytes are ASCII, so only the label can tell.
        let escaped = labelled.clone().next() == Some(ISO_2022_JP) && text.contains('\x1b');
        return if escaped { ISO_2022_JP.decode_without_bom_handling(bytes).0 } else { Cow::Borrowed(text) };
    }
    let utf8_labelled = labelled.clone().any(|encoding| encoding == UTF_8);
    if mostly_utf8(bytes, utf8_labelled) {
        return Cow::Owned(patched(bytes));
    }
    for encoding in labelled.filter(|encoding| *encoding != UTF_8) {
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
            return text;
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(host.and_then(country), Utf8Detection::Deny).decode_without_bom_handling(bytes).0
}

/// The last label of a host's name, as the detector takes it.
fn country(host: &str) -> Option<&[u8]> {
    let label = host.rsplit('.').next()?;
    label.bytes().all(|b| b.is_ascii_lowercase()).then_some(label.as_bytes())
}

/// What HTTP and the document say, the one to believe first first.
fn labels(http: Option<&'static Encoding>, declared: Option<&'static Encoding>) -> [Option<&'static Encoding>; 2] {
    // Which includes ISO-8859-1: many servers add it to everything, whatever it is.
    let by_default = http == Some(WINDOWS_1252);
    if by_default { [declared, http] } else { [http, declared] }
}

/// UTF-16 by its mark, or by the zero bytes that the `<` or `{` of a document without one shows, behind white space
/// perhaps.
fn wide_by_mark_or_pattern(bytes: &[u8]) -> Option<(&'static Encoding, &[u8])> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => return Some((UTF_16LE, rest)),
        [0xfe, 0xff, rest @ ..] => return Some((UTF_16BE, rest)),
        _ => {}
    }
    let blank = |pair: &&[u8]| matches!(pair, [0, b] | [b, 0] if b.is_ascii_whitespace());
    let blanks = bytes.chunks_exact(2).take_while(blank).count();
    match &bytes[2 * blanks..] {
        [b'<' | b'{', 0, x, ..] if *x != 0 => Some((UTF_16LE, bytes)),
        [0, b'<' | b'{', 0, x, ..] if *x != 0 => Some((UTF_16BE, bytes)),
        _ => None,
    }
}

/// The `charset` parameter of a `Content-Type`.
fn http_charset(content_type: &str) -> Option<&'static Encoding> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("charset") {
            return None;
        }
        believable(value.trim().trim_matches(['"', '\'']).as_bytes())
    })
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(DECLARATION_BYTES_MAX)];
    let start = find(head, b"<?xml")?;
    let end = start + find(&head[start..], b"?>")?;
    let declaration = &head[start..end];
    let after = &declaration[find(declaration, b"encoding")? + b"encoding".len()..];
    let quoted = &after[after.iter().position(|b| matches!(b, b'"' | b'\''))?..];
    let quote = quoted[0];
    let value = &quoted[1..];
    believable(&value[..value.iter().position(|b| *b == quote)?])
}

/// The encoding of a label, if a document whose bytes showed no UTF-16 can be in it.
fn believable(label: &[u8]) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label_no_replacement(label)?;
    (encoding != UTF_16LE && encoding != UTF_16BE && encoding != X_USER_DEFINED).then_some(encoding)
}

/// Whether text with invalid bytes is UTF-8 with accidents (a pasted quote, a cut-off end) rather than another charset:
/// by far the most of its sequences beyond ASCII are valid. A label of UTF-8 tips the scale.
fn mostly_utf8(bytes: &[u8], labelled: bool) -> bool {
    let (mut valid, mut invalid) = (0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    if labelled { valid >= invalid } else { valid > 4 * invalid }
}

/// UTF-8 in which each invalid byte is read as windows-1252, what pasted-in text mostly is.
fn patched(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 64);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // A sequence that the end of the document cut short is no text.
        let cut_short = chunk.invalid().len() > 1;
        if cut_short {
            text.push(char::REPLACEMENT_CHARACTER);
        } else {
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
        }
    }
    text
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn belief_goes_mark_then_http_then_declaration_then_detection() {
        let with_mark = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
        let russian = "<a>Новости со всего света каждый день</a>";
        let koi8 = encoding_rs::KOI8_R.encode(russian).0.into_owned();
        let cases: Vec<(&str, Vec<u8>, Option<&str>, String)> = vec![
            (
                "utf-8 mark",
                with_mark(b"\xef\xbb\xbf", "<a>é</a>".into()),
                Some("text/xml; charset=koi8-r"),
                "<a>é</a>".into(),
            ),
            (
                "utf-16le mark",
                with_mark(b"\xff\xfe", utf16("<a>é</a>", false)),
                Some("text/xml; charset=utf-8"),
                "<a>é</a>".into(),
            ),
            ("utf-16be mark", with_mark(b"\xfe\xff", utf16("<a>é</a>", true)), None, "<a>é</a>".into()),
            ("utf-16le bare", utf16("<a>é</a>", false), None, "<a>é</a>".into()),
            ("utf-16be bare", utf16("<a>é</a>", true), None, "<a>é</a>".into()),
            ("http", koi8.clone(), Some("application/xml; CHARSET=\"KOI8-R\""), russian.into()),
            (
                "http over declaration",
                b"<?xml version='1.0' encoding='windows-1251'?><a>\xe9</a>".to_vec(),
                Some("text/xml;charset=iso-8859-2"),
                "<?xml version='1.0' encoding='windows-1251'?><a>é</a>".into(),
            ),
            (
                "declaration over a server's default",
                b"<?xml version='1.0' encoding='windows-1251'?><a>\xe9</a>".to_vec(),
                Some("text/xml;charset=ISO-8859-1"),
                "<?xml version='1.0' encoding='windows-1251'?><a>й</a>".into(),
            ),
            (
                "a server's default",
                b"<?xml version='1.0'?><a>\xe9</a>".to_vec(),
                Some("text/xml;charset=latin1"),
                "<?xml version='1.0'?><a>é</a>".into(),
            ),
            (
                "declaration",
                b"<?xml version='1.0' encoding='windows-1251'?><a>\xe9</a>".to_vec(),
                Some("text/xml"),
                "<?xml version='1.0' encoding='windows-1251'?><a>й</a>".into(),
            ),
            ("detection", koi8, None, russian.into()),
            (
                "valid utf-8 over any label",
                "<a>日本</a>".into(),
                Some("text/xml; charset=iso-8859-1"),
                "<a>日本</a>".into(),
            ),
            (
                "ascii that says utf-16",
                b"<?xml encoding='utf-16'?><a/>".to_vec(),
                None,
                "<?xml encoding='utf-16'?><a/>".into(),
            ),
            (
                "iso-2022-jp",
                b"<a>\x1b$BF|\x1b(B</a>".to_vec(),
                Some("text/xml; charset=iso-2022-jp"),
                "<a>日</a>".into(),
            ),
            (
                "utf-8 with a stray windows-1252 quote",
                "<a>éé – don\u{0}t</a>"
                    .replace('\0', "\u{1}")
                    .into_bytes()
                    .into_iter()
                    .map(|b| if b == 1 { 0x92 } else { b })
                    .collect(),
                Some("text/xml; charset=utf-8"),
                "<a>éé – don’t</a>".into(),
            ),
            (
                "multi-byte label with errors",
                b"<a>\x81 caf\xe9 tr\xe8s bon \xe0 c\xf4t\xe9</a>".to_vec(),
                Some("text/xml; charset=gbk; x"),
                "<a>\u{81} café très bon à côté</a>".into(),
            ),
            ("utf-16le bare behind white space", utf16("\r\n <a>é</a>", false), None, "\r\n <a>é</a>".into()),
            ("utf-16be bare behind white space", utf16("\n\t{\"é\"}", true), None, "\n\t{\"é\"}".into()),
            ("white space and zeros", b"\n\0 \0\0\0".to_vec(), None, "\n\0 \0\0\0".into()),
        ];
        for (name, bytes, content_type, want) in cases {
            let got = to_utf8(&bytes, content_type, None);
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn the_country_is_a_hint() {
        let spanish = b"<a>El ni\xf1o juega</a>";
        for (host, want) in [("juegos.es", "<a>El niño juega</a>"), ("gry.pl", "<a>El nińo juega</a>")] {
            assert_eq!(to_utf8(spanish, None, Some(host)), want, "{host}");
        }
    }

    #[test]
    fn utf8_is_borrowed() {
        assert!(matches!(to_utf8("<a>é</a>".as_bytes(), None, None), Cow::Borrowed(_)));
        assert!(matches!(
            to_utf8("\u{feff}<a>é</a>".as_bytes(), Some("a/b; charset=latin1"), None),
            Cow::Borrowed("<a>é</a>")
        ));
    }

    #[test]
    fn no_bytes_fail() {
        for seed in 0u8..=255 {
            let bytes: Vec<u8> = (0..200u8).map(|i| i.wrapping_mul(seed).wrapping_add(seed ^ i)).collect();
            for label in [None, Some("x/y; charset=utf-16"), Some("x/y; charset=gb18030"), Some("x/y; charset=\u{e9}")]
            {
                for host in [None, Some("a.example"), Some("127.0.0.1"), Some("[::1]"), Some("a.RU"), Some("")] {
                    to_utf8(&bytes, label, host);
                }
            }
        }
    }
}
