//! Whom to ask for names: the configured name servers or those of the system, and the hosts file. Read before the cores
//! start and whenever they change, and never by a core, since reading files blocks; each core gets a copy.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Instant;

use hickory_resolver::system_conf::parse_resolv_conf;

use crate::clock::Clock;
use crate::limits::{NAME_SERVERS_MAX, NAMES_LOOK};

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Name servers, search domains and the hosts file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameService {
    pub(crate) servers: Vec<SocketAddr>,
    /// For names without a dot.
    pub(crate) search: Vec<String>,
    /// By name, in lower case, without a final dot.
    pub(crate) hosts: Arc<HashMap<String, Vec<IpAddr>>>,
}

impl NameService {
    /// Reads /etc/hosts, and, where `servers` (from feeds.toml) is empty, /etc/resolv.conf. Blocks: not for an executor.
    ///
    /// Never fails: without a usable resolv.conf the machine itself is asked, as the C library does, so that the daemon starts
    /// without a network and says so feed by feed.
    pub(crate) fn read(servers: &[SocketAddr]) -> NameService {
        let hosts = Arc::new(parse_hosts(&fs::read_to_string(HOSTS).unwrap_or_default()));
        if !servers.is_empty() {
            return NameService { servers: servers.to_vec(), search: Vec::new(), hosts };
        }
        let (servers, search) = parse_servers(&fs::read(RESOLV_CONF).unwrap_or_default());
        if servers.is_empty() {
            let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
            log::warn!("read {RESOLV_CONF}: it names no name server; asking {server}, set [daemon] dns to ask another");
            return NameService { servers: vec![server], search, hosts };
        }
        NameService { servers, search, hosts }
    }

    /// The name servers, for messages.
    pub(crate) fn shown(&self) -> String {
        self.servers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// Looks whether what [`NameService::read`] has read is still so: a machine that had no network when we started has name
/// servers later.
#[derive(Debug)]
pub(crate) struct NameWatch {
    servers: Vec<SocketAddr>,
    looked_at: Instant,
    seen: [Option<Seen>; 2],
}

/// What tells one state of a file from another.
type Seen = (u64, i64, i64, u64);

impl NameWatch {
    /// For what is read after this.
    pub(crate) fn start(servers: &[SocketAddr]) -> NameWatch {
        NameWatch { servers: servers.to_vec(), looked_at: Clock::monotonic(), seen: [HOSTS, RESOLV_CONF].map(seen) }
    }

    /// What is so now, if a file has changed since the last look, which was [`NAMES_LOOK`] ago or longer. Blocks: not for an
    /// executor.
    pub(crate) fn look(&mut self) -> Option<NameService> {
        let at = Clock::monotonic();
        if at.saturating_duration_since(self.looked_at) < NAMES_LOOK {
            return None;
        }
        self.looked_at = at;
        let now = [HOSTS, RESOLV_CONF].map(seen);
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(NameService::read(&self.servers))
    }
}

fn seen(file: &str) -> Option<Seen> {
    let found = fs::metadata(file).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec(), found.size()))
}

/// Name servers and search domains of a resolv.conf (resolv.conf(5)), none if it cannot be understood.
fn parse_servers(text: &[u8]) -> (Vec<SocketAddr>, Vec<String>) {
    let Ok((config, _)) = parse_resolv_conf(text) else { return Default::default() };
    let mut servers: Vec<SocketAddr> = config.name_servers().iter().map(|server| (server.ip, 53).into()).collect();
    servers.truncate(NAME_SERVERS_MAX);
    (servers, config.search().iter().map(|domain| domain.to_ascii()).collect())
}

/// Addresses by name of a hosts file (hosts(5)): lines of an address and its names, comments after `#`.
fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(addr)) = words.next().map(str::parse) else { continue };
        for name in words {
            let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
            hosts.entry(name).or_default().push(addr);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_files() {
        let hosts = parse_hosts(
            "127.0.0.1 localhost\n\
             # a comment\n\
             10.0.0.1\tFeeds.Internal feeds.  # another\n\
             ::1 localhost\n\
             fe80::1%lo0 scoped\n\
             nonsense feeds\n\
             10.0.0.2\n\
             \n\
             10.0.0.3 feeds.internal",
        );
        let addrs = |name: &str| hosts.get(name).map(|addrs| addrs.iter().map(IpAddr::to_string).collect::<Vec<_>>());
        assert_eq!(addrs("localhost"), Some(vec!["127.0.0.1".to_owned(), "::1".to_owned()]));
        assert_eq!(addrs("feeds.internal"), Some(vec!["10.0.0.1".to_owned(), "10.0.0.3".to_owned()]));
        assert_eq!(addrs("feeds"), Some(vec!["10.0.0.1".to_owned()]));
        assert_eq!(addrs("scoped"), None);
        assert_eq!(hosts.len(), 3);
    }

    #[test]
    fn resolv_conf_files() {
        let text = b"# by hand\nnameserver 10.0.0.1\nnameserver 2001:db8::53\noptions ndots:5\nsearch corp.example svc.local\n";
        let (servers, search) = parse_servers(text);
        assert_eq!(servers, ["10.0.0.1:53".parse().unwrap(), "[2001:db8::53]:53".parse().unwrap()]);
        assert_eq!(search, ["corp.example", "svc.local"]);
        for text in [&b""[..], b"# nothing", b"nameserver", b"\xff\xfe\x00"] {
            assert_eq!(parse_servers(text).0, [], "{text:?}");
        }
        let many = "nameserver 10.0.0.1\n".repeat(20);
        assert_eq!(parse_servers(many.as_bytes()).0.len(), NAME_SERVERS_MAX);
    }
}
