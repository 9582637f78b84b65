//! Cookies within one chain of redirects, for sites that send a client round in a circle until it brings back what it was given
//! on the way. Pure: as much of RFC 6265 as that takes.
//!
//! A jar lives for one fetch and is never stored: a feed cannot recognise its readers. A cookie goes back to the host that set
//! it, to further names of that host's domain only if it says so, and never from https to http.

use ureq::http::HeaderMap;
use ureq::http::header::{HeaderValue, SET_COOKIE};
use url::Url;

use crate::limits::{COOKIE_BYTES_MAX, COOKIES_MAX};

#[derive(Debug, Default)]
pub(crate) struct Jar {
    cookies: Vec<Cookie>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cookie {
    name: Vec<u8>,
    value: Vec<u8>,
    /// The host that set it, or the domain that it named.
    domain: String,
    /// It goes to names below `domain` too.
    is_wide: bool,
    /// It came by https, and goes back by nothing else.
    is_secure: bool,
}

impl Jar {
    /// Takes what an answer of `url` sets, and says whether anything is different now.
    pub(crate) fn take(&mut self, url: &Url, headers: &HeaderMap) -> bool {
        let mut is_changed = false;
        for line in headers.get_all(SET_COOKIE) {
            let Some((cookie, is_removed)) = Cookie::read(line.as_bytes(), url) else { continue };
            let known =
                self.cookies.iter().position(|known| known.name == cookie.name && known.domain == cookie.domain);
            match known {
                Some(at) if is_removed => {
                    self.cookies.remove(at);
                    is_changed = true;
                }
                Some(at) => {
                    is_changed |= self.cookies[at] != cookie;
                    self.cookies[at] = cookie;
                }
                None if !is_removed && self.cookies.len() < COOKIES_MAX => {
                    self.cookies.push(cookie);
                    is_changed = true;
                }
                None => {}
            }
        }
        is_changed
    }

    /// The `Cookie` header for a request of `url`; `None` where there is nothing for it.
    pub(crate) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut line = Vec::new();
        for cookie in self.cookies.iter().filter(|cookie| cookie.is_for(url)) {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            line.extend([&cookie.name[..], b"=", &cookie.value].concat());
        }
        let mut value = HeaderValue::from_bytes(&line).ok().filter(|_| !line.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Cookie {
    /// A `Set-Cookie` line (RFC 6265, section 5.2), and whether it removes what it names. `None` for one that is not taken: it has
    /// no name, is too long, or is for somebody else's domain.
    fn read(line: &[u8], url: &Url) -> Option<(Cookie, bool)> {
        if line.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let mut parts = line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let (name, value) = pair(parts.next()?)?;
        let host = url.host_str()?.to_ascii_lowercase();
        let is_secure = url.scheme() == "https";
        let mut cookie = Cookie { name: name.to_vec(), value: value.to_vec(), domain: host, is_wide: false, is_secure };
        let mut is_removed = false;
        for (key, value) in parts.filter_map(pair) {
            let value = String::from_utf8_lossy(value);
            if key.eq_ignore_ascii_case(b"domain") {
                let domain = value.trim_start_matches('.').to_ascii_lowercase();
                // One label is a registry's and no site's.
                if !domain.contains('.') || url.domain().is_none() || !is_within(&cookie.domain, &domain) {
                    return None;
                }
                cookie.domain = domain;
                cookie.is_wide = true;
            } else if key.eq_ignore_ascii_case(b"max-age") {
                is_removed = value.starts_with('-') || value == "0";
            }
        }
        (!cookie.name.is_empty()).then_some((cookie, is_removed))
    }

    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let is_at_home = if self.is_wide { is_within(&host, &self.domain) } else { host == self.domain };
        is_at_home && (!self.is_secure || url.scheme() == "https")
    }
}

fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = part.iter().position(|byte| *byte == b'=')?;
    Some((part[..equals].trim_ascii(), part[equals + 1..].trim_ascii()))
}

/// Whether a host is a domain or a name below it.
fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes to `to` after an answer of `from` with these lines.
    fn sent(from: &str, lines: &[&str], to: &str) -> Option<String> {
        let mut jar = Jar::default();
        take(&mut jar, from, lines);
        let header = jar.header(&Url::parse(to).unwrap())?;
        Some(String::from_utf8(header.as_bytes().to_vec()).unwrap())
    }

    fn take(jar: &mut Jar, from: &str, lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        jar.take(&Url::parse(from).unwrap(), &headers)
    }

    #[test]
    fn a_cookie_goes_where_it_came_from() {
        let long = format!("a={}", "x".repeat(COOKIE_BYTES_MAX));
        for (from, lines, to, expected) in [
            ("http://a.test/x", &["a=1; Path=/; HttpOnly"][..], "http://a.test/y", Some("a=1")),
            ("http://a.test/", &["a=1", "b = \"2\" ", "a=3"], "http://a.test/", Some("a=3; b=\"2\"")),
            ("http://a.test/", &["a=1"], "http://b.test/", None),
            ("http://a.test/", &["a=1"], "http://www.a.test/", None),
            ("http://a.test/", &["a=1"], "https://a.test/", Some("a=1")),
            ("https://a.test/", &["a=1"], "http://a.test/", None),
            ("http://www.a.test/", &["a=1; domain=.A.test"], "http://feeds.a.test/", Some("a=1")),
            ("http://www.a.test/", &["a=1; domain=a.test"], "http://xa.test/", None),
            ("http://www.a.test/", &["a=1; Domain=b.test"], "http://b.test/", None),
            ("http://a.test/", &["a=1; Domain=test"], "http://b.test/", None),
            ("http://127.0.0.1/", &["a=1; Domain=0.0.1"], "http://127.0.0.1/", None),
            ("http://a.test/", &["a=1", "a=; Max-Age=0"], "http://a.test/", None),
            ("http://a.test/", &["", ";", "=", "=1", "a"], "http://a.test/", None),
            ("http://a.test/", &[&long], "http://a.test/", None),
        ] {
            assert_eq!(sent(from, lines, to).as_deref(), expected, "{lines:?} from {from} to {to}");
        }
    }

    #[test]
    fn a_jar_says_whether_it_changed_and_holds_no_more_than_its_limit() {
        let mut jar = Jar::default();
        for (lines, changed) in
            [(&["a=1"][..], true), (&["a=1"], false), (&["a=2"], true), (&["b=; max-age=0"], false), (&[], false)]
        {
            assert_eq!(take(&mut jar, "http://a.test/", lines), changed, "{lines:?}");
        }
        for n in 0..1_000 {
            take(&mut jar, "http://a.test/", &[&format!("c{n}=1")]);
        }
        assert_eq!(jar.cookies.len(), COOKIES_MAX);
    }
}
