//! The certificates of the tests.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// A certificate authority that no system trusts.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, both as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
}

/// When a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Now.
    Now,
    /// It ended in 2001.
    Expired,
    /// It begins in 2999.
    NotYet,
}

/// The names of everything on this machine.
pub(crate) const LOOPBACK_NAMES: &[&str] = &["localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];

impl Authority {
    /// A new authority of this name.
    ///
    /// # Errors
    /// When the key cannot be made.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::new(Vec::new()).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        Ok(Self(CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?))
    }

    /// The authority of this process, which all its servers use.
    ///
    /// # Errors
    /// When the key cannot be made.
    pub fn shared() -> io::Result<Arc<Self>> {
        static SHARED: OnceLock<Arc<Authority>> = OnceLock::new();
        if let Some(shared) = SHARED.get() {
            return Ok(Arc::clone(shared));
        }
        // Two threads may get here; the first to finish wins, and both use its authority.
        let made = Arc::new(Self::new("Consign test authority")?);
        Ok(Arc::clone(SHARED.get_or_init(|| made)))
    }

    /// The authority's own certificate, to be trusted by clients.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server with these names (host names or addresses).
    ///
    /// # Errors
    /// When a name is malformed or the key cannot be made.
    pub fn issue(&self, names: &[&str], validity: Validity) -> io::Result<Certificate> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.distinguished_name.push(DnType::CommonName, "Consign test server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = match validity {
            Validity::Now => (date_time_ymd(2000, 1, 1), date_time_ymd(2999, 1, 1)),
            Validity::Expired => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
            Validity::NotYet => (date_time_ymd(2999, 1, 1), date_time_ymd(3000, 1, 1)),
        };
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.0).map_err(io::Error::other)?;
        Ok(Certificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}
