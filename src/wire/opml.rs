//! `/feeds.opml`: the subscriptions as OPML 2.0, for any other reader.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::article::rfc3339;
use super::xml::Xml;

/// A subscription, borrowed from wherever it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SubscriptionView<'a> {
    pub(crate) name: &'a str,
    /// As configured, without what authenticates.
    pub(crate) url: &'a str,
    /// As its document says.
    pub(crate) title: Option<&'a str>,
    pub(crate) site_url: Option<&'a str>,
    pub(crate) labels: &'a BTreeMap<String, String>,
}

pub(crate) fn opml<'a>(subscriptions: impl IntoIterator<Item = SubscriptionView<'a>>, now_ms: i64) -> Bytes {
    let mut xml = Xml::new();
    xml.open("opml", &[("version", Some("2.0"))]);
    xml.open("head", &[]);
    xml.text("title", &[], "rssd subscriptions");
    xml.text("dateCreated", &[], &rfc822(now_ms));
    xml.close("head");
    xml.open("body", &[]);
    for subscription in subscriptions {
        let category = category(subscription.labels);
        xml.empty(
            "outline",
            &[
                ("type", Some("rss")),
                ("text", Some(subscription.title.unwrap_or(subscription.name))),
                ("title", Some(subscription.name)),
                ("xmlUrl", Some(subscription.url)),
                ("htmlUrl", subscription.site_url),
                ("category", category.as_deref()),
            ],
        );
    }
    xml.close("body");
    xml.close("opml");
    xml.finish()
}

/// `/key/value,/key/value`: comma and slash are the format's own, so in a label they are percent-encoded.
fn category(labels: &BTreeMap<String, String>) -> Option<String> {
    let paths: Vec<String> = labels.iter().map(|(key, value)| format!("/{}/{}", step(key), step(value))).collect();
    (!paths.is_empty()).then(|| paths.join(","))
}

fn step(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', ',', '/']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('%', "%25").replace(',', "%2C").replace('/', "%2F"))
}

/// As OPML wants it; years have four figures.
fn rfc822(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).ok().filter(|_| rfc3339(at_ms).is_some()).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlines() {
        let labels: BTreeMap<String, String> =
            [("category", "world"), ("odd/key", "a,b%")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let none = BTreeMap::new();
        let first = SubscriptionView {
            name: "bbc",
            url: "https://x/?a=1&b=2",
            title: Some("BBC \"News\""),
            site_url: Some("https://x/"),
            labels: &labels,
        };
        let second = SubscriptionView { name: "b", url: "https://y/", title: None, site_url: None, labels: &none };
        let want = r#"<?xml version="1.0" encoding="utf-8"?>
<opml version="2.0">
<head>
<title>rssd subscriptions</title>
<dateCreated>Mon, 06 May 2024 07:08:09 GMT</dateCreated>
</head>
<body>
<outline type="rss" text="BBC &quot;News&quot;" title="bbc" xmlUrl="https://x/?a=1&amp;b=2" htmlUrl="https://x/" category="/category/world,/odd%2Fkey/a%2Cb%25"/>
<outline type="rss" text="b" title="b" xmlUrl="https://y/"/>
</body>
</opml>
"#;
        let bytes = opml([first, second], 1_714_979_289_000);
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), want);
    }
}
