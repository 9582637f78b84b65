//! A scanner that takes any text for XML: what is no markup is text, and nothing is an error.
//!
//! Linear: a search that finds nothing takes what it went over, or ends at the next `<`, and so no byte is gone over
//! more than a few times. The one that may do neither, for the end of a document type, is made once a document.

use super::super::text::{self, find};
use crate::limits::DOCTYPE_BYTES_MAX;

/// A piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parse) enum Token<'a> {
    /// Character data with its references as they stand.
    Text(&'a str),
    Cdata(&'a str),
    Start(Tag<'a>),
    /// The name of an end tag.
    End(&'a str),
    /// What stands between `<!DOCTYPE` and its end.
    Doctype(&'a str),
}

/// A start tag, or an element in one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parse) struct Tag<'a> {
    pub(in crate::parse) name: &'a str,
    attributes: &'a str,
    pub(in crate::parse) empty: bool,
    /// All of it, angle brackets included.
    pub(in crate::parse) raw: &'a str,
}

impl<'a> Tag<'a> {
    /// The name without its prefix, and the prefix.
    pub(in crate::parse) fn split_name(&self) -> (&'a str, &'a str) {
        self.name.split_once(':').unwrap_or(("", self.name))
    }

    /// An attribute's value with its references as they stand.
    pub(in crate::parse) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values, quoted or not.
    pub(in crate::parse) fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.attributes;
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '='));
            let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            if name.is_empty() {
                return None;
            }
            let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
                rest = after;
                return Some((name, ""));
            };
            let end;
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let value = &value[1..];
                    end = value.find(quote).unwrap_or(value.len());
                    rest = value.get(end + 1..).unwrap_or("");
                    &value[..end]
                }
                _ => {
                    end = value.find(char::is_whitespace).unwrap_or(value.len());
                    rest = &value[end..];
                    &value[..end]
                }
            };
            Some((name, value))
        })
    }
}

/// The tokens of a text, from any place in it.
#[derive(Debug)]
pub(in crate::parse) struct Tokens<'a> {
    text: &'a str,
    /// Where the next token begins; may be set back.
    pub(in crate::parse) at: usize,
    /// Whether the document type was seen: a second one has no subset.
    typed: bool,
}

impl<'a> Tokens<'a> {
    pub(in crate::parse) fn new(text: &'a str) -> Tokens<'a> {
        Tokens { text, at: 0, typed: false }
    }

    /// Goes over a comment, an instruction or a declaration that ends with `end`; one without an end is the rest.
    fn until(&mut self, skip: usize, end: &str) -> &'a str {
        let body = &self.text[self.at + skip..];
        let length = body.find(end);
        self.at = length.map_or(self.text.len(), |l| self.at + skip + l + end.len());
        &body[..length.unwrap_or(body.len())]
    }

    /// The document type with its internal subset, or an odd declaration.
    fn declaration(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let close = find(rest, ">").unwrap_or(rest.len());
        let mut end = close;
        if !self.typed && starts_with_ignoring_case(rest, "<!doctype") {
            self.typed = true;
            if rest[..close].contains('[') {
                end = find(text::cut(rest, DOCTYPE_BYTES_MAX), "]>").map_or(close, |at| at + 1);
            }
        }
        self.at += (end + 1).min(rest.len());
        &rest[..end]
    }

    /// Where the text that the rest of the document starts with ends: before the next markup.
    fn text_end(rest: &str) -> usize {
        let mut end = 0;
        loop {
            // A bracket that opens no tag is text, and so is what follows it.
            end += rest[end..].find('<').unwrap_or(rest.len() - end);
            let behind = &rest[end..];
            if behind.is_empty() || is_markup(behind) {
                return end;
            }
            end += 1;
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                return None;
            }
            if rest.starts_with("<!--") {
                self.until(4, "-->");
            } else if rest.starts_with("<![CDATA[") {
                return Some(Token::Cdata(self.until(9, "]]>")));
            } else if rest.starts_with("<?") {
                self.until(2, ">");
            } else if rest.starts_with("<!") {
                return Some(Token::Doctype(self.declaration()));
            } else if let Some(end) = tag_end(rest) {
                self.at += end + 1;
                return Some(tag(&rest[..=end]));
            } else {
                let end = Self::text_end(rest);
                self.at += end;
                return Some(Token::Text(&rest[..end]));
            }
        }
    }
}

