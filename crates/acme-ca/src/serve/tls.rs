//! TLS: HTTP/2 and HTTP/1.1 by ALPN, with a server certificate that is replaced while the
//! server runs.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::ca::Ca;
use crate::serve::ServeError;

/// The certificate that new connections see.
#[derive(Debug)]
pub(super) struct Current {
    key: RwLock<Arc<CertifiedKey>>,
    renew_at: AtomicI64,
}

impl Current {
    /// With a first certificate.
    pub(super) async fn new(ca: &Ca, now: i64) -> Result<Self, ServeError> {
        let (key, renew_at) = issue(ca, now).await?;
        Ok(Self {
            key: RwLock::new(key),
            renew_at: AtomicI64::new(renew_at),
        })
    }

    /// Takes a new certificate when most of the old one's life is over.
    pub(super) async fn renew_if_due(&self, ca: &Ca, now: i64) -> Result<bool, ServeError> {
        if now < self.renew_at.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let (key, renew_at) = issue(ca, now).await?;
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
        self.renew_at.store(renew_at, Ordering::Relaxed);
        Ok(true)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // There is one name. A client that asked for another one will see that for itself.
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&key))
    }
}

async fn issue(ca: &Ca, now: i64) -> Result<(Arc<CertifiedKey>, i64), ServeError> {
    let certificate = ca.issuer().server_certificate(now).await?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certificate.key.to_vec()));
    let key = aws_lc_rs::sign::any_ecdsa_type(&key)?;
    let chain = certificate
        .chain
        .into_iter()
        .map(CertificateDer::from)
        .collect();
    Ok((
        Arc::new(CertifiedKey::new(chain, key)),
        certificate.renew_at,
    ))
}

/// TLS 1.2 and 1.3 with the certificate of `current`.
pub(super) fn acceptor(current: Arc<Current>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
