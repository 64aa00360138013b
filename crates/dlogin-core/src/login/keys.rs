//! The keys of the YubiKey, as far as a login needs them.

use acme_wire::order::Identifier;
use acme_yubikey::ChallengeType;
use piv_attest::policy::Advisory;
use piv_attest::{Firmware, Serial};
use piv_token::{Attestation, Token};

use super::order::Placed;
use super::{Show, Skipped};
use crate::Error;
use crate::config::Keys as Slots;
use crate::setup::KeyUse;

/// An open YubiKey and what it attests.
pub(super) struct Keys {
    pub(super) token: Box<dyn Token>,
    serial: Option<Serial>,
    login: Result<Attestation, piv_token::Error>,
    proof: Result<Attestation, piv_token::Error>,
}

/// Opens the YubiKey and has it attest both keys; needs neither PIN nor touch.
/// That one of them is missing is no error yet.
pub(super) fn read(
    open: impl FnOnce(Option<Serial>) -> Result<Box<dyn Token>, piv_token::Error>,
    serial: Option<Serial>,
    slots: &Slots,
) -> Result<Keys, Error> {
    let (login, proof) = (slots.slot(KeyUse::Login)?, slots.slot(KeyUse::Proof)?);
    let mut token = open(serial)?;
    let serial = token.info().serial;
    let login = absent_or_broken(token.attest(login))?;
    let proof = absent_or_broken(token.attest(proof))?;
    match (login, proof) {
        (Err(error), Err(_)) => Err(error.into()),
        (login, proof) => Ok(Keys {
            token,
            serial,
            login,
            proof,
        }),
    }
}

/// A key may be missing; the card may not.
fn absent_or_broken(
    attested: Result<Attestation, piv_token::Error>,
) -> Result<Result<Attestation, piv_token::Error>, piv_token::Error> {
    match attested {
        Err(
            error @ (piv_token::Error::NoKey { .. }
            | piv_token::Error::Imported { .. }
            | piv_token::Error::NoDeviceCertificate),
        ) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(attestation) => Ok(Ok(attestation)),
    }
}

impl Keys {
    /// The serial number in decimal; some YubiKeys do not tell it.
    pub(super) fn serial(&self) -> Option<String> {
        self.serial.map(|serial| serial.to_string())
    }

    /// What orders name: a name that the CA has for the key, where one is
    /// given; else the serial number.
    pub(super) fn identifier(&self, name: Option<&str>) -> Result<Identifier, Error> {
        match (name, self.serial()) {
            (Some(name), _) => Ok(Identifier::dns(name)),
            (None, Some(serial)) => Ok(Identifier::permanent(serial)),
            (None, None) => Err(Error::NoSerial),
        }
    }

    /// The key that answers challenges of this type.
    pub(super) fn of(&self, kind: ChallengeType) -> &Result<Attestation, piv_token::Error> {
        match kind {
            ChallengeType::Yubikey01 => &self.login,
            ChallengeType::Yubikey02 => &self.proof,
        }
    }

    /// Says what is known to be wrong with this device.
    pub(super) fn warn(&self, show: &mut dyn Show) {
        let firmware = self.token.info().firmware;
        let ecdsa = [&self.login, &self.proof]
            .into_iter()
            .flatten()
            .any(|key| key.algorithm().is_ecdsa());
        if ecdsa && firmware < Firmware::new(5, 7, 0) {
            show.warning(&format!("firmware {firmware}: {}", Advisory::Eucleak));
        }
    }

    /// Sets apart the orders whose key this YubiKey does not have. Where that
    /// is all of them, it is one error: no key to begin with.
    pub(super) fn sort(&self, placed: Vec<Placed>) -> Result<(Vec<Placed>, Vec<Skipped>), Error> {
        let mut answerable = Vec::new();
        let mut skipped = Vec::new();
        let mut missing = None;
        for order in placed {
            match self.of(order.kind) {
                Ok(_) => answerable.push(order),
                Err(error) => {
                    skipped.push(Skipped {
                        profile: order.profile.to_string(),
                        why: error.to_string(),
                    });
                    missing = Some(error.clone());
                }
            }
        }
        match missing {
            Some(error) if answerable.is_empty() => Err(error.into()),
            _ => Ok((answerable, skipped)),
        }
    }
}
