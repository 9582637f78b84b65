use super::*;
use crate::wire::OPENAPI;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

fn judged(policy: &Policy, peer: IpAddr, method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
    policy.admit(&head(method, uri, headers), peer)
}

#[test]
fn on_loopback_only_hosts_that_are_nobody_elses() {
    let policy = Policy::new(None, false, vec!["news.test".into()]);
    for (host, verdict) in [
        ("127.0.0.1:8080", Ok(())),
        ("localhost", Ok(())),
        ("LOCALHOST:80", Ok(())),
        ("a.localhost:1", Ok(())),
        ("[::1]:8080", Ok(())),
        ("news.test", Ok(())),
        ("evil.test", Err(Refusal::ForeignHost)),
        ("localhost.evil.test", Err(Refusal::ForeignHost)),
        ("127.0.0.1.evil.test:8080", Err(Refusal::ForeignHost)),
        ("", Err(Refusal::Host)),
        ("a/b", Err(Refusal::Host)),
    ] {
        assert_eq!(judged(&policy, HERE, "GET", "/feeds", &[("host", host)]), verdict, "{host}");
    }
    assert_eq!(judged(&policy, HERE, "GET", "/", &[]), Err(Refusal::Host));
    assert_eq!(judged(&policy, HERE, "GET", "/", &[("host", "localhost"), ("host", "localhost")]), Err(Refusal::Host));
    assert_eq!(judged(&Policy::new(None, true, vec![]), THERE, "GET", "/", &[("host", "evil.test")]), Ok(()));
}

#[test]
fn a_token_is_asked_for_everywhere_but_health() {
    let policy = Policy::new(Some("s3cret"), false, vec![]);
    for (uri, authorization, verdict) in [
        ("/articles", "Bearer s3cret", Ok(())),
        ("/articles", "bearer s3cret", Ok(())),
        ("/articles", "Basic eDpzM2NyZXQ=", Ok(())),
        ("/debug/cores", "Bearer s3cret", Ok(())),
        ("/articles", "Bearer s3cre", Err(Refusal::Token)),
        ("/articles", "Bearer s3cret2", Err(Refusal::Token)),
        ("/articles", "Basic !!", Err(Refusal::Token)),
        ("/articles", "", Err(Refusal::Token)),
        ("/health", "", Ok(())),
        ("/health/ready", "", Ok(())),
        ("/health/../articles", "", Err(Refusal::Token)),
    ] {
        let headers = [("host", "news.test"), ("authorization", authorization)];
        assert_eq!(judged(&policy, THERE, "GET", uri, &headers), verdict, "{uri} {authorization}");
    }
}

/// The routes are those that are described, so that a new one is asked about here by itself.
#[test]
fn every_route_but_health_stands_behind_the_token_and_the_host() {
    let described: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
    let routes: Vec<_> =
        described["paths"].as_object().unwrap().keys().map(|path| path.replace(['{', '}'], "")).collect();
    assert!(routes.len() > 15 && routes.contains(&"/health".to_owned()), "{routes:?}");
    let (token, loopback) = (Policy::new(Some("s3cret"), false, vec![]), Policy::new(None, false, vec![]));
    for route in routes.iter().map(String::as_str).chain(["/live.js", "/style.css", "/nowhere", "*"]) {
        let is_open = ["/health", "/health/live", "/health/ready"].contains(&route);
        let expected = if is_open { Ok(()) } else { Err(Refusal::Token) };
        for peer in [HERE, THERE] {
            assert_eq!(judged(&token, peer, "GET", route, &[("host", "x")]), expected, "{route}");
            let headers = [("host", "x"), ("authorization", "Bearer s3cret")];
            assert_eq!(judged(&token, peer, "GET", route, &headers), Ok(()), "{route}");
        }
        // A page of a stranger whose name has come to point here (rebinding), be it for /health.
        assert_eq!(
            judged(&loopback, HERE, "GET", route, &[("host", "evil.test")]),
            Err(Refusal::ForeignHost),
            "{route}"
        );
    }
}

