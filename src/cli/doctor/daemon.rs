//! The daemon: asked by HTTP, with little patience; and where it does not answer, seen from the outside, by its memory and
//! by what the kernel says of its threads. It need not take part, and may be stopped.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::{Finding, Verdict};
use crate::cli::server::{Server, ServerArgs};
use crate::clock::Clock;
use crate::escape;
use crate::http::words;
use crate::limits::{DOCTOR_FLIGHTS_SHOWN, DOCTOR_SILENCE, WATCHDOG_GONE_MS};
use crate::watch::{Badness, Observer, Peek, threads};

/// Text of the daemon that is shown on one line is cut to so many characters.
const SHOWN_CHARS_MAX: usize = 200;

/// What was found, and the details that a person may want to see below it.
pub(super) fn look(args: &ServerArgs, db: &Path, holder: Option<u32>) -> (Vec<Finding>, String) {
    let mut findings = Vec::new();
    let (peek, peeked_ms) = (peek(db, holder), Clock::monotonic_ms());
    // What holds the database may be a single round, which serves nothing.
    let runs = holder.is_some() || peek.is_ok();
    let is_well = asked(args, runs, &mut findings);
    match peek {
        Ok(peek) => {
            let is_well = seen(&peek, peeked_ms, &mut findings) && is_well;
            let details = if is_well { String::new() } else { details(&peek) };
            (findings, details)
        }
        Err(sentence) if runs => {
            findings.push(Finding::new(Verdict::Warn, "memory", format!("the daemon's cannot be seen: {sentence}")));
            let details = holder.filter(|_| !is_well).map(of_the_kernel).unwrap_or_default();
            (findings, details)
        }
        Err(_) => (findings, String::new()),
    }
}

fn peek(db: &Path, holder: Option<u32>) -> Result<Peek, String> {
    let by_process = holder.map(Peek::of_process);
    match by_process {
        Some(Ok(peek)) => Ok(peek),
        by_process => {
            let db = fs::canonicalize(db).unwrap_or_else(|_| db.to_owned());
            Peek::by_link(&db).map_err(|sentence| by_process.and_then(Result::err).unwrap_or(sentence))
        }
    }
}

/// Whether it says that it is well.
fn asked(args: &ServerArgs, runs: bool, findings: &mut Vec<Finding>) -> bool {
    let (what, server) = ("HTTP", Server::new(args, DOCTOR_SILENCE));
    let base = server.base();
    let health = match server.get_json(&server.route(&["health"]), &[200, 503]) {
        Ok((_, health)) => health,
        Err(trouble) if runs => {
            findings.push(Finding::new(Verdict::Failing, what, format!("the daemon at {base} {}", trouble.sentence())));
            return false;
        }
        Err(_) => {
            findings.push(Finding::new(Verdict::Warn, what, format!("no daemon answers at {base}")));
            return true;
        }
    };
    let status = health["status"].as_str().unwrap_or("?");
    let verdict = match status {
        "ok" => Verdict::Ok,
        "degraded" => Verdict::Warn,
        _ => Verdict::Failing,
    };
    let version = escape::line(health["version"].as_str().unwrap_or("?"), SHOWN_CHARS_MAX);
    let status = escape::line(status, SHOWN_CHARS_MAX);
    findings.push(Finding::new(verdict, what, format!("rssd {version} at {base} says {status}")));
    for reason in health["reasons"].as_array().into_iter().flatten().filter_map(|reason| reason.as_str()) {
        findings.push(Finding::new(verdict, what, escape::line(reason, SHOWN_CHARS_MAX)));
    }
    verdict == Verdict::Ok
}

/// Whether its memory, as it was at `now_ms`, says that it is well.
fn seen(peek: &Peek, now_ms: u64, findings: &mut Vec<Finding>) -> bool {
    let before = findings.len();
    let looked_ms = now_ms.saturating_sub(peek.looked_ms);
    if looked_ms > WATCHDOG_GONE_MS {
        let stopped = threads::of(Some(peek.pid)).iter().any(|thread| matches!(thread.state, 'T' | 't'));
        let why = match stopped {
            true => format!("it is stopped; `kill -CONT {}` lets it go on", peek.pid),
            false => "its main thread hangs, or starts, or stops; if it stays so, restart it".to_owned(),
        };
        let ago = words::duration(looked_ms);
        findings.push(Finding::new(Verdict::Failing, "watchdog", format!("it last looked {ago} ago: {why}")));
    }
    // While the whole process stands still nobody hangs: what counts is how it was when the watchdog looked last.
    let then_ms = if looked_ms > WATCHDOG_GONE_MS { peek.looked_ms } else { now_ms };
    let observer = Observer::new(now_ms, u64::MAX);
    for thread in &peek.threads {
        let silent_ms = thread.silent_ms(then_ms, &observer);
        let verdict = match thread.badness(silent_ms) {
            Badness::Fine => continue,
            Badness::Late => Verdict::Warn,
            Badness::Failing => Verdict::Failing,
        };
        let (name, doing) =
            (escape::line(&thread.name, SHOWN_CHARS_MAX), escape::line(&thread.doing(), SHOWN_CHARS_MAX));
        let silence = words::duration(silent_ms);
        let sentence = match thread.is_at_disk {
            true => format!("{name} has waited for the disk for {silence}, busy with {doing}; look at the disk"),
            false => format!("{name} hangs since {silence}, busy with {doing}; see its stack, and restart the daemon"),
        };
        findings.push(Finding::new(verdict, "thread", sentence));
    }
    if findings.len() == before {
        let (threads, flights) = (peek.threads.len(), peek.flights.len());
        let up = words::duration(now_ms.saturating_sub(peek.started_ms));
        let sentence =
            format!("process {}, up {up}: {threads} threads, all of them turn; {flights} polls in flight", peek.pid);
        findings.push(Finding::new(Verdict::Ok, "watchdog", sentence));
        return true;
    }
    false
}

fn details(peek: &Peek) -> String {
    let now_ms = Clock::monotonic_ms();
    let age = |ms: u64| words::duration(now_ms.saturating_sub(ms));
    let mut text = of_the_kernel(peek.pid);
    // Writing to a string does not fail.
    let _ = writeln!(text, "\nwhat they are at:");
    for thread in peek.threads.iter().filter(|thread| thread.tid != 0) {
        let (name, doing) =
            (escape::line(&thread.name, SHOWN_CHARS_MAX), escape::line(&thread.doing(), SHOWN_CHARS_MAX));
        let _ = writeln!(text, "{:>8} {name:<16} {doing}", thread.tid);
    }
    let _ = writeln!(text, "\npolls in flight, the oldest first, {} in all:", peek.flights.len());
    for flight in peek.flights.iter().take(DOCTOR_FLIGHTS_SHOWN) {
        let (feed, phase) = (escape::line(&flight.feed, SHOWN_CHARS_MAX), flight.phase.name());
        let (since, in_phase) = (age(flight.started_ms), age(flight.phase_started_ms));
        let _ = writeln!(text, "  {feed}: core {}, {since} old, in phase {phase} for {in_phase}", flight.core);
    }
    if !peek.stack.is_empty() {
        let _ = write!(text, "\nthe stack that was recorded last:\n{}", escape::listing(&peek.stack));
    }
    text
}

/// Its threads, without asking it.
fn of_the_kernel(pid: u32) -> String {
    let threads: String = threads::of(Some(pid)).iter().map(|thread| escape::lines(&thread.line()) + "\n").collect();
    format!("\nthreads of process {pid}: number, name, state, where in the kernel\n{threads}")
}
