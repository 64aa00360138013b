//! Reading a certificate that a CA sent.

use std::num::NonZeroU64;

use der::{Encode, asn1::UintRef};

use crate::{
    certificate::{EcdsaSignature, USER},
    error::{FieldError, ReadError},
    fields::{self, CriticalOptions, Extensions, KeyId, Principals, Validity},
    key::{KeyKind, SshPublicKey},
    line,
    wire::Reader,
};

/// The longest certificate line that is read, in bytes.
pub(crate) const MAX_LINE: usize = 32 * 1024;

/// A well-formed OpenSSH user certificate, as read from a line. Whether it is what was ordered
/// is for [`check`](Self::check) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedCertificate {
    line: String,
    subject: SshPublicKey,
    ca: SshPublicKey,
    serial: u64,
    key_id: KeyId,
    principals: Principals,
    validity: Validity,
    critical_options: CriticalOptions,
    extensions: Extensions,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl ReceivedCertificate {
    /// Reads one line: type, base64, optional comment, optional newline.
    ///
    /// # Errors
    /// [`ReadError`], also for a certificate without principals, or that never expires.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let (kind, blob) = line::split(text, MAX_LINE)?;
        let kind = KeyKind::ALL
            .into_iter()
            .find(|known| known.certificate_type() == kind)
            .ok_or(ReadError::UnsupportedType)?;
        let mut reader = Reader::new(&blob);
        if reader.string()? != kind.certificate_type().as_bytes() {
            return Err(ReadError::TypeMismatch);
        }
        if reader.string()?.len() < 16 {
            return Err(ReadError::Nonce);
        }
        let subject = SshPublicKey::read(kind, &mut reader)?;
        let serial = reader.u64()?;
        if reader.u32()? != USER {
            return Err(ReadError::NotAUserCertificate);
        }
        let key_id = KeyId::new(reader.text()?)?;
        let principals = read_principals(reader.string()?)?;
        let (after, before) = (reader.u64()?, reader.u64()?);
        let validity = Validity::new(after, before)?;
        let critical_options = CriticalOptions(read_options(reader.string()?)?);
        let extensions = Extensions(read_options(reader.string()?)?);
        if !reader.string()?.is_empty() {
            return Err(ReadError::Reserved);
        }
        let ca = SshPublicKey::from_blob(reader.string()?)?;
        let signed_len = blob.len() - reader.rest().len();
        let signature = read_signature(ca.kind(), reader.string()?)?;
        reader.finish()?;
        let signed = blob.get(..signed_len).unwrap_or_default().to_vec();
        Ok(Self {
            line: text.trim_end_matches('\n').to_owned(),
            subject,
            ca,
            serial,
            key_id,
            principals,
            validity,
            critical_options,
            extensions,
            signed,
            signature,
        })
    }

    /// Checks that it is what was ordered: for this key, signed by the CA key that it names
    /// (`verify` gets the CA's SubjectPublicKeyInfo, the signed bytes and the signature, and
    /// says whether it holds), with a serial, and valid at `now`, seconds since the epoch.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn check(
        &self,
        subject: &SshPublicKey,
        now: u64,
        verify: impl FnOnce(&[u8], &[u8], &[u8]) -> bool,
    ) -> Result<NonZeroU64, CheckError> {
        if self.subject != *subject {
            return Err(CheckError::OtherKey);
        }
        let serial = NonZeroU64::new(self.serial).ok_or(CheckError::NoSerial)?;
        if now >= self.validity.before() {
            return Err(CheckError::Expired {
                before: self.validity.before(),
                now,
            });
        }
        if now < self.validity.after() {
            return Err(CheckError::NotYetValid {
                after: self.validity.after(),
                now,
            });
        }
        if !verify(&self.ca.to_spki_der(), &self.signed, &self.signature) {
            return Err(CheckError::Signature);
        }
        Ok(serial)
    }

    /// The line, without newline.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The key that it is for.
    #[must_use]
    pub const fn subject(&self) -> &SshPublicKey {
        &self.subject
    }

    /// The CA key that it names.
    #[must_use]
    pub const fn ca(&self) -> &SshPublicKey {
        &self.ca
    }

    /// The serial.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// What sshd logs.
    #[must_use]
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Whom it lets in.
    #[must_use]
    pub fn principals(&self) -> &[String] {
        self.principals.as_slice()
    }

    /// When.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Under which conditions.
    #[must_use]
    pub const fn critical_options(&self) -> &CriticalOptions {
        &self.critical_options
    }

    /// With which permissions.
    #[must_use]
    pub const fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

fn read_principals(packed: &[u8]) -> Result<Principals, ReadError> {
    let mut reader = Reader::new(packed);
    let mut names = Vec::new();
    while !reader.is_empty() {
        if names.len() == fields::MAX_PRINCIPALS {
            return Err(FieldError::TooManyPrincipals {
                count: names.len() + 1,
            }
            .into());
        }
        names.push(reader.text()?);
    }
    Ok(Principals::new(names)?)
}

fn read_options(packed: &[u8]) -> Result<std::collections::BTreeMap<String, String>, ReadError> {
    let mut reader = Reader::new(packed);
    let mut options = std::collections::BTreeMap::new();
    while !reader.is_empty() {
        let name = reader.text()?.to_owned();
        let mut inner = Reader::new(reader.string()?);
        let value = if inner.is_empty() { "" } else { inner.text()? };
        inner.finish()?;
        if options
            .last_key_value()
            .is_some_and(|(last, _)| *last >= name)
        {
            return Err(ReadError::OptionOrder);
        }
        let (name, value) = fields::option(name, value.to_owned())?;
        options.insert(name, value);
    }
    Ok(options)
}

/// The signature in the form that verifiers take: ECDSA as DER, Ed25519 and RSA raw.
fn read_signature(ca: KeyKind, blob: &[u8]) -> Result<Vec<u8>, ReadError> {
    let mut reader = Reader::new(blob);
    if reader.string()? != ca.key_type().as_bytes() {
        return Err(ReadError::UnsupportedType);
    }
    let raw = reader.string()?;
    reader.finish()?;
    match ca {
        KeyKind::Ed25519 => Ok(raw.to_vec()),
        KeyKind::P256 | KeyKind::P384 => {
            let mut numbers = Reader::new(raw);
            let (r, s) = (numbers.mpint()?, numbers.mpint()?);
            numbers.finish()?;
            UintRef::new(r)
                .and_then(|r| UintRef::new(s).map(|s| EcdsaSignature { r, s }))
                .and_then(|signature| signature.to_der())
                .map_err(|_| ReadError::Number)
        }
        KeyKind::Rsa => Err(ReadError::UnsupportedType),
    }
}

/// Why a certificate is not what was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// It is for another key.
    #[error("the certificate is for another key than the one that was ordered for")]
    OtherKey,
    /// Its serial is zero: it could not be revoked by serial.
    #[error("the certificate has no serial")]
    NoSerial,
    /// It has expired, or the clock is wrong.
    #[error("the certificate expired at {before}, and it is {now}; look at the clock")]
    Expired {
        /// The end of its validity, seconds since the epoch.
        before: u64,
        /// The time, seconds since the epoch.
        now: u64,
    },
    /// It is not valid yet, or the clock is wrong.
    #[error("the certificate is valid from {after}, and it is {now}; look at the clock")]
    NotYetValid {
        /// The start of its validity, seconds since the epoch.
        after: u64,
        /// The time, seconds since the epoch.
        now: u64,
    },
    /// The CA key that it names did not sign it.
    #[error("the certificate was not signed by the CA key that it names")]
    Signature,
}
