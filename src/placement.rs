//! Which core a feed belongs to: the one that its host hashes to, as far as that has room for it in [`shares`].
//!
//! All feeds of a host stand on one core, so that politeness, DNS answers and kept connections are plain local
//! state. Pure. The hash is the same in every run and release: it is spelled out here, and tests pin its values. Changing the number
//! of cores from n to n+1 moves one host in n+1, all of them to the new core, as far as the hash decides.

pub(crate) mod shares;

use url::Url;

/// The host of a URL, the unit of politeness and of placement: `host:port` in lower case, without the port if it is
/// the scheme's own. The dot that may end a name is left out, since it names the same machine.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The core, from 0 to `cores` - 1, that a host with this [`hash`] belongs to. Without cores: 0.
///
/// The jump consistent hash of Lamping and Veach (<https://arxiv.org/abs/1406.2294>).
fn jump(mut key: u64, cores: usize) -> usize {
    let mut core = 0;
    let mut next = 0.0;
    while next < cores as f64 {
        core = next as usize;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = (core as f64 + 1.0) * ((1u64 << 31) as f64 / ((key >> 33) + 1) as f64);
        next = next.floor();
    }
    core
}

/// A hash that stays the same for ever: 64-bit FNV-1a, its bits then mixed (the finisher of splitmix64), since FNV alone
/// leaves the high bits of short and similar strings alike. Not for keys that an adversary gains by colliding.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, byte| (h ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)))
}

/// Spreads every bit of `x` over all 64.
pub(crate) fn mix(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core_of(host: &str, cores: usize) -> usize {
        jump(hash(host.as_bytes()), cores)
    }

    #[test]
    fn hosts_are_authorities_without_default_ports() {
        for (url, host) in [
            ("https://Example.ORG/feed", "example.org"),
            ("https://example.org:443/feed", "example.org"),
            ("http://example.org:80/", "example.org"),
            ("http://example.org:443/", "example.org:443"),
            ("https://user:secret@example.org./feed", "example.org"),
            ("http://127.0.0.1:8081/a", "127.0.0.1:8081"),
            ("http://[::1]:8081/a", "[::1]:8081"),
            ("https://münchen.example/", "xn--mnchen-3ya.example"),
        ] {
            assert_eq!(host_of(&Url::parse(url).unwrap()), host, "{url}");
        }
    }

    /// These values are for ever: a release that changed them would move feeds between cores for nothing.
    #[test]
    fn placement_is_pinned() {
        for (host, cores) in [
            ("example.org", [0, 0, 2, 9, 98]),
            ("feeds.bbci.co.uk", [0, 1, 1, 1, 16]),
            ("127.0.0.1:8081", [0, 0, 0, 13, 13]),
            ("[::1]:8081", [0, 1, 3, 5, 106]),
            ("xn--mnchen-3ya.example", [0, 1, 1, 6, 121]),
        ] {
            assert_eq!([1, 2, 4, 16, 128].map(|n| core_of(host, n)), cores, "{host}");
        }
        assert_eq!(hash(b""), 0xf52a15e9a9b5e89b);
        assert_eq!(hash(b"example.org"), 0xdd92ef3c617d04af);
    }

    #[test]
    fn cores_share_the_hosts_evenly() {
        let mut counts = [0usize; 8];
        for n in 0..8_000 {
            counts[core_of(&format!("feeds{n}.example"), 8)] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn one_more_core_moves_hosts_only_to_itself() {
        for cores in 1..16 {
            let mut moved = 0;
            for n in 0..2_000 {
                let host = format!("127.0.{}.{}:8080", n / 256, n % 256);
                let (before, after) = (core_of(&host, cores), core_of(&host, cores + 1));
                assert!(before < cores && after <= cores);
                if before != after {
                    assert_eq!(after, cores, "{host} went to an old core");
                    moved += 1;
                }
            }
            let fair = 2_000 / (cores + 1);
            assert!(
                (fair * 3 / 4..=fair * 5 / 4).contains(&moved),
                "{cores} cores and one: {moved} moved, {fair} expected"
            );
        }
    }

    #[test]
    fn no_cores_is_core_zero() {
        assert_eq!(core_of("example.org", 0), 0);
        assert_eq!(core_of("", 1), 0);
    }
}
