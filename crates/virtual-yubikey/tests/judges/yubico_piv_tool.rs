//! Yubico's own command-line tool, as Debian has it. It knows 3DES management
//! keys only, so it judges firmware 5.4.3.

use std::collections::BTreeSet;

use virtual_yubikey::{Firmware, Settings, TouchMode};

use crate::bench::*;
use crate::table::Deed;

const TOOL: &str = "yubico-piv-tool";

pub fn judge() -> BTreeSet<Deed> {
    let mut bench = Bench::new(Settings::new(Firmware::V5_4_3).serial(54_300_001));
    let status = bench.must(TOOL, &["-a", "status"]);
    assert!(
        status.contains("5.4.3") && status.contains("54300001"),
        "{status}"
    );
    bench.judged(Deed::Inform);
    generated_keys(&mut bench);
    imported_keys(&mut bench);
    touch(&mut bench);
    objects(&mut bench);
    management_key(&mut bench);
    pins(&mut bench);
    bench.verdict()
}

fn generated_keys(bench: &mut Bench) {
    for (algorithm, generate, sign) in [
        ("ECCP256", Deed::GenerateP256, Deed::SignEcdsa),
        ("ECCP384", Deed::GenerateP384, Deed::SignEcdsa),
        ("RSA1024", Deed::GenerateRsa1024, Deed::SignRsa),
        ("RSA2048", Deed::GenerateRsa2048, Deed::SignRsa),
    ] {
        bench.must(
            TOOL,
            &["-a", "generate", "-s", "9a", "-A", algorithm, "-o", "pub"],
        );
        bench.judged(generate);
        bench.must(TOOL, &["-a", "attest", "-s", "9a", "-o", "attestation"]);
        bench.must(TOOL, &["-a", "read-certificate", "-s", "f9", "-o", "f9"]);
        bench.openssl_verifies("attestation", "f9", "pub");
        bench.judged(Deed::Attest);
        bench.openssl_certifies("pub", "cert");
        bench.must(
            TOOL,
            &["-a", "import-certificate", "-s", "9a", "-i", "cert"],
        );
        bench.must(TOOL, &["-a", "read-certificate", "-s", "9a", "-o", "back"]);
        assert_eq!(bench.read("cert"), bench.read("back"));
        bench.judged(Deed::Certificates);
        let test = [
            "-a",
            "verify-pin",
            "-P",
            PIN,
            "-a",
            "test-signature",
            "-s",
            "9a",
            "-i",
            "cert",
        ];
        bench.must(TOOL, &test);
        bench.judged(sign);
        let test = [
            "-a",
            "verify-pin",
            "-P",
            PIN,
            "-a",
            "test-decipher",
            "-s",
            "9a",
            "-i",
            "cert",
        ];
        bench.must(TOOL, &test);
        bench.judged(if sign == Deed::SignRsa {
            Deed::Decrypt
        } else {
            Deed::Agree
        });
    }
}

fn imported_keys(bench: &mut Bench) {
    bench.openssl_key("ec", EC);
    bench.openssl_key("rsa", RSA);
    for (name, slot, deed) in [("ec", "9d", Deed::ImportEc), ("rsa", "82", Deed::ImportRsa)] {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        bench.must(TOOL, &["-a", "import-key", "-s", slot, "-i", &key]);
        bench.must(
            TOOL,
            &[
                "-a",
                "verify-pin",
                "-P",
                PIN,
                "-a",
                "test-signature",
                "-s",
                slot,
                "-i",
                &certificate,
            ],
        );
        bench.judged(deed);
        bench.must_fail(TOOL, &["-a", "attest", "-s", slot], "Failed to attest");
    }
    bench.judged(Deed::NoAttestationOfImported);
}

