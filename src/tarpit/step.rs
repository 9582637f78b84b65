//! What the tarpit does to a peer, as data: a script is a list of steps, so that a fault is a value and not a server.
//!
//! Nothing here knows a socket. `connection` plays the steps.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use super::gate::Gate;

/// Bytes that many connections send at the same time without copying them.
pub type Bytes = Arc<[u8]>;

/// One thing that the tarpit does to a peer.
///
/// While it drips, waits or stalls the tarpit goes on reading, and ends the connection when the peer closes its side.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads one request head and records it. For scripts of [`Tarpit::listen`](super::Tarpit::listen), which begin when
    /// the connection does; a routed script begins after its request.
    ReadRequest,
    /// Sends an answer as HTTP has it, as the last request read asks for it: conditional, HEAD, kept alive.
    Answer(Answer),
    /// Sends these bytes, whatever they are.
    Send(Bytes),
    /// Sends these bytes so many times.
    Repeat { chunk: Bytes, times: u64 },
    /// Sends these bytes until the peer goes.
    SendForever(Bytes),
    /// Sends one byte, waits, sends the next.
    Drip { bytes: Bytes, every: Duration },
    /// The same round and round until the peer goes.
    DripForever { bytes: Bytes, every: Duration },
    /// Does nothing for a while.
    Wait(Duration),
    /// Does nothing until the test opens this gate.
    WaitFor(Gate),
    /// Reads whatever comes and says nothing until the peer goes.
    Stall,
    /// Reads nothing, says nothing, until the peer goes.
    StallUnread,
    /// Closes the sending side (FIN), and reads until the peer goes.
    HalfClose,
    /// Closes the connection.
    Close,
    /// Closes the connection with a reset (RST): what is still on its way is lost.
    Reset,
}

impl Step {
    /// A script of this one step.
    pub fn script(self) -> Script {
        Script::from(self)
    }

    /// [`Step::Send`] of anything like bytes.
    pub fn send(bytes: impl AsRef<[u8]>) -> Step {
        Step::Send(bytes.as_ref().into())
    }

    /// [`Step::Drip`] of anything like bytes.
    pub fn drip(bytes: impl AsRef<[u8]>, every: Duration) -> Step {
        Step::Drip { bytes: bytes.as_ref().into(), every }
    }
}

/// What is played at the first request, at the second, and so on; the last one also at all that follow.
///
/// After its steps the connection is kept for the peer's next request, unless a step ended it.
#[derive(Clone, Debug)]
pub struct Script {
    /// Never empty.
    plays: Vec<Arc<[Step]>>,
}

impl Script {
    pub fn new(steps: impl Into<Vec<Step>>) -> Script {
        Script { plays: vec![steps.into().into()] }
    }

    /// Adds what is played at the request after the last one given.
    #[must_use]
    pub fn then(mut self, next: impl Into<Script>) -> Script {
        self.plays.extend(next.into().plays);
        self
    }

    /// The steps at request number `index`, counted from 0.
    pub(crate) fn play(&self, index: usize) -> Arc<[Step]> {
        Arc::clone(&self.plays[index.min(self.plays.len() - 1)])
    }
}

impl From<Vec<Step>> for Script {
    fn from(steps: Vec<Step>) -> Script {
        Script::new(steps)
    }
}

impl<const N: usize> From<[Step; N]> for Script {
    fn from(steps: [Step; N]) -> Script {
        Script::new(steps)
    }
}

impl From<Step> for Script {
    fn from(step: Step) -> Script {
        Script::new([step])
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Script {
        Step::Answer(answer).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_play_is_repeated() {
        let script = Script::from(Step::Stall).then(Step::Close).then(vec![Step::Reset, Step::Close]);
        let lengths: Vec<usize> = (0..5).map(|index| script.play(index).len()).collect();
        assert_eq!(lengths, [1, 1, 2, 2, 2]);
        assert!(matches!(script.play(1)[0], Step::Close));
    }
}
