//! A test hook: threads that hang on purpose. Read from the environment once, at the start, and told loudly; without the
//! variable there is nothing of it.
//!
//! `RSSD_TEST_HANG=THREAD:KIND:TIME[:SUBJECT]`, several with commas between: the thread of that name spins, sleeps or
//! panics once, for so long, when it first takes up something whose subject holds that text: of a core a feed, as in
//! `parse of NAME`; of the HTTP core a path; of the writer the number of a feed; of a reader the name of a question.
//! Without one, at once.

use std::cell::Cell;
use std::env;
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::units;
use crate::failure::Phase;

const VARIABLE: &str = "RSSD_TEST_HANG";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Spin,
    Sleep,
    Panic,
}

/// One that is to happen on this thread.
#[derive(Debug, PartialEq)]
pub(super) struct Hang {
    kind: Kind,
    time: Duration,
    subject: String,
    is_over: Cell<bool>,
}

/// Looks at what is written there, before anything starts: a test whose hang is mistyped would pass without one.
///
/// # Errors
///
/// A sentence: what cannot be understood.
pub(crate) fn check() -> Result<(), String> {
    match env::var_os(VARIABLE) {
        None => Ok(()),
        Some(wanted) => check_text(&wanted.to_string_lossy()),
    }
}

fn check_text(wanted: &str) -> Result<(), String> {
    let is_known = |thread: &str| {
        let is_numbered = |prefix| thread.strip_prefix(prefix).is_some_and(|number| number.parse::<u16>().is_ok());
        matches!(thread, "http" | "writer") || is_numbered("core-") || is_numbered("reader-")
    };
    let is_one =
        |one: &&str| one.split(':').next().is_some_and(|thread| is_known(thread) && parse(one, thread).is_some());
    match wanted.split(',').find(|one| !is_one(one)) {
        None => Ok(()),
        Some(one) => Err(format!(
            "{VARIABLE}: {one:?} is none of THREAD:spin|sleep|panic:TIME[:SUBJECT], where THREAD is core-N, http, writer or \
             reader-N; write it so, or unset it"
        )),
    }
}

/// Those that are meant for the thread of this name.
pub(super) fn of(thread: &str) -> Vec<Hang> {
    let Ok(wanted) = env::var(VARIABLE) else { return Vec::new() };
    let hangs: Vec<Hang> = wanted.split(',').filter_map(|wanted| parse(wanted, thread)).collect();
    for hang in &hangs {
        log::warn!("{VARIABLE} is set: this is a test, and {thread} will hang on purpose: {hang:?}");
    }
    hangs
}

fn parse(wanted: &str, thread: &str) -> Option<Hang> {
    let mut parts = wanted.splitn(4, ':');
    if parts.next()? != thread {
        return None;
    }
    let kind = match parts.next()? {
        "spin" => Kind::Spin,
        "sleep" => Kind::Sleep,
        "panic" => Kind::Panic,
        _ => return None,
    };
    let time = units::duration(parts.next()?)?;
    Some(Hang { kind, time, subject: parts.next().unwrap_or_default().to_owned(), is_over: Cell::new(false) })
}

impl Hang {
    pub(super) fn is_meant(&self, phase: Option<Phase>, subject: &str) -> bool {
        let text = phase.map_or_else(|| subject.to_owned(), |phase| format!("{} of {subject}", phase.name()));
        !self.is_over.get() && text.contains(&self.subject)
    }

    /// Its name is in the stack.
    #[inline(never)]
    pub(super) fn happen(&self) {
        self.is_over.set(true);
        log::warn!("{} hangs on purpose now", thread::current().name().unwrap_or_default());
        let until = Clock::monotonic() + self.time;
        match self.kind {
            Kind::Spin => {
                while Clock::monotonic() < until {
                    std::hint::spin_loop();
                }
            }
            Kind::Sleep => {
                while let Some(left) = until.checked_duration_since(Clock::monotonic()).filter(|left| !left.is_zero()) {
                    thread::park_timeout(left);
                }
            }
            Kind::Panic => panic!("on purpose, as {VARIABLE} says"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mistyped_is_refused_and_what_happens_is_not() {
        for good in ["core-0:spin:3s", "writer:panic:1s:7", "http:sleep:1s:/a:b,reader-1:spin:250ms"] {
            assert_eq!(check_text(good), Ok(()), "{good}");
        }
        for bad in
            ["", "core:spin:3s", "core-0:dance:3s", "core-0:spin", "core-0:spin:3", "writer:spin:1s,", "x:spin:1s"]
        {
            let told = check_text(bad).unwrap_err();
            assert!(told.contains("RSSD_TEST_HANG") && told.contains("core-N"), "{bad}: {told}");
        }
    }

    #[test]
    fn only_what_is_meant_for_a_thread_happens_to_it() {
        let hang = |kind, seconds, subject: &str| {
            Some(Hang {
                kind,
                time: Duration::from_secs(seconds),
                subject: subject.to_owned(),
                is_over: Cell::new(false),
            })
        };
        for (wanted, found) in [
            ("core-0:spin:3s", hang(Kind::Spin, 3, "")),
            ("core-0:sleep:30s:a:b", hang(Kind::Sleep, 30, "a:b")),
            ("core-0:panic:1s:feed", hang(Kind::Panic, 1, "feed")),
            ("core-1:spin:3s", None),
            ("core-0:dance:3s", None),
            ("core-0:spin:soon", None),
            ("", None),
        ] {
            assert_eq!(parse(wanted, "core-0"), found, "{wanted}");
        }
    }
}
