//! PKCS#11: Yubico's module and OpenSC's, both driven by pkcs11-tool.

use std::collections::BTreeSet;
use std::path::PathBuf;

use virtual_yubikey::{Firmware, Settings, TouchMode};

use crate::bench::*;
use crate::table::Deed;

struct Module {
    bench: Bench,
    path: PathBuf,
}

impl Module {
    fn new(file: &str) -> Self {
        Self {
            bench: Bench::new(Settings::new(Firmware::V5_4_3).serial(54_300_003)),
            path: library(file),
        }
    }

    fn arguments<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["--module", self.path.to_str().unwrap()][..], rest].concat()
    }

    fn must(&self, arguments: &[&str]) -> String {
        self.bench.must("pkcs11-tool", &self.arguments(arguments))
    }

    fn must_fail(&self, arguments: &[&str], with: &str) {
        self.bench
            .must_fail("pkcs11-tool", &self.arguments(arguments), with);
    }

    /// With the PIN, as the user.
    fn user(&self, arguments: &[&str]) -> String {
        self.must(&[&["--login", "--pin", PIN][..], arguments].concat())
    }

    /// Signs and decrypts with an ECDSA key (ID 01) and an RSA key (ID 02),
    /// whose public keys are in ec.pub and rsa.pub.
    fn uses_keys(&mut self) {
        self.bench.write("digest", &[0x42; 32]);
        self.user(&[
            "--sign",
            "-m",
            "ECDSA",
            "--signature-format",
            "openssl",
            "--id",
            "01",
            "-i",
            "digest",
            "-o",
            "sig",
        ]);
        self.bench.openssl(&[
            "pkeyutl", "-verify", "-pubin", "-inkey", "ec.pub", "-in", "digest", "-sigfile", "sig",
        ]);
        self.bench.judged(Deed::SignEcdsa);
        self.user(&[
            "--sign",
            "-m",
            "SHA256-RSA-PKCS",
            "--id",
            "02",
            "-i",
            "digest",
            "-o",
            "sig",
        ]);
        self.bench.openssl(&[
            "dgst",
            "-sha256",
            "-verify",
            "rsa.pub",
            "-signature",
            "sig",
            "digest",
        ]);
        self.bench.judged(Deed::SignRsa);
        self.bench.openssl(&[
            "pkeyutl", "-encrypt", "-pubin", "-inkey", "rsa.pub", "-in", "digest", "-out", "sealed",
        ]);
        self.user(&[
            "--decrypt",
            "-m",
            "RSA-PKCS",
            "--id",
            "02",
            "-i",
            "sealed",
            "-o",
            "opened",
        ]);
        assert_eq!(self.bench.read("digest"), self.bench.read("opened"));
        self.bench.judged(Deed::Decrypt);
    }

    fn asks_for_touch(&mut self) {
        let touch = self.bench.rig.touch();
        let before = touch.status();
        let sign = [
            "--login", "--pin", PIN, "--sign", "-m", "ECDSA", "--id", "04", "-i", "digest", "-o",
            "sig",
        ];
        touch.set_mode(TouchMode::Deny);
        self.must_fail(&sign, "CKR_");
        assert_eq!(touch.status().operations, before.operations);
        touch.set_mode(TouchMode::Auto);
        self.must(&sign);
        assert_eq!(touch.status().touches, before.touches + 1);
        self.bench.judged(Deed::Touch);
    }

    fn changes_pin(&mut self) {
        self.user(&["--change-pin", "--new-pin", OTHER_PIN]);
        self.must_fail(&["--login", "--pin", PIN, "-O"], "CKR_PIN_INCORRECT");
        self.bench.judged(Deed::WrongPin);
        self.must(&[
            "--login",
            "--pin",
            OTHER_PIN,
            "--change-pin",
            "--new-pin",
            PIN,
        ]);
        self.bench.judged(Deed::ChangePin);
    }

    fn public_key(&self, id: &str, file: &str) {
        self.must(&[
            "--read-object",
            "--type",
            "pubkey",
            "--id",
            id,
            "-o",
            "pub.der",
        ]);
        self.bench.openssl(&[
            "pkey", "-pubin", "-inform", "der", "-in", "pub.der", "-out", file,
        ]);
    }
}

