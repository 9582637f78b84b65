//! TLS on a core: its configurations, and the handshake as a phase with a deadline of its own.
//!
//! rustls holds no socket; bytes are carried by whoever waits: [`handshake`] here, the transport later.

use std::io::{self, Read, Write};
use std::sync::Arc;

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use glommio::net::TcpStream;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::flight::Flight;
use super::roots::{Roots, WeakRoots};
use crate::failure::{Class, Failure, Phase};
use crate::limits::{TLS_RECORD_BYTES, TLS_SESSIONS_KEPT_MAX};

/// A core's client configurations: one for each set of roots in use. Not shared between cores: the session
/// cache has a lock.
#[derive(Default)]
pub(crate) struct ClientConfigs(Vec<(WeakRoots, Arc<ClientConfig>)>);

impl ClientConfigs {
    /// The configuration for these roots. Those of roots that are out of use are dropped on the way.
    pub(crate) fn of(&mut self, roots: &Roots) -> Arc<ClientConfig> {
        self.0.retain(|(known, _)| known.is_in_use());
        if let Some((_, config)) = self.0.iter().find(|(known, _)| known.is(roots)) {
            return config.clone();
        }
        let config = client_config(roots);
        self.0.push((roots.downgrade(), config.clone()));
        config
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

fn client_config(roots: &Roots) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports every protocol version that rustls does")
        .with_root_certificates(roots.store().clone())
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(TLS_SESSIONS_KEPT_MAX);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Shakes hands with `host` over `socket`, within the deadline of the present phase.
///
/// # Errors
///
/// `tls`, with what is wrong with the certificate in words, or with how far the handshake came.
pub(crate) async fn handshake(
    socket: &mut TcpStream,
    config: &Arc<ClientConfig>,
    host: &str,
    flight: &Flight,
) -> Result<ClientConnection, Failure> {
    let name = ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned())
        .map_err(|_| tls_failure(format!("{host:?} is no name that a certificate can carry")))?;
    let mut tls = ClientConnection::new(config.clone(), name).map_err(|error| tls_failure(describe(&error)))?;
    let exchange = async {
        let mut received = vec![0; TLS_RECORD_BYTES];
        while tls.is_handshaking() || tls.wants_write() {
            if tls.wants_write() {
                let mut out = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut out)?;
                }
                socket.write_all(&out).await?;
                continue;
            }
            let n = socket.read(&mut received).await?;
            if n == 0 {
                return Ok(Err("the server closed the connection during the handshake".to_owned()));
            }
            if let Err(error) = feed(&mut tls, &received[..n]) {
                return Ok(Err(describe(&error)));
            }
        }
        Ok(Ok(()))
    };
    let io_error = |_, error: io::Error| tls_failure(format!("the connection broke during the handshake: {error}"));
    match flight.within(exchange, io_error).await? {
        Ok(()) => Ok(tls),
        Err(message) => Err(tls_failure(message)),
    }
}

/// Gives received bytes to rustls, which takes as many as it has room for, and lets it work on them.
///
/// Gives how many bytes were taken: fewer than all only while plain text waits to be read.
///
/// # Errors
///
/// A record that is not genuine, or an alert.
pub(crate) fn feed(tls: &mut ClientConnection, mut bytes: &[u8]) -> Result<usize, rustls::Error> {
    let all = bytes.len();
    while !bytes.is_empty() {
        // An error here means "read the plain text first", and 0 that the peer has said goodbye already.
        match tls.read_tls(&mut bytes) {
            Ok(0) | Err(_) => break,
            Ok(_) => tls.process_new_packets()?,
        };
    }
    Ok(all - bytes.len())
}

/// Plain text that rustls holds: `Some(0)` when more must be received first, `None` at an orderly end of the stream.
///
/// # Errors
///
/// The stream ended without the goodbye that TLS requires (RFC 8446, section 6.1): it may have been cut.
pub(crate) fn read_plain(tls: &mut ClientConnection, plain: &mut [u8]) -> io::Result<Option<usize>> {
    match tls.reader().read(plain) {
        Ok(0) => Ok(None),
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Some(0)),
        Err(error) => Err(error),
    }
}

/// Encrypts `plain` into the bytes to be sent.
pub(crate) fn encrypt(tls: &mut ClientConnection, plain: &[u8]) -> io::Result<Vec<u8>> {
    tls.writer().write_all(plain)?;
    let mut out = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut out)?;
    }
    Ok(out)
}

fn tls_failure(message: String) -> Failure {
    Failure::new(Class::Tls, Phase::Tls, message)
}

/// What is wrong, in words an operator can act on.
fn describe(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Cert, InvalidMessage as Bad};
    match error {
        rustls::Error::InvalidCertificate(Cert::Expired | Cert::ExpiredContext { .. }) => {
            "the server's certificate has expired".to_owned()
        }
        rustls::Error::InvalidCertificate(Cert::NotValidYet | Cert::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        rustls::Error::InvalidCertificate(Cert::NotValidForName | Cert::NotValidForNameContext { .. }) => {
            "the server's certificate is for another host".to_owned()
        }
        rustls::Error::InvalidCertificate(Cert::UnknownIssuer) => {
            "the server's certificate is signed by nobody that this machine trusts; if it is your own, set ca_file"
                .to_owned()
        }
        // A limit of webpki's, which rustls does not name.
        rustls::Error::InvalidCertificate(Cert::Other(limit)) if format!("{limit:?}").contains("Exceeded") => {
            "the server's certificate comes with a chain of others that is too long to follow".to_owned()
        }
        rustls::Error::InvalidMessage(Bad::CertificatePayloadTooLarge | Bad::HandshakePayloadTooLarge) => {
            "the server's certificate comes with a chain of others that is larger than 64 KiB".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        other => format!("the TLS handshake failed: {other}"),
    }
}
