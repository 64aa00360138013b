//! Building a user certificate: template, bytes to be signed, line.

use std::num::NonZeroU64;

use base64ct::{Base64, Encoding};
use der::{Decode, asn1::UintRef};

use crate::{
    error::KeyError,
    fields::{CriticalOptions, Extensions, KeyId, Principals, Validity},
    key::{KeyKind, SshPublicKey},
    wire::Writer,
};

/// `SSH_CERT_TYPE_USER` (PROTOCOL.certkeys).
pub(crate) const USER: u32 = 1;

/// Everything in a user certificate but the keys and the nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserCertificate {
    /// Unique for each CA key, random, never zero: zero would mean "no serial" to a KRL.
    pub serial: NonZeroU64,
    /// What sshd logs.
    pub key_id: KeyId,
    /// Whom it lets in.
    pub principals: Principals,
    /// When.
    pub validity: Validity,
    /// Under which conditions.
    pub critical_options: CriticalOptions,
    /// With which permissions.
    pub extensions: Extensions,
}

impl UserCertificate {
    /// The bytes that the CA signs. `nonce` is 32 bytes from a CSPRNG, fresh for each certificate.
    ///
    /// # Errors
    /// [`KeyError::UnsupportedCaKey`] for an RSA CA.
    pub fn to_be_signed(
        &self,
        subject: &SshPublicKey,
        ca: &SshPublicKey,
        nonce: [u8; 32],
    ) -> Result<ToBeSigned, KeyError> {
        if ca.kind() == KeyKind::Rsa {
            return Err(KeyError::UnsupportedCaKey);
        }
        let mut principals = Writer::default();
        for name in self.principals.as_slice() {
            principals.string(name.as_bytes());
        }
        let mut writer = Writer::default();
        writer
            .string(subject.kind().certificate_type().as_bytes())
            .string(&nonce);
        subject.write(&mut writer);
        writer
            .u64(self.serial.get())
            .u32(USER)
            .string(self.key_id.as_str().as_bytes())
            .string(&principals.into_bytes())
            .u64(self.validity.after())
            .u64(self.validity.before())
            .string(&options(self.critical_options.iter()))
            .string(&options(self.extensions.iter()))
            .string(&[])
            .string(&ca.to_blob());
        Ok(ToBeSigned {
            subject: subject.kind(),
            ca: ca.kind(),
            bytes: writer.into_bytes(),
        })
    }
}

/// Names and values as PROTOCOL.certkeys packs them, already sorted.
fn options<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut writer = Writer::default();
    for (name, value) in options {
        writer.string(name.as_bytes());
        if value.is_empty() {
            writer.string(&[]);
        } else {
            let mut inner = Writer::default();
            inner.string(value.as_bytes());
            writer.string(&inner.into_bytes());
        }
    }
    writer.into_bytes()
}

/// The bytes to be signed by the CA key, to be recorded before they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToBeSigned {
    subject: KeyKind,
    ca: KeyKind,
    bytes: Vec<u8>,
}

impl ToBeSigned {
    /// The bytes: hash with SHA-256 for P-256, SHA-384 for P-384; Ed25519 takes them whole.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The certificate line, `TYPE BASE64` without newline, from the CA's signature over
    /// [`as_bytes`](Self::as_bytes): ECDSA as DER, Ed25519 as 64 bytes.
    /// The signature is not verified here: the caller has the CA key and can.
    ///
    /// # Errors
    /// [`KeyError::Signature`] if it has not that form.
    pub fn assemble(self, signature: &[u8]) -> Result<String, KeyError> {
        let signature = match self.ca {
            KeyKind::Ed25519 if signature.len() == 64 => signature.to_vec(),
            KeyKind::P256 => ecdsa_blob(signature, 32)?,
            KeyKind::P384 => ecdsa_blob(signature, 48)?,
            _ => return Err(KeyError::Signature),
        };
        let mut blob = Writer::default();
        blob.string(self.ca.key_type().as_bytes())
            .string(&signature);
        let mut certificate = Writer::default();
        certificate.raw(&self.bytes).string(&blob.into_bytes());
        Ok(format!(
            "{} {}",
            self.subject.certificate_type(),
            Base64::encode_string(&certificate.into_bytes())
        ))
    }
}

/// Ecdsa-Sig-Value (RFC 3279 §2.2.3).
#[derive(der::Sequence)]
pub(crate) struct EcdsaSignature<'a> {
    pub(crate) r: UintRef<'a>,
    pub(crate) s: UintRef<'a>,
}

fn ecdsa_blob(signature: &[u8], size: usize) -> Result<Vec<u8>, KeyError> {
    let signature = EcdsaSignature::from_der(signature).map_err(|_| KeyError::Signature)?;
    let mut blob = Writer::default();
    for number in [signature.r, signature.s] {
        let bytes = number.as_bytes();
        if bytes.len() > size || bytes == [0] {
            return Err(KeyError::Signature);
        }
        blob.mpint(bytes);
    }
    Ok(blob.into_bytes())
}
