//! What can be wrong with an attestation: where, and which rule.

use crate::{Firmware, UnixTime};
use alloc::string::String;
use core::fmt;
use thiserror::Error;

/// Why an attestation, or what carries it, was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{at}: {rule}")]
pub struct Error {
    at: Place,
    rule: Rule,
}

impl Error {
    pub(crate) const fn new(at: Place, rule: Rule) -> Self {
        Self { at, rule }
    }

    /// What the rule was broken by.
    #[must_use]
    pub const fn at(&self) -> Place {
        self.at
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }
}

/// The part of the input that an [`struct@Error`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The chain as a whole.
    Chain,
    /// The certificate of the key, which comes first.
    Leaf,
    /// One of the other certificates, counted from 0.
    Intermediate(usize),
    /// A root that the caller named.
    Root,
    /// A public key on its own.
    Key,
    /// PEM text.
    Pem,
    /// A certificate signing request.
    Csr,
    /// An attestation object of WebAuthn's kind.
    Statement,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("chain"),
            Self::Leaf => f.write_str("leaf"),
            Self::Intermediate(index) => write!(f, "intermediate {index}"),
            Self::Root => f.write_str("root"),
            Self::Key => f.write_str("public key"),
            Self::Pem => f.write_str("PEM"),
            Self::Csr => f.write_str("certificate request"),
            Self::Statement => f.write_str("attestation statement"),
        }
    }
}

/// How bytes fail to be DER, or CBOR, of the shape that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The input ends inside an element.
    #[error("ends too early")]
    Truncated,
    /// Bytes follow the last element.
    #[error("bytes follow the end")]
    Trailing,
    /// Another element was expected here.
    #[error("element of type {found:#04x} where {expected:#04x} belongs")]
    Type {
        /// The identifier octet (or CBOR major type) that belongs here.
        expected: u8,
        /// The one that is here.
        found: u8,
    },
    /// A length that is indefinite, reserved, or not in its shortest form.
    #[error("length is not in its shortest definite form")]
    Length,
    /// An INTEGER that is empty or not in its shortest form.
    #[error("integer is not in its shortest form")]
    Integer,
    /// A negative INTEGER where none may be.
    #[error("integer is negative")]
    Negative,
    /// An INTEGER larger than fits its meaning.
    #[error("integer is too large")]
    TooLarge,
    /// A BOOLEAN that is neither 0x00 nor 0xff.
    #[error("boolean is neither true nor false")]
    Boolean,
    /// A value that equals its default is encoded.
    #[error("a default value is encoded")]
    DefaultEncoded,
    /// A BIT STRING with unused bits where all are used, or none of its own count.
    #[error("bit string has unused bits")]
    UnusedBits,
    /// An OBJECT IDENTIFIER that is empty, unfinished, or not in its shortest form.
    #[error("object identifier is malformed")]
    ObjectIdentifier,
    /// A string of a type, or with contents, that does not belong here.
    #[error("string of the wrong type or contents")]
    Text,
    /// A time that is not a time, or not in the form that RFC 5280 wants.
    #[error("time is malformed")]
    Time,
    /// NULL with contents.
    #[error("null is not empty")]
    Null,
    /// The elements of a SET OF are not in order.
    #[error("set is not in order")]
    SetOrder,
    /// A field that profile does not have, or one that is missing.
    #[error("a field is missing, or one too many")]
    Fields,
}

