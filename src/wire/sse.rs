//! Server-sent events (HTML, section 9.2): the frames of the stream.
//!
//! Invariant: a frame is exactly one event, whatever it carries. Data is JSON on one line; names and ids are ours.

use std::io::Write;

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::json;
use crate::stream::{Cursor, Refusal};

/// Something to read now and then: proxies and clients take silence for a broken connection. No event to anybody.
pub(crate) const HEARTBEAT: &[u8] = b":\n\n";

/// Frame and JSON of an article; the JSON is a part of the frame's bytes.
pub(super) fn article(cursor: Cursor, write_json: impl FnOnce(&mut Vec<u8>)) -> (Bytes, Bytes) {
    let mut frame = format!("event: article\nid: {cursor}\ndata: ").into_bytes();
    let start = frame.len();
    write_json(&mut frame);
    let end = frame.len();
    frame.extend_from_slice(b"\n\n");
    // A ring holds thousands of them.
    frame.shrink_to_fit();
    let frame = Bytes::from(frame);
    let json = frame.slice(start..end);
    (frame, json)
}

/// An event without a place in the stream: it leaves the client's `Last-Event-ID` as it is.
pub(super) fn event(name: &'static str, data: &impl Serialize) -> Bytes {
    let mut frame = format!("event: {name}\ndata: ").into_bytes();
    json::write(&mut frame, data);
    frame.extend_from_slice(b"\n\n");
    Bytes::from(frame)
}

/// `event: reset`: forget what you have, the stream goes on from the oldest. Its id is that place, so that a client which
/// loses the connection right after it does not come back with the cursor that was refused.
pub(crate) fn reset(refusal: &Refusal) -> Bytes {
    let oldest = refusal.oldest.to_string();
    let mut frame = format!("event: reset\nid: {oldest}\ndata: ").into_bytes();
    let reason = refusal.reason;
    let data = json!({
        "oldest": oldest,
        "status": reason.status(),
        "reason": reason.name(),
        "detail": reason.sentence(),
    });
    json::write(&mut frame, &data);
    frame.extend_from_slice(b"\n\n");
    Bytes::from(frame)
}

/// How long a client that loses the connection waits before it comes back. The caller adds the jitter.
pub(crate) fn retry(wait_ms: u64) -> Bytes {
    Bytes::from(format!("retry: {wait_ms}\n\n"))
}

/// Tells a client how far it is, without an event: for one whose filter has let nothing through for long, so that it does
/// not come back with a cursor that is too old.
pub(crate) fn place(cursor: Cursor) -> Bytes {
    let mut frame = Vec::new();
    let _ = write!(frame, "id: {cursor}\n\n");
    Bytes::from(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::model::Dice;
    use crate::stream::{Reason, Refusal};
    use crate::wire::samples::{Sample, epoch};
    use crate::wire::{Html, entry};

    /// A reader as the standard has it, or one that takes every line end of Unicode for one (`splitlines`).
    fn read(stream: &str, is_end: fn(char) -> bool) -> Vec<(String, Option<String>, String)> {
        let (mut events, mut id) = (Vec::new(), None);
        let (mut name, mut data) = (String::new(), Vec::new());
        for line in stream.replace("\r\n", "\n").split(is_end) {
            if line.is_empty() {
                if !data.is_empty() {
                    events.push((std::mem::take(&mut name), id.clone(), data.join("\n")));
                }
                name.clear();
                data.clear();
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "event" => name = value,
                "data" => data.push(value),
                "id" => id = Some(value),
                "" | "retry" => {}
                other => panic!("field {other:?}"),
            }
        }
        events
    }

    fn standard(c: char) -> bool {
        matches!(c, '\n' | '\r')
    }

    fn splitlines(c: char) -> bool {
        matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
    }

    #[test]
    fn any_article_is_one_event() {
        let seed = Dice::seed();
        println!("seed {seed}; RSSD_SEED={seed} replays it");
        let mut dice = Dice::new(seed);
        const PARTS: [&str; 22] = [
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\u{2028}",
            "\u{2029}",
            "\u{85}",
            "\u{b}",
            "\u{c}",
            "\u{1c}",
            "\0",
            "\u{feff}",
            "event: reset",
            "data: {}",
            "id: 0",
            ":",
            "\"",
            "\\",
            "</script>",
            "retry: 0",
            "日本",
            "x",
        ];
        for _ in 0..2_000 {
            let mut text = || (0..dice.below(8)).map(|_| PARTS[dice.below(PARTS.len())]).collect::<String>();
            let mut sample = Sample::full();
            (sample.title, sample.guid, sample.feed) = (Some(text()), Some(text()), text());
            (sample.content, sample.authors) = (Some(text()), vec![text()]);
            sample.labels.insert(text(), text());
            let entry = entry(&sample.view(), Html::AsPublished, epoch(), Default::default());
            let stream = [&entry.frame[..], HEARTBEAT, &retry(3), &entry.frame[..]].concat();
            for is_end in [standard, splitlines] {
                let events = read(std::str::from_utf8(&stream).unwrap(), is_end);
                assert_eq!(events.len(), 2, "seed {seed}: {:?}", entry.frame);
                for (name, id, data) in events {
                    assert_eq!((&*name, id.as_deref()), ("article", Some("0123456789abcdef-42")), "seed {seed}");
                    let article: serde_json::Value = serde_json::from_str(&data).unwrap();
                    assert_eq!(article["title"].as_str(), sample.title.as_deref(), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn other_frames() {
        let refusal = Refusal { reason: Reason::TooOld, oldest: Cursor { epoch: epoch(), seq: 9 } };
        let frame = reset(&refusal);
        let events = read(std::str::from_utf8(&frame).unwrap(), standard);
        let [(name, id, data)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((&**name, id.as_deref()), ("reset", Some("0123456789abcdef-9")));
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!((&data["oldest"], &data["status"]), (&json!("0123456789abcdef-9"), &json!(410)));

        let quiet = [HEARTBEAT, &retry(2_500), &place(refusal.oldest)].concat();
        assert_eq!(read(std::str::from_utf8(&quiet).unwrap(), standard), []);
        assert_eq!(quiet, b":\n\nretry: 2500\n\nid: 0123456789abcdef-9\n\n");
    }
}
