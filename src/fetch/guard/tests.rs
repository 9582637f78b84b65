use ureq::http::header::{HeaderMap, HeaderValue, LOCATION};
use url::{Host, Url};

use super::*;
use crate::fetch::hop::guard_literal;
use crate::fetch::redirect::Chain;

fn verdict(addr: &str) -> Result<(), String> {
    check(addr.parse().unwrap()).map_err(|refusal| refusal.to_string())
}

/// First and last address of each block are refused for the reason given, and their neighbours are public.
#[test]
fn blocks_of_ipv4_end_where_the_registry_says() {
    const REFUSED: &[(&str, &str, &str)] = &[
        ("0.0.0.0", "0.255.255.255", "this network"),
        ("10.0.0.0", "10.255.255.255", "private"),
        ("100.64.0.0", "100.127.255.255", "carrier"),
        ("127.0.0.0", "127.255.255.255", "loopback"),
        ("127.0.0.1", "127.0.0.53", "loopback"),
        ("169.254.0.0", "169.254.255.255", "link-local"),
        ("169.254.169.254", "169.254.170.2", "metadata"),
        ("172.16.0.0", "172.31.255.255", "private"),
        ("192.0.0.0", "192.0.0.255", "protocol assignments"),
        ("192.0.2.0", "192.0.2.255", "documentation"),
        ("192.88.99.0", "192.88.99.255", "6to4 relay"),
        ("192.168.0.0", "192.168.255.255", "private"),
        ("198.18.0.0", "198.19.255.255", "benchmarks"),
        ("198.51.100.0", "198.51.100.255", "documentation"),
        ("203.0.113.0", "203.0.113.255", "documentation"),
        ("224.0.0.0", "239.255.255.255", "multicast"),
        ("240.0.0.0", "255.255.255.254", "reserved"),
        ("255.255.255.255", "255.255.255.255", "broadcast"),
    ];
    for (first, last, word) in REFUSED {
        for addr in [first, last] {
            let message = verdict(addr).expect_err(addr);
            assert!(message.contains(word), "{addr}: {message}");
        }
    }
    const PUBLIC: &[&str] = &[
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.1.255",
        "192.0.3.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.98.255",
        "192.88.100.0",
        "192.167.255.255",
        "192.169.0.0",
        "192.175.48.1",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "198.51.101.0",
        "203.0.112.255",
        "203.0.114.0",
        "223.255.255.255",
        "8.8.8.8",
    ];
    for addr in PUBLIC {
        assert_eq!(verdict(addr), Ok(()), "{addr}");
    }
}

#[test]
fn blocks_of_ipv6_end_where_the_registry_says() {
    const REFUSED: &[(&str, &str, &str)] = &[
        ("::", "::", "unspecified"),
        ("::1", "::1", "loopback"),
        ("::808:808", "::101:101", "compatible"),
        ("::ffff:8.8.8.8", "::ffff:1.1.1.1", "mapped"),
        ("::ffff:0:808:808", "::ffff:0:101:101", "translated"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "local IPv4 translation"),
        ("100::", "100::ffff:ffff:ffff:ffff", "discard"),
        ("100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "dummy"),
        ("2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments"),
        ("2001:1::1", "2001:4:112::1", "protocol assignments"),
        ("2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "benchmarks"),
        ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHID"),
        ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "ORCHID"),
        ("2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "drone"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique local"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
        // Outside of every block, and not given to anybody.
        ("64:ff9a:ffff::", "64:ff9b:2::", "public addresses"),
        ("64:ff9b::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "public addresses"),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "public addresses"),
        ("100:0:0:2::", "fe00::", "public addresses"),
    ];
    for (first, last, word) in REFUSED {
        for addr in [first, last] {
            let message = verdict(addr).expect_err(addr);
            assert!(message.contains(word), "{addr}: {message}");
        }
    }
    const PUBLIC: &[&str] = &[
        "2000::",
        "2000:ffff::1",
        "2001:200::",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
        "2001:db9::",
        "2003::",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2620:4f:8000::1",
        "3ffe:ffff::",
        "3fff:1000::",
    ];
    for addr in PUBLIC {
        assert_eq!(verdict(addr), Ok(()), "{addr}");
    }
}

/// Every way in which an IPv6 address stands for an IPv4 address, with each kind of IPv4 address in it.
#[test]
fn carried_ipv4_addresses_are_judged() {
    type Form = (&'static str, fn(u16, u16) -> Ipv6Addr);
    let forms: [Form; 7] = [
        ("mapped", |a, b| Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, a, b)),
        ("compatible", |a, b| Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b)),
        ("translated", |a, b| Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b)),
        ("nat64", |a, b| Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b)),
        ("6to4", |a, b| Ipv6Addr::new(0x2002, a, b, 1, 0, 0, 0, 1)),
        ("teredo client", |a, b| Ipv6Addr::new(0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !a, !b)),
        ("teredo server", |a, b| Ipv6Addr::new(0x2001, 0, a, b, 0x8000, 0x63bf, !0x0808, !0x0808)),
    ];
    for v4 in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255"]
    {
        let v4: Ipv4Addr = v4.parse().unwrap();
        let (high, low) = ((v4.to_bits() >> 16) as u16, v4.to_bits() as u16);
        for (form, make) in forms {
            let refusal = check(IpAddr::V6(make(high, low))).expect_err(form);
            assert_eq!(refusal.embedded, Some(v4), "{form} of {v4}");
            assert_eq!(Some(refusal.reason), refusal_v4(v4), "{form} of {v4}");
        }
    }
    for public in ["64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:4136:e378:8000:63bf:f7f7:f7f7"] {
        assert_eq!(verdict(public), Ok(()), "{public}");
    }
    // The block of NAT64 ends with its 96 bits.
    assert!(verdict("64:ff9b::ffff:ffff").is_err());
    assert!(verdict("64:ff9b:0:0:0:1::").is_err());
}

