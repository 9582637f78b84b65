//! Room for answers that wait for their clients: large ones together take so much memory and no more.
//!
//! Small answers are not counted, so that `/` and `/health` are there whatever others have asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;

/// What large answers take together, until the last byte of each is with the kernel.
#[derive(Clone, Debug)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    bytes_max: usize,
    /// An answer below it is not counted.
    large_bytes: usize,
}

/// An answer's bytes, which give back their room when they are dropped.
struct Held {
    bytes: Bytes,
    taken: Arc<AtomicUsize>,
}

impl Room {
    pub(super) fn new(bytes_max: usize, large_bytes: usize) -> Room {
        Room { taken: Arc::default(), bytes_max, large_bytes }
    }

    /// The same bytes, their room taken; `None` where there is none left.
    pub(super) fn hold(&self, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() < self.large_bytes {
            return Some(bytes);
        }
        // Of one thread: it is atomic because bytes may go anywhere.
        if self.taken.load(Ordering::Relaxed) + bytes.len() > self.bytes_max {
            return None;
        }
        self.taken.fetch_add(bytes.len(), Ordering::Relaxed);
        Some(Bytes::from_owner(Held { bytes, taken: self.taken.clone() }))
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_until_the_last_of_the_bytes_is_gone() {
        let room = Room::new(100, 10);
        let answer = |bytes: usize| room.hold(Bytes::from(vec![b'x'; bytes]));
        let first = answer(60).unwrap();
        assert_eq!(first, vec![b'x'; 60]);
        assert_eq!(answer(41), None);
        let second = answer(40).unwrap();
        assert_eq!(answer(10), None);
        assert_eq!(answer(9).map(|small| small.len()), Some(9), "a small one needs none");
        // hyper holds parts of it.
        let part = first.slice(50..);
        drop(first);
        assert_eq!(answer(10), None);
        drop(part);
        assert!(answer(60).is_some());
        drop(second);
        assert!(answer(100).is_some());
    }
}
