//! Conditional requests: what the server told us to send back, byte for byte. Pure: RFC 9110, sections 8.8 and 13.1;
//! RFC 3229 for answers that hold only what is new.

use ureq::http::HeaderMap;
use ureq::http::header::{ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};

use crate::limits::VALIDATOR_BYTES_MAX;

/// The ETag and Last-Modified of the last stored answer, exactly as sent, and what they are valid for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The URL that sent them and a fingerprint of the credentials that it was asked with.
    pub scope: String,
    pub etag: Option<Vec<u8>>,
    pub last_modified: Option<Vec<u8>>,
}

impl Validators {
    /// What a 200 brings: a header that it lacks is forgotten.
    pub fn of_answer(scope: String, headers: &HeaderMap) -> Validators {
        Validators { scope, etag: kept(headers, ETAG.as_str()), last_modified: kept(headers, LAST_MODIFIED.as_str()) }
    }

    /// What a 304 leaves: a header that it brings replaces the old value, one that it lacks keeps it.
    pub fn refreshed(&self, headers: &HeaderMap) -> Validators {
        let new = Validators::of_answer(self.scope.clone(), headers);
        Validators {
            scope: new.scope,
            etag: new.etag.or_else(|| self.etag.clone()),
            last_modified: new.last_modified.or_else(|| self.last_modified.clone()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// The request headers that ask "only if it changed", none when these validators are of another `scope`. With an entity tag
    /// they also ask for no more than the entries since (RFC 3229, section 10.5.3): the server could not tell since when without.
    pub(crate) fn conditions(&self, scope: &str) -> Vec<(&'static str, HeaderValue)> {
        if self.scope != scope {
            return Vec::new();
        }
        let header = |name: &'static str, value: &Option<Vec<u8>>| {
            let value = HeaderValue::from_bytes(value.as_deref()?).ok()?;
            Some((name, value))
        };
        let tag = header(IF_NONE_MATCH.as_str(), &self.etag);
        let delta = tag.is_some().then(|| (A_IM, HeaderValue::from_static(FEED)));
        let date = header(IF_MODIFIED_SINCE.as_str(), &self.last_modified);
        [tag, date, delta].into_iter().flatten().collect()
    }
}

pub(crate) const A_IM: &str = "a-im";
const IM: &str = "im";
/// The one instance manipulation that we can undo: the entries that are new, as a feed.
const FEED: &str = "feed";

/// Whether a 226 was made in the one way that was asked for. Some servers leave the header out.
pub(crate) fn is_feed_delta(headers: &HeaderMap) -> bool {
    let mut made = headers.get_all(IM).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    made.all(|way| way.trim_ascii().eq_ignore_ascii_case(FEED.as_bytes()))
}

fn kept(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let value = headers.get(name)?.as_bytes();
    (!value.is_empty() && value.len() <= VALIDATOR_BYTES_MAX).then(|| value.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn they_come_back_byte_for_byte() {
        let odd = headers(&[("etag", b"W/\"a,\xe9 'b'"), ("last-modified", b"Sunday, 06-Nov-94 08:49:37 GMT")]);
        let sent = Validators::of_answer("s".into(), &odd).conditions("s");
        assert_eq!(sent[0].0, "if-none-match");
        assert_eq!(sent[0].1.as_bytes(), b"W/\"a,\xe9 'b'");
        assert_eq!(sent[1].0, "if-modified-since");
        assert_eq!(sent[1].1.as_bytes(), b"Sunday, 06-Nov-94 08:49:37 GMT");
    }

    #[test]
    fn a_delta_is_asked_for_with_an_entity_tag_only() {
        let names = |pairs: &[(&'static str, &[u8])]| -> Vec<_> {
            let sent = Validators::of_answer("s".into(), &headers(pairs)).conditions("s");
            sent.into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&[("etag", b"1")]), ["if-none-match", "a-im"]);
        assert_eq!(names(&[("etag", b"1"), ("last-modified", b"2")]), ["if-none-match", "if-modified-since", "a-im"]);
        assert_eq!(names(&[("last-modified", b"2")]), ["if-modified-since"]);
        for (im, is_feed) in [(&b"feed"[..], true), (b" FEED ", true), (b"feed, gzip", false), (b"vcdiff", false)] {
            assert_eq!(is_feed_delta(&headers(&[("im", im)])), is_feed, "{im:?}");
        }
        assert!(is_feed_delta(&headers(&[])));
    }

    #[test]
    fn a_200_replaces_all_and_a_304_what_it_brings() {
        let old = Validators { scope: "s".into(), etag: Some(b"1".to_vec()), last_modified: Some(b"then".to_vec()) };
        let bare = Validators::of_answer("s".into(), &headers(&[]));
        assert!(bare.is_empty());
        let after_304 = old.refreshed(&headers(&[("etag", b"2")]));
        assert_eq!((after_304.etag.unwrap(), after_304.last_modified.unwrap()), (b"2".to_vec(), b"then".to_vec()));
    }

    #[test]
    fn never_those_of_another_url_or_other_credentials() {
        let old = Validators { scope: "http://a.test/ 1".into(), etag: Some(b"1".to_vec()), last_modified: None };
        assert!(old.conditions("http://a.test/ 2").is_empty());
        assert_eq!(old.conditions("http://a.test/ 1").len(), 2);
    }

    #[test]
    fn absurdly_long_ones_are_not_kept() {
        let long = vec![b'x'; VALIDATOR_BYTES_MAX + 1];
        assert!(Validators::of_answer("s".into(), &headers(&[("etag", &long)])).is_empty());
    }
}
