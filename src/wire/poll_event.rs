//! `event: poll`: one finished poll, and how far the first round is.

use bytes::Bytes;
use serde::Serialize;

use super::sse;

/// What clients with `feeds=1` hear of each poll.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PollEvent<'a> {
    /// The feed's name.
    pub(crate) feed: &'a str,
    /// In a word, as in `fetch_log`.
    pub(crate) outcome: &'a str,
    pub(crate) new_articles: usize,
    pub(crate) first_round: FirstRound,
}

/// Since the start, over all cores; whoever sees one knows them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FirstRound {
    /// Feeds that were polled at least once.
    pub(crate) polled: usize,
    pub(crate) feeds: usize,
    /// Articles that were new.
    pub(crate) articles: u64,
}

impl PollEvent<'_> {
    pub(crate) fn to_frame(self) -> Bytes {
        sse::event("poll", &self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_is_one_frame() {
        let first_round = FirstRound { polled: 312, feeds: 500, articles: 9184 };
        let event = PollEvent { feed: "a\n\nb", outcome: "timeout", new_articles: 0, first_round };
        let want = concat!(
            "event: poll\n",
            r#"data: {"feed":"a\n\nb","outcome":"timeout","new_articles":0,"#,
            r#""first_round":{"polled":312,"feeds":500,"articles":9184}}"#,
            "\n\n"
        );
        assert_eq!(event.to_frame(), want.as_bytes());
    }
}
