//! The heads of an answer as they come off the wire, before ureq reads them: kept until they are whole, counted where they
//! are interim ones (1xx), mended where a server is sloppy and that is harmless, refused where they contradict themselves
//! about their body. Pure: bytes in, bytes out.
//!
//! Mended, as RFC 9112 asks of a client: folded lines (section 5.2) and spaces before a colon (section 5.1). `ICY 200 OK`, as
//! streaming servers say it, is HTTP/1.0. What does not begin as an answer at all is passed on as it is: ureq says what is wrong.

use crate::failure::{Class, Failure, Phase};
use crate::limits::{ANSWER_HEAD_BYTES_MAX, INTERIM_ANSWERS_MAX};

/// What has come of an answer's heads. Holds no more than one of them.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    raw: Vec<u8>,
    /// Bytes of `raw` that hold no end of a head.
    searched: usize,
    interim: usize,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// By a Content-Length.
    Bytes(u64),
    /// By the last of its chunks.
    Chunks,
    /// By the end of the connection.
    ToTheEnd,
}

/// The head that is not interim, whole, and what came with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// The head as ureq is to see it, and behind it the body's beginning.
    pub(crate) bytes: Vec<u8>,
    /// Bytes of it that are the head.
    pub(crate) head_bytes: usize,
    /// What the head says of the body's length.
    pub(crate) length: Length,
}

impl Heads {
    /// Takes in what came; `None` while the head is not whole.
    ///
    /// # Errors
    ///
    /// `header`: too long, or too many interim answers. `body`: two statements of the body's length that exclude each other,
    /// or one that is none (RFC 9112, section 6.3).
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Whole>, Failure> {
        self.raw.extend_from_slice(bytes);
        loop {
            // Of an answer before, say: an empty line in front of a head is nothing (RFC 9112, section 2.2).
            let empty = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.raw.drain(..empty);
            self.searched = self.searched.saturating_sub(empty);
            if !may_begin(&self.raw) {
                let bytes = std::mem::take(&mut self.raw);
                return Ok(Some(Whole { head_bytes: bytes.len(), bytes, length: Length::ToTheEnd }));
            }
            let end = end_of_head(&self.raw, self.searched);
            if end.unwrap_or(self.raw.len()) > ANSWER_HEAD_BYTES_MAX {
                return Err(too_long());
            }
            let Some(end) = end else {
                self.searched = self.raw.len();
                return Ok(None);
            };
            if !is_interim(&self.raw[..end]) {
                return self.whole(end).map(Some);
            }
            self.interim += 1;
            if self.interim > INTERIM_ANSWERS_MAX {
                return Err(bad(
                    Class::Header,
                    format!("comes behind more than {INTERIM_ANSWERS_MAX} interim ones (1xx)"),
                ));
            }
            self.raw.drain(..end);
            self.searched = 0;
        }
    }

    fn whole(&mut self, end: usize) -> Result<Whole, Failure> {
        let mut bytes = mend(&self.raw[..end]);
        // Ends of lines may have become longer.
        if bytes.len() > ANSWER_HEAD_BYTES_MAX {
            return Err(too_long());
        }
        let length = length_of_body(&bytes).map_err(|what| bad(Class::Body, what))?;
        let head_bytes = bytes.len();
        bytes.extend_from_slice(&self.raw[end..]);
        self.raw = Vec::new();
        Ok(Whole { bytes, head_bytes, length })
    }
}

fn too_long() -> Failure {
    bad(Class::Header, format!("is longer than {ANSWER_HEAD_BYTES_MAX} bytes"))
}

fn bad(class: Class, what: String) -> Failure {
    Failure::new(class, Phase::Header, format!("the answer's head {what}"))
}

/// Whether these may be the first bytes of an answer.
fn may_begin(bytes: &[u8]) -> bool {
    [&b"HTTP/1."[..], b"ICY "].iter().any(|start| bytes.iter().zip(*start).all(|(byte, expected)| byte == expected))
}

/// Behind the empty line that ends a head. Lines may end in LF alone (RFC 9112, section 2.2).
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    // An end may straddle what was searched before.
    let start = searched.saturating_sub(3);
    let after_line = |at: usize| match bytes.get(at + 1..)? {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    };
    (start..bytes.len()).filter(|&at| bytes[at] == b'\n').find_map(after_line)
}

/// 101 is none: what follows it is no HTTP.
fn is_interim(head: &[u8]) -> bool {
    let status = head.split(|byte| *byte == b' ').nth(1).and_then(|word| word.get(..3));
    status.is_some_and(|status| status.starts_with(b"1") && status != b"101")
}

/// The head with folded lines in one, no space before a colon, and the protocol's own name.
fn mend(head: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(head.len() + 8);
    for (number, line) in lines(head).enumerate() {
        match (number, line) {
            (0, [b'I', b'C', b'Y', rest @ ..]) => mended.extend([b"HTTP/1.0", rest].concat()),
            (2.., [b' ' | b'\t', ..]) => {
                mended.truncate(mended.len() - 2);
                mended.push(b' ');
                mended.extend(line.trim_ascii());
            }
            (1.., _) => {
                let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
                mended.extend(line[..colon].trim_ascii_end());
                mended.extend(&line[colon..]);
            }
            _ => mended.extend(line),
        }
        mended.extend(b"\r\n");
    }
    mended
}

/// The lines of a head without their ends, the empty one included.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

