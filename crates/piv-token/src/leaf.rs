//! What an attestation certificate says, read without checking it: the card
//! itself just gave it to us, and we only need to know how to ask for a
//! signature. Everybody else verifies (`piv_attest::Verifier`).

use crate::{Attestation, Error};
use piv_attest::{PinPolicy, PublicKey, Slot, TouchPolicy};
use x509_cert::{
    Certificate,
    der::{Decode, Encode, oid::ObjectIdentifier},
};

/// Yubico's extension with the two policies, one byte each.
const POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.41482.3.8");

/// Reads leaf and f9 certificate as the card gave them.
pub(crate) fn read(slot: Slot, leaf: Vec<u8>, device: Vec<u8>) -> Result<Attestation, Error> {
    let nonsense = || Error::Answer { command: "ATTEST" };
    let certificate = Certificate::from_der(&leaf).map_err(|_| nonsense())?;
    let tbs = certificate.tbs_certificate();
    let spki = tbs
        .subject_public_key_info()
        .to_der()
        .map_err(|_| nonsense())?;
    let public_key = PublicKey::from_spki_der(&spki).map_err(|_| nonsense())?;
    let policies = tbs
        .extensions()
        .into_iter()
        .flatten()
        .find(|e| e.extn_id == POLICIES)
        .ok_or_else(nonsense)?;
    let &[pin, touch] = policies.extn_value.as_bytes() else {
        return Err(nonsense());
    };
    Ok(Attestation {
        slot,
        leaf,
        device,
        public_key,
        pin_policy: PinPolicy::from_byte(pin).ok_or_else(nonsense)?,
        touch_policy: TouchPolicy::from_byte(touch).ok_or_else(nonsense)?,
    })
}
