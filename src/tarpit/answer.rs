//! An HTTP answer as data, and what of it goes onto the wire for a given request.
//!
//! It is pure: a request's head in, steps out. It can be honest or lie about its length, its coding and its type.

use std::io::Write;

use super::request::Head;
use super::step::{Bytes, Step};

/// An answer under construction. Honest unless told otherwise: right length, kept alive, 304 for the right validators.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Body,
    framing: Framing,
    etag: Option<Vec<u8>>,
    last_modified: Option<Vec<u8>>,
    close: bool,
}

/// What follows the head.
#[derive(Clone, Debug)]
enum Body {
    Bytes(Bytes),
    /// What stands first, then a chunk so many times (`None`: until the peer goes), then what stands last.
    Long {
        first: Bytes,
        chunk: Bytes,
        times: Option<u64>,
        last: Bytes,
    },
}

/// How the end of the body is told.
#[derive(Clone, Debug)]
enum Framing {
    Length,
    /// A Content-Length that is written as it stands here, true or not.
    Claimed(String),
    Chunked,
    /// By closing the connection.
    Close,
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Br,
    /// `deflate` as RFC 9110 has it, in a zlib wrapper.
    Deflate,
    /// `deflate` as some servers have it, without the wrapper.
    DeflateRaw,
}

impl Answer {
    pub fn status(status: u16) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: Body::Bytes(Bytes::default()),
            framing: Framing::Length,
            etag: None,
            last_modified: None,
            close: false,
        }
    }

    /// A 200 with this content type and body.
    pub fn ok(content_type: &str, body: impl AsRef<[u8]>) -> Answer {
        Answer::status(200).header("Content-Type", content_type).body(body)
    }

    /// A redirect to a location that is written as it stands.
    pub fn redirect(status: u16, location: impl AsRef<[u8]>) -> Answer {
        Answer::status(status).header("Location", location)
    }

    /// Adds a header, behind those that are there. Nothing of it is checked.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Answer {
        self.headers.push((name.to_string(), value.as_ref().to_vec()));
        self
    }

    #[must_use]
    pub fn body(self, body: impl AsRef<[u8]>) -> Answer {
        self.body_shared(body.as_ref().into())
    }

    /// A body that other answers share.
    #[must_use]
    pub fn body_shared(mut self, body: Bytes) -> Answer {
        self.body = Body::Bytes(body);
        self
    }

    /// A body that is made while it is sent: `first`, then `chunk` so many times (`None`: until the peer goes), then `last`.
    ///
    /// An endless one wants [`Answer::chunked`] or [`Answer::until_close`]: its length is claimed as 2^64 - 1.
    #[must_use]
    pub fn body_long(mut self, first: Bytes, chunk: Bytes, times: Option<u64>, last: Bytes) -> Answer {
        self.body = Body::Long { first, chunk, times, last };
        self
    }

    /// Encodes the body given so far, and says so in a header.
    #[must_use]
    pub fn coded(self, coding: Coding) -> Answer {
        let Body::Bytes(plain) = &self.body else { return self };
        let coded = encode(plain, coding);
        self.body(coded).header("Content-Encoding", coding.name())
    }

    #[must_use]
    pub fn chunked(mut self) -> Answer {
        self.framing = Framing::Chunked;
        self
    }

    /// The end of the body is the end of the connection.
    #[must_use]
    pub fn until_close(mut self) -> Answer {
        self.framing = Framing::Close;
        self
    }

    /// Claims this Content-Length whatever the body is.
    #[must_use]
    pub fn length_claimed(mut self, length: impl ToString) -> Answer {
        self.framing = Framing::Claimed(length.to_string());
        self
    }

    /// The ETag, written as it stands, and a 304 for a request whose If-None-Match is the same byte for byte.
    #[must_use]
    pub fn etag(mut self, etag: impl AsRef<[u8]>) -> Answer {
        self.etag = Some(etag.as_ref().to_vec());
        self
    }

    /// The Last-Modified, written as it stands, and a 304 for a request without If-None-Match whose If-Modified-Since is
    /// the same byte for byte (RFC 9110, section 13.2.2, has them in this order; it would compare dates).
    #[must_use]
    pub fn last_modified(mut self, date: impl AsRef<[u8]>) -> Answer {
        self.last_modified = Some(date.as_ref().to_vec());
        self
    }

    /// Closes the connection afterwards, and says so.
    #[must_use]
    pub fn close(mut self) -> Answer {
        self.close = true;
        self
    }

    /// What goes onto the wire for this request; for none, as for a GET that closes.
    pub(crate) fn steps(&self, head: Option<&Head>) -> Vec<Step> {
        let not_modified = head.is_some_and(|head| self.validators_match(head));
        let status = if not_modified { 304 } else { self.status };
        let bodiless = status == 304 || status == 204 || head.is_some_and(|head| head.method == "HEAD");
        let closes = self.close || matches!(self.framing, Framing::Close) || !head.is_some_and(Head::keeps_alive);

        let mut steps = vec![Step::Send(self.head(status, closes).into())];
        if !bodiless {
            steps.extend(self.body_steps());
        }
        if closes {
            steps.push(Step::Close);
        }
        steps
    }

    fn validators_match(&self, head: &Head) -> bool {
        match (head.header("if-none-match"), head.header("if-modified-since")) {
            (Some(asked), _) => self.etag.as_deref() == Some(asked),
            (None, Some(asked)) => self.last_modified.as_deref() == Some(asked),
            (None, None) => false,
        }
    }

    fn head(&self, status: u16, closes: bool) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.headers {
            line(name, value);
        }
        if let Some(etag) = &self.etag {
            line("ETag", etag);
        }
        if let Some(date) = &self.last_modified {
            line("Last-Modified", date);
        }
        match &self.framing {
            // A 304 has no body, and a 204 must not claim one (RFC 9110, section 8.6).
            _ if status == 304 || status == 204 => {}
            Framing::Length => line("Content-Length", self.body.bytes().to_string().as_bytes()),
            Framing::Claimed(length) => line("Content-Length", length.as_bytes()),
            Framing::Chunked => line("Transfer-Encoding", b"chunked"),
            Framing::Close => {}
        }
        line("Connection", if closes { b"close" } else { b"keep-alive" });
        head.extend_from_slice(b"\r\n");
        head
    }

    fn body_steps(&self) -> Vec<Step> {
        let framed = |bytes: &Bytes| match self.framing {
            Framing::Chunked => chunk(bytes),
            _ => Bytes::clone(bytes),
        };
        let mut steps = match &self.body {
            Body::Bytes(bytes) => vec![Step::Send(framed(bytes))],
            Body::Long { first, chunk, times: None, .. } => {
                vec![Step::Send(framed(first)), Step::SendForever(framed(chunk))]
            }
            Body::Long { first, chunk, times: Some(times), last } => vec![
                Step::Send(framed(first)),
                Step::Repeat { chunk: framed(chunk), times: *times },
                Step::Send(framed(last)),
            ],
        };
        // An empty chunk would be the last one.
        steps.retain(|step| !matches!(step, Step::Send(bytes) if bytes.is_empty()));
        if matches!(self.framing, Framing::Chunked) {
            steps.push(Step::send("0\r\n\r\n"));
        }
        steps
    }
}