/// Whether something that is not text starts here.
fn is_markup(rest: &str) -> bool {
    rest.starts_with("<!") || rest.starts_with("<?") || tag_end(rest).is_some()
}

/// Where the tag that a text starts with ends: at a `>` outside of quotes, before the next `<`.
fn tag_end(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('<')?;
    if !inner.trim_start_matches('/').starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let until = find(inner, "<").map_or(rest.len(), |at| at + 1);
    let tag = &rest[..until];
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if tag[..at].trim_end().ends_with('=') => quote = Some(byte),
            (Some(open), byte) if byte == open => quote = None,
            _ => {}
        }
    }
    tag.find('>')
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|bytes| bytes.eq_ignore_ascii_case(start.as_bytes()))
}

/// The token that a tag is, angle brackets included.
pub(in crate::parse) fn tag(raw: &str) -> Token<'_> {
    let inner = &raw[1..raw.len() - 1];
    if let Some(name) = inner.strip_prefix('/') {
        return Token::End(name.split_whitespace().next().unwrap_or(""));
    }
    let empty = inner.ends_with('/');
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let end = inner.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inner.len());
    Token::Start(Tag { name: &inner[..end], attributes: &inner[end..], empty, raw })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::effort;

    #[test]
    fn anything_is_tokens() {
        let show = |text: &str| -> Vec<String> {
            Tokens::new(text)
                .map(|token| match token {
                    Token::Text(t) => format!("text {t}"),
                    Token::Cdata(t) => format!("cdata {t}"),
                    Token::End(n) => format!("end {n}"),
                    Token::Doctype(d) => format!("doctype {d}"),
                    Token::Start(t) => format!(
                        "start {} {:?}{}",
                        t.name,
                        t.attributes().collect::<Vec<_>>(),
                        if t.empty { " empty" } else { "" }
                    ),
                })
                .collect()
        };
        for (text, want) in [
            ("a<b>c</b >", vec!["text a", "start b []", "text c", "end b"]),
            ("<a b='1>2' c=3 d/>", vec!["start a [(\"b\", \"1>2\"), (\"c\", \"3\"), (\"d\", \"\")] empty"]),
            ("1 < 2 <3 <a", vec!["text 1 < 2 <3 <a"]),
            ("< <b> <", vec!["text < ", "start b []", "text  <"]),
            ("<a b='x>y<c>", vec!["start a [(\"b\", \"x\")]", "text y", "start c []"]),
            ("<!-- <x> --><![CDATA[<y>]]><?z ?>", vec!["cdata <y>"]),
            ("<![CDATA[open", vec!["cdata open"]),
            ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>", vec!["doctype <!DOCTYPE a [<!ENTITY b \"c\">]", "start a []"]),
            ("<!x [><a>", vec!["doctype <!x [", "start a []"]),
            (
                "<!doctype [<!x>]><!DOCTYPE [<!x>]>",
                vec!["doctype <!doctype [<!x>]", "doctype <!DOCTYPE [<!x", "text ]>"],
            ),
            ("<é", vec!["text <é"]),
        ] {
            assert_eq!(show(text), want, "{text}");
        }
    }
    #[test]
    fn nothing_left_open_is_searched_for_again_and_again() {
        const BYTES: usize = 1 << 18;
        for piece in
            ["<![>", "<!DOCTYPE[>", "<", "<b", "</", "<b '", "<b a='", "<!", "<!--", "<![CDATA[", "<?", "<!>", "]]>"]
        {
            let text = piece.repeat(BYTES / piece.len());
            let (tokens, scanned) = effort::of(|| Tokens::new(&text).count());
            assert!(scanned < 8 * BYTES, "{piece}: {scanned} bytes scanned for {tokens} tokens");
        }
        for piece in ["<", "<b", "< >"] {
            assert_eq!(Tokens::new(&piece.repeat(1000)).count(), 1, "{piece}");
        }
    }
}
