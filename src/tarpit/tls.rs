//! TLS as a fault source: a certificate authority made at start, certificates good and bad, and handshakes that go wrong.
//!
//! What is done to a client is chosen by the name it asks for (SNI), so that one port serves every case.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::AsyncWriteExt;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, Issuer, KeyPair, SanType, SigningKey,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::Acceptor;

use super::link::{Link, Peer, feed};
use crate::executor::sleep;
use crate::limits::TARPIT_CERTIFICATES_MAX;

/// What a client that speaks TLS meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tls {
    /// A certificate for the name asked for, signed by the tarpit's authority.
    Good,
    /// The same, but it ended in 2001.
    Expired,
    /// The same, but for `elsewhere.invalid`.
    WrongHost,
    /// Signed by itself.
    SelfSigned,
    /// Signed by the tarpit's authority over so many others, all of them sent along.
    LongChain(u16),
    /// Silence after the client's hello.
    Silence,
    /// A good handshake, one byte at a time.
    Drip(Duration),
    /// HTTP without TLS, where the client expects a server's hello.
    PlainHttp,
    /// The beginning of a good server's hello, then the end of the connection.
    CloseMidHandshake,
}

/// Less than any server's hello has.
const HELLO_PART_BYTES: usize = 40;

/// Issues certificates, and keeps them.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// One key for all certificates: making a key costs more than signing.
    leaf_key: KeyPair,
    configs: HashMap<(Option<String>, Certificate), Arc<ServerConfig>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Certificate {
    Good,
    Expired,
    WrongHost,
    SelfSigned,
    LongChain(u16),
}

impl Authority {
    pub(crate) fn new() -> io::Result<Authority> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "rssd tarpit");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let leaf_key = KeyPair::generate().map_err(io::Error::other)?;
        Ok(Authority { issuer, leaf_key, configs: HashMap::new() })
    }

    /// The authority's own certificate, for clients to trust.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    fn config(&mut self, name: Option<&str>, kind: Certificate) -> io::Result<Arc<ServerConfig>> {
        let key = (name.map(str::to_string), kind);
        if let Some(config) = self.configs.get(&key) {
            return Ok(Arc::clone(config));
        }
        if self.configs.len() >= TARPIT_CERTIFICATES_MAX {
            self.configs.clear();
        }
        let config = Arc::new(self.issue(name, kind).map_err(io::Error::other)?);
        self.configs.insert(key, Arc::clone(&config));
        Ok(config)
    }

    fn issue(
        &self,
        name: Option<&str>,
        kind: Certificate,
    ) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let name = if kind == Certificate::WrongHost { Some("elsewhere.invalid") } else { name };
        let mut params = CertificateParams::new(name.map(str::to_string).into_iter().collect::<Vec<_>>())?;
        if name.is_none() {
            // A client that dials an address sends no name.
            params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        }
        if kind == Certificate::Expired {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        let mut chain = Vec::new();
        match kind {
            Certificate::SelfSigned => chain.push(params.self_signed(&self.leaf_key)?.der().clone()),
            Certificate::LongChain(between) => {
                let first = intermediate(0, &self.leaf_key, &self.issuer)?;
                chain.push(first.as_ref().der().clone());
                let mut issuer = first;
                for number in 1..between {
                    issuer = intermediate(number, &self.leaf_key, &issuer)?;
                    chain.push(issuer.as_ref().der().clone());
                }
                chain.push(params.signed_by(&self.leaf_key, &issuer)?.der().clone());
                // The leaf goes first, each behind the one that it has signed.
                chain.reverse();
            }
            _ => chain.push(params.signed_by(&self.leaf_key, &self.issuer)?.der().clone()),
        }
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// An authority below another one. It has a key of others: a chain of hundreds wants a name a link, not a key.
fn intermediate<'k>(
    number: u16,
    key: &'k KeyPair,
    above: &Issuer<'_, impl SigningKey>,
) -> Result<CertifiedIssuer<'static, &'k KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("rssd tarpit, link {number}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::signed_by(params, key, above)
}

/// Reads the client's hello, asks `choose` what the client meets, and does that. `None`: the connection ended there.
pub(crate) async fn accept(
    mut link: Link,
    authority: &std::cell::RefCell<Authority>,
    choose: impl FnOnce(Option<&str>) -> Tls,
) -> io::Result<Option<Link>> {
    let mut acceptor = Acceptor::default();
    let mut bytes = Vec::new();
    let accepted = loop {
        bytes.clear();
        if link.read(&mut bytes).await? == 0 {
            return Ok(None);
        }
        acceptor.read_tls(&mut bytes.as_slice())?;
        match acceptor.accept() {
            Ok(Some(accepted)) => break accepted,
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut records = Vec::new();
                alert.write_all(&mut records)?;
                link.tcp.write_all(&records).await?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        }
    };
    let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
    let chosen = choose(name.as_deref());
    let kind = match chosen {
        Tls::Silence => {
            link.until_gone(&mut bytes, 0).await?;
            return Ok(None);
        }
        Tls::PlainHttp => {
            link.tcp.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await?;
            return Ok(None);
        }
        Tls::Good | Tls::Drip(_) | Tls::CloseMidHandshake => Certificate::Good,
        Tls::Expired => Certificate::Expired,
        Tls::WrongHost => Certificate::WrongHost,
        Tls::SelfSigned => Certificate::SelfSigned,
        Tls::LongChain(between) => Certificate::LongChain(between),
    };
    let config = authority.borrow_mut().config(name.as_deref(), kind)?;
    let connection = accepted.into_connection(config).map_err(|(error, _)| io::Error::other(error))?;
    link.tls = Some(Box::new(connection));
    handshake(&mut link, chosen).await.map(|peer| (peer == Peer::Here).then_some(link))
}

async fn handshake(link: &mut Link, chosen: Tls) -> io::Result<Peer> {
    loop {
        let records = link.take_records()?;
        match chosen {
            Tls::CloseMidHandshake => {
                link.tcp.write_all(&records[..records.len().min(HELLO_PART_BYTES)]).await?;
                return Ok(Peer::Gone);
            }
            Tls::Drip(every) => {
                for byte in &records {
                    link.tcp.write_all(std::slice::from_ref(byte)).await?;
                    sleep(every).await;
                }
            }
            _ => link.tcp.write_all(&records).await?,
        }
        let Some(tls) = &mut link.tls else { return Ok(Peer::Gone) };
        if !tls.is_handshaking() {
            return Ok(Peer::Here);
        }
        let mut bytes = [0; 4096];
        let read = futures_lite::AsyncReadExt::read(&mut link.tcp, &mut bytes).await?;
        if read == 0 {
            return Ok(Peer::Gone);
        }
        if let Err(error) = feed(tls, &bytes[..read]) {
            link.flush().await?;
            return Err(error);
        }
    }
}
