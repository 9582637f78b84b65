//! What an operator asks of `/metrics`: each figure is seen to move when that happens which it counts.

use std::net::SocketAddr;
use std::time::Duration;

use rssd::tarpit::{Answer, Script, Step, Tarpit};

use crate::support::http::{Client, listening};
use crate::support::metrics::Metrics;
use crate::support::{Daemon, Feeds, Home, guids, rss, tarpit};

const RSS: &str = "application/rss+xml";

/// A daemon over these feeds, which are polled every second.
struct Scene {
    at: SocketAddr,
    _daemon: Daemon,
    tarpit: Tarpit,
    _home: Home,
}

impl Scene {
    fn with(subscribe: impl FnOnce(&Tarpit, Feeds) -> Feeds) -> Scene {
        Scene::started_by(subscribe, |home| home.start())
    }

    fn started_by(subscribe: impl FnOnce(&Tarpit, Feeds) -> Feeds, start: impl FnOnce(&Home) -> Daemon) -> Scene {
        let tarpit = tarpit();
        let home = Home::with(&subscribe(&tarpit, Feeds::new().every_second()));
        let mut daemon = start(&home);
        let at = listening(&mut daemon);
        Scene { at, _daemon: daemon, tarpit, _home: home }
    }

    fn until(&self, series: &str, is_wanted: impl Fn(f64) -> bool) -> Metrics {
        Metrics::until(self.at, series, is_wanted)
    }
}

