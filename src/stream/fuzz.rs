//! What holds for every text that is given as a cursor, and for every place that one names.

use super::cursor::judge;
use super::{After, Bounds, Cursor, Epoch, Reason};
use crate::fuzzing::Input;

pub(crate) fn cursor(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let bounds = bounds(&mut input);
    let text = input.text();
    let Ok(after) = text.parse::<After>() else { return };
    assert!(after.seq >= 0, "{text}: {after:?}");
    assert!(text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-')), "{text}");
    // What is written is read as the same, and nothing else is.
    if let Some(epoch) = after.epoch {
        let written = Cursor { epoch, seq: after.seq }.to_string();
        assert_eq!(written.parse(), Ok(after), "{text}");
    }
    assert_eq!(after.seq.to_string().parse(), Ok(After { epoch: None, ..after }), "{text}");
    for epoch in [after.epoch, None, Some(bounds.epoch)] {
        follow(After { epoch, ..after }, &bounds);
    }
}

/// As a database has them: what is kept lies above what was removed, and nothing above what was given out.
fn bounds(input: &mut Input<'_>) -> Bounds {
    let epoch: Epoch = input.one_of(["0123456789abcdef", "ffffffffffffffff"]).parse().expect("it is one");
    let mut places: [i64; 3] = std::array::from_fn(|_| input.number() >> input.one_of([1, 40, 56, 60]));
    places = places.map(|place| place.max(0));
    places.sort_unstable();
    let [seq_pruned, seq_oldest, seq_last] = places;
    let is_empty = input.flag() || seq_oldest == seq_pruned;
    Bounds { epoch, seq_pruned, seq_oldest: (!is_empty).then_some(seq_oldest), seq_last }
}

fn follow(after: After, bounds: &Bounds) {
    let oldest = bounds.oldest();
    match judge(after, bounds) {
        Ok(seq) => {
            assert_eq!(seq, after.seq);
            assert!(seq <= bounds.seq_last, "{after:?} of {bounds:?}");
            assert!(after.epoch.is_none_or(|epoch| epoch == bounds.epoch));
            // Nothing after it was removed, or all that is left comes after it.
            assert!(seq >= bounds.seq_pruned || seq >= oldest.seq, "{after:?} of {bounds:?}");
        }
        Err(refusal) => {
            assert_eq!(refusal.oldest, oldest);
            let expected = match refusal.reason {
                Reason::OtherDatabase => after.epoch.is_some_and(|epoch| epoch != bounds.epoch),
                Reason::FromTheFuture => after.seq > bounds.seq_last,
                Reason::TooOld => after.seq < bounds.seq_pruned,
            };
            assert!(expected, "{after:?} of {bounds:?}: {refusal:?}");
        }
    }
    // Whoever is told to go on from there can.
    let again = After { epoch: Some(oldest.epoch), seq: oldest.seq };
    assert_eq!(judge(again, bounds), Ok(oldest.seq), "{bounds:?}");
}
