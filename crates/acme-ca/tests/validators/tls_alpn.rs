//! tls-alpn-01 (RFC 8737, RFC 8738), with certificates that rcgen and openssl make.

use acme_ca::validators::tls_alpn::CertificateError;
use acme_ca::validators::{Method, Phase, Subject, ValidatorError};
use acme_wire::problem::ProblemType;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair, SanType};
use sha2::{Digest, Sha256};

use crate::server::{Reply, Server};
use crate::tls_server::{ACME_TLS, Pair, TlsServer, certificate, dns};
use crate::world::{HASTY, World, key_authorization};

fn digest() -> Vec<u8> {
    Sha256::digest(key_authorization()).to_vec()
}

/// OCTET STRING.
fn octets(bytes: &[u8]) -> Vec<u8> {
    let mut der = vec![4, u8::try_from(bytes.len()).unwrap()];
    der.extend_from_slice(bytes);
    der
}

const OID: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 31];

fn acme_identifier(content: Vec<u8>, critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&OID, content);
    extension.set_criticality(critical);
    extension
}

fn right() -> Pair {
    certificate(
        vec![dns("a.test")],
        vec![CustomExtension::new_acme_identifier(&digest())],
    )
}

async fn validate(pair: Pair) -> Result<(), ValidatorError> {
    let server = TlsServer::start(pair, Some("a.test"), Some(ACME_TLS)).await;
    let mut world = World::new();
    world.settings.tls_port = server.at.port();
    world.validate(Method::TlsAlpn01, "a.test").await
}

#[tokio::test]
async fn the_certificate_of_the_challenge_is_shown() {
    assert_eq!(validate(right()).await, Ok(()));
}

#[tokio::test]
async fn an_address_is_asked_for_by_its_reverse_name() {
    let names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    let pair = certificate(names, vec![CustomExtension::new_acme_identifier(&digest())]);
    let sni = Some("1.0.0.127.in-addr.arpa");
    let server = TlsServer::start(pair, sni, Some(ACME_TLS)).await;
    let mut world = World::new();
    world.settings.tls_port = server.at.port();
    assert_eq!(
        world.validate_ip(Method::TlsAlpn01, "127.0.0.1").await,
        Ok(())
    );
}

#[tokio::test]
async fn every_other_certificate_is_refused() {
    let right_digest = || CustomExtension::new_acme_identifier(&digest());
    let names = || CertificateError::Names {
        expected: Subject::Dns("a.test".to_owned()),
    };
    let cases = [
        (
            certificate(vec![dns("a.test")], vec![]),
            CertificateError::NoExtension("acmeIdentifier"),
        ),
        (
            certificate(vec![], vec![right_digest()]),
            CertificateError::NoExtension("subjectAltName"),
        ),
        (
            certificate(
                vec![dns("a.test")],
                vec![acme_identifier(octets(&digest()), false)],
            ),
            CertificateError::NotCritical,
        ),
        (
            certificate(
                vec![dns("a.test")],
                vec![CustomExtension::new_acme_identifier(&[7; 32])],
            ),
            CertificateError::OtherDigest,
        ),
        (
            certificate(
                vec![dns("a.test")],
                vec![acme_identifier(octets(&digest()[..31]), true)],
            ),
            CertificateError::NoDigest,
        ),
        (
            certificate(vec![dns("a.test")], vec![acme_identifier(digest(), true)]),
            CertificateError::NoDigest,
        ),
        (
            certificate(vec![dns("a.test")], vec![right_digest(), right_digest()]),
            CertificateError::Twice("acmeIdentifier"),
        ),
        (
            certificate(vec![dns("b.test")], vec![right_digest()]),
            names(),
        ),
        (
            certificate(vec![dns("a.test"), dns("b.test")], vec![right_digest()]),
            names(),
        ),
        (
            certificate(vec![dns("*.a.test")], vec![right_digest()]),
            names(),
        ),
        (
            certificate(
                vec![SanType::URI("https://a.test".try_into().unwrap())],
                vec![right_digest()],
            ),
            names(),
        ),
    ];
    for (pair, expected) in cases {
        let error = validate(pair).await.unwrap_err();
        let ValidatorError::Certificate { error: found, .. } = &error else {
            panic!("{expected:?}: {error:?}");
        };
        assert_eq!(*found, expected);
        assert_eq!(error.problem_type(), ProblemType::IncorrectResponse);
        assert!(!error.may_pass());
    }
}

