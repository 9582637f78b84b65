//! The tarpit seen by clients that are as plain as can be: blocking sockets of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

use super::*;
use crate::clock::Clock;

/// Longer than anything here takes: it ends a test that hangs, and decides nothing else.
const GUARD: Duration = Duration::from_secs(30);
/// Between the bytes of a drip. Short: the tests look at what comes, not at when.
const DRIP: Duration = Duration::from_millis(1);

fn tarpit() -> Tarpit {
    Tarpit::start(Options::default()).unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    stream
}

/// A connection that has sent a request.
fn ask(tarpit: &Tarpit, path: &str, headers: &str) -> TcpStream {
    let mut stream = connect(tarpit.addr());
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a.localhost\r\n{headers}\r\n").unwrap();
    stream
}

/// Everything until the end of the connection.
fn all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn get(tarpit: &Tarpit, path: &str, headers: &str) -> (String, Vec<u8>) {
    let bytes = all(ask(tarpit, path, &format!("{headers}Connection: close\r\n")));
    let end = request::end_of_head(&bytes, 0).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&bytes)));
    (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
}

fn exactly(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

// ---- steps ----------------------------------------------------------------------------------------------------------

#[test]
fn what_is_sent_arrives_as_it_was_written() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/send", [Step::send("one "), Step::Repeat { chunk: b"two "[..].into(), times: 3 }, Step::Close]);
    tarpit.route(ANY, "/drip", [Step::drip("dripped", DRIP), Step::Close]);
    assert_eq!(all(ask(&tarpit, "/send", "")), b"one two two two ");
    assert_eq!(all(ask(&tarpit, "/drip", "")), b"dripped");
}

#[test]
fn the_endless_ends_with_the_client() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/forever", Step::SendForever(b"again "[..].into()));
    tarpit.route(ANY, "/drips", Step::DripForever { bytes: b"ab"[..].into(), every: DRIP });
    for (path, expected) in [("/forever", "again ".repeat(20_000)), ("/drips", "ababab".to_string())] {
        let mut stream = ask(&tarpit, path, "");
        exactly(&mut stream, &expected);
        drop(stream);
        assert!(tarpit.wait(GUARD, |counts| counts.open == 0), "{path} is still held");
    }
}

#[test]
fn a_stall_says_nothing_and_ends_with_the_client() {
    let mut tarpit_and_client = Vec::new();
    for step in [Step::Stall, Step::StallUnread, Step::Wait(Duration::from_secs(3600))] {
        let tarpit = tarpit();
        tarpit.route(ANY, "/", [Step::send("before"), step, Step::send("after")]);
        let mut stream = ask(&tarpit, "/", "");
        exactly(&mut stream, "before");
        stream.set_nonblocking(true).unwrap();
        tarpit_and_client.push((tarpit, stream));
    }
    for (tarpit, mut stream) in tarpit_and_client {
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tarpit.open_connections(), 1);
        drop(stream);
        assert!(tarpit.wait(GUARD, |counts| counts.open == 0));
    }
}

#[test]
fn a_reset_is_a_reset_and_a_close_is_not() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/reset", Step::Reset);
    tarpit.route(ANY, "/close", Step::Close);
    let error = ask(&tarpit, "/reset", "").read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ask(&tarpit, "/close", "").read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_half_closed_connection_still_listens() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/", [Step::send("x"), Step::HalfClose]);
    let mut stream = ask(&tarpit, "/", "");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"x");
    stream.write_all(b"nobody answers, nobody resets").unwrap();
    assert_eq!(tarpit.open_connections(), 1);
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(tarpit.wait(GUARD, |counts| counts.open == 0));
}

#[test]
fn a_sequence_is_played_in_order_and_its_last_repeated() {
    let tarpit = tarpit();
    tarpit.route(ANY, "/", Script::from(Answer::status(500)).then(Answer::status(404)).then(Answer::status(200)));
    let statuses: Vec<String> = (0..4).map(|_| get(&tarpit, "/", "").0[9..12].to_string()).collect();
    assert_eq!(statuses, ["500", "404", "200", "200"]);
}

