//! Names to addresses, on the core and without `getaddrinfo`: hickory asks the name servers over glommio's sockets.
//!
//! One resolver a core, shared by its feeds. It says which addresses a name has, not whether they may be dialled: that is the guard's
//! business, at the addresses that are dialled.
//!
//! A dead name costs nobody else anything: a lookup is a future with a deadline of its own, there is no queue in which it could stand before
//! another, and however many hang, they share a bounded number of sockets ([`crate::limits::DNS_SOCKETS_MAX`]). Lookups of the same
//! name at the same time are one (hickory sees to that), and what is known is kept for as long as the answer allows.

mod cache;
#[cfg(test)]
mod name_server;
mod runtime;
mod system;
#[cfg(test)]
mod tests;
mod udp;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::time::Duration;

use futures_lite::future;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use url::Host;

use self::cache::{Answer, Cache};
use self::runtime::Runtime;
pub(crate) use self::system::{NameService, NameWatch};
use crate::clock::Clock;
use crate::executor::sleep;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{
    ADDRESSES_MAX, DNS_ATTEMPT_TIMEOUT, DNS_ATTEMPTS, DNS_BROKEN_TTL, DNS_NAMES_KEPT_MAX, DNS_NEGATIVE_TTL_MAX,
    DNS_OTHER_FAMILY_WAIT, DNS_TCP_QUERIES_MAX, DNS_TTL_MAX, DNS_TTL_MIN,
};

/// Resolves the names of one core's feeds. Lives and dies on its core.
pub(crate) struct Resolver {
    /// `None` once closed.
    hickory: RefCell<Option<hickory_resolver::Resolver<Runtime>>>,
    runtime: Runtime,
    service: RefCell<NameService>,
    cache: RefCell<Cache>,
}

impl Resolver {
    /// A resolver for the core that calls this. Opens nothing and asks nothing yet.
    ///
    /// Fails, with [`Class::Local`], only if hickory refuses its configuration.
    pub(crate) fn new(service: &NameService) -> Result<Resolver, Failure> {
        let runtime = Runtime::new();
        Ok(Resolver {
            hickory: RefCell::new(Some(hickory(service, &runtime)?)),
            runtime,
            service: RefCell::new(service.clone()),
            cache: RefCell::new(Cache::new(DNS_NAMES_KEPT_MAX)),
        })
    }

    /// Asks others from now on, and forgets what was learned. Lookups in flight end with those that they have asked.
    pub(crate) fn renew(&self, service: &NameService) -> Result<(), Failure> {
        if self.hickory.borrow().is_some() {
            *self.hickory.borrow_mut() = Some(hickory(service, &self.runtime)?);
        }
        *self.service.borrow_mut() = service.clone();
        *self.cache.borrow_mut() = Cache::new(DNS_NAMES_KEPT_MAX);
        Ok(())
    }

