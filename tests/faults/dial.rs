//! A. Resolve, connect, TLS.

mod names;
mod rebinding;
mod tls;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rssd::tarpit::Step;
use socket2::{Domain, Socket, Type};

use super::Row;
use super::cases::{self, Case, polled};
use super::scene::Scene;
use crate::support::{NameServer, Reply};

pub(super) const ROWS: &[Row] = &[
    Row {
        number: 1,
        fault: "name server never answers",
        tests: &["row_01_two_thousand_names_that_nobody_answers_for_cost_the_others_nothing"],
    },
    Row {
        number: 2,
        fault: "NXDOMAIN, SERVFAIL, empty answer, truncated answer, CNAME loop, 4,096 addresses",
        tests: &["row_02_bad_answers_of_name_servers_say_what_they_are"],
    },
    Row {
        number: 3,
        fault: "rebinding: first public, then loopback",
        tests: &["row_03_names_that_lead_inside_are_refused", "row_03_a_name_that_turns_inside_is_refused_as_root"],
    },
    Row {
        number: 4,
        fault: "SYN into nothing; closed port; no route",
        tests: &["row_04_who_cannot_be_connected_to_is_given_up_at_once_or_at_the_timeout"],
    },
    Row {
        number: 5,
        fault: "first address of several dead, IPv6 dead",
        tests: &["row_05_dead_addresses_are_passed_over_within_the_budget"],
    },
    Row { number: 6, fault: "accept, then silence", tests: &["row_06_silence_after_accept_ends_at_read_timeout"] },
    Row {
        number: 7,
        fault: "TLS: silence after the hello; 1 byte a second; close mid-handshake; plain HTTP on the port",
        tests: &["row_07_a_handshake_that_does_not_end_is_cut_and_costs_nothing"],
    },
    Row {
        number: 8,
        fault: "certificate expired, for another host, self-signed, absurdly long chain",
        tests: &["row_08_bad_certificates_are_told_apart_and_never_passed_over"],
    },
];

/// A port that takes no connection and refuses none: its queue is full, so the kernel drops every further SYN.
struct Blackhole {
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Blackhole {
    /// `None`: this machine has no such address.
    fn at(address: SocketAddr) -> Option<(Blackhole, SocketAddr)> {
        let listener = Socket::new(Domain::for_address(address), Type::STREAM, None).ok()?;
        listener.bind(&address.into()).ok()?;
        listener.listen(0).ok()?;
        let address = listener.local_addr().ok()?.as_socket()?;
        let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok());
        let queued = queued.take(16).collect::<Vec<_>>();
        assert!(queued.len() < 16, "a queue for none takes everybody");
        Some((Blackhole { _listener: listener, _queued: queued }, address))
    }
}

const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[test]
fn row_04_who_cannot_be_connected_to_is_given_up_at_once_or_at_the_timeout() {
    let (_blackhole, nothing) = Blackhole::at(ANY_PORT).expect("loopback has a free port");
    // Bound, so that it is nobody else's, and nobody listens.
    let closed = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    closed.bind(&ANY_PORT.into()).expect("loopback has a free port");
    let closed = closed.local_addr().ok().and_then(|address| address.as_socket()).expect("it is bound");
    let mut scene = Scene::new();
    let patient = "connect_timeout = \"60s\"\ntotal_timeout = \"90s\"";
    let cases = [
        Case::fails("nothing", format!("http://{nothing}/feed"), "connect", &["no connection within 1 s"])
            .with("connect_timeout = \"1s\""),
        Case::fails("closed", format!("http://{closed}/feed"), "connect", &[&closed.to_string(), "refused"])
            .with(patient),
        // The broadcast address of loopback: nobody can be reached there by TCP, and no packet is sent to find out.
        Case::fails("no-route", "http://127.255.255.255:9/feed", "connect", &["127.255.255.255:9", "unreachable"])
            .with(patient),
    ];
    cases::run(&mut scene, &cases);
    let db = scene.db();
    assert!(polled(&db, "nothing", "connect_ms") >= 1_000, "before the timeout");
    for at_once in ["closed", "no-route"] {
        let took_ms = polled(&db, at_once, "total_ms");
        assert!(took_ms < 20_000, "{at_once} was waited for: {took_ms} ms");
    }
    scene.end();
}

