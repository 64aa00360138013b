//! The authorities that Yubico's own devices chain to, embedded and pinned by SHA-256.
//!
//! Devices are issued by five of them. The rest link these to their root and are here so that the
//! tests can prove that they do, and so that a caller can show a complete chain. Attestation Root 1
//! and its intermediates also vouch for FIDO, OpenPGP and Secure Domain, so those three are never
//! trusted as issuers of devices with PIV: only what is pinned here is.

use crate::{Root, RootFamily};
use alloc::string::String;

/// An embedded certificate authority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Embedded {
    pub(crate) der: &'static [u8],
    pub(crate) sha256: [u8; 32],
}

/// An embedded authority that issues devices' certificates, and the root above it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceIssuer {
    pub(crate) authority: Embedded,
    pub(crate) family: RootFamily,
}

/// SHA-256 from hexadecimal, when this is compiled.
const fn pin(hex: &[u8; 64]) -> [u8; 32] {
    const fn digit(byte: u8) -> u8 {
        if byte <= b'9' {
            byte - b'0'
        } else {
            byte - b'a' + 10
        }
    }
    let mut pin = [0; 32];
    let mut i = 0;
    let (pairs, _) = hex.as_chunks::<2>();
    #[allow(
        clippy::indexing_slicing,
        reason = "while this is compiled; both have 32 elements"
    )]
    while i < 32 {
        pin[i] = digit(pairs[i][0]) << 4 | digit(pairs[i][1]);
        i += 1;
    }
    pin
}

macro_rules! embedded {
    ($name:ident, $file:literal, $pin:literal) => {
        pub(crate) const $name: Embedded = Embedded {
            der: include_bytes!(concat!("anchors/", $file)),
            sha256: pin($pin),
        };
    };
}

embedded!(
    PIV_ROOT,
    "yubico-piv-root-ca-263751.der",
    b"63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546"
);
embedded!(
    U2F_ROOT,
    "yubico-u2f-root-ca-457200631.der",
    b"0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42"
);
embedded!(
    ATTESTATION_ROOT,
    "yubico-attestation-root-1.der",
    b"62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8"
);
embedded!(
    INTERMEDIATE_A,
    "yubico-attestation-intermediate-a-1.der",
    b"4698a1d3389c3ec60016c216250f1d0439922832d65142327436376dc2942b55"
);
embedded!(
    INTERMEDIATE_B,
    "yubico-attestation-intermediate-b-1.der",
    b"d4cc3f456fdaf4e7812a21aab1dfe9d8e27d24e2fd2d6f21c9940109f0daa754"
);
embedded!(
    PIV_A1,
    "yubico-piv-attestation-a-1.der",
    b"6de693f05376f5d8ca29069261e1c8626c75d503bd2edbfd75354cad1f722870"
);
embedded!(
    PIV_B1,
    "yubico-piv-attestation-b-1.der",
    b"2d55b7998f4e42569d6d8fa382b6dc77d1dacf07358b19701163892922b17052"
);
embedded!(
    PIV_B2,
    "yubico-piv-attestation-b2-1.der",
    b"0c90b7d184a36edf50a35f9be935f0c5689bfdcfe5bdd073366cafb49061a440"
);

/// The authorities that issue certificates of devices with PIV.
pub(crate) const DEVICE_ISSUERS: [DeviceIssuer; 5] = [
    DeviceIssuer {
        authority: PIV_ROOT,
        family: RootFamily::YubicoPiv,
    },
    DeviceIssuer {
        authority: U2F_ROOT,
        family: RootFamily::YubicoU2f,
    },
    DeviceIssuer {
        authority: PIV_A1,
        family: RootFamily::YubicoAttestation,
    },
    DeviceIssuer {
        authority: PIV_B1,
        family: RootFamily::YubicoAttestation,
    },
    DeviceIssuer {
        authority: PIV_B2,
        family: RootFamily::YubicoAttestation,
    },
];

/// Yubico's root of this family.
pub(crate) fn yubico_root(family: RootFamily) -> Option<Root> {
    let (authority, name) = match family {
        RootFamily::YubicoPiv => (PIV_ROOT, "Yubico PIV Root CA Serial 263751"),
        RootFamily::YubicoU2f => (U2F_ROOT, "Yubico U2F Root CA Serial 457200631"),
        RootFamily::YubicoAttestation => (ATTESTATION_ROOT, "Yubico Attestation Root 1"),
        RootFamily::Named => return None,
    };
    Some(Root {
        name: String::from(name),
        sha256: authority.sha256,
        family,
    })
}

/// The DER certificates that link a device of this family to its root, below which the device's
/// own comes: none for the older two, whose roots issue devices themselves.
#[must_use]
pub fn yubico_authorities() -> [&'static [u8]; 8] {
    [
        PIV_ROOT,
        U2F_ROOT,
        ATTESTATION_ROOT,
        INTERMEDIATE_A,
        INTERMEDIATE_B,
        PIV_A1,
        PIV_B1,
        PIV_B2,
    ]
    .map(|embedded| embedded.der)
}
