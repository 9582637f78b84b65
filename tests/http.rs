//! Every client gets an answer, and no client takes one from another: routes, refusals, hostile clients, hostile text.

mod limits;
mod requests;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use rssd::tarpit::{ANY, Answer, Step, Tarpit};

use crate::support::http::{Client, Events, get, get_with, listening};
use crate::support::{Daemon, Feeds, Home, guids, pause, rss, tarpit, until};

const PAGE: &str = "Accept: text/html\r\n";

/// A daemon that has committed these documents, a feed each: `f0`, `f1` and so on.
struct House {
    at: SocketAddr,
    daemon: Daemon,
    home: Home,
    _tarpit: Tarpit,
}

impl House {
    fn of(documents: &[String]) -> House {
        House::with(documents, |_, feeds| feeds)
    }

    fn with(documents: &[String], configure: impl FnOnce(&Home, Feeds) -> Feeds) -> House {
        let tarpit = tarpit();
        let mut feeds = Feeds::new();
        for (number, document) in documents.iter().enumerate() {
            let host = format!("f{number}.localhost");
            tarpit.route(&host, "/feed", Answer::ok("application/rss+xml", document));
            feeds = feeds.feed(&format!("f{number}"), tarpit.url(&host, "/feed"));
        }
        let home = Home::new();
        home.subscribe(&configure(&home, feeds));
        let mut daemon = home.start();
        let at = listening(&mut daemon);
        let db = home.db_soon();
        daemon.wait_for("the first round", |_| {
            db.one::<i64>("SELECT count(*) FROM feed WHERE poll_count = 0 OR article_count = 0") == 0
        });
        House { at, daemon, home, _tarpit: tarpit }
    }

    fn of_articles(count: usize) -> House {
        House::of(&[rss("Plain", guids("plain", count))])
    }
}

#[test]
fn every_route_answers_with_its_type() {
    let house = House::of_articles(3);
    const JSON: &str = "application/json";
    const TEXT: &str = "text/plain; charset=utf-8";
    const HTML: &str = "text/html; charset=utf-8";
    const PROBLEM: &str = "application/problem+json";
    for (path, status, content_type) in [
        ("/", 200, HTML),
        ("/health", 200, JSON),
        ("/health/live", 200, TEXT),
        ("/health/ready", 200, TEXT),
        ("/news/stream?after=0", 200, JSON),
        ("/articles", 200, JSON),
        ("/articles/1", 200, JSON),
        ("/feeds", 200, JSON),
        ("/feeds/f0", 200, JSON),
        ("/feed.atom", 200, "application/atom+xml; charset=utf-8"),
        ("/feed.json", 200, "application/feed+json; charset=utf-8"),
        ("/feeds.opml", 200, "text/x-opml; charset=utf-8"),
        ("/debug/fetches", 200, JSON),
        ("/debug/cores", 200, JSON),
        ("/debug/stacks", 200, TEXT),
        ("/openapi.json", 200, JSON),
        ("/articles/99", 404, PROBLEM),
        ("/articles/x", 404, PROBLEM),
        ("/feeds/nobody", 404, PROBLEM),
        ("/nothing", 404, PROBLEM),
        ("/../../etc/passwd", 404, PROBLEM),
    ] {
        let answer = get(house.at, path);
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(content_type)), "{path}");
        assert!(!answer.body.is_empty(), "{path}");
        if content_type.ends_with("json") || content_type.contains("+json") {
            assert!(answer.json().is_object(), "{path}");
        }
        // HEAD tells the same, and sends no body: what follows is the next answer.
        let mut client = Client::connect(house.at);
        client.send(format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        client.ask("/health/live", "");
        let head = client.head().expect("an answer to HEAD");
        assert_eq!((head.status, head.header("content-type")), (status, Some(content_type)), "HEAD {path}");
        assert_eq!(client.answer().expect("the next answer").text(), "ok\n", "after HEAD {path}");
    }
    let metrics = get(house.at, "/metrics");
    let content_type = metrics.header("content-type");
    assert_eq!(
        (metrics.status, content_type),
        (200, Some("application/openmetrics-text; version=1.0.0; charset=utf-8"))
    );
    assert!(metrics.text().contains("# TYPE rssd_"), "{}", metrics.text());
    for path in ["/", "/articles", "/articles/1", "/feeds", "/feeds/f0", "/nothing"] {
        let page = get_with(house.at, path, PAGE);
        assert_eq!(page.header("content-type"), Some(HTML), "{path}");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        assert_eq!(page.header("access-control-allow-origin"), None);
    }
    let health = get(house.at, "/health").json();
    assert_eq!((&health["status"], &health["feeds"]["total"]), (&"ok".into(), &1.into()), "{health}");
}

