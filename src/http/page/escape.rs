//! Text out of feeds, made harmless for a page: the one way in which it gets there.
//!
//! What stands here serves element content and quoted attributes alike; nothing of a feed is ever put anywhere else.

use std::fmt::{self, Display, Formatter, Write};

use url::Url;

/// A text that shows as it is and means nothing to a browser.
pub(super) fn text(raw: &str) -> Text<'_> {
    Text(raw)
}

/// Escapes while it is written.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(&'a str);

impl Display for Text<'_> {
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
fn turns_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}

/// Where a link of a feed may lead: http and https alone.
pub(super) fn link(raw: &str) -> Option<Link> {
    let url = Url::parse(raw).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).then_some(Link(url))
}

/// A link away from here, written as the browser would read it.
pub(super) struct Link(Url);

impl Link {
    /// The host, in ASCII, so that it cannot look like another one.
    pub(super) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix("www.").unwrap_or(host)
    }

    /// The link around `label`, which is markup. Whoever is linked to learns nothing of this page, and gets no hold of it.
    pub(super) fn around(&self, label: impl Display) -> String {
        let href = text(self.0.as_str());
        format!(r#"<a href="{href}" rel="noopener noreferrer nofollow">{label}</a>"#)
    }
}

/// A text as one segment of a path, or one value of a query (RFC 3986, section 2.3).
pub(super) fn encoded(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for byte in raw.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(text(raw).to_string(), escaped, "{raw:?}");
        }
    }

    #[test]
    fn a_link_leads_to_the_web_or_nowhere() {
        for (raw, href) in [
            ("https://example.org/a?b=1&c=2", Some("https://example.org/a?b=1&amp;c=2")),
            ("HTTP://EXAMPLE.org", Some("http://example.org/")),
            ("https://example.org/\"><script>", Some("https://example.org/%22%3E%3Cscript%3E")),
            ("https://example.org/\u{202e}x", Some("https://example.org/%E2%80%AEx")),
            ("https://example.org/#'", Some("https://example.org/#&#39;")),
            ("javascript:alert(1)", None),
            (" java\nscript:alert(1)", None),
            ("data:text/html,<script>", None),
            ("vbscript:x", None),
            ("file:///etc/passwd", None),
            ("ftp://example.org/", None),
            ("//example.org/", None),
            ("/articles/1", None),
            ("https://", None),
            ("", None),
        ] {
            let anchor = href.map(|href| format!(r#"<a href="{href}" rel="noopener noreferrer nofollow">x</a>"#));
            assert_eq!(link(raw).map(|link| link.around("x")), anchor, "{raw:?}");
        }
    }

    #[test]
    fn a_host_is_shown_as_it_is_asked_for() {
        for (raw, host) in [
            ("https://www.example.org/", "example.org"),
            ("https://bank.example@evil.example/", "evil.example"),
            ("https://аpple.example/", "xn--pple-43d.example"),
        ] {
            assert_eq!(link(raw).unwrap().host(), host, "{raw:?}");
        }
    }

    #[test]
    fn a_segment_stays_one_segment() {
        for (raw, segment) in [
            ("bbc-world", "bbc-world"),
            ("BBC World", "BBC%20World"),
            ("a/b?c#d%", "a%2Fb%3Fc%23d%25"),
            ("x&y=z+'\"", "x%26y%3Dz%2B%27%22"),
            ("日本", "%E6%97%A5%E6%9C%AC"),
        ] {
            assert_eq!(encoded(raw), segment);
        }
    }
}
