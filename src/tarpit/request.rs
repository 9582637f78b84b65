//! One request as it came: read from bytes without a socket, and kept for the tests to look at.
//!
//! Lenient, because it judges nobody: what a client really sent is for a test to find out.

use std::net::SocketAddr;
use std::time::Instant;

/// A request that the tarpit read.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// On the monotonic clock.
    pub at: Instant,
    /// On the wall clock that the tarpit was given: milliseconds since 1970, UTC.
    pub at_ms: i64,
    pub peer: SocketAddr,
    /// Counted from 1, in the order of accepting: requests of one kept connection have the same.
    pub connection: u64,
    pub tls: bool,
    pub head: Head,
}

/// The head of a request, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// As it stood in the request line; the absolute form too, as a proxy is asked.
    pub target: String,
    /// As it stood in the request line: `HTTP/1.1`.
    pub version: String,
    /// In lower case, without port; empty if none was sent.
    pub host: String,
    /// Of the target, from its first `/`, without the query, still percent-encoded.
    pub path: String,
    /// Of the target, after the first `?`; empty if there is none.
    pub query: String,
    /// Every header as it came: its name, and its value without the spaces around it.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Head {
    /// Reads a head, its closing empty line included. `None` if not even a request line is there.
    pub(crate) fn read(bytes: &[u8]) -> Option<Head> {
        let mut lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = String::from_utf8_lossy(lines.next()?).into_owned();
        let mut words = line.split(' ');
        let method = words.next().filter(|word| !word.is_empty())?.to_string();
        let target = words.next()?.to_string();
        let version = words.next()?.to_string();

        let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).map(split_header).collect();
        let (authority, rest) = split_target(&target);
        let host_header = find(&headers, "host").map(|value| String::from_utf8_lossy(value).into_owned());
        let host = authority.map(str::to_string).or(host_header).map(|host| without_port(&host)).unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, query) = (path.to_string(), query.to_string());
        Some(Head { method, version, host, path, query, headers, target })
    }

    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        find(&self.headers, name)
    }

    /// The first value of a key of the query, percent-decoded.
    pub fn param(&self, key: &str) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
    }

    /// A key of the query as a number, if it is one, never above `max`.
    pub(crate) fn number(&self, key: &str, max: u64) -> Option<u64> {
        self.param(key)?.parse::<u64>().ok().map(|number| number.min(max))
    }

    /// Whether the client keeps the connection for another request (RFC 9112, section 9.3).
    pub(crate) fn keeps_alive(&self) -> bool {
        let says = |word: &str| {
            let value = self.header("connection").unwrap_or_default();
            String::from_utf8_lossy(value).split(',').any(|token| token.trim().eq_ignore_ascii_case(word))
        };
        if self.version == "HTTP/1.1" { !says("close") } else { says("keep-alive") }
    }
}

/// Where a head ends in what has been read: behind its empty line.
pub(crate) fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    // An end may straddle what was searched before.
    let start = searched.saturating_sub(3);
    bytes[start..].windows(4).position(|window| window == b"\r\n\r\n").map(|at| start + at + 4)
}

fn split_header(line: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
    let value = line.get(colon + 1..).unwrap_or_default();
    (line[..colon].to_vec(), value.trim_ascii().to_vec())
}

/// The authority of an absolute target, and everything from its path on.
fn split_target(target: &str) -> (Option<&str>, &str) {
    let Some((_, rest)) = target.split_once("://").filter(|(scheme, _)| !scheme.contains('/')) else {
        return (None, target);
    };
    let path = rest.find('/').unwrap_or(rest.len());
    (Some(&rest[..path]), if path == rest.len() { "/" } else { &rest[path..] })
}

fn without_port(authority: &str) -> String {
    // The colons of an IPv6 address stand in brackets.
    let end = authority.rfind(':').filter(|&colon| !authority[colon..].contains(']')).unwrap_or(authority.len());
    authority[..end].to_ascii_lowercase()
}

fn find<'a>(headers: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn host_path_and_query_of_every_form() {
        for (text, host, path, query) in [
            ("GET /a?b=1 HTTP/1.1\r\nHost: A.localhost:81\r\n\r\n", "a.localhost", "/a", "b=1"),
            ("GET / HTTP/1.1\r\nhost:[::1]:81\r\n\r\n", "[::1]", "/", ""),
            ("GET http://B.test:8/c?d=//e HTTP/1.1\r\nHost: proxy\r\n\r\n", "b.test", "/c", "d=//e"),
            ("GET http://b.test HTTP/1.1\r\n\r\n", "b.test", "/", ""),
            ("GET /x?u=http://y/z HTTP/1.0\r\n\r\n", "", "/x", "u=http://y/z"),
        ] {
            let head = head(text);
            assert_eq!((head.host.as_str(), head.path.as_str(), head.query.as_str()), (host, path, query), "{text}");
        }
    }

    #[test]
    fn headers_stay_in_order_and_byte_for_byte() {
        let head = Head::read(b"GET / HTTP/1.1\r\nB:  W/\"x\xff\" \r\na: 1\r\nA: 2\r\n\r\n").unwrap();
        assert_eq!(head.headers[0], (b"B".to_vec(), b"W/\"x\xff\"".to_vec()));
        assert_eq!(head.header("a"), Some(b"1".as_slice()));
        assert_eq!(head.headers.len(), 3);
    }

    #[test]
    fn keeping_alive_is_as_the_version_has_it() {
        for (text, keeps) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
        ] {
            assert_eq!(head(text).keeps_alive(), keeps, "{text}");
        }
    }

    #[test]
    fn the_end_is_found_though_it_came_in_pieces() {
        let bytes = b"GET / HTTP/1.1\r\n\r\nGET";
        for searched in 0..18 {
            assert_eq!(end_of_head(bytes, searched), Some(18));
        }
        assert_eq!(end_of_head(b"GET / HTTP/1.1\r\n", 0), None);
        assert_eq!(Head::read(b"\r\n\r\n"), None);
    }
}
