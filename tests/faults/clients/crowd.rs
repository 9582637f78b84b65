//! Rows 47, 48 and 56: more clients than there is room for, and some that only hold their places.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rssd::clock::Clock;

use super::{EVENTS, PLAIN, crowd, metric, publish, streams};
use crate::faults::scene::Scene;
use crate::support::http::{Client, Events, get, get_with};
use crate::support::{BINARY, Daemon, Home, guids, pause, rss, until};

#[test]
fn row_47_idle_streams_cost_little_and_one_more_is_told_when_to_come_back() {
    let count = crowd(1_000);
    /// Of the process; a debug build's futures are larger.
    const KIB_A_STREAM_MAX: f64 = 64.0;
    let mut scene = Scene::with(|_, feeds| feeds.daemon(&format!("streams_max = {count}")));
    let last = publish(&mut scene, &rss("Plain", guids("plain", 3)), 3);
    let at = scene.at;
    let memory_kib = |scene: &Scene| scene.daemon.proc_status("VmRSS").expect("it runs");
    let before = memory_kib(&scene);
    let query = format!("after={last}&feed={PLAIN}");
    let idle: Vec<Client> = (0..count)
        .map(|_| {
            let mut client = Client::connect(at);
            client.ask(&format!("/news/stream?{query}"), EVENTS);
            client
        })
        .collect();
    until("all streams", || (streams(at) == count as u64).then_some(()));
    let each = (memory_kib(&scene) as f64 - before as f64) / count as f64;
    println!("{count} idle streams: {each:.1} KiB of resident memory each");
    assert!(each < KIB_A_STREAM_MAX, "{each:.1} KiB each");
    let refused_before = metric(at, "rssd_http_refused_total{what=\"stream\"}");
    for headers in ["", EVENTS] {
        let refused = get_with(at, &format!("/news/stream?{query}"), headers);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")), "{}", refused.text());
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(metric(at, "rssd_http_refused_total{what=\"stream\"}"), refused_before + 2);
    assert_eq!(metric(at, "rssd_streams_max"), count as u64);
    assert_eq!((get(at, "/articles").status, get(at, "/").status), (200, 200));
    drop(idle);
    until("a seat", || (get(at, "/news/stream?after=0").status == 200).then_some(()));
    // As many as leave at once leave no memory behind: the allocator alone would keep most of it.
    scene.daemon.wait_for_lines("clients have left, and their memory with them", 1);
    let finished = scene.end();
    println!("{}", finished.stderr.lines().filter(|line| line.contains("clients have left")).collect::<String>());
}

#[test]
fn row_48_who_asks_slowly_is_closed_at_ten_seconds_in_total() {
    /// 10 s is the promise.
    const CLOSED_MAX: Duration = Duration::from_secs(20);
    let scene = Scene::new();
    let at = scene.at;
    let start = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    let body = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx";
    let chunks = "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx";
    let whole = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let clients: Vec<_> = [
        ("says nothing", "", ""),
        ("begins and stops", "GET / HT", ""),
        ("stops before the last line", start, ""),
        ("drips its first line", "", "G"),
        ("drips headers", start, "X: y\r\n"),
        ("drips one header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "y"),
        ("drips empty lines", "", "\r\n"),
        ("drips a body", body, "x"),
        ("drips chunks", chunks, "x"),
        ("idles after an answer", whole, ""),
        ("drips the next request", whole, "G"),
    ]
    .into_iter()
    .map(|(who, first, drip)| {
        thread::spawn(move || {
            let began = Clock::monotonic();
            let mut client = Client::connect(at);
            client.send(first);
            let mut sender = client.sender();
            let dripper = thread::spawn(move || {
                while !drip.is_empty()
                    && Clock::monotonic() - began < CLOSED_MAX
                    && sender.write_all(drip.as_bytes()).is_ok()
                {
                    pause(Duration::from_millis(200));
                }
            });
            let said = client.until_closed();
            let took = Clock::monotonic() - began;
            dripper.join().expect("it only writes");
            (who, took, said)
        })
    })
    .collect();
    for client in clients {
        let (who, took, said) = client.join().expect("it only waits");
        let said = String::from_utf8_lossy(&said);
        println!("{who}: closed after {took:?}: {:?}", said.lines().next());
        assert!(took < CLOSED_MAX, "{who}: closed after {took:?}");
        match who {
            "drips a body" => assert!(said.starts_with("HTTP/1.1 405 "), "{who}: {said}"),
            "drips chunks" => assert!(said.starts_with("HTTP/1.1 400 "), "{who}: {said}"),
            "idles after an answer" | "drips the next request" => {
                assert!(said.starts_with("HTTP/1.1 200 "), "{who}: {said}")
            }
            _ => assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{who}: {said}"),
        }
    }
    scene.end();
}

#[test]
fn row_56_reconnects_are_spread_and_a_storm_of_them_is_served() {
    let count = crowd(200);
    const THREADS: usize = 4;
    let mut scene = Scene::new();
    publish(&mut scene, &rss("Plain", guids("plain", 5)), 5);
    let at = scene.at;
    let query = format!("after=0&feed={PLAIN}&limit=1");
    let open = |headers: &str| Events::open(at, &query, headers);
    // Each is told how long to wait before it comes back, and not all the same.
    let mut first: Vec<(Events, String, u64)> = Vec::new();
    for _ in 0..count {
        let mut events = open("");
        let retry = events.next().and_then(|event| event.retry_ms).expect("retry comes first");
        let id = events.next_of("article").id.expect("an id");
        first.push((events, id, retry));
    }
    let mut bins = BTreeMap::<u64, usize>::new();
    for (.., retry) in &first {
        *bins.entry(retry / 500).or_default() += 1;
    }
    println!("{count} clients come back by half seconds: {bins:?}");
    assert!(first.iter().all(|(.., retry)| (1_000..5_000).contains(retry)), "{bins:?}");
    // Eight bins: an eighth each, were it all even.
    assert!(bins.len() == 8 && bins.values().all(|&in_bin| in_bin < count / 4), "{bins:?}");
    // They lose the connection at once and, by clients that do not know of `retry:`, are back at once.
    let ids: Vec<String> = first.into_iter().map(|(_, id, _)| id).collect();
    let began = Clock::monotonic();
    let storm: Vec<_> = ids
        .chunks(count.div_ceil(THREADS))
        .map(|ids| {
            let (ids, query) = (ids.to_vec(), query.clone());
            thread::spawn(move || {
                let clients: Vec<Client> = (ids.iter())
                    .map(|id| {
                        let mut client = Client::connect(at);
                        client.ask(&format!("/news/stream?{query}"), &format!("{EVENTS}Last-Event-ID: {id}\r\n"));
                        client
                    })
                    .collect();
                let next = clients.into_iter().map(|client| client.events().expect("a stream").next_of("article").id);
                next.collect::<Vec<_>>()
            })
        })
        .collect();
    let next: Vec<_> = storm.into_iter().flat_map(|thread| thread.join().expect("it only reads")).collect();
    println!("{} came back at once and had their next article after {:?}", next.len(), Clock::monotonic() - began);
    // All had the same first one, and have the same second one.
    assert!(next.len() == count && next.iter().all(|id| *id == next[0] && *id > Some(ids[0].clone())), "{:?}", next[0]);
    until("the streams to be gone", || (streams(at) == 0).then_some(()));
    scene.end();
}

/// The daemon with so many descriptors.
fn with_descriptors(home: &Home, descriptors: u32) -> Command {
    let mut command = home.command_of("sh");
    command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""), BINARY]);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.db_path());
    command
}

