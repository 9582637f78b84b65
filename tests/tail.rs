//! `rssd tail`: every article once and in order through crashes, and whatever a server does instead of answering.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use rssd::tarpit::{Answer, Step, Tarpit};
use serde_json::Value;

use crate::support::http::{Events, listening};
use crate::support::{Daemon, Feeds, HANG_GUARD, Home, guids, header, rss, tarpit, until};

/// An address of this test alone, so that the port of a daemon that was killed is nobody else's.
const OWN: &str = "127.77.0.1:0";

/// `rssd tail` as a child, its output in files that are read as they grow.
pub(crate) struct Tail {
    child: Child,
    out: std::path::PathBuf,
    err: std::path::PathBuf,
}

impl Tail {
    pub(crate) fn start(home: &Home, server: impl std::fmt::Display, arguments: &[&str]) -> Tail {
        let (out, err) = (home.write("tail.out", ""), home.write("tail.err", ""));
        let file = |path| Stdio::from(File::create(path).expect("the directory is ours"));
        let mut command = tail(home, server, arguments);
        let child = command.stdout(file(&out)).stderr(file(&err)).spawn().expect("it starts");
        Tail { child, out, err }
    }

    /// Whole lines that were written so far.
    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.out).expect("it is UTF-8");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    fn said(&self, words: &str) -> usize {
        fs::read_to_string(&self.err).expect("it is UTF-8").matches(words).count()
    }

    pub(crate) fn wait_for_lines(&self, count: usize) -> Vec<String> {
        until(&format!("{count} lines of tail"), || Some(self.lines()).filter(|lines| lines.len() >= count))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits"));
        signal::kill(pid, signal).expect("it is our own child");
    }

    pub(crate) fn ended(&mut self) -> Option<i32> {
        until("tail to end", || self.child.try_wait().expect("it is our child")).code()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- tail said:\n{}", fs::read_to_string(&self.err).unwrap_or_default());
        }
    }
}

fn tail(home: &Home, server: impl std::fmt::Display, arguments: &[&str]) -> Command {
    let mut command = home.command();
    command.args(["tail", "--server", &format!("http://{server}")]).args(arguments);
    command
}

fn publish(tarpit: &Tarpit, feed: &str, count: usize) {
    let document = rss(feed, guids(feed, count));
    tarpit.route(&format!("{feed}.localhost"), "/feed", Answer::ok("application/rss+xml", document));
}

fn subscribed(tarpit: &Tarpit, feeds: &[(&str, &str)]) -> Feeds {
    let list = Feeds::new().every_second();
    feeds.iter().fold(list, |list, (name, lines)| {
        list.feed_with(name, tarpit.url(&format!("{name}.localhost"), "/feed"), lines)
    })
}

fn start(home: &Home, listen: &str) -> (Daemon, SocketAddr) {
    let mut command = home.daemon_command();
    command.args(["--listen", listen]);
    let mut daemon = Daemon::spawn(command);
    let at = listening(&mut daemon);
    (daemon, at)
}

#[test]
fn each_article_is_printed_once_and_in_order_through_crashes() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 3);
    publish(&tarpit, "b", 2);
    let home = Home::with(&subscribed(&tarpit, &[("a", ""), ("b", "")]));
    let (mut daemon, at) = start(&home, OWN);
    let mut tail = Tail::start(&home, at, &["--json", "--after", "0"]);
    tail.wait_for_lines(5);
    assert_eq!(tail.said("rssd tail"), 0, "nothing is wrong");
    for (round, count) in [(1, 7), (2, 12)] {
        match round {
            1 => drop(daemon.kill()),
            _ => {
                daemon.signal(Signal::SIGTERM);
                assert_eq!(daemon.wait().code, Some(0));
            }
        }
        until("tail to miss it", || (tail.said("does not answer") == round).then_some(()));
        publish(&tarpit, "a", count);
        publish(&tarpit, "b", count);
        daemon = start(&home, &at.to_string()).0;
        tail.wait_for_lines(2 * count);
        assert_eq!((tail.said("does not answer"), tail.said("connected again")), (round, round), "each is said once");
    }
    // While it is there, too.
    publish(&tarpit, "b", 13);
    let lines = tail.wait_for_lines(25);
    tail.signal(Signal::SIGINT);
    assert_eq!(tail.ended(), Some(0));
    assert_eq!(tail.lines().len(), 25);
    // The very lines of the stream, each once.
    let mut events = Events::open(at, "after=0", "");
    for line in lines {
        assert_eq!(events.next_of("article").data, line);
    }
    assert_eq!(home.db().articles(), 25);
}

