//! The documents of the farm: RSS and Atom with the HTML that news sites write, made by a seed.
//!
//! There are a few of each shape, and all feeds share them: only what an article is known by differs from feed to feed.

use std::fmt::Write as _;

use crate::support::Random;

/// Documents of one shape; feed n has the n-th of them, and so on from the first.
const VARIANTS: usize = 16;

const SEED: u64 = 20_240_504;

/// Saturday, the 4th of May 2024, at midnight.
const DAY: &str = "2024-05-04T";

/// How large the documents are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) articles: usize,
    pub(crate) bytes: usize,
}

/// One document, which can grow at its front.
pub(crate) struct Document {
    pub(crate) content_type: &'static str,
    pub(crate) whole: Vec<u8>,
    /// Where the feed's number belongs.
    places: Vec<usize>,
    /// Where its first article begins.
    front: usize,
    is_atom: bool,
    bytes_each: usize,
}

impl Document {
    /// As feed `number` has it: readers there are that know an article by its guid alone.
    pub(crate) fn of_feed(&self, number: usize) -> Vec<u8> {
        numbered(self.whole.clone(), &self.places, number)
    }

    /// The same with so many articles more, the newest first.
    pub(crate) fn grown(&self, number: usize, by: usize) -> Vec<u8> {
        self.with(number, (0..by).rev().map(|new| (new, format!("new-{new}"))))
    }

    /// The same with one more, whose guid ends with this moment.
    pub(crate) fn stamped(&self, number: usize, at_ms: u64) -> Vec<u8> {
        self.with(number, std::iter::once((0, format!("{STAMP}{at_ms}"))))
    }

    /// An article says the same each time, wherever it stands: changed ones would be delivered again.
    fn with(&self, number: usize, articles: impl Iterator<Item = (usize, String)>) -> Vec<u8> {
        let mut text = String::from_utf8(self.whole[..self.front].to_vec()).expect("it was made of text");
        for (new, id) in articles {
            let mut random = Random::of(SEED ^ new as u64);
            push_article(&mut text, self.is_atom, &id, new, self.bytes_each, &mut random);
        }
        let bytes = [text.as_bytes(), &self.whole[self.front..]].concat();
        let places = places(&bytes);
        numbered(bytes, &places, number)
    }
}

/// Before the moment in a guid.
pub(crate) const STAMP: &str = "stamp-";

/// Stands where a feed's number belongs.
const PLACE: &str = "nnnnnn";

fn places(bytes: &[u8]) -> Vec<usize> {
    let is_place = |at: &usize| bytes[*at..].starts_with(PLACE.as_bytes());
    (0..bytes.len()).filter(is_place).collect()
}

fn numbered(mut bytes: Vec<u8>, places: &[usize], number: usize) -> Vec<u8> {
    let digits = format!("{number:06}");
    for &at in places {
        bytes[at..at + PLACE.len()].copy_from_slice(digits.as_bytes());
    }
    bytes
}

/// The documents of a shape.
pub(crate) fn documents(shape: Shape) -> Vec<Document> {
    let mut random = Random::of(SEED);
    (0..VARIANTS).map(|number| document(number % 2 == 1, shape, &mut random)).collect()
}

/// The document of feed `number` among them.
pub(crate) fn of(documents: &[Document], number: usize) -> &Document {
    &documents[number % documents.len()]
}

fn document(is_atom: bool, shape: Shape, random: &mut Random) -> Document {
    let mut text = String::from(if is_atom { ATOM_HEAD } else { RSS_HEAD });
    let front = text.len();
    let bytes_each = shape.bytes.saturating_sub(front) / shape.articles.max(1);
    for number in 0..shape.articles {
        push_article(&mut text, is_atom, &format!("id-{number}"), number, bytes_each, random);
    }
    text += if is_atom { "</feed>\n" } else { "</channel></rss>\n" };
    let content_type = if is_atom { "application/atom+xml" } else { "application/rss+xml; charset=utf-8" };
    let whole = text.into_bytes();
    Document { content_type, places: places(&whole), whole, front, is_atom, bytes_each }
}

const RSS_HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" "#,
    r#"xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>"#,
    "<link>https://news.example/</link><description>All of it</description><language>en</language>\n",
);

const ATOM_HEAD: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>News</title>"#,
    "<link href=\"https://news.example/\"/><id>urn:news</id><updated>2024-05-04T23:59:00Z</updated>\n",
);

fn push_article(text: &mut String, is_atom: bool, id: &str, number: usize, bytes: usize, random: &mut Random) {
    let id = &format!("{PLACE}/{id}");
    let (hour, minute) = (number / 60 % 24, number % 60);
    // What stands around the content.
    let around = if is_atom { 520 } else { 470 };
    let html = html(id, bytes.saturating_sub(around), random);
    let title = sentence(random, 8);
    let written = if is_atom {
        // As markup in a text has to be written; it takes more room than what it says.
        let escaped = html.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        write!(
            text,
            "<entry>\n<title type=\"html\">{title}</title>\n<link rel=\"alternate\" type=\"text/html\" \
             href=\"https://news.example/{id}\"/>\n<id>urn:{id}</id>\n<published>{DAY}{hour:02}:{minute:02}:00Z</published>\n\
             <updated>{DAY}{hour:02}:{minute:02}:30Z</updated>\n<author><name>Ann Author</name></author>\n\
             <category term=\"news\"/>\n<content type=\"html\">{escaped}</content>\n</entry>\n"
        )
    } else {
        write!(
            text,
            "<item>\n<title>{title} &amp; more</title>\n<link>https://news.example/{id}</link>\n\
             <guid isPermaLink=\"false\">{id}</guid>\n<pubDate>Sat, 04 May 2024 {hour:02}:{minute:02}:00 GMT</pubDate>\n\
             <dc:creator><![CDATA[Ann Author]]></dc:creator>\n<category>News</category>\n\
             <description><![CDATA[{}.]]></description>\n<content:encoded><![CDATA[{html}]]></content:encoded>\n</item>\n",
            sentence(random, 14)
        )
    };
    written.expect("a String takes every write");
}

/// Paragraphs with links, pictures and emphasis, of about so many bytes.
fn html(id: &str, bytes: usize, random: &mut Random) -> String {
    let mut html = String::with_capacity(bytes + 256);
    while html.len() < bytes {
        let room = (bytes - html.len()) / 8;
        let words = (20 + random.below(30) as usize).min(room.max(3));
        let sentence = sentence(random, words);
        let written = match random.below(5) {
            0 => writeln!(html, "<p>{sentence} <a href=\"https://news.example/{id}/more\">read on</a></p>"),
            1 => writeln!(html, "<figure><img src=\"/{id}.jpg\" alt=\"\"></figure>\n<p>{sentence}</p>"),
            2 => writeln!(html, "<p>{sentence} <strong>and so on</strong> &mdash; &ldquo;why&rdquo;</p>"),
            _ => writeln!(html, "<p>{sentence}</p>"),
        };
        written.expect("a String takes every write");
    }
    html
}

fn sentence(random: &mut Random, words: usize) -> String {
    const WORDS: [&str; 24] = [
        "the",
        "council",
        "meets",
        "on",
        "market",
        "day",
        "and",
        "nobody",
        "knows",
        "why",
        "rivers",
        "rise",
        "after",
        "a",
        "winter",
        "without",
        "snow",
        "minister",
        "of",
        "transport",
        "says",
        "trains",
        "will",
        "be",
    ];
    let mut sentence = String::from("News");
    for _ in 0..words {
        sentence.push(' ');
        sentence += WORDS[random.below(WORDS.len() as u64) as usize];
    }
    sentence
}