#[test]
fn a_script_of_its_own_port_begins_with_the_connection() {
    let tarpit = tarpit();
    let greeting = Script::from([Step::send("hello "), Step::ReadRequest, Step::Answer(Answer::status(204))])
        .then([Step::send("second")]);
    let port = tarpit.listen(greeting).unwrap();
    let mut first = connect(port);
    exactly(&mut first, "hello ");
    write!(first, "GET /greeted HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    assert!(all(first).starts_with(b"HTTP/1.1 204 "));
    assert_eq!(all(connect(port)), b"second");
    assert_eq!(tarpit.requests()[0].head.path, "/greeted");
}

// ---- requests -------------------------------------------------------------------------------------------------------

#[test]
fn requests_are_recorded_byte_for_byte() {
    let tarpit = tarpit();
    let mut stream = connect(tarpit.addr());
    for path in ["/first?a=b", "/second"] {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: B.localhost:1\r\nX-odd:  \"W/ ").unwrap();
        stream.write_all(b"\xff\"\r\n\r\n").unwrap();
    }
    assert!(tarpit.wait_for_requests(2, GUARD));
    let requests = tarpit.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.head.path.as_str()).collect();
    assert_eq!(paths, ["/first", "/second"]);
    assert_eq!(requests[0].head.headers[1], (b"X-odd".to_vec(), b"\"W/ \xff\"".to_vec()));
    assert_eq!(requests[0].head.host, "b.localhost");
    assert_eq!((requests[0].connection, requests[1].connection), (1, 1));
    assert_eq!(requests[0].peer, stream.local_addr().unwrap());
}

#[test]
fn waiting_in_vain_says_so() {
    let tarpit = tarpit();
    assert!(!tarpit.wait_for_requests(1, Duration::from_millis(10)));
}

#[test]
fn a_connection_is_kept_for_the_next_request_unless_the_client_says_close() {
    let tarpit = tarpit();
    let mut stream = ask(&tarpit, "/empty", "");
    exactly(&mut stream, "HTTP/1.1 200 OK\r\n");
    write!(stream, "GET /gone HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let rest = String::from_utf8(all(stream)).unwrap();
    assert!(rest.contains("Connection: keep-alive") && rest.contains("HTTP/1.1 410 Gone"), "{rest}");
    assert_eq!(tarpit.counts().accepted, 1);
}

#[test]
fn what_is_no_request_is_refused() {
    let tarpit = tarpit();
    for (sent, answer) in [
        ("\r\n\r\n".to_string(), "HTTP/1.1 400 "),
        ("POST /healthy HTTP/1.1\r\n\r\n".to_string(), "HTTP/1.1 405 "),
        ("GET /nothing HTTP/1.0\r\n\r\n".to_string(), "HTTP/1.1 404 "),
        (format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(crate::limits::TARPIT_HEAD_BYTES_MAX)), "HTTP/1.1 431 "),
    ] {
        let mut stream = connect(tarpit.addr());
        stream.write_all(sent.as_bytes()).unwrap();
        exactly(&mut stream, answer);
    }
}

#[test]
fn a_head_only_for_head() {
    let tarpit = tarpit();
    let mut stream = connect(tarpit.addr());
    write!(stream, "HEAD /healthy/1 HTTP/1.0\r\n\r\n").unwrap();
    let text = String::from_utf8(all(stream)).unwrap();
    assert!(text.contains("Content-Length: ") && !text.contains("Content-Length: 0\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n") && !text.contains('<'), "{text}");
}

// ---- answers --------------------------------------------------------------------------------------------------------