    /// The addresses of `host`, never none and at most [`ADDRESSES_MAX`], in the order in which to try them: the families
    /// take turns, IPv6 first (RFC 8305, section 4). Not checked by the guard.
    ///
    /// An address is its own answer, `localhost` is loopback without asking anybody (RFC 6761, section 6.3), and the hosts
    /// file comes before the name servers. Fails with [`Class::Dns`], and says whether the name does not exist, has no address, could not be
    /// looked up, or got no answer until `deadline` or three tries of five seconds had passed.
    pub(crate) async fn resolve(&self, host: &Host<&str>, deadline: Duration) -> Answer {
        let name = match host {
            Host::Ipv4(addr) => return Ok(vec![IpAddr::V4(*addr)]),
            Host::Ipv6(addr) => return Ok(vec![IpAddr::V6(*addr)]),
            Host::Domain(name) => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
        };
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        }
        if let Some(addrs) = self.service.borrow().hosts.get(&name) {
            return Ok(in_turns(addrs.iter().copied()));
        }
        if let Some(answer) = self.cache.borrow().get(&name, Clock::monotonic()) {
            return answer.clone();
        }
        let (started, short_before) = (Clock::monotonic(), self.runtime.short());
        let too_late = async {
            sleep(deadline).await;
            Looked::Silence
        };
        let looked = future::or(self.look_up(&name), too_late).await;
        let (answer, ttl) = self.conclude(&name, looked, Clock::monotonic().saturating_duration_since(started));
        // hickory tells no more of it than that no server was reached. Another lookup's want is ours as well.
        let is_short = self.runtime.short() > short_before;
        let answer = answer.map_err(|failure| {
            let is_unreached = failure.is_unreached;
            failure.short(is_short && is_unreached)
        });
        let ttl = if answer.as_ref().is_err_and(|failure| failure.is_short) { Duration::ZERO } else { ttl };
        self.cache.borrow_mut().put(&name, answer.clone(), ttl, Clock::monotonic());
        answer
    }

    /// Descriptors that are open for lookups: at most [`crate::limits::DNS_SOCKETS_MAX`] a name server and
    /// [`crate::limits::DNS_TCP_MAX`] connections.
    #[cfg(test)]
    pub(crate) fn descriptors(&self) -> usize {
        self.runtime.descriptors()
    }

    /// Background tasks on this core that serve lookups: one a name server and connection.
    #[cfg(test)]
    pub(crate) fn background_tasks(&self) -> usize {
        self.runtime.tasks()
    }

    /// Ends the background tasks, so that the executor can stop; lookups fail from now on. Those in flight must have ended or
    /// been dropped, else their tasks are left after `patience`.
    pub(crate) async fn close(&self, patience: Duration) {
        drop(self.hickory.borrow_mut().take());
        let out_of_patience = async {
            sleep(patience).await;
        };
        future::or(self.runtime.idle(), out_of_patience).await;
    }

    /// Asks for both families at once.
    async fn look_up(&self, name: &str) -> Looked {
        let mut v6: Pin<Box<dyn Future<Output = Looked> + '_>> = Box::pin(self.ask(name, RecordType::AAAA));
        let mut v4: Pin<Box<dyn Future<Output = Looked> + '_>> = Box::pin(self.ask(name, RecordType::A));
        let v6_first = async { (v6.as_mut().await, true) };
        let v4_first = async { (v4.as_mut().await, false) };
        let (first, is_v6) = future::or(v6_first, v4_first).await;
        let other = if is_v6 { v4 } else { v6 };
        match first {
            // A name that does not exist has no address of the other family either.
            Looked::NoName { .. } => first,
            // Some name servers never answer for the family they do not know. The feed does not wait for them.
            Looked::Found { .. } => {
                let enough = async {
                    sleep(DNS_OTHER_FAMILY_WAIT).await;
                    Looked::Silence
                };
                first.and(future::or(other, enough).await)
            }
            _ => first.and(other.await),
        }
    }

    /// Asks for one family.
    async fn ask(&self, name: &str, record_type: RecordType) -> Looked {
        let Some(hickory) = self.hickory.borrow().clone() else {
            return Looked::Broken { why: "the resolver is closed".to_owned() };
        };
        // With its final dot a name stands for itself. Only one without any dot may be short for one of a search domain.
        let dot = if name.contains('.') { "." } else { "" };
        let name = match Name::from_ascii(format!("{name}{dot}")) {
            Ok(name) => name,
            Err(error) => return Looked::Broken { why: format!("it is no domain name: {error}") },
        };
        match hickory.lookup(name, record_type).await {
            Ok(lookup) => {
                let ttl = lookup.valid_until().saturating_duration_since(Clock::monotonic());
                let addrs: Vec<IpAddr> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
                if addrs.is_empty() { Looked::NoAddress { ttl } } else { Looked::Found { addrs, ttl } }
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = Duration::from_secs(none.negative_ttl.unwrap_or(0).into());
                match none.response_code {
                    ResponseCode::NXDomain => Looked::NoName { ttl },
                    _ => Looked::NoAddress { ttl },
                }
            }
            Err(NetError::Dns(DnsError::ResponseCode(code))) => Looked::Broken { why: words_for(code) },
            Err(NetError::Timeout) => Looked::Silence,
            // hickory's word for it when every socket failed.
            Err(NetError::NoConnections) => {
                Looked::Broken { why: "no name server can be reached: connection refused, or no route".to_owned() }
            }
            Err(error) => Looked::Broken { why: error.to_string() },
        }
    }

    /// What is told to the caller, and how long it is kept.
    fn conclude(&self, name: &str, looked: Looked, took: Duration) -> (Answer, Duration) {
        let mut message = format!("resolve {name}: ");
        let is_unreached = matches!(looked, Looked::Broken { .. } | Looked::Silence);
        let servers = self.service.borrow().shown();
        let ttl = match looked {
            Looked::Found { addrs, ttl } => return (Ok(in_turns(addrs)), ttl.clamp(DNS_TTL_MIN, DNS_TTL_MAX)),
            Looked::NoName { ttl } => {
                _ = write!(message, "no such name (NXDOMAIN from {servers}); check the host in the feed's url");
                ttl.clamp(DNS_TTL_MIN, DNS_NEGATIVE_TTL_MAX)
            }
            Looked::NoAddress { ttl } => {
                _ = write!(message, "the name has no address (asked {servers}); check the host in the feed's url");
                ttl.clamp(DNS_TTL_MIN, DNS_NEGATIVE_TTL_MAX)
            }
            Looked::Broken { why } => {
                _ = write!(message, "{why} (asked {servers}); check the name servers, or wait for the name's owner");
                DNS_BROKEN_TTL
            }
            Looked::Silence => {
                let seconds = took.as_secs_f64();
                _ = write!(
                    message,
                    "no answer from {servers} within {seconds:.1} s; check the network and the name servers"
                );
                // A deadline is the caller's: another one may have more patience.
                Duration::ZERO
            }
        };
        (Err(Failure::new(Class::Dns, Phase::Resolve, message).unreached(is_unreached)), ttl)
    }
}