#[test]
fn only_the_token_itself_is_the_token() {
    let basic = |pair: &str| format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
    let policy = Policy::new(Some("s3cret"), false, vec![]);
    let right = [
        "Bearer s3cret",
        "BEARER s3cret",
        "Bearer  s3cret",
        &basic("x:s3cret"),
        &basic(":s3cret"),
        "basic eDpzM2NyZXQ=",
    ];
    let (long, of_another, reversed) =
        (format!("Bearer {}", "s3cret".repeat(1_000)), basic("s3cret:x"), basic("s3cret"));
    let wrong = [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "s3cret",
        "Bearers3cret",
        "Bearer\ts3cret",
        "Bearer S3CRET",
        "Bearer s3cret\u{e9}",
        "Bearer \"s3cret\"",
        "Bearer s3cret,",
        "Bearer s3cret s3cret",
        "Bearer x, Bearer s3cret",
        "Token s3cret",
        "Digest s3cret",
        "Basic s3cret",
        "Basic",
        "Basic =",
        "Basic eDpzM2NyZXQ",
        "Basic /w==",
        &long,
        &of_another,
        &reversed,
        // SHA-256 of the token is what is kept, and is none.
        "Bearer 1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0",
    ];
    for (values, verdict) in [(&right[..], Ok(())), (&wrong[..], Err(Refusal::Token))] {
        for value in values {
            let request = Request::builder().uri("/feeds").header("host", "x");
            let request = request.header("authorization", value.as_bytes()).body(()).unwrap();
            assert_eq!(policy.admit(&request, HERE), verdict, "{value:?}");
        }
    }
    // Where the two differ, and in how much, changes nothing of what is done: both are hashed first.
    let elsewhere = [("host", "x"), ("x-authorization", "Bearer s3cret"), ("cookie", "token=s3cret")];
    assert_eq!(judged(&policy, HERE, "GET", "/feeds?token=s3cret", &elsewhere), Err(Refusal::Token));
    // The first counts: a second one is no further try.
    let twice = [("host", "x"), ("authorization", "Bearer x"), ("authorization", "Bearer s3cret")];
    assert_eq!(judged(&policy, HERE, "GET", "/feeds", &twice), Err(Refusal::Token));
}

/// Host in every shape in which it may say one thing and mean another.
#[test]
fn a_host_is_ours_or_nobody_is_let_in() {
    let policy = Policy::new(None, false, vec!["news.test".into()]);
    for (host, verdict) in [
        ("NEWS.test:8080", Ok(())),
        ("[::ffff:127.0.0.1]", Ok(())),
        ("192.0.2.1:80", Ok(())),
        ("news.test.", Err(Refusal::ForeignHost)),
        ("news.test.evil.test", Err(Refusal::ForeignHost)),
        ("evil-news.test", Err(Refusal::ForeignHost)),
        ("localhost.evil.test:127", Err(Refusal::ForeignHost)),
        ("evil.test:80:127.0.0.1", Err(Refusal::ForeignHost)),
        ("[::1].evil.test", Err(Refusal::ForeignHost)),
        ("evil.test:[::1]", Err(Refusal::ForeignHost)),
        ("::1]:80", Err(Refusal::ForeignHost)),
        ("[127.0.0.1]", Err(Refusal::ForeignHost)),
        ("[[::1]]", Err(Refusal::ForeignHost)),
        ("2130706433", Err(Refusal::ForeignHost)),
        ("0x7f.1", Err(Refusal::ForeignHost)),
        ("localhost@evil.test", Err(Refusal::Host)),
        ("evil.test/localhost", Err(Refusal::Host)),
        ("localhost evil.test", Err(Refusal::Host)),
        (":80", Err(Refusal::Host)),
        ("loc\u{e4}lhost", Err(Refusal::Host)),
    ] {
        let request = Request::builder().uri("/feeds").header("host", host.as_bytes()).body(()).unwrap();
        assert_eq!(policy.admit(&request, HERE), verdict, "{host}");
    }
    // What stands in the request's first line goes before the header.
    for (uri, host, verdict) in
        [("http://evil.test/", "localhost", Err(Refusal::ForeignHost)), ("http://localhost/", "evil.test", Ok(()))]
    {
        assert_eq!(judged(&policy, HERE, "GET", uri, &[("host", host)]), verdict, "{uri}");
    }
}

#[test]
fn what_no_reader_sends_is_refused() {
    let policy = Policy::new(None, true, vec![]);
    let host = ("host", "x");
    for (method, uri, header, verdict) in [
        ("POST", "/", ("x", "y"), Err(Refusal::Method)),
        ("TRACE", "/", ("x", "y"), Err(Refusal::Method)),
        ("JUNK", "/", ("x", "y"), Err(Refusal::Method)),
        ("HEAD", "/", ("x", "y"), Ok(())),
        ("GET", "/", ("content-length", "5"), Err(Refusal::Body)),
        ("GET", "/", ("content-length", "0"), Ok(())),
        ("GET", "/", ("transfer-encoding", "chunked"), Err(Refusal::Body)),
    ] {
        assert_eq!(judged(&policy, THERE, method, uri, &[host, header]), verdict, "{method} {header:?}");
    }
    let long = format!("/?q={}", "a".repeat(REQUEST_URI_BYTES_MAX));
    assert_eq!(judged(&policy, THERE, "GET", &long, &[host]), Err(Refusal::Uri));
    assert_eq!(judged(&policy, THERE, "GET", "/debug/fetches", &[host]), Err(Refusal::Debug));
    for (name, verdict) in [("x", Err(Refusal::Debug)), ("127.0.0.1:80", Ok(())), ("localhost", Ok(()))] {
        assert_eq!(judged(&policy, HERE, "GET", "/debug/fetches", &[("host", name)]), verdict, "{name}");
    }
}
