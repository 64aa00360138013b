//! TLS handshakes with the key in an (emulated) YubiKey, against rustls's own
//! server; certificates by openssl.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use piv_attest::{KeyAlgorithm, PinPolicy, Slot, TouchPolicy};
use piv_token::rustls::{CardKey, CertificateError, CertificateFile};
use piv_token::{Error, Generate, ManageToken, Management, Pin, Token, TouchNeed};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SigningKey;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};
use virtual_yubikey::{Control, Firmware, Launcher, Settings, TouchMode};

fn inside(test: &str) -> Option<Control> {
    Launcher::new()
        .key(Settings::new(Firmware::V5_7_4))
        .touch(TouchMode::Auto)
        .inside(test)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A card with a key in 9a that answers with this PIN, and how often it was
/// asked for.
fn card(algorithm: KeyAlgorithm, pin: &'static str) -> (CardKey, Arc<AtomicU32>) {
    let mut yubikey = piv_token::open(None).unwrap();
    let request = Generate {
        slot: Slot::AUTHENTICATION,
        algorithm,
        pin_policy: PinPolicy::Once,
        touch_policy: TouchPolicy::Always,
        management: Management::Factory,
        overwrite: true,
    };
    yubikey.generate(&request, &mut |_: TouchNeed| {}).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let ask = move || {
        count.fetch_add(1, Ordering::SeqCst);
        Pin::new(pin).ok()
    };
    let key = CardKey::new(
        Box::new(yubikey),
        Slot::AUTHENTICATION,
        ask,
        |_: TouchNeed| {},
    );
    (key.unwrap(), asked)
}

/// A CA and a server in a folder, by openssl.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        for (name, is_ca) in [("ca", "TRUE"), ("server", "FALSE")] {
            site.openssl(&format!(
                "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                 -subj /CN={name} -addext subjectAltName=DNS:localhost \
                 -addext basicConstraints=critical,CA:{is_ca} \
                 -keyout {name}.key -out {name}.pem"
            ));
        }
        site
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .current_dir(self.0.path())
            .args(arguments.split_whitespace())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {said}");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A certificate for the key, issued by the CA, in `client.pem`.
    fn certify(&self, key: &dyn SigningKey, name: &str) -> PathBuf {
        std::fs::write(self.file("key.der"), key.public_key().unwrap()).unwrap();
        self.openssl("pkey -pubin -inform DER -in key.der -out key.pem");
        self.openssl("req -new -key ca.key -subj /CN=any -out csr.pem");
        std::fs::write(self.file("v3"), "extendedKeyUsage=clientAuth\n").unwrap();
        self.openssl(&format!(
            "x509 -req -extfile v3 -in csr.pem -force_pubkey key.pem -subj /CN={name} \
             -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -out client.pem"
        ));
        self.file("client.pem")
    }

    fn certificates(&self, name: &str) -> Vec<CertificateDer<'static>> {
        certificates(&self.file(name))
    }

    /// A server that lets in whom the CA certified.
    fn server(&self) -> ServerConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificates("ca.pem").remove(0)).unwrap();
        let clients = WebPkiClientVerifier::builder(Arc::new(roots))
            .build()
            .unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                self.certificates("server.pem"),
                PrivateKeyDer::from_pem_file(self.file("server.key")).unwrap(),
            )
            .unwrap();
        ServerConnection::new(Arc::new(config)).unwrap()
    }

    fn client(&self, identity: &Arc<CertificateFile>, tls12: bool) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.certificates("server.pem").remove(0))
            .unwrap();
        let versions = if tls12 {
            &[&rustls::version::TLS12]
        } else {
            &[&rustls::version::TLS13]
        };
        let config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(roots)
            .with_client_cert_resolver(identity.clone());
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
    }
}

fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// Runs a handshake in memory: whom the server sees, or why it failed.
fn shake(
    mut client: ClientConnection,
    mut server: ServerConnection,
) -> Result<CertificateDer<'static>, rustls::Error> {
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        carry(&bytes, |piece| server.read_tls(piece));
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        carry(&bytes, |piece| client.read_tls(piece));
        client.process_new_packets()?;
    }
    let seen = server.peer_certificates().unwrap().first().unwrap();
    Ok(seen.clone().into_owned())
}

fn carry(mut bytes: &[u8], mut read: impl FnMut(&mut dyn std::io::Read) -> std::io::Result<usize>) {
    while !bytes.is_empty() {
        read(&mut bytes).unwrap();
    }
}

