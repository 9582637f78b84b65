//! Row 79: a machine without certificate roots.

use super::super::scene::Scene;

/// On a machine that has its roots in this file, if it is there.
fn with_roots_in(file: &str) -> Scene {
    Scene::started_by(
        |_, feeds| feeds,
        |home| {
            let mut command = home.daemon_command();
            command.env("SSL_CERT_FILE", home.path(file)).env("SSL_CERT_DIR", home.path("nowhere"));
            command
        },
    )
}

#[test]
fn row_79_without_roots_https_feeds_say_so_and_http_feeds_work() {
    let mut scene = with_roots_in("nothing.pem");
    assert_eq!(scene.daemon.count_lines("no certificate roots were found: https feeds will fail"), 1);
    let http = scene.tarpit.url("http.localhost", "/healthy/1");
    assert_eq!(scene.poll_of(&http), ("ok".to_owned(), String::new()));

    let https = scene.tarpit.tls_url("https.localhost", "/healthy/2");
    scene.subscribe(|_, feeds| feeds.feed("https", &https));
    scene.wait_for_polls("https", 1);
    let (db, error) = (scene.db(), scene.db().error_of("https"));
    assert_eq!(db.class_of("https"), "tls", "{error}");
    assert!(error.contains("no certificate roots; install ca-certificates or set ca_file"), "{error}");

    // With an authority of its own a feed needs none of the machine's.
    scene.home.write("ca.pem", scene.tarpit.ca_pem());
    scene.subscribe(|_, feeds| feeds.feed_with("own", &https, "ca_file = \"ca.pem\""));
    scene.wait_for_polls("own", 1);
    assert_eq!(scene.db().last_poll_of("own"), (Some(200), "ok".to_owned()), "{}", scene.db().error_of("own"));
    scene.end();
}

#[test]
fn row_79_roots_that_are_installed_later_are_taken_up_by_a_reload() {
    let mut scene = with_roots_in("roots.pem");
    let https = scene.tarpit.tls_url("https.localhost", "/healthy/2");
    scene.subscribe(|_, feeds| feeds.feed("before", &https));
    scene.wait_for_polls("before", 1);
    assert_eq!(scene.db().class_of("before"), "tls", "{}", scene.db().error_of("before"));
    scene.home.write("roots.pem", scene.tarpit.ca_pem());
    let other = scene.tarpit.tls_url("https.localhost", "/healthy/3");
    scene.subscribe(|_, feeds| feeds.feed("before", &https).feed("after", &other));
    assert_eq!(scene.daemon.count_lines("certificate roots are others from now on, 1 of them"), 1);
    scene.wait_for_polls("after", 1);
    assert_eq!(scene.db().last_poll_of("after"), (Some(200), "ok".to_owned()), "{}", scene.db().error_of("after"));
    // Another one finds the same, and changes nothing.
    scene.subscribe(|_, feeds| feeds.feed("before", &https).feed("after", &other));
    assert_eq!(scene.daemon.count_lines("certificate roots are others"), 1);
    assert_eq!(scene.daemon.count_lines("0 feeds added, 0 changed, 0 removed"), 1);
    scene.end();
}
