//! Public keys, as the SubjectPublicKeyInfo that certificates hold.

use crate::{
    Backend, InvalidSignature, SignatureAlgorithm,
    der::{self, Element, Reader, dotted},
    error::{Error, Place, Rule},
};
use alloc::{boxed::Box, vec::Vec};
use core::{fmt, ops::Range, str::FromStr};
use sha2::{Digest, Sha256};

/// Longer keys than RSA-4096's are not read.
pub(crate) const MAX_SPKI: usize = 1_024;

/// The kinds of key that YubiKeys make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// RSA with 1024 bits: recognised, and refused by every policy.
    Rsa1024,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 3072 bits; firmware 5.7 and later.
    Rsa3072,
    /// RSA with 4096 bits; firmware 5.7 and later.
    Rsa4096,
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// Ed25519; firmware 5.7 and later.
    Ed25519,
    /// X25519, which agrees on keys and signs nothing; firmware 5.7 and later.
    X25519,
}

impl KeyAlgorithm {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rsa1024,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
        Self::P256,
        Self::P384,
        Self::Ed25519,
        Self::X25519,
    ];

    /// Its name, as Display writes it: `RSA-2048`, `P-256`, `Ed25519`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rsa1024 => "RSA-1024",
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::Ed25519 => "Ed25519",
            Self::X25519 => "X25519",
        }
    }

    /// Whether it is RSA of any size.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rsa1024 | Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096
        )
    }

    /// Whether its signatures are ECDSA.
    #[must_use]
    pub const fn is_ecdsa(self) -> bool {
        matches!(self, Self::P256 | Self::P384)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyAlgorithm {
    type Err = crate::ParseFactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or(crate::ParseFactError {
                what: "key type",
                expected: "RSA-2048, RSA-3072, RSA-4096, P-256, P-384, Ed25519, X25519 or RSA-1024",
            })
    }
}

crate::facts::serde_as_text!(KeyAlgorithm);

pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const EXPONENT_65537: &[u8] = &[0x01, 0x00, 0x01];

/// A public key of a kind that YubiKeys make, well-formed, as its SubjectPublicKeyInfo.
///
/// Two are equal exactly if their SubjectPublicKeyInfo is, byte for byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    spki: Box<[u8]>,
    algorithm: KeyAlgorithm,
    /// Where the key itself is in `spki`: the RSA modulus without leading zeros, the curve point,
    /// or the 32 bytes of Ed25519 and X25519.
    material: Range<u16>,
    /// The contents of the BIT STRING: for RSA, the RSAPublicKey; else as `material`.
    bits: Range<u16>,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 3279, RFC 5480, RFC 8410).
    ///
    /// This checks its form, not where it comes from, nor that a point is on its curve: checking
    /// a signature with it does.
    ///
    /// # Errors
    /// At [`Place::Key`]: any other kind, size or form of key than YubiKeys make.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, Error> {
        let parse = || {
            if spki.len() > MAX_SPKI {
                return Err(Rule::TooLong {
                    max: MAX_SPKI,
                    found: spki.len(),
                });
            }
            let mut input = Reader::new(spki);
            let element = input.expect(der::SEQUENCE)?;
            input.finish()?;
            Ok(SpkiRef::parse(element)?.to_key())
        };
        parse().map_err(|rule| Error::new(Place::Key, rule))
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of [`spki_der`](Self::spki_der).
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.spki).into()
    }

    /// The kind of key.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The RSA modulus, big-endian without leading zeros. The exponent is always 65537.
    #[must_use]
    pub fn rsa_modulus(&self) -> Option<&[u8]> {
        self.algorithm.is_rsa().then(|| self.slice(&self.material))
    }

    /// The uncompressed curve point (P-256, P-384) or the 32 bytes of the key (Ed25519, X25519).
    #[must_use]
    pub fn raw(&self) -> Option<&[u8]> {
        (!self.algorithm.is_rsa()).then(|| self.slice(&self.material))
    }

    /// The contents of the subjectPublicKey: for RSA, the DER RSAPublicKey; else as
    /// [`raw`](Self::raw).
    #[must_use]
    pub fn subject_public_key(&self) -> &[u8] {
        self.slice(&self.bits)
    }

    fn slice(&self, range: &Range<u16>) -> &[u8] {
        self.spki
            .get(usize::from(range.start)..usize::from(range.end))
            .unwrap_or_default()
    }

    /// Checks a signature by this key: the algorithm must fit the key, and the signature must have
    /// its form exactly (RSA: the modulus' length; ECDSA: strict DER of two positive integers;
    /// Ed25519: 64 bytes). Every backend accepts the same.
    ///
    /// # Errors
    /// [`InvalidSignature`].
    pub fn verify<B: Backend>(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        if !algorithm.fits(self.algorithm) || !self.has_form(signature) {
            return Err(InvalidSignature);
        }
        B::verify(algorithm, self, message, signature)
    }

    fn has_form(&self, signature: &[u8]) -> bool {
        match self.algorithm {
            KeyAlgorithm::P256 => is_ecdsa_signature(signature, 32),
            KeyAlgorithm::P384 => is_ecdsa_signature(signature, 48),
            KeyAlgorithm::Ed25519 => signature.len() == 64,
            KeyAlgorithm::X25519 => false,
            _ => self.rsa_modulus().is_some_and(|modulus| {
                // Same length, so the order of bytes is that of numbers (RFC 8017 §5.2.2).
                signature.len() == modulus.len() && signature < modulus
            }),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}, SPKI SHA-256 ", self.algorithm)?;
        self.spki_sha256()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Ecdsa-Sig-Value (RFC 3279 §2.2.3) whose integers are positive and fit the curve.
fn is_ecdsa_signature(signature: &[u8], size: usize) -> bool {
    let mut input = Reader::new(signature);
    let Ok(mut pair) = input.enter(der::SEQUENCE) else {
        return false;
    };
    let mut integer = || {
        let magnitude = pair.expect(der::INTEGER)?.unsigned()?;
        Ok::<_, der::Fault>(magnitude != [0] && magnitude.len() <= size)
    };
    let both = matches!((integer(), integer()), (Ok(true), Ok(true)));
    both && pair.finish().is_ok() && input.finish().is_ok()
}

/// A key that is still in the certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpkiRef<'a> {
    pub(crate) raw: &'a [u8],
    /// Where `raw` starts, counted as the offsets of its elements are.
    offset: usize,
    pub(crate) algorithm: KeyAlgorithm,
    material: Part,
    bits: Part,
}

