//! One poll in flight: its phase, its deadlines, what it has received. Written by the fetch, read by whoever wants to
//! know what a core is doing.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use futures_lite::future;

use crate::clock::{Clock, duration_ms};
use crate::executor::sleep;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{ANSWER_HEADS_BYTES_MAX, BODY_BYTES_PER_SECOND_MIN, WIRE_OVERHEAD_BYTES};
use crate::watch::{self, Shown};

/// The deadlines of a feed: each phase has its own, inside the poll's budget.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Resolve, connect and TLS, each.
    pub connect: Duration,
    /// Silence on an open connection; also what the whole head may take.
    pub read: Duration,
    /// The whole poll, redirects included.
    pub total: Duration,
}

/// Time spent in each phase, in milliseconds, redirects added up; `None` for a phase that was not reached, or not needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseTimes {
    pub resolve_ms: Option<u64>,
    pub connect_ms: Option<u64>,
    pub tls_ms: Option<u64>,
    /// From the request's first byte out to the answer's first byte in.
    pub first_byte_ms: Option<u64>,
    /// From the answer's first byte to its last, head included.
    pub body_ms: Option<u64>,
}

/// A poll's fetch while it runs. Stays on its core.
#[derive(Debug)]
pub struct Flight {
    timeouts: Timeouts,
    body_bytes_max: u64,
    started: Instant,
    phase: Cell<Phase>,
    phase_started: Cell<Instant>,
    times: Cell<PhaseTimes>,
    /// Bytes received since this hop's request went out.
    hop_bytes: Cell<u64>,
    /// Bytes received when this hop's body began.
    head_bytes: Cell<u64>,
    wire_bytes: Cell<u64>,
    /// Why the transport gave up, kept because ureq's errors do not carry it.
    failure: RefCell<Option<Failure>>,
    /// Where others see it.
    shown: Option<Shown>,
}

impl Flight {
    pub fn new(timeouts: Timeouts, body_bytes_max: u64) -> Flight {
        let now = Clock::monotonic();
        Flight {
            timeouts,
            body_bytes_max,
            started: now,
            phase: Cell::new(Phase::Resolve),
            phase_started: Cell::new(now),
            times: Cell::default(),
            hop_bytes: Cell::new(0),
            head_bytes: Cell::new(0),
            wire_bytes: Cell::new(0),
            failure: RefCell::new(None),
            shown: None,
        }
    }

    /// The same, seen by others.
    pub(crate) fn shown(self, shown: Option<Shown>) -> Flight {
        Flight { shown, ..self }
    }

    pub fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// How long the poll has been going on.
    pub(crate) fn age(&self) -> Duration {
        Clock::elapsed(self.started)
    }

    /// The same, in milliseconds.
    pub fn age_ms(&self) -> u64 {
        duration_ms(self.age())
    }

    /// Bytes received so far, before decoding.
    pub fn wire_bytes(&self) -> u64 {
        self.wire_bytes.get()
    }

    /// The finished phases, with the present one counted up to now.
    pub fn times(&self) -> PhaseTimes {
        let mut times = self.times.get();
        add(&mut times, self.phase.get(), Clock::elapsed_ms(self.phase_started.get()));
        times
    }

    /// Closes the present phase and opens `phase`.
    pub(crate) fn enter(&self, phase: Phase) {
        let now = Clock::monotonic();
        let mut times = self.times.get();
        add(&mut times, self.phase.get(), duration_ms(now.saturating_duration_since(self.phase_started.get())));
        self.times.set(times);
        self.phase.set(phase);
        self.phase_started.set(now);
        watch::enter(phase);
        if let Some(shown) = &self.shown {
            shown.enter(phase);
        }
        match phase {
            Phase::Resolve => self.hop_bytes.set(0),
            Phase::Body => self.head_bytes.set(self.hop_bytes.get()),
            _ => {}
        }
    }

    /// Counts what the socket gave.
    ///
    /// # Errors
    ///
    /// `header` when the heads of one request grow past their limit, `too_large` when a body does: what is received
    /// counts, since empty gzip members decode to nothing for ever.
    pub(crate) fn received(&self, bytes: usize) -> Result<(), Failure> {
        let bytes = bytes as u64;
        self.wire_bytes.set(self.wire_bytes.get() + bytes);
        self.hop_bytes.set(self.hop_bytes.get() + bytes);
        if matches!(self.phase.get(), Phase::FirstByte | Phase::Header) && self.hop_bytes.get() > ANSWER_HEADS_BYTES_MAX
        {
            let message = format!("the answer's head is longer than {ANSWER_HEADS_BYTES_MAX} bytes and does not end");
            return Err(Failure::new(Class::Header, Phase::Header, message));
        }
        // What TLS and chunks add to a body that is just small enough must not fail it.
        let wire_bytes_max = self.body_bytes_max + self.body_bytes_max / 8 + WIRE_OVERHEAD_BYTES;
        if self.phase.get() == Phase::Body && self.body_wire_bytes() > wire_bytes_max {
            let message = format!("the body is larger than body_bytes_max = {} bytes", self.body_bytes_max);
            return Err(Failure::new(Class::TooLarge, Phase::Body, message));
        }
        Ok(())
    }

