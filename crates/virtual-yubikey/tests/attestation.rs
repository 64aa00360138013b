//! Attestations are formed as genuine ones are, byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "host/host.rs"]
mod host;

use std::path::PathBuf;
use std::process::Command;

use host::*;
use virtual_yubikey::{Firmware, FormFactor, Root, Settings};

const F9: &[u8] = &[0x5F, 0xFF, 0x01];

fn genuine(name: &str) -> Vec<u8> {
    let corpus = std::env::var_os("PIV_ATTEST_CORPUS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/corpus"
            ))
        },
        PathBuf::from,
    );
    let path = corpus.join(name);
    let pem = std::fs::read(&path).unwrap_or_else(|e| {
        panic!(
            "the corpus of genuine certificates is needed: {}: {e}",
            path.display()
        )
    });
    pem_rfc7468::decode_vec(&pem).unwrap().1
}

/// Where the value of each element of a certificate lies, by its path of indices.
fn at<'a>(der: &'a [u8], path: &[usize]) -> &'a [u8] {
    let mut inside = der;
    let mut found = der;
    for index in path {
        for i in 0..=*index {
            let value = value(inside);
            let end = value.as_ptr() as usize - inside.as_ptr() as usize + value.len();
            if i == *index {
                found = value;
            }
            inside = &inside[end..];
        }
        inside = found;
    }
    found
}

const SERIAL: &[usize] = &[0, 0, 1];
const SPKI_KEY: &[usize] = &[0, 0, 6, 1];
const SIGNATURE: &[usize] = &[0, 2];

/// The certificate with what must differ (number, key, signature) blanked out.
fn skeleton(der: &[u8]) -> Vec<u8> {
    let mut blank = der.to_vec();
    for (path, keep) in [(SERIAL, 0), (SPKI_KEY, 1), (SIGNATURE, 1)] {
        let field = at(der, path);
        let start = field.as_ptr() as usize - der.as_ptr() as usize;
        blank[start + keep..start + field.len()].fill(0);
    }
    blank
}

/// The key of which the genuine leaf is, as far as the leaf tells.
fn twin(leaf: &str) -> (Settings, u8, u8, u8, u8) {
    match leaf {
        "leaf-fw5.7.4-82-p-384-pin_never-touch_always-sn33162554-a615a072" => (
            Settings::new(Firmware::V5_7_4).serial(33_162_554),
            0x82,
            P384,
            NEVER,
            TOUCH_ALWAYS,
        ),
        "leaf-fw5.4.3-9a-p-384-pin_once-touch_cached-sn19661687-8da5943b" => (
            Settings::new(Firmware::V5_4_3)
                .serial(19_661_687)
                .form_factor(FormFactor::UsbAKeychain),
            0x9A,
            P384,
            PIN_ONCE,
            TOUCH_CACHED,
        ),
        "leaf-fw5.4.3-9a-rsa-2048-pin_once-touch_never-sn19661687-4f8454a4" => (
            Settings::new(Firmware::V5_4_3)
                .serial(19_661_687)
                .form_factor(FormFactor::UsbAKeychain),
            0x9A,
            RSA2048,
            PIN_ONCE,
            NEVER,
        ),
        "leaf-fw4.4.5-9c-p-256-pin_always-touch_always-sn10550341-0f150484" => (
            Settings::new(Firmware::new(4, 4, 5)).serial(10_550_341),
            0x9C,
            P256,
            PIN_ALWAYS,
            TOUCH_ALWAYS,
        ),
        other => panic!("no twin for {other}"),
    }
}

#[test]
fn slot_certificates_equal_genuine_ones_but_for_number_key_and_signature() {
    for name in [
        "leaf-fw5.7.4-82-p-384-pin_never-touch_always-sn33162554-a615a072",
        "leaf-fw5.4.3-9a-p-384-pin_once-touch_cached-sn19661687-8da5943b",
        "leaf-fw5.4.3-9a-rsa-2048-pin_once-touch_never-sn19661687-4f8454a4",
        "leaf-fw4.4.5-9c-p-256-pin_always-touch_always-sn10550341-0f150484",
    ] {
        let (settings, slot, algorithm, pin, touch) = twin(name);
        let mut host = Host::new(settings);
        host.manage().unwrap();
        host.generate(slot, algorithm, pin, touch).unwrap();
        let theirs = genuine(&format!("leaves/{name}.pem"));
        // Before 5.2.4 the number is any 16 bytes, and half of them take 17 in DER.
        let ours = (0..64)
            .map(|_| host.attest(slot).unwrap())
            .find(|ours| ours.len() == theirs.len())
            .expect("one of 64 is as long as the genuine one");
        assert_eq!(
            hex::encode(skeleton(&ours)),
            hex::encode(skeleton(&theirs)),
            "{name}"
        );
        let (our_number, their_number) = (at(&ours, SERIAL), at(&theirs, SERIAL));
        assert_ne!(our_number, their_number);
        if their_number[0] == 1 {
            assert_eq!(our_number[0], 1, "{name}");
        }
    }
}

#[test]
fn device_certificates_have_the_genuine_form() {
    for (firmware, name) in [
        (Firmware::V5_7_4, "f9-fw5.7.4-e53fc330"),
        (Firmware::V5_4_3, "f9-fw5.4.3-16664215"),
    ] {
        let mut host = Host::new(Settings::new(firmware));
        let ours = host.certificate(F9);
        let theirs = genuine(&format!("intermediates/{name}.pem"));
        // Validity, subject, key algorithm, extensions; the issuer is a virtual one.
        for field in [&[0, 0, 4][..], &[0, 0, 5], &[0, 0, 6, 0], &[0, 0, 7]] {
            assert_eq!(
                hex::encode(at(&ours, field)),
                hex::encode(at(&theirs, field)),
                "{name}"
            );
        }
    }
}

