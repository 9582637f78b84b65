//! The text of a field: where it ends, what its references and elements stand for.

use super::super::text;
use super::tokens::{Tag, Token, Tokens};
use super::{Name, Reader, escape, is_container, local_of};
use crate::article::RepairKind;
use crate::limits::{ENTITY_EXPANSION_BYTES_MAX, ENTRY_ELEMENTS_MAX, REWIND_BYTES_MAX, TITLE_HTML_BYTES_MAX};
use crate::parse::gate::is_base64;
use crate::parse::names::Ns;

impl<'a> Reader<'a> {
    /// The text of a field as HTML, and goes on behind it.
    pub(super) fn value(&mut self, tag: Tag<'a>, name: &Name) -> Option<String> {
        let tokens = self.body(tag, name.local == "content" || name.local == "summary")?;
        self.text_of(&tag, name, tokens)
    }

    /// The tokens of an element, and goes on behind its end. Without an end it is the text up to the next tag.
    pub(super) fn body(&mut self, tag: Tag<'a>, nests: bool) -> Option<Vec<Token<'a>>> {
        self.up_to_end(tag, nests, ENTRY_ELEMENTS_MAX)
    }

    /// Goes behind an element that is not read.
    pub(super) fn skip(&mut self, tag: Tag<'a>) {
        self.up_to_end(tag, true, 0);
    }

    /// The first `tokens_max` tokens of an element.
    fn up_to_end(&mut self, tag: Tag<'a>, nests: bool, tokens_max: usize) -> Option<Vec<Token<'a>>> {
        if tag.empty {
            return None;
        }
        let mut tokens = Vec::new();
        let mut depth = 0usize;
        // Where the first tag inside stands, and how many tokens come before it.
        let mut first_tag = None;
        loop {
            let before = self.tokens.at;
            let token = self.tokens.next();
            if matches!(token, Some(Token::Start(_) | Token::End(_))) {
                first_tag.get_or_insert((before, tokens.len()));
            }
            let kept = match token {
                Some(Token::End(name)) if name == tag.name && depth == 0 => return Some(tokens),
                Some(Token::Start(inner)) if !is_container(inner.split_name().1) => {
                    depth += usize::from(nests && inner.name == tag.name && !inner.empty);
                    Token::Start(inner)
                }
                Some(Token::End(name)) if !is_container(local_of(name)) => {
                    depth -= usize::from(nests && name == tag.name);
                    Token::End(name)
                }
                Some(token @ (Token::Text(_) | Token::Cdata(_) | Token::Doctype(_))) => token,
                ended => {
                    self.repairs.count(RepairKind::Tags);
                    self.tokens.at = before;
                    // What was cut off with the document is not looked at again.
                    if let Some((at, length)) =
                        first_tag.filter(|(at, _)| ended.is_some() && self.may_rewind(before - at))
                    {
                        self.tokens.at = at;
                        tokens.truncate(length);
                    }
                    return Some(tokens);
                }
            };
            if tokens.len() < tokens_max {
                tokens.push(kept);
            }
        }
    }

    /// Whether so many bytes may be read once more. Counted in bytes, because a few fields without an end suffice to
    /// read a large document hundreds of times.
    fn may_rewind(&mut self, bytes: usize) -> bool {
        let sum = self.rewound_bytes.saturating_add(bytes);
        let may = sum <= REWIND_BYTES_MAX;
        if may {
            self.rewound_bytes = sum;
        }
        may
    }

    /// Character data, references resolved; elements inside as HTML.
    pub(super) fn text_of(&mut self, tag: &Tag<'a>, name: &Name, tokens: Vec<Token<'a>>) -> Option<String> {
        let kind = tag.attribute("type").unwrap_or("").to_ascii_lowercase();
        let mode = tag.attribute("mode").unwrap_or("").to_ascii_lowercase();
        let markup = tokens.iter().any(|t| matches!(t, Token::Start(_)));
        let has_cdata = tokens.iter().any(|t| matches!(t, Token::Cdata(_)));
        let mut value = String::new();
        for token in &tokens {
            match token {
                Token::Text(text) if markup && !has_cdata => {
                    let resolved = self.resolved(text);
                    value.push_str(&quick_xml::escape::minimal_escape(resolved));
                }
                Token::Text(text) => {
                    let resolved = self.resolved(text);
                    value.push_str(&resolved);
                }
                Token::Cdata(text) => value.push_str(text),
                Token::Start(inner) => self.push_tag(&mut value, inner),
                Token::End(inner) => {
                    value.push_str("</");
                    value.push_str(local_of(inner));
                    value.push('>');
                }
                Token::Doctype(_) => {}
            }
        }
        let trimmed = value.trim();
        if mode == "base64" || self.atom && name.local != "content" && is_base64(&kind) {
            use base64::Engine;
            let bytes: Vec<u8> = trimmed.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            let decoded = base64::engine::general_purpose::STANDARD.decode(bytes).ok()?;
            return String::from_utf8(decoded).ok();
        }
        if trimmed.is_empty() {
            return None;
        }
        if markup && (kind.contains("xhtml") || mode == "xml") {
            return Some(without_wrapper(trimmed).to_owned());
        }
        let plain = self.atom
            && name.ns == Ns::Rss
            && matches!(kind.as_str(), "" | "text" | "text/plain")
            && !markup
            && mode != "escaped";
        if plain && name.local == "title" {
            // As HTML, because RSS's titles are.
            let mut html = String::with_capacity(trimmed.len());
            escape(&text::from_text(text::cut(trimmed, TITLE_HTML_BYTES_MAX)), &mut html);
            return Some(html);
        }
        Some(trimmed.to_owned())
    }

    /// A start tag inside of content, without a prefix that only XHTML needs.
    fn push_tag(&self, value: &mut String, tag: &Tag<'a>) {
        let (prefix, local) = tag.split_name();
        if prefix.is_empty() {
            value.push_str(tag.raw);
        } else {
            value.push('<');
            value.push_str(local);
            value.push_str(&tag.raw[1 + tag.name.len()..]);
        }
    }

    pub(super) fn decoded(&mut self, text: &str) -> String {
        self.resolved(text).trim().to_owned()
    }

    /// Text with its references resolved: XML's, HTML's and the document's own; other ampersands stand for themselves.
    fn resolved(&mut self, text: &str) -> String {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            resolved.push_str(&rest[..at]);
            rest = &rest[at..];
            let (length, value) = self.reference(rest);
            resolved.push_str(&value);
            rest = &rest[length..];
        }
        resolved.push_str(rest);
        let unwanted = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let count = resolved.chars().filter(|c| unwanted(*c)).count();
        if count > 0 {
            self.repairs.counts(RepairKind::ControlCharacter, count);
            resolved.retain(|c| !unwanted(c));
        }
        resolved
    }

    fn reference(&mut self, text: &str) -> (usize, std::borrow::Cow<'a, str>) {
        let own = !self.entities.is_empty();
        let name = own.then(|| text::cut(text, 64)[1..].split_once(';')).flatten().map(|(name, _)| name);
        if let Some(value) = name.and_then(|name| self.entities.get(name)).copied() {
            self.expanded_bytes += value.len();
            if self.expanded_bytes <= ENTITY_EXPANSION_BYTES_MAX {
                return (name.map_or(1, |n| n.len() + 2), text::decode(value).into_owned().into());
            }
        }
        match text::reference(text) {
            Some((length, value)) => {
                if !text.starts_with("&#") && !matches!(&text[1..length - 1], "amp" | "lt" | "gt" | "quot" | "apos") {
                    self.repairs.count(RepairKind::HtmlEntity);
                }
                (length, value)
            }
            None => match reference_to_nothing(text) {
                Some(length) => {
                    self.repairs.count(RepairKind::ControlCharacter);
                    (length, "".into())
                }
                None => {
                    self.repairs.count(RepairKind::BareAmpersand);
                    (1, "&".into())
                }
            },
        }
    }
}

/// How long a reference by number is that no character has, as `&#0;` and `&#xD800;`.
fn reference_to_nothing(text: &str) -> Option<usize> {
    let figures = text.strip_prefix("&#")?;
    let end = text::cut(figures, 16).find(';')?;
    let digits = figures[..end].trim_start_matches(['x', 'X']);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())).then_some("&#".len() + end + 1)
}