impl Body {
    fn bytes(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Long { times: None, .. } => u64::MAX,
            Body::Long { first, chunk, times: Some(times), last } => {
                (first.len() + last.len()) as u64 + chunk.len() as u64 * times
            }
        }
    }
}

impl Coding {
    pub fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Br => "br",
            Coding::Deflate | Coding::DeflateRaw => "deflate",
        }
    }
}

/// One chunk of a chunked body (RFC 9112, section 7.1); nothing for nothing.
pub(crate) fn chunk(bytes: &[u8]) -> Bytes {
    if bytes.is_empty() {
        return Bytes::default();
    }
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed.into()
}

/// Encodes a body.
pub fn encode(plain: &[u8], coding: Coding) -> Vec<u8> {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    let level = Compression::default();
    let written = match coding {
        Coding::Gzip => finish(GzEncoder::new(Vec::new(), level), plain, GzEncoder::finish),
        Coding::Deflate => finish(ZlibEncoder::new(Vec::new(), level), plain, ZlibEncoder::finish),
        Coding::DeflateRaw => finish(DeflateEncoder::new(Vec::new(), level), plain, DeflateEncoder::finish),
        Coding::Br => {
            // 4 KiB of buffer, quality 5 of 11, a window of 2^22 bytes.
            let encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            finish(encoder, plain, |encoder| Ok(encoder.into_inner()))
        }
    };
    written.expect("a Vec takes every write")
}

fn finish<W: Write>(
    mut encoder: W,
    plain: &[u8],
    end: impl FnOnce(W) -> std::io::Result<Vec<u8>>,
) -> std::io::Result<Vec<u8>> {
    encoder.write_all(plain)?;
    end(encoder)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        226 => "IM Used",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        // A reason phrase may be empty (RFC 9112, section 4).
        _ => "",
    }
}