/// Part of an input: where it starts, counted as the offsets of its elements are, and its length.
#[derive(Clone, Copy, Debug)]
struct Part {
    start: usize,
    length: usize,
}

impl Part {
    /// The last `length` bytes of an element's contents.
    const fn end_of(element: &Element<'_>, length: usize) -> Self {
        Self {
            start: element.offset + element.raw.len() - length,
            length,
        }
    }
}

impl<'a> SpkiRef<'a> {
    /// Reads the contents of an element that was entered as a SEQUENCE.
    pub(crate) fn parse(spki: Element<'a>) -> Result<Self, Rule> {
        let mut fields = spki.reader();
        let mut identifier = fields.enter(der::SEQUENCE)?;
        let oid = identifier.expect(der::OBJECT_IDENTIFIER)?.oid()?;
        let parameters = if identifier.is_empty() {
            None
        } else {
            Some(identifier.any()?)
        };
        identifier.finish()?;
        let bits_element = fields.expect(der::BIT_STRING)?;
        fields.finish()?;
        let bits = bits_element.whole_bits()?;
        let all = Part::end_of(&bits_element, bits.len());
        let bad_parameters = || Rule::AlgorithmParameters { oid: dotted(oid) };

        let (algorithm, material) = match oid {
            RSA_ENCRYPTION => {
                // RFC 3279 §2.3.1 wants NULL; absent is seen in the field too.
                if parameters.is_some_and(|p| p.tag != der::NULL || !p.contents.is_empty()) {
                    return Err(bad_parameters());
                }
                Self::rsa(bits_element)?
            }
            EC_PUBLIC_KEY => {
                let curve = match parameters {
                    Some(curve) if curve.tag == der::OBJECT_IDENTIFIER => curve.oid()?,
                    _ => return Err(bad_parameters()),
                };
                let (algorithm, length) = match curve {
                    PRIME256V1 => (KeyAlgorithm::P256, 65),
                    SECP384R1 => (KeyAlgorithm::P384, 97),
                    other => return Err(Rule::KeyAlgorithm { oid: dotted(other) }),
                };
                if bits.len() != length || bits.first() != Some(&4) {
                    return Err(Rule::Point);
                }
                (algorithm, all)
            }
            ED25519 | X25519 => {
                if parameters.is_some() {
                    return Err(bad_parameters());
                }
                if bits.len() != 32 {
                    return Err(Rule::Point);
                }
                let ed = oid == ED25519;
                (
                    if ed {
                        KeyAlgorithm::Ed25519
                    } else {
                        KeyAlgorithm::X25519
                    },
                    all,
                )
            }
            other => return Err(Rule::KeyAlgorithm { oid: dotted(other) }),
        };
        Ok(Self {
            raw: spki.raw,
            offset: spki.offset,
            algorithm,
            material,
            bits: all,
        })
    }

    fn rsa(bits: Element<'_>) -> Result<(KeyAlgorithm, Part), Rule> {
        // Past the count of unused bits, which is zero, offsets stay those of the whole input.
        let mut outer = bits.reader_after(1);
        let mut integers = outer.enter(der::SEQUENCE)?;
        outer.finish()?;
        let element = integers.expect(der::INTEGER)?;
        let modulus = element.unsigned()?;
        let exponent = integers.expect(der::INTEGER)?.unsigned()?;
        integers.finish()?;
        let leading = modulus
            .first()
            .map_or(8, |byte| byte.leading_zeros() as usize);
        let size = modulus.len() * 8 - leading;
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        let algorithm = match size {
            1024 => KeyAlgorithm::Rsa1024,
            2048 => KeyAlgorithm::Rsa2048,
            3072 => KeyAlgorithm::Rsa3072,
            4096 => KeyAlgorithm::Rsa4096,
            _ => return Err(Rule::RsaKey { bits: size }),
        };
        if !odd || exponent != EXPONENT_65537 {
            return Err(Rule::RsaKey { bits: size });
        }
        Ok((algorithm, Part::end_of(&element, modulus.len())))
    }

    pub(crate) fn to_key(self) -> PublicKey {
        // A certificate has at most MAX_CERTIFICATE bytes, so everything in it fits.
        let range = |part: Part| {
            let start = part.start - self.offset;
            start as u16..(start + part.length) as u16
        };
        PublicKey {
            algorithm: self.algorithm,
            material: range(self.material),
            bits: range(self.bits),
            spki: Vec::from(self.raw).into_boxed_slice(),
        }
    }
}
