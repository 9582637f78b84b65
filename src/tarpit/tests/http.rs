//! Requests as they are recorded, answers as they are framed.

use super::*;

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
