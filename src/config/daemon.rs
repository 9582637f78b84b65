//! `[daemon]`: what holds for the process and not for a feed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::de::DeTable;
use url::Host;

use super::entry::{Entry, Owner, Written};
use super::keys::Paths;
use super::mistakes::Report;
use super::named_files::Content;
use super::suggest::Section;
use super::{Cores, Daemon, units};
use crate::limits;

pub(super) const KEYS: [&str; 11] = [
    "db",
    "listen",
    "cores",
    "retention",
    "contact",
    "token_file",
    "public",
    "hosts",
    "streams_max",
    "dns",
    "host_pause",
];

pub(super) fn read(report: &mut Report, owner: Owner<'_>, table: &DeTable<'_>, paths: &mut Paths<'_>) -> Daemon {
    let mut daemon = Daemon::default();
    let mut listen_at = None;
    let mut token_is_written = false;
    for entry in Entry::all(owner, table) {
        match entry.key {
            "db" => {
                let path = entry.path(report, paths.folder, paths.credentials);
                daemon.db = path.map(|path| path.value);
            }
            "listen" => {
                daemon.listen = listen(report, &entry);
                listen_at = Some(entry);
            }
            "cores" => daemon.cores = read_cores(report, &entry),
            "retention" => daemon.retention = retention(report, &entry),
            "contact" => daemon.contact = contact(report, &entry),
            "token_file" => {
                // One that is written and wrong is a mistake of its own, not also a missing one.
                token_is_written = true;
                daemon.token_file = paths.read(report, &entry, Content::Secret).map(|path| path.value);
            }
            "public" => daemon.public = entry.boolean(report).is_some_and(|public| public.value),
            "hosts" => daemon.hosts = hosts(report, &entry),
            "streams_max" => {
                let written = entry.integer(report, limits::STREAMS_MAX_BOUNDS);
                // The bounds fit.
                daemon.streams_max = written.and_then(|written| usize::try_from(written.value).ok());
            }
            "host_pause" => {
                let pause = entry.duration(report, limits::HOST_PAUSE_BOUNDS);
                daemon.host_pause = pause.map(|pause| pause.value);
            }
            "dns" => daemon.dns = name_servers(report, &entry),
            _ => entry.unknown(report, Section::Daemon.remedy(entry.key)),
        }
    }
    if let (Some(entry), Some(address)) = (listen_at, daemon.listen)
        && !daemon.may_listen_on(address)
        && !token_is_written
    {
        let remedy = "name a token_file, write public = true, or listen on 127.0.0.1";
        entry.wrong(report, "is beyond loopback, where everybody could ask without a token", remedy);
    }
    daemon
}

fn listen(report: &mut Report, entry: &Entry<'_>) -> Option<SocketAddr> {
    let text = entry.text(report, "127.0.0.1:8080")?;
    let address = text.parse().ok();
    if address.is_none() {
        let remedy = "write one like \"127.0.0.1:8080\" or \"[::1]:8080\"; names are not looked up here";
        entry.wrong(report, "is not an address with a port", remedy);
    }
    address
}

fn read_cores(report: &mut Report, entry: &Entry<'_>) -> Option<Cores> {
    if entry.is_integer() {
        let written: Written<u64> = entry.integer(report, 1..=limits::CPU_MAX as u64)?;
        return Some(Cores::Count(written.value as usize));
    }
    let text = entry.text(report, "auto")?;
    match text.parse() {
        Ok(cores) => Some(cores),
        Err(wrong) => {
            let wrong: String = wrong;
            entry.wrong(report, wrong, "write \"auto\", a count like 4, or CPUs like \"0-3,6\"");
            None
        }
    }
}

fn retention(report: &mut Report, entry: &Entry<'_>) -> Option<Option<Duration>> {
    let text = entry.text(report, "90d")?;
    if text == "forever" {
        return Some(None);
    }
    if units::duration(text).is_none() {
        entry.wrong(report, "is not a duration", "write one like \"90d\", or \"forever\"");
        return None;
    }
    entry.duration(report, limits::RETENTION_BOUNDS).map(|written| Some(written.value))
}

fn contact(report: &mut Report, entry: &Entry<'_>) -> Option<String> {
    let text = entry.text(report, "https://example.org/rssd")?;
    let most = limits::CONTACT_BYTES_MAX;
    // It stands in a comment of the User-Agent (RFC 9110, section 5.6.5), which a parenthesis would end.
    let fits = |c: char| c == ' ' || c.is_ascii_graphic() && !"()\\".contains(c);
    if text.trim() != text || text.is_empty() || text.len() > most {
        let wrong = format!("is empty, begins or ends with a space, or is longer than {most} bytes");
        entry.wrong(report, wrong, "write a URL or an address where publishers reach you");
    } else if !text.chars().all(fits) {
        let remedy = "write visible ASCII without parentheses and backslashes";
        entry.wrong(report, "holds a character that the User-Agent cannot", remedy);
    } else {
        return Some(text.to_owned());
    }
    None
}

/// Names as a request's `Host` spells them: lower case, international ones in their ASCII form.
fn hosts(report: &mut Report, entry: &Entry<'_>) -> Vec<String> {
    let Some(items) = entry.items(report, "[\"rssd.example.org\"]") else { return Vec::new() };
    if items.len() > limits::HOSTS_MAX {
        let wrong = format!("holds {} names, above the most of {}", items.len(), limits::HOSTS_MAX);
        entry.wrong(report, wrong, "leave some out");
    }
    let mut hosts = Vec::new();
    for item in &items {
        let Some(text) = item.text(report, "rssd.example.org") else { continue };
        match Host::parse(text) {
            Ok(Host::Domain(name)) if !name.contains('*') => hosts.push(name),
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => {
                item.wrong(report, "is an address, by which everybody may ask anyway", "leave it out");
            }
            Ok(Host::Domain(_)) | Err(_) => {
                let remedy = "write the name alone, like \"rssd.example.org\": no scheme, no port, no `*`";
                item.wrong(report, "is not the name of a host", remedy);
            }
        }
    }
    hosts
}

fn name_servers(report: &mut Report, entry: &Entry<'_>) -> Vec<SocketAddr> {
    let Some(items) = entry.items(report, "[\"127.0.0.1:53\"]") else { return Vec::new() };
    if items.len() > limits::DNS_SERVERS_MAX {
        let wrong = format!("holds {} name servers, above the most of {}", items.len(), limits::DNS_SERVERS_MAX);
        entry.wrong(report, wrong, "keep the nearest");
    }
    let mut servers = Vec::new();
    for item in &items {
        let Some(text) = item.text(report, "127.0.0.1:53") else { continue };
        let with_port = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
        match with_port.or_else(|| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 53))) {
            Some(server) => servers.push(server),
            None => item.wrong(
                report,
                "is not the address of a name server",
                "write one like \"9.9.9.9\" or \"127.0.0.1:5353\"",
            ),
        }
    }
    servers
}
