//! The namespaces of feeds: the name that feed-rs knows each by, and the other names that publishers give it.

/// A vocabulary that some part of an article comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ns {
    Rss,
    Rdf,
    Atom,
    /// Atom 0.3, which names a few elements otherwise than 1.0.
    Atom03,
    Content,
    Dc,
    DcTerms,
    Media,
    Itunes,
    Wfw,
    Xhtml,
    /// Any other: nothing in it is read.
    Other,
}

impl Ns {
    /// The vocabulary that a namespace's URI names, whatever its spelling.
    pub(crate) fn of(uri: &str) -> Ns {
        let uri = uri.trim().to_ascii_lowercase();
        let bare = uri.strip_prefix("http://").or(uri.strip_prefix("https://")).unwrap_or(&uri);
        match bare.trim_end_matches(['/', '#']).trim_start_matches("www.") {
            "w3.org/2005/atom" => Ns::Atom,
            "purl.org/atom/ns" | "w3.org/2003/atom" => Ns::Atom03,
            "w3.org/1999/02/22-rdf-syntax-ns" => Ns::Rdf,
            "purl.org/rss/1.0/modules/content" => Ns::Content,
            "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc" => Ns::Dc,
            "purl.org/dc/terms" => Ns::DcTerms,
            "search.yahoo.com/mrss"
            | "search.yahoo.com/rss"
            | "search.yahoo.com/mrss/1.0"
            | "tools.search.yahoo.com/mrss" => Ns::Media,
            "itunes.com/dtds/podcast-1.0.dtd"
            | "itunes.com/dtds/podcast-1.0"
            | "itunes.apple.com/dtds/podcast-1.0.dtd" => Ns::Itunes,
            "wellformedweb.org/commentapi" => Ns::Wfw,
            "w3.org/1999/xhtml" => Ns::Xhtml,
            ""
            | "my.netscape.com/rdf/simple/0.9"
            | "channel.netscape.com/rdf/simple/0.9"
            | "purl.org/rss/1.0"
            | "purl.org/net/rss1.1"
            | "my.netscape.com/publish/formats/rss-0.91.dtd" => Ns::Rss,
            other
                if other.starts_with("backend.userland.com/rss")
                    || other.starts_with("blogs.law.harvard.edu/tech/rss") =>
            {
                Ns::Rss
            }
            other if other.starts_with("purl.org/net/rss") || other == "cyber.law.harvard.edu/rss" => Ns::Rss,
            _ => Ns::Other,
        }
    }

    /// The vocabulary that a prefix means by custom, for documents that forgot to declare it.
    pub(crate) fn of_prefix(prefix: &str) -> Ns {
        match prefix.to_ascii_lowercase().as_str() {
            "atom" | "atom10" | "a10" => Ns::Atom,
            "rdf" => Ns::Rdf,
            "content" => Ns::Content,
            "dc" => Ns::Dc,
            "dcterms" => Ns::DcTerms,
            "media" => Ns::Media,
            "itunes" => Ns::Itunes,
            "wfw" => Ns::Wfw,
            "rss" => Ns::Rss,
            "xhtml" => Ns::Xhtml,
            _ => Ns::Other,
        }
    }

    /// The URI by which feed-rs knows it, where it does.
    pub(crate) fn known_as(self) -> Option<&'static str> {
        Some(match self {
            Ns::Rss => "http://purl.org/rss/1.0/",
            Ns::Atom => "http://www.w3.org/2005/Atom",
            Ns::Content => "http://purl.org/rss/1.0/modules/content/",
            Ns::Dc => "http://purl.org/dc/elements/1.1/",
            Ns::Media => "http://search.yahoo.com/mrss/",
            Ns::Itunes => "http://www.itunes.com/dtds/podcast-1.0.dtd",
            Ns::Wfw => "http://wellformedweb.org/CommentAPI/",
            Ns::Rdf | Ns::Atom03 | Ns::DcTerms | Ns::Xhtml | Ns::Other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_namespace() {
        for (uri, want) in [
            ("http://search.yahoo.com/mrss", Ns::Media),
            ("https://search.yahoo.com/mrss/", Ns::Media),
            ("http://www.itunes.com/DTDs/Podcast-1.0.dtd", Ns::Itunes),
            ("http://purl.org/atom/ns#", Ns::Atom03),
            (" http://www.w3.org/2005/Atom ", Ns::Atom),
            ("http://backend.userland.com/rss2", Ns::Rss),
            ("", Ns::Rss),
            ("http://example.com/", Ns::Other),
        ] {
            assert_eq!(Ns::of(uri), want, "{uri}");
        }
        for ns in [Ns::Rss, Ns::Atom, Ns::Content, Ns::Dc, Ns::Media, Ns::Itunes, Ns::Wfw] {
            assert_eq!(ns.known_as().map(Ns::of), Some(ns));
        }
    }
}
