//! Key algorithms as the card numbers them, and which firmware makes them.

use crate::Error;
use piv_attest::{Firmware, KeyAlgorithm, Slot};

/// How a key is given what it signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    P256,
    P384,
    Ed25519,
    /// RSA with a modulus of so many bytes.
    Rsa {
        bytes: usize,
    },
}

/// How this key is given what it signs; `None` for keys that we do not sign
/// with: X25519 cannot, and RSA-1024 is too weak to bother anyone.
pub(crate) fn kind(key: KeyAlgorithm) -> Option<Kind> {
    match key {
        KeyAlgorithm::P256 => Some(Kind::P256),
        KeyAlgorithm::P384 => Some(Kind::P384),
        KeyAlgorithm::Ed25519 => Some(Kind::Ed25519),
        KeyAlgorithm::Rsa2048 => Some(Kind::Rsa { bytes: 256 }),
        KeyAlgorithm::Rsa3072 => Some(Kind::Rsa { bytes: 384 }),
        KeyAlgorithm::Rsa4096 => Some(Kind::Rsa { bytes: 512 }),
        _ => None,
    }
}

/// The algorithm's number in P1 of GENERAL AUTHENTICATE and in GENERATE.
pub(crate) fn byte(key: KeyAlgorithm) -> Option<u8> {
    match key {
        KeyAlgorithm::P256 => Some(0x11),
        KeyAlgorithm::P384 => Some(0x14),
        KeyAlgorithm::Ed25519 => Some(0xe0),
        KeyAlgorithm::Rsa2048 => Some(0x07),
        KeyAlgorithm::Rsa3072 => Some(0x05),
        KeyAlgorithm::Rsa4096 => Some(0x16),
        _ => None,
    }
}

/// That this firmware attests keys at all.
pub(crate) fn attesting(has: Firmware) -> Result<(), Error> {
    let needs = Firmware::new(4, 3, 0);
    if has < needs {
        return Err(Error::Firmware {
            what: "attestation",
            needs,
            has,
        });
    }
    Ok(())
}

/// That this firmware makes a good key of this algorithm, to be asked before
/// anything on the card is changed.
///
/// # Errors
/// [`Error::Firmware`], [`Error::Roca`], [`Error::Algorithm`].
pub fn can_make(slot: Slot, key: KeyAlgorithm, has: Firmware) -> Result<(), Error> {
    makeable(slot, key, has).map(|_| ())
}

/// The number of an algorithm that this firmware can make a good key of.
pub(crate) fn makeable(slot: Slot, key: KeyAlgorithm, has: Firmware) -> Result<u8, Error> {
    let number = byte(key).ok_or_else(|| Error::Algorithm {
        slot,
        algorithm: key.to_string(),
    })?;
    attesting(has)?;
    let needs = Firmware::new(5, 7, 0);
    let newer = match key {
        KeyAlgorithm::Ed25519 => Some("an Ed25519 key"),
        KeyAlgorithm::Rsa3072 => Some("an RSA-3072 key"),
        KeyAlgorithm::Rsa4096 => Some("an RSA-4096 key"),
        _ => None,
    };
    if let Some(what) = newer.filter(|_| has < needs) {
        return Err(Error::Firmware { what, needs, has });
    }
    let roca = Firmware::new(4, 2, 6)..=Firmware::new(4, 3, 4);
    if matches!(kind(key), Some(Kind::Rsa { .. })) && roca.contains(&has) {
        return Err(Error::Roca { has });
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rsa_key_is_made_by_firmware_with_roca() {
        let make = |key, firmware| makeable(Slot::AUTHENTICATION, key, firmware);
        let bad = Firmware::new(4, 3, 4);
        assert_eq!(
            make(KeyAlgorithm::Rsa2048, bad),
            Err(Error::Roca { has: bad })
        );
        assert_eq!(make(KeyAlgorithm::P256, bad), Ok(0x11));
        assert_eq!(
            make(KeyAlgorithm::Rsa2048, Firmware::new(4, 3, 5)),
            Ok(0x07)
        );
    }

    #[test]
    fn newer_algorithms_need_newer_firmware() {
        let has = Firmware::new(5, 4, 3);
        for key in [
            KeyAlgorithm::Ed25519,
            KeyAlgorithm::Rsa3072,
            KeyAlgorithm::Rsa4096,
        ] {
            assert!(matches!(
                makeable(Slot::AUTHENTICATION, key, has),
                Err(Error::Firmware { .. })
            ));
            assert!(makeable(Slot::AUTHENTICATION, key, Firmware::new(5, 7, 0)).is_ok());
        }
    }

    #[test]
    fn keys_that_cannot_sign_are_not_made() {
        assert!(matches!(
            makeable(
                Slot::AUTHENTICATION,
                KeyAlgorithm::X25519,
                Firmware::new(5, 7, 4)
            ),
            Err(Error::Algorithm { .. })
        ));
    }
}
