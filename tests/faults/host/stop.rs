//! Row 68: the orderly stop.

use std::time::Duration;

use nix::sys::signal::Signal::{self, SIGINT, SIGTERM};
use rssd::clock::Clock;
use rssd::tarpit::Tls;

use super::super::scene::Scene;
use crate::drain::parsed_and_kept_from_disk;
use crate::support::http::Client;
use crate::support::{HANG_GUARD, NameServer, Reply, tarpit, until};

/// Of each way to hang.
const HUNG: usize = 40;

/// What the contract promises.
const PROMISE: Duration = Duration::from_secs(5);

/// A daemon with polls hung in every phase, and clients that wait or take nothing.
fn hung() -> (Scene, NameServer, Vec<Client>) {
    let names = NameServer::start(|_| Reply::Silence);
    let dns = format!("dns = [\"{}\"]", names.addr);
    let patient = "connect_timeout = \"60s\"\nread_timeout = \"300s\"\ntotal_timeout = \"600s\"";
    let mut scene = Scene::with(|tarpit, feeds| {
        for number in 0..HUNG {
            tarpit.tls(&format!("tls-{number}.localhost"), Tls::Silence);
        }
        feeds.daemon(&dns).default(patient)
    });
    scene.subscribe(|tarpit, mut feeds| {
        for number in 0..HUNG {
            feeds = feeds.feed(&format!("name-{number}"), tarpit.url(&format!("n{number}.test"), "/healthy/1"));
            let url = tarpit.tls_url(&format!("tls-{number}.localhost"), "/healthy/1");
            feeds = feeds.feed(&format!("tls-{number}"), url);
            for path in ["/hung", "/hung-body", "/dripping-header"] {
                let host = format!("h{number}-{}.localhost", &path[1..]);
                let url = tarpit.url(&host, &format!("{path}/{number}?ms=60000"));
                feeds = feeds.feed(&format!("{}-{number}", &path[1..]), url);
            }
        }
        feeds
    });
    let at = scene.at;
    let clients = (0..20).map(|number| {
        let mut client = Client::connect(at);
        let headers = if number % 2 == 0 { "Accept: text/event-stream\r\n" } else { "" };
        client.ask("/news/stream?after=1000000000000&wait=120", headers);
        client
    });
    let clients = clients.collect();
    let counts = || scene.tarpit.counts();
    until("all of them to hang", || {
        // TLS as well, and the control feed's connection may be kept.
        let is_asked = (0..HUNG).all(|number| names.asked(&format!("n{number}.test")) > 0);
        (is_asked && counts().open >= 4 * HUNG as u64).then_some(())
    });
    (scene, names, clients)
}

fn stops_on(signal: Signal, times: usize) {
    let (scene, _names, _clients) = hung();
    let stopped = scene.stop(|daemon| {
        for _ in 0..times {
            // It is our child and not waited for: its pid is nobody else's.
            daemon.signal(signal);
        }
    });
    let wrote = &stopped.finished.stderr;
    println!("{times} {signal} with all hung: {} ms", stopped.took.as_millis());
    assert!(stopped.took < PROMISE, "{:?}\n{wrote}", stopped.took);
    // What hangs is cancelled: being left behind is for what cannot be. After the second signal nobody says anything.
    assert!(times > 1 || !wrote.contains("left behind") && wrote.contains("stopped"), "{wrote}");
    let tarpit = &stopped.tarpit;
    assert!(tarpit.wait(HANG_GUARD, |counts| counts.open == 0), "{:?}", tarpit.counts());
    let unlucky: i64 = stopped
        .home
        .db()
        .one("SELECT count(*) FROM feed WHERE (failure_count > 0 OR poll_count > 0) AND name <> 'control'");
    assert_eq!(unlucky, 0, "a stop is nobody's failure: what was in flight is due as it was");
}

#[test]
fn row_68_sigterm_ends_it_in_time_with_everything_hung() {
    stops_on(SIGTERM, 1);
}

#[test]
fn row_68_sigint_ends_it_in_time_with_everything_hung() {
    stops_on(SIGINT, 1);
}

#[test]
fn row_68_a_hundred_sigterms_are_as_one() {
    stops_on(SIGTERM, 100);
}

#[test]
fn row_68_a_second_signal_leaves_at_once() {
    for second in [SIGTERM, SIGINT] {
        let tarpit = tarpit();
        let (home, mut daemon, lock) = parsed_and_kept_from_disk(&tarpit, 3);
        daemon.signal(SIGTERM);
        // Draining, and kept from the disk: without the second signal it would take all the time it has.
        daemon.wait_for_lines("asked to stop", 1);
        let asked = Clock::monotonic();
        daemon.signal(second);
        let finished = daemon.wait();
        let took = Clock::monotonic() - asked;
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        assert!(took < Duration::from_secs(2), "{took:?} after the second signal");
        drop(lock);
        home.db().assert_whole();
        assert!(tarpit.wait(HANG_GUARD, |counts| counts.open == 0), "{:?}", tarpit.counts());
    }
}
