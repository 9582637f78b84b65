//! The resolver against name servers of every temper.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use glommio::{LocalExecutorBuilder, Placement};
use url::Host;

use super::name_server::{MANY, NameServer};
use super::{NameService, Resolver, in_turns};
use crate::clock::Clock;
use crate::executor::sleep;
use crate::failure::{Class, Failure, Phase};
use crate::fetch::guard;
use crate::limits::{ADDRESSES_MAX, DNS_ATTEMPT_TIMEOUT, DNS_ATTEMPTS, DNS_SOCKETS_MAX, DNS_TCP_IDLE, DNS_TCP_MAX};

/// Longer than anything that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on an executor; a test that hangs fails.
fn on_core<T>(test: impl Future<Output = T>) -> T {
    let core = LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().unwrap();
    let hangs = async {
        sleep(PATIENCE).await;
        panic!("the test hangs");
    };
    core.run(future::or(test, hangs))
}

fn resolver(servers: &[SocketAddr]) -> Rc<Resolver> {
    let hosts = HashMap::from([("written.test".to_owned(), vec!["10.0.0.7".parse().unwrap()])]);
    let service =
        NameService { servers: servers.to_vec(), search: vec!["corp.test".to_owned()], hosts: Arc::new(hosts) };
    Rc::new(Resolver::new(&service).unwrap())
}

async fn resolve(resolver: &Resolver, name: &str) -> Result<Vec<String>, Failure> {
    let addrs = resolver.resolve(&Host::Domain(name), PATIENCE).await?;
    Ok(addrs.iter().map(IpAddr::to_string).collect())
}

const GOOD: [&str; 4] = ["2001:db8::", "192.0.2.0", "2001:db8::1", "192.0.2.1"];

#[test]
fn answers_of_every_kind() {
    let server = NameServer::start();
    let addr = server.addr;
    on_core(async {
        let resolver = resolver(&[addr]);
        for name in
            ["good.test", "GOOD.test", "good.test.", "alias.test", "truncated.test", "forged.test", "under_score.test"]
        {
            assert_eq!(resolve(&resolver, name).await.as_deref(), Ok(&GOOD.map(str::to_owned)[..]), "{name}");
        }
        for (name, words) in [
            ("nx.test", "no such name (NXDOMAIN"),
            ("empty.test", "the name has no address"),
            ("loop-a.test", "the name has no address"),
            ("fail.test", "could not find out (SERVFAIL)"),
            ("refused.test", "refuses to say (REFUSED)"),
            ("garbage.test", "protocol error"),
        ] {
            // Of its own: where there is a connection already, hickory asks a second time over that, and waits.
            let resolver = self::resolver(&[addr]);
            let failure = resolve(&resolver, name).await.expect_err(name);
            assert_eq!((failure.class, failure.phase), (Class::Dns, Phase::Resolve), "{name}");
            let message = failure.message;
            assert!(message.starts_with(&format!("resolve {name}: ")), "{message}");
            assert!(message.contains(words) && message.contains(&addr.to_string()), "{message}");
        }
        let long = "a".repeat(64) + ".test";
        assert!(resolve(&resolver, &long).await.unwrap_err().message.contains("it is no domain name"));
    });
}

#[test]
fn what_needs_no_name_server_asks_none() {
    let server = NameServer::start();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        for name in ["localhost", "LOCALHOST.", "feeds.localhost"] {
            assert_eq!(resolve(&resolver, name).await.unwrap(), ["127.0.0.1", "::1"], "{name}");
        }
        assert_eq!(resolve(&resolver, "Written.test.").await.unwrap(), ["10.0.0.7"]);
        for (host, addr) in [
            (Host::Ipv4("192.0.2.1".parse().unwrap()), "192.0.2.1"),
            (Host::Ipv6("2001:db8::1".parse().unwrap()), "2001:db8::1"),
        ] {
            assert_eq!(resolver.resolve(&host, PATIENCE).await, Ok(vec![addr.parse().unwrap()]));
        }
    });
    assert_eq!(server.questions(), 0);
}

#[test]
fn search_domains_are_for_names_without_a_dot() {
    let server = NameServer::start();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        assert_eq!(resolve(&resolver, "intranet").await.unwrap(), GOOD);
        assert!(resolve(&resolver, "nx.test").await.is_err());
    });
    assert!(server.asked("intranet.corp.test") > 0);
    assert_eq!(server.asked("nx.test.corp.test"), 0);
}

#[test]
fn a_crowd_of_addresses_is_cut() {
    let server = NameServer::start();
    on_core(async {
        let addrs = resolve(&resolver(&[server.addr]), "many.test").await.unwrap();
        assert!(usize::from(MANY) > ADDRESSES_MAX);
        assert_eq!(addrs.len(), ADDRESSES_MAX);
        assert_eq!(addrs[..4], GOOD);
    });
}

