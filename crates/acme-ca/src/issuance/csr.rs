//! What a CSR may say (design: RFC 8555 §7.4 with the deviations of `docs/protocol.md`).
//!
//! Names and extensions never come from the CSR. It may be absent where possession of the key
//! was just proven; if it is there it must have the key that was signed for, prove that key, and
//! name nothing that the certificate would not name.

use acme_yubikey::ChallengeType;
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use piv_attest::{KeyAlgorithm, PublicKey};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::CertReqInfo;

use crate::config::KeyChallenge;
use crate::entitlement::Entitlement;
use crate::pki::Signed;

mod names;

pub(super) use names::{NamedKey, check_names};

/// The longest CSR that is looked at, in bytes.
pub const MAX_CSR: usize = 16 * 1024;

const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Asked for by many clients, decided by the profile alone: keyUsage, extKeyUsage,
/// subjectKeyIdentifier, and basicConstraints (whose answer is always no).
const DECIDED_BY_PROFILE: [ObjectIdentifier; 4] = [
    ObjectIdentifier::new_unwrap("2.5.29.15"),
    ObjectIdentifier::new_unwrap("2.5.29.37"),
    ObjectIdentifier::new_unwrap("2.5.29.14"),
    ObjectIdentifier::new_unwrap("2.5.29.19"),
];
/// id-on-permanentIdentifier (RFC 4043), as device attestation clients send the serial number.
const PERMANENT_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.3");

/// What is wrong with a CSR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsrError {
    /// There is none, and the profile's key is not one that possession was just proven of.
    #[error("this profile certifies a key on disk: send a CSR by that key")]
    Missing,
    /// There is none, and the profile certifies keys of servers.
    #[error("send a CSR: base64url of its DER")]
    Absent,
    /// Its key can be factored.
    #[error("the CSR's key has the ROCA fingerprint (CVE-2017-15361): make a new one")]
    RocaKey,
    /// Its key can be factored.
    #[error("the CSR's key can be factored, since {how}: make a new one")]
    FactoredKey {
        /// Why.
        how: &'static str,
    },
    /// Its key is used for something else.
    #[error("the CSR's key is {what}: make a key for this certificate alone")]
    ReusedKey {
        /// What it is.
        what: &'static str,
    },
    /// It does not name something that was ordered.
    #[error("the CSR does not name {name:?}, which was ordered")]
    MissingName {
        /// The name.
        name: String,
    },
    /// It is too long.
    #[error("the CSR has {found} bytes, at most {MAX_CSR} are read")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// It is no CSR.
    #[error("the CSR is malformed")]
    Malformed,
    /// Its key is of a kind that is not certified.
    #[error("keys of type {algorithm} are too weak to be certified")]
    WeakKey {
        /// The type.
        algorithm: KeyAlgorithm,
    },
    /// Its key cannot be read, or is of no known kind.
    #[error("the CSR's key is not one that is certified: {0}")]
    Key(piv_attest::Error),
    /// Its key is not the one that was signed for.
    #[error("the CSR's key is not the key that the challenge was answered for")]
    OtherKey,
    /// It is not signed by its key.
    #[error("the CSR is not signed by its own key")]
    Signature,
    /// It names something that the certificate does not.
    #[error("the CSR names {name:?}, which this order's certificate does not carry")]
    ForeignName {
        /// The name.
        name: String,
    },
    /// It wants a subject attribute other than a common name.
    #[error("the CSR's subject has attribute {oid}; only a common name is accepted")]
    SubjectAttribute {
        /// The attribute.
        oid: String,
    },
    /// It asks for an extension that is not given.
    #[error("the CSR asks for extension {oid}, which is not given")]
    Extension {
        /// The extension.
        oid: String,
    },
}

/// Checks a CSR, or its absence, against what is going to be issued.
pub(super) fn check(csr: Option<&[u8]>, entitlement: &Entitlement) -> Result<(), CsrError> {
    let csr = csr.unwrap_or_default();
    if csr.is_empty() {
        return match entitlement.profile().yubikey() {
            Some(KeyChallenge::Yubikey(ChallengeType::Yubikey01)) => Ok(()),
            Some(_) | None => Err(CsrError::Missing),
        };
    }
    let mut allowed: Vec<&str> = vec![&entitlement.identifier().value];
    allowed.extend(entitlement.names().iter().map(String::as_str));
    check_against(csr, entitlement.certified_key(), &allowed)
}

