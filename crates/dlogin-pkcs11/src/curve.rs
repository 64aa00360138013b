//! The two curves, and how each names, prepares and writes things.

use cryptoki_sys::{
    CK_MECHANISM_TYPE, CKM_ECDSA, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512,
};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Reader, SliceReader};
use dlogin_service::{Algorithm, Input, MAX_INPUT};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::error::Error;

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// The longest digest there is: SHA-512's.
const MAX_DIGEST: usize = 64;

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

impl Curve {
    pub(crate) fn of(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            P256 => Some(Self::P256),
            P384 => Some(Self::P384),
            _ => None,
        }
    }

    /// `CKA_EC_PARAMS` says which by the OID.
    pub(crate) fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
        }
    }

    /// Bytes of a coordinate, and of the digest that is signed.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Bytes of a signature as PKCS#11 has it: r and s, one after the other.
    pub(crate) fn signature_bytes(self) -> usize {
        2 * self.bytes()
    }

    /// What the agent calls it.
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::EcdsaP256Sha256,
            Self::P384 => Algorithm::EcdsaP384Sha384,
        }
    }

    /// A digest, as long as the curve wants it: the leftmost bits of a longer
    /// one, zeros before a shorter one, which is the same number (FIPS 186-5,
    /// 6.4.1).
    fn fit(self, digest: &[u8]) -> Vec<u8> {
        let kept = digest.get(..self.bytes()).unwrap_or(digest);
        let mut fitted = vec![0; self.bytes() - kept.len()];
        fitted.extend_from_slice(kept);
        fitted
    }

    /// r and s from a DER signature.
    pub(crate) fn raw_signature(self, der: &[u8]) -> Result<Vec<u8>, Error> {
        let parse = || -> der::Result<Vec<u8>> {
            let mut reader = SliceReader::new(der)?;
            let (r, s) = reader.sequence(|inner| -> der::Result<_> {
                Ok((UintRef::decode(inner)?, UintRef::decode(inner)?))
            })?;
            reader.finish()?;
            let mut raw = Vec::new();
            for number in [r, s] {
                let number = number.as_bytes();
                let zeros = self.bytes().checked_sub(number.len());
                let zeros = zeros.ok_or_else(|| der::ErrorKind::Overflow.to_error())?;
                raw.resize(raw.len() + zeros, 0);
                raw.extend_from_slice(number);
            }
            Ok(raw)
        };
        parse().map_err(|_| Error::Signature)
    }
}

/// How a program wants something signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// It gives the digest.
    Ecdsa,
    /// It gives the message.
    Sha256,
    Sha384,
    Sha512,
}

impl Mechanism {
    pub(crate) const ALL: [(Self, CK_MECHANISM_TYPE); 4] = [
        (Self::Ecdsa, CKM_ECDSA),
        (Self::Sha256, CKM_ECDSA_SHA256),
        (Self::Sha384, CKM_ECDSA_SHA384),
        (Self::Sha512, CKM_ECDSA_SHA512),
    ];

    pub(crate) fn new(number: CK_MECHANISM_TYPE) -> Result<Self, Error> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == number)
            .map(|(mechanism, _)| *mechanism)
            .ok_or(Error::Mechanism)
    }

    /// The longest data for it. A longer message can be hashed outside.
    pub(crate) fn max_data(self) -> usize {
        match self {
            Self::Ecdsa => MAX_DIGEST,
            _ => 1 << 20,
        }
    }

    /// What is to be signed. A message that the agent can hash goes to it whole,
    /// so that it sees what it signs.
    pub(crate) fn input(self, curve: Curve, data: Vec<u8>) -> Result<Input, Error> {
        if data.len() > self.max_data() || (self == Self::Ecdsa && data.is_empty()) {
            return Err(Error::DataLength);
        }
        let own = matches!(
            (self, curve),
            (Self::Sha256, Curve::P256) | (Self::Sha384, Curve::P384)
        );
        Ok(if own && data.len() <= MAX_INPUT {
            Input::Message(data)
        } else {
            Input::Digest(self.digest(curve, &data))
        })
    }

    /// The digest that the curve signs.
    pub(crate) fn digest(self, curve: Curve, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Ecdsa => curve.fit(data),
            Self::Sha256 => curve.fit(&Sha256::digest(data)),
            Self::Sha384 => curve.fit(&Sha384::digest(data)),
            Self::Sha512 => curve.fit(&Sha512::digest(data)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_cut_or_padded_to_the_curve() {
        assert_eq!(Curve::P256.fit(&[7; 48]), [7; 32]);
        let mut padded = vec![0; 12];
        padded.extend([7; 20]);
        assert_eq!(Curve::P256.fit(&[7; 20]), padded);
        assert_eq!(Curve::P384.fit(&[7; 32]).len(), 48);
    }

    #[test]
    fn a_message_goes_whole_where_the_agent_hashes_the_same_way() {
        let input =
            |mechanism: Mechanism, curve, length| mechanism.input(curve, vec![1; length]).unwrap();
        assert!(matches!(
            input(Mechanism::Sha256, Curve::P256, 100),
            Input::Message(_)
        ));
        for (mechanism, curve, length) in [
            (Mechanism::Sha256, Curve::P384, 100),
            (Mechanism::Sha512, Curve::P256, 100),
            (Mechanism::Sha256, Curve::P256, MAX_INPUT + 1),
            (Mechanism::Ecdsa, Curve::P256, 32),
        ] {
            let Input::Digest(digest) = input(mechanism, curve, length) else {
                panic!("{mechanism:?} {curve:?} {length}");
            };
            assert_eq!(digest.len(), curve.bytes());
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for length in [0, 65] {
            assert!(matches!(
                Mechanism::Ecdsa.input(Curve::P256, vec![0; length]),
                Err(Error::DataLength)
            ));
        }
    }

    #[test]
    fn short_numbers_of_a_signature_get_their_zeros() {
        let der = [0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x06];
        let raw = Curve::P256.raw_signature(&der).unwrap();
        assert_eq!(raw.len(), 64);
        assert_eq!((raw[31], raw[63]), (5, 6));
    }

    #[test]
    fn what_is_no_signature_is_an_error() {
        let mut long = vec![0x30, 0x26, 0x02, 0x21];
        long.extend([0x11; 33]);
        long.extend([0x02, 0x01, 0x01]);
        for bad in [&[][..], &[0x30], &[0x30, 0x00], &[0x02, 0x01, 0x05], &long] {
            assert!(Curve::P256.raw_signature(bad).is_err(), "{bad:02x?}");
        }
    }
}
