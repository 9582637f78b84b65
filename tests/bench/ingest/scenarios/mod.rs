//! What is asked of the programs, one file a kind.

mod first_round;
mod second_round;

/// Name, what it is, and how it runs.
pub(crate) const ALL: [(&str, &str, fn()); 4] = [
    ("W1", "2,000 feeds of 30 articles and 60 KB, first round into an empty store", first_round::w1),
    ("W2", "the same, 5 % of the feeds hung and 1 % dripping", first_round::w2),
    ("W3", "second round of W1, nothing is new", second_round::w3),
    ("W4", "10,000 feeds of 10 articles and 10 KB, first round", first_round::w4),
];
