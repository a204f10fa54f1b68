//! TLS: whom to trust, and what its errors mean.

use std::{io, path::PathBuf, sync::Arc};

use consign_bits::{ErrorContext, wininet};
use rustls::{CertificateError, ClientConfig, RootCertStore, pki_types::CertificateDer};
use rustls_pki_types::pem::PemObject;
use tokio::sync::OnceCell;
use tokio_rustls::{TlsConnector, rustls, rustls::pki_types as rustls_pki_types};

use super::trouble::Trouble;

/// Sets up TLS. The trusted authorities are read when the first `https` URL comes, so that who
/// uses none does not pay for them, and a machine without any works.
#[derive(Debug)]
pub(super) struct Tls {
    ca_file: Option<PathBuf>,
    protocols: Protocols,
    config: OnceCell<Arc<ClientConfig>>,
}

/// What is offered to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    Http1,
    Http1And2,
}

impl Tls {
    pub(super) fn new(ca_file: Option<PathBuf>, protocols: Protocols) -> Self {
        Self { ca_file, protocols, config: OnceCell::new() }
    }

    /// What connects. `protocols` are offered by ALPN.
    pub(super) async fn connector(&self) -> Result<TlsConnector, Trouble> {
        // A failure is not kept: the next attempt reads again.
        let config = self.config.get_or_try_init(|| async {
            let (ca_file, protocols) = (self.ca_file.clone(), self.protocols);
            tokio::task::spawn_blocking(move || config(ca_file, protocols)).await.map_err(|error| Trouble::worker(&error))?
        });
        Ok(TlsConnector::from(Arc::clone(config.await?)))
    }
}

fn config(ca_file: Option<PathBuf>, protocols: Protocols) -> Result<Arc<ClientConfig>, Trouble> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some authorities of the system could not be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        let unreadable = |error: &dyn std::fmt::Display| {
            let sentence = format!("the authorities in {} could not be read: {error}; correct fetch.ca_file", path.display());
            Trouble::fatal(wininet::WININET_E_INVALID_CA, ErrorContext::GeneralTransport, sentence)
        };
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|error| unreadable(&error))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
        if roots.len() == before {
            return Err(unreadable(&"there is no certificate in it"));
        }
    }
    if roots.is_empty() {
        let sentence = "this machine trusts no certificate authority, so no https server can be checked; install the package \
                        ca-certificates, or set fetch.ca_file";
        return Err(Trouble::fatal(wininet::WININET_E_INVALID_CA, ErrorContext::GeneralTransport, sentence));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| channel(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match protocols {
        Protocols::Http1 => vec![b"http/1.1".to_vec()],
        Protocols::Http1And2 => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}

/// What a failed handshake with `host` means.
pub(super) fn handshake_failed(error: &io::Error, host: &str) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(certificate)) = inner else {
        return channel(&format!("the encrypted connection to {host} could not be set up: {error}"));
    };
    let (code, what) = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (wininet::WININET_E_SEC_CERT_DATE_INVALID, "has expired; check the date of this machine, or tell the owner of the server")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (wininet::WININET_E_SEC_CERT_DATE_INVALID, "is not valid yet; check the date of this machine")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            (wininet::WININET_E_SEC_CERT_CN_INVALID, "is for another name; check the URL")
        }
        CertificateError::Revoked => (wininet::WININET_E_SEC_CERT_REVOKED, "was revoked"),
        CertificateError::UnknownIssuer => (
            wininet::WININET_E_INVALID_CA,
            "was issued by an authority that is not trusted here; add the authority to the system, or set fetch.ca_file",
        ),
        other => {
            let sentence = format!("the certificate of {host} cannot be accepted: {other}");
            return Trouble::fatal(wininet::WININET_E_SECURITY_CHANNEL_ERROR, ErrorContext::GeneralTransport, sentence);
        }
    };
    Trouble::fatal(code, ErrorContext::GeneralTransport, format!("the certificate of {host} {what}"))
}

fn channel(sentence: &str) -> Trouble {
    Trouble::passing(wininet::WININET_E_SECURITY_CHANNEL_ERROR, ErrorContext::GeneralTransport, sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::task::Retry;

    #[test]
    fn certificate_errors_are_fatal_and_others_pass() {
        for (error, code) in [
            (CertificateError::Expired, wininet::WININET_E_SEC_CERT_DATE_INVALID),
            (CertificateError::NotValidYet, wininet::WININET_E_SEC_CERT_DATE_INVALID),
            (CertificateError::NotValidForName, wininet::WININET_E_SEC_CERT_CN_INVALID),
            (CertificateError::Revoked, wininet::WININET_E_SEC_CERT_REVOKED),
            (CertificateError::UnknownIssuer, wininet::WININET_E_INVALID_CA),
            (CertificateError::BadSignature, wininet::WININET_E_SECURITY_CHANNEL_ERROR),
        ] {
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
            let trouble = handshake_failed(&error, "host");
            assert_eq!((trouble.failure.code, trouble.retry), (code, Retry::Never));
        }
        let trouble = handshake_failed(&io::ErrorKind::UnexpectedEof.into(), "host");
        assert_eq!((trouble.failure.code, trouble.retry), (wininet::WININET_E_SECURITY_CHANNEL_ERROR, Retry::After(None)));
    }

    #[tokio::test]
    async fn an_unreadable_file_of_authorities_is_told() {
        let trouble = Tls::new(Some("/none/at/all".into()), Protocols::Http1).connector().await.err().unwrap();
        assert!(trouble.failure.sentence.contains("/none/at/all"), "{}", trouble.failure.sentence);
    }
}
