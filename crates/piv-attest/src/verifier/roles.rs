//! Which certificate may play which part. Certificates of attestation do not say so themselves, so
//! subjects, extensions and pinned issuers decide. The names in backticks are those of the
//! deviations from RFC 5280 that genuine devices force; `docs/deviations.md` gives the reasons.

use crate::{
    Firmware, FormFactor, KeyAlgorithm, PinPolicy, RootFamily, Serial, Slot, TouchPolicy,
    certificate::{Certificate, Name},
    error::Rule,
};

const ATTESTED_KEY: &str = "YubiKey PIV Attestation ";
const DEVICE: [&str; 2] = ["Yubico PIV Attestation", "YubiKey PIV Attestation"];

/// What a leaf says about its key.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttestedFacts {
    pub(super) slot: Slot,
    pub(super) serial: Option<Serial>,
    pub(super) firmware: Firmware,
    pub(super) pin_policy: PinPolicy,
    pub(super) touch_policy: TouchPolicy,
    pub(super) form_factor: Option<FormFactor>,
}

/// The slot that a subject names, if it is a subject of an attested key.
fn slot_of(subject: &Name<'_>) -> Option<Result<Slot, Rule>> {
    let slot = subject.sole_common_name()?.strip_prefix(ATTESTED_KEY)?;
    Some(slot.parse().map_err(|_| Rule::UnknownSlot))
}

/// The part of the leaf: it attests a key and issues nothing.
pub(super) fn attested(leaf: &Certificate<'_>) -> Result<AttestedFacts, Rule> {
    let extensions = &leaf.extensions;
    let slot = slot_of(&leaf.subject).ok_or(Rule::NotAnAttestation)??;
    let authority = extensions
        .basic_constraints
        .is_some_and(|constraints| constraints.is_ca);
    if authority || extensions.signs_certificates == Some(true) {
        return Err(Rule::LeafIsAuthority);
    }
    let firmware = extensions.firmware.ok_or(Rule::MissingExtension {
        extension: "firmware",
    })?;
    let (pin_policy, touch_policy) = extensions.policies.ok_or(Rule::MissingExtension {
        extension: "PIN and touch policy",
    })?;
    Ok(AttestedFacts {
        slot,
        serial: extensions.serial,
        firmware,
        pin_policy,
        touch_policy,
        form_factor: extensions.form_factor,
    })
}

/// The part of the device's certificate (slot f9) under an issuer of this family.
pub(super) fn device(device: &Certificate<'_>, family: RootFamily) -> Result<(), Rule> {
    let extensions = &device.extensions;
    // Else a key in a slot could sign an attestation of its own making.
    if slot_of(&device.subject).is_some() || extensions.policies.is_some() {
        return Err(Rule::AttestedKeyAsIssuer);
    }
    if !device
        .subject
        .sole_common_name()
        .is_some_and(|name| DEVICE.contains(&name))
    {
        return Err(Rule::NotADevice);
    }
    let is_yubico = family != RootFamily::Named;
    match (extensions.basic_constraints, extensions.firmware) {
        (Some(constraints), _) if constraints.is_ca => {}
        (None, Some(firmware)) if is_yubico && leaves_out_constraints(firmware) => {}
        _ => return Err(Rule::NotAnAuthority),
    }
    if extensions.signs_certificates == Some(false) {
        return Err(Rule::KeyUsage);
    }
    if is_yubico && extensions.firmware.is_none() {
        return Err(Rule::MissingExtension {
            extension: "firmware",
        });
    }
    issuer_key(device.spki.algorithm)
}

/// Deviation `f9-without-basic-constraints`: devices known to have such certificates.
fn leaves_out_constraints(firmware: Firmware) -> bool {
    (firmware.major, firmware.minor) == (4, 3)
        || firmware == Firmware::new(4, 4, 5)
        || firmware == Firmware::new(5, 2, 4)
}

/// The part of an authority that issues devices' certificates.
pub(super) fn authority(authority: &Certificate<'_>, family: RootFamily) -> Result<(), Rule> {
    let extensions = &authority.extensions;
    if slot_of(&authority.subject).is_some() || extensions.policies.is_some() {
        return Err(Rule::AttestedKeyAsIssuer);
    }
    let constraints = extensions
        .basic_constraints
        .filter(|constraints| constraints.is_ca);
    let limit = constraints.ok_or(Rule::NotAnAuthority)?.path_length;
    // One certificate that issues stands between the authority and the leaf: the device's.
    // Deviation `u2f-root-path-length`: that root says 0, and issued devices all the same.
    if limit == Some(0) && family != RootFamily::YubicoU2f {
        return Err(Rule::PathLength { limit: 0 });
    }
    if extensions.signs_certificates == Some(false) {
        return Err(Rule::KeyUsage);
    }
    issuer_key(authority.spki.algorithm)
}

fn issuer_key(algorithm: KeyAlgorithm) -> Result<(), Rule> {
    match algorithm {
        KeyAlgorithm::Rsa1024 | KeyAlgorithm::X25519 => Err(Rule::IssuerKey { algorithm }),
        _ => Ok(()),
    }
}

/// The first firmware whose devices are certified under Attestation Root 1, and no more under the
/// older roots.
const NEW_HIERARCHY: Firmware = Firmware::new(5, 7, 4);

/// Whether devices with this firmware are certified under this family.
pub(super) fn belongs_under(firmware: Firmware, family: RootFamily) -> bool {
    match family {
        RootFamily::YubicoPiv => firmware < NEW_HIERARCHY,
        RootFamily::YubicoU2f => firmware.major == 4,
        RootFamily::YubicoAttestation => firmware >= NEW_HIERARCHY,
        RootFamily::Named => true,
    }
}

/// Whether a leaf of one firmware can come from a device whose certificate states the other.
/// Deviation `patch-level-differs`: 4.3.5 signs under a certificate that states 4.3.4.
pub(super) fn same_line(leaf: Firmware, device: Firmware) -> bool {
    (leaf.major, leaf.minor) == (device.major, device.minor)
}
