//! Why a poll failed: a class that code and dashboards branch on, the phase it happened in, and a sentence for a person.
//!
//! The class is a bounded set, so it may be a metric's label; the message is not.

use std::fmt;

/// What kind of failure, as in `last_error_class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Dns,
    Connect,
    Tls,
    /// A deadline passed: the phase says which.
    Timeout,
    Header,
    Body,
    Decode,
    TooLarge,
    Redirect,
    /// We refuse: address guard, scheme, downgrade.
    Policy,
    Status,
    /// 401, 403, 407.
    Credentials,
    /// By a service that stands before the server and wants proof of a human reader, or none that is a program.
    Blocked,
    Gone,
    Empty,
    NotFeed,
    TooDeep,
    TooComplex,
    Parse,
    /// A parser panicked; the body is quarantined.
    Panic,
    /// Ours: a file that the feed's configuration names cannot be read, say.
    Local,
}

impl Class {
    /// Every class, in the order of their declaration.
    pub const ALL: [Class; 21] = [
        Class::Dns,
        Class::Connect,
        Class::Tls,
        Class::Timeout,
        Class::Header,
        Class::Body,
        Class::Decode,
        Class::TooLarge,
        Class::Redirect,
        Class::Policy,
        Class::Status,
        Class::Credentials,
        Class::Blocked,
        Class::Gone,
        Class::Empty,
        Class::NotFeed,
        Class::TooDeep,
        Class::TooComplex,
        Class::Parse,
        Class::Panic,
        Class::Local,
    ];

    /// The name in SQL, metrics and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Class::Dns => "dns",
            Class::Connect => "connect",
            Class::Tls => "tls",
            Class::Timeout => "timeout",
            Class::Header => "header",
            Class::Body => "body",
            Class::Decode => "decode",
            Class::TooLarge => "too_large",
            Class::Redirect => "redirect",
            Class::Policy => "policy",
            Class::Status => "status",
            Class::Credentials => "credentials",
            Class::Blocked => "blocked",
            Class::Gone => "gone",
            Class::Empty => "empty",
            Class::NotFeed => "not_feed",
            Class::TooDeep => "too_deep",
            Class::TooComplex => "too_complex",
            Class::Parse => "parse",
            Class::Panic => "panic",
            Class::Local => "local",
        }
    }

    /// That of a `last_error_class`, its phase left aside; `None` where another version wrote one that is not known here.
    pub(crate) fn of_name_and_phase(text: &str) -> Option<Class> {
        let name = text.split('(').next().unwrap_or_default();
        Class::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Where in a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Resolve,
    Connect,
    Tls,
    Send,
    FirstByte,
    Header,
    Body,
    Decode,
    Parse,
    Commit,
}

impl Phase {
    /// Every phase, in the order of their declaration.
    pub const ALL: [Phase; 10] = [
        Phase::Resolve,
        Phase::Connect,
        Phase::Tls,
        Phase::Send,
        Phase::FirstByte,
        Phase::Header,
        Phase::Body,
        Phase::Decode,
        Phase::Parse,
        Phase::Commit,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Send => "send",
            Phase::FirstByte => "first byte",
            Phase::Header => "header",
            Phase::Body => "body",
            Phase::Decode => "decode",
            Phase::Parse => "parse",
            Phase::Commit => "commit",
        }
    }
}

/// Why a poll failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    pub phase: Phase,
    /// Operation, subject, cause and, where there is one, the remedy. Never a secret, never an unescaped byte of a feed.
    pub message: String,
    /// Nobody at all answered, neither a name server nor a host, be it with a refusal: it may be our own network.
    pub is_unreached: bool,
    /// This process had no descriptor, or no memory for a stack, to do it with: nobody's failure, and the poll is tried again.
    pub is_short: bool,
}

impl Failure {
    pub fn new(class: Class, phase: Phase, message: impl Into<String>) -> Failure {
        Failure { class, phase, message: message.into(), is_unreached: false, is_short: false }
    }

    /// The same, where `is_unreached` says that nobody answered.
    pub(crate) fn unreached(self, is_unreached: bool) -> Failure {
        Failure { is_unreached, ..self }
    }

    /// The same, where `is_short` says that we lacked what it takes.
    pub(crate) fn short(self, is_short: bool) -> Failure {
        Failure { is_short, ..self }
    }

    /// What `last_error_class` holds: the class, and where it does not name its phase, that too, as in
    /// `timeout(first byte)` and `body(header)`.
    pub fn class_and_phase(&self) -> String {
        match (self.class, self.phase) {
            (Class::Body, Phase::Body) => Class::Body.name().to_owned(),
            (class @ (Class::Timeout | Class::Body), phase) => format!("{}({})", class.name(), phase.name()),
            (class, _) => class.name().to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class_and_phase(), self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_known_again_whatever_its_phase() {
        for class in Class::ALL {
            for phase in Phase::ALL {
                let text = Failure::new(class, phase, "").class_and_phase();
                assert_eq!(Class::of_name_and_phase(&text), Some(class), "{text}");
            }
        }
        assert_eq!(Class::of_name_and_phase("of tomorrow"), None);
    }
}
