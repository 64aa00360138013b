//! A TLS server with the certificates of tls-alpn-01 that rcgen makes, right or wrong.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// A certificate and its key, DER.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

pub(crate) struct TlsServer {
    pub(crate) at: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TlsServer {
    /// On the loopback.
    pub(crate) async fn start(
        pair: Pair,
        sni: Option<&'static str>,
        protocol: Option<&[u8]>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, pair, sni, protocol)
    }

    /// Shows a certificate to whoever asks for `sni`, under `protocol`.
    pub(crate) fn start_on(
        listener: TcpListener,
        pair: Pair,
        sni: Option<&'static str>,
        protocol: Option<&[u8]>,
    ) -> Self {
        let (certificate, key) = pair;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(key).unwrap();
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(One {
                key: Arc::new(rustls::sign::CertifiedKey::new(
                    vec![CertificateDer::from(certificate)],
                    aws_lc_rs::sign::any_supported_type(&key).unwrap(),
                )),
                sni,
            }));
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let at = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        // The other side closes.
                        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0]).await;
                    }
                });
            }
        });
        Self { at, task }
    }
}

#[derive(Debug)]
struct One {
    key: Arc<rustls::sign::CertifiedKey>,
    sni: Option<&'static str>,
}

impl rustls::server::ResolvesServerCert for One {
    fn resolve(
        &self,
        hello: rustls::server::ClientHello<'_>,
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        (self.sni.is_none() || hello.server_name() == self.sni).then(|| Arc::clone(&self.key))
    }
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(crate) fn certificate(names: Vec<SanType>, extensions: Vec<CustomExtension>) -> Pair {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "acme");
    params.subject_alt_names = names;
    params.custom_extensions = extensions;
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().to_vec(), key.serialize_der())
}
