//! `rssd tail`: follows the stream, whatever becomes of daemon and network in between.
//!
//! Each article is written once, in order: what was written is what the next connection resumes after. Only a `reset`,
//! which it tells of, makes it begin again with the oldest.

mod backoff;
mod event_stream;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod printer;

use std::io::{IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use ureq::http::header::CONTENT_TYPE;
use url::Url;

use super::exit;
use super::server::{Server, ServerArgs, Trouble, refused};
use crate::clock::Clock;
use crate::fetch::retry_after;
use crate::limits::{TAIL_LINE_BYTES_MAX, TAIL_NEWEST, TAIL_SILENCE};
use crate::{escape, placement};
use backoff::Backoff;
use event_stream::{Event, EventStream, TooLong};
use printer::{Printer, Unwritable};

/// What is read at once.
const READ_BYTES: usize = 16 << 10;

/// A place in the stream is a short word; what is longer is none.
const CURSOR_BYTES_MAX: usize = 256;

#[derive(clap::Args, Debug)]
pub(super) struct TailArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Begin after this: a `seq`, or a cursor [default: with the newest 10]
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// Only articles of this feed; may be repeated
    #[arg(long = "feed", value_name = "NAME")]
    feeds: Vec<String>,
    /// Only articles of feeds with this label; of several keys all, of several values of one key any
    #[arg(long = "label", value_name = "K=V", value_parser = label)]
    labels: Vec<String>,
    /// Print each article as JSON on one line
    #[arg(long)]
    json: bool,
}

/// As the route takes it: `K:V`.
fn label(text: &str) -> Result<String, String> {
    let wrong = || "write it as KEY=VALUE".to_owned();
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| format!("{key}:{value}"))
        .ok_or_else(wrong)
}

pub(super) fn run(args: &TailArgs) -> u8 {
    let at_once = Arc::new(AtomicBool::new(true));
    for signal in [SIGINT, SIGTERM] {
        if let Err(error) = flag::register_conditional_shutdown(signal, i32::from(exit::FINE), at_once.clone()) {
            complain!("rssd tail: cannot watch for signals: {error}");
            return exit::INTERNAL;
        }
    }
    let mut tail = Tail {
        server: Server::new(&args.server, TAIL_SILENCE),
        printer: Printer::new(args.json),
        last_event_id: String::new(),
        backoff: Backoff::new(),
        has_worked: false,
        is_lost: false,
    };
    // Who looks at an empty screen should know what it waits for; a script has no use for it.
    if std::io::stderr().is_terminal() {
        complain!("rssd tail: following {}; Ctrl-C ends it", tail.server.base());
    }
    loop {
        let over = match tail.follow(args) {
            Ok(over) => over,
            Err(Unwritable::Unread) => return exit::FINE,
            Err(Unwritable::Failed(error)) => {
                complain!("rssd tail: cannot write to standard output: {error}; the last article written is whole");
                return exit::INTERNAL;
            }
        };
        if over.is_final && !tail.has_worked {
            complain!("rssd tail: {}", over.why);
            return over.exit_code;
        }
        // Once, until it works again.
        if !std::mem::replace(&mut tail.is_lost, true) {
            complain!("rssd tail: {}; trying again until it does", over.why);
        }
        let dice = placement::mix(Clock::system().now_ms().cast_unsigned() ^ u64::from(std::process::id()));
        pause(tail.backoff.next(over.retry_after, dice));
    }
}

