//! Logs to standard error, one line a message whatever a message holds, and never a secret of a library's debugging.
//!
//! Nobody waits for standard error: lines go through a bounded queue to a thread of their own. While nobody reads them
//! further ones are dropped, and counted in the next line that gets through.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};
use log::{Level, Log, Metadata, Record};

use crate::escape;
use crate::limits::{LOG_FLUSH, LOG_LINES_WAITING_MAX};
use crate::machine;

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts logging: `RUST_LOG` decides what, by default everything from `info` on.
///
/// The libraries of a fetch have much to say at their debug levels: they stay at `warn`, whatever `RUST_LOG` says of
/// everything, unless it names them.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let quiet = "ureq=warn,ureq_proto=warn,rustls=warn,hickory_resolver=warn,hickory_proto=warn,hickory_net=warn";
    let mut builder = env_logger::Builder::new();
    // What comes later wins, so that naming a library still turns it up.
    builder.parse_filters(&format!("{quiet},{wanted}"));
    // journald reads the level from a prefix (sd-daemon(3)) and has a time of its own.
    let under_journald = std::env::var_os("JOURNAL_STREAM").is_some();
    builder.format(move |out, record| {
        let message = escape::lines(&record.args().to_string());
        match under_journald {
            true => writeln!(out, "<{}>{message}", priority(record.level())),
            false => writeln!(out, "{} {:<5} {message}", out.timestamp_millis(), record.level()),
        }
    });
    builder.target(env_logger::Target::Pipe(Box::new(QUEUE.get_or_init(Queue::start).clone())));
    let logger = Discreet(builder.build());
    log::set_max_level(logger.0.filter());
    // Fails only where a logger runs already, as in a test.
    let _ = log::set_boxed_logger(Box::new(logger));
    // The standard library would write to standard error itself, and wait for it on whichever thread panicked.
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        log::error!("{} panicked: {panic}", thread.name().unwrap_or("a thread"));
    }));
}

/// What logs the bytes of a request as it sends them, with all that authenticates: it stays at `warn` even where `RUST_LOG`
/// names it.
const INDISCREET: [&str; 2] = ["ureq", "ureq_proto"];

/// Lets through what may be logged at all.
struct Discreet(env_logger::Logger);

impl Log for Discreet {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let library = metadata.target().split("::").next().unwrap_or_default();
        let is_secret = metadata.level() > Level::Warn && INDISCREET.contains(&library);
        !is_secret && self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Gives the last lines a moment to get out. Call it when the process is about to end.
pub fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    let (done, is_done) = bounded(1);
    if queue.lines.try_send(Line::Flush(done)).is_ok() {
        let _ = is_done.recv_timeout(LOG_FLUSH);
    }
}

enum Line {
    Text(Vec<u8>),
    /// Answered once everything before it is written.
    Flush(Sender<()>),
}

/// Lines on their way to standard error.
#[derive(Clone)]
struct Queue {
    lines: Sender<Line>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    fn start() -> Queue {
        let (lines, waiting) = bounded(LOG_LINES_WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let of_thread = dropped.clone();
        // Without the thread nothing is logged, and the daemon runs all the same.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || {
            machine::block_signals();
            write_out(&waiting, &of_thread);
        });
        Queue { lines, dropped }
    }
}

impl Write for Queue {
    /// Takes a whole message: env_logger writes each in one call.
    fn write(&mut self, message: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Line::Text(message.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(message.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks on standard error, which is why it has a thread. A closed one is nobody's problem.
fn write_out(waiting: &Receiver<Line>, dropped: &AtomicU64) {
    let mut out = io::stderr();
    for line in waiting {
        match line {
            Line::Text(text) => {
                let _ = out.write_all(&text);
            }
            Line::Flush(done) => {
                let _ = done.send(());
            }
        }
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let _ = writeln!(out, "{missing} log lines were dropped, since nobody read standard error");
        }
    }
}

/// syslog(3) priorities.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sees_credentials_cannot_be_turned_up() {
        let logger =
            Discreet(env_logger::Builder::new().parse_filters("trace,ureq::run=trace,ureq_proto=trace").build());
        let is_enabled = |target, level| logger.enabled(&Metadata::builder().target(target).level(level).build());
        for (target, level, expected) in [
            ("ureq::run", Level::Warn, true),
            ("ureq::run", Level::Info, false),
            ("ureq", Level::Debug, false),
            ("ureq_proto::util", Level::Trace, false),
            ("ureqs", Level::Trace, true),
            ("rssd::fetch", Level::Trace, true),
        ] {
            assert_eq!(is_enabled(target, level), expected, "{target} {level}");
        }
    }
}
