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
mod tests;