#[test]
fn filters_and_the_newest_for_a_person_who_sees_no_escape() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 14);
    publish(&tarpit, "b", 2);
    let hostile = "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>x</title><item><title>red &#x9b;31m \
                   &#x202e;evil\u{9b}2J</title><link>https://example.org/&#x9b;31m</link><guid>g</guid></item></channel></rss>";
    tarpit.route("evil.localhost", "/feed", Answer::ok("application/rss+xml", hostile));
    let home = Home::with(&subscribed(
        &tarpit,
        &[("a", "labels = { kind = \"news\" }"), ("b", "labels = { kind = \"sport\" }"), ("evil", "")],
    ));
    let (mut daemon, at) = start(&home, OWN);
    let db = home.db_soon();
    daemon.wait_for("all articles", |_| db.articles() == 17);
    let printed = |arguments: &[&str], lines: usize| {
        let tail = Tail::start(&home, at, arguments);
        tail.wait_for_lines(lines)
    };
    // Neither is followed by what it did not ask for: the next article is one that it did.
    let of_b = Tail::start(&home, at, &["--feed", "b", "--after", "0"]);
    assert!(of_b.wait_for_lines(2).iter().all(|line| line.contains("  b  About b-")), "{:?}", of_b.lines());
    publish(&tarpit, "a", 15);
    daemon.wait_for("another article of a", |_| db.articles_of("a") == 15);
    publish(&tarpit, "b", 3);
    assert!(of_b.wait_for_lines(3)[2].ends_with("  b  About b-2"), "{:?}", of_b.lines());
    drop(of_b);
    let news = printed(&["--label", "kind=news", "--after", "0"], 15);
    assert!(news.iter().all(|line| line.contains("  a  About a-")), "{news:?}");
    // Without a cursor: the newest ten, the oldest of them first.
    let newest = printed(&["--feed", "a"], 10);
    assert_eq!(newest.iter().filter(|line| line.contains("  a  About")).count(), 10, "{newest:?}");
    assert!(newest.last().is_some_and(|line| line.ends_with("About a-14")), "{newest:?}");

    let evil = Tail::start(&home, at, &["--feed", "evil", "--after", "0"]);
    let lines = evil.wait_for_lines(2);
    assert!(lines[0].contains("evil") && lines[0].contains("31m"), "it is shown: {lines:?}");
    let is_harmful = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!lines.concat().contains(is_harmful), "{lines:?}");
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

fn article(number: u32) -> String {
    format!("event: article\nid: e-{number}\ndata: {{\"n\":{number}}}\n\n")
}

#[test]
fn whatever_a_server_does_it_is_asked_again_for_the_rest() {
    let tarpit = tarpit();
    let play = |steps: Vec<Step>| [vec![Step::ReadRequest], steps].concat();
    let stream = |text: &str, end: Step| play(vec![Step::send(format!("{HEAD}{text}")), end]);
    let html = Answer::ok("text/html", "<title>sorry</title>");
    let script = rssd::tarpit::Script::new(stream(&format!("retry: 100\n\n{}", article(1)), Step::Stall))
        .then(play(vec![Step::send("\x1b[2J junk \r\n\r\n"), Step::Close]))
        .then(vec![Step::Reset])
        .then(play(vec![Step::Stall]))
        .then(play(vec![Step::Answer(Answer::status(503).header("Retry-After", "1")), Step::Close]))
        .then(play(vec![Step::Answer(html), Step::Close]))
        .then(stream("data: ", Step::SendForever(vec![b'x'; 1 << 20].into())))
        // No end of an event, and then no end of its line.
        .then(stream(&article(2), Step::Reset))
        .then(stream("event: article\nid: e-9\ndata: {\"n\":9}\n", Step::Close))
        .then(stream("event: article\ndata: {\"n\":3,\ndata: \"x\":0}\nid: e-3\n\ndata: {}\n\nevent: article\ndata: {]\x1b[2J\n\n", Step::Stall));
    let at = tarpit.listen(script).expect("loopback has a free port");
    let home = Home::new();
    let mut tail = Tail::start(&home, at, &["--json", "--timeout", "2s"]);
    let lines = tail.wait_for_lines(3);
    assert_eq!(lines, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3, \"x\":0}"]);
    until("the complaint", || (tail.said("no JSON") == 1).then_some(()));
    let places: Vec<String> = (tarpit.requests().iter())
        .map(|request| String::from_utf8_lossy(header(request, "last-event-id").unwrap_or_default()).into_owned())
        .collect();
    assert_eq!(places, ["", "e-1", "e-1", "e-1", "e-1", "e-1", "e-1", "e-2", "e-2"]);
    // One that was on its way to be read is thrown away and not kept.
    let status = fs::read_to_string(format!("/proc/{}/status", tail.child.id())).expect("it runs");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    assert!(peak.is_some_and(|kib: u64| kib < 200 << 10), "{status}");
    let said = fs::read_to_string(&tail.err).expect("it is UTF-8");
    assert!(!said.contains('\x1b') && !fs::read_to_string(&tail.out).expect("it is UTF-8").contains('\x1b'), "{said}");
    tail.signal(Signal::SIGINT);
    assert_eq!(tail.ended(), Some(0));
}

