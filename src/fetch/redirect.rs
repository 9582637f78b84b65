//! Where a redirect leads, and whether we go there. Pure: RFC 9110, section 15.4.

use ureq::http::HeaderMap;
use ureq::http::header::{HeaderValue, LOCATION};
use url::Url;

use super::cookies::Jar;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{REDIRECTS_MAX, URL_BYTES_MAX};

/// Whether `status` asks to look elsewhere for the same document.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Whether `status` says that this holds for ever (RFC 9110, sections 15.4.2 and 15.4.9).
pub(crate) fn is_permanent(status: u16) -> bool {
    matches!(status, 301 | 308)
}

/// The URLs asked one after the other in a fetch, and the cookies that were set on the way.
#[derive(Debug)]
pub(crate) struct Chain {
    /// Never empty.
    visited: Vec<Url>,
    /// From here on they were asked with the cookies that there are now: to come back to one of these is a loop.
    distinct_from: usize,
    cookies: Jar,
    may_downgrade: bool,
}

impl Chain {
    /// `may_downgrade`: whether a redirect from https to http is followed.
    pub(crate) fn new(first: &Url, may_downgrade: bool) -> Chain {
        let mut first = first.clone();
        first.set_fragment(None);
        Chain { visited: vec![first], distinct_from: 0, cookies: Jar::default(), may_downgrade }
    }

    /// What is asked now.
    pub(crate) fn url(&self) -> &Url {
        self.visited.last().expect("it starts with one and only grows")
    }

    /// The cookies that go with it.
    pub(crate) fn cookies(&self) -> Option<HeaderValue> {
        self.cookies.header(self.url())
    }

    /// Begins again at the first URL, with the cookies.
    pub(crate) fn restart(&mut self) {
        self.visited.truncate(1);
        self.distinct_from = 0;
    }

    /// Goes on to where a redirect with these headers leads.
    ///
    /// # Errors
    ///
    /// As [`target`]; also `redirect` for a loop and for too many hops.
    pub(crate) fn follow(&mut self, headers: &HeaderMap) -> Result<(), Failure> {
        let from = self.visited.last().expect("it starts with one and only grows");
        if self.cookies.take(from, headers) {
            self.distinct_from = self.visited.len();
        }
        let to = target(from, headers.get(LOCATION).map(HeaderValue::as_bytes), self.may_downgrade)?;
        let bad = |message: String| Failure::new(Class::Redirect, Phase::Header, message);
        if self.visited[self.distinct_from..].contains(&to) {
            return Err(bad(format!("the redirects go round in a circle, back to {}", shown(&to))));
        }
        if self.visited.len() > REDIRECTS_MAX {
            return Err(bad(format!("more than {REDIRECTS_MAX} redirects, the last to {}", shown(&to))));
        }
        self.visited.push(to);
        Ok(())
    }
}