/// Nothing else happens meanwhile: signals end the process by themselves.
fn pause(wait: Duration) {
    let until = Clock::monotonic() + wait;
    while let Some(left) = until.checked_duration_since(Clock::monotonic()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

struct Tail {
    server: Server,
    printer: Printer,
    /// Empty until an article came.
    last_event_id: String,
    backoff: Backoff,
    /// There was a stream once. What a daemon refuses then is a proxy's whim, or passes with the next restart.
    has_worked: bool,
    /// Somebody was told that there is no connection.
    is_lost: bool,
}

/// A connection that is over, or was none.
struct Over {
    why: String,
    /// It would not be otherwise the next time: the process ends, with this code.
    is_final: bool,
    exit_code: u8,
    retry_after: Option<Duration>,
}

/// Why a stream is left.
enum Left {
    TooLong,
    Unwritable(Unwritable),
}

impl From<TooLong> for Left {
    fn from(TooLong: TooLong) -> Left {
        Left::TooLong
    }
}

impl From<Unwritable> for Left {
    fn from(unwritable: Unwritable) -> Left {
        Left::Unwritable(unwritable)
    }
}

impl Tail {
    /// Follows one connection until it is over.
    ///
    /// # Errors
    ///
    /// Standard output takes no more.
    fn follow(&mut self, args: &TailArgs) -> Result<Over, Unwritable> {
        let url = self.address(args);
        let mut headers = vec![("Accept", "text/event-stream"), ("Cache-Control", "no-store")];
        if !self.last_event_id.is_empty() {
            headers.push(("Last-Event-ID", &self.last_event_id));
        }
        let answer = match self.server.get(&url, &headers) {
            Ok(answer) => answer,
            Err(trouble) => return Ok(self.over(&trouble)),
        };
        if answer.status() != 200 {
            return Ok(self.over(&Trouble::Refused(refused(answer))));
        }
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !content_type.starts_with("text/event-stream") {
            let kind = escape::line(content_type, 100);
            let why = format!("{} sends no events but {kind:?}; is this the address of rssd?", self.server.base());
            return Ok(Over { why, is_final: true, exit_code: exit::UNAVAILABLE, retry_after: None });
        }
        let mut body = answer.into_body().into_reader();
        let mut stream = EventStream::new(&self.last_event_id, TAIL_LINE_BYTES_MAX);
        let mut bytes = vec![0; READ_BYTES];
        loop {
            let cause = match body.read(&mut bytes) {
                Ok(0) => "it ended the stream".to_owned(),
                Ok(read) => match self.take(&mut stream, &bytes[..read]) {
                    Ok(()) => continue,
                    Err(Left::Unwritable(unwritable)) => return Err(unwritable),
                    Err(Left::TooLong) => format!("it sent a line above {TAIL_LINE_BYTES_MAX} bytes"),
                },
                Err(error) => escape::lines(&error.to_string()),
            };
            let why = format!("the daemon at {} does not answer any more: {cause}", self.server.base());
            return Ok(Over { why, is_final: false, exit_code: exit::UNAVAILABLE, retry_after: None });
        }
    }

    fn address(&self, args: &TailArgs) -> Url {
        let mut url = self.server.route(&["news", "stream"]);
        {
            let mut query = url.query_pairs_mut();
            for feed in &args.feeds {
                query.append_pair("feed", feed);
            }
            for label in &args.labels {
                query.append_pair("label", label);
            }
            match &args.after {
                // As the header has another place, this one is of the past.
                _ if !self.last_event_id.is_empty() => {}
                Some(after) => drop(query.append_pair("after", after)),
                None => drop(query.append_pair("limit", &TAIL_NEWEST.to_string())),
            }
        }
        url
    }

    /// Writes what the bytes complete, and remembers the place after it.
    fn take(&mut self, stream: &mut EventStream, bytes: &[u8]) -> Result<(), Left> {
        let mut events = 0;
        let printer = &mut self.printer;
        let taken = stream.take(bytes, |event| {
            events += 1;
            on_event(printer, &event).map_err(Left::Unwritable)
        });
        let id = stream.last_event_id();
        // Another one would not go into a header; nor would a daemon have given it.
        if id.len() <= CURSOR_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic()) && id != self.last_event_id {
            id.clone_into(&mut self.last_event_id);
            events += 1;
        }
        if let Some(retry_ms) = stream.retry_ms() {
            self.backoff.asked(retry_ms);
        }
        if events > 0 {
            self.backoff.worked();
        }
        if stream.is_begun() {
            self.has_worked = true;
            if std::mem::replace(&mut self.is_lost, false) {
                complain!("rssd tail: connected again");
            }
        }
        self.printer.flush()?;
        taken
    }

    fn over(&self, trouble: &Trouble) -> Over {
        let retry_after = match trouble {
            Trouble::Refused(refused) => refused.retry_after.as_deref(),
            _ => None,
        };
        let is_final = match trouble {
            Trouble::Token(_) => true,
            Trouble::Silent(_) => false,
            // 408 and 429 pass; so does what is the server's fault.
            Trouble::Refused(refused) => {
                let status = refused.status;
                !status.is_server_error() && !matches!(status.as_u16(), 408 | 429)
            }
        };
        Over {
            why: format!("the daemon at {} {}", self.server.base(), trouble.sentence()),
            is_final,
            exit_code: trouble.exit_code(),
            retry_after: retry_after.and_then(|value| retry_after::parse(value, Clock::system().now_ms())),
        }
    }
}

fn on_event(printer: &mut Printer, event: &Event) -> Result<(), Unwritable> {
    match &*event.name {
        "article" => {
            let is_written = printer.article(&event.data)?;
            if !is_written {
                complain!("rssd tail: left out an article that is no JSON: {}", escape::line(&event.data, 80));
            }
        }
        "reset" => {
            printer.flush()?;
            let reset: serde_json::Value = serde_json::from_str(&event.data).unwrap_or_default();
            let detail = reset["detail"].as_str().unwrap_or("the cursor is not known");
            complain!("rssd tail: starting over with the oldest article there is: {}", escape::line(detail, 300));
        }
        // Of a newer daemon.
        _ => {}
    }
    Ok(())
}
