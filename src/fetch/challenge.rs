//! Pages that stand in front of a server and want proof of a human reader, or refuse whoever looks like a program. Pure.
//!
//! They are told apart so that an operator can ask the publisher to let feed readers through. It is no invitation to
//! disguise: nothing here changes what is asked next. A mark is one that stands on such pages alone, never what their makers
//! also put into ordinary ones.

use ureq::http::HeaderMap;

use crate::limits::CHALLENGE_BYTES_MAX;

/// Header, how its value begins (in lower case), and whose it is.
const HEADERS: [(&str, &str, &str); 4] = [
    ("cf-mitigated", "challenge", "Cloudflare"),
    ("x-amzn-waf-action", "", "AWS WAF"),
    ("x-vercel-mitigated", "", "Vercel"),
    ("x-sucuri-block", "", "Sucuri"),
];

/// What a page holds, in lower case, and whose it is.
const MARKS: [(&str, &str); 12] = [
    ("_cf_chl_opt", "Cloudflare"),
    ("jschl-answer", "Cloudflare"),
    ("<title>attention required! | cloudflare", "Cloudflare"),
    ("geo.captcha-delivery.com", "DataDome"),
    ("px-captcha", "HUMAN"),
    ("sucuri_cloudproxy_js", "Sucuri"),
    ("sucuri website firewall", "Sucuri"),
    ("incapsula incident id", "Imperva"),
    ("anubis_challenge", "Anubis"),
    ("awswafcookiedomainlist", "AWS WAF"),
    ("/.well-known/ddos-guard/", "DDoS-Guard"),
    ("errors.edgesuite.net", "Akamai"),
];

/// Whether an answer with this status can be such a page, so that its body is worth a look: all of these are in use.
pub(crate) fn may_challenge(status: u16) -> bool {
    matches!(status, 202 | 401 | 403 | 405 | 429 | 503)
}

/// Who stands before the server, by an answer that brought no document and the beginning of its body.
pub(crate) fn of_refusal(headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let value =
        |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    let by_header = HEADERS.iter().find(|(name, start, _)| value(name).is_some_and(|value| value.starts_with(start)));
    by_header.map(|(_, _, who)| *who).or_else(|| by_mark(body))
}

/// The same by a document that was given as if it were the one asked for.
pub(crate) fn of_page(body: &[u8]) -> Option<&'static str> {
    let start = body.trim_ascii_start().get(..9)?.to_ascii_lowercase();
    // A feed may tell of these pages.
    (start.starts_with(b"<html") || start == b"<!doctype").then(|| by_mark(body))?
}

fn by_mark(body: &[u8]) -> Option<&'static str> {
    let start = &body[..body.len().min(CHALLENGE_BYTES_MAX)];
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, who)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn refusals_are_told_apart() {
        for (pairs, body, who) in [
            (&[("cf-mitigated", "challenge"), ("server", "cloudflare")][..], "", Some("Cloudflare")),
            (&[("server", "cloudflare")], "<script>window._cf_chl_opt={cvId:'3'}", Some("Cloudflare")),
            (&[("server", "cloudflare")], "<TITLE>Attention Required! | Cloudflare</TITLE>", Some("Cloudflare")),
            (&[("x-amzn-waf-action", "captcha")], "", Some("AWS WAF")),
            (&[("server", "ddos-guard")], "<link href=\"/.well-known/ddos-guard/x.css\">", Some("DDoS-Guard")),
            (&[("server", "ddos-guard")], "<h1>Log in</h1>", None),
            (&[], "Request unsuccessful. Incapsula incident ID: 1-2", Some("Imperva")),
            // The server's own, behind the same services.
            (&[("server", "cloudflare"), ("cf-ray", "1")], "<h1>Log in</h1>", None),
            (&[("server", "cloudflare")], "<script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'>", None),
            (&[("server", "nginx")], "", None),
        ] {
            assert_eq!(of_refusal(&headers(pairs), body.as_bytes()), who, "{pairs:?} {body}");
        }
    }

    #[test]
    fn a_feed_that_tells_of_challenges_is_a_feed() {
        for (body, who) in [
            ("<!DOCTYPE html><script id=\"anubis_challenge\" type=\"application/json\">", Some("Anubis")),
            ("\n<HTML><script>window._cf_chl_opt", Some("Cloudflare")),
            ("<rss><description>&lt;html> _cf_chl_opt and px-captcha", None),
            ("<?xml version='1.0'?><feed>anubis_challenge", None),
            ("<html><p>hello</p></html>", None),
            ("", None),
        ] {
            assert_eq!(of_page(body.as_bytes()), who, "{body}");
        }
    }
}
