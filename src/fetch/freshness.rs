//! How long an answer stays fresh, by its headers (RFC 9111, section 4.2). Pure.
//!
//! A publisher who says so asks not to be asked again before. `s-maxage` is for shared caches and not read; `no-cache`
//! means that what is kept has to be revalidated, which every poll does, and not that it should come at once.

use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::http::header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName};

use super::http_date;
use crate::schedule::Freshness;

/// The headers that say so, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caching {
    /// All that were sent, as one list (RFC 9110, section 5.3).
    cache_control: Option<String>,
    age: Option<String>,
    expires: Option<String>,
    date: Option<String>,
}

impl Caching {
    pub(crate) fn of(headers: &HeaderMap) -> Caching {
        let all = |name: HeaderName| {
            let values: Vec<_> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        let first = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        Caching { cache_control: all(CACHE_CONTROL), age: first(AGE), expires: first(EXPIRES), date: first(DATE) }
    }

    /// How long from `now_ms` (milliseconds since 1970, UTC), which stands in for a missing date: the first `max-age` that
    /// makes sense, less the age, else `Expires` less `Date`. `None` where the answer says nothing, makes no sense, or is stale.
    pub(crate) fn freshness(&self, now_ms: i64) -> Option<Freshness> {
        if let Some(max_age) = self.cache_control.as_deref().and_then(max_age) {
            let age = self.age.as_deref().and_then(|age| seconds(age.trim())).unwrap_or_default();
            return Some(max_age.saturating_sub(age)).filter(|fresh| !fresh.is_zero()).map(Freshness::MaxAge);
        }
        let expires_ms = http_date::parse(self.expires.as_deref()?, now_ms)?;
        let date_ms = self.date.as_deref().and_then(|date| http_date::parse(date, now_ms)).unwrap_or(now_ms);
        let fresh_ms = u64::try_from(expires_ms.saturating_sub(date_ms)).ok().filter(|ms| *ms > 0)?;
        Some(Freshness::Expires(Duration::from_millis(fresh_ms)))
    }
}

fn max_age(cache_control: &str) -> Option<Duration> {
    cache_control.split(',').find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        // A quoted value is no value of the grammar, and recipients are to read it all the same (RFC 9111, section 5.2).
        name.trim().eq_ignore_ascii_case("max-age").then(|| seconds(value.trim().trim_matches('"')))?
    })
}

/// A number of seconds; one that is too large to hold means very long (RFC 9111, section 1.2.2).
fn seconds(digits: &str) -> Option<Duration> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(u32::MAX).into()))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    /// 1994-11-06T08:49:37Z
    const NOW_MS: i64 = 784_111_777_000;

    fn freshness(headers: &[(&str, &str)]) -> Option<Freshness> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Caching::of(&map).freshness(NOW_MS)
    }

    #[test]
    fn max_age_less_age_else_expires_less_date() {
        let max_age = |seconds| Some(Freshness::MaxAge(Duration::from_secs(seconds)));
        let expires = |seconds| Some(Freshness::Expires(Duration::from_secs(seconds)));
        let now = ("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let in_an_hour = ("Expires", "Sun, 06 Nov 1994 09:49:37 GMT");
        for (headers, expected) in [
            (&[][..], None),
            (&[("Cache-Control", "max-age=600")], max_age(600)),
            (&[("Cache-Control", "public, Max-Age = 600 , must-revalidate")], max_age(600)),
            (&[("Cache-Control", "public"), ("Cache-Control", "max-age=600")], max_age(600)),
            (&[("Cache-Control", "max-age=\"600\"")], max_age(600)),
            (&[("Cache-Control", "max-age=600"), ("Age", "590")], max_age(10)),
            (&[("Cache-Control", "max-age=600"), ("Age", "junk")], max_age(600)),
            (&[("Cache-Control", "max-age=600"), ("Age", "600")], None),
            (&[("Cache-Control", "max-age=600"), ("Age", "99999999999999999999")], None),
            (&[("Cache-Control", "max-age=99999999999999999999")], max_age(u32::MAX.into())),
            // The first that makes sense.
            (&[("Cache-Control", "max-age=soon, max-age=60, max-age=600")], max_age(60)),
            (&[("Cache-Control", "max-age=-1")], None),
            (&[("Cache-Control", "max-age")], None),
            // Not for us, and not about when to come.
            (&[("Cache-Control", "s-maxage=600")], None),
            (&[("Cache-Control", "no-cache")], None),
            (&[("Cache-Control", "no-cache, max-age=600")], max_age(600)),
            (&[("Cache-Control", "stale-while-revalidate=600, x-max-age=7")], None),
            // max-age wins, also where it says that the answer is stale (RFC 9111, section 5.3).
            (&[("Cache-Control", "max-age=60"), now, in_an_hour], max_age(60)),
            (&[("Cache-Control", "max-age=0"), now, in_an_hour], None),
            (&[("Cache-Control", "max-age=junk"), now, in_an_hour], expires(3_600)),
            (&[now, in_an_hour], expires(3_600)),
            // The server's clock counts, not ours.
            (&[("Date", "Sun, 06 Nov 1994 09:39:37 GMT"), in_an_hour], expires(600)),
            (&[in_an_hour], expires(3_600)),
            (&[("Date", "junk"), in_an_hour], expires(3_600)),
            (&[now, ("Expires", "Sunday, 06-Nov-94 08:51:37 GMT")], expires(120)),
            (&[now, ("Expires", "0")], None),
            (&[now, ("Expires", "-1")], None),
            (&[now, ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")], None),
            (&[now, ("Expires", "Sun, 06 Nov 1994 08:49:37 GMT")], None),
        ] {
            assert_eq!(freshness(headers), expected, "{headers:?}");
        }
    }
}