/// The forms in which a URL may write an address, or a server send one there, all reach the guard as the address that
/// would be dialled.
#[test]
fn odd_spellings_in_urls_and_in_redirects_are_addresses() {
    #[rustfmt::skip]
    const SPELLINGS: &[(&str, &str)] = &[
        // Decimal, hexadecimal, octal, in any mixture and in any number of parts.
        ("127.0.0.1", "127.0.0.1"), ("2130706433", "127.0.0.1"), ("0x7f000001", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"), ("017700000001", "127.0.0.1"), ("0177.0.0.01", "127.0.0.1"),
        ("127.1", "127.0.0.1"), ("127.0.1", "127.0.0.1"), ("127.0x0.00.0x1", "127.0.0.1"),
        ("127.16777215", "127.255.255.255"), ("0", "0.0.0.0"), ("0x", "0.0.0.0"), ("0x0.0X0.00.0", "0.0.0.0"),
        ("10.65793", "10.1.1.1"), ("0xa9fea9fe", "169.254.169.254"), ("2852039166", "169.254.169.254"),
        ("0251.0376.0251.0376", "169.254.169.254"), ("0xC0.0xa8.0.1", "192.168.0.1"), ("4294967295", "255.255.255.255"),
        // With a dot at the end, percent-encoded, in full width, in circles, with dots of elsewhere.
        ("127.0.0.1.", "127.0.0.1"), ("2130706433.", "127.0.0.1"), ("%31%32%37.0.0.1", "127.0.0.1"),
        ("127%2E0%2e0%2e1", "127.0.0.1"), ("%30x7f.1", "127.0.0.1"), ("１２７.０.０.１", "127.0.0.1"),
        ("127。0。0。1", "127.0.0.1"), ("127．0．0．1", "127.0.0.1"), ("127｡0｡0｡1", "127.0.0.1"),
        ("①②⑦.⓪.⓪.①", "127.0.0.1"), ("%EF%BC%91%EF%BC%92%EF%BC%97.1", "127.0.0.1"), ("0ｘ7Ｆ.1", "127.0.0.1"),
        ("127.0.0.1\u{ad}", "127.0.0.1"), ("1\u{200b}27.0.0.1", "127.0.0.1"), ("\t127.0.\n0.1", "127.0.0.1"),
        // Behind what looks like another host.
        ("user@127.0.0.1", "127.0.0.1"), ("example.org:80@127.0.0.1", "127.0.0.1"),
        ("example.org%40@127.0.0.1:81", "127.0.0.1"), ("127.0.0.1\\@example.org", "127.0.0.1"),
        ("127.0.0.1#@example.org", "127.0.0.1"), ("127.0.0.1?@example.org", "127.0.0.1"),
        // IPv6, and what it carries.
        ("[::1]", "::1"), ("[0:0:0:0:0:0:0:1]", "::1"), ("[0000::0001]", "::1"), ("[::]", "::"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"), ("[::FFFF:7f00:1]", "::ffff:127.0.0.1"),
        ("[::127.0.0.1]", "::7f00:1"), ("[::ffff:0:127.0.0.1]", "::ffff:0:7f00:1"),
        ("[64:ff9b::10.0.0.1]", "64:ff9b::a00:1"), ("[64:ff9b:1::10.0.0.1]", "64:ff9b:1::a00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"), ("[2001:0:4136:e378:8000:63bf:80ff:fffe]", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
        ("[fe80::1]", "fe80::1"), ("[fd00:ec2::254]", "fd00:ec2::254"), ("[FC00::]", "fc00::"),
    ];
    for (spelt, meant) in SPELLINGS {
        let from = Url::parse("http://example.org/feed").unwrap();
        let whole = format!("http://{spelt}/");
        let url = Url::parse(&whole).unwrap_or_else(|error| panic!("{whole:?}: {error}"));
        let mut urls = vec![url];
        for location in [&*whole, whole.strip_prefix("http:").unwrap()] {
            // Not every spelling is one that a header can hold.
            let Ok(location) = HeaderValue::from_bytes(location.as_bytes()) else { continue };
            let mut chain = Chain::new(&from, false);
            chain.follow(&HeaderMap::from_iter([(LOCATION, location)])).unwrap_or_else(|f| panic!("{spelt:?}: {f}"));
            urls.push(chain.url().clone());
        }
        for url in urls {
            let addr = match url.host() {
                Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
                Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
                other => panic!("{spelt:?} is no address to the parser: {other:?}"),
            };
            assert_eq!(addr, meant.parse::<IpAddr>().unwrap(), "{spelt:?}");
            assert!(check(addr).is_err(), "{spelt:?}");
            assert!(guard_literal(&url).is_err(), "{spelt:?}");
        }
    }
}

/// What is neither name nor address is no URL, so nothing is left to a resolver that reads more into it.
#[test]
fn what_is_nearly_an_address_is_no_url() {
    for spelt in [
        "127.0.0.256",
        "0x1ffffffff",
        "1.2.3.4.5",
        "127.0.0.08",
        "0xg.1.1",
        "256.1",
        "[::1",
        "::1",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::127.0.0.256]",
        "[::1.2.3]",
        "[127.0.0.1]",
        "[::g]",
        "[1::2::3]",
        "127.0.0.1%00",
        "127.0.0.1%0d%0a",
        "exa mple.org",
        "a%2fb",
        "%",
        "[::1]x",
        "127.0.0.1:99999",
        "127.0.0.1:x",
    ] {
        let url = Url::parse(&format!("http://{spelt}/"));
        assert!(url.is_err(), "{spelt}: {url:?}");
    }
}

/// Where a proxy resolves names, those of its own machine are all that can be judged.
#[test]
fn names_of_this_machine_are_refused_before_a_proxy() {
    for (name, is_refused) in [
        ("localhost", true),
        ("LOCALHOST", true),
        ("localhost.", true),
        ("a.b.localhost", true),
        ("a.localhost.", true),
        ("x..localhost...", true),
        ("loc%61lhost", true),
        ("ｌocalhost", true),
        ("localhost.example.org", false),
        ("notlocalhost", false),
    ] {
        let url = Url::parse(&format!("http://{name}/")).unwrap();
        assert_eq!(guard_literal(&url).is_err(), is_refused, "{name}");
    }
}

#[test]
fn a_refusal_says_what_why_and_what_to_do() {
    assert_eq!(
        verdict("64:ff9b::7f00:1"),
        Err("address guard refuses 64:ff9b::7f00:1, which stands for 127.0.0.1: it is loopback (RFC 1122); \
             set allow_private = true for this feed if that is meant"
            .to_owned())
    );
    let failure = Failure::from(check("10.0.0.1".parse().unwrap()).unwrap_err());
    assert_eq!((failure.class, failure.phase), (Class::Policy, Phase::Connect));
}
