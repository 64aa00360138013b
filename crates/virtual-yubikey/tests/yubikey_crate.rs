//! The `yubikey` crate as judge: through libpcsclite, pcscd and the driver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use virtual_yubikey::{Firmware, Launcher, Settings};
use yubikey::piv::{AlgorithmId, RetiredSlotId, SlotId};
use yubikey::{MgmKey, PinPolicy, Serial, TouchPolicy, YubiKey};

#[test]
fn generates_attests_and_signs_with_an_aes_management_key() {
    let launcher = Launcher::new().key(Settings::new(Firmware::V5_7_4).serial(20_000_001));
    let inside = launcher.inside("generates_attests_and_signs_with_an_aes_management_key");
    let Some(control) = inside.unwrap() else {
        return;
    };
    for (slot, touch) in [
        (SlotId::Authentication, TouchPolicy::Always),
        (SlotId::Retired(RetiredSlotId::R1), TouchPolicy::Never),
    ] {
        // Dropping the last one reset the card.
        let mut key = YubiKey::open_by_serial(Serial(20_000_001)).unwrap();
        assert_eq!(key.version().to_string(), "5.7.4");
        let management = MgmKey::get_default(&key).unwrap();
        key.authenticate(&management).unwrap();
        yubikey::piv::generate(&mut key, slot, AlgorithmId::EccP256, PinPolicy::Once, touch)
            .unwrap();
        let attestation = yubikey::piv::attest(&mut key, slot).unwrap();
        assert_eq!(attestation[0], 0x30);
        let refused = yubikey::piv::sign_data(&mut key, &[7; 32], AlgorithmId::EccP256, slot);
        assert!(refused.is_err(), "without PIN");
        key.verify_pin(b"123456").unwrap();
        let signature =
            yubikey::piv::sign_data(&mut key, &[7; 32], AlgorithmId::EccP256, slot).unwrap();
        assert_eq!(signature[0], 0x30);
    }
    let status = control.status().unwrap();
    assert_eq!((status.touch.touches, status.touch.operations), (1, 2));
}
