//! tls-alpn-01 (RFC 8737): the TLS server of the name shows a certificate that was made for
//! this challenge, under the protocol `acme-tls/1`.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};
use tokio_rustls::TlsConnector;

use super::address::Way;
use super::network::{Host, Network};
use super::{Method, Subject, Target, ValidatorError};

mod certificate;

pub use certificate::{CertificateError, check_certificate};

/// The protocol (RFC 8737 §6.2).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

pub(super) async fn check(network: &Network, target: &Target) -> Result<(), ValidatorError> {
    let (host, sni) = match &target.subject {
        Subject::Dns(name) => (Host::Name(name.clone()), name.clone()),
        Subject::Ip(ip) => (Host::Ip(*ip), reverse_name(*ip)),
        Subject::Wildcard(_) => {
            return Err(ValidatorError::NotFor {
                method: Method::TlsAlpn01,
                subject: target.subject.clone(),
            });
        }
    };
    let mut way = Way::default();
    let connected = network.connect(&host, network.tls_port, &mut way).await?;
    let address = connected.address;
    let stream = network.acme_tls(connected, &sni).await?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err(ValidatorError::NoAcmeTls { host: sni, address });
    }
    let digest = Sha256::digest(target.key_authorization()).into();
    session
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or(CertificateError::Absent)
        .and_then(|certificate| check_certificate(certificate, &target.subject, &digest))
        .map_err(|error| ValidatorError::Certificate { host: sni, error })
}

/// The name under which an address is asked for (RFC 8738 §6).
fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let mut name = String::with_capacity(72);
            for octet in ip.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", octet & 0xf, octet >> 4));
            }
            name + "ip6.arpa"
        }
    }
}

/// A client that takes any certificate whose key signs the handshake, and offers one protocol.
pub(super) fn connector(
    provider: &Arc<CryptoProvider>,
    protocol: &[u8],
) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate {
            algorithms: provider.signature_verification_algorithms,
        }))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    // A resumed session would show no certificate.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes any certificate. A redirect of http-01 may lead to a server that has none yet (RFC 8555
/// §8.3 speaks of HTTP alone), and tls-alpn-01 looks at the certificate itself.
#[derive(Debug)]
struct AnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        certificate::verify_handshake(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        certificate::verify_handshake(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        for (ip, name) in [
            ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
            (
                "2001:db8::567:89ab",
                "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            ),
        ] {
            assert_eq!(reverse_name(ip.parse().unwrap()), name);
        }
    }
}
