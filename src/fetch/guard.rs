//! The address guard: whether an address may be dialled for a feed that did not say `allow_private`.
//!
//! A feed's URL, and every redirect, is written by a stranger. Without this guard it could make the daemon ask
//! the machine's own services, the local network, or a cloud's metadata server. Pure: an address in, a verdict out.
//! It resolves nothing; the caller checks each hop at the very addresses that it is going to dial, so that a name
//! that changes its answer between check and use gains nothing.
//!
//! What is refused follows RFC 6890 and the IANA registries of special-purpose IPv4 and IPv6 addresses
//! (<https://www.iana.org/assignments/iana-ipv4-special-registry>, `iana-ipv6-special-registry`): whatever they call not
//! globally reachable, the multicast and reserved blocks beside them, and all of IPv6 outside of the one block that is given
//! to the public (2000::/3). An IPv6 address that a translator or a tunnel turns into an IPv4 address is judged by that.
//!
//! It cannot know a translation prefix that a network chose for itself (RFC 6052, section 2.2): behind such a
//! NAT64, refusing private IPv4 addresses is the translator's duty.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::failure::{Class, Failure, Phase};

/// Why an address is not dialled. Its text says the address, the reason, and how to allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) addr: IpAddr,
    /// The IPv4 address inside of `addr` that was judged, if it was that.
    pub(crate) embedded: Option<Ipv4Addr>,
    /// What kind of address it is, with the RFC that says so.
    pub(crate) reason: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address guard refuses {}", self.addr)?;
        if let Some(embedded) = self.embedded {
            write!(f, ", which stands for {embedded}")?;
        }
        write!(f, ": {}; set allow_private = true for this feed if that is meant", self.reason)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::new(Class::Policy, Phase::Connect, refusal.to_string())
    }
}

/// Says whether `addr` may be dialled: `Ok` if it is a public unicast address, else the reason why not.
pub(crate) fn check(addr: IpAddr) -> Result<(), Refusal> {
    match addr {
        IpAddr::V4(v4) => match refusal_v4(v4) {
            None => Ok(()),
            Some(reason) => Err(Refusal { addr, embedded: None, reason }),
        },
        IpAddr::V6(v6) => check_v6(v6),
    }
}

/// The special blocks of IPv4; what is not in it is public unicast. Blocks that hold the one reached by everybody
/// (AS112 in 192.31.196.0/24 and 192.175.48.0/24, AMT in 192.52.193.0/24) are missing on purpose.
const BLOCKS_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "it means this network (RFC 791)"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "it is private (RFC 1918)"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "it is shared address space behind a carrier's NAT (RFC 6598)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "it is loopback (RFC 1122)"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "it is link-local, where clouds keep their metadata (RFC 3927)"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "it is private (RFC 1918)"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "it is reserved for protocol assignments (RFC 6890)"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "it is for documentation (RFC 5737)"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "it is the withdrawn 6to4 relay (RFC 7526)"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "it is private (RFC 1918)"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "it is for benchmarks (RFC 2544)"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "it is for documentation (RFC 5737)"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "it is for documentation (RFC 5737)"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "it is multicast (RFC 5771)"),
    // Before the block that it is part of, so that its own name is told.
    (Ipv4Addr::BROADCAST, 32, "it is the broadcast address (RFC 919)"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "it is reserved (RFC 1112)"),
];

/// The special blocks of IPv6, first match first. What is in none of them is public if it is in 2000::/3.
const BLOCKS_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "it is the unspecified address (RFC 4291)"),
    (Ipv6Addr::LOCALHOST, 128, "it is loopback (RFC 4291)"),
    // Nothing on a wire is addressed so, and a socket would quietly turn them into IPv4: refused whatever they hold.
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "it is an IPv4-mapped address (RFC 4291)"),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, "it is an IPv4-translated address (RFC 2765)"),
    (Ipv6Addr::UNSPECIFIED, 96, "it is an IPv4-compatible address (RFC 4291)"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "it is a local IPv4 translation (RFC 8215)"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "it is the discard prefix (RFC 6666)"),
    (Ipv6Addr::new(0x100, 0, 0, 1, 0, 0, 0, 0), 64, "it is the dummy prefix (RFC 9780)"),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "it is for benchmarks (RFC 5180)"),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, "it is an ORCHID, not an address (RFC 4843)"),
    (Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28, "it is an ORCHID, not an address (RFC 7343)"),
    (Ipv6Addr::new(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28, "it is a drone's identifier, not an address (RFC 9374)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "it is reserved for protocol assignments (RFC 2928)"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "it is for documentation (RFC 3849)"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "it is for documentation (RFC 9637)"),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16, "it is a segment identifier, not an address (RFC 9602)"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "it is unique local (RFC 4193)"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "it is link-local (RFC 4291)"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "it is site-local (RFC 3879)"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "it is multicast (RFC 4291)"),
];

fn refusal_v4(addr: Ipv4Addr) -> Option<&'static str> {
    BLOCKS_V4.iter().find(|(block, bits, _)| within_v4(addr, *block, *bits)).map(|(_, _, reason)| *reason)
}

