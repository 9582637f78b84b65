//! Content codings that ureq leaves alone: other spellings, `deflate` of both kinds, and stacks of them. Pure but for the
//! pauses: whoever decodes says what happens in between.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::failure::{Class, Failure, Phase};
use crate::limits::{CODINGS_MAX, RATIO_FREE_BYTES, RATIO_MAX};

/// Undoes the codings that `content_encoding` lists (RFC 9110, section 8.4: in the order in which they were applied).
/// `pause` is called behind every few kilobytes, received or decoded.
///
/// # Errors
///
/// `decode`: unknown, too many, damaged or cut short. `too_large`: more than `bytes_max` come out, or it is a bomb.
pub(crate) fn decode(
    mut body: Vec<u8>,
    content_encoding: &str,
    bytes_max: u64,
    pause: &dyn Fn(),
) -> Result<Vec<u8>, Failure> {
    let codings: Vec<String> = content_encoding
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect();
    if codings.len() > CODINGS_MAX {
        return Err(bad(format!("the body has {} content codings, more than {CODINGS_MAX}", codings.len())));
    }
    for coding in codings.iter().rev() {
        let input = Input { rest: &body, pause };
        let limits = Limits { wire_bytes: body.len() as u64, bytes_max };
        body = match coding.as_str() {
            "gzip" | "x-gzip" => inflate(coding, MultiGzDecoder::new(input), &limits, pause)?,
            // The name means zlib; some servers send the bare stream.
            "deflate" if has_zlib_header(&body) => inflate(coding, ZlibDecoder::new(input), &limits, pause)?,
            "deflate" => inflate(coding, DeflateDecoder::new(input), &limits, pause)?,
            "br" => inflate(coding, brotli::Decompressor::new(input, 4096), &limits, pause)?,
            unknown => {
                let shown: String = unknown.chars().take(40).collect();
                return Err(bad(format!(
                    "the body has the unknown content coding {shown:?}; only gzip and br were asked for"
                )));
            }
        };
    }
    Ok(body)
}

/// RFC 1950, section 2.2: method 8, and both bytes a multiple of 31.
pub(super) fn has_zlib_header(body: &[u8]) -> bool {
    matches!(body, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

/// What is received, in pieces: a decoder may read many of them before it gives anything.
struct Input<'a> {
    rest: &'a [u8],
    pause: &'a dyn Fn(),
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (self.pause)();
        let room = into.len().min(PIECE_BYTES);
        self.rest.read(&mut into[..room])
    }
}

/// Bytes between two pauses, at most.
const PIECE_BYTES: usize = 8 << 10;

struct Limits {
    wire_bytes: u64,
    bytes_max: u64,
}

fn inflate(coding: &str, mut reader: impl Read, limits: &Limits, pause: &dyn Fn()) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    let mut chunk = vec![0; PIECE_BYTES];
    loop {
        pause();
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(out),
            Ok(n) => out.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(bad(format!("the body is not valid {coding}: {error}"))),
        }
        within_limits(out.len() as u64, limits.wire_bytes, limits.bytes_max)?;
    }
}

/// Judges decoded against received bytes, while both grow.
///
/// # Errors
///
/// `too_large`.
pub(crate) fn within_limits(decoded_bytes: u64, wire_bytes: u64, bytes_max: u64) -> Result<(), Failure> {
    let too_large = |message| Err(Failure::new(Class::TooLarge, Phase::Body, message));
    if decoded_bytes > bytes_max {
        return too_large(format!("the body is larger than body_bytes_max = {bytes_max} bytes"));
    }
    if decoded_bytes > RATIO_FREE_BYTES && decoded_bytes / RATIO_MAX > wire_bytes {
        return too_large(format!(
            "the body is a compression bomb: {wire_bytes} bytes became more than {decoded_bytes}"
        ));
    }
    Ok(())
}

fn bad(message: String) -> Failure {
    Failure::new(Class::Decode, Phase::Decode, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn raw_deflate(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    const BODY: &[u8] = b"<rss version=\"2.0\"><channel/></rss>";

    #[test]
    fn every_spelling_is_undone() {
        for (body, coding) in [
            (BODY.to_vec(), ""),
            (BODY.to_vec(), "identity"),
            (gzip(BODY), "GZIP"),
            (gzip(BODY), "x-gzip"),
            (zlib(BODY), "deflate"),
            (raw_deflate(BODY), "deflate"),
            (gzip(&zlib(BODY)), "deflate, gzip"),
            ([gzip(&BODY[..10]), gzip(&BODY[10..])].concat(), "x-gzip"),
        ] {
            assert_eq!(decode(body, coding, 1 << 20, &|| ()).unwrap(), BODY, "{coding}");
        }
    }

    #[test]
    fn what_cannot_be_undone_says_so() {
        let mut flipped = gzip(BODY);
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        for (body, coding, word) in [
            (BODY.to_vec(), "x-gzip", "not valid x-gzip"),
            (gzip(BODY)[..20].to_vec(), "x-gzip", "not valid x-gzip"),
            (flipped, "x-gzip", "not valid x-gzip"),
            (BODY.to_vec(), "zstd", "unknown content coding"),
            (BODY.to_vec(), "gzip,gzip,gzip,gzip", "4 content codings"),
        ] {
            let failure = decode(body, coding, 1 << 20, &|| ()).unwrap_err();
            assert_eq!(failure.class, Class::Decode, "{failure}");
            assert!(failure.message.contains(word), "{failure}");
        }
    }

    #[test]
    fn bombs_end_at_the_first_limit() {
        let bomb = gzip(&vec![0; 16 << 20]);
        let by_ratio = decode(bomb.clone(), "x-gzip", 1 << 30, &|| ()).unwrap_err();
        assert_eq!(by_ratio.class, Class::TooLarge);
        assert!(by_ratio.message.contains("bomb"), "{by_ratio}");
        let by_size = decode(bomb, "x-gzip", 1 << 16, &|| ()).unwrap_err();
        assert!(by_size.message.contains("body_bytes_max"), "{by_size}");
    }

    #[test]
    fn what_gives_nothing_pauses_all_the_same() {
        let members = gzip(b"").repeat(1_000);
        let pauses = std::cell::Cell::new(0);
        let pieces = members.len() / PIECE_BYTES;
        assert_eq!(decode(members, "x-gzip", 1 << 20, &|| pauses.set(pauses.get() + 1)).unwrap(), b"");
        assert!(pauses.get() >= pieces && pieces > 1, "{} pauses over {pieces} pieces", pauses.get());
    }
}
