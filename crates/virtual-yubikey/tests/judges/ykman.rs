//! YubiKey Manager, as Debian has it (4.0.9) and as PyPI has it today.

use std::collections::BTreeSet;
use std::path::Path;

use virtual_yubikey::{Firmware, Settings, TouchMode};

use crate::bench::*;
use crate::table::Deed;

/// Debian's stops at P-384 and RSA-2048.
pub fn judge_of_debian() -> BTreeSet<Deed> {
    let firmware = Firmware::V5_4_3;
    Ykman::new(Path::new("/usr/bin/ykman"), firmware).judge(&[
        ("ECCP256", Deed::GenerateP256, Some(Deed::SignEcdsa)),
        ("ECCP384", Deed::GenerateP384, Some(Deed::SignEcdsa)),
        ("RSA1024", Deed::GenerateRsa1024, Some(Deed::SignRsa)),
        ("RSA2048", Deed::GenerateRsa2048, Some(Deed::SignRsa)),
    ])
}

pub fn judge_of_pypi() -> BTreeSet<Deed> {
    let mut ykman = Ykman::new(&ykman_from_pypi(), Firmware::V5_7_4);
    ykman.moving_and_deleting();
    ykman.judge(&[
        ("ECCP256", Deed::GenerateP256, Some(Deed::SignEcdsa)),
        ("ECCP384", Deed::GenerateP384, Some(Deed::SignEcdsa)),
        ("RSA1024", Deed::GenerateRsa1024, Some(Deed::SignRsa)),
        ("RSA2048", Deed::GenerateRsa2048, Some(Deed::SignRsa)),
        ("RSA3072", Deed::GenerateRsa3072, Some(Deed::SignRsa)),
        ("RSA4096", Deed::GenerateRsa4096, Some(Deed::SignRsa)),
        ("ED25519", Deed::GenerateEd25519, Some(Deed::SignEd25519)),
        ("X25519", Deed::GenerateX25519, None),
    ])
}

struct Ykman<'a> {
    bench: Bench,
    program: std::borrow::Cow<'a, Path>,
    new: bool,
}