/// A rule for what is accepted, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    // Bounds.
    /// Input beyond its bound.
    #[error("{found} bytes, more than the {max} allowed")]
    TooLong {
        /// The bound.
        max: usize,
        /// The size.
        found: usize,
    },
    /// More certificates than the bound.
    #[error("{found} certificates, more than the {max} allowed")]
    TooMany {
        /// The bound.
        max: usize,
        /// The number.
        found: usize,
    },
    /// Nothing at all where a certificate belongs.
    #[error("no certificate")]
    Empty,

    // Form: RFC 5280 §4.1, as strict DER.
    /// Not DER of the shape that is read.
    #[error("malformed at byte {offset}: {problem}")]
    Malformed {
        /// Where, counted from the first byte of this part of the input.
        offset: usize,
        /// How.
        problem: Malformed,
    },
    /// A certificate that is not version 3.
    #[error("not an X.509 version 3 certificate")]
    Version,
    /// A serial number of the certificate that is longer than 20 bytes or not positive.
    #[error("certificate serial number is not a positive number of at most 20 bytes")]
    CertificateSerial,
    /// The unsigned signature algorithm differs from the signed one (RFC 5280 §4.1.1.2).
    #[error("signature algorithms inside and outside the signed part differ")]
    AlgorithmsDiffer,
    /// A signature algorithm that is not accepted.
    #[error("signature algorithm {oid} is not accepted")]
    SignatureAlgorithm {
        /// In dotted decimals.
        oid: String,
    },
    /// Parameters that do not belong to the algorithm.
    #[error("parameters do not belong to algorithm {oid}")]
    AlgorithmParameters {
        /// In dotted decimals.
        oid: String,
    },
    /// A public key of a kind that no YubiKey makes.
    #[error("public key algorithm {oid} is not accepted")]
    KeyAlgorithm {
        /// In dotted decimals.
        oid: String,
    },
    /// An RSA key of another size, an even modulus, or another exponent than 65537.
    #[error("RSA key of {bits} bits with an unexpected modulus or exponent")]
    RsaKey {
        /// The size of the modulus.
        bits: usize,
    },
    /// A curve point that is compressed, at infinity, or of the wrong length.
    #[error("key is not an uncompressed point of its curve")]
    Point,
    /// The end of validity lies before its beginning.
    #[error("validity ends before it begins")]
    Validity,

    // Extensions.
    /// The same extension twice.
    #[error("extension {oid} is there twice")]
    DuplicateExtension {
        /// In dotted decimals.
        oid: String,
    },
    /// A critical extension that is not known (RFC 5280 §4.2).
    #[error("critical extension {oid} is not known")]
    UnknownCriticalExtension {
        /// In dotted decimals.
        oid: String,
    },
    /// More extensions than any device writes.
    #[error("more than {max} extensions")]
    TooManyExtensions {
        /// The bound.
        max: usize,
    },
    /// An extension that attestation cannot do without.
    #[error("extension {extension} is missing")]
    MissingExtension {
        /// Its name.
        extension: &'static str,
    },
    /// An extension with contents of the wrong length.
    #[error("extension {extension} has {found} bytes instead of {expected}")]
    ExtensionLength {
        /// Its name.
        extension: &'static str,
        /// The length it must have.
        expected: usize,
        /// The length it has.
        found: usize,
    },
    /// An extension with a value that is not known.
    #[error("extension {extension} has the unknown value {value:#04x}")]
    ExtensionValue {
        /// Its name.
        extension: &'static str,
        /// The value.
        value: u8,
    },
    /// A device serial number that is not a number from 0 to 2⁶⁴-1 in DER.
    #[error("device serial number is malformed: {problem}")]
    DeviceSerial {
        /// How.
        problem: Malformed,
    },

    // Roles: which certificate may do what.
    /// The leaf's subject is not that of an attested key.
    #[error("subject is not `YubiKey PIV Attestation` with a slot, so this attests no key")]
    NotAnAttestation,
    /// The leaf's subject names a slot that does not exist.
    #[error("subject names no slot that can be attested")]
    UnknownSlot,
    /// The leaf may issue certificates itself.
    #[error("a certificate authority, not an attested key")]
    LeafIsAuthority,
    /// No certificate in the chain has the leaf's issuer as its subject.
    #[error("the certificate of its issuer `{issuer}` is not in the chain")]
    IssuerMissing {
        /// The name, as far as it can be printed.
        issuer: String,
    },
    /// The issuer of a leaf is not the certificate of a device.
    #[error("subject is not that of a device's attestation certificate (slot f9)")]
    NotADevice,
    /// A certificate that attests a key, offered as an issuer.
    #[error("attests a key, so it cannot be an issuer")]
    AttestedKeyAsIssuer,
    /// A device's certificate from someone who is not trusted to make devices.
    #[error("issuer `{issuer}` is not trusted for devices with PIV")]
    UntrustedIssuer {
        /// The name, as far as it can be printed.
        issuer: String,
    },
    /// An issuer that says that it is none, or that says nothing and may not be silent.
    #[error("not a certificate authority")]
    NotAnAuthority,
    /// An issuer whose path length leaves no room for what it issued.
    #[error("path length {limit} leaves no room below it")]
    PathLength {
        /// The constraint.
        limit: u64,
    },
    /// An issuer whose key usage leaves out certificates.
    #[error("key usage does not include signing certificates")]
    KeyUsage,
    /// An issuer's key that is too weak or of a kind that signs no certificates.
    #[error("{algorithm} key may not sign certificates")]
    IssuerKey {
        /// The kind of key.
        algorithm: crate::KeyAlgorithm,
    },
    /// The certificate's algorithm does not go with its issuer's key.
    #[error("signature algorithm does not go with the {key} key of the issuer")]
    AlgorithmMismatch {
        /// The issuer's kind of key.
        key: crate::KeyAlgorithm,
    },
    /// Leaf and device disagree in their major or minor firmware version.
    #[error("firmware {leaf} does not go with a device of firmware {device}")]
    FirmwareDiffers {
        /// The leaf's.
        leaf: Firmware,
        /// The device certificate's.
        device: Firmware,
    },
    /// Firmware that does not belong under this root.
    #[error("firmware {firmware} is not certified by `{root}`")]
    FirmwareUnderRoot {
        /// The firmware.
        firmware: Firmware,
        /// The root's name.
        root: String,
    },
    /// Validity begins later.
    #[error("not valid before {not_before}; it is {now}")]
    NotYetValid {
        /// The beginning.
        not_before: UnixTime,
        /// The time given.
        now: UnixTime,
    },
    /// Validity ended.
    #[error("not valid after {not_after}; it is {now}")]
    Expired {
        /// The end.
        not_after: UnixTime,
        /// The time given.
        now: UnixTime,
    },
    /// A signature that its issuer's key did not make.
    #[error("signature is wrong")]
    Signature,

    // What carries an attestation.
    /// Text that is not PEM (RFC 7468).
    #[error("not PEM at byte {offset}")]
    NotPem {
        /// Where.
        offset: usize,
    },
    /// A PEM block of another kind.
    #[error("a PEM block at byte {offset} is not a certificate")]
    PemLabel {
        /// Where.
        offset: usize,
    },
    /// A request that carries no attestation.
    #[error("carries no attestation")]
    NoAttestation,
    /// A request with two attestations.
    #[error("carries more than one attestation")]
    TwoAttestations,
    /// The attested key is not the one that is asked for.
    #[error("the attested key is not the key of the request")]
    KeyDiffers,
    /// An attestation statement in another format than `step`.
    #[error("attestation statement format is not `step`")]
    StatementFormat,
    /// A field that is missing from an attestation statement.
    #[error("field `{field}` is missing")]
    MissingField {
        /// Its name.
        field: &'static str,
    },
    /// The same field twice, or one that is not known.
    #[error("a field is there twice or is not known")]
    UnexpectedField,
    /// A COSE algorithm that is not accepted, or does not go with the attested key.
    #[error("COSE algorithm {alg} does not go with a {key} key")]
    CoseAlgorithm {
        /// The number (RFC 9053).
        alg: i64,
        /// The attested kind of key.
        key: crate::KeyAlgorithm,
    },
    /// The signature over the challenge is not by the attested key.
    #[error("the attested key did not sign this challenge")]
    Possession,
}

#[cfg(test)]
mod tests {
    use super::{Error, Malformed, Place, Rule};
    use alloc::string::ToString;

    #[test]
    fn an_error_names_the_place_and_the_rule() {
        for (at, text) in [
            (Place::Chain, "chain"),
            (Place::Leaf, "leaf"),
            (Place::Intermediate(3), "intermediate 3"),
            (Place::Root, "root"),
            (Place::Key, "public key"),
            (Place::Pem, "PEM"),
            (Place::Csr, "certificate request"),
            (Place::Statement, "attestation statement"),
        ] {
            let error = Error::new(at, Rule::Empty);
            assert_eq!((error.at(), error.rule()), (at, &Rule::Empty));
            assert_eq!(error.to_string(), alloc::format!("{text}: no certificate"));
        }
        let problem = Malformed::Truncated;
        let rule = Rule::Malformed {
            offset: 13,
            problem,
        };
        let error = Error::new(Place::Leaf, rule);
        assert_eq!(
            error.to_string(),
            "leaf: malformed at byte 13: ends too early"
        );
    }
}
