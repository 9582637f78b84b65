//! URLs as feeds.toml may hold them, and how a refused one is shown: never with a password that somebody put into it.

use url::Url;

use super::entry::{Entry, Written};
use super::mistakes::{Report, quoted};
use crate::limits::FEED_URL_BYTES_MAX;

/// What an address of a feed looks like.
const LIKE: &str = "https://example.org/feed.xml";

/// The `url` of a feed, as [`feed_url`] has it.
pub(super) fn feed(report: &mut Report, entry: &Entry<'_>) -> Option<Written<Url>> {
    let text = entry.text(report, LIKE)?;
    match feed_url(text) {
        Ok(url) => entry.written(url),
        Err((wrong, remedy)) => {
            entry.wrong_with(report, Some(shown(text)), wrong, remedy);
            None
        }
    }
}

/// The address of a feed: http or https, a host, no userinfo. A fragment is dropped: it is never sent.
///
/// # Errors
///
/// What is wrong with it, and what to do about it.
pub(crate) fn feed_url(text: &str) -> Result<Url, (String, String)> {
    let refuse = |wrong: String, remedy: &str| Err((wrong, remedy.to_owned()));
    if text.len() > FEED_URL_BYTES_MAX {
        let wrong = format!("is longer than {FEED_URL_BYTES_MAX} bytes");
        return refuse(wrong, "ask its publisher for a shorter one");
    }
    let mut url = match parse(text) {
        Ok(url) => url,
        Err(wrong) => return refuse(wrong, &format!("write it whole, like {LIKE:?}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse(format!("has the scheme {:?}", url.scheme()), "write one of http or https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "write the name into username, and the password into a file named in password_file";
        return refuse("holds credentials, which would end up in logs".to_owned(), remedy);
    }
    // What is sent is percent-encoded, and that is what has to fit.
    if url.as_str().len() > FEED_URL_BYTES_MAX {
        let wrong = format!("is longer than {FEED_URL_BYTES_MAX} bytes once it is encoded");
        return refuse(wrong, "ask its publisher for a shorter one");
    }
    url.set_fragment(None);
    Ok(url)
}

/// A URL with a host, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    // The parser removes them without a word (WHATWG URL, "basic URL parser", steps 1 and 3).
    if text.trim() != text || text.contains(|c: char| c.is_control()) {
        return Err("holds white space or a control character".to_owned());
    }
    match Url::parse(text) {
        Ok(url) if url.host_str().is_none_or(str::is_empty) => Err("has no host".to_owned()),
        Ok(url) => Ok(url),
        Err(error) => Err(format!("is not a URL ({error})")),
    }
}

/// For a message: quoted, and with anything that may be a password masked.
pub(crate) fn shown(text: &str) -> String {
    let authority = text.find("://").map_or(0, |i| i + 3);
    // What cannot be parsed may hold a password with any character in it, so all up to the last `@` goes. A parsed
    // URL knows better: `https://example.org/@user` holds none.
    let clean =
        Url::parse(text).is_ok_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none());
    match text[authority..].rfind('@') {
        Some(at) if !clean => quoted(&format!("{}***{}", &text[..authority], &text[authority + at..])),
        _ => quoted(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_masked_whether_or_not_the_url_can_be_parsed() {
        for (url, expected) in [
            ("https://u:hush@example.org/f", "\"https://***@example.org/f\""),
            ("https://u:hu/sh@exa mple.org/f", "\"https://***@exa mple.org/f\""),
            ("https://u:hu@sh@example.org/f", "\"https://***@example.org/f\""),
            ("u:hush@example.org", "\"***@example.org\""),
            ("https:\\\\u:hush@example.org", "\"***@example.org\""),
            ("https://example.org/@user/feed", "\"https://example.org/@user/feed\""),
            ("ftp://example.org/", "\"ftp://example.org/\""),
        ] {
            assert_eq!(shown(url), expected);
        }
    }
}