/// hickory, set up to ask these.
fn hickory(service: &NameService, runtime: &Runtime) -> Result<hickory_resolver::Resolver<Runtime>, Failure> {
    let server = |addr: &std::net::SocketAddr| {
        let connection = |mut config: ConnectionConfig| {
            config.port = addr.port();
            config
        };
        // An answer that a name does not exist is believed: asking the others would let one dead name ask them all.
        NameServerConfig::new(
            addr.ip(),
            true,
            [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(connection).into(),
        )
    };
    let search = service.search.iter().filter_map(|domain| Name::from_ascii(domain).ok()).collect();
    let config = ResolverConfig::from_parts(None, search, service.servers.iter().map(server).collect());
    let mut builder = hickory_resolver::Resolver::builder_with_config(config, runtime.clone());
    let options = builder.options_mut();
    options.timeout = DNS_ATTEMPT_TIMEOUT;
    options.attempts = DNS_ATTEMPTS - 1;
    options.max_active_requests = DNS_TCP_QUERIES_MAX;
    // Read by `NameService`: here it would block the core.
    options.use_hosts_file = ResolveHosts::Never;
    // The answers are kept in `Cache`.
    options.cache_size = 0;
    options.os_port_selection = true;
    options.preserve_intermediates = false;
    builder.build().map_err(|error| {
        Failure::new(Class::Local, Phase::Resolve, format!("set up the resolver: {error}; check the name servers"))
    })
}

/// How a lookup, of one family or of both, ended.
#[derive(Debug)]
enum Looked {
    Found { addrs: Vec<IpAddr>, ttl: Duration },
    NoName { ttl: Duration },
    NoAddress { ttl: Duration },
    Broken { why: String },
    Silence,
}

impl Looked {
    /// Both families' answers as one: what was found counts for more than what was not, and a fault for more than an absence,
    /// since there may be addresses behind it.
    fn and(self, other: Looked) -> Looked {
        use Looked::{Broken, Found, NoAddress, NoName, Silence};
        match (self, other) {
            (Found { mut addrs, ttl }, Found { addrs: more, ttl: other_ttl }) => {
                addrs.extend(more);
                Found { addrs, ttl: ttl.min(other_ttl) }
            }
            (Found { addrs, ttl }, NoAddress { .. } | NoName { .. }) => Found { addrs, ttl },
            (NoAddress { .. } | NoName { .. }, Found { addrs, ttl }) => Found { addrs, ttl },
            // Half an answer is kept shortly.
            (Found { addrs, .. }, Broken { .. } | Silence) | (Broken { .. } | Silence, Found { addrs, .. }) => {
                Found { addrs, ttl: Duration::ZERO }
            }
            (Silence, _) | (_, Silence) => Silence,
            (Broken { why }, _) | (_, Broken { why }) => Broken { why },
            (NoName { ttl }, _) | (_, NoName { ttl }) => NoName { ttl },
            (NoAddress { ttl }, NoAddress { ttl: other_ttl }) => NoAddress { ttl: ttl.min(other_ttl) },
        }
    }
}

fn words_for(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "the name server could not find out (SERVFAIL)".to_owned(),
        ResponseCode::Refused => "the name server refuses to say (REFUSED)".to_owned(),
        code => format!("the name server answered with an error ({})", code.to_str()),
    }
}

/// Each address once, the families taking turns, IPv6 first, within each the server's order; the first [`ADDRESSES_MAX`].
fn in_turns(addrs: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (v6, v4): (Vec<_>, Vec<_>) = addrs.into_iter().partition(IpAddr::is_ipv6);
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = [v6.next(), v4.next()];
        if pair == [None, None] || turns.len() >= ADDRESSES_MAX {
            turns.truncate(ADDRESSES_MAX);
            return turns;
        }
        for addr in pair.into_iter().flatten() {
            if !turns.contains(&addr) {
                turns.push(addr);
            }
        }
    }
}
