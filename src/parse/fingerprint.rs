//! A hash over what a reader would notice of an article: the store takes another one for another version.
//!
//! In it: title, link, summary, content, the enclosures' addresses and the authors. Not in it: dates, categories,
//! language, image, and what an enclosure says of its type and length. Publishers' software touches those by itself, at
//! each request some of them, and to deliver an article again for that would be noise. They are stored with the next
//! version.
//!
//! What makes no difference to a reader makes none to the hash: white space of any kind, `http` for `https`, how an
//! ampersand in a link is written, and tracking parameters of links, in texts too. It makes no claim beyond that: a tag
//! that is written otherwise is a change.

use sha2::{Digest, Sha256};

use super::tracking;
use crate::article::{Article, ContentHash};

/// To be raised with every change of this file, or of the parser, that gives the same document another hash: the store
/// then takes the new one silently, and delivers nothing again.
const MAKING: u8 = 1;

/// Of an article whose texts have been normalised.
pub(crate) fn of(article: &Article) -> ContentHash {
    let mut hash = Sha256::new();
    let mut bare = Vec::new();
    let mut add = |kind: u8, text: &str| {
        bare.clear();
        reduce(text, &mut bare);
        hash.update([kind]);
        hash.update((bare.len() as u64).to_le_bytes());
        hash.update(&bare);
    };
    let texts = [&article.title, &article.url, &article.summary, &article.content];
    for (kind, text) in texts.into_iter().enumerate() {
        if let Some(text) = text {
            add(kind as u8, text);
        }
    }
    for enclosure in &article.enclosures {
        add(b'e', &enclosure.url);
    }
    // Their order means nothing: some software gives another one each time.
    let mut authors: Vec<&str> = article.authors.iter().map(String::as_str).collect();
    authors.sort_unstable();
    authors.iter().for_each(|author| add(b'a', author));
    let mut made: ContentHash = [MAKING; 16];
    made[1..].copy_from_slice(&hash.finalize()[..15]);
    made
}

/// Bytes that stand for themselves, whatever is around them: most of them, and taken in runs.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = !matches!(byte as u8, b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'?' | b'&' | b':');
        byte += 1;
    }
    plain
};

/// Appends `text` without what makes no difference.
fn reduce(text: &str, bare: &mut Vec<u8>) {
    bare.reserve(text.len());
    let mut rest = text;
    loop {
        let plain = rest.bytes().position(|byte| !PLAIN[usize::from(byte)]).unwrap_or(rest.len());
        bare.extend_from_slice(&rest.as_bytes()[..plain]);
        rest = &rest[plain..];
        let Some(&first) = rest.as_bytes().first() else { return };
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => 1,
            b'?' | b'&' => reduce_separator(rest, bare),
            b':' if rest.starts_with("://") && bare.ends_with(b"https") => {
                bare.pop();
                bare.push(b':');
                1
            }
            b':' => {
                bare.push(first);
                1
            }
            _ => {
                let (length, is_space) = rest.chars().next().map_or((1, true), |c| (c.len_utf8(), c.is_whitespace()));
                if !is_space {
                    bare.extend_from_slice(&rest.as_bytes()[..length]);
                }
                length
            }
        };
        rest = &rest[length..];
    }
}

/// What begins a parameter, if this does, with a tracking parameter behind it. Gives how many bytes were read.
fn reduce_separator(text: &str, bare: &mut Vec<u8>) -> usize {
    if let Some(space) = ["&nbsp;", "&#160;", "&#xa0;", "&#xA0;"].into_iter().find(|space| text.starts_with(space)) {
        return space.len();
    }
    let written = ["&amp;", "&#38;", "&#038;", "&#x26;"].into_iter().find(|written| text.starts_with(written));
    let length = written.map_or(1, str::len);
    match tracking::length(&text[length..]) {
        // One for both: which of them stands there depends on whether a tracking parameter was the first.
        0 => {
            bare.push(b'&');
            length
        }
        tracking => length + tracking,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::Enclosure;

    fn with_content(content: &str) -> ContentHash {
        of(&Article { content: Some(content.into()), ..Article::default() })
    }

    #[test]
    fn what_a_reader_does_not_notice_is_no_change() {
        for (one, other) in [
            ("<p>a b</p>", "<p>a\u{a0}b</p>\r\n"),
            ("<p>a</p><p>b</p>", " <p>a</p>\n\t<p>b&nbsp;</p>"),
            ("http://a/1", "https://a/1"),
            ("<a href='http://a/1'>", "<a href='http://a/1?utm_source=x'>"),
            ("<a href='http://a/1?id=1'>", "<a href='http://a/1?utm_source=x&amp;id=1&fbclid=IwAR'>"),
            ("<a href='http://a/1?x=1&amp;id=1'>", "<a href='http://a/1?x=1&#038;id=1'>"),
            ("http://a/1?mc_cid=1 and", "http://a/1?mc_cid=2 and"),
            ("日本 語", "日本\u{3000}語"),
        ] {
            assert_eq!(with_content(one), with_content(other), "{one} {other}");
        }
    }

    #[test]
    fn what_a_reader_notices_is_one() {
        let base = Article {
            title: Some("t".into()),
            url: Some("https://a/1".into()),
            summary: Some("s".into()),
            content: Some("c".into()),
            authors: vec!["A".into(), "B".into()],
            enclosures: vec![Enclosure { url: "https://a/1.mp3".into(), ..Enclosure::default() }],
            ..Article::default()
        };
        let change = |with: fn(&mut Article)| {
            let mut changed = base.clone();
            with(&mut changed);
            of(&changed) != of(&base)
        };
        for (is_change, changed) in [
            (true, change(|a| a.title = Some("T".into()))),
            (true, change(|a| a.title = None)),
            (true, change(|a| a.url = Some("https://a/2".into()))),
            (true, change(|a| a.summary = Some("s.".into()))),
            (true, change(|a| a.content = Some("<b>c</b>".into()))),
            (true, change(|a| std::mem::swap(&mut a.title, &mut a.summary))),
            (true, change(|a| a.authors = vec!["A".into()])),
            (true, change(|a| a.enclosures[0].url = "https://a/2.mp3".into())),
            (true, change(|a| a.enclosures.clear())),
            (false, change(|a| a.authors.reverse())),
            (false, change(|a| a.enclosures[0].length_bytes = Some(1))),
            (false, change(|a| a.categories.push("x".into()))),
            (false, change(|a| a.published_at = Some(1))),
            (false, change(|a| a.updated_at = Some(1))),
            (false, change(|a| a.image_url = Some("https://a/i.png".into()))),
            (false, change(|a| a.guid = Some("g".into()))),
            (false, change(|a| a.url = Some("http://a/1?utm_campaign=7".into()))),
        ] {
            assert_eq!(changed, is_change);
        }
    }

    #[test]
    fn it_stays_the_same_for_years() {
        let article = Article { title: Some("A title".into()), content: Some("<p>x</p>".into()), ..Article::default() };
        assert_eq!(crate::parse::document::hex(&of(&article)), "0163923e0db1544493058363e1018074");
    }
}