fn health(at: SocketAddr) -> u16 {
    get(at, "/health").status
}

#[test]
fn row_56_a_connection_too_many_hears_how_we_are() {
    // Clients have half of them at most.
    let mut scene = Scene::started_by(|_, feeds| feeds, |home| with_descriptors(home, 700));
    let at = scene.at;
    let mut early = Client::connect(at);
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    let crowd: Vec<Client> = (0..380).map(|_| Client::connect(at)).collect();
    until("a connection to be one too many", || (get(at, "/articles").status == 503).then_some(()));
    let mut refused = Client::connect(at);
    refused.ask("/articles", "");
    let answer = refused.answer().expect("an answer");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("2")), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("connections")), "{}", answer.text());
    refused.until_closed();
    // A load balancer is no reason to say no, and a stranger's page no more welcome than ever.
    let answer = get(at, "/health");
    assert_eq!((answer.status, &answer.json()["status"]), (200, &"ok".into()));
    assert_eq!((get(at, "/health/live").text(), get(at, "/health/ready").text()), ("ok\n", "ok\n"));
    let mut stranger = Client::connect(at);
    stranger.send("GET /health HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    assert_eq!(stranger.answer().expect("an answer").status, 421);
    // Who is in stays in, and the feeds are polled.
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    scene.control_goes_on(2);
    drop(crowd);
    until("a place", || (get(at, "/articles").status == 200).then_some(()));
    assert!(metric(at, "rssd_http_refused_total{what=\"connection\"}") >= 1);
    scene.end();
}

/// Processor time that a process has taken so far.
fn processor_time(daemon: &Daemon) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("it runs");
    // Behind the name, which may hold anything: fields 14 and 15 of proc(5).
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // A hundred a second, whatever the kernel counts in (USER_HZ).
    Duration::from_millis(ticks * 10)
}

#[test]
fn row_56_health_answers_without_a_descriptor_left() {
    const DESCRIPTORS: u32 = 64;
    let mut scene = Scene::started_by(|_, feeds| feeds, |home| with_descriptors(home, DESCRIPTORS));
    let at = scene.at;
    let mut early = Client::connect(at);
    early.ask("/health/live", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    // More than there are descriptors for: the kernel holds the rest ready.
    let crowd: Vec<Client> = (0..80).map(|_| Client::connect(at)).collect();
    let open = |scene: &Scene| std::fs::read_dir(format!("/proc/{}/fd", scene.daemon.pid())).expect("it runs").count();
    until("the last descriptor", || (open(&scene) >= DESCRIPTORS as usize - 1).then_some(()));
    let (began, used) = (Clock::monotonic(), processor_time(&scene.daemon));
    let mut longest = Duration::ZERO;
    for _ in 0..30 {
        let asked = Clock::monotonic();
        assert_eq!(health(at), 200, "by a new connection");
        longest = longest.max(Clock::monotonic() - asked);
    }
    pause(Duration::from_millis(500));
    let (time, used) = (Clock::monotonic() - began, processor_time(&scene.daemon) - used);
    println!("{} descriptors open; /health: {longest:?} at most; {used:?} of processor time in {time:?}", open(&scene));
    assert!(used < time / 2, "it accepts in a loop: {used:?} of {time:?}");
    // Who is in stays in, and the feed that has its connection is polled.
    early.ask("/health", "");
    assert_eq!(early.answer().expect("an answer").status, 200);
    scene.control_goes_on(1);
    drop(crowd);
    until("a place", || (get(at, "/articles").status == 200).then_some(()));
    scene.end();
}
