//! What to do about a key that is not known where it stands: "did you mean", or the table that it belongs to.

use super::{daemon, keys};

/// A kind of table, with keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Top,
    Daemon,
    Defaults,
    Feed,
}

impl Section {
    pub(super) fn keys(self) -> Vec<&'static str> {
        match self {
            Section::Top => vec!["include", "daemon", "defaults", "feed"],
            Section::Daemon => daemon::KEYS.to_vec(),
            Section::Defaults => keys::KEYS.to_vec(),
            Section::Feed => ["name", "url"].into_iter().chain(keys::KEYS).collect(),
        }
    }

    /// What to do about a key that is not one of this section's.
    pub(super) fn remedy(self, key: &str) -> String {
        let is_of = |section: Section| section != self && section.keys().contains(&key);
        match key {
            "password" => "put it into a file, and name that in password_file".to_owned(),
            "bearer" | "bearer_token" => "put it into a file, and name that in bearer_file".to_owned(),
            "token" => "put it into a file, and name that in token_file under [daemon]".to_owned(),
            "include" => "move it to the top of the file, above the first table".to_owned(),
            _ if is_of(Section::Daemon) => "move it under [daemon]".to_owned(),
            _ if is_of(Section::Defaults) => "move it under [defaults] or a [[feed]]".to_owned(),
            _ if is_of(Section::Feed) => "it is a feed's own; move it under its [[feed]]".to_owned(),
            _ => match nearest(key, &self.keys()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("the keys known here are {}", self.keys().join(", ")),
            },
        }
    }
}

/// The nearest of `known` within a third of the word's length in edits (insert, delete, replace, swap), or `None`.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    // A key pasted by accident may be of any length, and the distance is quadratic.
    let longest = known.iter().map(|k| k.len()).max().unwrap_or(0) + allowed;
    if word.chars().count() > longest {
        return None;
    }
    known.iter().map(|k| (distance(word, k), *k)).filter(|(d, _)| *d <= allowed).min().map(|(_, k)| k)
}

/// Edits from one to the other, a swap of neighbours being one (optimal string alignment), letter case ignored.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before_last[j - 2] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["interval", "interval_min", "interval_max", "labels", "url", "proxy", "read_timeout"];
        let cases = [
            ("intervall", Some("interval")),
            ("intervl_max", Some("interval_max")),
            ("lables", Some("labels")),
            ("URL", Some("url")),
            ("ulr", Some("url")),
            ("read-timeout", Some("read_timeout")),
            ("colour", None),
            ("", None),
            ("x", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, &known), expected, "{word:?}");
        }
        assert_eq!(nearest(&"interval".repeat(100_000), &known), None);
    }
}
