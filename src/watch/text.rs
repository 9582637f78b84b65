//! Short texts in words of memory, as others may find them half written.

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// A text in `N` words, cut at a character where it is longer, with zeroes behind it.
pub(super) fn pack<const N: usize>(text: &str) -> [u64; N] {
    let mut end = text.len().min(N * WORD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = &text.as_bytes()[..end];
    std::array::from_fn(|index| {
        let mut word = [0; WORD];
        let piece = bytes.get(index * WORD..).unwrap_or_default();
        let len = piece.len().min(WORD);
        word[..len].copy_from_slice(&piece[..len]);
        u64::from_ne_bytes(word)
    })
}

/// The text in these words, whatever they hold: not trusted, and not escaped.
pub(super) fn unpack(words: &[u64]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_cut_at_a_character() {
        for (text, found) in [
            ("", ""),
            ("short", "short"),
            ("sixteen bytes ok", "sixteen bytes ok"),
            ("fifteen bytes..ü", "fifteen bytes.."),
        ] {
            assert_eq!(unpack(&pack::<2>(text)), found);
        }
        assert_eq!(unpack(&[u64::MAX; 2]), "\u{fffd}".repeat(16));
    }
}