fn touch(bench: &mut Bench) {
    let generate = [
        "-a",
        "generate",
        "-s",
        "9c",
        "-A",
        "ECCP256",
        "-o",
        "touch.pub",
    ];
    let policies = ["--touch-policy=always", "--pin-policy=once"];
    bench.must(TOOL, &[&generate[..], &policies].concat());
    bench.openssl_certifies("touch.pub", "touch.pem");
    let test = [
        "-a",
        "verify-pin",
        "-P",
        PIN,
        "-a",
        "test-signature",
        "-s",
        "9c",
        "-i",
        "touch.pem",
    ];
    let touch = bench.rig.touch();
    let before = touch.status();
    touch.set_mode(TouchMode::Deny);
    bench.must_fail(TOOL, &test, "Failed signing");
    assert_eq!(touch.status().operations, before.operations);
    touch.set_mode(TouchMode::Auto);
    bench.must(TOOL, &test);
    assert_eq!(touch.status().touches, before.touches + 1);
    bench.judged(Deed::Touch);
}

fn objects(bench: &mut Bench) {
    bench.must(TOOL, &["-a", "set-chuid", "-a", "set-ccc"]);
    bench.write("object", b"53c0ffee");
    bench.must(
        TOOL,
        &[
            "-a",
            "write-object",
            "--id",
            "0x5fff12",
            "-i",
            "object",
            "-f",
            "hex",
        ],
    );
    let read = bench.must(
        TOOL,
        &["-a", "read-object", "--id", "0x5fff12", "-f", "hex"],
    );
    assert!(read.contains("53c0ffee"), "{read}");
    bench.judged(Deed::Objects);
}

fn management_key(bench: &mut Bench) {
    bench.must(TOOL, &["-a", "set-mgm-key", "-n", OTHER_MANAGEMENT_KEY]);
    bench.must_fail(TOOL, &["-a", "set-chuid"], "Failed authentication");
    let with_key = format!("-k{OTHER_MANAGEMENT_KEY}");
    bench.must(
        TOOL,
        &[&with_key, "-a", "set-mgm-key", "-n", MANAGEMENT_KEY],
    );
    bench.judged(Deed::ManagementTripleDes);
}

fn pins(bench: &mut Bench) {
    bench.must(TOOL, &["-a", "change-pin", "-P", PIN, "-N", OTHER_PIN]);
    bench.judged(Deed::ChangePin);
    bench.must(TOOL, &["-a", "change-puk", "-P", PUK, "-N", OTHER_PUK]);
    bench.judged(Deed::ChangePuk);
    for said in ["2 tries left", "1 tries left", "blocked"] {
        bench.must_fail(TOOL, &["-a", "verify-pin", "-P", PIN], said);
    }
    bench.judged(Deed::WrongPin);
    bench.must_fail(TOOL, &["-a", "verify-pin", "-P", OTHER_PIN], "blocked");
    bench.judged(Deed::Block);
    bench.must(TOOL, &["-a", "unblock-pin", "-P", OTHER_PUK, "-N", PIN]);
    bench.must(TOOL, &["-a", "verify-pin", "-P", PIN]);
    bench.judged(Deed::Unblock);
    bench.must(
        TOOL,
        &[
            "-a",
            "verify-pin",
            "-P",
            PIN,
            "-a",
            "pin-retries",
            "--pin-retries=2",
            "--puk-retries=2",
        ],
    );
    bench.must_fail(TOOL, &["-a", "verify-pin", "-P", OTHER_PIN], "1 tries left");
    bench.judged(Deed::Retries);
    bench.must_fail(TOOL, &["-a", "reset"], "Reset failed");
    bench.must_fail(TOOL, &["-a", "verify-pin", "-P", OTHER_PIN], "blocked");
    for _ in 0..2 {
        bench.run(TOOL, &["-a", "unblock-pin", "-P", OTHER_PUK, "-N", PIN]);
    }
    bench.must(TOOL, &["-a", "reset"]);
    bench.must_fail(TOOL, &["-a", "attest", "-s", "9a"], "Failed to attest");
    bench.must(TOOL, &["-a", "verify-pin", "-P", PIN]);
    bench.judged(Deed::Reset);
}
