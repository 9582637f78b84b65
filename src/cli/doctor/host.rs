//! What the machine gives: the same questions that the daemon asks at its start, and what it finds out later.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};

use super::{Finding, Verdict, name_servers};
use crate::config::{Config, Cores};
use crate::fetch::{NameService, Roots};
use crate::limits::{MEMLOCK_BYTES_MIN, NOFILE_USUAL, STREAMS_MAX};
use crate::machine;

pub(super) fn look(config: &Config, findings: &mut Vec<Finding>) {
    let cores = config.daemon.cores.clone().unwrap_or(Cores::Auto);
    findings.push(Finding::of("io_uring", machine::probe_io_uring().map(|()| "the kernel gives it".to_owned())));
    findings.push(memlock());
    let cpus = machine::cpus(&cores);
    let core_count = cpus.as_ref().map_or(1, |cpus| cpus.cores.len());
    findings.push(nofile(core_count, config.daemon.streams_max.unwrap_or(STREAMS_MAX)));
    let cpus = cpus.map(|cpus| format!("cores on {:?}, HTTP on {}", cpus.cores, cpus.http));
    findings.push(Finding::of("CPUs", cpus));
    findings.push(names(config));
    let (roots, problems) = Roots::of_system();
    findings.push(match (roots.is_empty(), problems.first()) {
        (true, _) => {
            let sentence = "no certificate roots: https feeds will fail; install ca-certificates, or set ca_file";
            Finding::new(Verdict::Warn, "CA roots", sentence)
        }
        (false, Some(problem)) => {
            Finding::new(Verdict::Warn, "CA roots", format!("{} of the system; {problem}", roots.count()))
        }
        (false, None) => Finding::new(Verdict::Ok, "CA roots", format!("{} of the system", roots.count())),
    });
}

fn memlock() -> Finding {
    let what = "memlock";
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) if soft < MEMLOCK_BYTES_MIN => Finding::new(Verdict::Unfit, what, machine::memlock_remedy()),
        Ok((soft, _)) if soft == libc::RLIM_INFINITY => Finding::new(Verdict::Ok, what, "unlimited"),
        Ok((soft, _)) => Finding::new(Verdict::Ok, what, format!("{} KiB", soft / 1_024)),
        Err(error) => Finding::new(Verdict::Warn, what, format!("RLIMIT_MEMLOCK cannot be read: {error}")),
    }
}

fn nofile(cores: usize, streams_wanted: usize) -> Finding {
    let what = "open files";
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((_, hard)) => hard,
        Err(error) => return Finding::new(Verdict::Warn, what, format!("RLIMIT_NOFILE cannot be read: {error}")),
    };
    let shares = match machine::share(limit, machine::memory_left(), cores, streams_wanted) {
        Ok(shares) => shares,
        Err(sentence) => return Finding::new(Verdict::Unfit, what, sentence),
    };
    let (polls, streams) = (shares.in_flight_max * cores, shares.streams_max);
    let sentence = format!("{limit}: up to {polls} polls at once, {streams} streams");
    match limit < NOFILE_USUAL {
        true => Finding::new(Verdict::Warn, what, format!("{sentence}; more with LimitNOFILE=65536 in the unit")),
        false => Finding::new(Verdict::Ok, what, sentence),
    }
}

fn names(config: &Config) -> Finding {
    let servers = NameService::read(&config.daemon.dns).servers;
    let answers = name_servers::ask(&servers);
    let is_configured = !config.daemon.dns.is_empty()
        || fs::read_to_string("/etc/resolv.conf").is_ok_and(|text| text.contains("nameserver"));
    let answering = answers.iter().filter(|silence| silence.is_none()).count();
    let shown = servers.iter().zip(answers).map(|(server, silence)| match silence {
        None => format!("{server} (answers)"),
        Some(silence) => format!("{server} ({silence})"),
    });
    let sentence = format!("names are asked of {}", shown.collect::<Vec<_>>().join(", "));
    let remedy = match (is_configured, answering) {
        (false, _) => ": /etc/resolv.conf names nobody else",
        (true, 0) => "; no host is found by its name: look at the network, or set [daemon] dns to ask others",
        (true, _) if answering < servers.len() => {
            "; a lookup that begins with a silent one takes long: take it out of /etc/resolv.conf, or set [daemon] dns"
        }
        (true, _) => return Finding::new(Verdict::Ok, "DNS", sentence),
    };
    Finding::new(Verdict::Warn, "DNS", format!("{sentence}{remedy}"))
}
