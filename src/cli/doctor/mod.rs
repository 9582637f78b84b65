//! `rssd doctor`: whether this machine is fit for the daemon, and how a daemon is that may answer nothing.
//!
//! Every finding is a line: how bad, what, and what to do about it. It changes nothing but a file that it writes beside
//! the database and removes, and asks nobody but the daemon and the name servers.

mod daemon;
mod host;
mod name_servers;
mod storage;

use std::io::Write as _;
use std::path::PathBuf;

use super::check::counted;
use super::server::ServerArgs;
use super::{exit, run};
use crate::config::{self, Config};
use crate::escape;

#[derive(clap::Args, Debug)]
pub(super) struct DoctorArgs {
    /// The feeds file of the daemon, for its database, CPUs and name servers
    #[arg(long, value_name = "FILE")]
    feeds: Option<PathBuf>,
    /// The database of the daemon [default: as the daemon itself]
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

/// How bad a finding is, and which exit code it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// It runs, and not as well as it could.
    Warn,
    /// A daemon does not run here, or not for long.
    Unfit,
    /// The daemon that runs does not do its work.
    Failing,
}

/// A line.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    what: &'static str,
    sentence: String,
}

impl Finding {
    fn new(verdict: Verdict, what: &'static str, sentence: impl Into<String>) -> Finding {
        Finding { verdict, what, sentence: sentence.into() }
    }

    /// As the sentence of an error is.
    fn of(what: &'static str, result: Result<String, String>) -> Finding {
        match result {
            Ok(sentence) => Finding::new(Verdict::Ok, what, sentence),
            Err(sentence) => Finding::new(Verdict::Unfit, what, sentence),
        }
    }

    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Unfit | Verdict::Failing => "bad",
        };
        format!("{verdict:<5} {:<12} {}\n", self.what, escape::lines(&self.sentence))
    }
}

/// Ends with `exit::CONFIG` where the host is unfit, with `exit::UNAVAILABLE` where a daemon fails or does not answer.
pub(super) fn run(args: &DoctorArgs) -> u8 {
    let mut findings = Vec::new();
    let config = args.feeds.as_deref().map_or_else(Config::default, |feeds| match config::load(feeds) {
        Ok(config) => {
            let (polled, shown) = (config.feeds.iter().filter(|feed| feed.enabled).count(), feeds.display());
            findings.push(match polled {
                0 => {
                    Finding::new(Verdict::Warn, "feeds file", format!("{shown}: no feed is polled; write one into it"))
                }
                n => Finding::new(Verdict::Ok, "feeds file", format!("{shown}: polls {}", counted(n, "feed"))),
            });
            config
        }
        Err(mistakes) => {
            let count = mistakes.iter().count();
            let sentence = format!("{}: {count} mistakes; `rssd check` lists them", feeds.display());
            findings.push(Finding::new(Verdict::Unfit, "feeds file", sentence));
            Config::default()
        }
    });
    host::look(&config, &mut findings);
    let db = run::database(args.db.as_deref(), &config);
    let holder = storage::look(&db, &mut findings);
    // A reader that left early, as `head` does, is no error.
    let mut out = std::io::stdout().lock();
    let shown: String = findings.iter().map(Finding::line).collect();
    let _ = out.write_all(shown.as_bytes());
    // This one may take a moment, and what is known by now should be there.
    let _ = out.flush();
    let (found, details) = daemon::look(&args.server, &db, holder);
    let shown: String = found.iter().map(Finding::line).collect();
    let _ = out.write_all(shown.as_bytes()).and_then(|()| out.write_all(details.as_bytes()));
    exit_code(findings.iter().chain(&found))
}

fn exit_code<'a>(findings: impl Iterator<Item = &'a Finding>) -> u8 {
    // A daemon that fails is the more urgent of the two.
    let code = |finding: &Finding| match finding.verdict {
        Verdict::Failing => Some(exit::UNAVAILABLE),
        Verdict::Unfit => Some(exit::CONFIG),
        Verdict::Ok | Verdict::Warn => None,
    };
    findings.filter_map(code).min().unwrap_or(exit::FINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_the_code() {
        use Verdict::{Failing, Ok, Unfit, Warn};
        for (verdicts, code) in [
            (&[][..], 0),
            (&[Ok, Warn], exit::FINE),
            (&[Ok, Unfit, Warn], exit::CONFIG),
            (&[Unfit, Failing], exit::UNAVAILABLE),
        ] {
            let findings: Vec<_> = verdicts.iter().map(|verdict| Finding::new(*verdict, "it", "")).collect();
            assert_eq!(exit_code(findings.iter()), code);
        }
    }

    #[test]
    fn nothing_raw_reaches_a_terminal() {
        let line = Finding::new(Verdict::Failing, "daemon", "\u{1b}[2J\u{202e}").line();
        assert_eq!(line, "bad   daemon       \\u{1b}[2J\\u{202e}\n");
    }
}
