//! TLS, and what can go wrong with it before the first byte of HTTP.

use std::{io, sync::Arc};

use tokio::{io::AsyncReadExt, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{
    fault::Close,
    wire::{End, Wire},
};
use crate::authority::{Authority, LOOPBACK_NAMES, Validity};

/// What is wrong with a server's TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// Nothing: a certificate of [`Authority::shared`] for localhost, 127.0.0.1 to 127.0.0.3 and `::1`.
    None,
    /// The certificate ended in 2001.
    Expired,
    /// The certificate begins in 2999.
    NotYetValid,
    /// The certificate is for `elsewhere.test`.
    WrongHost,
    /// The certificate is good, but of an authority whose certificate nobody has.
    UnknownAuthority,
    /// The connection ends when the client has begun the handshake.
    HandshakeCut(Close),
    /// The server never answers the client's handshake.
    HandshakeStall,
}

/// Makes the server's side of TLS out of connections.
#[derive(Clone)]
pub(super) struct Tls {
    fault: TlsFault,
    acceptor: TlsAcceptor,
}

impl Tls {
    pub(super) fn new(fault: TlsFault, authority: &Authority) -> io::Result<Self> {
        let certificate = match fault {
            TlsFault::Expired => authority.issue(LOOPBACK_NAMES, Validity::Expired)?,
            TlsFault::NotYetValid => authority.issue(LOOPBACK_NAMES, Validity::NotYet)?,
            TlsFault::WrongHost => authority.issue(&["elsewhere.test"], Validity::Now)?,
            TlsFault::UnknownAuthority => Authority::new("Unknown authority")?.issue(LOOPBACK_NAMES, Validity::Now)?,
            TlsFault::None | TlsFault::HandshakeCut(_) | TlsFault::HandshakeStall => authority.issue(LOOPBACK_NAMES, Validity::Now)?,
        };
        let chain = CertificateDer::from_pem_slice(certificate.certificate_pem.as_bytes()).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).map_err(io::Error::other)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![chain], key))
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { fault, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// The connection with TLS on it; `None` if there is none, because of a fault or of the client.
    pub(super) async fn accept(&self, mut stream: TcpStream) -> Option<Wire> {
        let mut hello = [0; 16 * 1024];
        match self.fault {
            TlsFault::HandshakeCut(how) => {
                let _ = stream.read(&mut hello).await;
                Wire::Plain(stream).close(End::Fault(how)).await;
                None
            }
            TlsFault::HandshakeStall => {
                while stream.read(&mut hello).await.is_ok_and(|count| count > 0) {}
                None
            }
            _ => self.acceptor.accept(stream).await.ok().map(|stream| Wire::Tls(Box::new(stream))),
        }
    }
}
