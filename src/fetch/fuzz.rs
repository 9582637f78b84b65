//! What holds for every address, however it is spelt, for every date of a header, and for every coded body.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ureq::http::header::{HeaderMap, HeaderValue, LOCATION};
use url::{Host, Url};

use super::decode::decode as undo;
use super::redirect::Chain;
use super::{guard, hop, http_date, retry_after};
use crate::failure::{Class, Phase};
use crate::fuzzing::{Input, within};
use crate::limits::{RATIO_FREE_BYTES, RATIO_MAX, REDIRECTS_MAX, RETRY_AFTER_MAX};

pub(crate) fn address(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.byte() % 4 {
        0 => judge(Ipv4Addr::from(std::array::from_fn(|_| input.byte())).into()),
        1 => judge(Ipv6Addr::from(std::array::from_fn(|_| input.byte())).into()),
        2 => judge_host(&input.text()),
        _ => judge_redirects(&mut input),
    }
}

/// The guard against what the standard library knows, and RFCs that it does not know spelt out here once more.
fn judge(address: IpAddr) {
    let verdict = guard::check(address);
    if is_internal(address) {
        assert!(verdict.is_err(), "{address} passes");
    }
    match address {
        // Of these every block is known here: what is refused is refused for a reason.
        IpAddr::V4(_) => assert_eq!(verdict.is_err(), is_internal(address), "{address}: {verdict:?}"),
        IpAddr::V6(v6) => {
            let is_given_out = v6.segments()[0] & 0xe000 == 0x2000;
            assert!(verdict.is_err() || is_given_out || is_translated(v6), "{address} passes");
        }
    }
    if let Err(refusal) = verdict {
        let told = refusal.to_string();
        assert!(told.contains(&address.to_string()) && told.contains("allow_private"), "{told}");
    }
}

fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_internal_v4(v4),
        IpAddr::V6(v6) => {
            let inner = carried(v6);
            let is_own = v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.segments()[0] & 0xffc0 == 0xfec0
                || v6.segments()[..2] == [0x2001, 0xdb8];
            is_own || v6.to_ipv4_mapped().is_some() || inner.into_iter().flatten().any(is_internal_v4)
        }
    }
}

fn is_internal_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0b1100_0000 == 64)
        || (a == 198 && b & 0b1111_1110 == 18)
        || matches!((a, b, c), (192, 0, 0) | (192, 88, 99))
}

/// The IPv4 addresses that packets to it end at: compatible, translated, NAT64, 6to4, Teredo.
fn carried(v6: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let octets = v6.octets();
    let at = |from: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(&octets[from..from + 4]).expect("four of them")));
    let inverted = at(12).map(|v4| Ipv4Addr::from_bits(!v4.to_bits()));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => [at(12), None],
        [0x2002, ..] => [at(2), None],
        [0x2001, 0, ..] => [at(4), inverted],
        _ => [None, None],
    }
}

fn is_translated(v6: Ipv6Addr) -> bool {
    v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0]
}

/// A host as it stands in a URL: what is an address to anybody is one to the guard.
fn judge_host(host: &str) {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else { return };
    judge_url(&url);
    // As an URL has spelt it, it is the same.
    let again = Url::parse(url.as_str()).expect("what was written is read");
    assert_eq!(again.host(), url.host(), "{host}");
}

fn judge_url(url: &Url) {
    match url.host() {
        Some(Host::Ipv4(v4)) => {
            judge(v4.into());
            assert_eq!(hop::guard_literal(url).is_err(), is_internal(v4.into()), "{url}");
        }
        Some(Host::Ipv6(v6)) => {
            judge(v6.into());
            assert!(hop::guard_literal(url).is_err() || !is_internal(v6.into()), "{url}");
        }
        Some(Host::Domain(name)) => {
            // Else a resolver would take it for one, unguarded.
            let bare = name.trim_end_matches('.').trim_matches(['[', ']']);
            assert!(bare.parse::<IpAddr>().is_err(), "{url} is an address by name");
            assert!(name.is_ascii() && !name.bytes().any(|b| b.is_ascii_uppercase()), "{url}");
            let is_here = bare == "localhost" || bare.ends_with(".localhost");
            assert!(!is_here || hop::guard_literal(url).is_err(), "{url} is here, and passes");
        }
        None => {}
    }
}

