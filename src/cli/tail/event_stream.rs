//! Server-sent events as a client reads them: bytes in, events out, after the WHATWG's HTML, section 9.2.6.
//!
//! Pure. Invariant: how the bytes are cut into pieces changes nothing, and nothing is held beyond one event and one line,
//! each within its bound.

use std::mem;

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` where the stream named none.
    pub(super) name: String,
    /// The lines of `data`, joined by LF.
    pub(super) data: String,
}

/// A line or an event grew beyond its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// One connection's stream.
#[derive(Debug)]
pub(super) struct EventStream {
    /// Of a line, and of the data of an event.
    bytes_max: usize,
    /// A line that is not whole yet.
    line: Vec<u8>,
    /// The line before ended with CR: a LF that follows is of the same end.
    ended_with_cr: bool,
    is_begun: bool,
    /// The event that is not whole yet.
    name: String,
    data: String,
    id: String,
    /// As of the last empty line.
    last_event_id: String,
    retry_ms: Option<u64>,
}

impl EventStream {
    /// `last_event_id` is what the connection was asked for with: the specification starts from nothing, and a connection
    /// that is lost before its first id would forget the place.
    pub(super) fn new(last_event_id: &str, bytes_max: usize) -> EventStream {
        EventStream {
            bytes_max,
            line: Vec::new(),
            ended_with_cr: false,
            is_begun: false,
            name: String::new(),
            data: String::new(),
            id: last_event_id.to_owned(),
            last_event_id: last_event_id.to_owned(),
            retry_ms: None,
        }
    }

    /// Whether a whole line has come.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// The place to resume from; empty where there is none.
    pub(super) fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How long to wait before the next connection, if the stream has said.
    pub(super) fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// Takes the next bytes and gives each event that they complete to `on_event`. What is incomplete at the end of the
    /// stream is no event.
    ///
    /// # Errors
    ///
    /// [`TooLong`], or the first error of `on_event`. Nothing more can be read then; the last event's id is right.
    pub(super) fn take<E: From<TooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if mem::take(&mut self.ended_with_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + piece.len() > self.bytes_max {
                return Err(TooLong.into());
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { return Ok(()) };
            self.ended_with_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if let Some(event) = self.end_line()? {
                on_event(event)?;
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = mem::take(&mut self.line);
        // A byte order mark is none but at the beginning of the stream.
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if !self.is_begun => rest,
            _ => &line,
        };
        self.is_begun = true;
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.data.len() + value.len() > self.bytes_max {
                    return Err(TooLong);
                }
                self.data += value;
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            // Digits that overflow mean very long.
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry_ms = Some(value.parse().unwrap_or(u64::MAX));
            }
            // A comment, or a field that is not known.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.last_event_id.clone_from(&self.id);
        let (name, mut data) = (mem::take(&mut self.name), mem::take(&mut self.data));
        // The LF of the last line; without one there is no data, and no event.
        data.pop()?;
        Some(Event { name: if name.is_empty() { "message".to_owned() } else { name }, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::model::Dice;

    /// Reads pieces, and gives what is seen of the stream: names and data of events, and at its end the last event's id and
    /// `retry`.
    #[allow(clippy::type_complexity, reason = "read once, here")]
    fn read<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        bytes_max: usize,
    ) -> Result<(Vec<(String, String)>, String, Option<u64>), TooLong> {
        let mut stream = EventStream::new("before", bytes_max);
        let mut events = Vec::new();
        for piece in pieces {
            stream.take::<TooLong>(piece, |event| {
                events.push((event.name, event.data));
                Ok(())
            })?;
        }
        Ok((events, stream.last_event_id().to_owned(), stream.retry_ms()))
    }

    fn data_of(text: &[u8]) -> Vec<String> {
        read([text], 1_000).unwrap().0.into_iter().map(|(_, data)| data).collect()
    }

    #[test]
    fn events_are_what_the_specification_says() {
        for (text, want) in [
            // Its own examples.
            ("data: YHOO\ndata: +2\ndata: 10\n\n", vec!["YHOO\n+2\n10"]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                vec!["first event", "second event", " third event"],
            ),
            ("data\n\ndata\ndata\n\ndata:", vec!["", "\n"]),
            ("data:test\n\ndata: test\n\n", vec!["test", "test"]),
            // Ends of lines, mixed.
            ("data: a\r\n\r\ndata: b\r\rdata: c\n\ndata: d\r\n\n", vec!["a", "b", "c", "d"]),
            ("\n\n\r\r\r\ndata: a\n\n\n", vec!["a"]),
            ("data: a\u{2028}b\u{85}c\u{b}d\n\n", vec!["a\u{2028}b\u{85}c\u{b}d"]),
            // A byte order mark, once and only at the beginning.
            ("\u{feff}data: a\n\n\u{feff}data: b\n\n", vec!["a"]),
            ("\u{feff}\u{feff}data: a\n\n", vec![]),
            // What is no field, or no event.
            ("DATA: a\n data: b\ndata : c\nfoo: d\nfoo\n\n", vec![]),
            ("event: only\nid: 5\n\n", vec![]),
            (":\n:data: a\n\n", vec![]),
            ("data: a: b\n\n", vec!["a: b"]),
            ("data: cut off\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(data_of(text.as_bytes()), want, "{text:?}");
        }
        assert_eq!(data_of(b"data: \xff\xe6\n\n"), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn names_last_for_one_event() {
        let text = b"event: article\ndata: a\n\ndata: b\n\nevent: x\n\ndata: c\n\nevent: y\nevent:\ndata: d\n\n";
        let events = read([&text[..]], 100).unwrap().0;
        let names: Vec<_> = events.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["article", "message", "message", "message"]);
    }

    #[test]
    fn ids_count_from_the_empty_line_on_and_retry_at_once() {
        for (text, id, retry_ms) in [
            ("", "before", None),
            ("retry: 5\n\n", "before", Some(5)),
            ("id: 1\n", "before", None),
            ("id: 1\n\n", "1", None),
            ("id: 1\n\ndata: x\n\n", "1", None),
            ("id: 1\n\nid: 2", "1", None),
            ("id: 1\n\nid\n\n", "", None),
            ("id: 1\0\n\n", "before", None),
            ("retry: 10\nretry: 1x\nretry:\nretry: -1\nretry: +1\n", "before", Some(10)),
            ("retry: 99999999999999999999999\n", "before", Some(u64::MAX)),
        ] {
            let (_, last, retry) = read([text.as_bytes()], 100).unwrap();
            assert_eq!((&*last, retry), (id, retry_ms), "{text:?}");
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        for (text, fits) in [
            ("data: abcd\n\n", true),
            ("data: abcde\n\n", false),
            ("xxxxxxxxxxxxxxxx", false),
            (":xxxxxxxxxxxxxxx\n", false),
            ("data: a\ndata: b\ndata: c\n", true),
            ("data: abcd\ndata: abcd\ndata: abcd\n", false),
        ] {
            assert_eq!(read([text.as_bytes()], 10).is_ok(), fits, "{text:?}");
            assert_eq!(read(text.as_bytes().chunks(1), 10).is_ok(), fits, "{text:?}, a byte at a time");
        }
    }

    #[test]
    fn any_cut_into_pieces_gives_the_same() {
        let seed = Dice::seed();
        println!("seed {seed}; RSSD_SEED={seed} replays it");
        let mut dice = Dice::new(seed);
        const PARTS: [&[u8]; 20] = [
            b"\n",
            b"\r",
            b"\r\n",
            b"\n\n",
            b"data: ",
            b"data",
            b"event: ",
            b"id: ",
            b"retry: 7",
            b":",
            b" ",
            b"x",
            b"\xef\xbb\xbf",
            b"\xef",
            b"\xbb\xbf",
            "日本".as_bytes(),
            b"\xff",
            b"\0",
            b"42",
            b"\ndata: y\r\n\r\n",
        ];
        let mut events = 0;
        for _ in 0..6_000 {
            let text: Vec<u8> = (0..dice.below(40)).flat_map(|_| PARTS[dice.below(PARTS.len())]).copied().collect();
            let whole = read([&text[..]], 200);
            let mut pieces = Vec::new();
            let mut rest = &text[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(1 + dice.below(rest.len().min(9)));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(read(pieces, 200), whole, "seed {seed}: {:?}", String::from_utf8_lossy(&text));
            events += whole.map_or(0, |(events, ..)| events.len());
        }
        assert!(events > 500, "seed {seed}: only {events} events");
    }
}