#[test]
fn what_would_be_refused_for_ever_ends_it() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 1);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]).daemon("token_file = \"token\""));
    home.write("token", "s3cret\n");
    home.write("other", "wrong\n");
    let (_daemon, at) = start(&home, OWN);
    let nowhere = tarpit.addr().to_string();
    let at_text = at.to_string();
    for (server, arguments, code, words) in [
        (&at_text, &["--token-file", "token", "--after", "junk"][..], 64, "answers 400: parameter `after`"),
        (&at_text, &[], 77, "--token-file"),
        (&at_text, &["--token-file", "other"], 77, "answers 401"),
        (&at_text, &["--token-file", "missing"], 64, "--token-file missing cannot be read"),
        (&at_text, &["--label", "kind"], 64, "KEY=VALUE"),
        (&at_text, &["--timeout", "0s"], 64, "write one whole number"),
        (&nowhere, &[], 69, "answers 404"),
    ] {
        let finished = Daemon::spawn(tail(&home, server, arguments)).wait();
        assert_eq!(finished.code, Some(code), "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(words), "{arguments:?}: {}", finished.stderr);
    }
    // From the environment, too.
    let mut command = home.command();
    command.args(["tail", "--json", "--after", "0"]).env("RSSD_SERVER", &at_text).env("RSSD_TOKEN_FILE", "token");
    let out = home.write("out", "");
    let child = command.stdout(File::create(&out).expect("the directory is ours")).spawn().expect("it starts");
    let tail = Tail { child, err: home.write("err", ""), out };
    let line: Value = serde_json::from_str(&tail.wait_for_lines(1)[0]).expect("it is JSON");
    assert_eq!(line["guid"], "a-0");
}

#[test]
fn a_cursor_of_another_database_is_told_of_and_the_stream_goes_on() {
    let tarpit = tarpit();
    publish(&tarpit, "a", 2);
    let home = Home::with(&subscribed(&tarpit, &[("a", "")]));
    let (mut daemon, at) = start(&home, OWN);
    let db = home.db_soon();
    daemon.wait_for("its articles", |_| db.articles() == 2);
    let tail = Tail::start(&home, at, &["--after", "0000000000000001-7"]);
    let lines = tail.wait_for_lines(2);
    assert_eq!(tail.said("starting over with the oldest"), 1);
    drop(tail);
    assert_eq!(Tail::start(&home, at, &["--after", "0"]).wait_for_lines(2), lines);
}

#[test]
fn who_joins_before_there_is_anything_knows_the_place() {
    let home = Home::with(&Feeds::new());
    let (_daemon, at) = start(&home, OWN);
    let mut stream = TcpStream::connect(at).expect("it listens");
    stream.set_read_timeout(Some(HANG_GUARD)).expect("a timeout that is not zero");
    write!(stream, "GET /news/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
        .expect("it reads");
    let mut text = String::new();
    while !text.contains("\nid: ") {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).expect("it says something");
        assert!(read > 0, "it ended: {text}");
        text += std::str::from_utf8(&bytes[..read]).expect("it is ASCII");
    }
    // At once, and not with the first heartbeat, which is a comment.
    assert!(text.contains("retry: ") && !text.contains("\n:"), "{text}");
}

#[test]
fn nobody_who_reads_ends_it() {
    let tarpit = tarpit();
    let home = Home::new();
    let once = |text: String, then: Step| {
        let steps = vec![Step::ReadRequest, Step::send(format!("{HEAD}{text}")), then];
        let at = tarpit.listen(steps).expect("loopback has a free port");
        let mut command = tail(&home, at, &[]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        drop(child.stdout.take());
        let mut tail = Tail { child, out: home.write("out", ""), err: home.write("err", "") };
        tail.ended()
    };
    assert_eq!(once(article(1), Step::Stall), Some(0));
    // Not even when there is nothing to write.
    let quiet = Step::DripForever { bytes: b":\n\n".as_slice().into(), every: Duration::from_millis(50) };
    assert_eq!(once(String::new(), quiet), Some(0));
}
