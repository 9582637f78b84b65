//! Names of strangers that lead inside, at once or later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sched::{CloneFlags, unshare};
use rssd::tarpit::{Options, Tarpit};

use crate::faults::cases::{self, Case};
use crate::faults::scene::Scene;
use crate::support::{NameServer, Reply};

/// A feed of a stranger's: it may not lead inside.
const STRANGER: &str = "allow_private = false";

#[test]
fn row_03_names_that_lead_inside_are_refused() {
    let names = NameServer::start(|name| match name.split('.').next() {
        Some("loopback") => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.into()]),
        Some("six") => Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]),
        Some("mapped") => Reply::Addresses(vec![Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()]),
        Some("private") => Reply::Addresses(vec![[192, 168, 1, 1].into(), [10, 0, 0, 1].into()]),
        _ => Reply::Code(3),
    });
    // As somebody else, on a port of their own, so that whoever comes at all is seen.
    let inside = crate::support::tarpit();
    let mut scene = Scene::with(|_, feeds| feeds.daemon(&format!("dns = [\"{}\"]", names.addr)));
    let hosts = ["loopback", "six", "mapped", "private"];
    let cases = hosts.map(|host| {
        let url = inside.url(&format!("{host}.test"), "/healthy/1");
        Case::fails(host, url, "policy", &["address guard refuses", "allow_private"]).with(STRANGER)
    });
    cases::run(&mut scene, &cases);
    for host in hosts {
        let name = format!("{host}.test");
        assert!((1..=2).contains(&names.asked(&name)), "{name}: once a family, and what is checked is what came");
    }
    assert_eq!(inside.counts().accepted, 0, "nobody inside was dialled");
    scene.end();
}

#[test]
#[ignore = "needs root: a network of its own, in which a public address is this machine's"]
fn row_03_a_name_that_turns_inside_is_refused_as_root() {
    const PUBLIC: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);
    network_of_our_own(&[PUBLIC.into()]);
    let turned = Arc::new(AtomicBool::new(false));
    let is_turned = turned.clone();
    let names = NameServer::start(move |_| {
        let now: IpAddr = if is_turned.load(Ordering::Relaxed) { Ipv4Addr::LOCALHOST.into() } else { PUBLIC.into() };
        Reply::Fleeting(vec![now])
    });
    let outside = Tarpit::start(Options { listen: SocketAddr::from((PUBLIC, 0)), ..Options::default() });
    let outside = outside.expect("the address is ours");
    // The same port, inside.
    let inside =
        Tarpit::start(Options { listen: (Ipv4Addr::LOCALHOST, outside.addr().port()).into(), ..Options::default() });
    let inside = inside.expect("a port of another address");
    let mut scene = Scene::with(|_, feeds| feeds.daemon(&format!("dns = [\"{}\"]\ncores = 1", names.addr)));
    // A minute is the least that a stranger may be asked at: whatever is changed of the feed, it is due again at once.
    let url = outside.url("turning.test", "/growing/1");
    cases::run(&mut scene, &[Case::reads("turning", &url, 10).with(STRANGER)]);
    assert_eq!((outside.counts().requests, inside.counts().accepted), (1, 0));

    turned.store(true, Ordering::Relaxed);
    // Longer than the first answer may be kept.
    crate::support::pause(rssd::limits::DNS_TTL_MIN);
    let again = outside.url("turning.test", "/growing/2");
    cases::run(&mut scene, &[Case::fails("turned", again, "policy", &["127.0.0.1", "allow_private"]).with(STRANGER)]);
    assert_eq!((outside.counts().requests, inside.counts().accepted), (1, 0), "nobody inside was dialled");
    scene.end();
}

/// Moves this thread, and whatever it starts from now on, to a network with nothing but loopback and these addresses.
fn network_of_our_own(addresses: &[IpAddr]) {
    unshare(CloneFlags::CLONE_NEWNET).expect("root may have a network of its own");
    let ip = |arguments: &[&str]| {
        let status = Command::new("ip").args(arguments).status().expect("iproute2 is installed");
        assert!(status.success(), "ip {arguments:?}: {status}");
    };
    for address in addresses {
        ip(&["address", "add", &address.to_string(), "dev", "lo"]);
    }
    ip(&["link", "set", "lo", "up"]);
}