/// What `curl -m 5` gives.
fn within_five_seconds(at: SocketAddr, path: &str) -> u16 {
    let patience = Duration::from_secs(5);
    let mut client = Client::try_connect(at, patience).unwrap_or_else(|error| panic!("connect for {path}: {error}"));
    client.ask(path, "Connection: close\r\n");
    client.answer().unwrap_or_else(|| panic!("no answer to {path} in {patience:?}")).status
}

#[test]
fn page_and_health_answer_while_every_source_and_client_hangs() {
    const FEEDS: usize = 1_000;
    const IDLE: usize = 1_000;
    const NEVER_READ: usize = 100;
    const SLOWLORIS: usize = 200;
    let tarpit = tarpit();
    tarpit.route(ANY, "/hung", Step::Stall);
    tarpit.route(ANY, "/feed", Answer::ok("application/rss+xml", rss("Well", guids("well", 3))));
    let mut feeds = Feeds::new().every_second();
    for number in 0..FEEDS {
        let path = if number % 2 == 0 { "/hung" } else { "/feed" };
        feeds = feeds.feed(&format!("f{number}"), tarpit.url(&format!("f{number}.localhost"), path));
    }
    // Something to send to those who do not read.
    tarpit.route("big.localhost", "/feed", Answer::ok("application/rss+xml", rss("Big", guids("big", 2_000))));
    let home = Home::with(&feeds.feed("big", tarpit.url("big.localhost", "/feed")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    let subscribe = |query: &str| {
        let mut client = Client::connect(at);
        client.ask(&format!("/news/stream?{query}"), "Accept: text/event-stream\r\n");
        client
    };
    let _idle: Vec<Client> = (0..IDLE).map(|_| subscribe("feed=nobody")).collect();
    let _unread: Vec<Client> = (0..NEVER_READ).map(|_| subscribe("after=0")).collect();
    let slow: Vec<Client> = (0..SLOWLORIS)
        .map(|number| {
            let mut client = Client::connect(at);
            client.send(if number % 2 == 0 { "" } else { "GET / HTTP/1.1\r\nHost: local" });
            client
        })
        .collect();
    // They are asked all along, from the first poll on until the half that answers is in and the other is in flight.
    let db = home.db_soon();
    let healthy = (FEEDS / 2 * 3 + 2_000) as i64;
    let all_hang = || {
        let health = get(at, "/health").json();
        let in_flight: u64 =
            health["cores"].as_array().into_iter().flatten().filter_map(|core| core["in_flight"].as_u64()).sum();
        health["streams"] == IDLE + NEVER_READ && in_flight >= FEEDS as u64 / 2
    };
    until("everything to hang", || {
        for path in ["/", "/health"] {
            assert_eq!(within_five_seconds(at, path), 200, "{path}");
        }
        (db.articles() == healthy && all_hang()).then_some(())
    });
    for path in ["/", "/health", "/health/live", "/articles"].repeat(25) {
        assert_eq!(within_five_seconds(at, path), 200, "{path}");
    }
    // One that goes on, a byte at a time, has no more time than one that says nothing.
    let mut dripping = Client::connect(at);
    let drip = dripping.sender();
    let dripper = thread::spawn(move || {
        let mut drip = drip;
        while drip.write_all(b"GET").is_ok() {
            pause(Duration::from_millis(300));
        }
    });
    dripping.until_closed();
    dripper.join().expect("it only writes");
    for mut client in slow {
        client.until_closed();
    }
    assert_eq!(get(at, "/health").status, 200);
    daemon.assert_running("the end");
}

#[test]
fn a_feed_reader_is_told_when_nothing_is_new() {
    let house = House::of_articles(3);
    for path in ["/feed.atom", "/feed.json", "/feed.atom?feed=f0&limit=2"] {
        let first = get(house.at, path);
        let etag = first.header("etag").expect("an ETag").to_owned();
        let same = get_with(house.at, path, &format!("If-None-Match: {etag}\r\n"));
        assert_eq!((same.status, same.header("etag"), same.body.len()), (304, Some(&*etag), 0), "{path}");
        let other = get_with(house.at, path, "If-None-Match: \"other\"\r\n");
        assert_eq!((other.status, other.body), (200, first.body), "{path}");
    }
    // A tag of one document is none of another.
    let etag = get(house.at, "/feed.atom").header("etag").expect("an ETag").to_owned();
    assert_eq!(get_with(house.at, "/feed.atom?limit=1", &format!("If-None-Match: {etag}\r\n")).status, 200);
}

#[test]
fn hostile_text_of_a_feed_is_text_everywhere() {
    let document = "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>&lt;script&gt;alert(0)&lt;/script&gt;</title>\
        <item><title>marked &lt;script&gt;alert(1)&lt;/script&gt; &amp;lt;script&amp;gt;alert(6)&amp;lt;/script&amp;gt; ]]&gt; &quot;&gt;&lt;img src=x onerror=alert(2)&gt; \
        &#10;&#10;event: evil&#10;data: {}&#10;&#10;end</title><guid>g]]&gt;&#10;&#10;event: evil</guid>\
        <link>javascript:alert(3)</link>\
        <description>&lt;script&gt;alert(4)&lt;/script&gt;&lt;img src=x onerror=alert(5)&gt;]]&gt; text</description></item>\
        </channel></rss>";
    let house = House::of(&[document.to_owned()]);
    for path in
        ["/", "/articles", "/articles/1", "/feeds", "/feeds/f0", "/articles?q=%3Cscript%3Ealert(1)%3C/script%3E"]
    {
        let page = get_with(house.at, path, PAGE);
        let text = page.text().to_ascii_lowercase();
        assert_eq!(page.status, 200, "{path}");
        assert!(
            path.starts_with("/feeds") && path.len() < 7 || path.contains('?') || text.contains("marked"),
            "{path}: {text}"
        );
        for harm in ["<script>alert", "<img src=x", "=\"javascript:", "=javascript:"] {
            assert!(!text.contains(harm), "{harm} in {path}: {text}");
        }
    }
    let atom = get(house.at, "/feed.atom");
    let (text, entry) = (atom.text(), "<entry>");
    assert_eq!(text.matches(entry).count(), 1, "{text}");
    for harm in ["<script", "<img", "]]>", "href=\"javascript:"] {
        assert!(!text.contains(harm), "{harm} in {text}");
    }
    let parsed = feed_rs::parser::parse(&*atom.body).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(parsed.entries[0].title.as_ref().is_some_and(|title| title.content.contains("marked")), "{text}");

    let stored = get(house.at, "/articles/1").json();
    for html in [&stored["summary"], &stored["content"]] {
        let html = html.as_str().unwrap_or_default();
        assert!(!html.contains("script") && !html.contains("onerror"), "{html}");
    }
    let published = get(house.at, "/articles/1?raw=1").json();
    assert!(published.to_string().contains("onerror=alert(5)"), "as published: {published}");

    // One article, and nothing that the feed would have as an event; the next article is the next event.
    let mut events = Events::open(house.at, "after=0", "");
    assert!(events.next().expect("an event").retry_ms.is_some());
    let event = events.next().expect("an event");
    assert_eq!((event.name.as_str(), event.json()["title"].clone()), ("article", stored["title"].clone()));
    // The harm was there: what was published reached the store as text.
    for harm in ["event: evil", "<script>alert(6)</script>", "]]>"] {
        assert!(stored["title"].as_str().is_some_and(|title| title.contains(harm)), "no {harm} in {stored}");
    }
}

#[test]
fn a_search_finds_words_and_takes_operators_for_words() {
    let house = House::of(&[rss("Plain", ["tea", "coffee", "tea-and-biscuits"])]);
    let found = |query: &str| {
        let answer = get(house.at, &format!("/articles?q={query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let articles = answer.json()["articles"].as_array().expect("articles").clone();
        articles.iter().map(|article| article["guid"].as_str().expect("guid").to_owned()).collect::<Vec<_>>()
    };
    // The index follows the commits.
    until("the index", || (found("about").len() == 3).then_some(()));
    assert_eq!(found("coffee"), ["coffee"]);
    let mut teas = found("tea");
    teas.sort_unstable();
    assert_eq!(teas, ["tea", "tea-and-biscuits"]);
    assert_eq!(found("tea+biscuits"), ["tea-and-biscuits"]);
    assert_eq!(found("nothing"), [""; 0]);
    for query in
        ["%22", "*", "tea+OR+NOT+coffee", "NEAR(", "title:", "%22tea", "%00", "'%3B--", "%F0%9F%8D%B5", "^tea", "-tea"]
    {
        found(query);
    }
    assert_eq!(found("tea+OR+coffee"), [""; 0], "an operator is a word");
}

#[test]
fn aborted_streams_leave_nothing_behind() {
    const ABORTS: usize = 10_000;
    let house = House::of_articles(20);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", house.daemon.pid())).expect("it runs").count();
    let streams = || get(house.at, "/health").json()["streams"].clone();
    get(house.at, "/");
    until("the streams to be gone", || (streams() == 0).then_some(()));
    let (descriptors_before, threads_before) = (descriptors(), house.daemon.proc_status("Threads"));
    for number in 0..ABORTS {
        let mut client = Client::connect(house.at);
        match number % 3 {
            0 => client.ask("/news/stream?after=20&wait=120", ""),
            1 => client.ask("/news/stream?after=20", "Accept: text/event-stream\r\n"),
            _ => client.ask("/news/stream?after=0", "Accept: text/event-stream\r\n"),
        };
        if number % 2 == 0 && number % 3 != 0 {
            let mut events = client.events().expect("a stream");
            events.next();
        }
    }
    assert_eq!(get(house.at, "/").status, 200);
    assert_eq!(get(house.at, "/articles").json()["articles"].as_array().map(Vec::len), Some(20));
    until("the streams to be gone", || (streams() == 0).then_some(()));
    until("the descriptors to be back", || (descriptors() <= descriptors_before).then_some(()));
    assert_eq!(house.daemon.proc_status("Threads"), threads_before);
    house.home.db().assert_whole();
}

#[test]
fn further_names_and_fewer_streams_are_configured() {
    let documents = [rss("Plain", guids("plain", 1))];
    let house = House::with(&documents, |_, feeds| feeds.daemon("hosts = [\"News.test\"]\nstreams_max = 2"));
    for (host, status) in [("news.test", 200), ("NEWS.TEST:443", 200), ("evil.news.test", 421), ("localhost", 200)] {
        let mut client = Client::connect(house.at);
        client.send(format!("GET /feeds HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.answer().expect("an answer").status, status, "{host}");
    }
    let streams = [(); 2].map(|()| Events::open(house.at, "after=1", ""));
    let refused = get(house.at, "/news/stream?after=1");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    assert!(get(house.at, "/metrics").text().contains("rssd_streams_max 2\n"), "{}", get(house.at, "/metrics").text());
    drop(streams);
    until("a free place", || (get(house.at, "/news/stream?after=1&wait=0").status == 200).then_some(()));
}