fn check_v6(addr: Ipv6Addr) -> Result<(), Refusal> {
    let refused = |embedded, reason| Err(Refusal { addr: IpAddr::V6(addr), embedded, reason });
    let carried = carried_v4(addr);
    for embedded in carried.judged.into_iter().flatten() {
        if let Some(reason) = refusal_v4(embedded) {
            return refused(Some(embedded), reason);
        }
    }
    if carried.decides {
        return Ok(());
    }
    match BLOCKS_V6.iter().find(|(block, bits, _)| within_v6(addr, *block, *bits)) {
        Some((_, _, reason)) => refused(None, reason),
        None if within_v6(addr, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) => Ok(()),
        None => refused(None, "it is not in the block of public addresses (RFC 4291)"),
    }
}

/// The IPv4 addresses inside of an IPv6 address.
struct Carried {
    judged: [Option<Ipv4Addr>; 2],
    /// The whole verdict is theirs; else the blocks of IPv6 speak too.
    decides: bool,
}

fn carried_v4(addr: Ipv6Addr) -> Carried {
    let s = addr.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // NAT64 (RFC 6052): how an IPv6-only network reaches the public IPv4 addresses that DNS64 made up.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Carried { judged: [v4(high, low), None], decides: true },
        // 6to4 (RFC 3056): the packets leave for the address of the router behind it.
        [0x2002, high, low, ..] => Carried { judged: [v4(high, low), None], decides: true },
        // Teredo (RFC 4380): through a server, to a client whose address is inverted.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            Carried { judged: [v4(high, low), v4(!client_high, !client_low)], decides: true }
        }
        // Mapped, translated and compatible forms, for the sake of the message: their blocks are refused as such.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => {
            Carried { judged: [v4(high, low), None], decides: false }
        }
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => {
            Carried { judged: [v4(high, low), None], decides: false }
        }
        _ => Carried { judged: [None, None], decides: false },
    }
}

fn within_v4(addr: Ipv4Addr, block: Ipv4Addr, bits: u32) -> bool {
    (addr.to_bits() ^ block.to_bits()).leading_zeros() >= bits
}

fn within_v6(addr: Ipv6Addr, block: Ipv6Addr, bits: u32) -> bool {
    (addr.to_bits() ^ block.to_bits()).leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for v4 in
            ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255"]
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

    /// The forms in which a URL may write an address all reach the guard as the address that would be dialled.
    #[test]
    fn odd_spellings_in_urls_are_addresses() {
        const SPELLINGS: &[(&str, &str)] = &[
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0X7F.1/", "127.0.0.1"),
            ("http://017700000001/", "127.0.0.1"),
            ("http://0177.0.0.01/", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://127.0.1/", "127.0.0.1"),
            ("http://127.0.0.1./", "127.0.0.1"),
            ("http://%31%32%37.0.0.1/", "127.0.0.1"),
            ("http://１２７.０.０.１/", "127.0.0.1"),
            ("http://127。0。0。1/", "127.0.0.1"),
            ("http://user@127.0.0.1/", "127.0.0.1"),
            ("http://0/", "0.0.0.0"),
            ("http://0xa9fea9fe/", "169.254.169.254"),
            ("http://0251.0376.0251.0376/", "169.254.169.254"),
            ("http://[::1]/", "::1"),
            ("http://[0:0:0:0:0:0:0:1]/", "::1"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http://[::FFFF:7f00:1]/", "::ffff:127.0.0.1"),
            ("http://[64:ff9b::10.0.0.1]/", "64:ff9b::a00:1"),
        ];
        for (spelt, meant) in SPELLINGS {
            let url = url::Url::parse(spelt).unwrap_or_else(|error| panic!("{spelt}: {error}"));
            let addr = match url.host() {
                Some(url::Host::Ipv4(v4)) => IpAddr::V4(v4),
                Some(url::Host::Ipv6(v6)) => IpAddr::V6(v6),
                other => panic!("{spelt} is no address to the parser: {other:?}"),
            };
            assert_eq!(addr, meant.parse::<IpAddr>().unwrap(), "{spelt}");
            assert!(check(addr).is_err(), "{spelt}");
        }
        // What is neither name nor address is no URL.
        for spelt in ["http://127.0.0.256/", "http://0x1ffffffff/", "http://1.2.3.4.5/", "http://[fe80::1%25eth0]/"] {
            assert!(url::Url::parse(spelt).is_err(), "{spelt}");
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
}
