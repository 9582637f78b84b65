//! TLS that is slow, broken or somebody else's.

use std::fs;
use std::time::Duration;

use rssd::clock::Clock;
use rssd::tarpit::Tls;

use crate::faults::cases::{self, Case, polled};
use crate::faults::scene::Scene;
use crate::support::Daemon;

/// The tarpit's authority, and who trusts it.
fn trusted(scene: &Scene) -> &'static str {
    scene.home.write("ca.pem", scene.tarpit.ca_pem());
    "ca_file = \"ca.pem\""
}

/// Milliseconds of CPU that a process has used.
fn cpu_ms(daemon: &Daemon) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("it runs");
    // Behind the name, which may hold anything; user and system time, in ticks of a hundredth.
    let (_, rest) = stat.rsplit_once(')').expect("the name is in brackets");
    rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
}

#[test]
fn row_07_a_handshake_that_does_not_end_is_cut_and_costs_nothing() {
    let mut scene = Scene::new();
    let trust = trusted(&scene);
    let cases = [
        ("silence", Tls::Silence, "did not end within 2 s"),
        ("drip", Tls::Drip(Duration::from_secs(1)), "did not end within 2 s"),
        // As fast as a machine drips.
        ("quick-drip", Tls::Drip(Duration::from_millis(5)), "did not end within 2 s"),
        ("closed", Tls::CloseMidHandshake, "closed the connection during the handshake"),
        ("plain", Tls::PlainHttp, "does not speak TLS"),
    ]
    .map(|(name, tls, words)| {
        let host = format!("{name}.localhost");
        scene.tarpit.tls(&host, tls);
        let url = scene.tarpit.tls_url(&host, "/healthy/1");
        Case::fails(name, url, "tls", &[words]).with(trust).with("connect_timeout = \"2s\"")
    });
    cases::subscribe(&mut scene, &cases);
    let (started, before_ms) = (Clock::monotonic(), cpu_ms(&scene.daemon));
    cases::assert_ends(&mut scene, &cases);
    let (took_ms, used_ms) = (Clock::elapsed_ms(started), cpu_ms(&scene.daemon) - before_ms);
    println!("{used_ms} ms of CPU in {took_ms} ms");
    assert!(used_ms * 2 < took_ms, "it spins: {used_ms} ms of CPU in {took_ms} ms");
    for hung in ["silence", "drip", "quick-drip"] {
        assert!(polled(&scene.db(), hung, "tls_ms") >= 2_000, "{hung}: before the timeout");
    }
    scene.end();
}

#[test]
fn row_08_bad_certificates_are_told_apart_and_never_passed_over() {
    let mut scene = Scene::new();
    let trust = trusted(&scene);
    let mut cases: Vec<Case> = [
        ("expired", Tls::Expired, "has expired"),
        ("elsewhere", Tls::WrongHost, "is for another host"),
        ("self-signed", Tls::SelfSigned, "signed by nobody that this machine trusts"),
        ("long-chain", Tls::LongChain(30), "chain of others that is too long"),
        ("absurd-chain", Tls::LongChain(400), "chain of others that is larger than 64 KiB"),
    ]
    .map(|(name, tls, words)| {
        let host = format!("{name}.localhost");
        scene.tarpit.tls(&host, tls);
        let url = scene.tarpit.tls_url(&host, "/healthy/1");
        Case::fails(name, url, "tls", &[words]).with(trust).with("connect_timeout = \"20s\"")
    })
    .into();
    // Everything else is as it should be; and without the authority, nobody is trusted.
    cases.push(Case::reads("good", scene.tarpit.tls_url("good.localhost", "/healthy/1"), 30).with(trust));
    scene.tarpit.tls("short-chain.localhost", Tls::LongChain(2));
    cases.push(Case::reads("short-chain", scene.tarpit.tls_url("short-chain.localhost", "/healthy/1"), 30).with(trust));
    cases.push(Case::fails("unknown", scene.tarpit.tls_url("unknown.localhost", "/healthy/1"), "tls", &["ca"]));
    cases::run(&mut scene, &cases);
    // Nobody was asked without TLS, or behind a certificate that is not theirs.
    for request in scene.tarpit.requests_of("/healthy/1") {
        let host = &*request.head.host;
        assert!(request.tls && ["good.localhost", "short-chain.localhost"].contains(&host), "{host} was asked");
    }
    scene.end();
}