#[test]
fn what_came_of_polls_and_what_they_took() {
    let document = rss("Plain", guids("plain", 3));
    let length = document.len() as f64;
    let scene = Scene::with(|tarpit, feeds| {
        tarpit.route("new.localhost", "/feed", Answer::ok(RSS, &document).etag("\"1\""));
        tarpit.route("same.localhost", "/feed", Answer::ok(RSS, &document));
        tarpit.route("broken.localhost", "/feed", Answer::status(500));
        let slow = [Step::Wait(Duration::from_millis(300)), Step::Answer(Answer::ok(RSS, &document))];
        tarpit.route("slow.localhost", "/feed", slow.to_vec());
        ["new", "same", "broken", "slow"]
            .iter()
            .fold(feeds, |feeds, name| feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed")))
    });
    for outcome in ["ok", "unchanged", "not_modified", "failed"] {
        scene.until(&format!("rssd_poll_outcomes_total{{outcome=\"{outcome}\"}}"), |count| count > 0.0);
    }
    let metrics = scene.until("rssd_poll_seconds_bucket{le=\"0.25\"}", |count| count > 0.0);
    let polls = metrics.sum("rssd_poll_seconds_count");
    assert!(metrics.sum("rssd_polls_total") >= polls, "each poll is in both, and counted there first");
    assert_eq!(metrics.sum("rssd_poll_seconds_bucket{le=\"+Inf\"}"), polls);
    let slow = scene.until("rssd_poll_phase_seconds_sum{phase=\"first_byte\"}", |seconds| seconds >= 0.3);
    assert!(slow.sum("rssd_poll_seconds_sum") >= 0.3);
    for phase in ["resolve", "connect", "first_byte", "body", "parse", "commit"] {
        scene.until(&format!("rssd_poll_phase_seconds_count{{phase=\"{phase}\"}}"), |count| count > 0.0);
    }
    assert_eq!(metrics.sum("rssd_poll_phase_seconds_count{phase=\"tls\"}"), 0.0, "nobody has asked by https");
    assert_eq!(metrics.sum("rssd_decoded_bytes_total") % length, 0.0, "only whole documents are counted");
    let metrics = scene.until("rssd_decoded_bytes_total", |bytes| bytes >= 3.0 * length);
    assert!(metrics.sum("rssd_fetched_bytes_total") > metrics.sum("rssd_decoded_bytes_total"), "heads come on top");
    let delays = metrics.sum("rssd_poll_delay_seconds_count");
    assert!(delays >= metrics.sum("rssd_poll_seconds_count"), "whoever ended has begun");
    assert_eq!(metrics.sum("rssd_health{status=\"ok\"}"), 1.0);
}

#[test]
fn who_fails_since_when_and_by_class() {
    let scene = Scene::with(|tarpit, feeds| {
        tarpit.route("a.localhost", "/feed", Answer::status(500));
        tarpit.route(
            "b.localhost",
            "/feed",
            Script::from(Answer::status(503)).then(Answer::ok(RSS, rss("B", guids("b", 1)))),
        );
        tarpit.route("c.localhost", "/feed", Answer::ok("text/html", "<title>No feed</title>"));
        ["a", "b", "c"]
            .iter()
            .fold(feeds, |feeds, name| feeds.feed(name, tarpit.url(&format!("{name}.localhost"), "/feed")))
    });
    let failing = |class: &str| format!("rssd_feeds_failing{{class=\"{class}\"}}");
    let oldest = |class: &str| format!("rssd_feeds_failing_oldest_seconds{{class=\"{class}\"}}");
    scene.until(&failing("not_feed"), |count| count == 1.0);
    scene.until(&oldest("status"), |seconds| seconds > 1.0);
    // One of the two is well again, the other fails on.
    let metrics = scene.until(&failing("status"), |count| count == 1.0);
    assert_eq!(metrics.sum("rssd_feeds_failing"), metrics.sum("rssd_core_feeds_failing"));
    assert_eq!((metrics.sum(&failing("dns")), metrics.sum(&oldest("dns"))), (0.0, 0.0));
    scene.tarpit.route("a.localhost", "/feed", Answer::ok(RSS, rss("A", guids("a", 1))));
    let metrics = scene.until(&failing("status"), |count| count == 0.0);
    assert_eq!(metrics.sum(&oldest("status")), 0.0);
}

/// Two feeds of one host, of which the one is served for ever: the other is due, and waits for its turn.
#[test]
fn what_is_late_and_what_is_in_flight() {
    let scene = Scene::with(|tarpit, feeds| {
        for path in ["/1", "/2"] {
            tarpit.route("hung.localhost", path, Step::Stall);
        }
        let patient = "read_timeout = \"60s\"\ntotal_timeout = \"120s\"";
        feeds.feed_with("one", tarpit.url("hung.localhost", "/1"), patient).feed_with(
            "two",
            tarpit.url("hung.localhost", "/2"),
            patient,
        )
    });
    let metrics = scene.until("rssd_core_overdue_seconds", |seconds| seconds > 0.5);
    assert_eq!((metrics.sum("rssd_core_feeds_overdue"), metrics.sum("rssd_core_polls_in_flight")), (1.0, 1.0));
    scene.until("rssd_core_fibers", |fibers| fibers == 1.0);
    assert_eq!(metrics.sum("rssd_fiber_stack_high_water_bytes"), 0.0, "no fetch has ended yet");
    let more = scene.until("rssd_core_overdue_seconds", |seconds| seconds > 1.0);
    assert!(more.sum("rssd_core_overdue_seconds") > metrics.sum("rssd_core_overdue_seconds"), "it grows");
}

#[test]
fn what_the_writer_does_and_how_deep_stacks_go() {
    let scene = Scene::with(|tarpit, feeds| {
        tarpit.route("plain.localhost", "/feed", Answer::ok(RSS, rss("Plain", guids("plain", 3))));
        feeds.feed("plain", tarpit.url("plain.localhost", "/feed"))
    });
    let metrics = scene.until("rssd_writer_commits_total", |commits| commits >= 2.0);
    assert!(metrics.sum("rssd_writer_commit_seconds_count") >= 2.0, "{:?}", metrics.series());
    assert!(metrics.sum("rssd_writer_commit_seconds_sum") > 0.0);
    assert!(metrics.sum("rssd_writer_wal_bytes") > 0.0);
    assert!(metrics.sum("rssd_writer_queue_max") >= 1.0);
    scene.until("rssd_search_lag", |articles| articles == 0.0);
    let metrics = scene.until("rssd_fiber_stack_high_water_bytes", |bytes| bytes > 0.0);
    let most = metrics.sum("rssd_fiber_stack_high_water_bytes");
    assert!(most < metrics.sum("rssd_fiber_stack_size_bytes") && most % 4096.0 == 0.0, "{most}");
}

#[test]
fn a_stream_that_takes_nothing_is_behind_until_it_leaves() {
    let scene = Scene::with(|tarpit, feeds| {
        tarpit.route("plain.localhost", "/feed", Answer::ok(RSS, rss("Plain", guids("plain", 1))));
        feeds.feed("plain", tarpit.url("plain.localhost", "/feed"))
    });
    scene.until("rssd_stream_seq", |seq| seq == 1.0);
    let mut idle = Client::connect(scene.at);
    idle.ask("/news/stream", "Accept: text/event-stream\r\n");
    let metrics = scene.until("rssd_streams", |streams| streams == 1.0);
    assert!(metrics.sum("rssd_stream_lag_articles") <= 1.0);
    scene.until("rssd_streams_behind", |streams| streams == 0.0);
    // More than all buffers between here and there.
    let long = "x".repeat(64 << 10);
    let item = |guid: usize| format!("<item><guid>long-{guid}</guid><description>{long}</description></item>");
    let items: String = (0..100).map(item).collect();
    let document = format!("<rss version=\"2.0\"><channel><title>Long</title>{items}</channel></rss>");
    scene.tarpit.route("plain.localhost", "/feed", Answer::ok(RSS, document));
    let metrics = scene.until("rssd_stream_lag_articles", |articles| articles > 10.0);
    assert_eq!(metrics.sum("rssd_streams_behind"), 1.0);
    scene.until("rssd_stream_seq", |seq| seq > 100.0);
    drop(idle);
    let metrics = scene.until("rssd_streams", |streams| streams == 0.0);
    assert_eq!((metrics.sum("rssd_streams_behind"), metrics.sum("rssd_stream_lag_articles")), (0.0, 0.0));
}

#[test]
fn a_thread_that_hangs_is_silent_and_the_health_says_so() {
    let scene = Scene::started_by(
        |tarpit, feeds| {
            tarpit.route("plain.localhost", "/feed", Answer::ok(RSS, rss("Plain", guids("plain", 1))));
            feeds.feed("plain", tarpit.url("plain.localhost", "/feed"))
        },
        |home| {
            let mut command = home.daemon_command();
            command.env("RSSD_TEST_HANG", "writer:sleep:4s:1");
            Daemon::spawn(command)
        },
    );
    let metrics = scene.until("rssd_thread_silent_seconds{thread=\"writer\"}", |seconds| seconds > 1.0);
    assert_eq!(metrics.sum("rssd_health{status=\"ok\"}"), 0.0);
    scene.until("rssd_thread_silent_seconds{thread=\"writer\"}", |seconds| seconds == 0.0);
    scene.until("rssd_health{status=\"ok\"}", |is_so| is_so == 1.0);
}