#[test]
fn row_05_dead_addresses_are_passed_over_within_the_budget() {
    const DEAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 8);
    const CLOSED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
    const GOOD: Ipv4Addr = Ipv4Addr::LOCALHOST;
    let names = NameServer::start(|name| match name.split('.').next() {
        Some("first-dead") => Reply::Addresses(vec![DEAD.into(), GOOD.into()]),
        Some("first-closed") => Reply::Addresses(vec![CLOSED.into(), GOOD.into()]),
        Some("six-dead") => Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into(), GOOD.into()]),
        Some("several-dead") => Reply::Addresses(vec![
            Ipv6Addr::LOCALHOST.into(),
            DEAD.into(),
            CLOSED.into(),
            [127, 0, 0, 10].into(),
            GOOD.into(),
        ]),
        Some("all-dead") => Reply::Addresses(vec![DEAD.into(), Ipv6Addr::LOCALHOST.into()]),
        Some("all-closed") => Reply::Addresses(vec![CLOSED.into(), [127, 0, 0, 10].into()]),
        _ => Reply::Code(3),
    });
    let mut scene = Scene::with(|_, feeds| feeds.daemon(&format!("dns = [\"{}\"]", names.addr)));
    // The same port as the good one's, on the addresses that are dead. Where there is no IPv6, it is dead enough.
    let port = scene.tarpit.addr().port();
    let _dead = Blackhole::at((DEAD, port).into()).expect("the port of another address");
    let _six = Blackhole::at((Ipv6Addr::LOCALHOST, port).into());
    let url = |scene: &Scene, name: &str| scene.tarpit.url(&format!("{name}.test"), "/healthy/1");
    let patient = "connect_timeout = \"20s\"\ntotal_timeout = \"30s\"";
    let mut cases: Vec<Case> = ["first-dead", "first-closed", "six-dead", "several-dead"]
        .map(|name| Case::reads(name, url(&scene, name), 30).with(patient))
        .into();
    cases.push(
        Case::fails("all-dead", url(&scene, "all-dead"), "connect", &["no connection within 1 s"])
            .with("connect_timeout = \"1s\""),
    );
    cases.push(
        Case::fails("all-closed", url(&scene, "all-closed"), "connect", &["127.0.0.9", "127.0.0.10"]).with(patient),
    );
    cases::run(&mut scene, &cases);
    let db = scene.db();
    for name in ["first-dead", "six-dead", "several-dead"] {
        let took_ms = polled(&db, name, "connect_ms");
        assert!(took_ms < 20_000, "{name}: the whole budget went into the first address: {took_ms} ms");
    }
    assert!(polled(&db, "all-dead", "connect_ms") >= 1_000, "before the timeout");
    scene.end();
}

#[test]
fn row_06_silence_after_accept_ends_at_read_timeout() {
    let mut scene = Scene::new();
    scene.home.write("ca.pem", scene.tarpit.ca_pem());
    scene.tarpit.route("sealed.localhost", "/feed", Step::Stall);
    let silent = scene.tarpit.listen(Step::Stall).expect("the tarpit takes a port");
    let unread = scene.tarpit.listen(Step::StallUnread).expect("the tarpit takes a port");
    let cases = [
        ("silent", format!("http://{silent}/feed")),
        ("unread", format!("http://{unread}/feed")),
        // Session tickets come after the handshake, and are not the beginning of an answer.
        ("sealed", scene.tarpit.tls_url("sealed.localhost", "/feed")),
    ]
    .map(|(name, url)| {
        let lines = "read_timeout = \"300ms\"\nca_file = \"ca.pem\"";
        Case::fails(name, url, "timeout(first byte)", &["no answer within 0.3 s"]).with(lines)
    });
    cases::run(&mut scene, &cases);
    for case in &cases {
        assert!(polled(&scene.db(), &case.name, "first_byte_ms") >= 300, "{}: before the timeout", case.name);
    }
    scene.end();
}
