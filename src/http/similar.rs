//! Which feeds may have been meant by a name that no feed has. Pure.

use crate::config::distance;
use crate::limits::{FEED_NAME_BYTES_MAX, SIMILAR_FEEDS_MAX};

/// The feeds whose names hold what was asked for, or differ from it in a few characters: the nearest first, letter case
/// ignored, and no more than [`SIMILAR_FEEDS_MAX`].
pub(super) fn similar<'a>(asked: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // Comparing costs the product of both lengths, and longer names there are not.
    if asked.is_empty() || asked.len() > FEED_NAME_BYTES_MAX {
        return Vec::new();
    }
    let asked = asked.to_lowercase();
    let length = asked.chars().count();
    let edits_max = (length / 3).clamp(1, 3);
    let how_far = |name: &'a str| {
        let within = name.to_lowercase().contains(&asked);
        if within {
            return Some((0, name));
        }
        let may_be_near = name.chars().count().abs_diff(length) <= edits_max;
        let edits = may_be_near.then(|| distance(&asked, name))?;
        (edits <= edits_max).then_some((edits, name))
    };
    let mut near: Vec<_> = names.into_iter().filter_map(how_far).collect();
    near.sort_by_key(|(edits, name)| (*edits, name.len(), *name));
    near.into_iter().take(SIMILAR_FEEDS_MAX).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_it_come_before_names_that_nearly_are_it() {
        let names = ["bbc-world", "bbc-wrold-2", "bbc", "abc", "guardian-world", "heise", "BBC-UK"];
        for (asked, want) in [
            ("bbc-wrld", vec!["bbc-world"]),
            ("WORLD", vec!["bbc-world", "guardian-world"]),
            ("bbd", vec!["bbc"]),
            ("bbc", vec!["bbc", "BBC-UK", "bbc-world", "bbc-wrold-2", "abc"]),
            ("hesie", vec!["heise"]),
            ("nothing-like-it", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(similar(asked, names), want, "{asked}");
        }
        assert_eq!(similar(&"b".repeat(100_000), names), [""; 0]);
        assert_eq!(similar("x", ["x1", "x2", "x3", "x4", "x5", "x6", "x7"]).len(), SIMILAR_FEEDS_MAX);
    }
}
