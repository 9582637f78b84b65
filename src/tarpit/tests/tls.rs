//! TLS as a client that checks it meets it.

use super::*;

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
        ("tls-long-chain.localhost", "Exceeded"),
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
