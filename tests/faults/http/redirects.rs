//! Redirects that lead nowhere, or where nobody should follow.

use rssd::tarpit::{Answer, Script, Step};

use super::head;
use crate::faults::cases::{self, Case};
use crate::faults::scene::Scene;

#[test]
fn row_18_what_leads_nowhere_is_refused_on_its_hop() {
    let mut scene = Scene::new();
    let away = |location: &[u8]| Step::Answer(Answer::redirect(302, location));
    let raw =
        |location: &str| Step::send(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"));
    let long = format!("/healthy/1?{}", "x".repeat(64 << 10));
    let with_password = scene.tarpit.url("userinfo.localhost", "/nothing").replace("://", "://name:hunter2@");
    // Name, what the first hop answers, how many hops are asked, class, and what is said.
    let shapes: [(&str, Step, usize, &str, &str); 16] = [
        ("loop", away(b"/start"), 1, "redirect", "circle"),
        ("two", away(b"/back"), 2, "redirect", "circle"),
        ("ten", away(b"/redirect-hops/1?hops=9"), 6, "redirect", "more than 5"),
        ("six", away(b"/redirect-hops/1?hops=5"), 6, "redirect", "more than 5"),
        ("file", away(b"file:///etc/passwd"), 1, "policy", "file:"),
        ("gopher", away(b"gopher://gopher.localhost:70/"), 1, "policy", "gopher:"),
        ("javascript", away(b"javascript:alert(1)"), 1, "policy", "javascript:"),
        ("long", away(long.as_bytes()), 1, "header", "longer than"),
        ("nine-kilobytes", away(&long.as_bytes()[..9 << 10]), 1, "redirect", "9216 bytes"),
        ("escaped-lines", away(b"/x%0d%0aX-Injected:%20yes"), 1, "redirect", "line end"),
        // One that ends a line ends the header: what follows is another one, or none.
        ("lines", raw("/nothing\r\nX-Injected: yes"), 2, "status", "404"),
        ("carriage-return", raw("/nothing\rX-Injected: yes"), 1, "header", "breaks HTTP's rules"),
        ("latin-1", away(b"/caf\xe9"), 1, "redirect", "UTF-8"),
        ("no-url", away(b"http://[::1/"), 1, "redirect", "no URL"),
        ("nowhere", Step::Answer(Answer::status(302)), 1, "redirect", "without saying where"),
        // Followed, and the password is nobody's.
        ("userinfo", away(with_password.as_bytes()), 2, "status", "404"),
    ];
    let mut cases = Vec::new();
    for (name, first, _, class, words) in &shapes {
        let host = format!("{name}.localhost");
        scene.tarpit.route(&host, "/start", first.clone());
        cases.push(Case::fails(name, scene.tarpit.url(&host, "/start"), class, &[words]));
    }
    scene.tarpit.route("two.localhost", "/back", Answer::redirect(302, "/start"));
    // As browsers read it.
    scene.tarpit.route("utf-8.localhost", "/start", Answer::redirect(302, "/healthy/1?caf\u{e9}"));
    cases.push(Case::reads("utf-8", scene.tarpit.url("utf-8.localhost", "/start"), 30));
    cases::run(&mut scene, &cases);
    let requests = scene.tarpit.requests();
    for (name, _, hops, ..) in shapes {
        let host = format!("{name}.localhost");
        assert_eq!(requests.iter().filter(|request| request.head.host == host).count(), hops, "{name}");
    }
    assert!(requests.iter().all(|request| request.head.header("x-injected").is_none()));
    let finished = scene.end();
    assert!(!finished.stderr.contains("hunter2"), "a password of a URL is told to nobody");
}

#[test]
fn row_18_each_hop_goes_by_the_address_guard() {
    let mut scene = Scene::new();
    // A proxy is the operator's own and may be private: what it would be asked for may not.
    let through = |location: &str| {
        let redirect = Answer::redirect(302, location).close();
        let tunnel = Step::send("HTTP/1.1 200 Connection established\r\n\r\n");
        Script::from([Step::ReadRequest, tunnel, Step::ReadRequest, Step::Answer(redirect)])
    };
    let port = scene.tarpit.addr().port();
    let addresses = [
        "169.254.169.254".to_owned(),
        format!("127.0.0.1:{port}"),
        "[::ffff:10.0.0.1]".to_owned(),
        format!("localhost:{port}"),
    ];
    let mut cases = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let proxy = scene.tarpit.listen(through(&format!("http://{address}/latest"))).expect("a port");
        let url = format!("http://stranger-{number}.example/feed");
        let lines = format!("allow_private = false\nproxy = \"http://{proxy}\"");
        cases.push(Case::fails(&format!("stranger-{number}"), url, "policy", &["address guard refuses"]).with(&lines));
    }
    cases::run(&mut scene, &cases);
    let requests = scene.tarpit.requests();
    assert!(requests.iter().all(|request| !request.head.target.contains("latest")), "nobody was asked");
    let of_strangers = requests
        .iter()
        .filter(|request| request.head.target.contains("stranger") || request.head.host.contains("stranger"));
    assert_eq!(of_strangers.count(), 2 * addresses.len(), "a tunnel and a request each");
    scene.end();
}

#[test]
fn row_19_a_redirect_whose_body_is_cut_is_as_any_other() {
    let mut scene = Scene::new();
    let shapes = [
        ("after-size", "Transfer-Encoding: chunked\r\n\r\n0\r\n"),
        ("after-line", "Transfer-Encoding: chunked\r\n\r\n0\r"),
        ("in-chunk", "Transfer-Encoding: chunked\r\n\r\n10\r\n<p>"),
        ("in-length", "Content-Length: 1000\r\n\r\n<p>"),
        ("garbage", "Transfer-Encoding: chunked\r\n\r\nwhat?\r\n"),
    ];
    let cases = shapes.map(|(name, rest)| {
        let host = format!("{name}.localhost");
        let redirect = head(&format!("Location: /healthy/1\r\n{rest}")).replacen("200 OK", "302 Found", 1);
        scene.tarpit.route(&host, "/start", [Step::send(redirect), Step::Close]);
        Case::reads(name, scene.tarpit.url(&host, "/start"), 30)
    });
    cases::run(&mut scene, &cases);
    scene.end();
}