#[test]
fn a_304_only_for_the_same_bytes() {
    let tarpit = tarpit();
    let date = "Wed, 01 Jan 2025 00:00:00 GMT";
    tarpit.route(ANY, "/", Answer::ok("text/xml", "body").etag("W/\"1\"").last_modified(date));
    for (headers, status) in [
        ("", 200),
        ("If-None-Match: W/\"1\"\r\n", 304),
        ("If-None-Match: \"1\"\r\n", 200),
        ("If-None-Match: W/\"1\", \"2\"\r\n", 200),
        ("If-None-Match: *\r\n", 200),
        ("If-Modified-Since: Wed, 01 Jan 2025 00:00:00 GMT\r\n", 304),
        ("If-Modified-Since: Wed, 1 Jan 2025 00:00:00 GMT\r\n", 200),
        ("If-None-Match: \"2\"\r\nIf-Modified-Since: Wed, 01 Jan 2025 00:00:00 GMT\r\n", 200),
        ("If-None-Match: W/\"1\"\r\nIf-Modified-Since: never\r\n", 304),
    ] {
        let (head, body) = get(&tarpit, "/", headers);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {head}");
        assert!(head.contains("ETag: W/\"1\"\r\n") && head.contains(date), "{head}");
        assert_eq!(body, if status == 304 { &b""[..] } else { b"body" }, "{headers}");
    }
}

#[test]
fn every_coding_decodes_to_what_was_coded() {
    let tarpit = tarpit();
    let text = "coded ".repeat(1000);
    let plain = Answer::ok("text/xml", &text);
    for (path, coding) in
        [("/gzip", Coding::Gzip), ("/br", Coding::Br), ("/zlib", Coding::Deflate), ("/raw", Coding::DeflateRaw)]
    {
        tarpit.route(ANY, path, plain.clone().coded(coding));
    }
    let decoded = |path: &str| {
        let (head, body) = get(&tarpit, path, "");
        assert!(head.contains("Content-Encoding: ") && body.len() < text.len() / 10, "{head}");
        match path {
            "/gzip" => all(flate2::read::GzDecoder::new(body.as_slice())),
            "/zlib" => all(flate2::read::ZlibDecoder::new(body.as_slice())),
            "/raw" => all(flate2::read::DeflateDecoder::new(body.as_slice())),
            _ => all(brotli::Decompressor::new(body.as_slice(), 4096)),
        }
    };
    for path in ["/gzip", "/br", "/zlib", "/raw"] {
        assert_eq!(decoded(path), text.as_bytes(), "{path}");
    }
}

