//! Records, and policies and records as data.

use super::{changed, good, key};
use crate::{Difference, Firmware, PinPolicy, Record, Slot, TouchPolicy, test_pki::Key};
use alloc::string::ToString;

#[test]
fn a_record_names_every_difference() {
    let record = Record::of(&good());
    assert_eq!(record.compare(&good()), []);
    assert!(record.is_of(good().public_key()));
    assert!(!record.is_of(good().device_key()));
    let other = changed(|a| {
        a.public_key = key(&Key::P384(3).spki());
        a.slot = Slot::SIGNATURE;
        a.serial = None;
        a.firmware = Firmware::new(5, 7, 1);
        a.pin_policy = PinPolicy::Always;
        a.touch_policy = TouchPolicy::Cached;
        a.form_factor = None;
    });
    let found = Record::of(&other);
    assert_eq!(
        record.compare(&other),
        [
            Difference::PublicKey {
                recorded: record.spki_sha256,
                found: found.spki_sha256
            },
            Difference::Slot {
                recorded: Slot::AUTHENTICATION,
                found: Slot::SIGNATURE
            },
            Difference::Serial {
                recorded: record.serial,
                found: None
            },
            Difference::Firmware {
                recorded: record.firmware,
                found: found.firmware
            },
            Difference::PinPolicy {
                recorded: PinPolicy::Once,
                found: PinPolicy::Always
            },
            Difference::TouchPolicy {
                recorded: TouchPolicy::Always,
                found: TouchPolicy::Cached
            },
            Difference::FormFactor {
                recorded: record.form_factor,
                found: None
            },
        ]
    );
    let slot = changed(|a| a.slot = Slot::KEY_MANAGEMENT);
    let [difference] = &record.compare(&slot)[..] else {
        panic!("one difference")
    };
    assert_eq!(difference.to_string(), "slot is 9d, recorded is 9a");
}

#[cfg(feature = "serde")]
#[test]
fn policies_and_records_are_data() {
    use crate::{
        Body, FormFactor, Policy,
        policy::{Fingerprint, Response},
    };
    use alloc::vec;
    let mut policy = Policy::strict();
    policy.slots = [Slot::AUTHENTICATION].into();
    policy.firmware = vec!["5.4.2-".parse().expect("a range")];
    policy.form_factors = [FormFactor::new(Body::UsbCNano, true)].into();
    policy.roots = [Fingerprint::new([7; 32])].into();
    let json = serde_json::to_string(&policy).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Policy>(&json).expect("reads back"),
        policy
    );
    for part in [
        r#""slots":["9a"]"#,
        r#""pin_policies":["once","always"]"#,
        r#""touch_policies":["always"]"#,
        r#""firmware":["5.4.2-"]"#,
        r#""form_factors":["0x84 USB-C nano FIPS"]"#,
        r#""eucleak":"refuse""#,
    ] {
        assert!(json.contains(part), "{part} in {json}");
    }
    assert_eq!(
        serde_json::from_str::<Policy>("{}").expect("defaults"),
        Policy::default()
    );
    let error = serde_json::from_str::<Policy>(r#"{"touch":["always"]}"#).expect_err("unknown");
    assert!(
        error.to_string().contains("unknown field `touch`"),
        "{error}"
    );
    for bad in [
        r#"{"slots":["f9"]}"#,
        r#"{"pin_policies":["sometimes"]}"#,
        r#"{"roots":["00"]}"#,
    ] {
        assert!(serde_json::from_str::<Policy>(bad).is_err(), "{bad}");
    }
    let record = Record::of(&changed(|a| a.form_factor = None));
    let json = serde_json::to_string(&record).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Record>(&json).expect("reads back"),
        record
    );
    assert!(json.contains(r#""serial":33064031"#) && json.contains(r#""form_factor":null"#));
    assert_eq!(
        serde_json::to_string(&good().verified_at()).expect("JSON"),
        "1764000000"
    );
    let response = serde_json::to_string(&Response::Warn).expect("JSON");
    assert_eq!(response, r#""warn""#);
}