/// What stands inside of the one `div` that XHTML content is wrapped in (RFC 4287, section 3.1.1.3).
fn without_wrapper(xhtml: &str) -> &str {
    let inner = || {
        let mut tokens = Tokens::new(xhtml);
        tokens.next().filter(|first| matches!(first, Token::Start(tag) if tag.name == "div" && !tag.empty))?;
        let body = xhtml[tokens.at..].strip_suffix("</div>")?;
        // Another one beside it: then neither is the wrapper.
        let mut depth = 0usize;
        let balanced = Tokens::new(body).all(|token| match token {
            Token::Start(tag) if tag.name == "div" && !tag.empty => {
                depth += 1;
                true
            }
            Token::End("div") => {
                let inside = depth > 0;
                depth = depth.saturating_sub(1);
                inside
            }
            _ => true,
        });
        balanced.then_some(body.trim())
    };
    inner().unwrap_or(xhtml)
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::parse::effort;

    fn repaired(text: &str) -> String {
        super::super::xml(text, 10, &Url::parse("https://a.example/").unwrap()).unwrap().text
    }

    #[test]
    fn fields_without_an_end_are_gone_back_for_as_far_as_the_budget_goes() {
        let item = format!("<rss><item>{}{}</item></rss>", "<title>".repeat(300), "<b>x".repeat(64 << 10));
        let (_, scanned) = effort::of(|| repaired(&item));
        assert!(scanned < 2 * (REWIND_BYTES_MAX + item.len()), "{scanned} bytes scanned");
        // A few are: what comes behind them is found.
        let made = repaired("<rss><item><title>One<guid>1<description>Two</description></item></rss>");
        assert!(made.contains("<guid>1</guid><description>Two</description>"), "{made}");
    }

    #[test]
    fn only_the_one_div_around_everything_is_a_wrapper() {
        for (xhtml, want) in [
            ("<div> <p>x</p> </div>", "<p>x</p>"),
            ("<div a='>'><div>x</div><div/>y</div>", "<div>x</div><div/>y"),
            ("<div>x</div><div>y</div>", "<div>x</div><div>y</div>"),
            ("<div><div>x</div></div><div>y</div>", "<div><div>x</div></div><div>y</div>"),
            ("<div>x</div><p>y</p><div><div>z</div></div>", "<div>x</div><p>y</p><div><div>z</div></div>"),
            ("<divx>y</div>", "<divx>y</div>"),
        ] {
            assert_eq!(without_wrapper(xhtml), want);
        }
    }

    #[test]
    fn a_field_is_no_more_pieces_than_its_limit() {
        let url = Url::parse("https://a.example/").unwrap();
        let text = "<b><i>".repeat(ENTRY_ELEMENTS_MAX);
        let document = format!("<a>{text}</a>");
        let mut reader = Reader::new(&document, 10, &url);
        let Some(Token::Start(tag)) = reader.tokens.next() else { panic!("no tag") };
        assert_eq!(reader.body(tag, false).map(|tokens| tokens.len()), Some(ENTRY_ELEMENTS_MAX));
        assert_eq!(reader.tokens.at, document.len());
        reader.tokens = Tokens::new(&document);
        reader.tokens.next();
        assert_eq!(reader.up_to_end(tag, true, 0).map(|tokens| tokens.len()), Some(0));
    }
}
