//! Frames of the ring in pieces that are one write each. What thousands of clients at the same place are sent is put together
//! once, and shared.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Entry;
use crate::limits::{CHUNKS_KEPT, SSE_CHUNK_BYTES_MAX};

/// The last ones, by the places of what is in them.
#[derive(Debug, Default)]
pub(crate) struct Chunks(VecDeque<(Vec<i64>, Bytes)>);

impl Chunks {
    /// As many of the first frames as fit into one piece, at least one, and how many they are. Entries of one `seq` are taken for
    /// the same.
    pub(crate) fn first_of(&mut self, entries: &[Entry]) -> (Bytes, usize) {
        let count = fitting(entries);
        let entries = &entries[..count];
        if let [one] = entries {
            return (one.frame.clone(), count);
        }
        let seqs = || entries.iter().map(|entry| entry.seq);
        if let Some((_, chunk)) = self.0.iter().find(|(of, _)| seqs().eq(of.iter().copied())) {
            return (chunk.clone(), count);
        }
        let chunk = together(entries);
        self.0.truncate(CHUNKS_KEPT - 1);
        self.0.push_front((seqs().collect(), chunk.clone()));
        (chunk, count)
    }

    /// Nobody is there to share them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The same for who shares nothing.
    pub(crate) fn first_alone(entries: &[Entry]) -> (Bytes, usize) {
        let count = fitting(entries);
        (together(&entries[..count]), count)
    }
}

fn fitting(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.frame.len();
        bytes <= SSE_CHUNK_BYTES_MAX
    };
    entries.iter().take_while(fits).count().max(1).min(entries.len())
}

fn together(entries: &[Entry]) -> Bytes {
    entries.iter().map(|entry| &*entry.frame).collect::<Vec<_>>().concat().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn entry(seq: i64, bytes: usize) -> Entry {
        let frame = vec![b'a' + seq as u8; bytes].into();
        Entry { seq, id: seq, origin: Arc::default(), json: Bytes::new(), frame }
    }

    #[test]
    fn frames_are_put_together_once_for_all_who_are_at_the_same_place() {
        let mut chunks = Chunks::default();
        let entries: Vec<Entry> = (0..5).map(|seq| entry(seq, SSE_CHUNK_BYTES_MAX / 3)).collect();
        let (first, count) = chunks.first_of(&entries);
        assert_eq!((count, first.len()), (3, SSE_CHUNK_BYTES_MAX / 3 * 3));
        let (rest, count) = chunks.first_of(&entries[3..]);
        assert_eq!((count, rest[0]), (2, b'd'));
        assert_eq!(chunks.first_of(&entries).0.as_ptr(), first.as_ptr());
        assert_eq!(Chunks::first_alone(&entries).0, first);
        // Another filter lets others through.
        let others = [entries[0].clone(), entries[2].clone()];
        assert_eq!(chunks.first_of(&others).0.last(), Some(&b'c'));
        for seq in 0..2 * CHUNKS_KEPT as i64 {
            chunks.first_of(&[entry(seq, 1), entry(seq + 1, 1)]);
        }
        assert_eq!(chunks.0.len(), CHUNKS_KEPT);
    }

    #[test]
    fn a_frame_that_is_too_large_goes_alone() {
        let entries = [entry(1, 2 * SSE_CHUNK_BYTES_MAX), entry(2, 1)];
        assert_eq!(Chunks::default().first_of(&entries).1, 1);
        assert_eq!(Chunks::first_alone(&[]).1, 0);
    }
}