/// From one place to the next, as servers say: only to the web, never down, never in a circle, and not for ever.
fn judge_redirects(input: &mut Input<'_>) {
    let first = input.one_of(["https://example.org/feed", "http://example.org/a/b?c", "http://[2606:4700::1]:81/"]);
    let may_downgrade = input.flag();
    let mut chain = Chain::new(&Url::parse(first).expect("it is one"), may_downgrade);
    let mut hops = 0;
    loop {
        let location = input.text();
        let Ok(location) = HeaderValue::from_bytes(location.as_bytes()) else { return };
        let from = chain.url().clone();
        let headers = HeaderMap::from_iter([(LOCATION, location.clone())]);
        if let Err(failure) = chain.follow(&headers) {
            assert!(matches!(failure.class, Class::Redirect | Class::Policy), "{failure}");
            assert!(!failure.to_string().contains(char::is_control), "{failure:?}");
            return;
        }
        hops += 1;
        assert!(hops <= REDIRECTS_MAX);
        let to = chain.url();
        assert!(matches!(to.scheme(), "http" | "https"), "{location:?} leads to {to}");
        assert!(may_downgrade || from.scheme() == "http" || to.scheme() == "https", "{location:?} leads to {to}");
        assert!(to.username().is_empty() && to.password().is_none() && to.fragment().is_none(), "{to}");
        assert!(to.as_str().bytes().all(|b| b.is_ascii_graphic()), "{to}");
        judge_url(to);
        if input.is_empty() {
            return;
        }
    }
}

/// Dates of headers, and what is asked for by `Retry-After`.
pub(crate) fn dates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // 2026-11-27, and odd clocks.
    for now_ms in [1_795_737_600_000, 0, i64::MAX, i64::MIN] {
        if let Some(at_ms) = http_date::parse(&text, now_ms) {
            // Years 0 to 9999.
            assert!((-62_167_219_200_000..=253_402_300_799_999).contains(&at_ms), "{text}: {at_ms}");
        }
        let wait = retry_after::parse(&text, now_ms);
        assert!(wait.is_none_or(|wait| wait <= RETRY_AFTER_MAX), "{text}: {wait:?}");
    }
}

/// Content codings: what is undone is what was done, and what is no such thing ends within its bounds.
pub(crate) fn decode(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let coding = input.one_of(["gzip", "deflate", "br", "X-GZIP", "deflate, gzip", "gzip,br", "gzip, gzip,gzip", ""]);
    let bytes_max = input.one_of([64, 4_096, 1 << 20, 64 << 20]);
    let body = input.rest();
    let outcome = within(Duration::from_secs(2), "decoding", || undo(body.to_vec(), coding, bytes_max, &|| {}));
    match outcome {
        Ok(out) if coding.is_empty() => assert_eq!(out, body),
        Ok(out) => {
            let stacked = coding.split(',').count() as u32;
            let most = RATIO_FREE_BYTES.max((body.len() as u64 + 1) * RATIO_MAX.pow(stacked));
            assert!(out.len() as u64 <= bytes_max && out.len() as u64 <= most, "{} of {}", out.len(), body.len());
        }
        Err(failure) => {
            assert!(matches!(failure.class, Class::Decode | Class::TooLarge), "{failure}");
            assert!(matches!(failure.phase, Phase::Decode | Phase::Body), "{failure}");
            assert!(!failure.to_string().contains(char::is_control), "{failure:?}");
        }
    }
    for (coded, coding) in [
        (gzip(body), "gzip"),
        ([gzip(&body[..body.len() / 2]), gzip(&body[body.len() / 2..])].concat(), "x-gzip"),
        (zlib(body), "deflate"),
        (gzip(&zlib(body)), " DEFLATE ,identity, gzip"),
    ] {
        // An input of the fuzzer that is mostly one byte is a bomb like any other.
        match undo(coded, coding, u64::MAX, &|| {}) {
            Ok(out) => assert_eq!(out, body, "{coding}"),
            Err(failure) => assert_eq!(failure.class, Class::TooLarge, "{coding}: {failure}"),
        }
    }
    let coded = raw_deflate(body);
    match undo(coded.clone(), "deflate", u64::MAX, &|| {}) {
        Ok(out) => assert_eq!(out, body),
        // Bare, its first bytes may look like zlib's.
        Err(failure) => {
            assert!(super::decode::has_zlib_header(&coded) || failure.class == Class::TooLarge, "{failure}")
        }
    }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes every byte")
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("memory takes every byte")
}
