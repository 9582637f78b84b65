//! Row 78: no network when it starts.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::Signal::SIGTERM;

use super::super::scene::Scene;
use crate::support::http::listening;
use crate::support::{BINARY, Daemon, Feeds, Home, NameServer};

#[test]
fn row_78_names_that_nobody_answers_at_the_start_are_tried_again() {
    const FEEDS: i64 = 6;
    let is_out = Arc::new(AtomicBool::new(true));
    let names = NameServer::silent_while(&is_out);
    let dns = format!("dns = [\"{}\"]", names.addr);
    let mut scene = Scene::with(|tarpit, mut feeds| {
        feeds = feeds.daemon(&dns).default("connect_timeout = \"300ms\"").every_second();
        for number in 0..FEEDS {
            feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.test"), "/healthy/1"));
        }
        feeds
    });
    let db = scene.db();
    let count = |sql: &str| db.one::<i64>(&format!("SELECT count(*) FROM feed WHERE name GLOB 'f*' AND {sql}"));
    scene.daemon.wait_for("names to fail", |_| count("last_error_class = 'dns'") > 0);
    assert_eq!(count("article_count > 0"), 0);
    is_out.store(false, Ordering::Relaxed);
    scene.daemon.wait_for("all to be polled", |_| count("article_count = 30 AND failure_count = 0") == FEEDS);
    scene.end();
}

/// A name server on port 53 that knows one address, for a network of its own.
const NAME_SERVER: &str = "
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
while True:
    query, peer = server.recvfrom(1500)
    name = query[12:query.index(b'\\0', 12) + 5]
    is_v4 = name[-4:-2] == b'\\0\\1'
    head = query[:2] + b'\\x81\\x80\\0\\1' + (b'\\0\\1' if is_v4 else b'\\0\\0') + b'\\0\\0\\0\\0'
    record = b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4' + bytes([10, 99, 0, 1])
    server.sendto(head + name + (record if is_v4 else b''), peer)
";

/// In a network of its own, with nothing in it but loopback and no name server in resolv.conf, until `go` is there. What
/// it starts then ends with the daemon, whose number is that of the shell.
const ALONE: &str = r#"
mount --bind resolv.conf /etc/resolv.conf && ip link set lo up || exit 99
echo alone >&2
(
    while [ ! -e go ]; do kill -0 $$ || exit; sleep 0.1; done
    ip addr add 10.99.0.1/24 dev lo
    python3 names.py & names=$!
    "$0" tarpit --listen 10.99.0.1:8081 & tarpit=$!
    echo nameserver 127.0.0.1 > resolv.conf
    tail --pid=$$ -s 0.1 -f /dev/null
    kill $names $tarpit
) >/dev/null 2>&1 &
exec "$0" "$@"
"#;

#[test]
fn row_78_without_a_network_it_starts_and_finds_one_that_comes() {
    let often = "interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"1s\"";
    let feeds = Feeds::new().feed_with("by-address", "http://10.99.0.1:8081/healthy/1", often).feed_with(
        "by-name",
        "http://feeds.example:8081/healthy/2",
        often,
    );
    let home = Home::with(&feeds);
    home.write("resolv.conf", "# nothing yet\n");
    home.write("names.py", NAME_SERVER);
    let mut command = home.command_of("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", ALONE, BINARY]);
    command.args(["--feeds", "feeds.toml", "--db", "rssd.db"]);
    if !can_be_alone(&home) {
        return;
    }
    let mut daemon = Daemon::spawn(command);
    listening(&mut daemon);
    let db = home.db_soon();
    let class = |feed: &str| db.class_of(feed);
    daemon.wait_for("both to fail", |_| class("by-address") == "connect" && class("by-name") == "dns");
    assert_eq!(daemon.count_lines("it names no name server"), 1);

    home.write("go", "");
    daemon.wait_for("both to be polled", |_| db.articles_of("by-address") == 30 && db.articles_of("by-name") == 30);
    assert_eq!(daemon.count_lines("name servers are 127.0.0.1:53 from now on"), 1, "{:?}", daemon.lines());
    assert_eq!(daemon.count_lines("panicked"), 0);
    daemon.signal(SIGTERM);
    assert_eq!(daemon.wait().code, Some(0));
    home.db().assert_whole();
}

fn can_be_alone(home: &Home) -> bool {
    let mut command = Command::new("unshare");
    let script = "mount --bind resolv.conf /etc/resolv.conf && ip link set lo up && python3 --version";
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", script]).current_dir(home.dir());
    let output = command.output();
    let can = output.as_ref().is_ok_and(|output| output.status.success());
    if !can {
        println!("skipped: no network of our own here: {output:?}");
    }
    can
}
