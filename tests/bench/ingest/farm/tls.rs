//! The farm's certificate, and what a handshake with it costs a client.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use crate::process::Cpu;

/// Names under it are this machine.
pub(crate) const DOMAIN: &str = "farm.localhost";

/// Certificate and key of the farm, and the authority that vouches for it; all in PEM.
pub(crate) struct Identity {
    pub(crate) server_pem: String,
    pub(crate) authority_pem: String,
}

impl Identity {
    pub(crate) fn new() -> Result<Identity, rcgen::Error> {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec![format!("*.{DOMAIN}")])?.signed_by(&key, &authority)?;
        Ok(Identity { server_pem: leaf.pem() + &key.serialize_pem(), authority_pem: authority.pem() })
    }
}

/// What the file with a certificate and its key makes. It resumes nothing: each handshake is a full one.
pub(super) fn server(identity: &Path) -> Arc<ServerConfig> {
    let pem = fs::read(identity).expect("it was written for us");
    let certificate = CertificateDer::from_pem_slice(&pem).expect("it has a certificate");
    let key = PrivateKeyDer::from_pem_slice(&pem).expect("it has a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has them");
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key);
    let mut config = config.expect("key and certificate belong together");
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

/// The CPU seconds that so many full handshakes cost a client, and nothing else.
pub(crate) fn handshakes(identity: &Path, authority_pem: &str, count: usize) -> Cpu {
    let server = server(identity);
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority_pem.as_bytes()).expect("it is PEM");
    roots.add(authority).expect("it is an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider has them");
    let client = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
    let mut spent = Cpu::default();
    for number in 0..count {
        let name = ServerName::try_from(format!("f{number}.{DOMAIN}")).expect("it is a name");
        spent = spent.plus(handshake(&client, &server, name));
    }
    spent
}

/// Both sides in memory; the client's share is what is counted.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, name: ServerName<'static>) -> Cpu {
    let mut server = ServerConnection::new(server.clone()).expect("the configuration was made for it");
    let begun = Cpu::of_thread();
    let mut client = ClientConnection::new(client.clone(), name).expect("the configuration was made for it");
    let mut spent = Cpu::of_thread().since(begun);
    while client.is_handshaking() || server.is_handshaking() {
        let begun = Cpu::of_thread();
        let mut to_server = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut to_server).expect("a Vec takes every write");
        }
        spent = spent.plus(Cpu::of_thread().since(begun));
        let mut to_client = Vec::new();
        let mut from_client = Cursor::new(to_server);
        while server.read_tls(&mut from_client).is_ok_and(|read| read > 0) {
            server.process_new_packets().expect("the client speaks TLS");
        }
        while server.wants_write() {
            server.write_tls(&mut to_client).expect("a Vec takes every write");
        }
        let begun = Cpu::of_thread();
        let mut from_server = Cursor::new(to_client);
        while client.read_tls(&mut from_server).is_ok_and(|read| read > 0) {
            client.process_new_packets().expect("the server speaks TLS");
        }
        spent = spent.plus(Cpu::of_thread().since(begun));
    }
    spent
}
