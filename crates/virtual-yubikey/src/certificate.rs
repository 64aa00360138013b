//! Certificates: the virtual root, f9, and what f9 says about a slot's key.

use crate::der::{self, CertificateParts};
use crate::key::{Algorithm, KeyError, PrivateKey};
use crate::settings::{Firmware, Settings};
use crate::tlv::tlv;
use sha2::{Digest, Sha256};

/// Name of the root that every virtual YubiKey's attestation ends at.
pub(crate) const ROOT_NAME: &str = "Virtual YubiKey PIV Root (no Yubico device)";

/// What an attestation says of a key beside the key itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) slot: u8,
    pub(crate) pin_policy: u8,
    pub(crate) touch_policy: u8,
}

/// The root's own certificate. CA, path length 1 (f9, then slot), key usage certificate signing.
pub(crate) fn root(key: &PrivateKey) -> Result<Vec<u8>, KeyError> {
    let name = der::common_name(ROOT_NAME);
    let validity = validity("200101000000Z", "99991231235959Z");
    certify(
        &Tbs {
            serial: &serial()?,
            issuer: &name,
            validity: &validity,
            subject: &name,
            spki: &key.spki(),
            extensions: &[
                der::critical_extension(
                    der::oid(der::BASIC_CONSTRAINTS),
                    &der::sequence(&[tlv(0x01, &[0xFF]), der::unsigned(&[1])]),
                ),
                der::critical_extension(der::oid(der::KEY_USAGE), &tlv(0x03, &[1, 0x06])),
            ],
        },
        key,
    )
}

/// The certificate of the key in f9, as the factory puts it there.
///
/// Names, validity and extensions as in the genuine certificates of both
/// hierarchies: firmware always, FIPS level where it applies, and
/// basicConstraints with path length 0.
pub(crate) fn device(
    settings: &Settings,
    key: &PrivateKey,
    root: &PrivateKey,
) -> Result<Vec<u8>, KeyError> {
    let (subject, validity) = if settings.firmware.has_new_hierarchy() {
        (
            "YubiKey PIV Attestation",
            validity("241201000000Z", "99991231235959Z"),
        )
    } else {
        (
            "Yubico PIV Attestation",
            validity("160314000000Z", "20520417000000Z"),
        )
    };
    let mut extensions = vec![der::extension(
        der::yubico_oid(3),
        &settings.firmware.bytes(),
    )];
    if settings.fips {
        // FIPS 140-2 level 2 series: the value of the genuine 5.4.3 FIPS keys.
        extensions.push(der::extension(der::yubico_oid(10), &der::unsigned(&[7])));
    }
    extensions.push(der::critical_extension(
        der::oid(der::BASIC_CONSTRAINTS),
        &der::sequence(&[tlv(0x01, &[0xFF]), der::unsigned(&[0])]),
    ));
    certify(
        &Tbs {
            serial: &serial()?,
            issuer: &der::common_name(ROOT_NAME),
            validity: &validity,
            subject: &der::common_name(subject),
            spki: &key.spki(),
            extensions: &extensions,
        },
        root,
    )
}

/// What f9 says about the key in a slot. Issuer and validity are those of the
/// certificate in f9, whoever put it there.
pub(crate) fn attestation(
    facts: Facts<'_>,
    key: &PrivateKey,
    device: &CertificateParts,
    device_key: &PrivateKey,
) -> Result<Vec<u8>, KeyError> {
    let settings = facts.settings;
    let mut extensions = vec![der::extension(
        der::yubico_oid(3),
        &settings.firmware.bytes(),
    )];
    if let Some(serial) = settings.serial {
        extensions.push(der::extension(
            der::yubico_oid(7),
            &der::unsigned(&serial.to_be_bytes()),
        ));
    }
    extensions.push(der::extension(
        der::yubico_oid(8),
        &[facts.pin_policy, facts.touch_policy],
    ));
    // A YubiKey 4 says nothing of its shape.
    if settings.firmware.major >= 5 {
        extensions.push(der::extension(
            der::yubico_oid(9),
            &[settings.form_factor_byte()],
        ));
    }
    certify(
        &Tbs {
            serial: &serial_as_of(settings.firmware)?,
            issuer: &device.subject,
            validity: &device.validity,
            subject: &der::common_name(&format!("YubiKey PIV Attestation {:02x}", facts.slot)),
            spki: &key.spki(),
            extensions: &extensions,
        },
        device_key,
    )
}

struct Tbs<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    validity: &'a [u8],
    subject: &'a [u8],
    spki: &'a [u8],
    extensions: &'a [Vec<u8>],
}

fn certify(tbs: &Tbs<'_>, issuer: &PrivateKey) -> Result<Vec<u8>, KeyError> {
    let algorithm = match issuer.algorithm() {
        Algorithm::Rsa1024 | Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => {
            der::sequence(&[der::oid(der::SHA256_WITH_RSA), der::null()])
        }
        Algorithm::P256 | Algorithm::P384 => der::sequence(&[der::oid(der::ECDSA_SHA256)]),
        Algorithm::Ed25519 | Algorithm::X25519 => return Err(KeyError::Operation),
    };
    let body = der::sequence(&[
        tlv(0xA0, &der::unsigned(&[2])),
        der::unsigned(tbs.serial),
        algorithm.clone(),
        tbs.issuer.to_vec(),
        tbs.validity.to_vec(),
        tbs.subject.to_vec(),
        tbs.spki.to_vec(),
        tlv(0xA3, &der::sequence(tbs.extensions)),
    ]);
    let digest = Sha256::digest(&body);
    let signature = match issuer.algorithm() {
        Algorithm::P256 | Algorithm::P384 => issuer.sign(&digest)?,
        rsa => issuer.sign(&pkcs1_sha256(&digest, rsa.size())?)?,
    };
    Ok(der::sequence(&[
        body,
        algorithm,
        der::bit_string(&signature),
    ]))
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2) for SHA-256.
fn pkcs1_sha256(digest: &[u8], size: usize) -> Result<Vec<u8>, KeyError> {
    const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    let info = der::sequence(&[
        der::sequence(&[der::oid(SHA256), der::null()]),
        der::octet_string(digest),
    ]);
    let padding = size
        .checked_sub(info.len() + 3)
        .ok_or(KeyError::Operation)?;
    let mut block = vec![0, 1];
    block.resize(2 + padding, 0xFF);
    block.push(0);
    block.extend_from_slice(&info);
    Ok(block)
}

/// 16 random bytes.
fn serial() -> Result<[u8; 16], KeyError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| KeyError::Generate)?;
    Ok(serial)
}

/// The genuine ones begin with 01 from 5.2.4 on, and with anything before.
fn serial_as_of(firmware: Firmware) -> Result<[u8; 16], KeyError> {
    let mut serial = serial()?;
    if firmware >= Firmware::new(5, 2, 4) {
        serial[0] = 1;
    }
    Ok(serial)
}

/// UTCTime from, GeneralizedTime to.
fn validity(from: &str, to: &str) -> Vec<u8> {
    der::sequence(&[tlv(0x17, from.as_bytes()), tlv(0x18, to.as_bytes())])
}
