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

use crate::escape;
use crate::limits::{LOG_FLUSH, LOG_LINES_WAITING_MAX};
use crate::machine;

static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Starts logging: `RUST_LOG` decides what, by default everything from `info` on.
///
/// ureq and rustls would log request heads at their debug levels, credentials included: they stay at `warn`, whatever
/// `RUST_LOG` says of everything, unless it names them.
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
    // Fails only where a logger runs already, as in a test.
    let _ = builder.try_init();
    // The standard library would write to standard error itself, and wait for it on whichever thread panicked.
    std::panic::set_hook(Box::new(|panic| {
        let thread = thread::current();
        log::error!("{} panicked: {panic}", thread.name().unwrap_or("a thread"));
    }));
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
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}
