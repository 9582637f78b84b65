//! The daemon, and the tarpit in a process of its own, with a feeds file that changes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};

use nix::sys::signal::Signal;

use crate::support::http::{get, listening};
use crate::support::{Daemon, Feeds, Home};

/// Half of a thousand feeds.
pub(crate) const HEALTHY: usize = 500;
const BAD: usize = 500;

/// Bad feeds that a reload replaces: each is there for a minute.
const REPLACED: usize = BAD / 6;

/// The feed that idle streams wait for: nothing of it is ever new.
pub(crate) const QUIET: &str = "healthy-0";

const TIMES_OF_HEALTHY: &str = "interval = \"10s\"\ninterval_min = \"9s\"\ninterval_max = \"11s\"";
const TIMES_OF_BAD: &str = "interval = \"15s\"\ninterval_min = \"10s\"\nconnect_timeout = \"2s\"\nread_timeout = \"5s\"\n\
                            total_timeout = \"15s\"\narticles_max = 200\nca_file = \"ca.pem\"";

pub(crate) struct Stage {
    pub(crate) daemon: Daemon,
    pub(crate) at: SocketAddr,
    pub(crate) home: Home,
    tarpit: Tarpit,
    /// Numbers of the bad feeds, the oldest first.
    bad: std::collections::VecDeque<usize>,
    next: usize,
}

/// The tarpit's process. It goes with its owner.
struct Tarpit {
    child: Child,
    http: SocketAddr,
    /// A name and an address for each bad temper, as the tarpit tells them, with 1 for their number.
    tempers: Vec<(String, String)>,
    _stdout: BufReader<ChildStdout>,
}

impl Stage {
    pub(crate) fn set() -> Stage {
        let home = Home::new();
        let tarpit = Tarpit::start(&home);
        let ca = get(tarpit.http, "/ca.pem");
        home.write("ca.pem", ca.body);
        let bad = (1..=BAD).collect();
        let mut stage = Stage {
            daemon: home_daemon(&home, &tarpit, &bad),
            at: SocketAddr::from(([127, 0, 0, 1], 0)),
            home,
            tarpit,
            bad,
            next: BAD + 1,
        };
        stage.at = listening(&mut stage.daemon);
        println!("{HEALTHY} healthy feeds, {BAD} of {} bad tempers", stage.tarpit.tempers.len());
        stage
    }

    /// Replaces some of the bad feeds, and lets the daemon know.
    pub(crate) fn reload(&mut self) {
        for _ in 0..REPLACED {
            self.bad.pop_front();
            self.bad.push_back(self.next);
            self.next += 1;
        }
        self.home.subscribe(&feeds(&self.tarpit, &self.bad));
        self.daemon.signal(Signal::SIGHUP);
    }
}

fn home_daemon(home: &Home, tarpit: &Tarpit, bad: &std::collections::VecDeque<usize>) -> Daemon {
    home.subscribe(&feeds(tarpit, bad));
    home.start()
}

fn feeds(tarpit: &Tarpit, bad: &std::collections::VecDeque<usize>) -> Feeds {
    let mut feeds = Feeds::new();
    for number in 0..HEALTHY {
        // One in five brings something new each time.
        let kind = if number % 5 == 1 { "growing" } else { "healthy" };
        let url = format!("http://{kind}-{number}.localhost:{}/{kind}/{number}", tarpit.http.port());
        feeds = feeds.feed_with(&format!("healthy-{number}"), url, TIMES_OF_HEALTHY);
    }
    for &number in bad {
        let (name, url) = &tarpit.tempers[number % tarpit.tempers.len()];
        let url = url.replace("-1.localhost", &format!("-{number}.localhost"));
        let url = url.replace(&format!("/{name}/1"), &format!("/{name}/{number}"));
        feeds = feeds.feed_with(&format!("bad-{number}-{name}"), url, TIMES_OF_BAD);
    }
    feeds
}

impl Tarpit {
    fn start(home: &Home) -> Tarpit {
        let mut command = home.command();
        command.args(["tarpit", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it is a pipe");
        let http = line.trim().rsplit("http://").next().and_then(|address| address.parse().ok());
        let http = http.unwrap_or_else(|| panic!("no address in {line:?}"));
        let told = get(http, "/feeds.toml?ca=ca.pem");
        let tempers = tempers(told.text());
        assert!(tempers.len() > 40, "the tarpit knows {} tempers", tempers.len());
        Tarpit { child, http, tempers, _stdout: stdout }
    }
}

/// Name and address of each temper that is not a good feed.
fn tempers(toml: &str) -> Vec<(String, String)> {
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.trim_end_matches('"').to_owned())
    };
    let names = toml.lines().filter_map(|line| value(line, "name"));
    let urls = toml.lines().filter_map(|line| value(line, "url"));
    names
        .zip(urls)
        .filter_map(|(name, url)| Some((name.strip_suffix("-1")?.to_owned(), url)))
        .filter(|(name, _)| !["healthy", "growing", "tls-good"].contains(&name.as_str()))
        .collect()
}

impl Drop for Tarpit {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
