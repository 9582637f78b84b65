//! TLS that is slow, broken or somebody else's: each ends its own poll with class `tls`, within the connect timeout, in
//! words that say what is wrong; and a server that shakes hands and then hangs is told by its phase.

use std::time::Duration;

use rssd::tarpit::{Step, Tls};

use crate::support::{Feeds, Home, tarpit};

#[test]
fn each_kind_of_bad_tls_says_what_is_wrong() {
    let tarpit = tarpit();
    let kinds = [
        ("expired", Tls::Expired, "has expired"),
        ("wrong-host", Tls::WrongHost, "is for another host"),
        ("self-signed", Tls::SelfSigned, "signed by nobody that this machine trusts"),
        ("silent", Tls::Silence, "did not end within 1 s"),
        ("drip", Tls::Drip(Duration::from_millis(200)), "did not end within 1 s"),
        ("plain", Tls::PlainHttp, "does not speak TLS"),
        ("closed", Tls::CloseMidHandshake, "closed the connection during the handshake"),
    ];
    let mut feeds = Feeds::new().default("connect_timeout = \"1s\"").default("ca_file = \"ca.pem\"");
    for (name, tls, _) in kinds {
        let host = format!("{name}.localhost");
        tarpit.tls(&host, tls);
        feeds = feeds.feed(name, tarpit.tls_url(&host, "/healthy/1"));
    }
    feeds = feeds.feed("good", tarpit.tls_url("good.localhost", "/healthy/1"));
    let home = Home::new();
    home.write("ca.pem", tarpit.ca_pem());
    home.subscribe(&feeds);
    home.once();
    let db = home.db();
    assert_eq!(db.articles_of("good"), 30, "{}", db.error_of("good"));
    for (name, _, words) in kinds {
        assert_eq!(db.class_of(name), "tls", "{name}: {}", db.error_of(name));
        assert!(db.error_of(name).contains(words), "{name}: {}", db.error_of(name));
        assert_eq!(db.articles_of(name), 0, "{name}");
    }
    assert!(tarpit.requests_of("/healthy/1").iter().all(|request| request.head.host == "good.localhost"));
}

#[test]
fn a_server_that_hangs_after_the_handshake_is_told_by_its_phase() {
    let tarpit = tarpit();
    tarpit.route("hung.localhost", "/feed", vec![Step::ReadRequest, Step::Stall]);
    let home = Home::new();
    home.write("ca.pem", tarpit.ca_pem());
    let feed = Feeds::new().default("read_timeout = \"1s\"").feed_with(
        "hung",
        tarpit.tls_url("hung.localhost", "/feed"),
        "ca_file = \"ca.pem\"",
    );
    home.subscribe(&feed);
    home.once();
    // Session tickets come after the handshake, and are not the beginning of an answer.
    assert_eq!(home.db().class_of("hung"), "timeout(first byte)", "{}", home.db().error_of("hung"));
}

#[test]
fn a_certificate_of_nobody_known_is_refused_without_its_authority() {
    let tarpit = tarpit();
    tarpit.tls("good.localhost", Tls::Good);
    let home = Home::with(&Feeds::new().feed("good", tarpit.tls_url("good.localhost", "/healthy/1")));
    home.once();
    assert_eq!(home.db().class_of("good"), "tls");
    assert!(home.db().error_of("good").contains("ca_file") || home.db().error_of("good").contains("ca-certificates"));
}
