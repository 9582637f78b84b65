//! What a feed is called, and that no two are called or located the same.
//!
//! A name is the key of a feed's state, so the one made from a URL depends on nothing but that URL: not on its place
//! in the file, nor on the other feeds. Two feeds that would share one are told apart by a person, not by a counter.

use sha2::{Digest, Sha256};
use url::Url;

use crate::escape::disturbs;
use crate::limits::FEED_NAME_BYTES_MAX;

/// The name of a feed that has none: host, port if it is not the usual one, path and query, with a hyphen for
/// every run of what is no letter, digit, `.`, `_` or `-`: `feeds.bbci.co.uk-news-world-rss.xml`. A longer one than a name may be
/// ends in a hash of the whole instead; one that is no name is that hash.
pub(crate) fn from_url(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().unwrap_or_default();
    let whole = format!("{}{port}{}?{query}", url.host_str().unwrap_or_default(), url.path());
    let words: Vec<&str> = whole
        .split(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let name = words.join("-");
    // Of `http://"/` nothing is left, of others a dot, which means a folder.
    let is_name = refusal(&name).is_none();
    if is_name {
        return name;
    }
    let hash: String = Sha256::digest(&whole).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if name.len() <= FEED_NAME_BYTES_MAX {
        return format!("feed-{hash}");
    }
    // ASCII throughout, so every byte is a boundary.
    format!("{}-{hash}", &name[..FEED_NAME_BYTES_MAX - 1 - hash.len()])
}

/// Why a name cannot be one, or `None`. It is a path segment of `/feeds/NAME`, a metric's label and a word in logs.
pub(super) fn refusal(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name.len() > FEED_NAME_BYTES_MAX {
        return Some(format!("is longer than {FEED_NAME_BYTES_MAX} bytes"));
    }
    if name.trim() != name {
        return Some("begins or ends with a space".to_owned());
    }
    // `/feeds/..` is `/` to every client that follows RFC 3986, section 5.2.4.
    if name == "." || name == ".." {
        return Some("means a folder in a URL".to_owned());
    }
    let refused = name.chars().find(|c| "/\\?#%\"".contains(*c) || is_invisible(*c))?;
    Some(format!("holds the character {refused:?}"))
}

/// Controls and what changes the direction or width of text, so that two names that look alike are alike.
pub(crate) fn is_invisible(c: char) -> bool {
    disturbs(c)
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{206a}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_url_alone() {
        let cases = [
            ("https://feeds.bbci.co.uk/news/world/rss.xml", "feeds.bbci.co.uk-news-world-rss.xml"),
            ("https://example.org/", "example.org"),
            ("http://example.org:8080/a//b/?x=1&y=%C3%A9#top", "example.org-8080-a-b-x-1-y-C3-A9"),
            (
                "https://www.youtube.com/feeds/videos.xml?channel_id=UC_x-5",
                "www.youtube.com-feeds-videos.xml-channel_id-UC_x-5",
            ),
            ("https://müller.example/Feed", "xn--mller-kva.example-Feed"),
            ("http://[::1]/f", "1-f"),
            // Nothing of them could be a name.
            ("http://\"/", "feed-50cb3b0fc383ff54"),
            ("http://\"/?..", "feed-965ad307506cba5f"),
        ];
        for (url, name) in cases {
            let made = from_url(&Url::parse(url).unwrap());
            assert_eq!(made, name, "{url}");
            assert_eq!(refusal(&made), None, "{url}");
        }
    }

    #[test]
    fn a_long_url_gives_a_short_name_that_still_tells_it_from_its_neighbour() {
        let name =
            |last: char| from_url(&Url::parse(&format!("https://example.org/{}{last}", "long/".repeat(60))).unwrap());
        assert_eq!(name('a').len(), FEED_NAME_BYTES_MAX);
        assert_eq!(name('a'), name('a'));
        assert_ne!(name('a'), name('b'));
    }

    #[test]
    fn a_name_is_refused_where_it_could_not_be_a_path_segment_or_read_by_a_person() {
        for (name, wrong) in [
            ("", "is empty"),
            (" bbc", "begins or ends with a space"),
            ("..", "means a folder in a URL"),
            ("a/b", "holds the character '/'"),
            ("a\nb", "holds the character '\\n'"),
            ("a\u{202e}b", "holds the character '\\u{202e}'"),
        ] {
            assert_eq!(refusal(name).as_deref(), Some(wrong), "{name:?}");
        }
        assert_eq!(refusal(&"x".repeat(129)).as_deref(), Some("is longer than 128 bytes"));
        for name in ["bbc-world", "BBC World", "日本経済新聞", "a:b", "x@y.z", &"x".repeat(128)] {
            assert_eq!(refusal(name), None, "{name:?}");
        }
    }
}