fn check_against(csr: &[u8], key: &PublicKey, allowed: &[&str]) -> Result<(), CsrError> {
    let request = Request::read(csr)?;
    if request.key.spki_sha256() != key.spki_sha256() {
        return Err(CsrError::OtherKey);
    }
    request.verify()?;
    check_subject(&request.info, allowed)?;
    check_attributes(&request.info, allowed)
}

/// A CSR that can be read, with a key that could be certified. Nothing else is checked.
struct Request<'a> {
    signed: Signed<'a>,
    info: CertReqInfo,
    key: PublicKey,
}

impl<'a> Request<'a> {
    fn read(csr: &'a [u8]) -> Result<Self, CsrError> {
        if csr.len() > MAX_CSR {
            return Err(CsrError::TooLong { found: csr.len() });
        }
        let signed = Signed::read(csr).map_err(|_| CsrError::Malformed)?;
        let info = signed.info().map_err(|_| CsrError::Malformed)?;
        let info = CertReqInfo::from_der(&info).map_err(|_| CsrError::Malformed)?;
        let spki = info.public_key.to_der().map_err(|_| CsrError::Malformed)?;
        let key = PublicKey::from_spki_der(&spki).map_err(CsrError::Key)?;
        let algorithm = key.algorithm();
        if algorithm == KeyAlgorithm::Rsa1024 {
            return Err(CsrError::WeakKey { algorithm });
        }
        Ok(Self { signed, info, key })
    }

    /// The key that it asks a certificate for has signed it.
    fn verify(&self) -> Result<(), CsrError> {
        self.signed
            .verify(&self.key)
            .map_err(|_| CsrError::Signature)
    }
}

fn check_name(name: &str, allowed: &[&str]) -> Result<(), CsrError> {
    if allowed.iter().any(|good| good.eq_ignore_ascii_case(name)) {
        Ok(())
    } else {
        Err(CsrError::ForeignName {
            name: name.chars().take(256).collect(),
        })
    }
}

fn check_subject(info: &CertReqInfo, allowed: &[&str]) -> Result<(), CsrError> {
    for attribute in info.subject.iter_rdn().flat_map(|rdn| rdn.iter()) {
        if attribute.oid != COMMON_NAME {
            return Err(CsrError::SubjectAttribute {
                oid: attribute.oid.to_string(),
            });
        }
        let name = std::str::from_utf8(attribute.value.value()).map_err(|_| CsrError::Malformed)?;
        // Many clients write an empty common name when they mean none.
        if !name.is_empty() {
            check_name(name, allowed)?;
        }
    }
    Ok(())
}

fn check_attributes(info: &CertReqInfo, allowed: &[&str]) -> Result<(), CsrError> {
    for attribute in info.attributes.iter() {
        if attribute.oid != EXTENSION_REQUEST {
            // A challenge password and the like ask for nothing that a certificate carries.
            continue;
        }
        for value in attribute.values.iter() {
            let requested: Vec<Extension> = value.decode_as().map_err(|_| CsrError::Malformed)?;
            for extension in &requested {
                check_extension(extension, allowed)?;
            }
        }
    }
    Ok(())
}

fn check_extension(extension: &Extension, allowed: &[&str]) -> Result<(), CsrError> {
    if DECIDED_BY_PROFILE.contains(&extension.extn_id) {
        return Ok(());
    }
    if extension.extn_id != SUBJECT_ALT_NAME {
        return Err(CsrError::Extension {
            oid: extension.extn_id.to_string(),
        });
    }
    let names = SubjectAltName::from_der(extension.extn_value.as_bytes())
        .map_err(|_| CsrError::Malformed)?;
    for name in &names.0 {
        match name {
            GeneralName::DnsName(name)
            | GeneralName::Rfc822Name(name)
            | GeneralName::UniformResourceIdentifier(name) => {
                check_name(name.as_str(), allowed)?;
            }
            GeneralName::OtherName(other) if other.type_id == PERMANENT_IDENTIFIER => {
                let value = permanent_identifier(other.value.value()).ok_or(CsrError::Malformed)?;
                check_name(&value, allowed)?;
            }
            _ => {
                return Err(CsrError::ForeignName {
                    name: "a name of a type that is not issued".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// The identifierValue of a PermanentIdentifier (RFC 4043 §2), given the contents of its
/// SEQUENCE.
fn permanent_identifier(contents: &[u8]) -> Option<String> {
    use der::Reader;
    let mut reader = der::SliceReader::new(contents).ok()?;
    let value: der::asn1::Utf8StringRef<'_> = reader.decode().ok()?;
    Some(value.as_str().to_owned())
}
