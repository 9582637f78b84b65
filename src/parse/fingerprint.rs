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
        bare.resize(bare.len().max(text.len()), 0);
        let bare_bytes = reduce(text, &mut bare);
        hash.update([kind]);
        hash.update((bare_bytes as u64).to_le_bytes());
        hash.update(&bare[..bare_bytes]);
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

/// What a byte leaves, whatever is around it: itself, or nothing where it is white space; [`DEPENDS`] where that cannot be
/// told of it alone.
const LEAVES: [u8; 256] = {
    let mut leaves = [1; 256];
    let mut byte = 0;
    while byte < 256 {
        match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => leaves[byte] = 0,
            // With the last four all white space beyond ASCII begins.
            b'?' | b'&' | b':' | 0xc2 | 0xe1 | 0xe2 | 0xe3 => leaves[byte] = DEPENDS,
            _ => {}
        }
        byte += 1;
    }
    leaves
};

const DEPENDS: u8 = 2;

/// Writes `text` to the front of `bare`, which has room for all of it, without what makes no difference. Gives how many bytes
/// are left of it.
fn reduce(text: &str, bare: &mut [u8]) -> usize {
    let (mut read, mut left) = (0, 0);
    while let Some(&byte) = text.as_bytes().get(read) {
        // Written in any case, and then counted or not: words are short, and a branch at the end of each is guessed wrong.
        bare[left] = byte;
        match LEAVES[usize::from(byte)] {
            DEPENDS => {
                let length;
                (length, left) = reduce_dependent(&text[read..], bare, left);
                read += length;
            }
            leaves => (read, left) = (read + 1, left + usize::from(leaves)),
        }
    }
    left
}

/// Writes what the start of `text` leaves behind the `left` bytes that are there. Gives how many bytes it is, and how many
/// are left then.
fn reduce_dependent(text: &str, bare: &mut [u8], left: usize) -> (usize, usize) {
    match text.as_bytes()[0] {
        b'?' | b'&' => {
            let (length, is_left) = separator(text);
            bare[left] = b'&';
            (length, left + usize::from(is_left))
        }
        b':' if text.starts_with("://") && bare[..left].ends_with(b"https") => {
            bare[left - 1] = b':';
            (1, left)
        }
        b':' => (1, left + 1),
        _ => {
            let (length, is_space) = text.chars().next().map_or((1, true), |c| (c.len_utf8(), c.is_whitespace()));
            bare[left..left + length].copy_from_slice(&text.as_bytes()[..length]);
            (length, if is_space { left } else { left + length })
        }
    }
}

/// How many bytes a `?` or `&` at the start of `text` takes with a tracking parameter behind it, and whether it then still
/// begins a parameter.
fn separator(text: &str) -> (usize, bool) {
    if let Some(space) = ["&nbsp;", "&#160;", "&#xa0;", "&#xA0;"].into_iter().find(|space| text.starts_with(space)) {
        return (space.len(), false);
    }
    let written = ["&amp;", "&#38;", "&#038;", "&#x26;"].into_iter().find(|written| text.starts_with(written));
    let length = written.map_or(1, str::len);
    // One sign for both, left by whoever wrote `?` or `&`: which of them stands there depends on whether a tracking parameter
    // was the first.
    match tracking::length(&text[length..]) {
        0 => (length, true),
        tracking => (length + tracking, false),
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
    fn white_space_of_any_kind_is_no_change() {
        // ASCII's has a list of its own: a vertical tab is in no text.
        for space in ('\u{80}'..=char::MAX).filter(|c| c.is_whitespace()) {
            assert_eq!(with_content(&format!("a{space}b")), with_content("ab"), "{space:?}");
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