#[test]
fn keys_of_every_kind_enter_with_one_touch_and_a_renewed_certificate_is_used() {
    let test = "keys_of_every_kind_enter_with_one_touch_and_a_renewed_certificate_is_used";
    let Some(control) = inside(test) else { return };
    let site = Site::new();
    for (algorithm, tls12) in [
        (KeyAlgorithm::P256, false),
        (KeyAlgorithm::P256, true),
        (KeyAlgorithm::P384, false),
        (KeyAlgorithm::Rsa2048, true),
    ] {
        let (key, asked) = card(algorithm, Pin::FACTORY);
        let file = site.certify(&key, "first");
        let identity = Arc::new(CertificateFile::new(&file, Arc::new(key.clone())));
        let before = control.status().unwrap().touch.touches;
        for name in ["first", "second"] {
            site.certify(&key, name);
            let seen = shake(site.client(&identity, tls12), site.server()).unwrap();
            assert_eq!(seen, certificates(&file)[0], "{algorithm} {name}");
        }
        let touches = control.status().unwrap().touch.touches - before;
        assert_eq!(touches, 2, "{algorithm}: one for each handshake");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}

#[test]
fn a_wrong_pin_is_sent_once_and_nobody_is_asked_again() {
    let Some(control) = inside("a_wrong_pin_is_sent_once_and_nobody_is_asked_again") else {
        return;
    };
    let site = Site::new();
    let (key, asked) = card(KeyAlgorithm::P256, "999999");
    let file = site.certify(&key, "client");
    let identity = Arc::new(CertificateFile::new(file, Arc::new(key)));
    for _ in 0..3 {
        let error = shake(site.client(&identity, false), site.server()).unwrap_err();
        assert!(
            error.to_string().contains("wrong PIN, 2 tries left"),
            "{error}"
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let left = piv_token::open(None).unwrap().pin_status().unwrap();
    assert_eq!(left.tries_left, Some(2));
    assert_eq!(control.status().unwrap().touch.touches, 0);
}

#[test]
fn a_key_that_is_not_touched_or_not_there_signs_nothing() {
    let Some(control) = inside("a_key_that_is_not_touched_or_not_there_signs_nothing") else {
        return;
    };
    let site = Site::new();
    let (key, _) = card(KeyAlgorithm::P256, Pin::FACTORY);
    let file = site.certify(&key, "client");
    let identity = Arc::new(CertificateFile::new(file, Arc::new(key)));
    control.set_mode(TouchMode::Deny).unwrap();
    let error = shake(site.client(&identity, false), site.server()).unwrap_err();
    assert!(error.to_string().contains("not touched in time"), "{error}");
    control.set_mode(TouchMode::Auto).unwrap();
    // Pulled out between two handshakes, and put back.
    control.unplug().unwrap();
    shake(site.client(&identity, false), site.server()).unwrap_err();
    control.replug().unwrap();
    while piv_token::open(None).is_err() {
        std::thread::yield_now();
    }
    shake(site.client(&identity, false), site.server()).unwrap();
}

#[test]
fn what_does_not_fit_is_not_shown_and_it_says_why() {
    let Some(_control) = inside("what_does_not_fit_is_not_shown_and_it_says_why") else {
        return;
    };
    let site = Site::new();
    let (key, _) = card(KeyAlgorithm::P256, Pin::FACTORY);
    let key = Arc::new(key);
    let file = |name: &str| CertificateFile::new(site.file(name), key.clone());
    assert!(matches!(
        file("none").read(),
        Err(CertificateError::Unreadable { .. })
    ));
    let mut empty = std::fs::File::create(site.file("empty")).unwrap();
    empty.write_all(b"no certificate\n").unwrap();
    assert!(matches!(
        file("empty").read(),
        Err(CertificateError::NotPem { .. })
    ));
    assert!(matches!(
        file("ca.pem").read(),
        Err(CertificateError::OtherKey { .. })
    ));
    // The server asks for a certificate, and is shown none.
    let identity = Arc::new(file("ca.pem"));
    shake(site.client(&identity, false), site.server()).unwrap_err();
    assert!(key.choose_scheme(&[SignatureScheme::ED25519]).is_none());
}

#[test]
fn a_slot_with_no_key_is_no_key() {
    let Some(_control) = inside("a_slot_with_no_key_is_no_key") else {
        return;
    };
    let yubikey = piv_token::open(None).unwrap();
    let slot = Slot::SIGNATURE;
    let none = CardKey::new(Box::new(yubikey), slot, || None, |_: TouchNeed| {});
    assert_eq!(none.unwrap_err(), Error::NoKey { slot });
}