    /// Bytes of this hop's body received so far, before decoding.
    pub(crate) fn body_wire_bytes(&self) -> u64 {
        self.hop_bytes.get() - self.head_bytes.get()
    }

    /// When the present wait ends, counted from `now`, and what it means if it does.
    fn deadline(&self, now: Instant) -> (Instant, Failure) {
        let Timeouts { connect, read, total } = self.timeouts;
        let phase = self.phase.get();
        let since = self.phase_started.get();
        let seconds = |d: Duration| format!("{} s", d.as_secs_f64());
        let (at, class, message) = match phase {
            Phase::Resolve => {
                (since + connect, Class::Dns, format!("no answer from the name servers within {}", seconds(connect)))
            }
            Phase::Connect => (since + connect, Class::Connect, format!("no connection within {}", seconds(connect))),
            Phase::Tls => {
                (since + connect, Class::Tls, format!("the TLS handshake did not end within {}", seconds(connect)))
            }
            Phase::Send => {
                (since + read, Class::Timeout, format!("the server did not take the request within {}", seconds(read)))
            }
            Phase::FirstByte => {
                (since + read, Class::Timeout, format!("no answer within {} of the request", seconds(read)))
            }
            Phase::Header => {
                (since + read, Class::Header, format!("the answer's head did not end within {}", seconds(read)))
            }
            Phase::Body | Phase::Decode | Phase::Parse | Phase::Commit => {
                let bytes = self.body_wire_bytes();
                let at_rate = Duration::from_millis(bytes.saturating_mul(1000) / BODY_BYTES_PER_SECOND_MIN);
                let too_slow = since + at_rate.max(read);
                if bytes > 0 && too_slow < now + read {
                    let spent = (too_slow - since).as_secs_f64();
                    (too_slow, Class::Timeout, format!("the body comes too slowly: {bytes} bytes in {spent:.1} s"))
                } else {
                    let message = format!("silence for {} after {bytes} bytes of the body", seconds(read));
                    (now + read, Class::Timeout, message)
                }
            }
        };
        let is_unreached = matches!(phase, Phase::Resolve | Phase::Connect);
        let whole = self.started + total;
        if whole < at {
            let message = format!("the poll took longer than total_timeout = {}", seconds(total));
            // A phase with a class of its own keeps it: what did not come is the same, only the budget was smaller.
            return (whole, Failure::new(class, phase, message).unreached(is_unreached));
        }
        (at, Failure::new(class, phase, message).unreached(is_unreached))
    }

    /// What is left of the whole poll's budget.
    pub(crate) fn left(&self) -> Duration {
        (self.started + self.timeouts.total).saturating_duration_since(Clock::monotonic())
    }

    /// What is left of the present phase's deadline.
    pub(crate) fn phase_left(&self) -> Duration {
        let now = Clock::monotonic();
        self.deadline(now).0.saturating_duration_since(now)
    }

    /// Awaits `operation` until the deadline of the present phase.
    ///
    /// # Errors
    ///
    /// The deadline's own failure, or the operation's error as `failed` words it.
    pub(crate) async fn within<T>(
        &self,
        operation: impl Future<Output = io::Result<T>>,
        failed: impl FnOnce(Phase, io::Error) -> Failure,
    ) -> Result<T, Failure> {
        let now = Clock::monotonic();
        let (at, late) = self.deadline(now);
        let timer = async {
            sleep(at.saturating_duration_since(now)).await;
            None
        };
        // The operation first: what has come counts, even at the last moment.
        match future::or(async { Some(operation.await) }, timer).await {
            Some(result) => result.map_err(|error| failed(self.phase.get(), error)),
            None => Err(late),
        }
    }

    /// Keeps why the transport gave up.
    pub(crate) fn fail(&self, failure: Failure) {
        *self.failure.borrow_mut() = Some(failure);
    }

    pub(crate) fn take_failure(&self) -> Option<Failure> {
        self.failure.borrow_mut().take()
    }
}

fn add(times: &mut PhaseTimes, phase: Phase, ms: u64) {
    let spent = match phase {
        Phase::Resolve => &mut times.resolve_ms,
        Phase::Connect => &mut times.connect_ms,
        Phase::Tls => &mut times.tls_ms,
        Phase::Send | Phase::FirstByte => &mut times.first_byte_ms,
        Phase::Header | Phase::Body => &mut times.body_ms,
        Phase::Decode | Phase::Parse | Phase::Commit => return,
    };
    *spent = Some(spent.unwrap_or(0) + ms);
}
