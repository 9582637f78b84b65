//! Scenarios in what is inside: documents that kill parsers, and compressed bombs. Each is generated once and shared.

use std::fmt::Write;
use std::io::Write as _;

use flate2::{Compress, Compression, Crc, FlushCompress};

use super::{Call, Scenario, Via, feed};
use crate::tarpit::answer::{Answer, Coding, encode};
use crate::tarpit::step::{Bytes, Step};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "gzip-bomb", does: "mib=1024 of spaces in 1 MB of gzip", via: Via::Path(gzip_bomb) },
    Scenario { name: "brotli-bomb", does: "mib=32 of spaces in a few bytes of brotli", via: Via::Path(brotli_bomb) },
    Scenario { name: "gzip-members", does: "empty gzip members without end", via: Via::Path(gzip_members) },
    Scenario { name: "nested-media", does: "depth=5000 nested media:group, gzipped", via: Via::Path(nested_media) },
    Scenario {
        name: "nested-elements",
        does: "depth=100000 nested elements, gzipped",
        via: Via::Path(nested_elements),
    },
    Scenario { name: "nested-base", does: "depth=20000 nested xml:base", via: Via::Path(nested_base) },
    Scenario { name: "nested-json", does: "a JSON Feed depth=100000 deep", via: Via::Path(nested_json) },
    Scenario { name: "long-duration", does: "an itunes:duration of 30 digits", via: Via::Path(long_duration) },
    Scenario {
        name: "full-width-author",
        does: "an author with full-width brackets",
        via: Via::Path(full_width_author),
    },
    Scenario { name: "billion-laughs", does: "entities within entities", via: Via::Path(billion_laughs) },
    Scenario { name: "external-entity", does: "an entity that is /etc/passwd", via: Via::Path(external_entity) },
    Scenario { name: "many-entries", does: "entries=200000", via: Via::Path(many_entries) },
    Scenario { name: "many-attributes", does: "attributes=80000 on one tag", via: Via::Path(many_attributes) },
    Scenario { name: "truncated", does: "three whole articles and half of one", via: Via::Path(truncated) },
    Scenario { name: "bare-ampersand", does: "a bare & in a title", via: Via::Path(bare_ampersand) },
    Scenario {
        name: "escapes",
        does: "terminal escapes, bidi overrides and line ends in a title",
        via: Via::Path(escapes),
    },
];

const RSS: &str = "application/rss+xml; charset=utf-8";
const MIB: usize = 1 << 20;

fn shared(body: Bytes) -> Vec<Step> {
    vec![Step::Answer(Answer::ok(RSS, "").body_shared(body))]
}

fn shared_coded(body: Bytes, coding: Coding) -> Answer {
    Answer::ok(RSS, "").body_shared(body).header("Content-Encoding", coding.name())
}

/// A channel with one article around `inside`.
fn around(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel><title>Killer</title>\
         <link>http://killer.localhost/</link><description>d</description>\
         <item><title>Survivor</title><guid>survivor</guid>{inside}</item></channel></rss>\n"
    )
}

/// One gzip member. Its body is a block that does not depend on what stood before it, so it is compressed once and sent
/// as often as it takes.
fn gzip_bomb(call: &Call) -> Vec<Step> {
    let mib = call.param("mib", 1024);
    let spaces = vec![b' '; MIB];
    let start = b"<rss version=\"2.0\"><channel><title>";
    let chunk = call.document("gzip-mib", 0, |_| deflated(&vec![b' '; MIB]));
    let ends = call.document("gzip-bomb-ends", mib, |mib| {
        let (mut sum, mut block) = (Crc::new(), Crc::new());
        sum.update(start);
        block.update(&spaces);
        for _ in 0..mib {
            sum.combine(&block);
        }
        // An empty last block of fixed codes, then checksum and length (RFC 1951, RFC 1952).
        [&[3, 0], sum.sum().to_le_bytes().as_slice(), &sum.amount().to_le_bytes()].concat()
    });
    let mut first = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    first.extend(deflated(start));
    let answer = Answer::ok(RSS, "").header("Content-Encoding", "gzip");
    vec![Step::Answer(answer.body_long(first.into(), chunk, Some(mib), ends).chunked())]
}

/// Deflate blocks on a byte boundary that refer to nothing before them.
fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    // Spaces shrink a thousandfold, anything else here is tiny: this holds every input of this file.
    let mut out = Vec::with_capacity(plain.len() / 100 + 1024);
    compress.compress_vec(plain, &mut out, FlushCompress::Full).expect("a fresh compressor takes any input");
    out
}

fn brotli_bomb(call: &Call) -> Vec<Step> {
    let mib = call.param("mib", 32).min(256);
    let body = call.document("brotli-bomb", mib, |mib| {
        let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 << 10, 1, 22);
        let block = vec![b' '; MIB];
        encoder.write_all(b"<rss version=\"2.0\"><channel><title>").expect("a Vec takes every write");
        for _ in 0..mib {
            encoder.write_all(&block).expect("a Vec takes every write");
        }
        encoder.into_inner()
    });
    vec![Step::Answer(shared_coded(body, Coding::Br))]
}

fn gzip_members(call: &Call) -> Vec<Step> {
    let members = call.document("gzip-members", 0, |_| encode(b"", Coding::Gzip).repeat(800));
    let answer = Answer::ok(RSS, "").header("Content-Encoding", "gzip");
    vec![Step::Answer(answer.body_long(Bytes::default(), members, None, Bytes::default()).chunked())]
}

