//! What holds for every stream: whatever an article holds is one event, however the bytes are cut, and what no daemon sends
//! ends within its bounds.

use super::event_stream::{Event, EventStream, TooLong};
use crate::fuzzing::Input;
use crate::stream::{Cursor, Reason, Refusal};
use crate::wire::samples::{Sample, epoch};
use crate::wire::{FirstRound, Html, PollEvent, entry, sse};

/// What one line or one event may have.
const BYTES_MAX: usize = 1 << 20;

pub(crate) fn event_stream(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let piece = 1 + usize::from(input.byte());
    match input.flag() {
        true => frames(&mut input, piece),
        false => any_bytes(input.rest(), piece),
    }
}

/// One event in, one event out.
fn frames(input: &mut Input<'_>, piece: usize) {
    let html = input.one_of([Html::AsPublished, Html::Sanitised]);
    let mut text = || input.text().into_owned();
    let mut sample = Sample::full();
    (sample.feed, sample.title, sample.guid) = (text(), Some(text()), Some(text()));
    (sample.summary, sample.content, sample.authors) = (Some(text()), Some(text()), vec![text()]);
    sample.labels.insert(text(), text());
    sample.url = Some(text());
    let article = entry(&sample.view(), html, epoch(), Default::default());
    let outcome = text();
    let poll = PollEvent { feed: &sample.feed, outcome: &outcome, new_articles: 1, first_round: FirstRound::default() };
    let oldest = Cursor { epoch: epoch(), seq: 9 };
    let reset = sse::reset(&Refusal { reason: Reason::TooOld, oldest });
    let stream = [
        sse::HEARTBEAT,
        &sse::retry(7),
        &article.frame,
        sse::HEARTBEAT,
        &poll.to_frame(),
        &sse::place(oldest),
        &reset,
        &article.frame,
    ]
    .concat();
    let (events, id, retry_ms) = read(&stream, piece).expect("nothing of it is too long");
    let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["article", "poll", "reset", "article"], "{}", String::from_utf8_lossy(&stream));
    assert_eq!((&*id, retry_ms), ("0123456789abcdef-42", Some(7)));
    let json = |event: &Event| serde_json::from_str::<serde_json::Value>(&event.data).expect("it is JSON");
    assert_eq!(events[0].data.as_bytes(), &article.json[..]);
    let read = json(&events[0]);
    assert_eq!(read["title"].as_str(), sample.title.as_deref());
    assert_eq!(read["feed"].as_str(), Some(&*sample.feed));
    if html == Html::AsPublished {
        assert_eq!(read["content"].as_str(), sample.content.as_deref());
    }
    assert_eq!(json(&events[1])["outcome"].as_str(), Some(&*outcome));
    assert_eq!(json(&events[2])["oldest"].as_str(), Some(&*oldest.to_string()));
}

/// However they are cut they are the same events, each within its bound.
fn any_bytes(bytes: &[u8], piece: usize) {
    for bytes_max in [BYTES_MAX, 64] {
        let whole = take(bytes, bytes.len().max(1), bytes_max);
        assert_eq!(take(bytes, piece, bytes_max), whole);
        let Ok((events, id, _)) = whole else { continue };
        // A byte that is no UTF-8 becomes three.
        assert!(events.iter().all(|event| event.data.len() <= 3 * bytes_max + bytes_max), "{events:?}");
        assert!(!id.contains(['\r', '\n', '\0']), "{id:?}");
        let ends = bytes.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
        assert!(events.len() * 2 <= ends + 1, "{} events of {ends} lines", events.len());
    }
}

type Read = (Vec<Event>, String, Option<u64>);

fn read(bytes: &[u8], piece: usize) -> Result<Read, TooLong> {
    take(bytes, piece, 64 << 20)
}

fn take(bytes: &[u8], piece: usize, bytes_max: usize) -> Result<Read, TooLong> {
    let mut stream = EventStream::new("before", bytes_max);
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        stream.take::<TooLong>(piece, |event| {
            events.push(event);
            Ok(())
        })?;
    }
    Ok((events, stream.last_event_id().to_owned(), stream.retry_ms()))
}
