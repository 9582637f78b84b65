//! What the pages ask for, part of the program: style, script, icon. And the headers that keep them to that.

/// A file that is served under its path, the same for as long as the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: &'static [u8],
    /// Of the bytes: another one after an upgrade that changed them.
    pub(crate) hash: u64,
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
        Asset { path, content_type, bytes, hash: fnv1a(bytes) }
    }

    /// A strong entity tag, quotes included.
    pub(crate) fn etag(&self) -> String {
        format!("\"{:016x}\"", self.hash)
    }
}

pub(crate) static ASSETS: [Asset; 3] = [
    Asset::new("/assets/style.css", "text/css; charset=utf-8", include_bytes!("style.css")),
    Asset::new("/assets/live.js", "text/javascript; charset=utf-8", include_bytes!("live.js")),
    Asset::new("/assets/icon.svg", "image/svg+xml", include_bytes!("icon.svg")),
];

/// The asset under a path, if there is one.
pub(crate) fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Headers of every page: nothing from anywhere else, nothing inline, framed by nobody, told to nobody. They hold even
/// where something of a feed were to get past the escaping.
pub(crate) const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Fowler, Noll and Vo: it tells releases apart, and defends against nobody.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_the_bytes() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
        for asset in &ASSETS {
            assert!(asset.etag().starts_with('"') && asset.etag().len() == 18, "{}", asset.etag());
        }
    }

    #[test]
    fn only_what_is_there_is_served() {
        assert_eq!(asset("/assets/live.js").map(|asset| asset.content_type), Some("text/javascript; charset=utf-8"));
        for path in ["/assets/", "/assets/../live.js", "/assets/live.js/", "/live.js", ""] {
            assert!(asset(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_policy_lets_nothing_inline_in() {
        let policy = HEADERS[0].1;
        for forbidden in ["unsafe", "http:", "https:", "data:", "*"] {
            assert!(!policy.contains(forbidden), "{policy}");
        }
        assert!(policy.starts_with("default-src 'none'"));
    }

    #[test]
    fn the_script_makes_no_markup_of_text() {
        let script = include_str!("live.js");
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "Function(",
            "DOMParser",
            ".style",
        ] {
            assert!(!script.contains(forbidden), "live.js has {forbidden}");
        }
        assert!(script.contains("textContent"));
    }

    #[test]
    fn nothing_is_asked_of_anybody_else() {
        for asset in &ASSETS {
            let text = std::str::from_utf8(asset.bytes).unwrap().replace("http://www.w3.org/2000/svg", "");
            for forbidden in ["http://", "https://", "@import", "url("] {
                assert!(!text.contains(forbidden), "{} has {forbidden}", asset.path);
            }
        }
    }
}
