//! OpenSSL as the judge of both backends: what it signs verifies, and what it refuses does not.

#[cfg(feature = "aws-lc-rs")]
use piv_attest::AwsLcRs;
use piv_attest::{PublicKey, RustCrypto, SignatureAlgorithm};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("openssl is installed")
}

fn ok(dir: &Path, arguments: &[&str]) {
    let output = run(dir, arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A kind of key, how openssl makes one, its hash if it takes one, and what we call the signature.
type Case = (
    &'static str,
    &'static [&'static str],
    Option<&'static str>,
    SignatureAlgorithm,
);

use SignatureAlgorithm as A;
const CASES: [Case; 12] = [
    (
        "rsa2048",
        &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        Some("-sha256"),
        A::RsaPkcs1Sha256,
    ),
    ("rsa2048", &[], Some("-sha384"), A::RsaPkcs1Sha384),
    ("rsa2048", &[], Some("-sha512"), A::RsaPkcs1Sha512),
    (
        "rsa3072",
        &["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        Some("-sha256"),
        A::RsaPkcs1Sha256,
    ),
    ("rsa3072", &[], Some("-sha384"), A::RsaPkcs1Sha384),
    (
        "rsa4096",
        &["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
        Some("-sha256"),
        A::RsaPkcs1Sha256,
    ),
    ("rsa4096", &[], Some("-sha512"), A::RsaPkcs1Sha512),
    (
        "p256",
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        Some("-sha256"),
        A::EcdsaP256Sha256,
    ),
    ("p256", &[], Some("-sha384"), A::EcdsaP256Sha384),
    (
        "p384",
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        Some("-sha256"),
        A::EcdsaP384Sha256,
    ),
    ("p384", &[], Some("-sha384"), A::EcdsaP384Sha384),
    ("ed25519", &["ED25519"], None, A::Ed25519),
];

fn sign(dir: &Path, key: &str, hash: Option<&str>) {
    let key = format!("{key}.pem");
    match hash {
        Some(hash) => ok(
            dir,
            &["dgst", hash, "-sign", &key, "-out", "signature", "message"],
        ),
        None => ok(
            dir,
            &[
                "pkeyutl",
                "-sign",
                "-inkey",
                &key,
                "-rawin",
                "-in",
                "message",
                "-out",
                "signature",
            ],
        ),
    }
}

/// What openssl says of `signature` over `message`.
fn openssl_accepts(dir: &Path, key: &str, hash: Option<&str>) -> bool {
    let key = format!("{key}.pub");
    let output = match hash {
        Some(hash) => run(
            dir,
            &[
                "dgst",
                hash,
                "-verify",
                &key,
                "-signature",
                "signature",
                "message",
            ],
        ),
        None => run(
            dir,
            &[
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                &key,
                "-rawin",
                "-in",
                "message",
                "-sigfile",
                "signature",
            ],
        ),
    };
    output.status.success()
}

fn we_accept(key: &PublicKey, algorithm: SignatureAlgorithm, dir: &Path) -> bool {
    let read = |name: &str| fs::read(dir.join(name)).expect("a file");
    let (message, signature) = (read("message"), read("signature"));
    let verdict = key
        .verify::<RustCrypto>(algorithm, &message, &signature)
        .is_ok();
    #[cfg(feature = "aws-lc-rs")]
    assert_eq!(
        verdict,
        key.verify::<AwsLcRs>(algorithm, &message, &signature)
            .is_ok()
    );
    verdict
}

#[test]
fn openssl_and_both_backends_agree_on_signatures() {
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = temporary.path();
    for (name, make, hash, algorithm) in CASES {
        let (private, public) = (format!("{name}.pem"), format!("{name}.pub"));
        if !make.is_empty() {
            ok(
                dir,
                &[&["genpkey", "-out", &private, "-algorithm"], make].concat(),
            );
            ok(dir, &["pkey", "-in", &private, "-pubout", "-out", &public]);
            ok(
                dir,
                &[
                    "pkey", "-in", &private, "-pubout", "-outform", "DER", "-out", "spki",
                ],
            );
            fs::copy(dir.join("spki"), dir.join(format!("{name}.der"))).expect("copied");
        }
        let spki = fs::read(dir.join(format!("{name}.der"))).expect("a key");
        let key = PublicKey::from_spki_der(&spki).expect("a key that we read");
        let message = b"what is signed";
        fs::write(dir.join("message"), message).expect("written");
        sign(dir, name, hash);
        let signature = fs::read(dir.join("signature")).expect("a signature");
        let agree = |expected: bool, what: &str| {
            assert_eq!(
                openssl_accepts(dir, name, hash),
                expected,
                "{name} {hash:?} {what}"
            );
            assert_eq!(
                we_accept(&key, algorithm, dir),
                expected,
                "{name} {hash:?} {what}"
            );
        };
        agree(true, "as signed");
        fs::write(dir.join("message"), b"what is not").expect("written");
        agree(false, "another message");
        fs::write(dir.join("message"), message).expect("written");
        let with = |what: &str, change: &dyn Fn(&mut Vec<u8>)| {
            let mut changed = signature.clone();
            change(&mut changed);
            fs::write(dir.join("signature"), changed).expect("written");
            agree(false, what);
        };
        with("a changed bit at the end", &|s| {
            *s.last_mut().expect("not empty") ^= 1
        });
        with("a changed bit in the middle", &|s| {
            let middle = s.len() / 2;
            s[middle] ^= 0x10;
        });
        // The command reads no further than a signature can be long, so it cannot judge this one.
        let longer = [&signature[..], &[0]].concat();
        fs::write(dir.join("signature"), longer).expect("written");
        assert!(
            !we_accept(&key, algorithm, dir),
            "{name} {hash:?} a byte more"
        );
        with("a byte less", &|s| s.truncate(s.len() - 1));
        with("a byte before", &|s| s.insert(0, 0));
        with("nothing but zeros", &|s| s.fill(0));
        with("nothing", &Vec::clear);
    }
}

#[test]
fn openssl_agrees_on_the_signatures_of_genuine_certificates() {
    use crate::{corpus, genuine::NOW};
    let temporary = tempfile::tempdir().expect("a folder");
    let dir = temporary.path();
    let verifier = piv_attest::Verifier::yubico();
    for entry in corpus::entries("leaves/") {
        let (_, device) = entry.root_and_device();
        fs::write(dir.join("leaf.pem"), corpus::read(&entry.file)).expect("written");
        for other in corpus::entries("intermediates/f9") {
            fs::write(dir.join("device.pem"), corpus::read(&other.file)).expect("written");
            let own = other.sha256 == device.sha256;
            // Trust the device's certificate itself: nothing but the signature is judged.
            let openssl = run(
                dir,
                &[
                    "verify",
                    "-partial_chain",
                    "-no_check_time",
                    "-check_ss_sig",
                    "-trusted",
                    "device.pem",
                    "leaf.pem",
                ],
            );
            let ours = verifier.verify(&entry.der(), &[&other.der()], NOW).is_ok();
            assert_eq!(ours, own, "{} under {}", entry.file, other.file);
            // OpenSSL wants basicConstraints, which f9 of 4.3.x and some others do not have.
            let has_constraints = other.der().windows(3).any(|w| w == [0x55, 0x1d, 0x13]);
            if has_constraints {
                assert_eq!(
                    openssl.status.success(),
                    own,
                    "{} {}",
                    entry.file,
                    other.file
                );
            }
        }
    }
}
