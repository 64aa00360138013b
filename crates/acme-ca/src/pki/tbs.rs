//! Building the to-be-signed part of certificates. Everything that this CA signs in X.509 is one
//! of five purposes, and each purpose has one set of extensions.

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc4519, rfc5280, rfc5912};
use der::asn1::{Any, BitStringRef, Ia5String, Null, OctetString, SetOfVec};
use der::{AnyRef, Decode, Encode, Sequence, Tag};
use sha2::{Digest, Sha256};
use signature::Keypair;
use spki::{
    AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage,
    KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};

use crate::signer::{Algorithm, Signer};

/// What a certificate is for; fixes all of its extensions but the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Root,
    ClientCa,
    ServerCa,
    Client,
    Server,
}

impl Purpose {
    /// basicConstraints' pathLenConstraint, of a CA.
    pub(crate) fn path_len(self) -> Option<u8> {
        match self {
            Self::Root => Some(1),
            Self::ClientCa | Self::ServerCa => Some(0),
            Self::Client | Self::Server => None,
        }
    }

    /// The one extended key usage. A CA's constrains what is below it.
    pub(crate) fn extended_key_usage(self) -> Option<ObjectIdentifier> {
        match self {
            Self::Root => None,
            Self::ClientCa | Self::Client => Some(rfc5280::ID_KP_CLIENT_AUTH),
            Self::ServerCa | Self::Server => Some(rfc5280::ID_KP_SERVER_AUTH),
        }
    }

    pub(crate) fn key_usage(self) -> KeyUsage {
        KeyUsage(if self.path_len().is_some() {
            KeyUsages::KeyCertSign | KeyUsages::CRLSign
        } else {
            KeyUsages::DigitalSignature.into()
        })
    }
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum San {
    Dns(String),
    Uri(String),
    Email(String),
    Ip(IpAddr),
}

impl San {
    pub(crate) fn general_name(&self) -> Result<GeneralName, der::Error> {
        Ok(match self {
            Self::Dns(name) => GeneralName::DnsName(Ia5String::new(name)?),
            Self::Uri(name) => GeneralName::UniformResourceIdentifier(Ia5String::new(name)?),
            Self::Email(name) => GeneralName::Rfc822Name(Ia5String::new(name)?),
            Self::Ip(IpAddr::V4(ip)) => GeneralName::IpAddress(OctetString::new(ip.octets())?),
            Self::Ip(IpAddr::V6(ip)) => GeneralName::IpAddress(OctetString::new(ip.octets())?),
        })
    }
}

/// What a certificate says about how its revocation is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RevocationCheck {
    /// Nothing.
    Silent,
    /// By the CRL at this URL (RFC 5280 §4.2.1.13).
    Crl(String),
    /// Never: it is gone before anybody would (RFC 9608).
    NoRevAvail,
}

impl RevocationCheck {
    /// What cRLDistributionPoints holds.
    pub(crate) fn distribution_points(url: &str) -> Result<CrlDistributionPoints, der::Error> {
        let name = GeneralName::UniformResourceIdentifier(Ia5String::new(url)?);
        Ok(CrlDistributionPoints(vec![DistributionPoint {
            distribution_point: Some(DistributionPointName::FullName(vec![name])),
            reasons: None,
            crl_issuer: None,
        }]))
    }
}

/// All that distinguishes one certificate from the next.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) purpose: Purpose,
    pub(crate) subject: Name,
    pub(crate) names: Vec<San>,
    pub(crate) spki: Vec<u8>,
    pub(crate) checked_by: RevocationCheck,
    pub(crate) serial: [u8; 16],
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// 128 random bits. The first byte is not zero, so that all serials are of one length.
pub(crate) fn random_serial() -> Option<[u8; 16]> {
    loop {
        let mut serial = [0; 16];
        aws_lc_rs::rand::fill(&mut serial).ok()?;
        if serial.first() != Some(&0) {
            return Some(serial);
        }
    }
}

/// A name of one CN.
pub(crate) fn common_name(text: &str) -> Result<Name, der::Error> {
    let attribute = AttributeTypeAndValue {
        oid: rfc4519::COMMON_NAME,
        value: Any::new(Tag::Utf8String, text.as_bytes())?,
    };
    let rdn = SetOfVec::try_from([attribute])?;
    Name::from_der(&vec![rdn].to_der()?)
}

/// The key identifier of a key: the leftmost 160 bits of the SHA-256 of its bits (RFC 7093 §2).
pub(crate) fn key_identifier(spki_der: &[u8]) -> Result<[u8; 20], der::Error> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki_der)?;
    let digest = Sha256::digest(spki.subject_public_key.raw_bytes());
    let mut identifier = [0; 20];
    for (to, from) in identifier.iter_mut().zip(digest) {
        *to = from;
    }
    Ok(identifier)
}

