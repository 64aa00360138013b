//! The certificates of this person that are good now, and their keys.

use dlogin_core::files::read_text;
use dlogin_core::status::status;
use dlogin_core::{Certificate, KeyPlace as Place, Kind, Paths};
use dlogin_service::{Algorithm, Covers, Identity, KeyId, KeyPlace};
use piv_attest::{KeyAlgorithm, PublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use sshcert_acme::{ReceivedCertificate, SshPublicKey};
use x509_cert::der::{Decode, Encode};

use crate::message::Listed;

/// One certificate with its key.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) identity: Identity,
    pub(crate) kind: KeyAlgorithm,
    pub(crate) expired: bool,
    /// The key in the one form that keys are compared in.
    pub(crate) key: NormalKey,
    ssh: Option<Ssh>,
}

#[derive(Clone, Debug)]
struct Ssh {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// A SubjectPublicKeyInfo as we write it ourselves: RSA keys have two, with
/// and without NULL parameters, that are one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NormalKey(Vec<u8>);

impl NormalKey {
    pub(crate) fn of(spki: &[u8]) -> Option<Self> {
        let key = SshPublicKey::from_spki_der(spki).ok()?;
        Some(Self(key.to_spki_der()))
    }

    #[cfg(test)]
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }
}

/// Every certificate that is there. One whose files are being replaced,
/// or that cannot be read, is not among them.
pub(crate) fn all(paths: &Paths) -> Result<Vec<Held>, dlogin_core::Error> {
    let all = status(paths)?.certificates;
    Ok(all
        .iter()
        .filter_map(|held| read(&held.certificate, held.expired))
        .collect())
}

fn read(certificate: &Certificate, expired: bool) -> Option<Held> {
    let text = read_text(certificate.files.first()?).ok()??;
    let (spki, covers, ssh) = match certificate.kind {
        Kind::Ssh => read_ssh(&text)?,
        Kind::Tls => read_tls(&text, certificate)?,
    };
    let kind = PublicKey::from_spki_der(&spki).ok()?.algorithm();
    let place = match certificate.key {
        Place::Yubikey => KeyPlace::Yubikey,
        Place::Disk => KeyPlace::Disk(certificate.files.last()?.clone()),
    };
    Some(Held {
        kind,
        expired,
        key: NormalKey::of(&spki)?,
        ssh: ssh.filter(|_| certificate.key == Place::Yubikey),
        identity: Identity {
            profile: certificate.name().to_string(),
            key: KeyId(Sha256::digest(&spki).into()),
            algorithm: algorithm(kind)?,
            spki,
            place,
            covers,
            not_after: u64::try_from(certificate.not_after.unix_timestamp()).ok()?,
        },
    })
}

fn algorithm(key: KeyAlgorithm) -> Option<Algorithm> {
    match key {
        KeyAlgorithm::P256 => Some(Algorithm::EcdsaP256Sha256),
        KeyAlgorithm::P384 => Some(Algorithm::EcdsaP384Sha384),
        KeyAlgorithm::Ed25519 => Some(Algorithm::Ed25519),
        KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => {
            Some(Algorithm::RsaPkcs1Sha256)
        }
        _ => None,
    }
}

type Parts = (Vec<u8>, Covers, Option<Ssh>);

fn read_ssh(line: &str) -> Option<Parts> {
    let certificate = ReceivedCertificate::read(line).ok()?;
    let subject = certificate.subject();
    let covers = Covers::Ssh {
        line: certificate.line().to_owned(),
        key_id: certificate.key_id().as_str().to_owned(),
        principals: certificate.principals().to_vec(),
    };
    let ssh = Ssh {
        certificate: blob(certificate.line())?,
        key: subject.to_blob(),
    };
    Some((subject.to_spki_der(), covers, Some(ssh)))
}

/// The middle of `TYPE BASE64 COMMENT`.
fn blob(line: &str) -> Option<Vec<u8>> {
    use base64ct::{Base64, Encoding};
    Base64::decode_vec(line.split(' ').nth(1)?).ok()
}

fn read_tls(pem: &str, certificate: &Certificate) -> Option<Parts> {
    let chain: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|each| each.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .ok()?;
    let leaf = x509_cert::Certificate::from_der(chain.first()?).ok()?;
    let spki = leaf
        .tbs_certificate()
        .subject_public_key_info()
        .to_der()
        .ok()?;
    let names = certificate.names.clone();
    Some((spki, Covers::Tls { chain, names }, None))
}

/// What the agent protocol lists: for each SSH certificate of a key in the
/// YubiKey, the certificate and the key alone.
pub(crate) fn listed(all: &[Held]) -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    for held in all {
        let Some(ssh) = &held.ssh else { continue };
        let comment = format!("dlogin {}", held.identity.profile);
        for key in [&ssh.certificate, &ssh.key] {
            if !listed.iter().any(|each| each.key == *key) {
                listed.push(Listed {
                    key: key.clone(),
                    comment: comment.clone(),
                });
            }
        }
    }
    listed
}

impl Held {
    /// Whether a client of the agent protocol means this one: by its
    /// certificate, by its key, or by another certificate of the same key. It
    /// may have been renewed since the client asked for the list, and ssh names
    /// the certificate in a login that it has signed by the key alone.
    pub(crate) fn is_named_by(&self, blob: &[u8]) -> bool {
        self.ssh.as_ref().is_some_and(|ssh| {
            ssh.certificate == blob
                || ssh.key == blob
                || certificate_subject(blob).is_some_and(|subject| subject == ssh.key)
        })
    }
}

fn certificate_subject(blob: &[u8]) -> Option<Vec<u8>> {
    use base64ct::{Base64, Encoding};
    let kind = crate::wire::Reader::new(blob).text().ok()?;
    let line = format!("{kind} {}", Base64::encode_string(blob));
    let certificate = ReceivedCertificate::read(&line).ok()?;
    Some(certificate.subject().to_blob())
}