#[test]
fn families_take_turns() {
    let turns = |addrs: &[&str]| {
        let addrs = in_turns(addrs.iter().map(|addr| addr.parse().unwrap()));
        addrs.iter().map(IpAddr::to_string).collect::<Vec<_>>()
    };
    assert_eq!(turns(&["1.1.1.1", "1.1.1.2", "1.1.1.3", "::a"]), ["::a", "1.1.1.1", "1.1.1.2", "1.1.1.3"]);
    assert_eq!(turns(&["1.1.1.1", "1.1.1.1", "::a", "::a", "::b"]), ["::a", "1.1.1.1", "::b"]);
    let many: Vec<_> = (0..20).flat_map(|n| [format!("::{:x}", n.max(1)), format!("1.1.1.{n}")]).collect();
    assert_eq!(turns(&many.iter().map(String::as_str).collect::<Vec<_>>()).len(), ADDRESSES_MAX);
    assert_eq!(turns(&["1.1.1.1"]), ["1.1.1.1"]);
    assert_eq!(turns(&[]), [""; 0]);
}

/// A server that never answers for one family costs less than one attempt; one that fails for it costs nothing.
#[test]
fn a_silent_family_is_not_waited_for() {
    let server = NameServer::start();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        let less_than_an_attempt = DNS_ATTEMPT_TIMEOUT - Duration::from_secs(1);
        for (name, addrs) in [
            ("hang-aaaa.test", ["192.0.2.0", "192.0.2.1"]),
            ("fail-aaaa.test", ["192.0.2.0", "192.0.2.1"]),
            ("hang-a.test", ["2001:db8::", "2001:db8::1"]),
        ] {
            let found = resolver.resolve(&Host::Domain(name), less_than_an_attempt).await;
            assert_eq!(found, Ok(addrs.map(|addr| addr.parse().unwrap()).into()), "{name}");
        }
    });
}

#[test]
fn the_deadline_ends_a_lookup_and_says_so() {
    let server = NameServer::start();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        for name in ["hang.test", "truncated-hang.test"] {
            let failure = resolver.resolve(&Host::Domain(name), Duration::from_millis(300)).await.unwrap_err();
            assert_eq!(failure.class, Class::Dns);
            let expected = format!("resolve {name}: no answer from {} within 0.", server.addr);
            assert!(failure.message.starts_with(&expected), "{}", failure.message);
        }
        // Not kept: the next caller may have more patience.
        let before = server.asked("hang.test");
        let _ = resolver.resolve(&Host::Domain("hang.test"), Duration::from_millis(50)).await;
        assert!(server.asked("hang.test") > before);
    });
}

#[test]
fn lookups_of_one_name_are_one_and_its_answer_is_kept() {
    let server = NameServer::start();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        for name in ["good.test", "nx.test", "empty.test", "fail.test"] {
            let all: Vec<_> = (0..100)
                .map(|_| {
                    let resolver = Rc::clone(&resolver);
                    glommio::spawn_local(async move { resolve(&resolver, name).await })
                })
                .collect();
            let mut ends = Vec::new();
            for one in all {
                ends.push(one.await);
            }
            assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
            let asked = server.asked(name);
            // Once for each family; after SERVFAIL up to three times.
            let most = if name == "fail.test" { 6 } else { 2 };
            assert!(asked <= most, "{name} was asked for {asked} times");
            assert_eq!(Some(resolve(&resolver, name).await), ends.pop());
            assert_eq!(server.asked(name), asked, "{name} was not kept");
        }
    });
}

/// 2,000 names that nobody answers for hang, while 500 others come and go as if they were alone.
#[test]
fn dead_names_cost_the_others_nothing() {
    let server = NameServer::start();
    let port = server.addr.port();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        let (ended, started) = (Rc::new(Cell::new(0)), Clock::monotonic());
        let hung: Vec<_> = (0..2_000)
            .map(|n| {
                let (resolver, ended) = (Rc::clone(&resolver), Rc::clone(&ended));
                glommio::spawn_local(async move {
                    let _ = resolve(&resolver, &format!("hang{n}.test")).await;
                    ended.set(ended.get() + 1);
                })
            })
            .collect();
        until(|| server.questions() >= 1_000).await;
        for n in 0..500 {
            assert_eq!(resolve(&resolver, &format!("good{n}.test")).await.unwrap(), GOOD);
        }
        // A busy machine may take longer for all this than they have.
        let is_early = Clock::monotonic() - started < DNS_ATTEMPT_TIMEOUT * DNS_ATTEMPTS as u32;
        assert!(ended.get() == 0 || !is_early, "{} hung lookups ended before their deadline", ended.get());
        assert!(resolver.descriptors() <= DNS_SOCKETS_MAX, "{} descriptors", resolver.descriptors());
        assert!(sockets_to(port) <= DNS_SOCKETS_MAX, "{} sockets", sockets_to(port));
        assert!(resolver.background_tasks() <= 4, "{} tasks", resolver.background_tasks());
        for lookup in hung {
            lookup.cancel().await;
        }
    });
}

