//! What a thread is at, in a word for memory and in words for people.

use crate::failure::Phase;

/// The kinds. The numbers are read by another process, of the same version: see `LAYOUT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    /// Waiting for work.
    #[default]
    Nothing = 0,
    /// An executor's own turn: deadlines, commands, timers.
    Turn,
    /// A core: one poll, its feed and its phase told.
    Poll,
    /// The HTTP core: one answer, its route told.
    Answer,
    /// The HTTP core: a connection, or a stream on it.
    Connection,
    /// The writer: a poll that is stored.
    Store,
    /// The writer: the end of a transaction, which waits for the disk.
    Commit,
    Checkpoint,
    Register,
    Index,
    Retire,
    /// A reader: a question.
    Question,
}

impl Doing {
    const ALL: [Doing; 12] = [
        Doing::Nothing,
        Doing::Turn,
        Doing::Poll,
        Doing::Answer,
        Doing::Connection,
        Doing::Store,
        Doing::Commit,
        Doing::Checkpoint,
        Doing::Register,
        Doing::Index,
        Doing::Retire,
        Doing::Question,
    ];
}

/// In one word: the kind, and the phase of a poll.
pub(super) fn to_word(doing: Doing, phase: Option<Phase>) -> u64 {
    let phase = phase.map_or(0, |phase| phase as u64 + 1);
    doing as u64 | phase << 8
}

pub(super) fn of_word(word: u64) -> (Doing, Option<Phase>) {
    let index = |byte: u64| usize::try_from(byte & 0xff).unwrap_or(usize::MAX);
    let doing = Doing::ALL.get(index(word)).copied().unwrap_or(Doing::Nothing);
    let phase = index(word >> 8).checked_sub(1).and_then(|index| Phase::ALL.get(index)).copied();
    (doing, phase)
}

/// In words, after `busy with`; the subject is not escaped. `detailed` names feeds and routes, which are not everybody's
/// business.
pub(super) fn in_words(doing: Doing, phase: Option<Phase>, subject: &str, detailed: bool) -> String {
    let with = |words: &str| match detailed && !subject.is_empty() {
        true => format!("{words} {subject}"),
        false => words.to_owned(),
    };
    match doing {
        Doing::Nothing => "nothing".to_owned(),
        Doing::Turn => "its own turn".to_owned(),
        Doing::Poll => {
            let phase = phase.map_or("", Phase::name);
            if detailed { format!("feed {subject}, phase {phase}") } else { format!("a feed, phase {phase}") }
        }
        Doing::Answer => match detailed {
            true => format!("the answer to {subject}"),
            false => "an answer".to_owned(),
        },
        Doing::Connection => "a connection".to_owned(),
        Doing::Store => with("storing a poll of feed"),
        Doing::Commit => "a commit".to_owned(),
        Doing::Checkpoint => "a checkpoint".to_owned(),
        Doing::Register => "registering feeds".to_owned(),
        Doing::Index => "indexing for search".to_owned(),
        Doing::Retire => "removing old articles".to_owned(),
        Doing::Question => with("a question"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_what_it_was_made_of_and_any_word_means_something() {
        for doing in Doing::ALL {
            for phase in Phase::ALL.map(Some).into_iter().chain([None]) {
                assert_eq!(of_word(to_word(doing, phase)), (doing, phase));
            }
        }
        assert_eq!(of_word(u64::MAX), (Doing::Nothing, None));
    }

    #[test]
    fn whoever_may_not_know_hears_no_names() {
        assert_eq!(in_words(Doing::Poll, Some(Phase::Parse), "secret", true), "feed secret, phase parse");
        for doing in Doing::ALL {
            assert!(!in_words(doing, Some(Phase::Parse), "secret", false).contains("secret"), "{doing:?}");
        }
    }
}