/// The URL that `location` names, seen from `from`.
///
/// # Errors
///
/// `redirect`: no or an unreadable Location, or too long. `policy`: another scheme than http and https, or from https to
/// http where that is not allowed.
fn target(from: &Url, location: Option<&[u8]>, may_downgrade: bool) -> Result<Url, Failure> {
    let bad = |message: String| Failure::new(Class::Redirect, Phase::Header, message);
    let location = location.ok_or_else(|| bad("the server redirects without saying where to".to_owned()))?;
    if location.len() > URL_BYTES_MAX {
        return Err(bad(format!("the redirect's Location has {} bytes, more than {URL_BYTES_MAX}", location.len())));
    }
    // Read leniently, they would lead where nobody sends us.
    let text = std::str::from_utf8(location).map_err(|_| bad("the redirect's Location is not in UTF-8".to_owned()))?;
    if ["%0d", "%0a", "%00"].iter().any(|end| text.to_ascii_lowercase().contains(end)) {
        // No document is called so: it is meant for whoever takes such a URL apart behind us.
        return Err(bad("the redirect's Location holds an escaped line end".to_owned()));
    }
    let mut to = from.join(text.trim()).map_err(|error| bad(format!("the redirect's Location is no URL: {error}")))?;
    to.set_fragment(None);
    if !matches!(to.scheme(), "http" | "https") {
        let message = format!("the server redirects to a {}: URL; only http and https are followed", to.scheme());
        return Err(Failure::new(Class::Policy, Phase::Header, message));
    }
    if from.scheme() == "https" && to.scheme() == "http" && !may_downgrade {
        let message = format!(
            "the server redirects from https to http at {}; if that is right, set the feed's url to it, or allow_downgrade",
            shown(&to)
        );
        return Err(Failure::new(Class::Policy, Phase::Header, message));
    }
    if !to.username().is_empty() || to.password().is_some() {
        // Somebody else's credentials: the URL without them is what we were sent to.
        let _ = to.set_username("");
        let _ = to.set_password(None);
    }
    Ok(to)
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

    /// The URLs asked when each answer is a redirect with these lines.
    fn chain(first: &str, answers: &[&[(&'static str, &str)]]) -> Result<Vec<String>, Failure> {
        let mut chain = Chain::new(&url(first), false);
        for answer in answers {
            let header = |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
            chain.follow(&answer.iter().map(header).collect())?;
        }
        Ok(chain.visited.iter().map(Url::to_string).collect())
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
            assert_eq!(target(&url(from), Some(location.as_bytes()), false).unwrap().as_str(), to, "{location}");
        }
        assert!(target(&url("https://a.test/"), Some(b"http://a.test/"), true).is_ok(), "allowed");
    }

    #[test]
    fn what_is_not_followed_says_why() {
        let long = format!("/{}", "a".repeat(64 << 10));
        for (from, location, class, word) in [
            ("http://a.test/", None, Class::Redirect, "without saying where"),
            ("http://a.test/", Some("http://"), Class::Redirect, "no URL"),
            ("http://a.test/", Some("file:///etc/passwd"), Class::Policy, "file:"),
            ("http://a.test/", Some("gopher://a.test/"), Class::Policy, "gopher:"),
            ("http://a.test/", Some("javascript:alert(1)"), Class::Policy, "javascript:"),
            ("https://a.test/", Some("http://a.test/"), Class::Policy, "from https to http"),
            ("http://a.test/", Some(&*long), Class::Redirect, "65537 bytes"),
            ("http://a.test/", Some("/x%0D%0aHost: b.test"), Class::Redirect, "line end"),
        ] {
            let failure = target(&url(from), location.map(str::as_bytes), false).unwrap_err();
            assert_eq!(failure.class, class, "{failure}");
            assert!(failure.message.contains(word), "{failure}");
        }
    }

    #[test]
    fn loops_are_found_and_five_redirects_followed() {
        let hop = |to| [("location", to)];
        let [a, b, c, d, e, f] = ["/a", "/b", "/c", "/d", "/e", "/f"].map(hop);
        assert_eq!(chain("http://a.test/#top", &[&a, &b, &c, &d, &e]).unwrap().len(), 6);
        for (answers, word) in [
            (&[&a[..], &b, &c, &d, &e, &f][..], "more than 5"),
            (&[&hop("/#self")], "circle"),
            (&[&a, &b, &hop("/")], "circle"),
        ] {
            let failure = chain("http://a.test/", answers).unwrap_err();
            assert!(failure.class == Class::Redirect && failure.message.contains(word), "{failure}");
        }
    }

    #[test]
    fn a_circle_that_sets_a_cookie_is_gone_round_once_more() {
        let check = [("location", "/check"), ("set-cookie", "seen=1")];
        let back = [("location", "/feed")];
        assert_eq!(chain("http://a.test/feed", &[&check, &back]).unwrap().len(), 3);
        let again = [("location", "/feed"), ("set-cookie", "seen=1")];
        assert_eq!(chain("http://a.test/feed", &[&again]).unwrap().len(), 2);
        assert!(chain("http://a.test/feed", &[&again, &again]).unwrap_err().message.contains("circle"));
        // One that sets another each time ends too.
        let lines: Vec<String> = (0..9).map(|n| format!("seen={n}")).collect();
        let endless: Vec<_> = lines.iter().map(|line| [("location", "/feed"), ("set-cookie", &**line)]).collect();
        let endless: Vec<&[_]> = endless.iter().map(|answer| &answer[..]).collect();
        assert!(chain("http://a.test/feed", &endless).unwrap_err().message.contains("more than 5"));
    }

    #[test]
    fn a_message_never_shows_a_query() {
        assert_eq!(shown(&url("http://a.test/f?key=secret")), "http://a.test/f");
    }
}