type Generated = (&'static str, Deed, Option<Deed>);

const MANAGE: [&str; 2] = ["-m", MANAGEMENT_KEY];

impl Ykman<'_> {
    fn new(program: &Path, firmware: Firmware) -> Self {
        Self {
            bench: Bench::new(Settings::new(firmware).serial(57_400_002)),
            program: program.to_owned().into(),
            new: firmware == Firmware::V5_7_4,
        }
    }

    fn must(&self, arguments: &[&str]) -> String {
        let all = [&["piv"][..], arguments].concat();
        self.bench.must(self.program.as_os_str(), &all)
    }

    fn must_fail(&self, arguments: &[&str], with: &str) {
        let all = [&["piv"][..], arguments].concat();
        self.bench.must_fail(self.program.as_os_str(), &all, with);
    }

    fn manage(&self, command: &[&str], rest: &[&str]) -> String {
        self.must(&[command, &MANAGE, rest].concat())
    }

    fn judge(mut self, algorithms: &[Generated]) -> BTreeSet<Deed> {
        let info = self.bench.must(self.program.as_os_str(), &["info"]);
        assert!(
            info.contains("57400002") && info.contains("USB-C"),
            "{info}"
        );
        self.bench.judged(Deed::Inform);
        for generated in algorithms {
            self.generated_key(generated);
        }
        self.imported_keys();
        self.touch();
        self.objects();
        self.pins();
        self.management_key();
        self.reset();
        self.bench.verdict()
    }

    fn generated_key(&mut self, (algorithm, generate, sign): &Generated) {
        let policies = ["--pin-policy", "ONCE", "--touch-policy", "NEVER"];
        let rest = [&["-a", algorithm][..], &policies, &["9a", "pub"]].concat();
        self.manage(&["keys", "generate"], &rest);
        self.bench.judged(*generate);
        self.must(&["keys", "attest", "9a", "attestation"]);
        self.must(&["certificates", "export", "f9", "f9"]);
        self.bench.openssl_verifies("attestation", "f9", "pub");
        self.bench.judged(Deed::Attest);
        if self.new {
            let info = self.must(&["keys", "info", "9a"]);
            let told = ["GENERATED", "ONCE", "NEVER", algorithm];
            assert!(told.iter().all(|fact| info.contains(fact)), "{info}");
            self.bench.judged(Deed::Metadata);
        }
        if let Some(sign) = sign {
            let rest = ["-P", PIN, "-s", "CN=judge", "9a", "pub"];
            self.manage(&["certificates", "generate"], &rest);
            self.must(&["certificates", "export", "9a", "self"]);
            let verify = ["verify", "-check_ss_sig", "-CAfile", "self", "self"];
            self.bench.openssl(&verify);
            self.must(&[
                "certificates",
                "request",
                "-P",
                PIN,
                "-s",
                "CN=judge",
                "9a",
                "pub",
                "csr",
            ]);
            self.bench
                .openssl(&["req", "-in", "csr", "-verify", "-noout"]);
            self.bench.judged(*sign);
            self.bench.judged(Deed::Certificates);
        }
    }

    fn imported_keys(&mut self) {
        self.bench.openssl_key("ec", EC);
        self.bench.openssl_key("rsa", RSA);
        for (name, slot, deed) in [("ec", "9d", Deed::ImportEc), ("rsa", "9c", Deed::ImportRsa)] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            self.manage(&["keys", "import"], &[slot, &key]);
            // --verify signs with the key and checks with the certificate.
            let rest = [slot, &certificate, "--verify", "-P", PIN];
            self.manage(&["certificates", "import"], &rest);
            self.bench.judged(deed);
            self.must_fail(&["keys", "attest", slot, "none"], "Attestation failed");
        }
        self.bench.judged(Deed::NoAttestationOfImported);
    }

    fn touch(&mut self) {
        let rest = [
            "-a",
            "ECCP256",
            "--pin-policy",
            "NEVER",
            "--touch-policy",
            "ALWAYS",
            "9e",
            "touch.pub",
        ];
        self.manage(&["keys", "generate"], &rest);
        let request = [
            "certificates",
            "request",
            "-P",
            PIN,
            "-s",
            "CN=judge",
            "9e",
            "touch.pub",
            "csr",
        ];
        let touch = self.bench.rig.touch();
        let before = touch.status();
        touch.set_mode(TouchMode::Deny);
        self.must_fail(&request, "");
        assert_eq!(touch.status().operations, before.operations);
        touch.set_mode(TouchMode::Auto);
        self.must(&request);
        assert_eq!(touch.status().touches, before.touches + 1);
        self.bench.judged(Deed::Touch);
    }

    fn moving_and_deleting(&mut self) {
        self.manage(&["keys", "generate"], &["-a", "ECCP256", "9a", "moved.pub"]);
        self.manage(&["keys", "move"], &["9a", "82"]);
        self.must(&["keys", "attest", "82", "attestation"]);
        self.must_fail(&["keys", "attest", "9a", "none"], "failed");
        self.bench.judged(Deed::Move);
        self.manage(&["keys", "delete"], &["82"]);
        self.must_fail(&["keys", "attest", "82", "none"], "failed");
        self.bench.judged(Deed::Delete);
    }

    fn objects(&mut self) {
        self.manage(&["objects", "generate"], &["CHUID"]);
        self.manage(&["objects", "generate"], &["CCC"]);
        self.bench.write("object", &[0xC0; 2000]);
        self.manage(&["objects", "import"], &["0x5fff12", "object"]);
        self.must(&["objects", "export", "0x5fff12", "back"]);
        assert_eq!(self.bench.read("object"), self.bench.read("back"));
        self.bench.judged(Deed::Objects);
    }

    fn pins(&mut self) {
        self.must(&["access", "change-pin", "-P", PIN, "-n", OTHER_PIN]);
        self.bench.judged(Deed::ChangePin);
        self.must(&["access", "change-puk", "-p", PUK, "-n", OTHER_PUK]);
        self.bench.judged(Deed::ChangePuk);
        for said in ["2 tries left", "1 tries left", "PIN is blocked"] {
            self.must_fail(&["access", "change-pin", "-P", PIN, "-n", PIN], said);
        }
        self.bench.judged(Deed::WrongPin);
        self.must_fail(
            &["access", "change-pin", "-P", OTHER_PIN, "-n", PIN],
            "blocked",
        );
        self.bench.judged(Deed::Block);
        self.must(&["access", "unblock-pin", "-p", OTHER_PUK, "-n", PIN]);
        self.must(&["access", "change-pin", "-P", PIN, "-n", OTHER_PIN]);
        self.bench.judged(Deed::Unblock);
        self.manage(
            &["access", "set-retries"],
            &["-P", OTHER_PIN, "5", "6", "-f"],
        );
        let info = self.must(&["info"]);
        assert!(info.contains("5/5"), "{info}");
        self.bench.judged(Deed::Retries);
    }

    fn management_key(&mut self) {
        let change = |from: &str, rest: &[&str]| {
            let start = ["access", "change-management-key", "-m", from, "-f"];
            self.must(&[&start, rest].concat());
        };
        change(MANAGEMENT_KEY, &["-a", "TDES", "-n", OTHER_MANAGEMENT_KEY]);
        let aes = "00112233445566778899aabbccddeeff";
        change(OTHER_MANAGEMENT_KEY, &["-a", "AES128", "-n", aes]);
        let longer = [aes, aes].concat();
        change(aes, &["-a", "AES256", "-n", &longer]);
        change(&longer, &["--protect", "-g", "-P", PIN]);
        let info = self.must(&["info"]);
        assert!(info.contains("protected by PIN"), "{info}");
        self.bench.judged(Deed::ManagementTripleDes);
        self.bench.judged(Deed::ManagementAes);
    }

    fn reset(&mut self) {
        self.must(&["reset", "-f"]);
        let info = self.must(&["info"]);
        assert!(
            info.contains("3/3") && info.contains("WARNING: Using default PIN!"),
            "{info}"
        );
        self.must_fail(&["keys", "attest", "9a", "none"], "failed");
        self.bench.judged(Deed::Reset);
    }
}