#[test]
fn a_fips_key_says_so_in_shape_and_device_certificate() {
    let mut host = Host::new(Settings::new(Firmware::V5_4_3).fips());
    host.manage().unwrap();
    host.generate(0x9A, P256, DEFAULT, DEFAULT).unwrap();
    let leaf = host.attest(0x9A).unwrap();
    // 1.3.6.1.4.1.41482.3.9, OCTET STRING of one byte: 0x80 and USB-C keychain.
    let shape = hex::decode("060a2b0601040182c40a0309040183").unwrap();
    assert!(leaf.windows(shape.len()).any(|w| w == shape));
    let ours = host.certificate(F9);
    let theirs = genuine("intermediates/f9-fw5.4.3-fips-84667a35.pem");
    assert_eq!(
        hex::encode(at(&ours, &[0, 0, 7])),
        hex::encode(at(&theirs, &[0, 0, 7]))
    );
}

#[test]
fn openssl_verifies_the_chain_to_the_root_and_to_no_other() {
    let root = Root::generate().unwrap();
    let mut host = Host::with_root(Settings::new(Firmware::V5_7_4), &root);
    host.manage().unwrap();
    host.generate(0x9A, P256, DEFAULT, DEFAULT).unwrap();
    let leaf = host.attest(0x9A).unwrap();
    let device = host.certificate(F9);
    assert!(openssl_verifies(&root, &device, &leaf));
    assert!(!openssl_verifies(
        &Root::generate().unwrap(),
        &device,
        &leaf
    ));
}

fn openssl_verifies(root: &Root, device: &[u8], leaf: &[u8]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, der: &[u8]| {
        let pem = pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, der);
        let path = dir.path().join(name);
        std::fs::write(&path, pem.unwrap()).unwrap();
        path
    };
    let status = Command::new("openssl")
        .args(["verify", "-ignore_critical", "-CAfile"])
        .arg(file("root.pem", root.der()))
        .arg("-untrusted")
        .arg(file("f9.pem", device))
        .arg(file("leaf.pem", leaf))
        .output()
        .unwrap();
    status.status.success()
}

#[test]
fn imported_keys_and_empty_slots_have_no_attestation() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.import_p256(0x9A, &[3; 32]).unwrap();
    assert_eq!(host.attest(0x9A), Err(0x6A80));
    assert_eq!(host.attest(0x9C), Err(0x6A88));
    assert_eq!(host.attest(0xF9), Err(0x6A80), "f9 says nothing of itself");
    // A generated key that was moved keeps its attestation, an imported one still has none.
    host.generate(0x9C, P256, PIN_ALWAYS, TOUCH_ALWAYS).unwrap();
    host.send(0xF6, 0x82, 0x9C, &[]).unwrap();
    host.send(0xF6, 0x83, 0x9A, &[]).unwrap();
    let moved = host.attest(0x82).unwrap();
    let policies = hex::decode("060a2b0601040182c40a030804020302").unwrap();
    assert!(
        moved.windows(policies.len()).any(|w| w == policies),
        "policies travel along"
    );
    assert_eq!(host.attest(0x83), Err(0x6A80));
}

#[test]
fn an_owner_can_replace_the_attestation_key() {
    let mut host = Host::v5_7_4();
    host.manage().unwrap();
    host.generate(0x9A, P256, DEFAULT, DEFAULT).unwrap();
    let before = host.attest(0x9A).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(&dir)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "own.key",
        "-out",
        "own.pem",
        "-subj",
        "/CN=Yubico PIV Attestation",
        "-days",
        "30",
    ]);
    openssl(&[
        "x509", "-in", "own.pem", "-outform", "der", "-out", "own.der",
    ]);
    openssl(&[
        "ec",
        "-in",
        "own.key",
        "-outform",
        "der",
        "-out",
        "own.key.der",
    ]);
    let certificate = std::fs::read(dir.path().join("own.der")).unwrap();
    // ECPrivateKey: SEQUENCE, version, OCTET STRING of 32 bytes.
    let key = std::fs::read(dir.path().join("own.key.der")).unwrap();
    host.import_p256(0xF9, key[7..39].try_into().unwrap())
        .unwrap();
    host.put_object(
        F9,
        &[tlv(0x70, &certificate), tlv(0x71, &[0]), tlv(0xFE, &[])].concat(),
    )
    .unwrap();

    let after = host.attest(0x9A).unwrap();
    assert_ne!(at(&before, &[0, 0, 3]), at(&after, &[0, 0, 3]), "issuer");
    assert_eq!(at(&after, &[0, 0, 3]), at(&certificate, &[0, 0, 5]));
    assert_eq!(
        at(&after, &[0, 0, 4]),
        at(&certificate, &[0, 0, 4]),
        "validity"
    );
    let leaf = pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, &after);
    std::fs::write(dir.path().join("leaf.pem"), leaf.unwrap()).unwrap();
    openssl(&[
        "verify",
        "-ignore_critical",
        "-partial_chain",
        "-CAfile",
        "own.pem",
        "leaf.pem",
    ]);

    // A reset leaves it as it is: the factory's key is gone for good.
    host.block_everything();
    host.send(0xFB, 0, 0, &[]).unwrap();
    assert_eq!(host.certificate(F9), certificate);
}

#[test]
fn firmware_before_4_3_has_no_attestation() {
    let mut host = Host::new(Settings::new(Firmware::new(4, 2, 8)));
    host.manage().unwrap();
    host.generate(0x9A, P256, DEFAULT, DEFAULT).unwrap();
    assert_eq!(host.attest(0x9A), Err(0x6D00));
}