#[test]
fn framings_are_as_asked_for() {
    let tarpit = tarpit();
    let body = Answer::ok("text/plain", "12345");
    tarpit.route(ANY, "/chunked", body.clone().chunked());
    tarpit.route(ANY, "/claimed", body.clone().length_claimed("-7"));
    tarpit.route(ANY, "/until-close", body.until_close());
    let (head, body) = get(&tarpit, "/chunked", "");
    assert!(head.contains("Transfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
    assert_eq!(body, b"5\r\n12345\r\n0\r\n\r\n");
    let (head, body) = get(&tarpit, "/claimed", "");
    assert!(head.contains("Content-Length: -7\r\n") && body == b"12345", "{head}");
    let (head, body) = get(&tarpit, "/until-close", "");
    assert!(!head.contains("Content-Length") && head.contains("Connection: close") && body == b"12345", "{head}");
}

// ---- scenarios ------------------------------------------------------------------------------------------------------

#[test]
fn healthy_feeds_are_the_same_each_time_and_as_large_as_asked() {
    let tarpit = tarpit();
    for number in 1..=4 {
        let path = format!("/healthy/{number}?articles=12&kib=60");
        let (head, body) = get(&tarpit, &path, "");
        assert_eq!(feed_rs::parser::parse(body.as_slice()).unwrap().entries.len(), 12);
        assert!((50 << 10..75 << 10).contains(&body.len()), "{path}: {} bytes", body.len());
        let etag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
        assert!(get(&tarpit, &path, &format!("If-None-Match: {etag}\r\n")).0.starts_with("HTTP/1.1 304 "));
        assert_eq!(get(&tarpit, &path, "").1, body);
    }
}

#[test]
fn a_growing_feed_grows_by_one() {
    let tarpit = tarpit();
    let articles = || feed_rs::parser::parse(get(&tarpit, "/growing/1?articles=3", "").1.as_slice()).unwrap().entries;
    let (first, second) = (articles(), articles());
    assert_eq!((first.len(), second.len()), (3, 4));
    assert_eq!(first[0].id, second[1].id);
}

#[test]
fn changing_guids_change_and_nothing_else() {
    let tarpit = tarpit();
    let articles = || feed_rs::parser::parse(get(&tarpit, "/changing-guids/1", "").1.as_slice()).unwrap().entries;
    let (first, second) = (articles(), articles());
    assert_ne!(first[0].id, second[0].id);
    assert_eq!(first[0].links, second[0].links);
}

/// The scenarios that answer in full, so that a client can read all of them; the others are held, reset or endless.
#[test]
fn every_scenario_answers_or_holds() {
    let tarpit = tarpit();
    for scenario in scenario::all() {
        let scenario::Via::Path(_) = scenario.via else { continue };
        let name = scenario.name;
        let held = ["hung", "dripping", "endless", "slow", "gzip-bomb", "gzip-members", "brotli-bomb"];
        let stream = ask(&tarpit, &format!("/{name}/7"), "Connection: close\r\n");
        if name == "refusing" || name == "reset-body" || held.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        assert!(!all(stream).is_empty(), "{name} says nothing");
    }
    // None of them has ended the executor.
    assert!(get(&tarpit, "/", "").0.starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_bomb_is_valid_gzip_and_as_large_as_asked() {
    let tarpit = tarpit();
    let mut body = ask(&tarpit, "/gzip-bomb/1?mib=3", "Connection: close\r\n");
    let bytes = all(&mut body);
    let end = request::end_of_head(&bytes, 0).unwrap();
    let (mut coded, mut rest) = (Vec::new(), &bytes[end..]);
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        coded.extend_from_slice(&rest[line + 2..][..length]);
        rest = &rest[line + 2 + length + 2..];
    }
    assert!(coded.len() < 5000, "{} bytes", coded.len());
    // The decoder checks the sum and the length at the end.
    assert_eq!(all(flate2::read::GzDecoder::new(coded.as_slice())).len(), (3 << 20) + 35);
    let (_, body) = get(&tarpit, "/brotli-bomb/1?mib=2", "");
    assert!(body.len() < 2000, "{} bytes", body.len());
    assert_eq!(all(brotli::Decompressor::new(body.as_slice(), 4096)).len(), (2 << 20) + 35);
}

#[test]
fn feeds_toml_counts_as_asked() {
    let tarpit = tarpit();
    let feeds = |query: &str| {
        let (_, body) = get(&tarpit, &format!("/feeds.toml{query}"), "");
        let table: toml::Table = std::str::from_utf8(&body).unwrap().parse().unwrap();
        table["feed"].as_array().unwrap().clone()
    };
    assert_eq!(feeds("?healthy=430&hung=25&dripping=25&refusing=10&endless=10").len(), 500);
    let without_tls = scenario::all().filter(|scenario| !scenario.name.starts_with("tls-")).count();
    assert_eq!(feeds("").len(), without_tls);
    let with_tls = feeds("?ca=/tmp/ca%22.pem");
    assert_eq!(with_tls.len(), scenario::all().count());
    assert!(with_tls.iter().any(|feed| feed.get("ca_file").is_some_and(|ca| ca.as_str() == Some("/tmp/ca\".pem"))));
    let first = &feeds("?healthy=1&kib=60&articles=9")[0];
    let url = format!("http://healthy-1.localhost:{}/healthy/1?articles=9&kib=60", tarpit.addr().port());
    assert_eq!(first["url"].as_str(), Some(url.as_str()));
}

// ---- TLS ------------------------------------------------------------------------------------------------------------

type TlsClient = rustls::StreamOwned<rustls::ClientConnection, TcpStream>;

fn tls_client(tarpit: &Tarpit, name: &str) -> TlsClient {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(tarpit.ca_pem().as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_string()).unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    rustls::StreamOwned::new(connection, connect(tarpit.tls_addr()))
}

#[test]
fn tls_is_trusted_by_whoever_trusts_the_authority() {
    let tarpit = tarpit();
    tarpit.tls("drip.localhost", Tls::Drip(Duration::ZERO));
    for name in ["a.localhost", "b.example.org", "drip.localhost", "127.0.0.1"] {
        let mut client = tls_client(&tarpit, name);
        write!(client, "GET /healthy/1?kib=100 HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").unwrap();
        let bytes = all(client);
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK") && bytes.len() > 90 << 10, "{name}: {} bytes", bytes.len());
    }
    assert!(tarpit.requests().iter().all(|request| request.tls));
}

#[test]
fn bad_tls_fails_in_its_own_way() {
    let tarpit = tarpit();
    for (name, part) in [
        ("tls-expired.localhost", "expired"),
        ("tls-wrong-host.localhost", "not valid for"),
        ("tls-self-signed.localhost", "UnknownIssuer"),
        ("tls-plain.localhost", "corrupt message"),
        ("tls-cut.localhost", "end of file"),
    ] {
        let error = tls_client(&tarpit, name).write(b"x").unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
    assert_eq!(tarpit.counts().requests, 0);
}

#[test]
fn silent_tls_is_held_and_ends_with_the_client() {
    let tarpit = tarpit();
    let mut client = tls_client(&tarpit, "tls-silent.localhost");
    client.conn.write_tls(&mut client.sock).unwrap();
    assert!(tarpit.wait(GUARD, |counts| counts.open == 1));
    drop(client);
    assert!(tarpit.wait(GUARD, |counts| counts.open == 0));
}

// ---- files ----------------------------------------------------------------------------------------------------------

#[test]
fn files_are_served_with_validators_and_nothing_beside_them() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("feeds");
    std::fs::create_dir_all(dir.join("sub dir")).unwrap();
    std::fs::write(outer.path().join("secret"), "secret").unwrap();
    std::fs::write(dir.join("sub dir/a&b.xml"), "<rss/>").unwrap();
    std::os::unix::fs::symlink(outer.path().join("secret"), dir.join("link")).unwrap();
    let tarpit = Tarpit::start(Options { dir: Some(dir), ..Options::default() }).unwrap();

    let (head, body) = get(&tarpit, "/files/sub%20dir/a%26b.xml", "");
    assert_eq!(body, b"<rss/>");
    assert!(head.contains("Content-Type: application/rss+xml\r\n"), "{head}");
    for (name, condition) in [("ETag: ", "If-None-Match"), ("Last-Modified: ", "If-Modified-Since")] {
        let value = head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let headers = format!("{condition}: {value}\r\n");
        assert!(get(&tarpit, "/files/sub%20dir/a%26b.xml", &headers).0.starts_with("HTTP/1.1 304 "), "{name}");
    }
    for path in [
        "/files/../secret",
        "/files/%2e%2e/secret",
        "/files/sub%20dir/../../secret",
        "/files/..%2fsecret",
        "/files//etc/passwd",
        "/files/%2fetc%2fpasswd",
        "/files/link",
        "/files/",
        "/files/sub%20dir",
        "/files/sub%20dir/a%26b.xml%00",
    ] {
        assert!(get(&tarpit, path, "").0.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let (_, feeds) = get(&tarpit, "/feeds.toml", "");
    assert!(String::from_utf8(feeds).unwrap().contains("/files/sub%20dir/a%26b.xml\""));
}

// ---- start and stop -------------------------------------------------------------------------------------------------

#[test]
fn a_second_one_on_the_same_port_is_refused() {
    let first = tarpit();
    let second = Tarpit::start(Options { listen: first.addr(), ..Options::default() });
    assert_eq!(second.err().map(|error| error.kind()), Some(ErrorKind::AddrInUse));
}

#[test]
fn a_thousand_held_connections_end_with_the_tarpit() {
    let tarpit = tarpit();
    let clients: Vec<TcpStream> = (0..1000)
        .map(|index| ask(&tarpit, ["/hung", "/dripping", "/endless", "/slow?seconds=3600"][index % 4], ""))
        .collect();
    assert!(tarpit.wait_for_requests(1000, GUARD));
    assert_eq!(tarpit.open_connections(), 1000);
    let (board, asked) = (Arc::clone(&tarpit.board), Clock::monotonic());
    tarpit.stop();
    assert!(Clock::elapsed_ms(asked) < STOP_TIMEOUT.as_millis() as u64, "the thread was left behind");
    assert_eq!(board.counts().open, 0);
    for mut client in clients {
        // An end or a reset, behind whatever had been sent.
        while client.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
    }
}