/// It takes the management key as the security officer's PIN, and shows
/// attestations as certificates.
pub fn judge_ykcs11() -> BTreeSet<Deed> {
    let mut module = Module::new("libykcs11.so.2");
    let slots = module.must(&["-L"]);
    assert!(
        slots.contains("54300003") && slots.contains("5.43"),
        "{slots}"
    );
    module.bench.judged(Deed::Inform);
    for (id, algorithm, deed) in [
        ("01", "EC:prime256v1", Deed::GenerateP256),
        ("03", "EC:secp384r1", Deed::GenerateP384),
        ("02", "rsa:2048", Deed::GenerateRsa2048),
    ] {
        module.must(&[
            "--login",
            "--login-type",
            "so",
            "--so-pin",
            MANAGEMENT_KEY,
            "--keypairgen",
            "--key-type",
            algorithm,
            "--id",
            id,
        ]);
        module.bench.judged(deed);
    }
    module.bench.judged(Deed::ManagementTripleDes);
    module.public_key("01", "ec.pub");
    module.public_key("02", "rsa.pub");
    let objects = module.must(&["-O"]);
    assert!(objects.contains("YubiKey PIV Attestation 9a"), "{objects}");
    assert!(objects.contains("YubiKey PIV Attestation 9c"), "{objects}");
    module.bench.judged(Deed::Attest);
    module.uses_keys();
    let generate = [
        "-a",
        "generate",
        "-s",
        "9e",
        "-A",
        "ECCP256",
        "--touch-policy=always",
    ];
    module.bench.must(
        "yubico-piv-tool",
        &[&generate[..], &["-o", "touch.pub"]].concat(),
    );
    module.asks_for_touch();
    module.bench.openssl_key("other", EC);
    module.bench.openssl(&[
        "x509",
        "-in",
        "other.pem",
        "-outform",
        "der",
        "-out",
        "other.der",
    ]);
    module.must(&[
        "--login",
        "--login-type",
        "so",
        "--so-pin",
        MANAGEMENT_KEY,
        "--write-object",
        "other.der",
        "--type",
        "cert",
        "--id",
        "05",
    ]);
    module.must(&[
        "--read-object",
        "--type",
        "cert",
        "--id",
        "05",
        "-o",
        "back.der",
    ]);
    assert_eq!(
        module.bench.read("other.der"),
        module.bench.read("back.der")
    );
    module.bench.judged(Deed::Certificates);
    module.changes_pin();
    module.bench.verdict()
}

/// It wants a certificate in each slot before it shows the key, and treats the
/// YubiKey as any PIV card.
pub fn judge_opensc() -> BTreeSet<Deed> {
    let mut module = Module::new("opensc-pkcs11.so");
    let tool = "yubico-piv-tool";
    for (slot, algorithm, touch, name) in [
        ("9a", "ECCP256", "never", "ec"),
        ("9c", "RSA2048", "never", "rsa"),
        ("9e", "ECCP256", "always", "touch"),
    ] {
        let (public, certificate) = (format!("{name}.pub"), format!("{name}.pem"));
        let touch = format!("--touch-policy={touch}");
        let generate = [
            "-a", "generate", "-s", slot, "-A", algorithm, "-o", &public, &touch,
        ];
        module.bench.must(tool, &generate);
        module.bench.openssl_certifies(&public, &certificate);
        module.bench.must(
            tool,
            &["-a", "import-certificate", "-s", slot, "-i", &certificate],
        );
    }
    module
        .bench
        .must(tool, &["-a", "set-chuid", "-a", "set-ccc"]);
    module.must(&[
        "--read-object",
        "--type",
        "cert",
        "--id",
        "01",
        "-o",
        "back.der",
    ]);
    module
        .bench
        .openssl(&["x509", "-in", "ec.pem", "-outform", "der", "-out", "ec.der"]);
    assert_eq!(module.bench.read("ec.der"), module.bench.read("back.der"));
    module.bench.judged(Deed::Certificates);
    module.uses_keys();
    module.asks_for_touch();
    module.changes_pin();
    for _ in 0..3 {
        module.must_fail(&["--login", "--pin", OTHER_PIN, "-O"], "CKR_PIN_");
    }
    module.must_fail(&["--login", "--pin", PIN, "-O"], "CKR_PIN_LOCKED");
    module.bench.judged(Deed::Block);
    module.bench.must(
        "pkcs15-tool",
        &[
            "--unblock-pin",
            "--auth-id",
            "01",
            "--puk",
            PUK,
            "--new-pin",
            PIN,
        ],
    );
    module.user(&["-O"]);
    module.bench.judged(Deed::Unblock);
    module.bench.verdict()
}