#[tokio::test]
async fn a_certificate_that_another_key_signed_is_refused() {
    let issuer_key = KeyPair::generate().unwrap();
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name.push(DnType::CommonName, "acme");
    let issuer = rcgen::Issuer::new(issuer, issuer_key);
    // The same name, so that only the signature tells.
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "acme");
    params.subject_alt_names = vec![dns("a.test")];
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let error = validate((certificate.der().to_vec(), key.serialize_der()))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ValidatorError::Certificate {
                error: CertificateError::NotSelfSigned,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let (certificate, _) = right();
    let (_, other_key) = right();
    let error = validate((certificate, other_key)).await.unwrap_err();
    assert!(matches!(error, ValidatorError::Tls { .. }), "{error:?}");
    assert_eq!(error.problem_type(), ProblemType::Tls);
}

#[tokio::test]
async fn a_server_that_does_not_speak_acme_tls_is_refused() {
    let mut world = World::new();
    // No ALPN at all: the handshake succeeds, and proves nothing.
    let server = TlsServer::start(right(), None, None).await;
    world.settings.tls_port = server.at.port();
    let error = world
        .validate(Method::TlsAlpn01, "a.test")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ValidatorError::NoAcmeTls { .. }),
        "{error:?}"
    );
    assert_eq!(error.problem_type(), ProblemType::Tls);
    // Another protocol: the server must refuse.
    let server = TlsServer::start(right(), None, Some(b"http/1.1")).await;
    world.settings.tls_port = server.at.port();
    let error = world
        .validate(Method::TlsAlpn01, "a.test")
        .await
        .unwrap_err();
    assert!(matches!(error, ValidatorError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_for_other_names_refuses() {
    let server = TlsServer::start(right(), Some("b.test"), Some(ACME_TLS)).await;
    let mut world = World::new();
    world.settings.tls_port = server.at.port();
    let error = world
        .validate(Method::TlsAlpn01, "a.test")
        .await
        .unwrap_err();
    assert!(matches!(error, ValidatorError::Tls { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told() {
    let mut world = World::new();
    // It reads until a line that never comes.
    let server = Server::start(|_| Reply::Silence).await;
    world.settings.tls_port = server.at.port();
    world.settings.timeout = HASTY;
    let error = world
        .validate(Method::TlsAlpn01, "a.test")
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ValidatorError::Timeout {
                phase: Phase::Handshake,
                ..
            }
        ),
        "{error:?}"
    );
}

/// `openssl s_server` with a certificate that `openssl req` made.
struct OpenSsl {
    child: std::process::Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpenSsl {
    fn start(key: &str, more: &[&str]) -> Self {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let dir = tempfile::tempdir().unwrap();
        let extension = format!(
            "1.3.6.1.5.5.7.1.31=critical,ASN1:FORMAT:HEX,OCT:{}",
            hex::encode(digest())
        );
        let made = Command::new("openssl")
            .current_dir(dir.path())
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=a.test",
            ])
            .args(["-newkey", key, "-keyout", "key.pem", "-out", "cert.pem"])
            .args(if key == "ec" {
                &["-pkeyopt", "ec_paramgen_curve:P-384"][..]
            } else {
                &[]
            })
            .args([
                "-addext",
                "subjectAltName=DNS:a.test",
                "-addext",
                &extension,
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut child = Command::new("openssl")
            .current_dir(dir.path())
            .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1"])
            .args([
                "-cert",
                "cert.pem",
                "-key",
                "key.pem",
                "-alpn",
                "acme-tls/1",
            ])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let port = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT 127.0.0.1:")?.parse().ok())
            .unwrap();
        Self {
            child,
            port,
            _dir: dir,
        }
    }
}

#[tokio::test]
async fn openssl_is_understood() {
    for (key, more) in [
        ("rsa:2048", &["-tls1_2"][..]),
        ("rsa:2048", &["-tls1_3"]),
        ("ec", &["-tls1_2"]),
        ("ec", &["-tls1_3"]),
        ("ed25519", &["-tls1_3"]),
    ] {
        let server = OpenSsl::start(key, more);
        let mut world = World::new();
        world.settings.tls_port = server.port;
        assert_eq!(
            world.validate(Method::TlsAlpn01, "a.test").await,
            Ok(()),
            "{key} {more:?}"
        );
    }
}