pub(crate) fn time(seconds: i64) -> Result<Time, der::Error> {
    let after_epoch = u64::try_from(seconds).unwrap_or(0);
    Time::try_from(UNIX_EPOCH + Duration::from_secs(after_epoch))
}

/// The bytes to be signed.
pub(crate) fn tbs(
    template: &Template,
    issuer: &Name,
    issuer_key_identifier: &[u8],
    signer: &dyn Signer,
) -> Result<Vec<u8>, x509_cert::builder::Error> {
    let profile = Extensions {
        template,
        issuer,
        issuer_key_identifier,
    };
    let validity = Validity::new(time(template.not_before)?, time(template.not_after)?);
    let serial = SerialNumber::new(&template.serial)?;
    let spki = SubjectPublicKeyInfoOwned::from_der(&template.spki)?;
    let mut builder = CertificateBuilder::new(profile, serial, validity, spki)?;
    builder.finalize(&BuilderKey(signer))
}

/// The certificate from exactly the bytes that were signed.
pub(crate) fn assemble(
    tbs: &[u8],
    algorithm: Algorithm,
    signature: &[u8],
) -> Result<Vec<u8>, der::Error> {
    #[derive(Sequence)]
    struct Signed<'a> {
        tbs: AnyRef<'a>,
        algorithm: AlgorithmIdentifierOwned,
        signature: BitStringRef<'a>,
    }
    Signed {
        tbs: AnyRef::from_der(tbs)?,
        algorithm: algorithm_identifier(algorithm),
        signature: BitStringRef::from_bytes(signature)?,
    }
    .to_der()
}

pub(crate) fn algorithm_identifier(algorithm: Algorithm) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: match algorithm {
            Algorithm::EcdsaP256Sha256 => rfc5912::ECDSA_WITH_SHA_256,
            Algorithm::EcdsaP384Sha384 => rfc5912::ECDSA_WITH_SHA_384,
            Algorithm::Ed25519 => ObjectIdentifier::new_unwrap("1.3.101.112"),
        },
        parameters: None,
    }
}

/// What the builder wants to know of the issuer's key.
struct BuilderKey<'a>(&'a dyn Signer);

#[derive(Clone)]
struct Spki(Vec<u8>);

impl EncodePublicKey for Spki {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl Keypair for BuilderKey<'_> {
    type VerifyingKey = Spki;

    fn verifying_key(&self) -> Spki {
        Spki(self.0.spki_der().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for BuilderKey<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(algorithm_identifier(self.0.algorithm()))
    }
}

/// The names and extensions of a template (RFC 5280 §4.2).
struct Extensions<'a> {
    template: &'a Template,
    issuer: &'a Name,
    issuer_key_identifier: &'a [u8],
}

impl BuilderProfile for Extensions<'_> {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.template.subject.clone()
    }

    fn build_extensions(
        &self,
        _spki: SubjectPublicKeyInfoRef<'_>,
        _issuer_spki: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let purpose = self.template.purpose;
        let subject = tbs.subject();
        let mut extensions: Vec<Extension> = Vec::new();
        let mut add = |extension: Result<Extension, der::Error>| {
            extension.map(|extension| extensions.push(extension))
        };
        if let Some(path_len) = purpose.path_len() {
            let constraints = BasicConstraints {
                ca: true,
                path_len_constraint: Some(path_len),
            };
            add((true, &constraints).to_extension(subject, &[]))?;
        }
        add((true, &purpose.key_usage()).to_extension(subject, &[]))?;
        if let Some(usage) = purpose.extended_key_usage() {
            add((false, &ExtendedKeyUsage(vec![usage])).to_extension(subject, &[]))?;
        }
        if !self.template.names.is_empty() {
            let names = self
                .template
                .names
                .iter()
                .map(San::general_name)
                .collect::<Result<Vec<_>, _>>()?;
            // Critical exactly when the subject is empty (RFC 5280 §4.2.1.6).
            add((subject.is_empty(), &SubjectAltName(names)).to_extension(subject, &[]))?;
        }
        let own = OctetString::new(key_identifier(&self.template.spki)?)?;
        add((false, &SubjectKeyIdentifier(own)).to_extension(subject, &[]))?;
        let authority = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(self.issuer_key_identifier)?),
            ..AuthorityKeyIdentifier::default()
        };
        add((false, &authority).to_extension(subject, &[]))?;
        match &self.template.checked_by {
            RevocationCheck::Silent => {}
            RevocationCheck::Crl(url) => {
                let points = RevocationCheck::distribution_points(url)?;
                add((false, &points).to_extension(subject, &[]))?;
            }
            RevocationCheck::NoRevAvail => add(Ok(Extension {
                extn_id: rfc5912::ID_CE_NO_REV_AVAIL,
                critical: false,
                extn_value: OctetString::new(Null.to_der()?)?,
            }))?,
        }
        Ok(extensions)
    }
}
