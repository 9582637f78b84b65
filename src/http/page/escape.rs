//! Addresses out of feeds, made harmless for a page. Texts are by [`text`], element content and quoted attributes alike;
//! nothing of a feed is ever put anywhere else.

use std::fmt::{Display, Write};

use url::Url;

pub(super) use crate::escape::html as text;

/// Where a link of a feed may lead: http and https alone.
pub(crate) fn link(raw: &str) -> Option<Link> {
    let url = Url::parse(raw).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some()).then_some(Link(url))
}

/// A link away from here, written as the browser would read it.
pub(crate) struct Link(Url);

impl Link {
    /// The host, in ASCII, so that it cannot look like another one.
    pub(crate) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.strip_prefix("www.").unwrap_or(host)
    }

    /// The link around `label`, which is markup. Whoever is linked to learns nothing of this page, and gets no hold of it.
    pub(crate) fn around(&self, label: impl Display) -> String {
        let href = text(self.0.as_str());
        format!(r#"<a href="{href}" rel="noopener noreferrer nofollow">{label}</a>"#)
    }
}

/// A text as one segment of a path, or one value of a query (RFC 3986, section 2.3).
pub(crate) fn encoded(raw: &str) -> String {
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