#[test]
fn dropped_lookups_leave_nothing_behind() {
    let server = NameServer::start();
    let port = server.addr.port();
    on_core(async {
        let resolver = resolver(&[server.addr]);
        for round in 0..2 {
            let mut hung: Vec<_> = (0..1_000)
                .map(|n| {
                    let resolver = Rc::clone(&resolver);
                    Box::pin(async move { resolve(&resolver, &format!("hang{n}.round{round}.test")).await })
                })
                .collect();
            for lookup in &mut hung {
                assert!(future::poll_once(lookup).await.is_none());
            }
            // Each opens its socket only when hickory's task has run.
            until(|| {
                hung.iter_mut().for_each(|lookup| assert!(poll(lookup).is_none()));
                resolver.descriptors() == DNS_SOCKETS_MAX
            })
            .await;
            assert_eq!(sockets_to(port), DNS_SOCKETS_MAX);
            drop(hung);
            until(|| resolver.descriptors() == 0 && sockets_to(port) == 0).await;
        }
        assert_eq!(resolve(&resolver, "good.test").await.unwrap(), GOOD);
        until(|| resolver.descriptors() == 0 && sockets_to(port) == 0).await;
        resolver.close(PATIENCE).await;
        assert_eq!(resolver.background_tasks(), 0);
        assert!(resolve(&resolver, "other.test").await.unwrap_err().message.contains("closed"));
    });
}

/// Answers that did not fit a datagram, of a server that then says nothing over TCP: connections are bounded too, and go
/// away by themselves, though hickory would keep them for as long as the server does.
#[test]
fn connections_to_a_silent_name_server_are_few_and_end() {
    let server = NameServer::start();
    on_core(async {
        let (resolver, started) = (resolver(&[server.addr]), Clock::monotonic());
        let hung: Vec<_> = (0..200)
            .map(|n| {
                let resolver = Rc::clone(&resolver);
                glommio::spawn_local(async move { resolve(&resolver, &format!("truncated-hang{n}.test")).await })
            })
            .collect();
        until(|| server.connections() >= DNS_TCP_MAX).await;
        for n in 0..100 {
            assert_eq!(resolve(&resolver, &format!("good{n}.test")).await.unwrap(), GOOD);
        }
        // Idle ones are closed, and others opened in their place, on a machine that is as slow as that.
        let may_be_others = Clock::monotonic() - started >= DNS_TCP_IDLE;
        assert!(server.connections() == DNS_TCP_MAX || may_be_others, "{}", server.connections());
        assert!(resolver.descriptors() <= DNS_SOCKETS_MAX + DNS_TCP_MAX as usize, "{}", resolver.descriptors());
        for lookup in hung {
            lookup.cancel().await;
        }
        until(|| resolver.descriptors() == 0).await;
        assert_eq!(resolve(&resolver, "truncated.test").await.unwrap(), GOOD);
    });
}

#[test]
fn one_of_two_name_servers_may_be_dead() {
    let server = NameServer::start();
    // Bound and never read: silence. And a port where nobody is: refusal.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    on_core(async {
        for servers in [[silent.local_addr().unwrap(), server.addr], [closed, server.addr], [server.addr, closed]] {
            assert_eq!(resolve(&resolver(&servers), "good.test").await.unwrap(), GOOD, "{servers:?}");
        }
        let failure = resolve(&resolver(&[closed]), "good.test").await.unwrap_err();
        assert!(failure.message.to_lowercase().contains("connection refused"), "{}", failure.message);
    });
}

/// What is checked is what is dialled: the resolver hands out addresses once, and the guard judges those.
#[test]
fn a_name_that_turns_to_loopback_is_refused_by_the_guard() {
    let server = NameServer::start();
    on_core(async {
        let verdict = async || {
            let addrs = resolver(&[server.addr]).resolve(&Host::Domain("rebind.test"), PATIENCE).await.unwrap();
            addrs.into_iter().map(guard::check).collect::<Result<Vec<_>, _>>()
        };
        assert!(verdict().await.is_ok());
        assert!(verdict().await.unwrap_err().to_string().contains("loopback"));
    });
}

/// Lets the core turn until something has happened.
async fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        sleep(Duration::from_millis(1)).await;
    }
}

fn poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(end) => Some(end),
        std::task::Poll::Pending => None,
    }
}

/// UDP sockets of this machine that are connected to a port: the kernel's count, and not ours.
fn sockets_to(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let remote = format!("0100007F:{port:04X}");
    table.lines().filter(|line| line.split_whitespace().nth(2) == Some(&remote)).count()
}