/// What a head says in Content-Length; several that say the same are one (RFC 9110, section 8.6).
///
/// # Errors
///
/// What is wrong with it, in words.
fn length_of_body(head: &[u8]) -> Result<Length, String> {
    let mut length = None;
    let mut has_coding = false;
    for line in lines(head).skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        has_coding |= name.eq_ignore_ascii_case(b"transfer-encoding");
        if !name.eq_ignore_ascii_case(b"content-length") {
            continue;
        }
        for said in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is_number = !said.is_empty() && said.iter().all(u8::is_ascii_digit);
            let said = std::str::from_utf8(said).ok().filter(|_| is_number).and_then(|said| said.parse::<u64>().ok());
            let said = said.ok_or("has a Content-Length that is no length")?;
            if length.is_some_and(|before| before != said) {
                return Err("has two Content-Lengths that differ".to_owned());
            }
            length = Some(said);
        }
    }
    match length {
        Some(_) if has_coding => Err("has both Content-Length and Transfer-Encoding".to_owned()),
        Some(bytes) => Ok(Length::Bytes(bytes)),
        None if has_coding => Ok(Length::Chunks),
        None => Ok(Length::ToTheEnd),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an answer, whether it comes in one piece or byte by byte: the head and the body's beginning.
    fn read(answer: &str) -> Result<(String, String, Length), Failure> {
        let at_once = Heads::default().feed(answer.as_bytes());
        let (mut heads, mut by_bytes) = (Heads::default(), Ok(None));
        for (at, byte) in answer.bytes().enumerate() {
            by_bytes = heads.feed(&[byte]);
            match &mut by_bytes {
                Ok(None) => continue,
                Ok(Some(whole)) => whole.bytes.extend(&answer.as_bytes()[at + 1..]),
                Err(_) => {}
            }
            break;
        }
        assert_eq!(
            by_bytes.as_ref().map(|whole| whole.as_ref().map(|whole| &whole.bytes)),
            at_once.as_ref().map(|whole| whole.as_ref().map(|whole| &whole.bytes)),
            "{answer:?}"
        );
        let whole = at_once?.unwrap_or_else(|| panic!("{answer:?} has no end"));
        let (head, body) = whole.bytes.split_at(whole.head_bytes);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(head), text(body), whole.length))
    }

    #[test]
    fn what_is_sloppy_and_harmless_is_mended() {
        for (sent, head, body) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n<rss>", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "<rss>"),
            ("HTTP/1.1 200 OK\nA: b\n\n<rss>", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "<rss>"),
            ("\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\r\n"),
            ("HTTP/1.1 200 OK\r\nA: b\r\n\t c\r\n d \r\n\r\n", "HTTP/1.1 200 OK\r\nA: b c d\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\nA \t: b : c\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b : c\r\n\r\n", ""),
            ("ICY 200 OK\r\nicy-name: x\r\n\r\n<rss>", "HTTP/1.0 200 OK\r\nicy-name: x\r\n\r\n", "<rss>"),
            (
                "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
                "HTTP/1.1 200 OK\r\n\r\n",
                "x",
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n\0", "HTTP/1.1 101 Switching\r\n\r\n", "\0"),
            // Nothing that could be mended: ureq refuses them.
            ("HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\nA B: c\r\nD\r\n\r\n", "HTTP/1.1 200 OK\r\nA B: c\r\nD\r\n\r\n", ""),
        ] {
            assert_eq!(
                read(sent).map(|(head, body, _)| (head, body)),
                Ok((head.to_owned(), body.to_owned())),
                "{sent:?}"
            );
        }
        for sent in ["<rss>", "HTTP/2 200\r\n", "HTTP/1,1", "icy 200 OK", "ICYI"] {
            assert_eq!(read(sent).map(|(head, ..)| head.len() <= sent.len()), Ok(true), "{sent}: passed on as it is");
        }
    }

    #[test]
    fn what_contradicts_itself_about_its_body_is_refused() {
        let length = |lines: &str| read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n")).map(|(.., length)| length);
        for (lines, expected) in [
            ("A: b", Length::ToTheEnd),
            ("content-length: 7", Length::Bytes(7)),
            ("Content-Length: 7, 07\r\nContent-Length : 7", Length::Bytes(7)),
            ("Transfer-Encoding: chunked", Length::Chunks),
        ] {
            assert_eq!(length(lines), Ok(expected), "{lines}");
        }
        for (lines, words) in [
            ("Content-Length: -1", "no length"),
            ("Content-Length: +1", "no length"),
            ("Content-Length:", "no length"),
            ("Content-Length: 0x10", "no length"),
            ("Content-Length: 18446744073709551616", "no length"),
            ("Content-Length: 7\r\nContent-Length: 8", "two Content-Lengths"),
            ("Content-Length: 7, 8", "two Content-Lengths"),
            ("Content-Length: 7\r\nTransfer-Encoding: chunked", "both"),
        ] {
            let failure = length(lines).expect_err(lines);
            assert_eq!(failure.class_and_phase(), "body(header)", "{failure}");
            assert!(failure.message.contains(words), "{failure}");
        }
    }

    #[test]
    fn interim_answers_and_bytes_are_counted() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        assert!(read(&(interim.repeat(INTERIM_ANSWERS_MAX) + "HTTP/1.1 200 OK\r\n\r\n")).is_ok());
        let failure = read(&interim.repeat(INTERIM_ANSWERS_MAX + 1)).unwrap_err();
        assert!(failure.class == Class::Header && failure.message.contains("interim"), "{failure}");
        let line = "A: b\r\n";
        let endless = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(ANSWER_HEAD_BYTES_MAX / line.len()));
        let failure = Heads::default().feed(endless.as_bytes()).unwrap_err();
        assert!(failure.class == Class::Header && failure.message.contains("longer than"), "{failure}");
        // Of a body that came along it says nothing.
        let body = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2 * ANSWER_HEAD_BYTES_MAX));
        assert!(Heads::default().feed(body.as_bytes()).is_ok());
    }
}