fn nested_media(call: &Call) -> Vec<Step> {
    let body = call.document("nested-media", call.param("depth", 5_000), |depth| {
        let depth = usize::try_from(depth).unwrap_or(0);
        let inside = "<media:group>".repeat(depth) + &"</media:group>".repeat(depth);
        encode(around(&inside).as_bytes(), Coding::Gzip)
    });
    vec![Step::Answer(shared_coded(body, Coding::Gzip))]
}

fn nested_elements(call: &Call) -> Vec<Step> {
    let body = call.document("nested-elements", call.param("depth", 100_000), |depth| {
        let depth = usize::try_from(depth).unwrap_or(0);
        encode(around(&("<a>".repeat(depth) + &"</a>".repeat(depth))).as_bytes(), Coding::Gzip)
    });
    vec![Step::Answer(shared_coded(body, Coding::Gzip))]
}

fn nested_base(call: &Call) -> Vec<Step> {
    shared(call.document("nested-base", call.param("depth", 20_000), |depth| {
        let depth = usize::try_from(depth).unwrap_or(0);
        let inside = "<a xml:base=\"http://example.com/some/dir/\">".repeat(depth) + &"</a>".repeat(depth);
        around(&inside).into_bytes()
    }))
}

fn nested_json(call: &Call) -> Vec<Step> {
    let body = call.document("nested-json", call.param("depth", 100_000), |depth| {
        let depth = usize::try_from(depth).unwrap_or(0);
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"Deep\",\"_x\":{open}{close},\"items\":[]}}"
        )
        .into_bytes()
    });
    vec![Step::Answer(Answer::ok("application/feed+json", "").body_shared(body))]
}

fn long_duration(_: &Call) -> Vec<Step> {
    let inside = format!("<itunes:duration>{}</itunes:duration>", "9".repeat(30));
    vec![Step::Answer(Answer::ok(RSS, around(&inside)))]
}

fn full_width_author(_: &Call) -> Vec<Step> {
    vec![Step::Answer(Answer::ok(RSS, around("<author>山田太郎（yamada@example.com）</author>")))]
}

fn billion_laughs(_: &Call) -> Vec<Step> {
    let mut entities = String::from("<!ENTITY l0 \"lol\">");
    for level in 1..10 {
        let inner = format!("&l{};", level - 1).repeat(10);
        write!(entities, "<!ENTITY l{level} \"{inner}\">").expect("a String takes every write");
    }
    doctype(&entities, "&l9;")
}

fn external_entity(_: &Call) -> Vec<Step> {
    doctype("<!ENTITY out SYSTEM \"file:///etc/passwd\">", "&out;")
}

fn doctype(entities: &str, title: &str) -> Vec<Step> {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE rss [{entities}]>\n<rss version=\"2.0\"><channel><title>Entities</title>\
         <item><title>{title}</title><guid>1</guid></item></channel></rss>\n"
    );
    vec![Step::Answer(Answer::ok(RSS, body))]
}

fn many_entries(call: &Call) -> Vec<Step> {
    // Under 8 MiB at 200,000, so that the count is what a reader meets first.
    shared(call.document("many-entries", call.param("entries", 200_000), |entries| {
        let mut body = String::from("<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel><title>Many</title>\n");
        for index in 0..entries {
            writeln!(body, "<item><guid>{index}</guid></item>").expect("a String takes every write");
        }
        (body + "</channel></rss>\n").into_bytes()
    }))
}

fn many_attributes(call: &Call) -> Vec<Step> {
    shared(call.document("many-attributes", call.param("attributes", 80_000), |attributes| {
        let mut inside = String::from("<enclosure");
        for index in 0..attributes {
            write!(inside, " a{index}=\"1\"").expect("a String takes every write");
        }
        around(&(inside + "/>")).into_bytes()
    }))
}

fn truncated(call: &Call) -> Vec<Step> {
    let body = feed::small(call, "truncated");
    let (at, _) = body.match_indices("<item>").nth(3).unwrap_or((body.len(), ""));
    vec![Step::Answer(Answer::ok(RSS, &body[..(at + 40).min(body.len())]))]
}

fn bare_ampersand(call: &Call) -> Vec<Step> {
    let body = feed::small(call, "bare-ampersand").replace(", article", " Q&A article");
    vec![Step::Answer(Answer::ok(RSS, body))]
}

fn escapes(call: &Call) -> Vec<Step> {
    let title = "\u{9b}31mred\u{7f} &#27;[2J&#x202e;desrever\u{202e} &lt;script&gt;alert(1)&lt;/script&gt;&#13;&#10;&#10;event: reset";
    vec![Step::Answer(Answer::ok(RSS, feed::small(call, "escapes").replace(", article", title)))]
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn blocks_can_be_repeated() {
        let block = deflated(&vec![b' '; MIB]);
        assert!(block.len() < MIB / 900, "{} bytes", block.len());
        let stream = [deflated(b"<rss>"), block.clone(), block, vec![3, 0]].concat();
        let mut plain = Vec::new();
        flate2::read::DeflateDecoder::new(stream.as_slice()).read_to_end(&mut plain).unwrap();
        assert_eq!(plain.len(), 5 + 2 * MIB);
        assert!(plain.starts_with(b"<rss>  "));
    }
}
