//! Scenarios and files by their paths.

use super::*;

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
