//! What is asked of the programs, one file a kind.

mod balance;
mod fan_out;
mod first_round;
mod latency;
mod scale;
mod second_round;
mod steady;
mod tls;

/// Name, what it is, and how it runs.
pub(crate) const ALL: [(&str, &str, fn()); 10] = [
    ("W1", "2,000 feeds of 30 articles and 60 KB, first round into an empty store", first_round::w1),
    ("W2", "the same, 5 % of the feeds hung and 1 % dripping", first_round::w2),
    ("W3", "second round of W1, nothing is new", second_round::w3),
    ("W4", "10,000 feeds of 10 articles and 10 KB, first round", first_round::w4),
    ("W5", "W1 over TLS, each feed with a full handshake", tls::w5),
    ("W6", "steady state: 20,000 feeds at 15 minutes, one in twenty with a new article each time", steady::w6),
    ("W7", "5,000 clients of the stream while 200 articles a second are committed", fan_out::w7),
    ("W8", "100,000 feeds in feeds.toml: idle, then due", scale::w8),
    ("latency", "from a feed's last byte to a subscriber, with three times W1 running", latency::run),
    ("balance", "500 feeds of one host and 1,500 of others", balance::run),
];
