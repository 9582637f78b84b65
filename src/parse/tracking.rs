//! Parameters that say who follows a link and not where it leads: campaigns, mailings, advertisements.
//!
//! Two links that differ in them alone are one link, as an article's key and as a part of its text. What is stored and
//! shown stays as published.

use std::borrow::Cow;

/// In lower case; one that ends with `*` is a beginning.
const NAMES: [&str; 40] = [
    // Campaigns, under the names that most analytics share.
    "utm_*",
    "pk_*",
    "mtm_*",
    "matomo_*",
    "piwik_*",
    "hsa_*",
    "at_medium",
    "at_campaign",
    "ns_campaign",
    "ns_mchannel",
    "ns_source",
    "ns_linkname",
    "ns_fee",
    "cmpid",
    "icid",
    "xtor",
    "wt_mc",
    "wt.mc_id",
    "mkt_tok",
    "ocid",
    // Clicks on advertisements and in networks.
    "fbclid",
    "gclid",
    "gclsrc",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "twclid",
    "ttclid",
    "igshid",
    "igsh",
    "li_fat_id",
    "srsltid",
    "_ga",
    "_gl",
    // Mailings.
    "mc_cid",
    "mc_eid",
    "_hsenc",
    "_hsmi",
];

/// A link without them.
pub(crate) fn strip(link: &str) -> Cow<'_, str> {
    let (before, fragment) = link.split_at(link.find('#').unwrap_or(link.len()));
    let Some((path, query)) = before.split_once('?') else { return Cow::Borrowed(link) };
    if !query.split('&').any(is_tracking) {
        return Cow::Borrowed(link);
    }
    let mut kept = path.to_owned();
    for (index, parameter) in query.split('&').filter(|parameter| !is_tracking(parameter)).enumerate() {
        kept.push(if index == 0 { '?' } else { '&' });
        kept.push_str(parameter);
    }
    Cow::Owned(kept + fragment)
}

/// How many bytes of `text` are such a parameter, 0 if it does not begin with one. What stands before it, `?` or `&`, is
/// the caller's.
pub(crate) fn length(text: &str) -> usize {
    let name_end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
    if !text[name_end..].starts_with('=') || !is_name(&text[..name_end]) {
        return 0;
    }
    let ends = |c: char| c.is_whitespace() || matches!(c, '&' | '#' | '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']');
    text.find(ends).unwrap_or(text.len())
}

fn is_tracking(parameter: &str) -> bool {
    is_name(parameter.split('=').next().unwrap_or(parameter))
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn is_name(name: &str) -> bool {
    let begins = |start: &str| name.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    NAMES.iter().any(|known| match known.strip_suffix('*') {
        Some(start) => begins(start),
        None => name.eq_ignore_ascii_case(known),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lose_what_follows_the_reader_and_nothing_else() {
        for (link, want) in [
            ("//a/1", "//a/1"),
            ("//a/1?utm_source=rss", "//a/1"),
            ("//a/1?UTM_Source=rss&utm_medium=feed#top", "//a/1#top"),
            ("//a/1?id=7&utm_source=rss", "//a/1?id=7"),
            ("//a/1?utm_source=rss&id=7&fbclid=x&page=2", "//a/1?id=7&page=2"),
            ("//a/1?gclid", "//a/1"),
            ("//a/1?ref=x&utm=1&source=rss", "//a/1?ref=x&utm=1&source=rss"),
            ("//a/utm_source=x", "//a/utm_source=x"),
            ("//a/1?q=%26utm_source=1", "//a/1?q=%26utm_source=1"),
            ("//a/1#?utm_source=x", "//a/1#?utm_source=x"),
            ("//a/1?", "//a/1?"),
        ] {
            assert_eq!(strip(link), want, "{link}");
        }
    }

    #[test]
    fn a_parameter_in_a_text_ends_where_the_link_does() {
        for (text, want) in [
            ("utm_source=rss&id=1", "utm_source=rss"),
            ("utm_source=\">", "utm_source="),
            ("mc_cid=1'", "mc_cid=1"),
            ("fbclid=a_b-c</a>", "fbclid=a_b-c"),
            ("utm_source is a parameter", ""),
            ("id=1", ""),
            ("", ""),
            ("日本=1", ""),
        ] {
            assert_eq!(&text[..length(text)], want, "{text}");
        }
    }
}
