//! Where a redirect leads, and whether we go there. Pure: RFC 9110, section 15.4.

use url::Url;

use crate::failure::{Class, Failure, Phase};
use crate::limits::{REDIRECTS_MAX, URL_BYTES_MAX};

/// Whether `status` asks to look elsewhere for the same document.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The URL that `location` names, seen from the last of `visited`.
///
/// # Errors
///
/// `redirect`: no or an unreadable Location, too long, a loop, too many hops. `policy`: another scheme than http and
/// https, or from https to http.
pub(crate) fn target(visited: &[Url], location: Option<&[u8]>) -> Result<Url, Failure> {
    let from = visited.last().expect("a redirect is answered by a URL that was visited");
    let bad = |message: String| Failure::new(Class::Redirect, Phase::Header, message);
    let location = location.ok_or_else(|| bad("the server redirects without saying where to".to_owned()))?;
    if location.len() > URL_BYTES_MAX {
        return Err(bad(format!("the redirect's Location has {} bytes, more than {URL_BYTES_MAX}", location.len())));
    }
    let text = String::from_utf8_lossy(location);
    let mut to = from.join(text.trim()).map_err(|error| bad(format!("the redirect's Location is no URL: {error}")))?;
    to.set_fragment(None);
    if !matches!(to.scheme(), "http" | "https") {
        let message = format!("the server redirects to a {}: URL; only http and https are followed", to.scheme());
        return Err(Failure::new(Class::Policy, Phase::Header, message));
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        let message = format!(
            "the server redirects from https to http at {}; set the feed's url to it if that is right",
            shown(&to)
        );
        return Err(Failure::new(Class::Policy, Phase::Header, message));
    }
    if !to.username().is_empty() || to.password().is_some() {
        // Somebody else's credentials: the URL without them is what we were sent to.
        let _ = to.set_username("");
        let _ = to.set_password(None);
    }
    if visited.contains(&to) {
        return Err(bad(format!("the redirects go round in a circle, back to {}", shown(&to))));
    }
    if visited.len() > REDIRECTS_MAX {
        return Err(bad(format!("more than {REDIRECTS_MAX} redirects, the last to {}", shown(&to))));
    }
    Ok(to)
}

/// Scheme, host and port the same (RFC 6454): credentials and custom headers go no further.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin()
}

/// A URL for a message: without its query, which may carry a key. `url` has escaped everything that is not printable.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    let text = url.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_location_is_read_as_browsers_read_it() {
        for (from, location, to) in [
            ("http://a.test/x/feed", "/new", "http://a.test/new"),
            ("http://a.test/x/feed", "new?q=1#part", "http://a.test/x/new?q=1"),
            ("http://a.test/x", "//b.test/y", "http://b.test/y"),
            ("http://a.test/x", "https://a.test/x", "https://a.test/x"),
            ("http://a.test/x", " /trimmed ", "http://a.test/trimmed"),
            ("http://a.test/x", "/ümlaut", "http://a.test/%C3%BCmlaut"),
            ("http://a.test/x", "http://u:p@b.test/", "http://b.test/"),
        ] {
            assert_eq!(target(&[url(from)], Some(location.as_bytes())).unwrap().as_str(), to, "{location}");
        }
    }

    #[test]
    fn what_is_not_followed_says_why() {
        let hops: Vec<Url> = (0..=REDIRECTS_MAX).map(|i| url(&format!("http://a.test/{i}"))).collect();
        let long = format!("/{}", "a".repeat(64 << 10));
        for (visited, location, class, word) in [
            (vec![url("http://a.test/")], None, Class::Redirect, "without saying where"),
            (vec![url("http://a.test/")], Some("http://"), Class::Redirect, "no URL"),
            (vec![url("http://a.test/")], Some("file:///etc/passwd"), Class::Policy, "file:"),
            (vec![url("http://a.test/")], Some("gopher://a.test/"), Class::Policy, "gopher:"),
            (vec![url("http://a.test/")], Some("javascript:alert(1)"), Class::Policy, "javascript:"),
            (vec![url("https://a.test/")], Some("http://a.test/"), Class::Policy, "from https to http"),
            (vec![url("http://a.test/"), url("http://a.test/b")], Some("/"), Class::Redirect, "circle"),
            (vec![url("http://a.test/")], Some("/#self"), Class::Redirect, "circle"),
            (vec![url("http://a.test/")], Some(&*long), Class::Redirect, "65537 bytes"),
            (hops, Some("/once-more"), Class::Redirect, "more than 5"),
        ] {
            let failure = target(&visited, location.map(str::as_bytes)).unwrap_err();
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.message.contains(word), "{failure}");
        }
    }

    #[test]
    fn five_redirects_are_followed() {
        let visited: Vec<Url> = (0..REDIRECTS_MAX).map(|i| url(&format!("http://a.test/{i}"))).collect();
        assert!(target(&visited, Some(b"/fifth")).is_ok());
    }

    #[test]
    fn a_message_never_shows_a_query() {
        assert_eq!(shown(&url("http://a.test/f?key=secret")), "http://a.test/f");
    }
}
